import numpy as np
import pytest

from explanations.intervals.bootstrap import mean_interval
from explanations.intervals.cluster_means import group_means


def test_means_and_intervals_are_those_of_each_group_by_itself() -> None:
    rng = np.random.default_rng(3)
    values, group, who = rng.normal(1, 2, 900), rng.integers(-1, 4, 900), rng.integers(0, 300, 900)
    values[::50] = np.nan
    found = group_means(values, group, who, 5, 0.95)
    for at in range(4):
        there = (group == at) & np.isfinite(values)
        assert found.rows[at] == there.sum()
        assert found.mean[at] == pytest.approx(values[there].mean())
        borrowers = np.unique(who[there])
        sums = [np.sum(values[there & (who == one)] - values[there].mean()) for one in borrowers]
        more = len(borrowers) / (len(borrowers) - 1)
        error = np.sqrt(more * np.sum(np.square(sums))) / there.sum()
        assert found.high[at] - found.mean[at] == pytest.approx(1.959963985 * error)
        assert found.mean[at] - found.low[at] == pytest.approx(1.959963985 * error)
    assert found.rows[4] == 0
    assert np.isnan(found.mean[4])


def test_intervals_are_about_as_wide_as_by_drawing_borrowers() -> None:
    rng = np.random.default_rng(5)
    who = np.repeat(np.arange(400), 3)
    values = np.repeat(rng.normal(0, 1, 400), 3) + rng.normal(0, 0.3, 1200)
    found = group_means(values, np.zeros(1200, np.int64), who, 1, 0.95)
    low, high = mean_interval(values[:, None], who, 1000, 1, 0.95)
    assert found.high[0] - found.low[0] == pytest.approx(high[0] - low[0], rel=0.1)


def test_one_borrower_tells_no_spread() -> None:
    found = group_means(np.array([1.0, 2.0]), np.array([0, 0]), np.array([7, 7]), 1, 0.95)
    assert found.mean[0] == 1.5
    assert np.isnan(found.low[0])
