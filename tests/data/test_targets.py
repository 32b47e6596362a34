"""The default world comes near the figures of a real lender, on seeds and books large enough to tell."""

from pathlib import Path

import pytest

from data.simulate import simulate_book
from data.targets import target_table
from data.world import World


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_the_default_world_meets_the_domains_figures(seed: int, world: World, tmp_path: Path) -> None:
    book = simulate_book(tmp_path / "b", 20_000, 24, seed, "baseline", world, block_size=10_000)
    table = target_table(book)
    assert table["holds"].all(), table[~table["holds"]].to_string()
