"""The benchmark: a logistic scorecard fitted on the outcomes that the release model is fitted on.

Each feature is cut into bins of the training rows, neighbouring bins are pooled until the bad rate goes the one way
that the catalogue allows (isotonic regression), and each bin is coded by its weight of evidence, the log of the share
of all bad over the share of all good that lie in it (Siddiqi, Credit Risk Scorecards, 2006). A logistic regression
weighs the features; one that would be weighed against its own evidence only mirrors another and is left out.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray
from sklearn.isotonic import IsotonicRegression
from sklearn.linear_model import LogisticRegression

from data.book import Book
from data.errors import DataFault
from data.sampling import spread_places
from features.catalogue import catalogue_of
from features.matrix import Matrix
from models.boosted import Floats, Origin
from models.calibration import Calibration, fit_calibration
from models.logistic_scorecard import UNUSED, Bins, LogisticScorecard
from models.parameters import CalibrationParameters
from training.fitting import Columns, Labelled
from training.labels import observed_bad
from training.parameters import BenchmarkParameters, TrainingParameters
from training.periods import labels_old_enough, request_splits, split_parameters
from training.splits import CALIBRATION, EARLY_STOPPING, TRAIN
from training.stability import Reals, bin_edges

# Half a bad and half a good request is added to each bin (Jeffreys), so that none has infinite evidence.
_HALF = 0.5
_ITERATIONS = 1_000


def fit_scorecard_on(
    book: Book,
    requests: Matrix,
    parameters: TrainingParameters,
    calibrate: CalibrationParameters,
    benchmark: BenchmarkParameters,
) -> LogisticScorecard:
    """The scorecard of a book: fitted where the release model grows and stops its trees, calibrated where that is.

    Raises:
        DataFault: A period holds one class only, or no feature tells good from bad.
    """
    split = request_splits(book, requests.keys, parameters)
    label = observed_bad(book, requests.keys["request_id"])
    known = ~np.isnan(label) & labels_old_enough(book, requests.keys, parameters)
    fitted, calibrated = (
        Labelled(requests.values[rows], label[rows])
        for rows in (known & np.isin(split, [TRAIN, EARLY_STOPPING]), known & (split == CALIBRATION))
    )
    catalogue = catalogue_of(book)
    columns = Columns(catalogue.release, catalogue.release_signs)
    origin = Origin(book.digest, catalogue.digest)
    said = split_parameters(book, parameters)
    return fit_scorecard(fitted, calibrated, columns, origin, calibrate, benchmark, said)


def fit_scorecard(
    fitted: Labelled,
    calibrated: Labelled,
    columns: Columns,
    origin: Origin,
    calibrate: CalibrationParameters,
    parameters: BenchmarkParameters,
    said: dict[str, object],
) -> LogisticScorecard:
    """Fits a scorecard on outcomes (1 bad, 0 good) and calibrates it on others.

    Args:
        fitted: Rows to bin and weigh the features on; more than `parameters.rows` are spread evenly.
        calibrated: Rows of a later period.
        columns: Names of the features, and which way each may push.
        origin: What it is made from.
        calibrate: As for the release model.
        parameters: Bins and penalty.
        said: What the scorecard's card tells besides.

    Raises:
        DataFault: The rows hold one class only, or no feature tells good from bad.
    """
    at = spread_places(len(fitted.label), parameters.rows)
    values, bad = fitted.values[at], fitted.label[at]
    if len(np.unique(bad)) < 2:
        raise DataFault(
            f"The {len(bad)} requests to fit the scorecard on hold one class only; take a larger book."
        )
    cut = [binned(values[:, column], bad, sign, parameters) for column, sign in enumerate(columns.signs)]
    kept = [column for column, bins in enumerate(cut) if bins.edges]
    evidence = {column: cut[column].of(values[:, column]) for column in kept}
    weight, intercept = np.empty(0), 0.0
    while kept:
        fit = LogisticRegression(C=parameters.penalty, max_iter=_ITERATIONS)
        fit.fit(np.column_stack([evidence[column] for column in kept]), bad)
        weight, intercept = fit.coef_[0], float(fit.intercept_[0])
        if (weight > 0).all():
            break
        kept = [column for column, each in zip(kept, weight, strict=True) if each > 0]
    if not kept:
        raise DataFault(
            "No feature tells good from bad requests, so there is no scorecard; take a larger book."
        )
    bins = [UNUSED] * len(cut)
    for column, each in zip(kept, weight, strict=True):
        bins[column] = Bins(cut[column].edges, tuple(float(each * one) for one in cut[column].points))
    card = LogisticScorecard(
        columns.names,
        tuple(bins),
        intercept,
        parameters.model_dump() | calibrate.model_dump() | said,
        origin,
        Calibration(slope=1.0, intercept=0.0),
    )
    line = fit_calibration(card.margin(calibrated.values), calibrated.label, calibrate)
    return replace(card, calibration=line)


def binned(values: NDArray[np.float32], bad: Floats, sign: int, parameters: BenchmarkParameters) -> Bins:
    """A feature's bins with their weights of evidence; none where it tells too little.

    Args:
        values: By row.
        bad: 1 bad, 0 good, by row.
        sign: Which way the bad rate may go with the value: 1 up, -1 down, 0 either.
        parameters: How many bins, and how much a feature must tell.
    """
    missing = np.isnan(values)
    known, outcome = values[~missing], bad[~missing]
    if not len(known):
        return UNUSED
    edges = bin_edges(values, parameters.bins)
    place = np.searchsorted(edges, known, side="left")
    total = np.bincount(place, minlength=len(edges) + 1).astype(np.float64)
    bads = np.bincount(place, outcome, len(edges) + 1).astype(np.float64)
    if sign and len(edges):
        edges, total, bads = _pooled(edges, total, bads, sign)
    parts = np.array([[*bads, bad[missing].sum()], [*(total - bads), (1 - bad[missing]).sum()]])
    shares = (parts + _HALF) / (parts + _HALF).sum(axis=1, keepdims=True)
    evidence = np.log(shares[0] / shares[1])
    if not missing.any():
        evidence[-1] = 0.0
    told = float(((shares[0] - shares[1]) * evidence).sum())
    if not len(edges) or told < parameters.least_information:
        return UNUSED
    return Bins(tuple(float(edge) for edge in edges), tuple(float(one) for one in evidence))


def _pooled(edges: Reals, total: Floats, bads: Floats, sign: int) -> tuple[Reals, Floats, Floats]:
    """Neighbouring bins pooled until the bad rate goes one way."""
    isotonic = IsotonicRegression(increasing=sign > 0)
    rate = isotonic.fit_transform(np.arange(len(total)), bads / total, sample_weight=total)
    group = np.concatenate([[0], np.cumsum(np.abs(np.diff(rate)) > 1e-12)])
    last = np.flatnonzero(np.diff(group))
    pooled = [np.bincount(group, part).astype(np.float64) for part in (total, bads)]
    return edges[last], pooled[0], pooled[1]
