"""Payments in the readings: as if the book itself had held them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from data.months import to_days
from features.parameters import FeatureParameters
from features.payments import Payments, after_payments
from features.snapshots import Reading, joined, readings, request_features
from features.streams import Streams, read_streams

DAY = np.datetime64("2024-06-03")


@pytest.fixture(scope="module")
def streams(make_random_frames: Callable[[int, int], dict[str, pd.DataFrame]], memory_book: Any) -> Streams:
    return read_streams(memory_book(make_random_frames(60, 4)), 0)


def read_on_the_day(streams: Streams, parameters: FeatureParameters) -> dict[str, Reading]:
    everybody = np.arange(len(streams.borrower_ids))
    day = np.full(len(everybody), to_days([DAY])[0], dtype=np.int32)
    return readings(streams, everybody, day, "release", parameters)


def with_values(
    streams: Streams, stream: str, column: str, change: Callable[[np.ndarray], np.ndarray]
) -> Streams:
    """The block with a column of a stream changed."""
    part = streams.observed[stream]
    values = part.values | {column: change(part.values[column]).astype(np.float32)}
    return replace(streams, observed=streams.observed | {stream: replace(part, values=values)})


def paying(streams: Streams, here: float = 0, elsewhere: float = 0, overdue: bool = False) -> Payments:
    count = len(streams.borrower_ids)
    amounts = (np.full(count, amount, dtype=np.float32) for amount in (here, elsewhere))
    return Payments(*amounts, np.full(count, overdue))


def test_paid_here_all_features_are_those_of_a_ledger_that_shows_less(
    streams: Streams, parameters: FeatureParameters
) -> None:
    paid = np.float32(40)
    less = with_values(streams, "own_ledger", "balance", lambda balance: np.maximum(balance - paid, 0))
    less = with_values(less, "income_assets", "liquid_assets", lambda saved: np.maximum(saved - paid, 0))
    expected = joined(read_on_the_day(less, parameters), parameters)
    found = joined(after_payments(read_on_the_day(streams, parameters), paying(streams, here=40)), parameters)
    before = joined(read_on_the_day(streams, parameters), parameters)
    amount, term = (np.full(len(found.balance), value, dtype=np.float32) for value in (300, 6))
    for seen in (expected, found, before):
        seen.features.update(request_features(seen, amount, term, parameters))
    moved = set()
    for name, values in expected.features.items():
        np.testing.assert_allclose(found.features[name], values, rtol=1e-4, atol=1e-6, err_msg=name)
        if not np.array_equal(values, before.features[name], equal_nan=True):
            moved.add(name)
    assert moved == {
        *("own_utilization", "own_balance_to_income", "monthly_obligation", "dti_ratio", "dti_after_draw"),
        *("requested_to_available", "liquid_assets_30d", "cash_buffer"),
    }


def test_paid_elsewhere_debts_there_fall_and_nothing_else_but_savings(
    streams: Streams, parameters: FeatureParameters
) -> None:
    read = read_on_the_day(streams, parameters)
    before = joined(read, parameters)
    after = joined(after_payments(read, paying(streams, elsewhere=25)), parameters)
    np.testing.assert_allclose(
        after.balance_elsewhere, np.maximum(before.balance_elsewhere - 25, 0), rtol=1e-5, atol=1e-4
    )
    owed = after.balance + after.balance_elsewhere
    np.testing.assert_allclose(after.features["monthly_obligation"], owed * 1.08 / 8, rtol=1e-5)
    moved = {
        name
        for name, values in after.features.items()
        if not np.array_equal(values, before.features[name], equal_nan=True)
    }
    assert moved == {
        *("bureau_unsecured_bal", "bureau_lenders", "monthly_obligation", "dti_ratio"),
        *("liquid_assets_30d", "cash_buffer"),
    }


def test_what_is_overdue_ends_and_past_lateness_stays(
    streams: Streams, parameters: FeatureParameters
) -> None:
    read = read_on_the_day(streams, parameters)
    before, after = read["own_ledger"].features, after_payments(read, paying(streams, overdue=True))
    assert (before["own_dpd_current"] > 0).any()
    assert (after["own_ledger"].features["own_dpd_current"] == 0).all()
    for name in ("own_dpd_max_12m", "own_late_count_6m", "own_ontime_streak", "own_utilization"):
        np.testing.assert_array_equal(after["own_ledger"].features[name], before[name])


def test_nothing_paid_changes_nothing(streams: Streams, parameters: FeatureParameters) -> None:
    read = read_on_the_day(streams, parameters)
    before, after = joined(read, parameters), joined(after_payments(read, paying(streams)), parameters)
    for name, values in before.features.items():
        np.testing.assert_array_equal(after.features[name], values, name)


@given(st.lists(st.integers(1, 10_000), min_size=1, max_size=12), st.floats(0, 1))
def test_paid_from_the_smallest_on_at_least_so_many_loans_close(loans: list[int], share: float) -> None:
    owed = float(sum(loans))
    paid = share * owed
    read = {
        "own_ledger": Reading(
            {"own_dpd_current": np.zeros(1, np.float32)}, {"balance": np.zeros(1), "limit": np.ones(1)}
        ),
        "bureau": Reading(
            {
                "bureau_unsecured_bal": np.array([owed], np.float32),
                "bureau_lenders": np.array([len(loans)], np.float32),
            },
            {"balance_elsewhere": np.array([owed], np.float32)},
        ),
        "income_assets": Reading({"liquid_assets_30d": np.array([owed], np.float32)}, {}),
    }
    payments = Payments(np.zeros(1, np.float32), np.array([paid], np.float32), np.zeros(1, bool))
    left = after_payments(read, payments)["bureau"].features["bureau_lenders"][0]
    # A cent more, since amounts are of single precision.
    closed = int((np.cumsum(sorted(loans)) <= paid + 1e-3 * owed).sum())
    assert len(loans) - left <= closed
    assert left == 0 or share < 1
