"""News for a book: rows of its tables that came later, read and held against the tables' schema."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from data.errors import CallError, DataFault
from data.findings import told
from data.schema import DATED_TABLES, Table
from data.table_rules import layout_findings, null_findings, row_findings

Ids = NDArray[np.int64]


@dataclass(frozen=True)
class News:
    """Rows by table, in the tables' order.

    Attributes:
        tables: The rows of each table of which there are any.
        schema: The tables of the book for which it is news.
    """

    tables: Mapping[str, pa.Table]
    schema: Mapping[str, Table]

    def ids(self, table: str, column: str = "borrower_id") -> Ids:
        """A column of ids of a table's rows; none where it has no news."""
        if table not in self.tables:
            return np.empty(0, dtype=np.int64)
        return np.asarray(self.tables[table][column].to_numpy(), dtype=np.int64)


def read_news(folder: Path, schema: Mapping[str, Table] = DATED_TABLES) -> News:
    """The rows in a folder: `TABLE.parquet`, or `TABLE/` with Parquet files, of any tables of a dated book.

    Args:
        folder: The folder.
        schema: The tables of the book for which it is news.

    Raises:
        CallError: There is no such folder, it holds no table, or a file that belongs to none.
        DataFault: A table is not as its schema says, or a row or key stands in it twice.
    """
    if not folder.is_dir():
        raise CallError(f"No folder at {folder}; name one with tables of a book, as limit_reviews.parquet.")
    files: dict[str, list[Path]] = {}
    for path in sorted(folder.rglob("*.parquet")):
        inside = path.relative_to(folder)
        names = (inside.with_suffix("").as_posix(), inside.parent.as_posix())
        name = next((one for one in names if one in schema), None)
        if name is None:
            raise CallError(
                f"{path} belongs to no table of a book; known are {', '.join(schema)}: rename or remove it."
            )
        files.setdefault(name, []).append(path)
    if not files:
        raise CallError(f"{folder} holds no news: it has no .parquet file of a table of a book.")
    tables = {name: _read(schema[name], files[name], folder) for name in schema if name in files}
    return News({name: rows for name, rows in tables.items() if rows.num_rows}, schema)


def in_order(table: Table, rows: pa.Table) -> pa.Table:
    """Rows in the order of their table; those that are level stay as they are."""
    columns = [_sortable(rows[name]) for name in reversed(table.order)]
    return rows.take(pa.array(np.lexsort(columns)))


def frame_of(rows: pa.Table) -> pd.DataFrame:
    """The rows as a book gives them."""
    frame: pd.DataFrame = rows.to_pandas(date_as_object=False)
    return frame


def _read(table: Table, paths: list[Path], folder: Path) -> pa.Table:
    place = f"{folder.name}/{table.name}"
    parts = []
    for path in paths:
        try:
            rows = pq.read_table(path, partitioning=None)
        except (pa.ArrowException, OSError) as error:
            raise DataFault(
                f"{path} is no sound Parquet file ({_first_line(error)}); write it again."
            ) from None
        _refuse(layout_findings(str(path), table, rows.schema))
        parts.append(rows.select(list(table.columns)))
    joined = pa.concat_tables([part.cast(table.arrow_schema()) for part in parts]).unify_dictionaries()
    _refuse(null_findings(place, table, joined))
    ordered = in_order(table, joined)
    _refuse(row_findings(place, table, frame_of(ordered)))
    return ordered


def _refuse(findings: object) -> None:
    """Raises the first of the findings, in one sentence."""
    first = next(iter(told(findings, 1)), None)  # type: ignore[arg-type]
    if first is not None:
        raise DataFault(
            f"The news is not as a book needs it: {first.rstrip('.')} (rows in the table's order)."
        )


def _sortable(column: pa.ChunkedArray) -> NDArray[np.generic]:
    values = column.cast(pa.string()) if pa.types.is_dictionary(column.type) else column
    found = np.asarray(values.to_numpy())
    return found.astype(str) if found.dtype == object else found


def _first_line(error: Exception) -> str:
    return str(error).strip().partition("\n")[0][:200]
