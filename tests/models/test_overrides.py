"""Limits overwritten without a record: found where they leave the model's usual gaps upwards, and nowhere else."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from data.limit_rules import recorded_slip
from models.overrides import unrecorded_override
from models.parameters import OverridesParameters
from settings import Settings
from tests.fitted import Fitted

SIX = OverridesParameters(reach=6)
SCORE = 9.0


def reviews_of(gaps: np.ndarray, marketing: bool = False, month: int = 1) -> pd.DataFrame:
    """Reviews whose assessed limits lie so far (log) from a model's that says `SCORE` of each."""
    return pd.DataFrame({"limit_assessed": np.exp(SCORE + gaps), "marketing": marketing, "month": month})


def found(*parts: pd.DataFrame) -> np.ndarray:
    reviews = pd.concat(parts, ignore_index=True)
    return unrecorded_override(reviews, np.full(len(reviews), SCORE), SIX)


EVEN = np.array([-0.2, -0.1, 0.0, 0.1, 0.2])  # median 0, median absolute deviation .1: the reach is .88956


@pytest.mark.parametrize(("gap", "factor"), [(0.88, 1), (0.90, np.exp(0.90)), (-0.90, 1), (-9.0, 1)])
def test_a_gap_beyond_the_reach_is_an_override_upwards_alone(gap: float, factor: float) -> None:
    counted_on = np.tile(EVEN, 1001)
    np.testing.assert_allclose(found(reviews_of(np.append(counted_on, gap)))[-1], factor)


def test_what_the_model_is_off_by_everywhere_is_no_override() -> None:
    result = found(reviews_of(np.append(np.tile(EVEN, 1001), 1.0) + 3.0))
    np.testing.assert_allclose(result[:-1], 1)
    np.testing.assert_allclose(result[-1], np.e)


def test_an_incentive_on_record_is_no_override_nor_part_of_one() -> None:
    usual = reviews_of(np.tile(EVEN, 1001))
    raised = reviews_of(np.append(np.tile(EVEN, 1001), 1.0) + 2.0, marketing=True)
    result = found(usual, raised)
    np.testing.assert_allclose(result[:-1], 1)
    np.testing.assert_allclose(result[-1], np.e)


def test_reviews_before_history_or_without_a_limit_are_not_judged_and_do_not_count() -> None:
    usual = reviews_of(np.append(np.tile(EVEN, 1001), 1.0))
    early = reviews_of(np.full(9_000, 5.0), month=0)
    without = usual.head(3).assign(limit_assessed=[np.nan, 0.0, np.inf])
    result = found(early, usual, without)
    np.testing.assert_array_equal(np.flatnonzero(result != 1), [9_000 + 5_005])
    np.testing.assert_allclose(result[14_005], np.e)


def test_no_reviews_no_overrides() -> None:
    assert found(reviews_of(np.zeros(0))).shape == (0,)


@given(
    seed=st.integers(0, 2**32 - 1),
    noise=st.floats(0.01, 0.5),
    level=st.floats(-3, 3),
    overwritten=st.dictionaries(st.integers(0, 499), st.floats(12, 40), max_size=40),
)
def test_whichever_few_are_overwritten_they_alone_are_found_and_undone(
    seed: int, noise: float, level: float, overwritten: dict[int, float]
) -> None:
    gaps = level + noise * np.random.default_rng(seed).normal(size=500).clip(-3, 3)
    hidden = np.zeros(500)
    hidden[list(overwritten)] = [noise * size for size in overwritten.values()]
    reviews = reviews_of(gaps + hidden)
    factor = unrecorded_override(reviews, np.full(500, SCORE), SIX)
    np.testing.assert_array_equal(factor != 1, hidden != 0)
    # What is left of an override is as near to the model as the usual review.
    left = np.log(reviews["limit_assessed"] / factor) - SCORE - level
    assert np.abs(left).max() <= 3 * noise + 1e-9


def test_slips_hidden_in_a_simulated_book_are_found_and_hardly_anything_else(
    settings: Settings, fitted: Fitted
) -> None:
    reviews = fitted.reviews
    score = fitted.limit.score(reviews.values)
    slip = recorded_slip(reviews.keys, settings.world.limit_reviews)
    slip = np.where(reviews.keys["month"] >= 1, slip, 1.0)
    clean = unrecorded_override(reviews.keys, score, settings.models.overrides)
    assert (clean != 1).mean() < 5e-4
    overwritten = reviews.keys.assign(limit_assessed=reviews.keys["limit_assessed"] * slip)
    factor = unrecorded_override(overwritten, score, settings.models.overrides)
    flagged, hidden = factor != 1, slip != 1
    assert hidden.sum() >= 30
    assert hidden[flagged].mean() >= 0.9
    assert flagged[hidden].mean() >= 0.9
    assert np.median(factor[flagged & hidden]) == pytest.approx(np.exp(0.7), rel=0.05)


def test_a_model_that_meets_most_limits_exactly_tells_no_override() -> None:
    gaps = np.append(np.zeros(1001), 1e-9)
    np.testing.assert_array_equal(found(reviews_of(gaps)), np.ones(1002))
