"""Rows of streams that deliver one a month, as borrowers' were seen on given days."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from numpy import int64
from numpy.typing import NDArray

from features.catalogue import days_of
from features.stream import Stream
from features.windows import Days, Latest, Values, ends, latest


@dataclass(frozen=True)
class MonthlyRows:
    """The monthly rows of a stream and who read them when.

    Attributes:
        stream: The rows.
        borrowers: Position of the borrower of each reading.
        days: Day as of which each reading sees the stream.
        gap_months: Months by which rows may be late: the latest k are less than k + gap_months months old.
    """

    stream: Stream
    borrowers: NDArray[int64]
    days: Days
    gap_months: int

    def latest(self, column: str | Values, months: int, skipped: int = 0) -> Latest:
        """Statistics of a column over the latest rows.

        Args:
            column: Name of the column, or a value per row.
            months: How many rows.
            skipped: How many still later rows to pass over first.
        """
        values = self.stream.values[column] if isinstance(column, str) else column
        oldest = days_of(skipped + months + self.gap_months)
        return latest(
            self.stream.events, self.borrowers, self.days, values, months, skipped, oldest, self._end
        )

    @cached_property
    def _end(self) -> NDArray[int64]:
        """Where the rows of each reading end: looked for once for all that is read of them."""
        return ends(self.stream.events, self.borrowers, self.days)
