"""What a book lets a lender estimate, held against made-up reviews of which the answer is known."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest

from explanations.causes.estimates import (
    HOW_SPENT,
    TENURE_CEILING,
    Neutral,
    assessed_change,
    assessed_from,
    columns_of,
    estimate,
    income_of,
    kept_share,
    lasting_income,
)
from features.matrix import Matrix
from tests.explanations.causes.hand_made import matrix_of, neutral_of

NAN = np.nan


def test_a_feature_is_read_by_name_and_one_that_is_not_there_is_missing() -> None:
    column = columns_of(matrix_of({"review_id": [1, 2]}, one=[1.5, 2.5], other=[3.0, 4.0]))
    assert column("other").tolist() == [3.0, 4.0]
    assert column("other").dtype == np.float64
    assert np.isnan(column("absent")).tolist() == [True, True]


def test_income_is_the_payroll_or_what_inferred_income_and_spending_tell_of_it() -> None:
    seen = matrix_of(
        {"review_id": [1, 2]}, income_verified=[5000, NAN], income_proxy=10_000, spend_avg_12m=16
    )
    # log income = log 2 + 0.5 log 10,000 + 0.25 log 16: 2 · 100 · 2.
    neutral = neutral_of(income=np.array([np.log(2), 0.5, 0.25]))
    np.testing.assert_allclose(income_of(seen, neutral), [5000, 400], rtol=1e-6)


def test_lasting_income_is_the_mean_log_over_the_reviews_that_read_the_borrower() -> None:
    seen = matrix_of(
        {"borrower_id": [7, 8, 7, 8, 9]},
        income_verified=[1000, 300, 4000, NAN, NAN],
        income_proxy=[1, 1, 1, NAN, 0],
        spend_avg_12m=1.0,
    )
    found = np.exp(lasting_income(seen, neutral_of()))
    assert found.index.tolist() == [7, 8, 9]
    np.testing.assert_allclose(found, [2000, 300, 0], rtol=1e-6)


def test_the_formula_reads_income_and_spending_as_logs_and_counts_what_nobody_counted_as_none() -> None:
    named = {
        "income_verified": [NAN, 1000],
        "income_proxy": [100, 10],
        "spend_avg_12m": [10, 1],
        "account_age": [75, 12],
        "bureau_lenders": [NAN, 3],
        "bureau_enq_3m": [NAN, 4],
        "dti_ratio": [NAN, 0.5],
        "own_late_count_6m": [2, 0],
        "shared_device_risk": [0.25, 0.75],
        "competition_index": [1.5, 2.5],
    }
    read = assessed_from(matrix_of({"review_id": [1, 2]}, **named), np.array([1.0, 0.0]))
    ten = np.log(10)
    expected = [
        [2 * ten, ten, TENURE_CEILING, 0, 0, 0, 1, 0.25, 1.5, 1],
        [3 * ten, 0, 12, 3, 4, 0.5, 0, 0.75, 2.5, 0],
    ]
    np.testing.assert_allclose(read, expected, rtol=1e-6)
    assert TENURE_CEILING == 60


def test_the_limit_changes_by_what_the_formula_reads_otherwise_and_not_where_it_reads_nothing() -> None:
    neutral = neutral_of(assessment=np.array([9.0, 2.0, 3.0]))
    seen = np.array([[1.0, 5.0], [1.0, NAN]])
    then = np.array([[2.0, 4.0], [4.0, 7.0]])
    assert assessed_change(neutral, seen, then).tolist() == [2 * 1 - 3 * 1, 2 * 3]


@pytest.mark.parametrize(
    ("month", "region", "months", "expected"),
    [
        (7, 0, 1, 1 / 8),  # 2 to the power 3
        (7, 0, 2, 1 / 6),  # the mean of 8 and 4
        (6, 0, 2, 1 / 3),  # of 4 and 2
        (7, 1, 3, 1),
        (5, 0, 3, 1 / 2),  # before the table begins its first month counts
        (9, 0, 2, 1 / 8),  # and after it ends its last
    ],
)
def test_what_would_have_come_without_competition_is_one_over_the_mean_pull_of_the_months(
    month: int, region: int, months: int, expected: float
) -> None:
    index = np.array([[1.0, 0.0], [2.0, 0.0], [3.0, 0.0]])
    neutral = neutral_of(pull=np.log(2), competition=index, first_month=5)
    found = kept_share(neutral, np.array([month]), np.array([region]), months)
    assert found == pytest.approx([expected])


PULL, INCOME, SPENT = 0.3, (0.5, 0.75, 0.2), -1.25
ASSESSMENT = (2.0, 0.5, 0.3, 0.01, -0.02, -0.03, -0.4, -0.5, -0.6, 0.1, 0.2)
MONTHS, REGIONS, EACH = 9, 5, 20
FIRST = "2023-03"


def made(rng: np.random.Generator, each: int = EACH, pull: float = PULL) -> tuple[Matrix, pd.DataFrame]:
    """Reviews of months 1 to 9 that follow these coefficients without any noise, and a market from month -1 on."""
    index = rng.uniform(0, 2, (MONTHS + 2, REGIONS))
    month, region, _ = (
        axis.ravel() for axis in np.meshgrid(range(1, MONTHS + 1), range(REGIONS), range(each), indexing="ij")
    )
    rows = len(month)
    # Row 0 of the market is month -1; six months up to the review's, of which the first stands for those before it.
    latest = np.clip(month[:, None] + 1 - np.arange(6), 0, None)
    recent = index[latest, region[:, None]].mean(axis=1)
    spent = rng.uniform(5, 8, rows)
    proxy = rng.uniform(8, 10, rows)
    verified = INCOME[0] + INCOME[1] * proxy + INCOME[2] * spent
    paid = rng.uniform(size=rows) < 0.6
    named: dict[str, Any] = {
        "income_verified": np.where(paid, np.exp(verified), NAN),
        "income_proxy": np.exp(proxy),
        "spend_avg_12m": np.exp(spent),
        "account_age": rng.uniform(0, 90, rows),
        "bureau_lenders": rng.integers(0, 9, rows),
        "bureau_enq_3m": rng.integers(0, 9, rows),
        "dti_ratio": rng.uniform(0, 1, rows),
        "own_late_count_6m": rng.integers(0, 2, rows),
        "shared_device_risk": rng.uniform(0, 1, rows),
        "competition_index": index[month + 1, region],
        "bureau_enq_6m": np.exp(1 + 0.1 * region - 0.05 * month + pull * recent),
        "spend_surge_1m": 1 + (month + 1) % 12 / 10,
        **{name: at + rng.permutation(rows) % 3 for at, name in enumerate(HOW_SPENT)},
    }
    keys = {
        "borrower_id": np.arange(rows),
        "month": month.astype(np.int32),
        "region": region.astype(np.int8),
        "marketing": rng.integers(0, 2, rows),
        "reviewed_on": (np.datetime64(FIRST, "M") + month - 1).astype("datetime64[ms]"),
    }
    reviews = matrix_of(keys, **named)
    read = assessed_from(reviews, reviews.keys["marketing"].to_numpy(float))
    assessed = np.exp(ASSESSMENT[0] + read @ np.array(ASSESSMENT[1:]))
    # A review without an assessed limit tells nothing of how limits are assessed.
    assessed[3] = NAN
    reviews.keys["limit_assessed"] = assessed
    begun = np.datetime64(FIRST, "M") - 2 + np.arange(MONTHS + 2)
    market = pd.DataFrame(
        {
            "month_start": np.repeat(begun.astype("datetime64[ms]"), REGIONS),
            "region": np.tile(np.arange(REGIONS, dtype=np.int8), MONTHS + 2),
            "competition_index": index.ravel(),
        }
    )
    return reviews, market.sample(frac=1, random_state=1)


@pytest.fixture(scope="module")
def reviews_and_market() -> tuple[Matrix, pd.DataFrame]:
    return made(np.random.default_rng(11))


@pytest.fixture(scope="module")
def found(reviews_and_market: tuple[Matrix, pd.DataFrame]) -> Neutral:
    return estimate(*reviews_and_market, FIRST)


def test_coefficients_by_which_reviews_were_made_are_found_again(found: Neutral) -> None:
    np.testing.assert_allclose(found.income, INCOME, atol=1e-4)
    np.testing.assert_allclose(found.assessment, ASSESSMENT, atol=1e-4)
    assert found.pull == pytest.approx(PULL, abs=1e-4)


def test_the_market_stands_by_month_and_region_from_its_first_month_on(
    found: Neutral, reviews_and_market: tuple[Matrix, pd.DataFrame]
) -> None:
    _, market = reviews_and_market
    assert found.first_month == -1
    assert found.competition.shape == (MONTHS + 2, REGIONS)
    may = market[(market["month_start"] == "2023-05-01") & (market["region"] == 4)]
    assert found.competition[4, 4] == may["competition_index"].item()


def test_usual_spending_is_the_median_of_those_whose_payroll_is_seen(
    found: Neutral, reviews_and_market: tuple[Matrix, pd.DataFrame]
) -> None:
    column = columns_of(reviews_and_market[0])
    spent_share = (column("spend_avg_12m") / column("income_verified"))[~np.isnan(column("income_verified"))]
    assert np.exp(found.spending) == pytest.approx(np.median(spent_share), rel=1e-3)
    # How it is spent: each of 0, 1, 2 equally often, and as many more as the feature's place.
    assert found.usual == {name: at + 1.0 for at, name in enumerate(HOW_SPENT)}


def test_the_usual_surge_is_that_of_the_calendar_month_and_none_where_it_has_no_reviews(
    found: Neutral,
) -> None:
    # Month 1 of history is March; no review lies in January or February, nor in December.
    expected = [0.0, 0.0, *(1 + calendar % 12 / 10 for calendar in range(2, 11)), 0.0]
    np.testing.assert_allclose(found.surge, expected, rtol=1e-6)


def blinded(reviews: Matrix, *names: str) -> Matrix:
    """The reviews without anything seen of some features."""
    values = reviews.values.copy()
    values[:, [reviews.features.index(name) for name in names]] = NAN
    return Matrix(reviews.keys, values, reviews.features)


def test_where_no_payroll_is_seen_the_inferred_income_stands_as_it_is(
    reviews_and_market: tuple[Matrix, pd.DataFrame],
) -> None:
    reviews, market = reviews_and_market
    found = estimate(blinded(reviews, "income_verified"), market, FIRST)
    np.testing.assert_allclose(found.income, [0, 1, 0], atol=1e-9)
    column = columns_of(reviews)
    spent_share = column("spend_avg_12m") / column("income_proxy")
    assert np.exp(found.spending) == pytest.approx(np.median(spent_share), rel=1e-3)
    # Of whom nothing at all is known, nothing is told.
    nothing = estimate(blinded(reviews, "income_verified", "income_proxy"), market, FIRST)
    assert nothing.spending == 0.0


def test_a_stream_that_a_lender_does_not_have_takes_nothing_from_the_other_coefficients(
    reviews_and_market: tuple[Matrix, pd.DataFrame],
) -> None:
    reviews, market = reviews_and_market
    at = reviews.features.index("shared_device_risk")
    # As the lender's system would have assessed without devices.
    without = reviews.keys["limit_assessed"] / np.exp(ASSESSMENT[8] * reviews.values[:, at].astype(float))
    part = blinded(reviews, "shared_device_risk")
    found = estimate(replace(part, keys=reviews.keys.assign(limit_assessed=without)), market, FIRST)
    np.testing.assert_allclose(found.assessment, [*ASSESSMENT[:8], 0.0, *ASSESSMENT[9:]], atol=1e-4)


def test_a_pull_is_told_only_by_enough_cells_of_enough_reviews_and_an_index_that_moves() -> None:
    def pull(reviews: Matrix, market: pd.DataFrame) -> float:
        return estimate(reviews, market, FIRST).pull

    assert pull(*made(np.random.default_rng(3), each=19)) == 0.0  # under 20 reviews in each cell
    assert pull(*made(np.random.default_rng(3), pull=-0.2)) == 0.0  # nobody borrows less for being courted
    reviews, market = made(np.random.default_rng(3))
    assert pull(reviews, market.assign(competition_index=1.0)) == 0.0
    rare = reviews.values.copy()
    rare[:, reviews.features.index("bureau_enq_6m")] /= 100
    assert pull(replace(reviews, values=rare), market) == pytest.approx(PULL, abs=1e-3)
    for months, expected in ((5, 0.0), (6, PULL)):  # 25 and 30 cells
        some = (reviews.keys["month"] <= months).to_numpy()
        part = Matrix(reviews.keys[some].reset_index(drop=True), reviews.values[some], reviews.features)
        assert pull(part, market) == pytest.approx(expected, abs=1e-3)


def test_a_cell_without_enquiries_or_with_few_reviews_does_not_touch_the_pull() -> None:
    reviews, market = made(np.random.default_rng(5))
    values = reviews.values.copy()
    at = reviews.features.index("bureau_enq_6m")
    first, second = ((reviews.keys["region"] == region).to_numpy() for region in (0, 1))
    month = reviews.keys["month"].to_numpy()
    values[first & (month == 4), at] = NAN  # a bureau that says nothing shows no enquiry
    values[second & (month == 4), at] = 1000.0
    kept = ~(second & (month == 4)) | (np.arange(len(month)) % EACH < EACH - 1)
    part = Matrix(reviews.keys[kept].reset_index(drop=True), values[kept], reviews.features)
    assert estimate(part, market, FIRST).pull == pytest.approx(PULL, abs=1e-3)
