"""A lender's files of events, found in their folder and read part by part as columns of a book's tables."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePath

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from data.book import sha256
from data.errors import CallError, DataFault
from data.event_cells import CellReader
from data.event_mapping import DECISION, SEQUENCE, EventMapping, Source
from data.flat_file import FlatFile, flat_file_parts, open_flat_file
from data.schema import DATED_TABLES, Table

FILE, ROW = "_file", "_row"
"""Columns of rows that are on their way into a book: the file (by its number) and row from which they come."""

IDS = ("borrower_id", "request_id", "review_id")
AS_TEXT = (*IDS, "region")
"""Columns whose numbers the whole of the files decides."""


@dataclass(frozen=True)
class SourceFile:
    """A file, and what its columns mean."""

    path: Path
    source: Source


@dataclass(frozen=True)
class EventFiles:
    """The files of a mapping.

    Attributes:
        folder: Where they lie.
        mapping: What they mean.
        files: All of them; a file stands once for every table that it fills.
        of: By table, the numbers of its files.
    """

    folder: Path
    mapping: EventMapping
    files: tuple[SourceFile, ...]
    of: Mapping[str, tuple[int, ...]]

    def parts(self, name: str) -> Iterator[pa.Table]:
        """The rows of a table part by part: columns by `schema`, dates as days since 1970-01-01, ids as texts.

        Raises:
            CallError: A file lacks a column.
            DataFault: A cell is not as the table needs it, or a row was known before it happened.
        """
        table = self.table(name)
        schema = self.schema(name)
        for number in self.of.get(name, ()):
            file = self.files[number]
            for part in flat_file_parts(
                file.path, file.source.wanted, self.mapping.missing, file.source.form
            ):
                rows = self._rows(name, table, file.source, part, number)
                yield pa.table({field.name: rows[field.name] for field in schema}, schema=schema)

    def table(self, name: str) -> Table:
        """The table as the book has it; decisions have one of their own."""
        if name == "decisions":
            columns = {"request_id": pa.string()}
            return Table(
                name,
                columns | {column: DATED_TABLES["draw_requests"].columns[column] for column in DECISION},
                (),
                ("request_id",),
            )
        return self.mapping.tables[name]

    def schema(self, name: str) -> pa.Schema:
        """Columns of the table that any of its files fills, and where rows come from."""
        table = self.table(name)
        told = {column for number in self.of.get(name, ()) for column in self.files[number].source.columns}
        if name.startswith("observations/"):
            # Values that a stream of the project's own may lack are missing where no file tells them.
            told |= {"visible_on", *table.nullable}
        fields = [(column, _aside(column, kind)) for column, kind in table.columns.items() if column in told]
        order = [(SEQUENCE, pa.float64())] if SEQUENCE in told else []
        return pa.schema([*fields, *order, (FILE, pa.int32()), (ROW, pa.int64())])

    def place(self, file: int, row: int) -> str:
        """Names a row of a file."""
        source = self.files[file]
        return open_flat_file(source.path, source.source.form, source.source.wanted).place(row)

    def column(self, file: int, name: str) -> str:
        """What a file calls a column of the book; the book's own name where it has none."""
        cell = self.files[file].source.columns.get(name)
        return name if cell is None or cell.column is None else cell.column

    def digests(self) -> dict[str, str]:
        """sha256 of each file by its path inside the folder."""
        paths = sorted({file.path for file in self.files})
        root = self.folder.resolve()
        return {path.resolve().relative_to(root).as_posix(): sha256(path) for path in paths}

    def _rows(
        self, name: str, table: Table, source: Source, part: FlatFile, number: int
    ) -> dict[str, pa.Array]:
        reader = CellReader(part, self.mapping.dates)
        rows: dict[str, pa.Array] = {}
        left_out = np.zeros(len(part), dtype=bool)
        for column, cell in source.columns.items():
            if column in IDS:
                rows[column] = reader.texts(cell)
                continue
            kind = pa.float64() if column == SEQUENCE else table.columns[column]
            kind = pa.string() if column in AS_TEXT else kind
            # An outcome that is not known yet is no row at all.
            may_lack = column in table.nullable or (name, column) == ("outcomes", "bad")
            rows[column], out = reader.read(column, cell, kind, may_lack)
            left_out |= out
        if name == "outcomes":
            left_out |= np.asarray(rows["bad"].is_null().to_numpy(zero_copy_only=False), dtype=bool)
        if name.startswith("observations/"):
            rows["visible_on"] = self._visible(source, part, rows, left_out)
        rows[FILE] = pa.array(np.full(len(part), number, dtype=np.int32))
        rows[ROW] = pa.array(np.arange(part.first, part.first + len(part)))
        for field in self.schema(name):
            if field.name not in rows:
                rows[field.name] = pa.nulls(len(part), field.type)
        if left_out.any():
            kept = pa.array(~left_out)
            rows = {column: values.filter(kept) for column, values in rows.items()}
        return rows

    def _visible(
        self, source: Source, part: FlatFile, rows: Mapping[str, pa.Array], left_out: NDArray[np.bool_]
    ) -> pa.Array:
        """The day on which each row was known: as its file says it, or after the lag of its source."""
        happened = np.asarray(rows["occurred_on"].to_numpy(), dtype=np.int64)
        if source.lag_days is None:
            known = np.asarray(rows["visible_on"].to_numpy(), dtype=np.int64)
            early = (known < happened) & ~left_out
            if early.any():
                row = int(early.argmax())
                days = [str(np.datetime64(int(of[row]), "D")) for of in (known, happened)]
                raise DataFault(
                    f"{part.place(row)}: it was known on {days[0]}, before it happened on {days[1]}; correct one "
                    "of the dates."
                )
            return rows["visible_on"]
        if isinstance(source.lag_days, int):
            return pa.array((happened + source.lag_days).astype(np.int32))
        kinds = rows["kind"].dictionary_encode()
        lags = [source.lag_days.get(kind, -1) for kind in kinds.dictionary.to_pylist()]
        at = np.asarray(pc.fill_null(kinds.indices, 0).to_numpy(zero_copy_only=False), dtype=np.int64)
        lag = np.array([*lags, -1], dtype=np.int64)[at]
        lost = (lag < 0) & ~left_out
        if lost.any():
            row = int(lost.argmax())
            raise DataFault(
                f"{part.place(row)}: `lag_days` in the mapping has no lag for the kind {rows['kind'][row].as_py()!r}; "
                "give it one."
            )
        return pa.array((happened + lag).astype(np.int32))


