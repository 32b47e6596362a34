"""A lender's file with one row per client: CSV, Excel or Parquet, read as text that nothing is assumed about."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from data.categories import Coding, whole
from data.csv_files import open_csv
from data.errors import CallError, DataFault
from data.excel_files import open_excel
from data.parquet_files import open_parquet
from data.table_form import Form, TableFile
from data.unpacking import PACKED, kind_of

_LARGEST = float(np.finfo(np.float32).max)
TEXTS: Final = (".csv", ".tsv", ".txt")
"""Ends of the names of CSV files."""
WORKBOOKS: Final = (".xlsx", ".xlsm")
"""Ends of the names of Excel workbooks."""
KINDS: Final = ".csv (.csv.gz, .csv.bz2, .csv.zst), .parquet or .xlsx"
"""The kinds of files that are read, as the middle of a sentence."""


@dataclass(frozen=True)
class FlatFile:
    """Wanted columns of a file, or of a part of it.

    Attributes:
        source: The file that they were read from.
        columns: Each column's cells as text without spaces around it, empty where Parquet has null; a column that was
            asked for as numbers may be these, null where missing.
        missing: Texts that mean that a value is missing.
        first: How many rows of the file come before these.
    """

    source: TableFile
    columns: Mapping[str, pa.Array]
    missing: frozenset[str]
    first: int = 0

    def __len__(self) -> int:
        """Number of rows."""
        return len(next(iter(self.columns.values())))

    @property
    def path(self) -> Path:
        """The file."""
        return self.source.path

    def missing_in(self, column: str) -> NDArray[np.bool_]:
        """Which cells of a column mean that the value is missing."""
        cells = self.columns[column]
        found = cells.is_null() if _read(cells) else pc.is_in(cells, value_set=_set(self.missing))
        return np.asarray(found.to_numpy(zero_copy_only=False), dtype=bool)

    def numbers(self, column: str) -> NDArray[np.float64]:
        """A column of numbers; NaN where the value is missing.

        Raises:
            DataFault: A cell is not a number, or not one of a size that the book can hold.
        """
        cells = self.columns[column]
        if not _read(cells):
            absent = pc.is_in(cells, value_set=_set(self.missing))
            cells = self._parsed(column, pc.if_else(absent, pa.scalar(None, pa.string()), cells))
        values = np.asarray(cells.to_numpy(zero_copy_only=False), dtype=np.float64)
        # What compares false is too large, NaN or missing; a column is seldom gone over a second time.
        within = int(np.count_nonzero(np.abs(values) <= _LARGEST))
        if within != len(values) - cells.null_count:
            large = ~(np.abs(values) <= _LARGEST) & ~np.asarray(
                cells.is_null().to_numpy(zero_copy_only=False)
            )
            raise DataFault(
                f"{self.cell(column, int(large.argmax()))}, which is not a finite number; correct it there."
            )
        return values

    def _parsed(self, column: str, text: pa.StringArray) -> pa.DoubleArray:
        """Texts as numbers, null where they are null."""
        try:
            return as_numbers(text, self.source.decimal)
        except pa.ArrowInvalid:
            row = _first_that_is_none(text, self.source.decimal)
        advice = _advice(text[row].as_py(), self.source.decimal)
        raise DataFault(f"{self.cell(column, row)}, which is not a number; {advice}")

    def coded(self, column: str, codes: Mapping[str, float | None], where: str) -> NDArray[np.float64]:
        """A column of codes as their numbers; NaN where the value is missing or its code means unknown.

        Args:
            column: The column.
            codes: Number of each code.
            where: What to call the codes in messages, such as "`values` of feature purpose".

        Raises:
            DataFault: A cell is none of the codes.
        """
        known = dict.fromkeys(self.missing, None) | dict(codes)
        words = self.columns[column].dictionary_encode()
        numbers, unknown = [], []
        for word in words.dictionary.to_pylist():
            code = word if word in known else whole(word)
            value = known.get(code)
            numbers.append(np.nan if value is None else value)
            unknown.append(code not in known)
        positions = np.asarray(words.indices.to_numpy(), dtype=np.int64)
        strange = np.array(unknown, dtype=bool)[positions]
        if strange.any():
            cell = self.cell(column, int(strange.argmax()))
            raise DataFault(
                f"{cell}, but {where} know only {_listed(list(codes))}; "
                "complete the mapping, or correct it there."
            )
        return np.array(numbers, dtype=np.float64)[positions]

    def categorised(self, column: str, coding: Coding) -> tuple[NDArray[np.float64], Counter[str]]:
        """A column of categories as their numbers, NaN where missing; and rows of each value that is none of them."""
        words = self.columns[column].dictionary_encode()
        strange = Counter[str]()
        numbers = []
        positions = np.asarray(words.indices.to_numpy(), dtype=np.int64)
        texts = words.dictionary.to_pylist()
        rows = np.bincount(positions, minlength=len(texts)).tolist()
        for word, count in zip(texts, rows, strict=True):
            known = coding.number(word)
            if known is None and word in self.missing:
                known = np.nan
            elif known is None:
                strange[word] += count
                known = coding.rest
            numbers.append(known)
        return np.array(numbers, dtype=np.float64)[positions], strange

    def days(self, column: str, form: str | None) -> NDArray[np.float64]:
        """A column of dates as days since 1970; NaN where the value is missing.

        Args:
            column: The column.
            form: How dates are written, as `%d.%m.%Y`; ISO dates are always read.

        Raises:
            DataFault: A cell is not such a date.
        """
        absent = pc.is_in(self.columns[column], value_set=_set(self.missing))
        text = pc.if_else(absent, pa.scalar(None, pa.string()), self.columns[column])
        days = as_days(text, "%Y-%m-%d")
        if form is not None:
            days = pc.coalesce(days, as_days(text, form))
        wrong = pc.index(pc.and_(pc.is_null(days), pc.is_valid(text)), True).as_py()
        if wrong >= 0:
            wanted = "a date as 2025-03-31" + (
                f" or as the mapping's `date_format` {form!r} says" if form else ""
            )
            raise DataFault(
                f"{self.cell(column, wrong)}, which is not {wanted}; correct it there, or the mapping's `date_format`."
            )
        return np.asarray(pc.cast(days, pa.int32()).to_numpy(zero_copy_only=False), dtype=np.float64)

    def cell(self, column: str, row: int) -> str:
        """Names a cell and its value: the beginning of a sentence about it."""
        value = self.columns[column][row].as_py()
        return f"{self.place(row)}: {column} is {_shown(str(value))}"

    def place(self, row: int) -> str:
        """Names a row by its place in the file."""
        return self.source.place(self.first + row)


def open_flat_file(path: Path, form: Form, wanted: Sequence[str]) -> TableFile:
    """Opens a file and reads the names of its columns.

    Args:
        path: The file.
        form: How it is to be read.
        wanted: Columns by which a delimiter that is not said is told from others.

    Raises:
        CallError: There is no such file, or it is of another kind.
        DataFault: It is empty or damaged.
    """
    if not path.is_file():
        raise CallError(f"No file at {path}; name a {KINDS} file, or correct the mapping that names it.")
    kind, packed = kind_of(path), path.suffix.lower() in PACKED
    try:
        if kind in TEXTS:
            return open_csv(path, form, wanted)
        if kind == ".parquet" and not packed:
            return open_parquet(path)
        if kind in WORKBOOKS and not packed:
            return open_excel(path, form)
    except OSError as error:
        raise _unreadable(path, error) from None
    raise CallError(f"{path} is neither .csv nor .parquet nor .xlsx; save it as {KINDS}.")


def flat_file_parts(
    path: Path,
    wanted: Sequence[str],
    missing: Sequence[str],
    form: Form = Form(),  # noqa: B008 (frozen)
) -> Iterator[FlatFile]:
    """The wanted columns of a file part by part, so that memory does not grow with the file.

    Args:
        path: The file; one without rows has no parts.
        wanted: The columns, one at least.
        missing: Texts that mean that a value is missing.
        form: How the file is to be read.

    Raises:
        CallError: There is no such file, or it lacks a wanted column.
        DataFault: The file is damaged.
    """
    yield from parts_of(open_flat_file(path, form, wanted), wanted, missing)


def parts_of(
    source: TableFile, wanted: Sequence[str], missing: Sequence[str], numbers: Collection[str] = ()
) -> Iterator[FlatFile]:
    """The same of a file that is open.

    Args:
        source: The file.
        wanted: The columns, one at least.
        missing: Texts that mean that a value is missing.
        numbers: Columns to be read as numbers at once, which is much faster than to go over their texts.

    Raises:
        NotNumbers: A cell of `numbers` is no number as it stands; read them as text to see which.
        CallError: The file lacks a wanted column.
        DataFault: It is damaged.
    """
    first, none = 0, frozenset(missing)
    try:
        for part in source.parts(wanted, frozenset(numbers), none):
            if part.num_rows:
                columns = {name: _cells(part[name], source.path, name, name in numbers) for name in wanted}
                yield FlatFile(source, columns, none, first)
            first += part.num_rows
    except OSError as error:
        raise _unreadable(source.path, error) from None


def _unreadable(path: Path, error: OSError) -> CallError:
    return CallError(f"{path} cannot be read ({error.strerror or error}); check the file.")


def _read(cells: pa.Array) -> bool:
    """Whether cells are numbers already."""
    return bool(pa.types.is_floating(cells.type))


def _set(texts: frozenset[str]) -> pa.StringArray:
    return pa.array(sorted(texts), type=pa.string())


def _cells(column: pa.ChunkedArray, path: Path, name: str, number: bool) -> pa.Array:
    if number and pa.types.is_float64(column.type):
        return _one(column)
    try:
        text = pc.cast(column, pa.string())
    except pa.ArrowException:
        raise CallError(
            f"{path}: {name} is of type {column.type}, not numbers or text; convert it."
        ) from None
    return _one(pc.fill_null(pc.utf8_trim_whitespace(text), ""))


def _one(column: pa.ChunkedArray) -> pa.Array:
    return column.combine_chunks() if column.num_chunks != 1 else column.chunk(0)


def as_numbers(text: pa.StringArray, decimal: str) -> pa.DoubleArray:
    """Texts as numbers, null where they are null.

    Raises:
        pa.ArrowInvalid: One is none.
    """
    if decimal != ".":
        if pc.any(pc.match_substring(text, ".")).as_py():
            raise pa.ArrowInvalid("a point where decimals are marked by a comma")
        text = pc.replace_substring(text, decimal, ".")
    return pc.cast(text, pa.float64())


def _first_that_is_none(text: pa.StringArray, decimal: str) -> int:
    """The first row whose text is no number, by halves; there must be one."""
    first, rows = 0, len(text)
    while rows > 1:
        half = rows // 2
        try:
            as_numbers(text.slice(first, half), decimal)
            first, rows = first + half, rows - half
        except pa.ArrowInvalid:
            rows = half
    return first


_CODED = "correct it there, or give the feature `values` in the mapping if these are codes."
_DATE = r"^[0-9]{1,4}[-/.][0-9]{1,2}[-/.][0-9]{1,4}([ T].*)?$|^[0-9]{4}年"
_COMMA = r"^[-+]?[0-9.]*,[0-9]+$"


def _advice(text: str, decimal: str) -> str:
    """What to do about a text that is no number."""
    word = pa.scalar(text)
    if pc.match_substring_regex(word, _DATE).as_py():
        return "it looks like a date: leave it out, or derive `days` between two dates from it."
    if decimal == "." and pc.match_substring_regex(word, _COMMA).as_py():
        return 'correct it there, or write `decimal: ","` in the mapping if all decimals have a comma.'
    if decimal == "," and "." in text:
        return 'the mapping says `decimal: ","`: correct it there, or the mapping.'
    return _CODED


def as_days(text: pa.StringArray, form: str) -> pa.Date32Array:
    """Dates written in a form, with a time of day behind it or without; null where a text is none, or no day."""
    pattern = re.escape(form)
    for letter, digits in (("Y", "{4}"), ("m", "{1,2}"), ("d", "{1,2}")):
        pattern = pattern.replace(f"%{letter}", f"(?P<{letter}>[0-9]{digits})", 1)
    found = pc.extract_regex(text, f"^{pattern}(?P<time>[ T].*)?$")
    month, day = (pc.utf8_lpad(pc.struct_field(found, letter), 2, "0") for letter in "md")
    iso = pc.binary_join_element_wise(pc.struct_field(found, "Y"), month, day, "-")
    at = pc.strptime(iso, "%Y-%m-%d", "s", error_is_null=True)
    # The 30th of February is taken for a day of March; written again it is another text.
    again = pc.equal(pc.strftime(at, "%Y-%m-%d"), iso)
    return pc.cast(pc.if_else(again, at, pa.scalar(None, at.type)), pa.date32())


def _listed(codes: list[str]) -> str:
    shown = ", ".join(_shown(code) for code in codes[:8])
    return shown + (", …" if len(codes) > 8 else "")


def _shown(value: str) -> str:
    return repr(value if len(value) <= 40 else value[:39] + "…")
