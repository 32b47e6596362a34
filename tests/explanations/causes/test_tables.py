"""Shares of causes over cohorts, and what a book lacks for them, worked out by hand."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pandas as pd
import pytest

from data.book import Book
from data.mechanisms import CAUSES
from data.schema import STREAMS
from explanations.causes.tables import (
    NOT_IDENTIFIABLE,
    even,
    lacking,
    largest,
    mean_shares,
    shares_by,
    with_causes,
)
from explanations.explanation import Explanation
from explanations.parameters import ExplanationParameters


def shares(**rows: list[float]) -> pd.DataFrame:
    """A table of causes: a value for each conflict, 0 for causes that are not given."""
    length = len(next(iter(rows.values())))
    return pd.DataFrame({"request_id": range(length)} | {name: [0.0] * length for name in CAUSES} | rows)


def test_shares_are_equal_whatever_the_order_in_which_they_were_summed() -> None:
    assert even(np.array([0.1 + 0.2])) == even(np.array([0.3]))
    assert even(np.array([0.123456789])) != even(np.array([0.123456788]))
    assert largest(np.array([[0.1 + 0.2, 0.3, 0.0], [0.0, -0.5, -1.0]])).tolist() == [
        [True, True, False],
        [True, False, False],
    ]
    assert largest(np.zeros((0, 3))).shape == (0, 3)


def test_the_mean_share_lies_in_its_interval_over_borrowers(parameters: ExplanationParameters) -> None:
    causes = shares(policy=[1.0, 0.0, 1.0, 0.0], error=[0.0, 1.0, 0.0, 1.0])
    found = mean_shares(causes, pd.Series([1, 2, 3, 4]), parameters).set_index("cause")
    assert found.index.tolist() == list(CAUSES)
    assert found["mean"].to_dict() == dict.fromkeys(CAUSES, 0.0) | {"policy": 0.5, "error": 0.5}
    assert (found.loc["policy", ["low", "mean", "high"]].diff().dropna() > 0).all()
    # A wider level is a wider interval, and another seed another one.
    fewer = parameters.model_copy(update={"bootstrap_level": 0.2})
    narrow = mean_shares(causes, pd.Series([1, 2, 3, 4]), fewer).set_index("cause").loc["policy"]
    assert narrow["high"] - narrow["low"] < found.loc["policy", "high"] - found.loc["policy", "low"]
    many = shares(policy=np.linspace(0, 1, 40).tolist())
    drawn = [
        mean_shares(many, pd.Series(range(40)), parameters.model_copy(update=changed)).loc[0, "low"]
        for changed in ({}, {"seed": 2}, {"bootstrap_draws": 10})
    ]
    assert len(set(drawn)) == 3
    # Two rows of one borrower tell no spread.
    one = mean_shares(causes, pd.Series([7, 7, 7, 7]), parameters)
    assert one[["low", "high"]].isna().all().all()


def test_shares_by_group_are_means_with_the_number_of_conflicts() -> None:
    causes = shares(policy=[1.0, 0.5, 0.0], residual=[0.0, 0.5, 1.0])
    found = shares_by(causes, pd.Series(["b", "a", "b"], index=[7, 8, 9]))
    assert found["group"].tolist() == ["a", "b"]
    assert found["conflicts"].tolist() == [1, 2]
    assert found["policy"].tolist() == [0.5, 0.5]
    assert found["residual"].tolist() == [0.5, 0.5]
    assert set(found.columns) == {"group", "conflicts", *CAUSES}
    by_category = shares_by(causes, pd.Series(pd.Categorical(["x", "x", "x"], ["x", "never"])))
    assert by_category["group"].tolist() == ["x"]


@pytest.fixture
def three(simulated: Explanation) -> Explanation:
    """An explanation of three conflicts, of which nothing is told yet."""
    conflicts = simulated.conflicts.iloc[:3].assign(borrower_id=[1, 2, 3])
    return replace(simulated, conflicts=conflicts, causes=None, lag_audit=None, summary={"conflicts": 3})


def test_the_summary_tells_mean_interval_and_who_leads(
    three: Explanation, parameters: ExplanationParameters
) -> None:
    causes = shares(policy=[0.6, 0.5, 0.0], misread=[0.4, 0.5, 0.0], residual=[0.0, 0.0, 1.0])
    made = with_causes(three, causes, None, {"conflicts": 9}, parameters)
    told = made.summary["causes"]
    assert made.summary["conflicts"] == 3
    assert made.causes is causes
    assert told["mean_share"] == pytest.approx(
        dict.fromkeys(CAUSES, 0.0) | {"policy": 1.1 / 3, "misread": 0.3, "residual": 1 / 3}
    )
    assert told["dominant"] == dict.fromkeys(CAUSES, 0) | {"policy": 1, "residual": 1}
    assert set(told["interval"]) == set(CAUSES)
    low, high = told["interval"]["policy"]
    assert low < 1.1 / 3 < high
    assert told["checked"] == {"conflicts": 9}
    assert "lag_audit" not in made.summary
    alone = replace(three, conflicts=three.conflicts.assign(borrower_id=5))
    assert with_causes(alone, causes, None, None, parameters).summary["causes"]["interval"] == {}


def test_a_book_without_causes_says_what_it_lacks_and_one_without_conflicts_nothing(
    three: Explanation, parameters: ExplanationParameters
) -> None:
    assert with_causes(three, None, None, None, parameters).summary["causes"] == {
        "not_identifiable": NOT_IDENTIFIABLE
    }
    lacks = {"error": "no rules"}
    told = with_causes(three, None, None, None, parameters, lacks).summary["causes"]
    assert told == {"not_identifiable": lacks}
    empty = shares(policy=[])
    assert with_causes(three, empty, None, None, parameters).summary["causes"] == {}


def test_the_lag_audit_is_told_by_stream_and_by_days(
    three: Explanation, parameters: ExplanationParameters
) -> None:
    audit = pd.DataFrame(
        {
            "stream": ["agency"] * 3 + ["bureau"] * 3,
            "days_stale": [10, 40, 40, 0, 0, 0],
            "limit_change": [0.5, 0.0, 0.1, 0.0, 0.0, 0.0],
            "removed": [True, False, False, True, True, False],
        }
    )
    made = with_causes(three, None, audit, None, parameters)
    assert made.lag_audit is audit
    assert [row["stream"] for row in made.summary["lag_audit"]] == ["bureau", "agency"]
    assert [(row["stream"], row["days_from"]) for row in made.summary["lag_audit_by_days"]] == [
        ("agency", 0),
        ("agency", 30),
        ("bureau", 0),
    ]
    assert "lag_audit" not in with_causes(three, None, audit[:0], None, parameters).summary


def test_a_book_without_dates_lacks_something_for_every_cause() -> None:
    flat = cast(Book, SimpleNamespace(dated=False))
    assert lacking(flat) == NOT_IDENTIFIABLE
    assert set(NOT_IDENTIFIABLE) == set(CAUSES) - {"residual"}


def with_mapping(streams: tuple[str, ...], market: bool, rules: bool) -> set[str]:
    """What a book of events lacks that tells these streams and, or not, of the market and of its rules."""
    mapping: dict[str, Any] = {"kind": "events", "streams": {key: {} for key in streams}}
    mapping |= {"market": {"file": "market.csv"}} if market else {}
    manifest = SimpleNamespace(mapping=mapping, parameters={"limit_reviews": {}} if rules else {})
    told = lacking(cast(Book, SimpleNamespace(dated=True, manifest=manifest)))
    assert all(what for what in told.values())
    return set(told)


@pytest.mark.parametrize(
    ("missing", "market", "rules", "expected"),
    [
        ((), True, True, set()),
        ((), False, True, {"competition"}),
        ((), True, False, {"error"}),
        (("bureau",), True, True, {"competition"}),
        (("income_assets",), True, True, {"misread"}),
        (("consumption",), True, True, {"misread"}),
        (("agency", "device_social"), True, True, set()),
    ],
)
def test_a_lender_lacks_a_cause_where_one_thing_that_it_needs_is_not_told(
    missing: tuple[str, ...], market: bool, rules: bool, expected: set[str]
) -> None:
    assert with_mapping(tuple(name for name in STREAMS if name not in missing), market, rules) == expected
