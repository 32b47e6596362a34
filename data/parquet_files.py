"""Parquet files part by part; numbers are taken as they are, all else as text."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from data.errors import DataFault
from data.table_form import first_line, refuse_missing
from data.unpacking import refuse_bomb

PART_ROWS: Final = 65_536
"""Rows read at once."""
MOST_VALUES: Final = 1_000_000_000
"""Values that a file which is read whole may hold: a few bytes can stand for as many equal ones as they like."""


@dataclass(frozen=True)
class ParquetFile:
    """A Parquet file whose schema has been read.

    Attributes:
        path: The file.
        names: Its columns.
        rows: How many rows it has.
    """

    path: Path
    names: tuple[str, ...]
    rows: int
    decimal = "."
    told = "Parquet"

    def parts(
        self, wanted: Sequence[str], numbers: frozenset[str], missing: frozenset[str]
    ) -> Iterator[pa.Table]:
        """The wanted columns part by part (see `TableFile`)."""
        refuse_missing(self.path, self.names, wanted)
        codes = pa.array(_numbers_of(missing), pa.float64())
        try:
            with pq.ParquetFile(self.path) as file:
                _refuse_bomb(self.path, file.metadata, frozenset(wanted))
                folded = dictionaries(file)
            with pq.ParquetFile(self.path, read_dictionary=folded) as file:
                for part in file.iter_batches(PART_ROWS, columns=list(wanted)):
                    table = unfolded(self.path, pa.Table.from_batches([part]), folded)
                    for place, name in enumerate(table.column_names):
                        if name in numbers and _is_number(table[name].type):
                            table = table.set_column(place, name, _as_numbers(table[name], codes))
                    yield table
        except pa.ArrowException as error:
            raise _damaged(self.path, error) from None

    def place(self, row: int) -> str:
        """Names a row by its number; the first is 1."""
        return f"{self.path}, row {row + 1}"


def open_parquet(path: Path) -> ParquetFile:
    """Reads the schema of a Parquet file.

    Raises:
        DataFault: It is damaged.
    """
    try:
        with pq.ParquetFile(path) as file:
            return ParquetFile(path, tuple(file.schema_arrow.names), file.metadata.num_rows)
    except pa.ArrowException as error:
        raise _damaged(path, error) from None


def refuse_unpacked(path: Path, metadata: pq.FileMetaData) -> None:
    """Refuses a Parquet file that is read whole and unpacks to far more than a table would.

    Raises:
        DataFault: It does.
    """
    groups = range(metadata.num_row_groups)
    refuse_bomb(path, sum(metadata.row_group(group).total_byte_size for group in groups))
    if metadata.num_rows * metadata.num_columns > MOST_VALUES:
        raise DataFault(f"{path} has more than {MOST_VALUES:,} values, which no part of a book has.")


def _refuse_bomb(path: Path, metadata: pq.FileMetaData, wanted: frozenset[str]) -> None:
    for group in range(metadata.num_row_groups):
        chunks = (metadata.row_group(group).column(place) for place in range(metadata.num_columns))
        largest = max(
            (chunk.total_uncompressed_size for chunk in chunks if chunk.path_in_schema in wanted), default=0
        )
        refuse_bomb(path, largest)


def dictionaries(file: pq.ParquetFile) -> list[str]:
    """Columns of texts that a file holds by their different values, where a long one may stand for many rows."""
    metadata, found = file.metadata, set()
    for group in range(metadata.num_row_groups):
        for place in range(metadata.num_columns):
            chunk = metadata.row_group(group).column(place)
            if chunk.physical_type == "BYTE_ARRAY" and any("DICTIONARY" in name for name in chunk.encodings):
                found.add(chunk.path_in_schema)
    fields = {field.name: field.type for field in file.schema_arrow}
    return sorted(name for name in found if name in fields and not pa.types.is_dictionary(fields[name]))


def unfolded(path: Path, table: pa.Table, folded: Sequence[str]) -> pa.Table:
    """The table with the values themselves in the columns that were read by their different values.

    Raises:
        DataFault: That would be far more than a table holds.
    """
    for name in folded:
        if name not in table.column_names:
            continue
        column = table[name]
        sizes = (
            pc.sum(pc.take(pc.binary_length(part.dictionary), part.indices)).as_py() or 0
            for part in column.chunks
        )
        refuse_bomb(path, sum(sizes))
        plain = column.type.value_type
        table = table.set_column(table.column_names.index(name), name, pc.cast(column, plain))
    return table


def _is_number(kind: pa.DataType) -> bool:
    return bool(pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_decimal(kind))


def _as_numbers(column: pa.ChunkedArray, missing: pa.Array) -> pa.ChunkedArray:
    """Numbers as float64; null where they stand for a missing value."""
    values = pc.cast(column, pa.float64(), safe=False)
    if not len(missing):
        return values
    return pc.if_else(pc.is_in(values, value_set=missing), pa.scalar(None, pa.float64()), values)


def _numbers_of(texts: frozenset[str]) -> list[float]:
    """Those of some texts that a number is written as."""
    found = []
    for text in sorted(texts):
        with suppress(ValueError):
            found.append(float(text))
    return found


def _damaged(path: Path, error: Exception) -> DataFault:
    return DataFault(f"{path} is not a sound Parquet file ({first_line(error)}); write it again.")
