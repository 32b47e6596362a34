"""The stability index is its formula, and chance reaches its limit in one month of twenty."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from training.stability import psi_by_month, stability_index

COUNTS = st.lists(st.integers(0, 500), min_size=3, max_size=3)


def test_the_index_is_its_formula():
    expected, actual = np.array([100, 300, 600]), np.array([20, 20, 60])
    e = (expected + 0.5) / 1_001.5
    a = (actual + 0.5) / 101.5
    by_hand = sum((a[i] - e[i]) * np.log(a[i] / e[i]) for i in range(3))
    assert stability_index(expected, actual) == pytest.approx(by_hand)


@settings(deadline=None)
@given(COUNTS, COUNTS)
def test_the_index_is_never_negative_and_the_same_from_either_side(one, other):
    one, other = np.array(one), np.array(other)
    index = stability_index(one, other)
    assert index >= 0
    assert np.isfinite(index)
    assert index == pytest.approx(float(stability_index(other, one)))
    assert stability_index(one, one) == 0


@pytest.mark.parametrize("kind", ["continuous", "counts", "with missing values"])
def test_where_nothing_moves_one_month_in_twenty_exceeds_what_chance_gives(kind):
    rng = np.random.default_rng(7)
    month = np.repeat([0, 1], [3_000, 400])
    exceeded = []
    for _ in range(500):  # each with a base of its own, whose luck all its months would share
        values = rng.normal(size=len(month))
        if kind == "counts":
            values = rng.poisson(1.5, len(month)).astype(float)
        if kind == "with missing values":
            values[rng.random(len(month)) < 0.1] = np.nan
        told = psi_by_month(values, month, month == 0, [1]).iloc[0]
        exceeded.append(told["psi"] > told["chance"])
    assert 0.025 < np.mean(exceeded) < 0.085


def test_a_shift_is_seen_and_a_shift_to_missing_values_too():
    rng = np.random.default_rng(1)
    month = np.repeat([0, 1, 2, 3], 2_000)
    values = rng.normal(size=8_000)
    values[month == 2] += 0.5
    values[(month == 3) & (rng.random(8_000) < 0.3)] = np.nan
    told = psi_by_month(values.astype(np.float32), month, month == 0, [1, 2, 3])
    assert told["psi"].iloc[0] < told["chance"].iloc[0]
    assert (told["psi"].iloc[1:] > 10 * told["chance"].iloc[1:]).all()


def test_months_without_rows_are_left_out_and_no_base_tells_nothing():
    month, values = np.array([0, 0, 2]), np.array([1.0, 2.0, 1.0])
    assert psi_by_month(values, month, month == 0, [1, 2])["month"].tolist() == [2]
    assert psi_by_month(values, month, month == 5, [2]).empty


def test_what_never_varies_has_no_index_to_speak_of():
    month = np.repeat([0, 1], 50)
    told = psi_by_month(np.ones(100), month, month == 0, [1])
    assert told["psi"].tolist() == told["chance"].tolist() == [0]


def test_each_month_is_counted_alone_in_whatever_order_they_are_asked_for():
    rng = np.random.default_rng(2)
    month = rng.integers(0, 6, 4_000)
    values = rng.normal(size=4_000) + 0.1 * month
    values[rng.random(4_000) < 0.1] = np.nan
    told = psi_by_month(values, month, month == 0, [5, 2])
    assert told["month"].tolist() == [5, 2]
    for row in told.to_dict("records"):
        alone = (month == 0) | (month == row["month"])
        once = psi_by_month(values[alone], month[alone], month[alone] == 0, [row["month"]])
        assert once.to_dict("records") == [row]
