"""A lender's file with one row per client, CSV or Parquet, read as text that nothing is assumed about."""

from __future__ import annotations

import csv
import difflib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv
import pyarrow.parquet as pq
from numpy.typing import NDArray

from data.errors import CallError, DataFault

_NUMBER = r"^-?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][-+]?[0-9]+)?$"
_LARGEST = float(np.finfo(np.float32).max)
_PART_BYTES = 8 << 20
"""Bytes of a CSV file that are read at once where a file is read part by part."""
_PART_ROWS = 200_000
"""Rows of a Parquet file that are."""


@dataclass(frozen=True)
class FlatFile:
    """The wanted columns of a file.

    Attributes:
        path: The file.
        columns: Each column's cells as text without spaces around it; empty where Parquet has null.
        missing: Texts that mean that a value is missing.
        first: How many rows of the file come before these.
    """

    path: Path
    columns: Mapping[str, pa.StringArray]
    missing: frozenset[str]
    first: int = 0

    def __len__(self) -> int:
        """Number of rows."""
        return len(next(iter(self.columns.values())))

    def missing_in(self, column: str) -> NDArray[np.bool_]:
        """Which cells of a column mean that the value is missing."""
        found = pc.is_in(self.columns[column], value_set=pa.array(sorted(self.missing), type=pa.string()))
        return np.asarray(found.to_numpy(zero_copy_only=False), dtype=bool)

    def numbers(self, column: str) -> NDArray[np.float64]:
        """A column of numbers; NaN where the value is missing.

        Raises:
            DataFault: A cell is not a number, or not one of a size that the book can hold.
        """
        none = pa.array(self.missing_in(column))
        text = pc.if_else(none, pa.scalar(None, type=pa.string()), self.columns[column])
        try:
            read = pc.cast(text, pa.float64())
        except pa.ArrowInvalid:
            wrong = pc.invert(pc.match_substring_regex(text, _NUMBER))
            row = pc.index(wrong, True).as_py()
            raise DataFault(f"{self.cell(column, row)}, which is not a number; {_CODED}") from None
        values = np.asarray(read.to_numpy(zero_copy_only=False), dtype=np.float64)
        large = ~(np.abs(values) <= _LARGEST) & ~np.asarray(none)
        if large.any():
            raise DataFault(
                f"{self.cell(column, int(large.argmax()))}, which is not a finite number; correct it there."
            )
        return values

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
            code = word if word in known else _whole(word)
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

    def cell(self, column: str, row: int) -> str:
        """Names a cell and its value: the beginning of a sentence about it."""
        value = self.columns[column][row].as_py()
        return f"{self.place(row)}: {column} is {_shown(value)}"

    def place(self, row: int) -> str:
        """Names a row by its line in the file (Parquet: by its number, the first is 1)."""
        return place_of(self.path, self.first + row)


def place_of(path: Path, row: int) -> str:
    """Names a row of a file (0 is the first) by its line, or by its number where it has no lines."""
    if path.suffix.lower() != ".parquet":
        for number, (line, _) in enumerate(_records(path)):
            if number == row + 1:
                return f"{path}, line {line}"
    return f"{path}, row {row + 1}"


_CODED = "correct it there, or give the feature `values` in the mapping if these are codes."


def read_flat_file(path: Path, wanted: Sequence[str], missing: Sequence[str]) -> FlatFile:
    """Reads the wanted columns of a file.

    Raises:
        CallError: There is no such file, or it lacks a wanted column.
        DataFault: The file is empty or damaged.
    """
    if not path.is_file():
        raise CallError(f"No file at {path}; name a .csv or .parquet file with one row per client.")
    readers = {".csv": _read_csv, ".parquet": _read_parquet}
    reader = readers.get(path.suffix.lower())
    if reader is None:
        raise CallError(
            f"{path} is neither .csv nor .parquet; save it as one of these, with one row per client."
        )
    try:
        table = reader(path, wanted)
    except OSError as error:
        raise CallError(f"{path} cannot be read ({error.strerror or error}); check the file.") from None
    if not table.num_rows:
        raise DataFault(f"{path} is empty: it has no row below its column names; give it a row per client.")
    return FlatFile(path, {name: _text(table[name], path, name) for name in wanted}, frozenset(missing))


def flat_file_parts(path: Path, wanted: Sequence[str], missing: Sequence[str]) -> Iterator[FlatFile]:
    """The wanted columns of a file part by part, so that memory does not grow with the file.

    Args:
        path: The file; one without rows has no parts.
        wanted: The columns, one at least.
        missing: Texts that mean that a value is missing.

    Raises:
        CallError: There is no such file, or it lacks a wanted column.
        DataFault: The file is damaged.
    """
    if not path.is_file():
        raise CallError(f"No file at {path}; correct the mapping, or put the file there.")
    readers = {".csv": _csv_parts, ".parquet": _parquet_parts}
    reader = readers.get(path.suffix.lower())
    if reader is None:
        raise CallError(f"{path} is neither .csv nor .parquet; save it as one of these.")
    first = 0
    try:
        for part in reader(path, wanted):
            if part.num_rows:
                columns = {name: _text(part[name], path, name) for name in wanted}
                yield FlatFile(path, columns, frozenset(missing), first)
            first += part.num_rows
    except OSError as error:
        raise CallError(f"{path} cannot be read ({error.strerror or error}); check the file.") from None


