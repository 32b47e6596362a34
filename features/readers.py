"""The two readers of the streams: how fresh each sees a stream, by the day on which it reads."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

import numpy as np

from data.schema import STREAMS
from features.windows import Days

Reader = Literal["release", "limit"]

MONTHLY = ("income_assets", "consumption")
WEEKLY = ("device_social",)


def read_as_of(reader: Reader, dates: Days, refresh: Mapping[str, str] | None = None) -> dict[str, Days]:
    """The day, on or before the date, as of which a reader sees each stream.

    The release reader sees all streams as of the date itself. The limit reader sees income, assets and
    consumption as of the first day of the date's month, devices as of the last Monday, the rest as of the
    date. (Rows of the own ledger show only after the day on which they stand: see `features.streams`.)

    Args:
        reader: Who reads.
        dates: Days on which it reads.
        refresh: How often the limit reader refreshes streams of a lender's own (daily, weekly, monthly), by stream.
    """
    others = dict(refresh or {})
    if reader == "release":
        return dict.fromkeys((*STREAMS, *others), dates)
    monthly = dict.fromkeys(MONTHLY, _month_starts(dates))
    weekly = dict.fromkeys(WEEKLY, _last_mondays(dates))
    of = {"daily": lambda days: days, "weekly": _last_mondays, "monthly": _month_starts}
    own = {stream: of[how](dates) for stream, how in others.items()}
    return dict.fromkeys(STREAMS, dates) | monthly | weekly | own


def _month_starts(dates: Days) -> Days:
    return dates.astype("datetime64[D]").astype("datetime64[M]").astype("datetime64[D]").astype(np.int32)


def _last_mondays(dates: Days) -> Days:
    return (dates - (dates + 3) % 7).astype(np.int32)  # day 0, 1970-01-01, was a Thursday
