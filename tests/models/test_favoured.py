"""A request is favoured by the latest review in the window that raised the limit and covers the draw."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from models.favoured import favoured, favoured_by_share, favouring, in_any_window, windows_of
from models.parameters import FavouredParameters

HALF_A_YEAR = FavouredParameters(window_days=182, raise_from=1.15)
DAY = np.datetime64("2025-06-30")


def reviews_of(*rows: tuple[int, int, int, float, float, float]) -> pd.DataFrame:
    """Reviews of (id, borrower, days before `DAY`, limit before, predicted limit, slip)."""
    table = pd.DataFrame(rows, columns=["review_id", "borrower_id", "ago", "limit_before", "limit", "slip"])
    table["reviewed_on"] = DAY - table.pop("ago").to_numpy().astype("timedelta64[D]")
    table["limit_score"] = np.log(table.pop("limit").astype(float))
    return table


def requests_of(*rows: tuple[int, int, float, float]) -> pd.DataFrame:
    """Requests of (borrower, days before `DAY`, amount, balance)."""
    table = pd.DataFrame(rows, columns=["borrower_id", "ago", "amount", "balance"])
    table["requested_on"] = DAY - table.pop("ago").to_numpy().astype("timedelta64[D]")
    return table


def one(requests: pd.DataFrame, reviews: pd.DataFrame) -> pd.Series:
    return favoured(requests, reviews, HALF_A_YEAR).iloc[0]


@pytest.mark.parametrize(("days", "expected"), [(0, True), (1, True), (182, True), (183, False), (-1, False)])
def test_the_review_lies_at_most_the_window_before_the_request(days, expected):
    row = one(requests_of((7, 0, 500, 0)), reviews_of((1, 7, days, 1_000, 2_000, 1)))
    assert row["favoured"] == expected


@pytest.mark.parametrize(("limit", "expected"), [(1_149.9, False), (1_150.1, True)])
def test_the_limit_is_at_least_the_least_raise_above_the_one_before(limit, expected):
    assert one(requests_of((7, 0, 500, 0)), reviews_of((1, 7, 9, 1_000, limit, 1)))["favoured"] == expected


@pytest.mark.parametrize(
    ("amount", "balance", "expected"), [(1_999, 0, True), (1_500, 499, True), (1_500, 501, False)]
)
def test_the_amount_is_within_the_limit_less_the_balance(amount, balance, expected):
    row = one(requests_of((7, 0, amount, balance)), reviews_of((1, 7, 9, 1_000, 2_000, 1)))
    assert row["favoured"] == expected


def test_the_recorded_slip_is_applied_to_the_predicted_limit():
    slipped = reviews_of((1, 7, 9, 1_000, 1_000, 2.0), (2, 8, 9, 1_000, 2_000, 0.5))
    result = favoured(requests_of((7, 0, 1_900, 0), (8, 0, 900, 0)), slipped, HALF_A_YEAR)
    assert result["favoured"].tolist() == [True, False]
    np.testing.assert_allclose(result["limit_after"].astype(float), [2_000, 1_000])
    np.testing.assert_allclose(np.exp(result["limit_score"].astype(float)), [1_000, 2_000])


def test_of_two_that_favour_the_latest_counts_and_one_that_does_not_is_passed_over():
    history = reviews_of(
        (1, 7, 170, 1_000, 2_000, 1), (2, 7, 90, 1_000, 2_000, 1), (3, 7, 5, 2_000, 2_000, 1)
    )
    row = one(requests_of((7, 0, 500, 0)), history)
    assert (row["review_id"], row["favoured"]) == (2, True)


def test_an_earlier_review_counts_where_the_later_one_does_not_cover_the_draw():
    history = reviews_of((1, 7, 100, 1_000, 9_000, 1), (2, 7, 10, 1_000, 2_000, 1))
    assert one(requests_of((7, 0, 5_000, 0)), history)["review_id"] == 1


def test_the_first_review_of_an_account_favours_nobody():
    row = one(requests_of((7, 0, 500, 0)), reviews_of((1, 7, 9, np.nan, 2_000, 1)))
    assert not row["favoured"]


def test_where_nothing_favours_the_latest_review_is_shown_however_old():
    history = reviews_of(
        (1, 7, 400, 1_000, 3_000, 1), (2, 7, 300, 1_000, 3_000, 1), (3, 7, -5, 1_000, 3_000, 1)
    )
    row = one(requests_of((7, 0, 500, 0)), history)
    assert (row["review_id"], row["favoured"]) == (2, False)


def test_a_borrower_without_reviews_is_not_favoured_and_shows_none():
    neighbours = reviews_of((1, 6, 9, 1_000, 2_000, 1), (2, 8, 9, 1_000, 2_000, 1))
    for borrower in (5, 7, 9):
        row = one(requests_of((borrower, 0, 500, 0)), neighbours)
        assert row["review_id"] is pd.NA
        assert not row["favoured"]
        assert np.isnan(row["limit_score"])


def test_a_book_without_reviews_and_one_without_requests_are_no_trouble():
    assert not favoured(requests_of((7, 0, 500, 0)), reviews_of(), HALF_A_YEAR)["favoured"].any()
    assert len(favoured(requests_of(), reviews_of((1, 7, 9, 1_000, 2_000, 1)), HALF_A_YEAR)) == 0


def test_large_ids_are_kept_to_the_last_digit():
    row = one(requests_of((7, 0, 500, 0)), reviews_of((2**60 + 1, 7, 9, 1_000, 2_000, 1)))
    assert row["review_id"] == 2**60 + 1


LIMITS = st.sampled_from([500.0, 1_000.0, 1_140.0, 1_160.0, 2_000.0, 4_000.0])
AMOUNTS = st.sampled_from([499.0, 1_099.0, 2_001.0])  # no limit less a balance, which rounding could tip
BORROWERS = st.integers(0, 4)
SOME_REVIEWS = st.lists(
    st.tuples(BORROWERS, st.integers(-30, 400), LIMITS, LIMITS, st.sampled_from([1.0, 2.0])),
    max_size=30,
    unique_by=lambda row: row[:2],
)
SOME_REQUESTS = st.lists(
    st.tuples(BORROWERS, st.integers(-30, 400), AMOUNTS, st.sampled_from([0.0, 900.0])), max_size=15
)


def by_hand(request, reviews):
    """The favouring review of one request as the definition reads, one review after the other."""
    past = [r for r in reviews if r[1] == request[0] and r[2] >= request[1]]
    past.sort(key=lambda r: r[2])
    for review_id, _, ago, before, limit, slip in past:
        enough = limit * slip >= 1.15 * before and request[2] <= limit * slip - request[3]
        if ago - request[1] <= 182 and enough:
            return review_id, True
    return (past[0][0] if past else None), False


@settings(deadline=None, max_examples=60)
@given(SOME_REVIEWS, SOME_REQUESTS)
def test_every_request_gets_the_review_that_the_definition_gives(some_reviews, some_requests):
    listed = [(number, *row) for number, row in enumerate(some_reviews)]
    found = favoured(requests_of(*some_requests), reviews_of(*listed), HALF_A_YEAR)
    shown = [
        (None if pd.isna(i) else int(i), bool(f))
        for i, f in zip(found["review_id"], found["favoured"], strict=True)
    ]
    assert shown == [by_hand(request, listed) for request in some_requests]


@settings(deadline=None, max_examples=60)
@given(SOME_REVIEWS, SOME_REQUESTS)
def test_a_row_is_the_same_in_every_block(some_reviews, some_requests):
    listed = [(number, *row) for number, row in enumerate(some_reviews)]
    requests, reviews = requests_of(*some_requests), reviews_of(*listed)
    whole = favoured(requests, reviews, HALF_A_YEAR)
    for borrower in range(5):
        mine = requests["borrower_id"] == borrower
        part = favoured(requests[mine], reviews[reviews["borrower_id"] == borrower], HALF_A_YEAR)
        pd.testing.assert_frame_equal(part, whole[mine])


def test_the_top_share_of_predicted_limits_is_favoured_in_a_book_without_earlier_limits():
    reviews = pd.DataFrame({"review_id": [3, 1, 2], "borrower_id": [3, 1, 2], "limit_score": [9.0, 8.0, 8.5]})
    requests = pd.DataFrame({"borrower_id": [1, 2, 3, 4]}, index=[10, 11, 12, 13])
    result = favoured_by_share(requests, reviews, least_score=8.5)
    assert result["favoured"].tolist() == [False, True, True, False]
    assert result["review_id"].fillna(-1).tolist() == [1, 2, 3, -1]
    assert result.index.tolist() == [10, 11, 12, 13]
    assert result["limit_before"].isna().all()
    np.testing.assert_allclose(result["limit_after"], np.exp([8.0, 8.5, 9.0, np.nan]))


def test_both_ways_of_being_favoured_give_the_same_columns():
    reviews = pd.DataFrame({"review_id": [1], "borrower_id": [7], "limit_score": [9.0]})
    by_share = favoured_by_share(requests_of((7, 0, 1, 0)), reviews, 8.0)
    by_raise = favoured(requests_of((7, 0, 1, 0)), reviews_of((1, 7, 9, 1_000.0, 2_000, 1)), HALF_A_YEAR)
    pd.testing.assert_series_equal(by_share.dtypes, by_raise.dtypes)


@settings(max_examples=60, deadline=None)
@given(
    reviewed=st.lists(st.tuples(st.integers(1, 4), st.integers(0, 500)), min_size=1, max_size=12),
    asked=st.lists(st.tuples(st.integers(0, 5), st.integers(0, 500)), max_size=8),
)
def test_reviews_in_a_window_are_those_of_the_same_borrower_that_lie_near_enough_before(reviewed, asked):
    reviews = reviews_of(*((i, who, ago, 1.0, 1.0, 1.0) for i, (who, ago) in enumerate(reviewed)))
    reviews = reviews.sort_values(["borrower_id", "reviewed_on"], ignore_index=True)
    requests = requests_of(*((who, ago, 1.0, 0.0) for who, ago in asked))
    found = in_any_window(windows_of(requests, reviews, HALF_A_YEAR), len(reviews))
    ago_of = (DAY - reviews["reviewed_on"].to_numpy().astype("datetime64[D]")).astype(int)
    days = list(zip(reviews["borrower_id"], ago_of, strict=True))
    expected = [any(who == other and 0 <= ago - since <= 182 for other, since in asked) for who, ago in days]
    assert list(found) == expected


@settings(deadline=None, max_examples=60)
@given(SOME_REVIEWS, SOME_REQUESTS, st.lists(st.floats(0.5, 2.0), min_size=2, max_size=4))
@example(  # the latest review favours in one world alone, the one before it in both
    some_reviews=[(0, 100, 1_000.0, 4_000.0, 1.0), (0, 10, 1_000.0, 1_160.0, 1.0)],
    some_requests=[(0, 0, 499.0, 0.0)],
    factors=[1.0, 0.99],
)
def test_several_worlds_at_once_get_what_each_gets_alone(some_reviews, some_requests, factors):
    listed = [(number, *row) for number, row in enumerate(some_reviews)]
    requests, reviews = requests_of(*some_requests), reviews_of(*listed)
    reviews = reviews.sort_values(["borrower_id", "reviewed_on"], kind="stable", ignore_index=True)
    limit = (np.exp(reviews["limit_score"]) * reviews["slip"]).to_numpy(np.float64)
    before = reviews["limit_before"].to_numpy(np.float64)
    needed = (requests["amount"] + requests["balance"]).to_numpy(np.float64)
    windows = windows_of(requests, reviews, HALF_A_YEAR)
    worlds = np.array(factors)[:, None] * limit
    together = favouring(windows, worlds, np.broadcast_to(before, worlds.shape), needed, HALF_A_YEAR)
    alone = [favouring(windows, world, before, needed, HALF_A_YEAR) for world in worlds]
    assert together.tolist() == [row.tolist() for row in alone]
