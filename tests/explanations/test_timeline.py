"""What was visible when: counted once more row by row."""

from __future__ import annotations

from collections import Counter
from datetime import date, timedelta

import numpy as np
import pandas as pd
import pytest

from data.blocks import Processes
from data.book import Book
from data.schema import STREAMS
from explanations.timeline import COLUMNS, KINDS, timelines


@pytest.fixture(scope="module")
def conflicts(small_book: Book) -> pd.DataFrame:
    """Requests of all blocks, each with a review of its borrower up to two months before, in no order."""
    requests = small_book.whole("draw_requests", ["request_id", "borrower_id", "requested_on"])
    reviews = small_book.whole("limit_reviews", ["review_id", "borrower_id", "reviewed_on"])
    pairs = requests.merge(reviews, on="borrower_id")
    age = (pairs["requested_on"] - pairs["reviewed_on"]).dt.days
    recent = pairs[(age >= 0) & (age < 60)].drop_duplicates("request_id", keep="last")
    return recent.sample(40, random_state=1, ignore_index=True)


@pytest.fixture(scope="module")
def told(small_book: Book, conflicts: pd.DataFrame) -> pd.DataFrame:
    return timelines(small_book, conflicts.drop(columns="reviewed_on"))


def read_on(stream: str, reviewed: date) -> date:
    """The last refresh of a stream that a review reads."""
    if stream in ("income_assets", "consumption"):
        return reviewed.replace(day=1)
    return reviewed - timedelta(days=reviewed.weekday()) if stream == "device_social" else reviewed


def kind_of(stream: str, occurred: date, shown: date, reviewed: date, asked: date) -> str | None:
    if occurred <= reviewed and shown <= reviewed:
        return "stale" if shown > read_on(stream, reviewed) else None
    if shown <= asked:
        return "late" if occurred <= reviewed else "between"
    return "unseen" if occurred < asked else None


def test_every_observation_is_told_where_it_belongs(
    small_book: Book, conflicts: pd.DataFrame, told: pd.DataFrame
) -> None:
    expected: Counter[tuple[int, str, str, str]] = Counter()
    slowest: dict[tuple[int, str, str, str], int] = {}
    for stream in STREAMS:
        table = small_book.whole(f"observations/{stream}")
        for case in conflicts.itertuples():
            for row in table[table["borrower_id"] == case.borrower_id].itertuples():
                occurred, shown = row.occurred_on.date(), row.visible_on.date()
                if stream == "own_ledger":
                    shown = max(shown, occurred + timedelta(days=1))
                kind = kind_of(stream, occurred, shown, case.reviewed_on.date(), case.requested_on.date())
                if kind:
                    key = (case.request_id, kind, stream, getattr(row, "kind", ""))
                    expected[key] += 1
                    slowest[key] = max(slowest.get(key, 0), (shown - occurred).days)
    rows = told[~told["kind"].isin(["review", "request"])]
    keys = list(zip(rows["request_id"], rows["kind"], rows["stream"], rows["what"], strict=True))
    assert dict(zip(keys, rows["count"], strict=True)) == expected
    assert {kind for _, kind, _, _ in expected} == {"stale", "late", "between", "unseen"}
    days = dict(zip(keys, rows["days"], strict=True))
    assert all(days[key] == (0 if key[1] == "between" else slowest[key]) for key in keys)


def test_the_slowest_is_told_from_its_day_to_the_day_on_which_it_was_shown(told: pd.DataFrame) -> None:
    rows = told[told["kind"].isin(["stale", "late", "unseen"])]
    assert ((rows["on"] - rows["since"]).dt.days == rows["days"]).all()
    assert (told["since"] <= told["on"]).all()


def test_both_decisions_stand_on_their_days(conflicts: pd.DataFrame, told: pd.DataFrame) -> None:
    for kind, column in (("review", "reviewed_on"), ("request", "requested_on")):
        rows = told[told["kind"] == kind]
        assert rows["request_id"].tolist() == conflicts["request_id"].tolist()
        assert np.array_equal(rows["on"], conflicts[column].astype("datetime64[s]"))


def test_the_rows_of_a_case_stand_by_day(conflicts: pd.DataFrame, told: pd.DataFrame) -> None:
    assert tuple(told) == COLUMNS
    assert set(told["kind"]) <= set(KINDS)
    assert told["request_id"].drop_duplicates().tolist() == conflicts["request_id"].tolist()
    for _, rows in told.groupby("request_id"):
        assert rows["on"].is_monotonic_increasing


@pytest.mark.usefixtures("copied")
def test_one_case_alone_and_other_processes_tell_the_same(
    small_book: Book, conflicts: pd.DataFrame, told: pd.DataFrame
) -> None:
    alone = timelines(small_book, conflicts[3:4])
    same = told[told["request_id"] == conflicts["request_id"][3]].reset_index(drop=True)
    pd.testing.assert_frame_equal(alone, same)
    pd.testing.assert_frame_equal(timelines(small_book, conflicts, Processes(2)), told)


def test_no_cases_have_no_time_line(small_book: Book, conflicts: pd.DataFrame) -> None:
    empty = timelines(small_book, conflicts[:0])
    assert tuple(empty) == COLUMNS
    assert not len(empty)