def _csv_parts(path: Path, wanted: Sequence[str]) -> Iterator[pa.Table]:
    width = _csv_width(path, wanted)
    try:
        with pa.csv.open_csv(
            path, pa.csv.ReadOptions(block_size=_PART_BYTES), **_csv_options(wanted)
        ) as parts:
            for part in parts:
                yield pa.Table.from_batches([part])
    except pa.ArrowException as error:
        raise DataFault(_damage(path, width, error)) from None


def _parquet_parts(path: Path, wanted: Sequence[str]) -> Iterator[pa.Table]:
    try:
        with pq.ParquetFile(path) as file:
            _refuse_missing(path, file.schema_arrow.names, wanted)
            for part in file.iter_batches(_PART_ROWS, columns=list(wanted)):
                yield pa.Table.from_batches([part])
    except pa.ArrowException as error:
        raise DataFault(
            f"{path} is not a sound Parquet file ({_first_line(error)}); write it again."
        ) from None


def _csv_width(path: Path, wanted: Sequence[str]) -> int:
    """How many columns the file has; refused where a wanted one is not among them."""
    try:
        header = next(_records(path), (1, []))[1]
    except (UnicodeDecodeError, csv.Error):
        raise DataFault(f"{path} is not text in UTF-8; save it as CSV in UTF-8.") from None
    if not header:
        raise DataFault(f"{path} is empty; give it a line of column names and a row per client.")
    _refuse_missing(path, header, wanted)
    return len(header)


def _csv_options(wanted: Sequence[str]) -> dict[str, Any]:
    return {
        "parse_options": pa.csv.ParseOptions(newlines_in_values=True),
        "convert_options": pa.csv.ConvertOptions(
            include_columns=list(wanted),
            column_types=dict.fromkeys(wanted, pa.string()),
            strings_can_be_null=False,
        ),
    }


def _read_csv(path: Path, wanted: Sequence[str]) -> pa.Table:
    width = _csv_width(path, wanted)
    try:
        return pa.csv.read_csv(path, **_csv_options(wanted))
    except pa.ArrowException as error:
        raise DataFault(_damage(path, width, error)) from None


def _read_parquet(path: Path, wanted: Sequence[str]) -> pa.Table:
    try:
        _refuse_missing(path, pq.read_schema(path).names, wanted)
        return pq.read_table(path, columns=list(wanted), partitioning=None)
    except pa.ArrowException as error:
        raise DataFault(
            f"{path} is not a sound Parquet file ({_first_line(error)}); write it again."
        ) from None


def _refuse_missing(path: Path, names: Sequence[str], wanted: Sequence[str]) -> None:
    lacking = [name for name in wanted if name not in names]
    if lacking:
        said = ", ".join(f"{name!r}{_nearest(name, names)}" for name in lacking[:5])
        more = f" and {len(lacking) - 5} more" if len(lacking) > 5 else ""
        noun = "column" if len(lacking) == 1 else "columns"
        raise CallError(
            f"{path} lacks the {noun} {said}{more}; correct the mapping, or name the file that it is for."
        )
    twice = [name for name in wanted if list(names).count(name) > 1]
    if twice:
        raise CallError(f"{path} has the column {twice[0]!r} twice; rename or remove one.")


def _nearest(name: str, names: Sequence[str]) -> str:
    by_case = {known.casefold(): known for known in names}
    close = difflib.get_close_matches(name.casefold(), by_case, n=1)
    return f" (the nearest is {by_case[close[0]]!r})" if close else ""


def _records(path: Path) -> Iterator[tuple[int, list[str]]]:
    """The records of a CSV file, the header first, each with the line on which it begins; no blank lines."""
    with path.open(encoding="utf-8-sig", newline="") as lines:
        reader = csv.reader(lines)
        begins = 1
        for record in reader:
            if record:
                yield begins, record
            begins = reader.line_num + 1


def _damage(path: Path, width: int, error: pa.ArrowException) -> str:
    """One sentence about a CSV file that cannot be read, with its first damaged line if that can be told."""
    try:
        for line, record in _records(path):
            if len(record) != width:
                return (
                    f"{path}, line {line}: {len(record)} values, but {width} column names; correct the line."
                )
    except UnicodeDecodeError:
        return f"{path} is not text in UTF-8; save it as CSV in UTF-8."
    except csv.Error:
        pass  # what Arrow said stands
    return f"{path} is not a sound CSV file ({_first_line(error)}); write it again."


def _text(column: pa.ChunkedArray, path: Path, name: str) -> pa.StringArray:
    try:
        text = pc.cast(column, pa.string())
    except pa.ArrowException:
        raise CallError(
            f"{path}: {name} is of type {column.type}, not numbers or text; convert it."
        ) from None
    whole = pc.fill_null(pc.utf8_trim_whitespace(text), "")
    return whole.combine_chunks() if whole.num_chunks != 1 else whole.chunk(0)


def _whole(word: str) -> str:
    """A whole number without the decimals that some programs write: '2.0' is the code '2'."""
    head, point, tail = word.partition(".")
    return head if point and tail and not tail.strip("0") else word


def _listed(codes: list[str]) -> str:
    shown = ", ".join(_shown(code) for code in codes[:8])
    return shown + (", …" if len(codes) > 8 else "")


def _shown(value: str) -> str:
    return repr(value if len(value) <= 40 else value[:39] + "…")


def _first_line(error: Exception) -> str:
    return str(error).strip().partition("\n")[0][:200]
