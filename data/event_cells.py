"""Cells of a lender's file as values of a book's columns, or one sentence that names file, line and column."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from data.errors import CallError, DataFault
from data.event_mapping import Cell
from data.flat_file import FlatFile
from data.table_rules import FIRST_DAY, LAST_DAY

ISO = "%Y-%m-%d"
UNKNOWN = "unknown"
"""Stands for a word that a borrower's record does not tell."""

_TRUTH = dict.fromkeys(("true", "1", "yes", "y"), "true") | dict.fromkeys(("false", "0", "no", "n"), "false")
_NO_DAY = np.iinfo(np.int32).min
_FIRST, _LAST = (int(day.astype(np.int64)) for day in (FIRST_DAY, LAST_DAY))


@dataclass(frozen=True)
class CellReader:
    """Reads the cells of a part of a file.

    Attributes:
        part: The part.
        dates: How its dates are written, by strftime's signs.
    """

    part: FlatFile
    dates: str

    def read(
        self, name: str, cell: Cell, kind: pa.DataType, nullable: bool
    ) -> tuple[pa.Array, NDArray[np.bool_]]:
        """The values of a column, and the rows that the mapping leaves out.

        Args:
            name: The book's column.
            cell: Where it comes from.
            kind: Its type in the book; dates come as days since 1970-01-01, words and ids as texts.
            nullable: Whether a value may be missing.

        Raises:
            CallError: The mapping gives the column what it cannot hold.
            DataFault: A cell is not as the column needs it.
        """
        nowhere = np.zeros(len(self.part), dtype=bool)
        if cell.column is None:
            return self._constant(name, cell, kind), nowhere
        if pa.types.is_date(kind):
            return self._dates(cell), nowhere
        if pa.types.is_dictionary(kind) or pa.types.is_string(kind):
            return self._words(name, cell)
        if pa.types.is_boolean(kind):
            if cell.values is not None:
                cell = cell.model_copy(update={"values": self._truths(name, cell.values)})
            words, left_out = self._words(name, cell, _TRUTH)
            return pc.equal(words, "true"), left_out
        return self._numbers(name, cell, kind, nullable), nowhere

    def texts(self, cell: Cell) -> pa.StringArray:
        """A column of ids as the file writes them.

        Raises:
            DataFault: One is missing.
        """
        if cell.column is None:
            return pa.array([str(cell.constant)] * len(self.part), pa.string())
        absent = self.part.missing_in(cell.column)
        if absent.any():
            row = int(absent.argmax())
            raise DataFault(f"{self.part.place(row)}: {cell.column} is missing; give the row its id.")
        return self.part.columns[cell.column]

    def _constant(self, name: str, cell: Cell, kind: pa.DataType) -> pa.Array:
        value = cell.constant
        if pa.types.is_date(kind):
            day = _days(pa.array([str(value)]), cell.dates or ISO)[0]
            if day == _NO_DAY:
                raise DataFault(
                    f"{self.part.path}: the constant {value!r} of {name} is no date; write it as 2024-01-31."
                )
            return pa.array(np.full(len(self.part), day, dtype=np.int32))
        if pa.types.is_dictionary(kind) or pa.types.is_string(kind):
            return pa.array([str(value)] * len(self.part), pa.string())
        if pa.types.is_boolean(kind):
            truth = _TRUTH.get(str(value).casefold())
            if truth is None:
                raise CallError(
                    f"{self.part.path}: the constant {value!r} of {name} is not true or false; correct the mapping."
                )
            return pa.array([truth == "true"] * len(self.part))
        number = self._number(value, f"the constant {value!r} of {name} is")
        if not _fits(np.array([number]), kind)[0]:
            raise CallError(
                f"{self.part.path}: the constant {value!r} of {name} is not {_held(kind)}; correct the mapping."
            )
        return pa.array(np.full(len(self.part), number)).cast(kind)

    def _number(self, value: str | float | None, said: str) -> float:
        try:
            return float(str(value))
        except ValueError:
            raise CallError(f"{self.part.path}: {said} not a number; correct the mapping.") from None

    def _truths(self, name: str, values: Mapping[str, str | float | None]) -> dict[str, str | None]:
        """What each code means, as true or false."""
        truths = {
            code: _TRUTH.get(str(value).casefold()) for code, value in values.items() if value is not None
        }
        for code, truth in truths.items():
            if truth is None:
                raise CallError(
                    f"{self.part.path}: the `values` of {name} give {values[code]!r}, which is not true or false; "
                    "correct the mapping."
                )
        return {code: truths.get(code) for code in values}

    def _dates(self, cell: Cell) -> pa.Array:
        column = str(cell.column)
        words = self.part.columns[column].dictionary_encode()
        form = cell.dates or self.dates
        days = _days(words.dictionary, form)
        found = days[np.asarray(words.indices.to_numpy(zero_copy_only=False), dtype=np.int64)]
        wrong = found == _NO_DAY
        if wrong.any():
            row = int(wrong.argmax())
            if self.part.missing_in(column)[row]:
                raise DataFault(f"{self.part.place(row)}: {column} is missing; give the row its date.")
            raise DataFault(
                f"{self.part.cell(column, row)}, which is no date as {form}; correct it there, or say under `dates` in "
                "the mapping how dates are written."
            )
        far = (found < _FIRST) | (found > _LAST)
        if far.any():
            raise DataFault(
                f"{self.part.cell(column, int(far.argmax()))}, but a book holds days from 1950 to 2199; correct it "
                "there, or leave the row out."
            )
        return pa.array(found)

    def _words(
        self, name: str, cell: Cell, known: Mapping[str, str] | None = None
    ) -> tuple[pa.Array, NDArray[np.bool_]]:
        """Words by the mapping's `values`, or as they stand; rows whose code means nothing are left out."""
        column = str(cell.column)
        codes = self.part.columns[column].dictionary_encode()
        meaning: list[str | None] = []
        fault: list[bool] = []
        for code in codes.dictionary.to_pylist():
            missing = code in self.part.missing
            if cell.values is not None and code in cell.values:
                value = cell.values[code]
                meaning.append(None if value is None else str(value))
                fault.append(False)
            elif missing and name in _MAY_BE_UNKNOWN:
                meaning.append(UNKNOWN)
                fault.append(False)
            elif cell.values is None and not missing:
                word = code if known is None else known.get(code.casefold())
                meaning.append(word)
                fault.append(word is None)
            else:
                meaning.append(None)
                fault.append(True)
        at = np.asarray(codes.indices.to_numpy(zero_copy_only=False), dtype=np.int64)
        wrong = np.array(fault, dtype=bool)[at] if fault else np.zeros(0, dtype=bool)
        if wrong.any():
            raise self._unknown_word(name, column, cell, int(wrong.argmax()), known)
        words = pa.array(meaning, pa.string()).take(pa.array(at))
        return words, np.asarray(words.is_null().to_numpy(zero_copy_only=False), dtype=bool)

    def _unknown_word(
        self, name: str, column: str, cell: Cell, row: int, known: Mapping[str, str] | None
    ) -> DataFault:
        if cell.values is not None:
            codes = ", ".join(repr(code) for code in list(cell.values)[:8])
            return DataFault(
                f"{self.part.cell(column, row)}, but the `values` of {name} know only {codes}; complete the mapping, "
                "or correct it there."
            )
        if self.part.missing_in(column)[row]:
            return DataFault(f"{self.part.place(row)}: {column} is missing; give the row its {name}.")
        said = "true or false" if known is not None else "a word"
        return DataFault(
            f"{self.part.cell(column, row)}, which is not {said}; correct it there, or give {name} `values` in the "
            "mapping."
        )

    def _numbers(self, name: str, cell: Cell, kind: pa.DataType, nullable: bool) -> pa.Array:
        column = str(cell.column)
        if cell.values is not None:
            codes: dict[str, float | None] = {}
            for code, value in cell.values.items():
                said = f"the `values` of {name} give {value!r}, which is"
                codes[code] = None if value is None else self._number(value, said)
            values = self.part.coded(column, codes, f"the `values` of {name}")
        else:
            values = self.part.numbers(column)
        if cell.scale is not None:
            values = values * cell.scale
        absent = np.isnan(values)
        if absent.any() and not nullable:
            row = int(absent.argmax())
            raise DataFault(f"{self.part.place(row)}: {column} is missing; give the row its {name}.")
        wrong = ~absent & ~_fits(values, kind)
        if wrong.any():
            row = int(wrong.argmax())
            where = "there" if cell.scale is None and cell.values is None else "there, or in the mapping"
            raise DataFault(
                f"{self.part.cell(column, row)}, but {name} must be {_held(kind)}; correct it {where}."
            )
        return pa.array(np.where(absent, 0, values), pa.float64(), mask=absent).cast(kind, safe=False)


