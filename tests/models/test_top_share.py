"""The top share begins where as much of the values lies above as was asked for."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from data.errors import DataFault
from models.top_share import top_share_from


@given(st.integers(1, 300), st.floats(0.01, 0.99), st.integers(0, 9))
def test_the_share_above_is_the_share_asked_for_to_one_row(rows, share, seed):
    values = np.random.default_rng(seed).permutation(rows).astype(float)
    above = (values > top_share_from(values, share)).sum()
    assert abs(above - share * rows) <= 1


def test_no_rows_have_no_top_share():
    with pytest.raises(DataFault, match="empty"):
        top_share_from(np.empty(0), 0.2)
