"""A book's rows of some borrowers alone, for work that reads them again and again."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from data.blocks import HERE, Engine, Track, untracked
from data.book import Book, part_of
from data.event_mapping import ID_TABLES, tables_of_book
from data.schema import Table

BLOCK_BORROWERS: Final = 2_500
"""Borrowers a block of an excerpt holds, about: what a block costs at all is little then (measured in decision 15)."""


@contextmanager
def excerpt(
    book: Book, borrowers: NDArray[np.int64], engine: Engine = HERE, track: Track[Any] = untracked
) -> Iterator[Book]:
    """The book with what is recorded of some borrowers alone, in a folder that lasts as long as the context.

    To read a block takes as long for a few of its borrowers as for all. The rows are those of the book, sorted as they
    are there, in blocks of `BLOCK_BORROWERS`; the manifest is the book's but for the number of blocks (its parts and
    digest, too, which are what they come from: tables in parts are read block by block). Outcomes and the oracle are
    left out.

    Args:
        book: A dated book.
        borrowers: Ids of the borrowers.
        engine: Where the blocks are read; it must see this machine's temporary folders.
        track: Follows the blocks as they are done.

    Raises:
        DataFault: A part is missing or damaged.
    """
    with TemporaryDirectory(prefix="releasegap-") as name:
        folder = Path(name)
        wanted = np.unique(borrowers)
        cut = _Cut(book.absolute(), folder, wanted)
        for table in _tables(book):
            if not table.partitioned:
                cut.write(table, 0, [book.rows(table.name)])
        blocks = min(book.blocks, max(1, math.ceil(len(wanted) / BLOCK_BORROWERS)))
        merged = np.array_split(np.arange(book.blocks), blocks)
        jobs = [(block, [int(part) for part in parts]) for block, parts in enumerate(merged)]
        for _ in track(engine.map_blocks(cut.of_blocks, jobs, weight=book.blocks / blocks), blocks):
            pass
        yield Book(folder, replace(book.manifest, blocks=blocks))


@dataclass(frozen=True)
class _Cut:
    """What the excerpt of every block takes."""

    book: Book
    folder: Path
    borrowers: NDArray[np.int64]

    def of_blocks(self, job: tuple[int, Sequence[int]]) -> None:
        """Makes a block from the rows of the borrowers in some blocks of the book."""
        block, parts = job
        for table in _tables(self.book):
            if table.partitioned and "borrower_id" in table.columns and table.name not in ID_TABLES:
                self.write(
                    table,
                    block,
                    [self.book.rows(table.name, part, borrowers=self.borrowers) for part in parts],
                )

    def write(self, table: Table, block: int, parts: Sequence[pa.Table]) -> None:
        """Writes rows as a part of the excerpt, sorted as the table is."""
        rows = pa.concat_tables(parts)
        if len(parts) > 1:
            # News that was appended has its new borrowers in blocks of their own, whose ids may be any.
            owner = rows["borrower_id"].to_numpy()
            if (owner[1:] < owner[:-1]).any():
                rows = rows.take(np.argsort(owner, kind="stable"))
        path = self.folder / part_of(table.name, block)
        path.parent.mkdir(parents=True, exist_ok=True)
        pq.write_table(rows, path, compression="lz4", use_dictionary=False, store_schema=True)


def _tables(book: Book) -> list[Table]:
    return list(tables_of_book(book.manifest.mapping).values())