_MAY_BE_UNKNOWN = ("gender", "marital_status")


def _fits(values: NDArray[np.float64], kind: pa.DataType) -> NDArray[np.bool_]:
    """Whether a column of this type holds each number."""
    if pa.types.is_integer(kind):
        bounds = np.iinfo(kind.to_pandas_dtype())
        whole: NDArray[np.bool_] = values == np.round(values)
        return whole & (values >= bounds.min) & (values <= bounds.max)
    # What is not finite is larger, too; what is undefined is not at most the largest.
    fits: NDArray[np.bool_] = np.abs(values) <= np.finfo(kind.to_pandas_dtype()).max
    return fits


def _held(kind: pa.DataType) -> str:
    """What a column of this type holds, as the middle of a sentence."""
    if pa.types.is_integer(kind):
        bounds = np.iinfo(kind.to_pandas_dtype())
        return f"a whole number from {bounds.min} to {bounds.max}"
    return f"a number of at most {np.finfo(kind.to_pandas_dtype()).max:.2g}"


def _days(texts: pa.StringArray, form: str) -> NDArray[np.int32]:
    """Days since 1970-01-01 of dates; the least number where a text is none."""
    if form == ISO:
        # A time of day after the date is passed over: a book counts days.
        right = pc.match_substring_regex(texts, r"^[0-9]{4}-[0-9]{2}-[0-9]{2}($|[ T])")
        texts = pc.if_else(right, pc.utf8_slice_codeunits(texts, 0, 10), "")
    words = texts.dictionary_encode()
    read = np.array([_day(text, form) for text in words.dictionary.to_pylist()], dtype=np.int32)
    return read[np.asarray(words.indices.to_numpy(zero_copy_only=False), dtype=np.int64)]


def _day(text: str, form: str) -> int:
    try:
        # Python's own is strict: what is no day of the calendar is no date.
        return (datetime.strptime(text, form).date() - date(1970, 1, 1)).days
    except ValueError:
        return int(_NO_DAY)
