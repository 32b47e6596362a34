"""Windows against the same statistics worked out event by event in plain Python."""

import math
import statistics

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from features.windows import EVER, Events, latest, window

DAY = st.integers(0, 60)
EVENT = st.tuples(DAY, st.integers(0, 30), st.one_of(st.integers(-50, 50), st.just(math.nan)))
BLOCK = st.lists(st.lists(EVENT, max_size=12), min_size=1, max_size=4)


def events_of(block: list[list[tuple[int, int, float]]]) -> tuple[Events, np.ndarray]:
    rows = [row for events in block for row in sorted(events, key=lambda event: event[0])]
    occurred = np.array([row[0] for row in rows], dtype=np.int32)
    lag = np.array([row[1] for row in rows], dtype=np.int32)
    offsets = np.cumsum([0, *map(len, block)])
    return Events(offsets, occurred, occurred + lag), np.array([row[2] for row in rows], dtype=np.float32)


def seen(events: list[tuple[int, int, float]], as_of: int) -> list[tuple[int, float]]:
    """Day and value of what had happened and was visible, oldest first."""
    in_order = sorted(events, key=lambda event: event[0])
    return [(day, value) for day, lag, value in in_order if day + lag <= as_of]


def whole_block(block: list[list[tuple[int, int, float]]], as_of: int) -> tuple[np.ndarray, np.ndarray]:
    return np.arange(len(block)), np.full(len(block), as_of, dtype=np.int32)


@settings(max_examples=100, deadline=None)
@given(block=BLOCK, as_of=DAY, days=st.integers(1, 70))
def test_a_window_of_days_holds_what_happened_in_it_and_was_visible_at_its_end(block, as_of, days):
    events, values = events_of(block)
    got = window(events, *whole_block(block, as_of), days, values, kept_per_day=0.9)
    for borrower, own in enumerate(block):
        inside = [(day, value) for day, value in seen(own, as_of) if as_of - days < day]
        known = [(day, value) for day, value in inside if not math.isnan(value)]
        assert got.count[borrower] == len(inside)
        assert got.total[borrower] == pytest.approx(sum(v * 0.9 ** (as_of - d) for d, v in known), abs=1e-4)
        assert_same(got.most[borrower], max((value for _, value in known), default=math.nan))
        assert_same(got.first_day[borrower], inside[0][0] if inside else math.nan)
        assert_same(got.last_day[borrower], inside[-1][0] if inside else math.nan)


@settings(max_examples=100, deadline=None)
@given(block=BLOCK, as_of=DAY, rows=st.integers(1, 5), skipped=st.integers(0, 3), oldest=st.integers(1, 70))
def test_the_latest_rows_are_the_last_visible_ones_that_are_not_too_old(block, as_of, rows, skipped, oldest):
    events, values = events_of(block)
    got = latest(events, *whole_block(block, as_of), values, rows, skipped, oldest)
    for borrower, own in enumerate(block):
        young = [row for row in seen(own, as_of) if as_of - row[0] < oldest]
        read = young[max(len(young) - skipped - rows, 0) : max(len(young) - skipped, 0)]
        known = [value for _, value in read if not math.isnan(value)]
        assert got.rows[borrower] == len(read)
        assert got.count[borrower] == len(known)
        assert_same(got.mean[borrower], statistics.fmean(known) if known else math.nan)
        assert_same(got.spread[borrower], statistics.stdev(known) if len(known) > 1 else math.nan)
        assert_same(got.most[borrower], max(known, default=math.nan))
        assert_same(got.last[borrower], read[-1][1] if read else math.nan)
        assert_same(got.last_day[borrower], read[-1][0] if read else math.nan)


def assert_same(got: float, expected: float) -> None:
    assert got == pytest.approx(expected, rel=1e-5, abs=1e-5, nan_ok=True)


@settings(deadline=None)
@given(block=BLOCK, data=st.data())
def test_events_left_out_leave_the_others_with_their_borrower(block, data):
    events, values = events_of(block)
    kept = np.array(
        data.draw(st.lists(st.booleans(), min_size=len(values), max_size=len(values))), dtype=bool
    )
    some = events.only(kept)
    owner = np.repeat(np.arange(len(block)), np.diff(events.offsets))[kept]
    assert np.array_equal(np.repeat(np.arange(len(block)), np.diff(some.offsets)), owner)
    assert np.array_equal(some.occurred, events.occurred[kept])
    assert np.array_equal(some.visible, events.visible[kept])


def test_without_values_a_window_counts_and_its_total_is_the_count():
    events, _ = events_of([[(1, 0, 7.0), (5, 0, 7.0), (9, 3, 7.0)]])
    got = window(events, np.array([0]), np.array([10], dtype=np.int32), EVER)
    assert (got.count[0], got.total[0]) == (2, 2)


def test_each_query_may_have_a_window_of_its_own():
    events, _ = events_of([[(1, 0, 0.0), (5, 0, 0.0), (9, 0, 0.0)]])
    as_of = np.array([10, 10, 4], dtype=np.int32)
    got = window(events, np.zeros(3, dtype=np.int64), as_of, np.array([2, 6, 6], dtype=np.int32))
    assert got.count.tolist() == [1, 2, 1]


def test_the_spread_of_large_amounts_is_not_lost_to_rounding():
    events, values = events_of([[(day, 0, 8_000_000 + day) for day in (1, 2, 3)]])
    got = latest(events, np.array([0]), np.array([9], dtype=np.int32), values, rows=3)
    assert got.spread[0] == pytest.approx(1.0)
