"""Cross-fitting: every client of a small book scored by models that have not seen him (docs/cross_fitting.md).

The clients are dealt to folds by a hash of their ids, and both models are fitted on the clients of the other folds.
All of this is done several times, with other hashes and other seeds.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from data.book import Book
from features.catalogue import Catalogue, catalogue_of
from features.matrix import Matrix
from models.boosted import Boosted, Floats, Origin
from models.limit_model import LimitModel
from models.parameters import ModelsParameters
from models.release_model import ReleaseModel
from training.fitting import Columns, Labelled, fit_limit, fit_release, grown_on_one_thread
from training.from_book import log_limit
from training.labels import observed_bad
from training.parameters import CrossFittingParameters, ShareParameters, TrainingParameters
from training.splits import CALIBRATION, EARLY_STOPPING, TRAIN, hashed_places, splits_by_hash

Places = NDArray[np.int64]
"""Places among the clients of `clients_of`."""


@dataclass(frozen=True)
class Clients:
    """The clients of an undated book, one a row, in the order of their hashed ids.

    So the rows that a fit sees stand in the same order whatever the order of the lender's file.

    Attributes:
        requests: Release snapshots.
        reviews: Limit snapshots of the same clients.
        ids: The lender's own ids.
        bad: Outcome (1 bad, 0 good); NaN where nobody saw one.
        log_limit: Log of the granted limit (log of the book's currency).
        catalogue: The features of both models.
        origin: What the fitted models are made from.
    """

    requests: Matrix
    reviews: Matrix
    ids: NDArray[np.object_]
    bad: Floats
    log_limit: Floats
    catalogue: Catalogue
    origin: Origin


@dataclass(frozen=True)
class Fold:
    """A fold of a repeat.

    Attributes:
        repeat: Which repeat, from 1.
        fold: Which of its folds, from 1.
        held: The clients of the fold.
        train: Clients of the other folds to train on.
        early_stopping: Those to choose the number of trees on.
        calibration: Those to calibrate on.
    """

    repeat: int
    fold: int
    held: Places
    train: Places
    early_stopping: Places
    calibration: Places


def is_cross_fitted(book: Book, parameters: CrossFittingParameters) -> bool:
    """Whether a book is small enough, and has no dates: where there are, models are judged on what came later."""
    return not book.dated and book.manifest.rows["borrowers"] <= parameters.rows


def clients_of(book: Book, requests: Matrix, reviews: Matrix) -> Clients:
    """The clients of an undated book; one without a request or a review is left out."""
    borrowers = book.whole("borrowers", ["borrower_id", "source_id"])
    ordered = borrowers.iloc[np.argsort(hashed_places(borrowers["source_id"]), kind="stable")]
    at = [
        pd.Index(matrix.keys["borrower_id"]).get_indexer(ordered["borrower_id"])
        for matrix in (requests, reviews)
    ]
    whole = (at[0] >= 0) & (at[1] >= 0)
    asked, reviewed = (
        rows_of(matrix, rows[whole]) for matrix, rows in zip((requests, reviews), at, strict=True)
    )
    catalogue = catalogue_of(book)
    return Clients(
        requests=asked,
        reviews=reviewed,
        ids=ordered["source_id"].to_numpy(object)[whole],
        bad=observed_bad(book, asked.keys["request_id"]),
        log_limit=log_limit(reviewed.keys),
        catalogue=catalogue,
        origin=Origin(book.digest, catalogue.digest),
    )


def folds_of(
    ids: NDArray[np.object_], parameters: CrossFittingParameters, shares: ShareParameters
) -> list[Fold]:
    """All folds of all repeats; where a client stands depends on his id alone.

    What trains, stops and calibrates is drawn by a second hash, in the proportions of the usual shares.

    Args:
        ids: The lender's ids of the clients.
        parameters: How many folds and repeats.
        shares: The usual shares of an undated book.
    """
    found = []
    used = shares.train + shares.early_stopping + shares.calibration
    for repeat in range(1, parameters.repeats + 1):
        fold = np.floor(hashed_places(f"fold {repeat} {id_}" for id_ in ids) * parameters.folds)
        split = splits_by_hash(hashed_places(f"split {repeat} {id_}" for id_ in ids) * used, shares)
        for number in range(parameters.folds):
            others = fold != number
            parts = [
                np.flatnonzero(others & (split == name)) for name in (TRAIN, EARLY_STOPPING, CALIBRATION)
            ]
            if not others.all():
                found.append(Fold(repeat, number + 1, np.flatnonzero(~others), *parts))
    return found


def fit_fold(
    clients: Clients, fold: Fold, parameters: TrainingParameters, models: ModelsParameters
) -> tuple[LimitModel, ReleaseModel]:
    """Both models fitted on the clients of the other folds, each on one thread.

    Raises:
        DataFault: Nothing can be fitted on so few, or on one kind of outcome alone.
    """
    catalogue, seed = clients.catalogue, parameters.seed + fold.repeat - 1
    train, early_stopping = (
        _labelled(clients.reviews, clients.log_limit, part) for part in (fold.train, fold.early_stopping)
    )
    limit = fit_limit(
        train,
        early_stopping,
        Columns(catalogue.limit, catalogue.limit_signs),
        clients.origin,
        parameters.limit,
        seed,
        grow=grown_on_one_thread,
    )
    known = ~np.isnan(clients.bad)
    train, early_stopping, calibration = (
        _labelled(clients.requests, clients.bad, part[known[part]])
        for part in (fold.train, fold.early_stopping, fold.calibration)
    )
    release = fit_release(
        train,
        early_stopping,
        calibration,
        Columns(catalogue.release, catalogue.release_signs),
        clients.origin,
        parameters.release,
        models.calibration,
        seed,
        grow=grown_on_one_thread,
    )
    return limit, release


def lightgbm_score(model: Boosted, values: NDArray[np.float32]) -> Floats:
    """The model's score by row, on one thread; of few rows LightGBM's own is the cheapest."""
    return np.asarray(model.booster.predict(values, raw_score=True, num_threads=1), dtype=np.float64)


def rows_of(matrix: Matrix, rows: Places) -> Matrix:
    """Some rows of a matrix with their keys."""
    keys = matrix.keys.iloc[rows].reset_index(drop=True)
    return Matrix(keys, np.ascontiguousarray(matrix.values[rows]), matrix.features)


def _labelled(matrix: Matrix, label: Floats, rows: Places) -> Labelled:
    return Labelled(matrix.values[rows], label[rows])
