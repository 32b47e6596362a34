"""Days and months of history: month 1 is the first month of a book, days count from 1970-01-01."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def month_ordinal(first_month: str) -> int:
    """Months since January 1970 of a month written as `YYYY-MM`."""
    return int(np.datetime64(first_month, "M").astype(np.int64))


def month_index(days: NDArray[np.int32], first_month: str) -> NDArray[np.int32]:
    """History month (1 = `first_month`) in which each day lies; earlier months are 0 and below."""
    months = days.astype("datetime64[D]").astype("datetime64[M]").astype(np.int64)
    return np.asarray(months - month_ordinal(first_month) + 1, dtype=np.int32)


def month_start(index: NDArray[np.int32] | int, first_month: str) -> NDArray[np.int32]:
    """First day, in days since 1970-01-01, of history months (1 = `first_month`)."""
    months = np.asarray(index, dtype=np.int64) + month_ordinal(first_month) - 1
    return np.asarray(months.astype("datetime64[M]").astype("datetime64[D]").astype(np.int32))


def to_days(dates: object) -> NDArray[np.int32]:
    """Days since 1970-01-01 of a column of dates, whatever its resolution; NaT becomes the least int32."""
    days = np.asarray(dates).astype("datetime64[D]").astype(np.int64)
    return np.maximum(days, np.iinfo(np.int32).min).astype(np.int32)
