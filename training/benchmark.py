"""What training costs beyond LightGBM's own: fits without anything around them, MLflow's fixed cost, scoring."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final, NamedTuple

import lightgbm as lgb
import numpy as np
from numpy.typing import NDArray

from data.book import Book
from data.measurement import Measurement
from features.catalogue import catalogue_of
from features.matrix import Matrix
from models.boosted import Boosted
from models.codes import scorer_of
from models.trees import trees_of
from training.fitting import Labelled, lightgbm_settings
from training.from_book import log_limit
from training.labels import observed_bad
from training.parameters import BoosterParameters, TrainingParameters
from training.periods import labels_old_enough, request_splits, review_splits
from training.splits import TRAIN

TREES: Final = 300
"""Trees of each model in the measure that everything else is held against."""
SCORED_ROWS: Final = 100_000
_REPEATS: Final = 2


class Bare(NamedTuple):
    """`lightgbm.train` of both models, and nothing else: the boosters, and what they took (processor seconds)."""

    limit: lgb.Booster
    release: lgb.Booster
    seconds: float


def bare_training(
    book: Book, requests: Matrix, reviews: Matrix, parameters: TrainingParameters, rounds: tuple[int, int]
) -> Bare:
    """Both models fitted on their finished training rows, without early stopping, checks or calibration.

    The rows, labels and settings are those of our own fits without reject inference; `rounds` are the trees of
    the limit and of the release model. Binning counts, choosing the rows does not.
    """
    catalogue, seed = catalogue_of(book), parameters.seed
    in_training = review_splits(book, reviews.keys, parameters) == TRAIN
    limit_rows = Labelled(reviews.values[in_training], log_limit(reviews.keys)[in_training])
    bad = observed_bad(book, requests.keys["request_id"])
    old = labels_old_enough(book, requests.keys, parameters)
    known = (request_splits(book, requests.keys, parameters) == TRAIN) & old & ~np.isnan(bad)
    release_rows = Labelled(requests.values[known], bad[known])
    start = time.process_time()
    settings = lightgbm_settings("regression", "l2", catalogue.limit_signs, parameters.limit, seed, 0)
    limit = _trained(limit_rows, catalogue.limit, settings, rounds[0])
    settings = lightgbm_settings(
        "binary", "binary_logloss", catalogue.release_signs, parameters.release, seed, 0
    )
    release = _trained(release_rows, catalogue.release, settings, rounds[1])
    return Bare(limit, release, time.process_time() - start)


def rounds_of(model: Boosted, parameters: BoosterParameters) -> int:
    """How many rounds a fit went on, those after its best one included."""
    return min(model.booster.num_trees() + parameters.patience, parameters.rounds)


def scoring_rate(bare: Bare, requests: Matrix, reviews: Matrix) -> float:
    """Rows a processor second that get both scores, each of `TREES` trees, values to score."""
    matrices = ((bare.limit, reviews.values), (bare.release, requests.values))
    return SCORED_ROWS / sum(_scoring_seconds(booster, values) for booster, values in matrices)


def cost_of_tracking(home: Path) -> list[Measurement]:
    """Processor seconds of a fresh process for what any fit needs besides it: imports, a new store, a run."""
    import training.from_book
    import training.registry  # noqa: F401 (MLflow and LightGBM, as `train` imports them)
    from training.tracking import open_store

    with open_store(home).run("empty"):
        pass
    return [
        (
            "fixed cost of training: imports, a new MLflow store, an empty run",
            time.process_time(),
            "CPU s",
            "≤ 6",
        )
    ]


def _trained(rows: Labelled, names: tuple[str, ...], settings: dict[str, Any], rounds: int) -> lgb.Booster:
    binned = lgb.Dataset(rows.values, rows.label, feature_name=list(names), params=settings)
    return lgb.train(settings, binned, rounds)


def _scoring_seconds(booster: lgb.Booster, values: NDArray[np.float32]) -> float:
    """Least processor seconds for the raw score of `SCORED_ROWS` rows; there may be fewer, which are repeated."""
    rows = np.resize(values, (SCORED_ROWS, values.shape[1]))
    scorer = scorer_of(trees_of(booster))
    scorer.raw(rows[:2])
    return min(_seconds(lambda: scorer.raw(rows)) for _ in range(_REPEATS))


def _seconds(work: Callable[[], object]) -> float:
    start = time.process_time()
    work()
    return time.process_time() - start
