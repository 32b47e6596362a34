"""Methods of reject inference against each other, judged by the true outcomes that only a simulated book knows."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Final, get_args

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.special import logit
from sklearn.metrics import auc, roc_curve

from data.book import Book
from data.errors import CallError
from features.matrix import Matrix
from models.boosted import Floats
from models.calibration import logistic_line
from models.parameters import ModelsParameters
from training.from_book import fit_release_on, with_reject_inference
from training.labels import oracle_bad
from training.parameters import RejectInference, TrainingParameters
from training.periods import request_splits
from training.reject_inference import Flags, refused_by_score
from training.splits import OUT_OF_TIME

METHODS: Final[tuple[RejectInference, ...]] = get_args(RejectInference)
RANDOM_RELEASES: Final = "random releases"
"""No model: what the random releases of the period itself say of those refused by score."""

ALL: Final = "all"
REFUSED: Final = "refused by score"

Key = tuple[str, str, str]
"""Method, population, metric."""

_DRAWS: Final = 200
_ENDS: Final = (0.025, 0.975)


def compare_reject_inference(
    book: Book, requests: Matrix, parameters: TrainingParameters, models: ModelsParameters
) -> pd.DataFrame:
    """Fits the release model with each method and judges it on requests out of time, by their true outcomes.

    Args:
        book: A simulated book.
        requests: Its release snapshots.
        parameters: Splits and fit; which method they name does not count.
        models: Calibration and policy.

    Returns:
        By method (and `RANDOM_RELEASES`), population (`ALL` requests, or those `REFUSED` by score with the random
        releases among them) and metric (see `measures`): value; low and high of its 95 % interval, for which
        whole borrowers are drawn; difference to the method `none`, difference_low and difference_high.

    Raises:
        CallError: The book knows no true outcomes, or records no decisions.
    """
    keys = requests.keys
    truth = oracle_bad(book, keys["request_id"])
    if truth is None:
        raise CallError(f"{book.path} knows no outcomes of refused requests; take a simulated book.")
    refused = refused_by_score(book, requests, models.policy)
    later = request_splits(book, keys, parameters) == OUT_OF_TIME
    first = fit_release_on(book, requests, with_reject_inference(parameters, "none"), models)
    fitted = {"none": first} | {
        method: fit_release_on(book, requests, with_reject_inference(parameters, method), models, first=first)
        for method in METHODS
        if method != "none"
    }
    probability = {method: model.pd(requests.values[later]) for method, model in fitted.items()}
    at_random = keys["random_release"].to_numpy(bool)
    borrower = keys["borrower_id"].to_numpy()
    return compared(
        probability, truth[later], refused[later], at_random[later], borrower[later], parameters.seed
    )


def compared(
    probability: Mapping[str, Floats],
    bad: Floats,
    refused: Flags,
    at_random: Flags,
    borrower_id: NDArray[np.int64],
    seed: int,
) -> pd.DataFrame:
    """The table of `compare_reject_inference`.

    Args:
        probability: PD of each request, by method; `none` is among them.
        bad: True outcome (1 bad, 0 good) of each request.
        refused: Which of them the score refused, random releases included.
        at_random: Which of these chance released.
        borrower_id: Who asked.
        seed: Which borrowers are drawn.
    """
    values, differences = [], []
    for weight in (np.ones(len(bad)), *_drawn_weights(borrower_id, seed)):
        told = {
            (method, name, metric): value
            for method, pd_ in probability.items()
            for name, rows in ((ALL, np.ones(len(bad), dtype=bool)), (REFUSED, refused))
            for metric, value in measures(bad[rows], pd_[rows], weight[rows]).items()
        }
        seen, true = (_mean(bad[rows], weight[rows]) for rows in (at_random, refused))
        for metric, value in bad_rates(seen, true).items():
            told[RANDOM_RELEASES, REFUSED, metric] = value
        values.append(told)
        differences.append({key: value - told["none", key[1], key[2]] for key, value in told.items()})
    names = pd.MultiIndex.from_tuples(values[0], names=["method", "population", "metric"])
    columns = _summary(values, "value", "low", "high") | _summary(
        differences, "difference", "difference_low", "difference_high"
    )
    return pd.DataFrame(columns, index=names).reset_index()


def measures(bad: Floats, probability: Floats, weight: Floats) -> dict[str, float]:
    """How well PDs rank weighted rows, and how true they are.

    Returns:
        auc, ks, calibration_slope and calibration_intercept (logistic regression of the outcome on logit PD;
        NaN where the classes are separated), then `bad_rates`.
    """
    rates = bad_rates(_mean(probability, weight), _mean(bad, weight))
    if not 0 < rates["true_bad_rate"] < 1:
        return dict.fromkeys(("auc", "ks", "calibration_slope", "calibration_intercept"), np.nan) | rates
    false_share, true_share, _ = roc_curve(bad, probability, sample_weight=weight, drop_intermediate=False)
    slope, intercept = logistic_line(logit(probability), bad, weight=weight)
    return {
        "auc": float(auc(false_share, true_share)),
        "ks": float((true_share - false_share).max()),
        "calibration_slope": slope,
        "calibration_intercept": intercept,
    } | rates


def bad_rates(estimated: float, true: float) -> dict[str, float]:
    """A bad rate as it was estimated, as it is, and the error of the estimate."""
    return {"estimated_bad_rate": estimated, "true_bad_rate": true, "bad_rate_error": estimated - true}


def _mean(values: Floats, weight: Floats) -> float:
    """The weighted mean; NaN where nothing has a weight."""
    return float(np.average(values, weights=weight)) if weight.any() else float("nan")


def _summary(told: Sequence[Mapping[Key, float]], value: str, low: str, high: str) -> dict[str, Floats]:
    """What was told first of each key, and the ends of the interval that the others span."""
    rows = np.array([list(each.values()) for each in told])
    ends = np.quantile(rows[1:], _ENDS, axis=0)
    return {value: rows[0], low: ends[0], high: ends[1]}


def _drawn_weights(borrower_id: NDArray[np.int64], seed: int) -> Iterator[Floats]:
    """How often each row is there when as many borrowers as there are are drawn with replacement."""
    generator = np.random.default_rng(seed)
    _, which = np.unique(borrower_id, return_inverse=True)
    borrowers = which.max() + 1
    for _ in range(_DRAWS):
        times = np.bincount(generator.integers(borrowers, size=borrowers), minlength=borrowers)
        yield times[which].astype(np.float64)
