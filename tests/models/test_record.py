"""Conflicts on the models' decisions, on the record, and on both."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from data.book import Book, Manifest
from data.errors import CallError
from features.matrix import Matrix
from models.decisions import _favoured_top_share, _share_cutoff
from models.favoured import SHOWN
from models.parameters import FavouredParameters
from models.record import Recorded, recorded, with_record

FAVOURED = FavouredParameters(window_days=182, raise_from=1.15)


def decided_of(favoured: list[bool], rules: list[str]) -> pd.DataFrame:
    size = len(favoured)
    refused = np.array([rule != "" for rule in rules], dtype=bool)
    by = np.array(rules, dtype=object)
    shown = {
        "review_id": pd.array([1] * size, "Int64"),
        "limit_score": 7.0,
        "limit_before": 900.0,
        "limit_after": 1_100.0,
    }
    return pd.DataFrame(
        {"favoured": favoured, "refused": refused, "refused_by": by, "score_decides": True, **shown}
    )


def said(favoured: list[bool], refused: list[bool]) -> Recorded:
    size = len(refused)
    shown = pd.DataFrame(
        {
            "review_id": pd.array([2] * size, "Int64"),
            "limit_score": 7.5,
            "limit_before": 800.0,
            "limit_after": 1_500.0,
        }
    )
    return Recorded(
        shown.assign(favoured=favoured), np.array(refused, dtype=bool), np.zeros(size, dtype=bool)
    )


DECIDED = decided_of([True, True, True, False], ["score", "", "score", "score"])
SAID = said([True, True, True, True], [True, True, False, True])


def test_conflicts_on_the_models_are_left_as_they_are() -> None:
    found = with_record(DECIDED, SAID, "models")
    pd.testing.assert_frame_equal(found[list(DECIDED)], DECIDED)
    assert found["refused_record"].tolist() == [True, True, False, True]


def test_on_the_record_the_record_decides_and_the_models_rule_is_named_where_one_refuses_too() -> None:
    found = with_record(DECIDED, SAID, "record")
    assert found["favoured"].all()
    assert found["refused"].tolist() == [True, True, False, True]
    assert found["refused_by"].tolist() == ["score", "record", "", "score"]
    assert found["score_decides"].tolist() == [True, False, False, True]
    assert found["limit_after"].eq(1_500).all()
    assert found["refused_model"].tolist() == [
        True,
        False,
        True,
        True,
    ]


def test_on_both_those_count_whom_both_favour_and_of_whom_both_say_the_same() -> None:
    found = with_record(DECIDED, SAID, "both")
    assert found["favoured"].tolist() == [True, False, False, False]
    assert (found["favoured"] & found["refused"]).tolist() == [True, False, False, False]


@given(st.lists(st.tuples(*[st.booleans()] * 4), min_size=1, max_size=30))
def test_a_conflict_on_both_is_one_on_the_models_and_one_on_the_record(rows) -> None:
    favoured, refused, shown, executed = (list(column) for column in zip(*rows, strict=True))
    decided = decided_of(favoured, ["score" if one else "" for one in refused])
    conflicts, references = {}, {}
    for on in ("models", "record", "both"):
        found = with_record(decided, said(shown, executed), on)
        conflicts[on] = found["favoured"] & found["refused"]
        references[on] = found["favoured"] & ~found["refused"]
    assert conflicts["both"].equals(conflicts["models"] & conflicts["record"])
    assert references["both"].equals(references["models"] & references["record"])


def test_a_book_that_records_no_decisions_has_conflicts_of_the_models_alone() -> None:
    nothing = Recorded(None, None, np.zeros(4, dtype=bool))
    assert "refused_record" not in with_record(DECIDED, nothing, "models")
    for on in ("record", "both"):
        with pytest.raises(CallError, match="records no decisions"):
            with_record(DECIDED, nothing, on)


def test_a_dated_request_is_favoured_by_the_executed_limit_whatever_the_model_gives() -> None:
    dated = Book(Path("book"), Manifest(schema_version=1, source="imported", blocks=1, first_month="2024-01"))
    day = pd.Timestamp("2025-06-30")
    reviews = pd.DataFrame(
        {
            "review_id": [1, 2],
            "borrower_id": [7, 8],
            "reviewed_on": day,
            "limit_before": [1_000.0, 1_000.0],
            "limit_after": [1_300.0, 1_000.0],
            "slip": 1.0,
        }
    )
    requests = pd.DataFrame(
        {
            "borrower_id": [7, 8],
            "requested_on": day,
            "amount": 500.0,
            "balance": 0.0,
            "decision_executed": ["refuse", "release"],
            "random_release": [False, True],
        }
    )
    matrix = Matrix(reviews, np.zeros((2, 0), dtype=np.float32), ())
    found = recorded(dated, requests, matrix, np.log([900.0, 2_000.0]), FAVOURED)
    assert found.favoured is not None
    assert found.refused is not None
    assert found.favoured["favoured"].tolist() == [True, False]
    np.testing.assert_allclose(found.favoured["limit_after"].astype(float), [1_300, 1_000])
    np.testing.assert_allclose(np.exp(found.favoured["limit_score"].astype(float)), [900, 2_000])
    assert found.refused.tolist() == [True, False]
    assert found.at_random.tolist() == [False, True]
    assert set(SHOWN) <= set(found.favoured)


def undated_book() -> Book:
    said = {"policy": {"decision": {}}, "favoured": {}}
    return Book(Path("book"), Manifest(schema_version=1, source="imported", blocks=1, mapping=said))


def undated_keys() -> tuple[pd.DataFrame, pd.DataFrame]:
    requests = pd.DataFrame(
        {"borrower_id": [9, 7, 8, 5], "decision_executed": ["refuse", "release", "refuse", "release"]}
    )
    reviews = pd.DataFrame(
        {
            "borrower_id": [7, 8, 9],
            "review_id": [7, 8, 9],
            "limit_assessed": [700.0, 800.0, 900.0],
            "favoured": [True, False, True],
        }
    )
    return requests, reviews


def test_a_flat_book_says_itself_whom_the_lender_favoured_and_refused() -> None:
    requests, reviews = undated_keys()
    matrix = Matrix(reviews, np.zeros((3, 0), dtype=np.float32), ())
    found = recorded(undated_book(), requests, matrix, np.array([7.0, 8.0, 9.0]), FAVOURED)
    assert found.favoured is not None
    assert found.refused is not None
    assert found.favoured["favoured"].tolist() == [True, True, False, False], "by borrower, not by place"
    assert found.favoured["limit_after"].tolist()[:3] == [900, 700, 800]
    assert found.favoured["limit_score"].tolist()[:3] == [9, 7, 8]
    assert found.refused.tolist() == [True, False, True, False]
    assert not found.at_random.any()
    without = recorded(undated_book(), requests[["borrower_id"]], matrix, np.zeros(3), FAVOURED)
    assert without.refused is None


def test_a_mapping_without_shares_takes_those_on_record() -> None:
    requests, reviews = undated_keys()
    calibration = np.array([True, True, False, False])
    probability = np.array([0.1, 0.9])
    cutoff = _share_cutoff(undated_book(), probability, requests[calibration])
    assert cutoff == pytest.approx(0.5), "half of those who calibrate were refused"
    scored = reviews.assign(limit_score=[1.0, 2.0, 3.0])
    shown = _favoured_top_share(undated_book(), requests, scored, calibration)
    assert shown["favoured"].tolist() == [True, True, True, False], "all of those who calibrate were favoured"
