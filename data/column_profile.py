"""What a column of a file holds, by its cells alone: numbers, codes, dates or text, and codes that mean missing."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Final, Literal

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from data.flat_file import as_days, as_numbers
from data.table_form import MISSING

MORE_MISSING: Final = (
    "?",
    "-",
    "--",
    ".",
    "#N/A",
    "n/a",
    "na",
    "none",
    "nil",
    "unknown",
    "不详",
    "未知",
    "无",
    "空",
)
"""Texts that may mean it where a column holds numbers beside them, or hardly anything else."""
DATE_FORMS: Final = ("%Y-%m-%d", "%Y/%m/%d", "%d.%m.%Y", "%d/%m/%Y", "%m/%d/%Y", "%Y年%m月%d日", "%Y%m%d")
MOST_CODES: Final = 30
"""Different texts that a column of codes holds at most."""
HIGH_CODES: Final = (99, 999, 9999, 99999, 999999, 9999999, 99999999, 98, 97, 998, 997, 9998, 9997)
LOW_CODES: Final = (-1, -2, -3, -7, -8, -9, -99, -98, -97, -999, -998, -9999, -99999, -999999)
"""Numbers that files write, above or below all others, where a value is missing."""
_CODE_ROWS: Final = 5
"""Rows in which a number must stand to be taken for a code."""

Kind = Literal["number", "code", "date", "text", "constant", "empty"]


@dataclass(frozen=True)
class Profile:
    """What a column holds.

    Attributes:
        name: The column.
        place: Its place in the file, the first is 0.
        kind: What it holds.
        values: Numbers; of codes their places in `codes`, of dates days since 1970. NaN where missing. None of texts.
        codes: Its different texts, where it holds codes, in their order.
        different: How many different values it holds.
        texts: Texts in it that mean missing besides the usual ones.
        missing: Numbers in it that seem to mean missing, by gaps in the distribution, with their rows.
        doubtful: Numbers that may mean it or be a value like others, with their rows.
        form: How its dates are written.
        forms: Every form in which all its dates can be read, that one first.
        comma: Whether its decimals have a comma.
    """

    name: str
    place: int
    kind: Kind
    values: NDArray[np.float64] | None = None
    codes: tuple[str, ...] = ()
    different: int = 0
    texts: tuple[str, ...] = ()
    missing: tuple[tuple[float, int], ...] = ()
    doubtful: tuple[tuple[float, int], ...] = ()
    form: str | None = None
    forms: tuple[str, ...] = ()
    comma: bool = False

    @property
    def known(self) -> int:
        """Rows with a value."""
        return 0 if self.values is None else int(np.count_nonzero(~np.isnan(self.values)))

    @property
    def whole(self) -> bool:
        """Whether its numbers are whole ones."""
        return self.values is not None and bool((np.nan_to_num(self.values) % 1 == 0).all())


def profile_of(name: str, place: int, cells: pa.StringArray) -> Profile:
    """Looks at the cells of a column.

    Args:
        name: The column.
        place: Its place in the file.
        cells: Texts without spaces around them, empty where missing.
    """
    text = _without(cells, MISSING)
    different = pc.unique(text).drop_null()
    if not len(different):
        return Profile(name, place, "empty")
    if len(different) == 1:
        return Profile(name, place, "constant", different=1)
    more = [word for word in MORE_MISSING if pc.index(different, word).as_py() >= 0]
    return (
        _of_dates(name, place, _without(text, more), tuple(more))
        or _of_numbers(name, place, _without(text, more), tuple(more))
        or _of_texts(name, place, text, different)
    )


def _without(cells: pa.StringArray, words: Sequence[str]) -> pa.StringArray:
    absent = pc.is_in(cells, value_set=pa.array(list(words), pa.string()))
    return pc.if_else(absent, pa.scalar(None, pa.string()), cells)


def _of_dates(name: str, place: int, text: pa.StringArray, more: tuple[str, ...]) -> Profile | None:
    if text.null_count == len(text):
        return None
    forms = tuple(form for form in DATE_FORMS if as_days(text, form).null_count == text.null_count)
    if not forms:
        return None
    days = pc.cast(as_days(text, forms[0]), pa.int32())
    values = np.asarray(days.to_numpy(zero_copy_only=False), dtype=np.float64)
    if forms[0] == "%Y%m%d" and not _lifetimes(values):
        return None
    different = _different(values)
    return Profile(name, place, "date", values, different=different, texts=more, form=forms[0], forms=forms)


def _lifetimes(days: NDArray[np.float64]) -> bool:
    """Whether days lie between 1900 and 2100, as those of people and loans do; a number of eight digits seldom does."""
    return bool(np.nanmin(days) > -25_568 and np.nanmax(days) < 47_482)


def _of_numbers(name: str, place: int, text: pa.StringArray, more: tuple[str, ...]) -> Profile | None:
    if text.null_count == len(text):
        return None
    for decimal in (".", ","):
        with suppress(pa.ArrowInvalid):
            values = np.asarray(as_numbers(text, decimal).to_numpy(zero_copy_only=False), dtype=np.float64)
            if np.isinf(values).any():
                return None
            sure, doubtful = _codes_in(values)
            clean = np.where(np.isin(values, [value for value, _ in sure]), np.nan, values)
            kind: Kind = "number" if _different(clean) > 1 or sure else "constant"
            return Profile(
                name, place, kind, clean, (), _different(clean), more, sure, doubtful, comma=decimal == ","
            )
    return None


def _of_texts(name: str, place: int, text: pa.StringArray, different: pa.StringArray) -> Profile:
    count = len(different)
    if count > MOST_CODES or count > len(text) / 3:
        return Profile(name, place, "text", different=count)
    codes = tuple(sorted(different.to_pylist()))
    at = pc.index_in(text, value_set=pa.array(codes, pa.string()))
    values = np.asarray(at.to_numpy(zero_copy_only=False), dtype=np.float64)
    return Profile(name, place, "code", values, codes, count)


def _different(values: NDArray[np.float64]) -> int:
    return len(np.unique(values[~np.isnan(values)]))


Counted = tuple[tuple[float, int], ...]


def _codes_in(values: NDArray[np.float64]) -> tuple[Counted, Counted]:
    """Numbers that mean missing, by gaps: those that surely do, and those that may."""
    levels, counts = np.unique(values[~np.isnan(values)], return_counts=True)
    rows = dict(zip(levels.tolist(), counts.tolist(), strict=True))
    low = [code for code in LOW_CODES if rows.get(code, 0) >= _CODE_ROWS]
    high = [code for code in HIGH_CODES if rows.get(code, 0) >= _CODE_ROWS]
    rest = levels[~np.isin(levels, [*low, *high])]
    sure: list[int] = []
    doubtful: list[int] = []
    if len(rest) and rest[0] >= 0:  # where values below 0 are usual, one of them is no code
        for code in low:
            # A code stands apart: -9 below counts from 0 on; -1 beside 0 and 1 may be a step of the same ladder.
            apart = rest[0] - code > 2 * _step(rest) or len(rest) > MOST_CODES
            (sure if apart else doubtful).append(code)
    for code in high:
        below = rest[rest < code]
        if len(below) and len(below) == len(rest) and code - below[-1] > 2 * (below[-1] - below[0]):
            sure.append(code)
    return _counted(sure, rows), _counted(doubtful, rows)


def _step(levels: NDArray[np.float64]) -> float:
    return float(np.median(np.diff(levels))) if len(levels) > 1 else 1.0


def _counted(codes: list[int], rows: dict[float, int]) -> Counted:
    return tuple((float(code), rows[code]) for code in sorted(codes))
