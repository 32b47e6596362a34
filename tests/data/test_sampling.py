"""A part that stands for a whole is spread evenly over it."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from data.sampling import spread_blocks, spread_places


@given(st.integers(0, 3_000), st.integers(0, 400))
def test_places_are_spread_over_the_whole_list(rows: int, most: int) -> None:
    places = spread_places(rows, most)
    assert len(places) == len(np.unique(places)) == min(rows, most)
    if len(places) > 1:
        assert (places[0], places[-1]) == (0, rows - 1)
        assert np.ptp(np.diff(places)) <= 1


@pytest.mark.parametrize(
    ("blocks", "rows", "most", "expected"),
    [(5, 100, 100, [0, 1, 2, 3, 4]), (5, 100, 41, [0, 2, 4]), (5, 100, 1, [0]), (3, 0, 10, [0, 1, 2])],
)
def test_as_many_blocks_are_read_as_hold_the_rows(
    blocks: int, rows: int, most: int, expected: list[int]
) -> None:
    assert spread_blocks(blocks, rows, most) == expected
