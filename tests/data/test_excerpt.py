"""An excerpt: the rows of some borrowers, block by block, as the book itself would give them."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from data.blocks import HERE, Engine, Processes
from data.errors import DataFault
from data.excerpt import excerpt
from data.schema import DATED_TABLES
from data.simulate import simulate_book
from data.world import World


@pytest.mark.parametrize("engine", [HERE, Processes(2)])
def test_an_excerpt_holds_the_rows_of_its_borrowers_and_no_others(
    engine: Engine, tmp_path: Path, world: World
) -> None:
    book = simulate_book(tmp_path / "book", 60, 24, 3, "bureau_outage", world, block_size=20)
    wanted = np.array([3, 59, 21, 3, 22])
    with excerpt(book, wanted, engine) as part:
        assert (part.digest, part.blocks) == (book.digest, book.blocks)
        for table in DATED_TABLES.values():
            if table.partitioned and "borrower_id" in table.columns:
                for block in range(book.blocks):
                    found, expected = part.table(table.name, block), book.table(table.name, block)
                    expected = expected[expected["borrower_id"].isin(wanted)].reset_index(drop=True)
                    for name in expected.select_dtypes("category"):
                        assert isinstance(found[name].dtype, pd.CategoricalDtype)
                        found[name], expected[name] = found[name].astype(str), expected[name].astype(str)
                    pd.testing.assert_frame_equal(found, expected)
            elif not table.partitioned:
                pd.testing.assert_frame_equal(part.table(table.name), book.table(table.name))
        folder = part.path
        with pytest.raises(DataFault, match="has no outcomes"):
            part.table("outcomes")
    assert not folder.exists()
