"""A book's rows of some borrowers alone, for work that reads them again and again."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import pyarrow.parquet as pq
from numpy.typing import NDArray

from data.blocks import HERE, Engine, Track, untracked
from data.book import Book, part_of
from data.event_mapping import ID_TABLES, tables_of_book


@contextmanager
def excerpt(
    book: Book, borrowers: NDArray[np.int64], engine: Engine = HERE, track: Track[Any] = untracked
) -> Iterator[Book]:
    """The book with what is recorded of some borrowers alone, in a folder that lasts as long as the context.

    To read a block takes as long for a few of its borrowers as for all. The rows are those of the book in its order
    and blocks, with its manifest (its digest, too, which is what they come from). Outcomes and the oracle are left out.

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
        cut = _Cut(book.absolute(), folder, np.unique(borrowers))
        for table in (
            table for table in tables_of_book(book.manifest.mapping).values() if not table.partitioned
        ):
            cut.copy(table.name, 0, None)
        for _ in track(engine.map_blocks(cut.of_block, range(book.blocks)), book.blocks):
            pass
        yield Book(folder, book.manifest)


@dataclass(frozen=True)
class _Cut:
    """What the excerpt of every block takes."""

    book: Book
    folder: Path
    borrowers: NDArray[np.int64]

    def of_block(self, block: int) -> None:
        """Copies the rows of the borrowers from the parts of a block."""
        for table in tables_of_book(self.book.manifest.mapping).values():
            if table.partitioned and "borrower_id" in table.columns and table.name not in ID_TABLES:
                self.copy(table.name, block, self.borrowers)

    def copy(self, table: str, block: int, borrowers: NDArray[np.int64] | None) -> None:
        """Copies the rows of the borrowers from a part, or all rows."""
        rows = self.book.rows(table, block, borrowers=borrowers)
        path = self.folder / part_of(table, block)
        path.parent.mkdir(parents=True, exist_ok=True)
        pq.write_table(rows, path, compression="lz4", use_dictionary=False, store_schema=True)
