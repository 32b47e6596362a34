"""Exact Shapley shares of the mechanisms."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from data.mechanisms import CAUSES, MECHANISMS, SUBSETS, shapley_shares

games = arrays(np.float64, (5, len(SUBSETS)), elements=st.floats(0, 1))


def test_every_subset_stands_once() -> None:
    assert len(set(SUBSETS)) == 32
    assert SUBSETS[0] == frozenset()
    assert SUBSETS[-1] == frozenset(MECHANISMS)


@given(games)
def test_shares_and_residual_sum_to_the_whole(kept: np.ndarray) -> None:
    np.testing.assert_allclose(shapley_shares(kept).sum(axis=1), kept[:, -1], atol=1e-12)


@given(games, games)
def test_shares_of_a_sum_are_the_sum_of_shares(one: np.ndarray, other: np.ndarray) -> None:
    np.testing.assert_allclose(
        shapley_shares(one + other), shapley_shares(one) + shapley_shares(other), atol=1e-12
    )


def test_a_mechanism_that_alone_decides_gets_everything() -> None:
    for name in MECHANISMS:
        kept = np.array([[float(name in subset) for subset in SUBSETS]])
        expected = [float(cause == name) for cause in CAUSES]
        np.testing.assert_allclose(shapley_shares(kept)[0], expected, atol=1e-15)


def test_two_that_are_needed_together_share_alike_and_one_that_prevents_is_negative() -> None:
    both = np.array([[float({"policy", "error"} <= subset) for subset in SUBSETS]])
    shares = dict(zip(CAUSES, shapley_shares(both)[0], strict=True))
    assert shares["policy"] == shares["error"] == 0.5
    prevents = np.array([[float("misread" not in subset) for subset in SUBSETS]])
    shares = dict(zip(CAUSES, shapley_shares(prevents)[0], strict=True))
    assert shares["misread"] == pytest.approx(-1)
    assert shares["residual"] == 1
