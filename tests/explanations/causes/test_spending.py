"""Another weight of spending in limits, worked out by hand."""

import numpy as np
import pytest

from explanations.causes.spending import SpendingWeight, spending_weight
from tests.explanations.causes.hand_made import matrix_of, neutral_of

NAN = np.nan
USUAL = np.log(1000.0)
WEIGHT = SpendingWeight(factor=0.5, coefficient=0.4, centre=float(USUAL))


def test_the_limit_moves_with_the_distance_from_usual_spending_and_not_where_none_was_seen() -> None:
    # Ten times the usual: half of the weight less is −0.5 · 0.4 · log 10.
    seen = matrix_of({"review_id": range(5)}, spend_avg_12m=[1000, 10_000, 100, NAN, 0])
    expected = [0, -0.2 * np.log(10), 0.2 * np.log(10), 0, 0]
    np.testing.assert_allclose(WEIGHT.shift(seen), expected, atol=1e-6)


def test_nothing_moves_before_month_1() -> None:
    seen = matrix_of({"month": [0, 1, 2]}, spend_avg_12m=10_000)
    np.testing.assert_allclose(WEIGHT.shift(seen) / (-0.2 * np.log(10)), [0, 1, 1], atol=1e-6)


def test_the_weight_stands_in_the_formula_in_place_of_the_estimate() -> None:
    neutral = neutral_of(assessment=np.array([5.0, 0.6, 0.4, 0.2]), pull=0.3)
    found = WEIGHT.of(neutral)
    assert found.assessment.tolist() == [5.0, 0.6, 0.2, 0.2]
    assert neutral.assessment.tolist() == [5.0, 0.6, 0.4, 0.2]
    assert found.pull == 0.3


def test_usual_spending_is_the_mean_log_of_what_was_seen() -> None:
    neutral = neutral_of(assessment=np.array([5.0, 0.6, 0.4, 0.2]))
    reviews = matrix_of({"review_id": range(4)}, spend_avg_12m=[100, 10_000, NAN, 0])
    found = spending_weight(reviews, neutral, 1.5)
    assert (found.factor, found.coefficient) == (1.5, 0.4)
    assert np.exp(found.centre) == pytest.approx(1000)
    none = spending_weight(matrix_of({"review_id": [1]}, spend_avg_12m=NAN), neutral, 0.0)
    assert none.centre == 0.0
