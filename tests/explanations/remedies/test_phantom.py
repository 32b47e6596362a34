"""Limits on show that would be refused: what is on show, what is asked, who would be refused, and the sums."""

from __future__ import annotations

from typing import Any, cast

import numpy as np
import pandas as pd
import pytest
from scipy.stats import norm

from data.blocks import Processes
from data.book import Book
from explanations.remedies.phantom import limits_of_clients, limits_on_show, phantom_table
from settings import Settings
from tests.explanations.remedies.fixed_model import FixedModel

DAY = pd.Timestamp("2025-12-15")


def shown_by(
    book: Book, settings: Settings, model: FixedModel, engine: Processes | None = None, **changed: Any
) -> tuple[pd.DataFrame, int]:
    parameters = settings.explanations.phantom.model_copy(update=changed)
    release = cast(Any, model)
    workers = engine or Processes()
    return limits_on_show(book, DAY, release, settings.features, settings.models, parameters, workers)


def test_on_show_is_the_limit_of_the_last_review_less_the_balance(
    small_book: Book, settings: Settings
) -> None:
    shown, read = shown_by(small_book, settings, FixedModel())
    reviews = small_book.whole("limit_reviews")
    last = reviews[reviews["reviewed_on"] <= DAY].groupby("borrower_id")["limit_after"].last()
    ledger = small_book.whole("observations/own_ledger")
    balance = ledger[ledger["occurred_on"] < DAY].groupby("borrower_id")["balance"].last()
    available = (last - balance.reindex(last.index).fillna(0.0)).pipe(lambda left: left[left > 0])
    assert read == 1500
    assert shown["borrower_id"].tolist() == available.index.tolist()
    np.testing.assert_allclose(shown["available"], available, rtol=1e-5)
    np.testing.assert_allclose(shown["limit"], last[available.index], rtol=1e-6)


def test_everybody_asks_for_his_share_over_the_term(small_book: Book, settings: Settings) -> None:
    asked, _ = shown_by(small_book, settings, FixedModel(of="requested_amount"), asked_share=0.25)
    np.testing.assert_allclose(asked["pd"], 0.25 * asked["available"], rtol=1e-5)
    term, _ = shown_by(small_book, settings, FixedModel(of="requested_term"), term=9)
    assert (term["pd"] == 9).all()


def test_who_would_be_refused_is_what_the_policy_of_the_day_says(
    small_book: Book, settings: Settings
) -> None:
    safe, _ = shown_by(small_book, settings, FixedModel(0.0))
    assert "score" not in set(safe["refused_by"])
    assert {"", "cap_debt_service", "overdue"} <= set(safe["refused_by"])
    hopeless, _ = shown_by(small_book, settings, FixedModel(1.0))
    assert set(hopeless["refused_by"]) == {"score"}
    policy = small_book.table("policy")
    december = policy[policy["month_start"] == pd.Timestamp("2025-12-01")].set_index("region")["cutoff"]
    region = small_book.whole("borrowers").set_index("borrower_id")["region"]
    np.testing.assert_allclose(safe["cutoff"], december[region[safe["borrower_id"]]])


def test_lately_raised_are_those_with_a_raise_within_the_window(small_book: Book, settings: Settings) -> None:
    shown, _ = shown_by(small_book, settings, FixedModel())
    reviews = small_book.whole("limit_reviews")
    recent = reviews["reviewed_on"].between(DAY - pd.Timedelta(days=182), DAY)
    raised = reviews["limit_after"] >= 1.15 * reviews["limit_before"]
    expected = shown["borrower_id"].isin(reviews.loc[recent & raised, "borrower_id"])
    assert shown["raised"].tolist() == expected.tolist()
    assert 0.1 < shown["raised"].mean() < 0.9


def test_a_large_book_is_read_in_whole_blocks_spread_evenly(small_book: Book, settings: Settings) -> None:
    everyone, _ = shown_by(small_book, settings, FixedModel())
    some, read = shown_by(small_book, settings, FixedModel(), borrowers=900)
    first, second = (small_book.table("borrowers", block)["borrower_id"] for block in (0, 2))
    assert read == len(first) + len(second) < 1500
    expected = everyone[everyone["borrower_id"].isin([*first, *second])].reset_index(drop=True)
    pd.testing.assert_frame_equal(some, expected)


@pytest.mark.usefixtures("copied")
def test_it_is_the_same_whoever_works_on_the_blocks(small_book: Book, settings: Settings) -> None:
    here, elsewhere = (
        shown_by(small_book, settings, FixedModel(0.05), engine)[0] for engine in (Processes(), Processes(2))
    )
    pd.testing.assert_frame_equal(here, elsewhere)


@pytest.fixture
def few() -> pd.DataFrame:
    return pd.DataFrame(
        {
            "borrower_id": [1, 2, 3, 4, 5, 6],
            "limit": [1000.0, 2000, 3000, 4000, 5000, 6000],
            "available": [500.0, 1500, 3000, 1000, 5000, 6000],
            "refused_by": ["", "score", "", "cap_lenders", "score", ""],
            "raised": [True, True, False, False, True, False],
        }
    )


def test_the_sums_by_group_are_those_of_their_borrowers(few: pd.DataFrame) -> None:
    table = phantom_table(few, 10.0, 0.95).set_index(["by", "name"])
    assert table.loc[("all", "all"), ["borrowers", "available", "refused", "phantom"]].tolist() == [
        60.0,
        170_000.0,
        30.0,
        75_000.0,
    ]
    assert table.loc[("rule", "score"), "phantom"] == pytest.approx(65_000.0)
    assert table.loc[("rule", "cap_lenders"), "share"] == pytest.approx(1_000 / 17_000)
    assert table.loc[("raised", "yes"), "phantom"] == pytest.approx(65_000.0)
    assert table.loc[("limit", "high"), "share"] == pytest.approx(5_000 / 11_000)
    for by in ("rule", "raised", "limit"):
        assert table.loc[by, "phantom"].sum() == pytest.approx(75_000.0)


def test_an_interval_is_as_wide_as_the_spread_of_borrowers_makes_it(few: pd.DataFrame) -> None:
    row = phantom_table(few, 1.0, 0.9).iloc[0]
    values = np.array([0, 1500, 0, 1000, 5000, 0.0])
    reach = norm.ppf(0.95) * values.std(ddof=1) / np.sqrt(6) * 6
    assert row["phantom_high"] == pytest.approx(values.sum() + reach)
    assert row["phantom_low"] == max(values.sum() - reach, 0.0)


def test_clients_of_a_book_without_dates_hold_the_limit_on_record() -> None:
    decided = pd.DataFrame(
        {
            "borrower_id": [5, 3],
            "pd": [0.3, 0.1],
            "cutoff": 0.2,
            "refused_by": ["score", ""],
            "favoured": [True, False],
        }
    )
    reviews = pd.DataFrame({"borrower_id": [3, 4, 5], "limit_assessed": [300.0, 400, 500]})
    shown = limits_of_clients(decided, reviews)
    assert shown["available"].tolist() == [500.0, 300.0]
    table = phantom_table(shown, 1.0, 0.95)
    assert table.loc[0, ["refused", "phantom", "share"]].tolist() == [1.0, 500.0, 0.625]
