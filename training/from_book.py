"""Both models fitted and judged on the matrices of a book: which rows, which labels, which period."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from data.book import Book
from features.catalogue import catalogue_of
from features.matrix import Matrix
from models.boosted import Floats, Origin
from models.limit_model import LimitModel
from models.parameters import ModelsParameters
from models.release_model import ReleaseModel
from training.fitting import Columns, Grow, Labelled, Progress, fit_limit, fit_release, grown_here, untold
from training.labels import observed_bad, oracle_bad
from training.metrics import limit_performance, release_performance, reliability_by_split
from training.parameters import RejectInference, TrainingParameters
from training.periods import labels_old_enough, request_splits, review_splits, split_parameters
from training.reject_inference import Period, inferred, refused_by_score
from training.splits import CALIBRATION, EARLY_STOPPING, OUT_OF_TIME, TRAIN


@dataclass(frozen=True)
class Judged:
    """How well the models do on their book.

    Attributes:
        performance: model, split, population, metric, value.
        reliability: Released requests out of time: decile of PD, requests, mean_pd, bad_rate.
        by_decile: The same for every split.
    """

    performance: pd.DataFrame
    reliability: pd.DataFrame
    by_decile: pd.DataFrame


def fit_limit_on(
    book: Book,
    reviews: Matrix,
    parameters: TrainingParameters,
    progress: Progress = untold,
    grow: Grow = grown_here,
) -> LimitModel:
    """The limit model of a book: log of `limit_assessed` at the reviews of the training period."""
    split = review_splits(book, reviews.keys, parameters)
    label = log_limit(reviews.keys)
    train, early_stopping = (_labelled(reviews, label, split == name) for name in (TRAIN, EARLY_STOPPING))
    catalogue = catalogue_of(book)
    columns = Columns(catalogue.limit, catalogue.limit_signs)
    origin = Origin(book.digest, catalogue.digest)
    model = fit_limit(
        train,
        early_stopping,
        columns,
        origin,
        parameters.limit,
        parameters.seed,
        progress=progress,
        grow=grow,
    )
    return replace(model, parameters={**model.parameters, **split_parameters(book, parameters)})


def fit_release_on(
    book: Book,
    requests: Matrix,
    parameters: TrainingParameters,
    models: ModelsParameters,
    progress: Progress = untold,
    first: ReleaseModel | None = None,
    grow: Grow = grown_here,
) -> ReleaseModel:
    """The release model of a book: `bad` of the released requests of the training period, then calibrated.

    Reject inference, where the parameters ask for it, lets a first model on these say how bad the refused are.

    Args:
        book: The book.
        requests: Its release snapshots.
        parameters: Splits and fit.
        models: Calibration and policy.
        progress: Follows the fit.
        first: The model without reject inference, where it is at hand; otherwise it is fitted if needed.
        grow: How the trees are grown.

    Raises:
        CallError: Reject inference is asked of a book that records no random releases.
    """
    split = request_splits(book, requests.keys, parameters)
    label = observed_bad(book, requests.keys["request_id"])
    old = labels_old_enough(book, requests.keys, parameters)
    rows = [old & (split == name) for name in (TRAIN, EARLY_STOPPING, CALIBRATION)]
    samples = [_labelled(requests, label, known & ~np.isnan(label)) for known in rows]
    method = parameters.release.reject_inference
    if method != "none":
        alone = with_reject_inference(parameters, "none")
        first = first or fit_release_on(book, requests, alone, models, progress, grow=grow)
        refused = refused_by_score(book, requests, models.policy) & np.isnan(label)
        at_random = requests.keys["random_release"].to_numpy(bool)
        periods = [
            Period(sample, at_random[known & ~np.isnan(label)], requests.values[known & refused])
            for sample, known in zip(samples, rows, strict=True)
        ]
        samples = inferred(method, periods, first.pd)
    train, early_stopping, calibration = samples
    catalogue = catalogue_of(book)
    model = fit_release(
        train,
        early_stopping,
        calibration,
        Columns(catalogue.release, catalogue.release_signs),
        Origin(book.digest, catalogue.digest),
        parameters.release,
        models.calibration,
        parameters.seed,
        progress=progress,
        grow=grow,
    )
    return replace(model, parameters={**model.parameters, **split_parameters(book, parameters)})


def with_reject_inference(parameters: TrainingParameters, method: RejectInference) -> TrainingParameters:
    """The same parameters with another method of reject inference."""
    release = parameters.release.model_copy(update={"reject_inference": method})
    return parameters.model_copy(update={"release": release})


def judge(
    book: Book,
    requests: Matrix | None,
    reviews: Matrix | None,
    limit_score: Floats | None,
    probability: Floats | None,
    parameters: TrainingParameters,
) -> Judged:
    """How well the models that are given do on their book, by split; matrices are needed for these alone.

    Their scores are enough: `limit_score` of each review (log-RMB), `probability` (calibrated PD) of each request.
    """
    tables, decile = [], pd.DataFrame(columns=["split", "decile", "requests", "mean_pd", "bad_rate"])
    if probability is not None and requests is not None:
        split = request_splits(book, requests.keys, parameters)
        bad = observed_bad(book, requests.keys["request_id"])
        tables.append(
            release_performance(split, probability, bad, oracle_bad(book, requests.keys["request_id"]))
        )
        decile = reliability_by_split(split, probability, bad)
    if limit_score is not None and reviews is not None:
        split = review_splits(book, reviews.keys, parameters)
        tables.append(limit_performance(split, log_limit(reviews.keys), limit_score))
    out_of_time = decile[decile["split"] == OUT_OF_TIME].drop(columns="split").reset_index(drop=True)
    return Judged(pd.concat(tables, ignore_index=True), out_of_time, decile)


def log_limit(keys: pd.DataFrame) -> Floats:
    """Log of the assessed limit (log-RMB) of each review; NaN or -inf where it has none."""
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.asarray(np.log(keys["limit_assessed"].to_numpy(np.float64)))


def _labelled(matrix: Matrix, label: Floats, rows: NDArray[np.bool_]) -> Labelled:
    return Labelled(matrix.values[rows], label[rows])
