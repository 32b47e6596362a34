"""How both models do out of time beyond single figures: ranking, lift, limits by decile, stability, vintages.

Aggregates alone, of bounded size whatever the book's.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from data.book import Book
from data.months import month_start
from features.matrix import Matrix
from models.boosted import Floats
from models.release_model import ReleaseModel
from training.from_book import log_limit
from training.labels import observed_bad, observed_bad_12m, oracle_bad
from training.metrics import ORACLE, RELEASED
from training.parameters import TrainingParameters
from training.periods import request_splits, review_splits
from training.ranking import CURVE_COLUMNS, LIFT_COLUMNS, lift_by_decile, limit_by_decile, ranking_curve
from training.splits import OUT_OF_TIME, TRAIN
from training.stability import psi_by_month
from training.vintages import vintages

RELEASE_SCORE, LIMIT_SCORE = "release_score", "limit_score"
"""Names of the two scores among what stability is told of; all others are features of the release model."""


@dataclass(frozen=True)
class Diagnosed:
    """Aggregates on how both models do.

    Attributes:
        ranking: population (`released`, and of a simulated book `all (oracle)`), then as `ranking_curve`; out of time.
        lift: population, then as `lift_by_decile`; out of time.
        limit_deciles: As `limit_by_decile`; reviews out of time.
        stability: what (a score or a feature), month (`YYYY-MM`), rows, psi, chance, after the training period; None
            where the book has no dates.
        vintages: As `vintages`, of all months; None where the book has no dates.
    """

    ranking: pd.DataFrame
    lift: pd.DataFrame
    limit_deciles: pd.DataFrame
    stability: pd.DataFrame | None
    vintages: pd.DataFrame | None


def diagnose(
    book: Book,
    requests: Matrix,
    reviews: Matrix,
    limit_score: Floats,
    margin: Floats,
    release: ReleaseModel,
    features: int,
    parameters: TrainingParameters,
) -> Diagnosed:
    """Aggregates on how both models do on their book.

    Args:
        book: The book.
        requests: Release snapshots of all requests.
        reviews: Limit snapshots of the reviews.
        limit_score: The limit model's score of each review (log-RMB).
        margin: The release model's score of each request (log-odds, before calibration).
        release: The release model.
        features: Of how many features stability is told: those that the release model uses most.
        parameters: Splits.
    """
    ids = requests.keys["request_id"]
    probability = release.calibration.pd(margin)
    bad, truth = observed_bad(book, ids), oracle_bad(book, ids)
    split = request_splits(book, requests.keys, parameters)
    split_of_reviews = review_splits(book, reviews.keys, parameters)
    populations = {RELEASED: bad} | ({} if truth is None else {ORACLE: truth})
    held_out = {name: (split == OUT_OF_TIME) & ~np.isnan(outcome) for name, outcome in populations.items()}
    judged = split_of_reviews == OUT_OF_TIME
    return Diagnosed(
        ranking=_told(
            {
                name: ranking_curve(populations[name][rows], probability[rows])
                for name, rows in held_out.items()
            },
            CURVE_COLUMNS,
        ),
        lift=_told(
            {
                name: lift_by_decile(populations[name][rows], probability[rows])
                for name, rows in held_out.items()
            },
            LIFT_COLUMNS,
        ),
        limit_deciles=limit_by_decile(log_limit(reviews.keys)[judged], limit_score[judged]),
        stability=_stability(
            book,
            (requests, margin, split == TRAIN),
            (reviews, limit_score, split_of_reviews == TRAIN),
            most_used(release, features),
            parameters,
        )
        if book.dated
        else None,
        vintages=vintages(_month_names(requests.keys), bad, observed_bad_12m(book, ids), probability)
        if book.dated
        else None,
    )


def most_used(release: ReleaseModel, features: int) -> list[str]:
    """The features that the release model uses most, by the total gain of their splits; the most used one first."""
    gain = release.booster.feature_importance("gain")
    order = np.argsort(-gain, kind="stable")[:features]
    return [release.features[place] for place in order if gain[place] > 0]


def _told(tables: dict[str, pd.DataFrame], columns: Sequence[str]) -> pd.DataFrame:
    """The tables of several populations as one."""
    parts = [table.assign(population=name) for name, table in tables.items() if len(table)]
    if not parts:
        return pd.DataFrame(columns=["population", *columns])
    return pd.concat(parts, ignore_index=True)[["population", *columns]]


def _stability(
    book: Book,
    requests: tuple[Matrix, Floats, NDArray[np.bool_]],
    reviews: tuple[Matrix, Floats, NDArray[np.bool_]],
    features: Sequence[str],
    parameters: TrainingParameters,
) -> pd.DataFrame:
    """Stability of both scores and of some features of the release model; each with its matrix, score and base."""
    periods = parameters.periods
    months = range(periods.train_until + 1, periods.out_of_time_until + 1)
    matrix, margin, base = requests
    asked = matrix.keys["month"].to_numpy(np.int64)
    of_requests = partial(psi_by_month, month=asked, base=base, months=months)
    reviewed = reviews[0].keys["month"].to_numpy(np.int64)
    parts = {
        RELEASE_SCORE: of_requests(margin),
        LIMIT_SCORE: psi_by_month(reviews[1], reviewed, reviews[2], months),
    }
    parts |= {name: of_requests(matrix.values[:, matrix.features.index(name)]) for name in features}
    told = pd.concat([table.assign(what=name) for name, table in parts.items()], ignore_index=True)
    first = str(book.manifest.first_month)
    names = {month: _as_month(month_start(month, first)) for month in months}
    return told.assign(month=told["month"].map(names))[["what", "month", "rows", "psi", "chance"]]


def _as_month(day: object) -> str:
    return str(np.datetime64(int(day), "D").astype("datetime64[M]"))  # type: ignore[call-overload]


def _month_names(keys: pd.DataFrame) -> NDArray[np.str_]:
    code, days = pd.factorize(keys["requested_on"].to_numpy())
    names: NDArray[np.str_] = np.asarray(days).astype("datetime64[M]").astype(str)[code]
    return names
