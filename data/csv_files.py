"""CSV files, compressed too: their delimiter guessed and said, their rows part by part, their lines named."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Final

import pyarrow as pa
import pyarrow.csv

from data.errors import DataFault
from data.table_form import DELIMITERS, Form, NotNumbers, NotText, first_line, refuse_missing
from data.unpacking import unpacked

PART_BYTES: Final = 4 << 20
"""Bytes read at once. Such a part stays in the processor's cache: it is read in half the time that 16 MiB take."""
MOST_HEADER: Final = 1 << 20
"""Characters in which the line of column names must end."""
MOST_CELL: Final = PART_BYTES
"""Characters of a cell at most: no row that Arrow reads has more. Python's reader takes 131,072 unless it is told."""
_GUESSED_BY: Final = 20
"""Records by which the delimiter is guessed."""


@dataclass(frozen=True)
class CsvFile:
    """A CSV file whose column names have been read.

    Attributes:
        path: The file.
        names: Its columns.
        encoding: Of its text.
        delimiter: Between its cells.
        decimal: Mark before the decimals of its numbers.
    """

    path: Path
    names: tuple[str, ...]
    encoding: str
    delimiter: str
    decimal: str
    rows = None

    @property
    def told(self) -> str:
        """How it is read."""
        return f"CSV in {self.encoding.upper()}, cells between {DELIMITERS[self.delimiter]}"

    def parts(
        self, wanted: Sequence[str], numbers: frozenset[str], missing: frozenset[str]
    ) -> Iterator[pa.Table]:
        """The wanted columns part by part (see `TableFile`)."""
        refuse_missing(self.path, self.names, wanted)
        kinds = {name: pa.float64() if name in numbers else pa.string() for name in wanted}
        try:
            with (
                unpacked(self.path) as stream,
                pa.csv.open_csv(
                    stream,
                    pa.csv.ReadOptions(block_size=PART_BYTES, encoding=_arrows(self.encoding)),
                    pa.csv.ParseOptions(delimiter=self.delimiter, newlines_in_values=True),
                    pa.csv.ConvertOptions(
                        include_columns=list(wanted),
                        column_types=kinds,
                        null_values=sorted(missing),
                        strings_can_be_null=False,
                        decimal_point=self.decimal,
                    ),
                ) as parts,
            ):
                for part in parts:
                    yield pa.Table.from_batches([part])
        except (pa.ArrowException, UnicodeError) as error:
            if numbers and "conversion error" in str(error):
                at = re.search(r"column #([0-9]+)", str(error))
                raise NotNumbers(self.names[int(at[1])] if at else None) from None
            if "Empty CSV" not in str(error):  # the line of column names alone
                raise self._damage(error) from None

    def place(self, row: int) -> str:
        """Names a row by the line on which it begins; by its number where no line can be told."""
        with suppress(csv.Error):
            # Columns that are not read may hold bytes that are no text; they move no line.
            for number, (line, _) in enumerate(self._records("replace")):
                if number == row + 1:
                    return f"{self.path}, line {line}"
        return f"{self.path}, row {row + 1}"

    def _records(self, errors: str = "strict") -> Iterator[tuple[int, list[str]]]:
        """The records, the header first, each with the line on which it begins; no blank lines."""
        with _text(self.path, self.encoding, errors) as text:
            yield from _parsed(_lines(text), self.delimiter)

    def _damage(self, error: Exception) -> DataFault:
        """The fault of a file that cannot be read, with its first damaged line if that can be told."""
        width = len(self.names)
        try:
            for line, record in self._records():
                if len(record) != width:
                    values = f"{len(record)} values, but {width} column names"
                    return DataFault(f"{self.path}, line {line}: {values}; correct the line.")
        except UnicodeError:
            return _no_text(self.path, self.encoding)
        except csv.Error:
            pass  # what Arrow said stands
        if "straddl" in str(error):
            return DataFault(
                f"{self.path} has a row of more than {PART_BYTES >> 20} MiB; see whether a quote that it opens is "
                "never closed."
            )
        return DataFault(f"{self.path} is not a sound CSV file ({first_line(error)}); write it again.")


def open_csv(path: Path, form: Form, wanted: Sequence[str]) -> CsvFile:
    """Reads the column names of a CSV file, and guesses its delimiter where none is said.

    Raises:
        DataFault: It is empty, or not text in its encoding.
    """
    try:
        with _text(path, form.encoding) as text:
            beginning = text.read(MOST_HEADER)
    except UnicodeError:
        raise _no_text(path, form.encoding) from None
    if len(beginning) == MOST_HEADER and not set("\r\n") & set(beginning):
        raise DataFault(
            f"{path} has no end of a line in its first million characters; it is no table as CSV."
        )
    delimiter = form.delimiter or _guessed(beginning, wanted)
    try:
        header = next(_parsed(io.StringIO(beginning, newline=""), delimiter), (1, []))[1]
    except csv.Error:
        raise DataFault(f"{path} has no line of column names that can be read; write it again.") from None
    if not header:
        raise DataFault(f"{path} is empty; give it a line of column names and a row per client.")
    return CsvFile(path, tuple(header), form.encoding, delimiter, form.decimal)


def _guessed(beginning: str, wanted: Sequence[str]) -> str:
    """The delimiter under which most wanted columns are found, all records are of one width, and that the widest."""

    def merit(delimiter: str) -> tuple[int, bool, int]:
        try:
            records = [record for _, record in islice(_whole(beginning, delimiter), _GUESSED_BY)]
        except csv.Error:
            return 0, False, 0
        widths = {len(record) for record in records}
        found = len(set(wanted) & set(records[0])) if records else 0
        return found, len(widths) == 1 and widths != {1}, len(records[0]) if records else 0

    return max(DELIMITERS, key=merit)


def _whole(beginning: str, delimiter: str) -> Iterator[tuple[int, list[str]]]:
    """The records of a file's beginning, without the last, which may be cut off."""
    held = None
    for record in _parsed(io.StringIO(beginning, newline=""), delimiter):
        if held is not None:
            yield held
        held = record
    if held is not None and len(beginning) < MOST_HEADER:
        yield held


def _parsed(lines: Iterator[str] | io.StringIO, delimiter: str) -> Iterator[tuple[int, list[str]]]:
    csv.field_size_limit(MOST_CELL)
    reader = csv.reader(lines, delimiter=delimiter)
    begins = 1
    for record in reader:
        if record:
            yield begins, record
        begins = reader.line_num + 1


def _text(path: Path, encoding: str, errors: str = "strict") -> io.TextIOWrapper:
    name = "utf-8-sig" if encoding == "utf-8" else encoding
    return io.TextIOWrapper(unpacked(path), name, errors, newline="")


def _lines(text: io.TextIOWrapper) -> Iterator[str]:
    """Lines, those that are longer than any part in pieces, so that none fills the memory."""
    return iter(lambda: text.readline(PART_BYTES), "")


def _arrows(encoding: str) -> str:
    """An encoding's name; UTF-8's as Arrow knows it, which it reads without Python's help."""
    return "utf8" if encoding == "utf-8" else encoding


def _no_text(path: Path, encoding: str) -> NotText:
    if encoding != "utf-8":
        return NotText(
            f"{path} is not text in {encoding.upper()}; correct the mapping's `encoding`, or save it in UTF-8."
        )
    return NotText(
        f"{path} is not text in UTF-8; save it as CSV in UTF-8, or name its `encoding` in the mapping (GB18030 for "
        "most Chinese files, latin-1 for older Western ones)."
    )
