"""A world lived through again: as it was with all mechanisms on, different only where one is switched off."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from data.book import Book
from data.mechanisms import MECHANISMS
from data.replay import replay, script_of
from data.schema import DATED_TABLES
from data.world import World


@pytest.fixture(scope="module")
def some(small_book: Book) -> np.ndarray:
    """Every fourth borrower, from all blocks."""
    return small_book.whole("borrowers")["borrower_id"].to_numpy()[::4]


def _again(book: Book, borrowers: np.ndarray, on: tuple[str, ...], out: Path, capacity: bool = False) -> Book:
    return replay(book, script_of(book, borrowers), on, out, capacity)


def _of(book: Book, name: str, who: np.ndarray) -> pd.DataFrame:
    table = book.whole(name)
    if "borrower_id" in table:
        table = table[table["borrower_id"].isin(who)]
    words = table.select_dtypes("category").columns
    return table.astype(dict.fromkeys(words, str)).reset_index(drop=True)


def test_with_all_mechanisms_on_every_row_is_as_it_was(
    small_book: Book, some: np.ndarray, tmp_path: Path
) -> None:
    who = np.unique(script_of(small_book, some).borrower_id)
    again = _again(small_book, some, MECHANISMS, tmp_path / "b")
    for name in (*DATED_TABLES, "oracle/borrowers"):
        left, right = _of(small_book, name, who), _of(again, name, who)
        if name == "outcomes":
            left = left[left["request_id"].isin(right["request_id"])].reset_index(drop=True)
        pd.testing.assert_frame_equal(left, right, obj=name)
        assert len(right) or name == "outages"


@pytest.mark.parametrize("off", MECHANISMS)
def test_requests_and_decisions_stay_whatever_is_off(
    small_book: Book, some: np.ndarray, off: str, tmp_path: Path
) -> None:
    who = np.unique(script_of(small_book, some).borrower_id)
    on = tuple(name for name in MECHANISMS if name != off)
    again = _again(small_book, some, on, tmp_path / "b")
    columns = ["request_id", "requested_on", "amount", "term", "decision_executed"]
    pd.testing.assert_frame_equal(
        _of(small_book, "draw_requests", who)[columns], _of(again, "draw_requests", who)[columns]
    )
    same = {
        "policy": ("limit_reviews", "market", "observations/bureau"),
        "data_lag": ("market", "observations/consumption", "observations/device_social"),
        "competition": ("observations/consumption", "observations/income_assets"),
        "misread": ("market", "observations/bureau", "observations/own_ledger"),
        "error": ("market", "observations/bureau", "observations/own_ledger"),
    }[off]
    for name in same:
        pd.testing.assert_frame_equal(_of(small_book, name, who), _of(again, name, who), obj=name)
    if off != "policy":
        # Fewer debts mean fewer accounts written off, so that there can be more reviews.
        both = _of(small_book, "limit_reviews", who).merge(
            _of(again, "limit_reviews", who), on="review_id", suffixes=("", "_then")
        )
        assert (both["limit_after"] != both["limit_after_then"]).any()


def test_capacity_shows_the_true_income_and_no_taste_for_spending(
    small_book: Book, some: np.ndarray, tmp_path: Path, world: World
) -> None:
    shown = _again(small_book, some, MECHANISMS, tmp_path / "b", capacity=True)
    income = shown.whole("observations/income_assets")
    paid = income["payroll"].notna()
    np.testing.assert_allclose(income.loc[paid, "inferred_income"], income.loc[paid, "payroll"], rtol=1e-6)
    traits = shown.whole("oracle/borrowers").set_index("borrower_id")
    spent = shown.whole("observations/consumption").set_index("borrower_id")
    total = spent[["necessities", "discretionary", "high_ticket", "virtual_topup", "cashout_suspect"]].sum(
        axis=1
    )
    share = total.groupby(level=0).mean() / traits["income_permanent"]
    assert share.std() / share.mean() < 1e-3
    assert abs(np.corrcoef(share, traits.loc[share.index, "spending"])[0, 1]) < 0.2


def test_a_borrower_is_the_same_in_a_replay_of_fewer(
    small_book: Book, some: np.ndarray, tmp_path: Path
) -> None:
    on = ("policy", "error")
    many = _again(small_book, some, on, tmp_path / "many")
    few = _again(small_book, some[:40], on, tmp_path / "few")
    who = few.whole("borrowers")["borrower_id"].to_numpy()
    for name in ("limit_reviews", "observations/bureau"):
        pd.testing.assert_frame_equal(_of(many, name, who), _of(few, name, who), obj=name)


def test_capacity_shows_the_same_whatever_else_is_switched_off_but_lag(
    small_book: Book, some: np.ndarray, tmp_path: Path
) -> None:
    for on, without in ((MECHANISMS, ("data_lag",)), (("competition", "error"), ("policy",))):
        more, less = (
            _again(small_book, some, kept, tmp_path / "-".join(kept), capacity=True) for kept in (on, without)
        )
        for name in ("observations/consumption", "observations/income_assets"):
            pd.testing.assert_frame_equal(more.whole(name), less.whole(name), obj=name)
