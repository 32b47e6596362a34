import math

import pytest

from explanations.intervals.proportions import wilson


@pytest.mark.parametrize(("part", "whole"), [(0, 7), (3, 10), (10, 10), (450, 1000)])
def test_wilsons_interval_is_where_the_score_test_of_the_share_is_met(part: int, whole: int) -> None:
    seen, z = part / whole, 1.959963984540054
    for end in wilson(part, whole):
        # The ends solve (seen - p)² = z² p (1 - p) / n.
        assert (seen - end) ** 2 == pytest.approx(z**2 * end * (1 - end) / whole, abs=1e-9)


def test_of_nothing_there_is_no_interval() -> None:
    assert all(math.isnan(end) for end in wilson(0, 0))
