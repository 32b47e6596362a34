"""Findings of a check: rows of a table that are not what was expected, told in a bounded number of lines."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

KEPT = 100
"""Most rows of a finding that are kept to be named; the others are counted."""


@dataclass(frozen=True)
class Finding:
    """Something that is not as expected.

    Attributes:
        place: The part (or the table, or `book.json`) in which it was found.
        column: The column or key; empty where the whole place is meant.
        expected: What was expected there.
        count: How many rows are not so; 0 where no rows are meant.
        rows: The first of these rows (0 is the first row of the part).
        found: What stands in each of `rows` instead; without rows a single value at most.
    """

    place: str
    column: str
    expected: str
    count: int = 0
    rows: tuple[int, ...] = ()
    found: tuple[str, ...] = ()


def wrong_rows(
    place: str, column: str, expected: str, good: ArrayLike, values: ArrayLike
) -> Iterator[Finding]:
    """A finding of the rows that are not good, if there are any.

    Args:
        place: The part.
        column: The column that is judged.
        expected: What was expected of it.
        good: Whether each row is as expected.
        values: The column's values.
    """
    rows = np.flatnonzero(~np.asarray(good, dtype=bool))
    if len(rows):
        first = rows[:KEPT]
        found = tuple(shown(value) for value in _cells(pd.Series(values).iloc[first]))
        yield Finding(place, column, expected, len(rows), tuple(int(row) for row in first), found)


def told(findings: Iterable[Finding], most: int) -> Iterator[str]:
    """One line per fault, at most `most` for the same expectation of the same column; the rest is counted.

    Args:
        findings: What was found, told as it comes.
        most: Most lines for one expectation of one column of a table.
    """
    named: Counter[tuple[str, str, str]] = Counter()
    passed_over: Counter[tuple[str, str, str]] = Counter()
    for finding in findings:
        rule = (finding.place.partition("/part-")[0], finding.column, finding.expected)
        lines = _lines(finding)[: most - named[rule]]
        yield from lines
        named[rule] += len(lines)
        passed_over[rule] += max(finding.count, 1) - len(lines)
    for (table, column, expected), count in passed_over.items():
        if count:
            where = f"{table}, column {column}" if column else table
            yield f"{where}: {count} more of the same (expected {expected})"


def shown(value: object) -> str:
    """A value in a line; a missing one is `nothing`."""
    if value is None or value is pd.NaT or value is pd.NA or value != value:
        return "nothing"
    if isinstance(value, float | np.floating):
        return f"{value:.9g}"
    text = str(value)
    return text if len(text) <= 60 else text[:59] + "…"


def _cells(values: pd.Series) -> Iterable[object]:
    # Dates as numpy's, which can also be those that Python's own cannot: the year 30,000, for one.
    if pd.api.types.is_datetime64_dtype(values):
        return list(values.to_numpy().astype("datetime64[D]"))
    return list(values)


def _lines(finding: Finding) -> list[str]:
    column = f", column {finding.column}" if finding.column else ""
    if not finding.count:
        found = f", found {finding.found[0]}" if finding.found else ""
        return [f"{finding.place}{column}: expected {finding.expected}{found}"]
    return [
        f"{finding.place}{column}, row {row}: expected {finding.expected}, found {found}"
        for row, found in zip(finding.rows, finding.found, strict=True)
    ]
