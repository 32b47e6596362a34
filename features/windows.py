"""Bitemporal events of borrowers, and what a reader saw of them in a window up to a day.

An event counts at day `as_of` when it had happened and was visible by then: `occurred <= as_of` and
`visible <= as_of`.
"""

from __future__ import annotations

from dataclasses import dataclass

import numba
import numpy as np
from numpy.typing import NDArray

Days = NDArray[np.int32]
Values = NDArray[np.float32]

EVER = np.int32(2**29)
"""More days than any history has: a window of this length holds all that came before."""


@dataclass(frozen=True)
class Events:
    """Dated events of one kind of the borrowers of a block, sorted by borrower, then by day.

    Attributes:
        offsets: Where each borrower's events begin; one more entry than borrowers.
        occurred: Day of each event (days since 1970-01-01).
        visible: Day from which each event was visible.
    """

    offsets: NDArray[np.int64]
    occurred: Days
    visible: Days

    def only(self, kept: NDArray[np.bool_]) -> Events:
        """The events where `kept` is true."""
        places = np.flatnonzero(kept)
        return Events(np.searchsorted(places, self.offsets), self.occurred[places], self.visible[places])

    def of_each(self, borrowers: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """All events of some borrowers (by position), again for each time that one is named.

        Returns:
            By event, in their order: its place in `borrowers`, and its place among the events.
        """
        first = self.offsets[borrowers]
        number = self.offsets[borrowers + 1] - first
        case = np.repeat(np.arange(len(borrowers)), number)
        within = np.arange(len(case)) - np.repeat(np.cumsum(number) - number, number)
        return case, np.repeat(first, number) + within


@dataclass(frozen=True)
class Window:
    """What a window of days held, an entry per query; days are float32 and NaN where there was no event.

    `slope` is the change of the value a day by least squares, NaN where it was not asked for, or without two days.
    """

    count: Values
    total: Values
    most: Values
    first_day: Values
    last_day: Values
    slope: Values


@dataclass(frozen=True)
class Latest:
    """What the latest rows held, an entry per query; NaN where no row held a value.

    Attributes:
        rows: Rows seen.
        count: Rows among them that held a value.
        mean: Mean of the values.
        spread: Standard deviation of the values (from two values on).
        most: Largest value.
        last: Value of the latest row.
        last_day: Day of the latest row.
    """

    rows: Values
    count: Values
    mean: Values
    spread: Values
    most: Values
    last: Values
    last_day: Values


def window(
    events: Events,
    borrowers: NDArray[np.int64],
    as_of: Days,
    days: int | np.int32 | Days,
    values: Values | None = None,
    kept_per_day: float = 1.0,
    trend: bool = False,
) -> Window:
    """Count, total, largest value, first and last day, and slope of the events of the last `days` days up to `as_of`.

    Args:
        events: The events.
        borrowers: Position of the borrower of each query.
        as_of: Day of each query.
        days: Length of the window: one for all queries, or one per query.
        values: A value per event for `total` and `most` (missing ones are passed over); ones if left out.
        kept_per_day: In the total a value of age a days weighs `kept_per_day ** a`.
        trend: Whether the slope is wanted.
    """
    if values is None:
        values = np.ones(len(events.occurred), dtype=np.float32)
    since = as_of - np.broadcast_to(np.asarray(days, dtype=np.int32), as_of.shape)
    out = np.empty((6, len(as_of)), dtype=np.float32)
    arrays = (events.offsets, events.occurred, events.visible, values, borrowers, as_of, since)
    _window(*arrays, np.log(kept_per_day), trend, out)
    return Window(*out)


def latest(
    events: Events,
    borrowers: NDArray[np.int64],
    as_of: Days,
    values: Values,
    rows: int = 1,
    skipped: int = 0,
    oldest: int | np.int32 = EVER,
    end: NDArray[np.int64] | None = None,
) -> Latest:
    """Statistics of the latest visible rows.

    Args:
        events: The rows.
        borrowers: Position of the borrower of each query.
        as_of: Day of each query.
        values: A value per row; missing ones count as rows without a value.
        rows: How many of the latest rows to read.
        skipped: How many still later rows to pass over first.
        oldest: Rows this many days old and older are not read.
        end: What `ends` gives for the same queries, where it is at hand.
    """
    out = np.empty((7, len(as_of)), dtype=np.float32)
    end = ends(events, borrowers, as_of) if end is None else end
    arrays = (events.offsets, events.occurred, events.visible, values, borrowers, as_of, end)
    _latest(*arrays, rows, skipped, np.int64(oldest), out)
    return Latest(*out)


def ends(events: Events, borrowers: NDArray[np.int64], as_of: Days) -> NDArray[np.int64]:
    """Place of the first event of each query's borrower that is later than its day."""
    out = np.empty(len(as_of), dtype=np.int64)
    _ends(events.offsets, events.occurred, borrowers, as_of, out)
    return out


@numba.njit(cache=True)
def _after(days, begin, end, day):  # type: ignore[no-untyped-def]
    """First position in [begin, end) whose day is later than `day`."""
    while begin < end:
        middle = (begin + end) // 2
        if days[middle] <= day:
            begin = middle + 1
        else:
            end = middle
    return begin


@numba.njit(cache=True)
def _window(offsets, occurred, visible, values, borrowers, as_of, since, log_kept, trend, out):  # type: ignore[no-untyped-def]
    for query in range(len(as_of)):
        begin, end = offsets[borrowers[query]], offsets[borrowers[query] + 1]
        today = as_of[query]
        count, total, most = 0, 0.0, np.nan
        first_day, last_day = np.nan, np.nan
        known, mean_day, mean_value, days, along = 0, 0.0, 0.0, 0.0, 0.0
        for event in range(_after(occurred, begin, end, since[query]), _after(occurred, begin, end, today)):
            if visible[event] > today:
                continue
            if count == 0:
                first_day = occurred[event]
            count += 1
            last_day = occurred[event]
            value = values[event]
            if np.isnan(value):
                continue
            total += value if log_kept == 0.0 else value * np.exp(log_kept * (today - occurred[event]))
            if not value <= most:
                most = value
            if trend:
                # Updates as Welford's: sums of squares of days since 1970 would lose the slope.
                known += 1
                step = occurred[event] - mean_day
                mean_day += step / known
                mean_value += (value - mean_value) / known
                days += step * (occurred[event] - mean_day)
                along += step * (value - mean_value)
        out[0, query] = count
        out[1, query] = total
        out[2, query] = most
        out[3, query] = first_day
        out[4, query] = last_day
        out[5, query] = along / days if days > 0.0 else np.nan


@numba.njit(cache=True)
def _ends(offsets, occurred, borrowers, as_of, out):  # type: ignore[no-untyped-def]
    for query in range(len(as_of)):
        begin, end = offsets[borrowers[query]], offsets[borrowers[query] + 1]
        out[query] = _after(occurred, begin, end, as_of[query])


@numba.njit(cache=True)
def _latest(offsets, occurred, visible, values, borrowers, as_of, end, rows, skipped, oldest, out):  # type: ignore[no-untyped-def]
    for query in range(len(as_of)):
        begin = offsets[borrowers[query]]
        today = as_of[query]
        row = end[query] - 1
        seen, count, mean, squares, most = 0, 0, 0.0, 0.0, np.nan
        last, last_day = np.nan, np.nan
        while row >= begin and seen < skipped + rows and today - occurred[row] < oldest:
            if visible[row] <= today:
                seen += 1
                if seen > skipped:
                    value = values[row]
                    if seen == skipped + 1:
                        last, last_day = value, occurred[row]
                    if not np.isnan(value):
                        # Welford's update: sums of squares of RMB amounts would lose the spread.
                        count += 1
                        step = value - mean
                        mean += step / count
                        squares += step * (value - mean)
                        if not value <= most:
                            most = value
            row -= 1
        out[0, query] = max(seen - skipped, 0)
        out[1, query] = count
        out[2, query] = mean if count > 0 else np.nan
        out[3, query] = np.sqrt(squares / (count - 1)) if count > 1 else np.nan
        out[4, query] = most
        out[5, query] = last
        out[6, query] = last_day
