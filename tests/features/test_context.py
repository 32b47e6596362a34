"""The context of a date in a region."""

import numpy as np
import pytest

from data.months import to_days
from features.context import context


@pytest.fixture
def book(make_frame, memory_book):
    months = ("2024-01-01", "2024-02-01", "2024-03-01", "2024-04-01")
    policy = [
        (month, region, tightness)
        for n, month in enumerate(months)
        for region, tightness in ((0, n % 3), (2, 2))
    ]
    market = [
        (month, region, 0.1 * n + region, n + 10.0 * region)
        for n, month in enumerate(months)
        for region in (0, 2)
    ]
    return memory_book(
        {
            "policy": make_frame("policy", policy, "month_start region tightness"),
            "market": make_frame("market", market, "month_start region competition_index macro_index"),
        }
    )


def context_of(book, region: int, date: str) -> dict[str, float]:
    got = context(book, np.array([region], dtype=np.int8), to_days([np.datetime64(date)]))
    return {name: float(values[0]) for name, values in got.items()}


def test_policy_and_competition_are_those_of_the_month_and_the_macro_index_is_the_mean_of_three(book):
    expected = {"policy_regime": 0, "competition_index": pytest.approx(0.3), "macro_index": (1 + 2 + 3) / 3}
    assert context_of(book, 0, "2024-04-01") == expected
    assert context_of(book, 0, "2024-04-30") == expected


def test_regions_are_kept_apart(book):
    assert context_of(book, 2, "2024-03-31") == {
        "policy_regime": 2,
        "competition_index": pytest.approx(2.2),
        "macro_index": 20 + (0 + 1 + 2) / 3,
    }


def test_the_macro_index_of_the_first_months_is_the_mean_of_those_there_are(book):
    assert context_of(book, 0, "2024-02-15")["macro_index"] == (0 + 1) / 2


def test_months_and_regions_that_the_book_does_not_cover_have_no_context(book):
    assert np.isnan(list(context_of(book, 0, "2023-12-31").values())).all()
    assert np.isnan(list(context_of(book, 1, "2024-03-01").values())).all()
    assert np.isnan(list(context_of(book, 3, "2024-03-01").values())).all()
    after = context_of(book, 0, "2024-05-01")
    assert np.isnan([after["policy_regime"], after["competition_index"]]).all()