def found(mapping: EventMapping, folder: Path) -> EventFiles:
    """The files that a mapping names.

    Raises:
        CallError: There is no such folder or file, or a path leaves the folder.
    """
    if not folder.is_dir():
        raise CallError(f"No folder at {folder}; name the one that holds the files of the mapping.")
    files: list[SourceFile] = []
    of: dict[str, tuple[int, ...]] = {}
    for name, sources in mapping.sources.items():
        numbers = []
        for source in sources:
            paths = dict.fromkeys(path for pattern in source.files for path in _matching(folder, pattern))
            for path in paths:
                numbers.append(len(files))
                files.append(SourceFile(path, source))
        of[name] = tuple(numbers)
    return EventFiles(folder, mapping, tuple(files), of)


def _matching(folder: Path, pattern: str) -> list[Path]:
    """The files of a path or pattern inside the folder, in the order of their names."""
    asked = PurePath(pattern)
    if asked.is_absolute() or ".." in asked.parts:
        raise CallError(f"The path {pattern!r} leaves {folder}; name files inside it.")
    try:
        paths = sorted(path for path in folder.glob(pattern) if path.is_file())
    except (IndexError, ValueError):
        # What Python says of `.` and of `**` beside other signs.
        raise CallError(
            f"{pattern!r} is no path or pattern of files inside {folder}; write it as `ledger_*.csv`."
        ) from None
    if not paths:
        raise CallError(f"{folder} has no file {pattern!r}; correct the mapping, or put the file there.")
    root = folder.resolve()
    for path in paths:
        if not path.resolve().is_relative_to(root):
            raise CallError(f"{path} leads out of {folder}; put the file itself there.")
    return paths


def _aside(column: str, kind: pa.DataType) -> pa.DataType:
    """The type of a column on its way into a book."""
    if column in AS_TEXT or pa.types.is_dictionary(kind):
        return pa.string()
    return pa.int32() if pa.types.is_date(kind) else kind
