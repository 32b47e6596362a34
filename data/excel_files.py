"""Excel workbooks row by row, so that memory does not grow with the sheet (openpyxl in its read-only mode)."""

from __future__ import annotations

import datetime as dt
import warnings
import zipfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any, Final

import pyarrow as pa

from data.errors import CallError, DataFault
from data.table_form import Form, first_line, refuse_missing
from data.unpacking import refuse_bomb

PART_ROWS: Final = 5_000
"""Rows read at once."""
MOST_ROWS: Final = 1_048_576
"""Rows of a sheet at most, as Excel has it. A few bytes can name a row far below, and all between are gone over."""
MOST_TEXTS: Final = 256 << 20
"""Bytes of a workbook's list of texts, which is held in memory as a whole."""


@dataclass(frozen=True)
class ExcelFile:
    """A sheet whose column names have been read.

    Attributes:
        path: The workbook.
        names: Its columns; empty where a column has no name.
        sheet: Name of the sheet.
        header: Number of the row of column names; Excel's first is 1.
    """

    path: Path
    names: tuple[str, ...]
    sheet: str
    header: int
    decimal = "."
    rows = None

    @property
    def told(self) -> str:
        """How it is read."""
        return f"Excel, sheet {self.sheet!r}"

    def parts(
        self, wanted: Sequence[str], numbers: frozenset[str], missing: frozenset[str]
    ) -> Iterator[pa.Table]:
        """The wanted columns part by part, all as text (see `TableFile`)."""
        refuse_missing(self.path, self.names, wanted)
        at = [self.names.index(name) for name in wanted]
        with _opened(self.path) as book:
            rows = _rows(book[self.sheet], self.header + 1, self.path)
            picked = ([row[place] if place < len(row) else "" for place in at] for row in rows)
            while taken := list(islice(picked, PART_ROWS)):
                columns = zip(wanted, zip(*taken, strict=True), strict=True)
                yield pa.table({name: pa.array(cells, pa.string()) for name, cells in columns})

    def place(self, row: int) -> str:
        """Names a row by its number in the sheet."""
        return f"{self.path}, sheet {self.sheet!r}, row {self.header + 1 + row}"


def open_excel(path: Path, form: Form) -> ExcelFile:
    """Reads the column names of a sheet: its first row that is not empty.

    Raises:
        CallError: There is no such sheet, or several and none is named.
        DataFault: The workbook is damaged, or the sheet is empty.
    """
    with _opened(path) as book:
        names = [str(sheet.title) for sheet in book.worksheets]
        if form.sheet is None and len(names) != 1:
            raise CallError(f"{path} has the sheets {_listed(names)}; name one as `sheet` in the mapping.")
        sheet = form.sheet or names[0]
        if sheet not in names:
            raise CallError(
                f"{path} has no sheet {sheet!r}, but {_listed(names)}; correct the mapping's `sheet`."
            )
        for number, row in enumerate(_rows(book[sheet], 1, path), start=1):
            if any(row):
                while not row[-1]:
                    row.pop()
                return ExcelFile(path, tuple(row), sheet, number)
    raise DataFault(f"{path}, sheet {sheet!r} is empty; give it a row of column names and a row per client.")


def sheets_of(path: Path) -> list[str]:
    """Names of the sheets of a workbook.

    Raises:
        DataFault: It is damaged, or has none.
    """
    with _opened(path) as book:
        names = [str(sheet.title) for sheet in book.worksheets]
    if not names:
        raise DataFault(f"{path} has no sheet with cells; give it one with a row per client.")
    return names


@contextmanager
def _opened(path: Path) -> Iterator[Any]:
    import openpyxl

    try:
        with zipfile.ZipFile(path) as parts:
            sizes = {part.filename: part.file_size for part in parts.infolist()}
        refuse_bomb(path, sum(sizes.values()))
        if sizes.get("xl/sharedStrings.xml", 0) > MOST_TEXTS:
            raise DataFault(f"{path} holds too many texts for a workbook; save it as CSV in UTF-8.")
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of drawings, styles and the like that are not read
            book = openpyxl.load_workbook(path, read_only=True, data_only=True, keep_links=False)
        try:
            yield book
        finally:
            book.close()
    except (CallError, DataFault, OSError, GeneratorExit):
        raise
    except Exception as error:  # what a damaged workbook raises is not told anywhere: keys, types, XML, zip
        raise DataFault(
            f"{path} is not a sound Excel workbook ({first_line(error) or type(error).__name__}); save it again as "
            ".xlsx."
        ) from None


def _rows(sheet: Any, first: int, path: Path) -> Iterator[list[str]]:
    """The rows of a sheet from one on, as texts; empty rows at its end are none."""
    sheet.reset_dimensions()  # what a sheet says of its size may be wrong
    empty = 0
    for number, row in enumerate(sheet.iter_rows(min_row=first, values_only=True), start=first):
        if number > MOST_ROWS:
            raise DataFault(
                f"{path}, sheet {str(sheet.title)!r} goes on below row {MOST_ROWS:,}, the last that a sheet can have; "
                "save it again as .xlsx."
            )
        texts = [_cell(value) for value in row]
        if any(texts):
            for _ in range(empty):
                yield []
            empty = 0
            yield texts
        else:
            empty += 1


def _cell(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, dt.datetime):
        return value.date().isoformat() if value.time() == dt.time() else value.isoformat(" ")
    return str(value)


def _listed(names: list[str]) -> str:
    return ", ".join(repr(name) for name in names[:8]) + (", …" if len(names) > 8 else "")
