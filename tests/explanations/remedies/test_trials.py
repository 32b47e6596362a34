"""The remedies: what is counted, for how many it stands, and what is not known."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from data.book import Book
from explanations.explanation import Explanation
from explanations.intervals.proportions import wilson
from explanations.parameters import ExplanationParameters
from explanations.remedies.refused_outcomes import refused_outcomes
from explanations.remedies.trials import (
    Asked,
    looked_at,
    remedy_table,
    with_fresh_stream,
    with_looser_cutoff,
    with_remedies,
)
from settings import Settings

# Four conflicts and six released requests.
REQUESTS = pd.DataFrame(
    {
        "request_id": np.arange(10),
        "borrower_id": [1, 1, 2, 3, 4, 5, 6, 7, 8, 9],
        "conflict": [True] * 4 + [False] * 6,
        "bad": [1.0, 0, 0, 1, 0, 0, 0, 0, 0, 1],
    }
)


@pytest.fixture(scope="module")
def parameters(settings: Settings) -> ExplanationParameters:
    return settings.explanations.model_copy(update={"bootstrap_draws": 400})


def decisions(remedy: str, favoured: list[bool], refused: list[bool]) -> pd.DataFrame:
    table = REQUESTS[["request_id"]].head(len(favoured))
    return table.assign(remedy=remedy, favoured=favoured, refused=refused)


PAID = decisions("policy", [True] * 10, [False, False, True, True] + [False] * 5 + [True])
UNRAISED = decisions(
    "misread", [False, True, True, True] + [False] * 3 + [True] * 3, [True] * 4 + [False] * 6
)


def test_what_each_remedy_does_is_counted(parameters: ExplanationParameters) -> None:
    table = remedy_table(pd.concat([UNRAISED, PAID]), Asked(REQUESTS, 4, 6), parameters)
    assert table["remedy"].tolist() == ["policy", "misread"]
    assert table["share"].tolist() == [0.5, 0.25]
    counted = table.set_index("remedy")[["removed", "released", "not_raised", "limits", "new", "bad"]]
    assert counted.loc["policy"].tolist() == [2, 2, 0, 0, 1, 1]
    assert counted.loc["misread"].tolist() == [1, 0, 1, 4, 0, 0]


def test_a_part_stands_for_the_whole_of_its_cohort(parameters: ExplanationParameters) -> None:
    table = remedy_table(UNRAISED, Asked(REQUESTS, 400, 60), parameters).iloc[0]
    assert table["removed"] == 100
    assert table["share"] == 0.25
    assert table["limits"] == 100 + 30


def test_intervals_hold_the_count_and_widen_with_fewer_borrowers(parameters: ExplanationParameters) -> None:
    row = remedy_table(UNRAISED, Asked(REQUESTS, 4, 6), parameters).iloc[0]
    assert row["removed_low"] <= row["removed"] <= row["removed_high"]
    many = pd.concat(
        [
            REQUESTS.assign(
                request_id=10 * i + REQUESTS["request_id"], borrower_id=10 * i + REQUESTS["borrower_id"]
            )
            for i in range(50)
        ]
    )
    again = pd.concat([UNRAISED.assign(request_id=10 * i + UNRAISED["request_id"]) for i in range(50)])
    wide = row["removed_high"] - row["removed_low"]
    narrow = remedy_table(again, Asked(many, 4, 6), parameters).iloc[0]
    assert narrow["removed"] == pytest.approx(1.0)
    assert narrow["removed_high"] - narrow["removed_low"] < wide / 4


def test_no_interval_reaches_beyond_the_cohort_that_is_counted(parameters: ExplanationParameters) -> None:
    asked = Asked(REQUESTS, 400, 60)
    all_gone = decisions("data_lag", [False] * 10, [True] * 4 + [False] * 6)
    row = remedy_table(all_gone, asked, parameters).iloc[0]
    assert (row["removed_low"], row["removed"], row["removed_high"]) == (400, 400, 400)
    row = remedy_table(UNRAISED, asked, parameters).iloc[0]
    assert 0 <= row["removed_low"] <= row["removed"] <= row["removed_high"] <= 400
    assert row["limits_high"] <= 460


def test_bad_loans_are_those_known_and_none_among_few_is_not_none_for_sure(
    parameters: ExplanationParameters,
) -> None:
    seen = REQUESTS.assign(bad=[np.nan, 0.0, np.nan, 1.0] + [np.nan] * 6)
    row = remedy_table(PAID, Asked(seen, 4, 6), parameters).iloc[0]
    assert row["released"] == 2
    assert row["bad"] == 0
    assert row["bad_high"] == pytest.approx(2 * wilson(0, 1)[1])
    unknown = remedy_table(PAID, Asked(REQUESTS.assign(bad=np.nan), 4, 6), parameters).iloc[0]
    assert np.isnan(unknown["bad"])


def test_a_looser_cutoff_releases_those_just_above_it() -> None:
    conflicts = pd.DataFrame(
        {
            "request_id": [4, 5, 6],
            "refused_by": ["score", "score", "data_missing"],
            "pd": [0.24, 0.26, 0.01],
            "cutoff": 0.2,
        }
    )
    again = with_looser_cutoff(conflicts, 1.25)
    assert again["refused"].tolist() == [False, True, True]
    assert again["favoured"].all()


def test_each_stream_of_an_audit_is_a_remedy() -> None:
    audit = pd.DataFrame(
        {"stream": ["bureau", "agency"], "request_id": [1, 1], "favoured": [True, False], "refused": True}
    )
    assert with_fresh_stream(audit)["remedy"].tolist() == ["fresh_bureau", "fresh_agency"]


def test_few_blocks_are_read_of_many_requests(small_book: Book) -> None:
    ids = small_book.whole("draw_requests", ["request_id"])["request_id"].to_numpy()
    assert looked_at(small_book, ids, len(ids)) is ids
    some = looked_at(small_book, ids, 50)
    assert len(some) == len(np.unique(some)) == 50
    first = small_book.table("draw_requests", 0, ["request_id"])["request_id"]
    assert np.isin(some, first).all()
    half = looked_at(small_book, ids, len(ids) // 2)
    blocks = [
        np.isin(half, small_book.table("draw_requests", block)["request_id"]).any() for block in range(3)
    ]
    assert blocks == [True, False, True]


def test_without_conflicts_there_is_nothing_to_remedy(
    simulated: Explanation, parameters: ExplanationParameters
) -> None:
    plain = replace(simulated, remedies=None)
    assert with_remedies(plain, PAID, Asked(REQUESTS, 0, 6), parameters) is plain


def test_outcomes_of_the_refused_are_counted_in_heads_and_money(parameters: ExplanationParameters) -> None:
    conflicts = pd.DataFrame({"borrower_id": [1, 2, 3, 4], "amount": [100.0, 200, 400, 800]})
    seen = np.array([np.nan, 1.0, np.nan, 0.0])
    told = refused_outcomes(conflicts, seen, np.array([1.0, 1, 0, 0]), parameters)
    assert (told["by"], told["known"], told["bad"], told["good"]) == ("oracle", 4, 2, 2)
    assert (told["bad_amount"], told["good_amount"]) == (300.0, 1200.0)
    assert told["bad_low"] <= 2 <= told["bad_high"]
    assert told["good_low"] == 4 - told["bad_high"]
    observed = refused_outcomes(conflicts, seen, None, parameters)
    assert (observed["by"], observed["known"], observed["bad"], observed["good"]) == ("observed", 2, 1, 1)
    none = refused_outcomes(conflicts, np.zeros(4), None, parameters)
    assert (none["bad"], none["bad_low"], none["good_high"]) == (0, 0.0, 4.0)
    assert none["bad_high"] == pytest.approx(4 * wilson(0, 4)[1])
    unpriced = refused_outcomes(conflicts.assign(amount=np.nan), seen, None, parameters)
    assert unpriced["good_amount"] is None
    nobody = refused_outcomes(conflicts, np.full(4, np.nan), None, parameters)
    assert (nobody["known"], nobody["bad_low"], nobody["good_amount"]) == (0, None, None)
