"""How late the data of each stream arrive: days between what happened and when it was shown."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from data.blocks import HERE, Engine, Track, untracked
from data.book import Book
from data.event_mapping import streams_told
from data.months import to_days
from data.sampling import spread_blocks

_LONGEST = 1095
"""Days; longer delays are told as so many."""

Counts = NDArray[np.int64]


def arrivals(
    book: Book,
    first: int,
    last: int,
    borrowers: int,
    engine: Engine = HERE,
    track: Track[Any] = untracked,
) -> dict[str, dict[str, float | None]]:
    """How late what arrived in a span of days was, by stream.

    Args:
        book: A dated book.
        first: First day of the span (days since 1970-01-01).
        last: Its last day.
        borrowers: How many borrowers are read at most: of a larger book whole blocks, spread evenly.
        engine: Where the blocks are read; changes nothing in the result.
        track: Follows the blocks as they are done.

    Returns:
        By stream: rows (that arrived in the span), mean_days and variance_days (from the day it happened to the day it
        was shown), p90_days (nine in ten had arrived by then), silent_days (from the last arrival to the end of
        the span). None where nothing arrived.
    """
    blocks = spread_blocks(book.blocks, book.manifest.rows["borrowers"], borrowers)
    reading = _Reading(book.absolute(), first, last)
    parts = list(track(engine.map_blocks(reading.of_block, blocks), len(blocks)))
    return {
        stream: _told(
            np.sum([part[stream][0] for part in parts], axis=0), max(part[stream][1] for part in parts), last
        )
        for stream in reading.streams
    }


@dataclass(frozen=True)
class _Reading:
    book: Book
    first: int
    last: int

    @property
    def streams(self) -> tuple[str, ...]:
        return streams_told(self.book.manifest.mapping)

    def of_block(self, block: int) -> dict[str, tuple[Counts, int]]:
        """By stream: rows that arrived by their delay, and the last day on which any did (before all days, if none)."""
        return {stream: self._of_stream(stream, block) for stream in self.streams}

    def _of_stream(self, stream: str, block: int) -> tuple[Counts, int]:
        rows = self.book.table(f"observations/{stream}", block, ["occurred_on", "visible_on"])
        shown = to_days(rows["visible_on"])
        arrived = (shown >= self.first) & (shown <= self.last)
        delay = (shown - to_days(rows["occurred_on"]))[arrived]
        by_then = shown[shown <= self.last]
        latest = int(by_then.max()) if len(by_then) else np.iinfo(np.int32).min
        return np.bincount(np.clip(delay, 0, _LONGEST), minlength=_LONGEST + 1), latest


def _told(by_delay: Counts, latest: int, last: int) -> dict[str, float | None]:
    rows = int(by_delay.sum())
    silent = float(last - latest) if latest > np.iinfo(np.int32).min else None
    if not rows:
        nothing = dict.fromkeys(("mean_days", "variance_days", "p90_days"))
        return {"rows": 0.0, **nothing, "silent_days": silent}
    days = np.arange(len(by_delay))
    mean = float(by_delay @ days) / rows
    return {
        "rows": float(rows),
        "mean_days": mean,
        "variance_days": float(by_delay @ (days - mean) ** 2) / rows,
        "p90_days": float(np.searchsorted(np.cumsum(by_delay), 0.9 * rows)),
        "silent_days": silent,
    }
