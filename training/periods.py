"""Which split each review and request of a book falls into, whatever the kind of book."""

from __future__ import annotations

import math
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from data.book import Book, open_book
from data.errors import CallError
from data.months import to_days
from models.boosted import Boosted
from training.parameters import PeriodParameters, TrainingParameters
from training.splits import hashed_places, label_known, splits_by_hash, splits_by_period


def request_splits(book: Book, keys: pd.DataFrame, parameters: TrainingParameters) -> pd.Categorical[str]:
    """The split of each draw request."""
    return _splits(book, keys, "requested_on", parameters)


def review_splits(book: Book, keys: pd.DataFrame, parameters: TrainingParameters) -> pd.Categorical[str]:
    """The split of each limit review."""
    return _splits(book, keys, "reviewed_on", parameters)


def first_month_of_reviews(periods: PeriodParameters, window_days: int) -> int:
    """The first month of history whose reviews have a part in anything.

    No earlier one is trained on or judged, nor can it favour a request that is judged.

    Args:
        periods: The last month of each period.
        window_days: How long a review favours (days).
    """
    first_judged = periods.calibration_until + 1
    return min(1, first_judged - math.ceil(window_days / 28))  # no month is shorter


def labels_old_enough(book: Book, keys: pd.DataFrame, parameters: TrainingParameters) -> NDArray[np.bool_]:
    """Whether the label of each request was known at the fit; always, where there are no dates."""
    first_month = book.manifest.first_month
    if first_month is None:
        return np.ones(len(keys), dtype=bool)
    return label_known(to_days(keys["requested_on"]), first_month, parameters.periods)


def tuning_folds(
    month: NDArray[np.int64], periods: PeriodParameters, folds: int, months: int
) -> list[tuple[NDArray[np.bool_], NDArray[np.bool_], NDArray[np.bool_]]]:
    """Rows of a dated book to grow on, to stop on and to validate on, the latest fold first.

    The latest validates on the last months of the early-stopping period, each other on those before; no month from the
    calibration period on has a part in any.

    Args:
        month: History month of each row.
        periods: The last month of each period.
        folds: How many folds, if history reaches back far enough.
        months: Months to validate on, and as many before them to stop on.
    """
    found = []
    for place in range(folds):
        end = periods.early_stopping_until - place * months
        stop, grow = end - months, end - 2 * months
        if grow < 1:
            break
        found.append(
            (
                (month >= 1) & (month <= grow),
                (month > grow) & (month <= stop),
                (month > stop) & (month <= end),
            )
        )
    return found


def split_parameters(book: Book, parameters: TrainingParameters) -> dict[str, Any]:
    """What splits this book, for a model's card."""
    splits = parameters.periods if book.dated else parameters.shares
    return {"splits": splits.model_dump(mode="json")}


def require_same_splits(model: Boosted, book: Book, parameters: TrainingParameters) -> None:
    """Checks that what is held out now was held out when the model was fitted.

    Raises:
        CallError: The model was fitted with other periods or shares.
    """
    now = split_parameters(book, parameters)["splits"]
    then = model.parameters.get("splits")
    if then != now:
        raise CallError(
            f"The model was fitted with other periods ({then}) than the call names ({now}): what is judged out of "
            "time may have been trained on; give the same training.periods and training.shares, or train again."
        )


def _splits(book: Book, keys: pd.DataFrame, date: str, parameters: TrainingParameters) -> pd.Categorical[str]:
    first_month = book.manifest.first_month
    if first_month is None:
        places = _hashed(book.path, book.digest)
        return splits_by_hash(places.loc[keys["borrower_id"]].to_numpy(np.float64), parameters.shares)
    return splits_by_period(to_days(keys[date]), first_month, parameters.periods)


@lru_cache(maxsize=2)
def _hashed(path: Path, digest: str) -> pd.Series[float]:
    """The hashed place of each borrower of an undated book, which every stage of a command asks for.

    By the lender's own ids, so that another order of the file's rows is the same split.
    """
    borrowers = open_book(path).whole("borrowers", ["borrower_id", "source_id"])
    return pd.Series(hashed_places(borrowers["source_id"]), index=borrowers["borrower_id"])
