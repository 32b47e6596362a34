"""What the readers of a lender's files share: how a file is to be read, and what each of them gives."""

from __future__ import annotations

import difflib
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Protocol

import pyarrow as pa

from data.errors import CallError, DataFault

ENCODINGS = ("utf-8", "gb18030", "gbk", "big5", "utf-16", "latin-1", "cp1252")
DELIMITERS = {",": "commas", ";": "semicolons", "\t": "tabs", "|": "bars"}

MISSING: Final = ("", "NA", "N/A", "NaN", "nan", "null", "NULL", "None")
"""Texts that mean missing wherever a mapping says nothing."""


@dataclass(frozen=True)
class Form:
    """How a file is to be read, as far as its mapping says.

    Attributes:
        encoding: Of a CSV file's text.
        delimiter: Between a CSV file's cells; guessed from its beginning where not said.
        decimal: Mark before the decimals in a CSV file.
        sheet: Name of the sheet of an Excel workbook; its only one where not said.
    """

    encoding: str = "utf-8"
    delimiter: str | None = None
    decimal: str = "."
    sheet: str | None = None


class NotText(DataFault):
    """A file is not text in the encoding in which it was to be read; another may be its own."""


class NotNumbers(Exception):
    """A column holds a cell that could not be read as a number at once; its text has to be looked at.

    Attributes:
        column: The column, where that can be told.
    """

    def __init__(self, column: str | None) -> None:
        super().__init__(column)
        self.column = column


class TableFile(Protocol):
    """A file that is read part by part."""

    @property
    def path(self) -> Path:
        """The file."""
        ...

    @property
    def names(self) -> tuple[str, ...]:
        """Its columns, in its order; a name may stand twice."""
        ...

    @property
    def decimal(self) -> str:
        """Mark before the decimals of its numbers where they are text."""
        ...

    @property
    def told(self) -> str:
        """How it is read, as the end of a sentence."""
        ...

    @property
    def rows(self) -> int | None:
        """How many rows it has, where it says so itself."""
        ...

    def parts(
        self, wanted: Sequence[str], numbers: frozenset[str], missing: frozenset[str]
    ) -> Iterator[pa.Table]:
        """The wanted columns, some thousand rows at a time; those in `numbers` may come as float64.

        Raises:
            NotNumbers: A cell of `numbers` is none.
            DataFault: The file is damaged.
        """
        ...

    def place(self, row: int) -> str:
        """Names a row (0 is the first below the column names) as the program shows it that the file is for."""
        ...


def refuse_missing(path: Path, names: Sequence[str], wanted: Sequence[str]) -> None:
    """Refuses a file that lacks a wanted column or has it twice.

    Raises:
        CallError: It does.
    """
    lacking = [name for name in wanted if name not in names]
    if lacking:
        said = ", ".join(f"{name!r}{_nearest(name, names)}" for name in lacking[:5])
        more = f" and {len(lacking) - 5} more" if len(lacking) > 5 else ""
        noun = "column" if len(lacking) == 1 else "columns"
        raise CallError(
            f"{path} lacks the {noun} {said}{more}; correct the mapping, or name the file that it is for."
        )
    refuse_twice(path, [name for name in names if name in set(wanted)])


def refuse_twice(path: Path, names: Sequence[str]) -> None:
    """Refuses a file in which two columns have one name.

    Raises:
        CallError: They do.
    """
    name, times = max(Counter(names).items(), key=lambda counted: counted[1], default=("", 0))
    if times > 1:
        raise CallError(f"{path} has the column {name!r} twice; rename or remove one.")


def first_line(error: Exception) -> str:
    """What another library says of a fault, short enough to stand in a sentence."""
    return " ".join(str(error).strip().partition("\n")[0][:200].split())


def _nearest(name: str, names: Sequence[str]) -> str:
    by_case = {known.casefold(): known for known in names}
    close = difflib.get_close_matches(name.casefold(), by_case, n=1)
    return f" (the nearest is {by_case[close[0]]!r})" if close else ""
