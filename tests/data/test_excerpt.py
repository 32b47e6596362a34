"""An excerpt: the rows of some borrowers, sorted as the book has them, in blocks of its own."""

from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from data import excerpt as module
from data.blocks import HERE, Engine, Processes
from data.book import Book
from data.errors import DataFault
from data.excerpt import excerpt
from data.schema import DATED_TABLES, Table
from data.simulate import simulate_book
from data.world import World

WANTED = np.array([3, 59, 21, 3, 22])


@pytest.fixture(scope="module")
def book(tmp_path_factory: pytest.TempPathFactory, world: World) -> Book:
    return simulate_book(
        tmp_path_factory.mktemp("cut") / "book", 60, 24, 3, "bureau_outage", world, block_size=20
    )


def rows_of(book: Book, table: Table) -> pd.DataFrame:
    """All rows in the order of the blocks; words as text, whatever the dictionary of each block."""
    parts = [book.table(table.name, block) for block in range(book.blocks)]
    for part in parts:
        for name in part.select_dtypes("category"):
            part[name] = part[name].astype(str)
    return pd.concat(parts, ignore_index=True)


@pytest.mark.usefixtures("copied")
@pytest.mark.parametrize("engine", [HERE, Processes(2)])
@pytest.mark.parametrize(("block_borrowers", "blocks"), [(1, 3), (2, 2), (2_500, 1)])
def test_an_excerpt_holds_the_rows_of_its_borrowers_and_no_others(
    engine: Engine, block_borrowers: int, blocks: int, book: Book, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "BLOCK_BORROWERS", block_borrowers)
    with excerpt(book, WANTED, engine) as part:
        assert (part.digest, part.blocks) == (book.digest, blocks)
        for table in DATED_TABLES.values():
            if table.partitioned and "borrower_id" in table.columns:
                expected = rows_of(book, table)
                expected = expected[expected["borrower_id"].isin(WANTED)].reset_index(drop=True)
                assert len(expected) > 0
                pd.testing.assert_frame_equal(rows_of(part, table), expected)
                for name in part.table(table.name).select_dtypes("category"):
                    assert isinstance(book.table(table.name)[name].dtype, pd.CategoricalDtype)
            elif not table.partitioned:
                pd.testing.assert_frame_equal(part.table(table.name), book.table(table.name))
        folder = part.path
        with pytest.raises(DataFault, match="has no outcomes"):
            part.table("outcomes")
    assert not folder.exists()


@pytest.mark.parametrize(("block_borrowers", "weight"), [(1, 1), (2, 1.5), (2_500, 3)])
def test_its_blocks_weigh_as_many_as_they_stand_for(
    block_borrowers: int, weight: float, book: Book, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "BLOCK_BORROWERS", block_borrowers)
    told = []

    class Weighed(Processes):
        def map_blocks(self, work: Any, blocks: Any, weight: float = 1.0) -> Any:
            told.append(weight)
            return super().map_blocks(work, blocks, weight)

    with excerpt(book, WANTED, Weighed()):
        assert told == [weight]


def test_its_rows_are_sorted_where_those_of_a_later_block_come_first(
    book: Book, monkeypatch: pytest.MonkeyPatch
) -> None:
    """So it is where borrowers were appended whose ids are smaller than others'."""
    swapped, rows = {0: 2, 2: 0}, Book.rows
    with excerpt(book, WANTED) as straight:
        expected = {
            name: straight.table(name) for name in ("borrowers", "draw_requests", "observations/bureau")
        }
    partitioned = {table.name for table in DATED_TABLES.values() if table.partitioned}

    def swapped_rows(self: Book, name: str, block: int = 0, *rest: Any, **how: Any) -> pa.Table:
        turned = name in partitioned and self.path == book.path.resolve()
        return rows(self, name, swapped.get(block, block) if turned else block, *rest, **how)

    monkeypatch.setattr(Book, "rows", swapped_rows)
    with excerpt(book, WANTED) as turned:
        for name, table in expected.items():
            pd.testing.assert_frame_equal(turned.table(name), table)
