"""What refuses: the score, a rule, or both, from what each request breaks."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pandas as pd

from data.book import Book
from explanations.explanation import Explanation
from explanations.reasons.refusals import Refusals, refusals_of, refused_for, with_caps
from features.catalogue import own_catalogue
from models.parameters import PolicyParameters
from models.policy import CAPS
from models.release_model import Releasing

PARAMETERS = PolicyParameters(overdue_days=3)
FEATURES = ("own_dpd_current", "bureau_lenders", "bureau_enq_3m", "dti_ratio")


def test_a_refusal_by_score_may_break_a_rule_too_and_an_error_stands_apart() -> None:
    broken = {
        "score": np.array([True, True, True, False, False, False]),
        "cap_lenders": np.array([False, True, False, True, False, True]),
        "overdue": np.array([False, False, True, True, False, False]),
    }
    refused_by = np.array(["score", "score", "score", "cap_lenders", "slip", "slip"], dtype=object)
    assert refused_for(broken, refused_by) == {
        "score_only": 1,
        "score_and_rule": 2,
        "rule_only": 1,
        "error": 2,
    }


def test_a_recorded_error_is_one_whatever_it_breaks_besides() -> None:
    broken = {"score": np.array([True, True]), "overdue": np.array([True, False])}
    refused_by = np.array(["slip", "slip"], dtype=object)
    assert refused_for(broken, refused_by) == {
        "score_only": 0,
        "score_and_rule": 0,
        "rule_only": 0,
        "error": 2,
    }


def model(probability: dict[float, float]) -> Releasing:
    """A release model whose PD is told by the number of lenders, and that cannot read a negative one."""

    def read(values: np.ndarray) -> np.ndarray:
        return np.array([probability[float(lenders)] for lenders in values[:, 1]])

    return cast(
        Any, SimpleNamespace(features=FEATURES, pd=read, unreadable=lambda values: values[:, 1] == -1.0)
    )


def constant(probability: float) -> Releasing:
    """A release model that gives one PD to all, and reads everything."""
    return cast(
        Any,
        SimpleNamespace(
            features=FEATURES,
            pd=lambda values: np.full(len(values), probability),
            unreadable=lambda values: np.zeros(len(values), dtype=bool),
        ),
    )


def test_each_request_is_held_against_what_is_in_force_for_it() -> None:
    release = model({0.0: 0.1, 1.0: 0.3, 9.0: 0.1, -1.0: 0.1})
    in_force = {
        "cutoff": np.array([0.2, 0.2, 0.4, 0.2]),
        "cap_debt_service": np.full(4, 0.5),
        "cap_lenders": np.array([6.0, 6.0, 6.0, 10.0]),
        "cap_enquiries": np.full(4, 8.0),
    }
    refusals = Refusals(release, in_force, ("bureau_lenders", "bureau_enq_3m"), PARAMETERS)
    values = np.array(
        [[0, 0, 0, 0.1], [0, 1, 0, 0.1], [0, 1, 0, 0.1], [0, 9, 0, 0.1]],
        dtype=np.float32,
    )
    assert refusals.refused(values, slice(None)).tolist() == [False, True, False, False]
    assert refusals.refused(values[[3]], np.array([0])).tolist() == [True]  # too many lenders for another cap
    assert refusals.refused(values[[2]], np.array([1])).tolist() == [True]  # too high for another cut-off
    late = np.array([[3, 0, 0, 0.1], [2, 0, 0, 0.1], [0, -1, 0, 0.1], [0, 0, 0, 0.6]], dtype=np.float32)
    broken = refusals.broken(late, slice(None))
    assert list(broken) == ["data_missing", "score", *CAPS, "overdue"]
    assert {rule: np.flatnonzero(flags).tolist() for rule, flags in broken.items()} == {
        "data_missing": [2],
        "score": [],
        "cap_debt_service": [3],
        "cap_lenders": [],
        "cap_enquiries": [],
        "overdue": [0],
    }
    silent = np.array([[0, np.nan, np.nan, 0.1], [0, np.nan, 0, 0.1]], dtype=np.float32)
    uncapped = Refusals(constant(0.1), {"cutoff": np.full(2, 0.2)}, FEATURES[1:3], PARAMETERS)
    assert uncapped.broken(silent, slice(None))["data_missing"].tolist() == [True, False]


def test_a_dated_book_tells_cutoff_and_caps_by_month_and_region_and_any_other_a_cutoff() -> None:
    policy = pd.DataFrame(
        {
            "month_start": pd.to_datetime(["2024-01-01", "2024-02-01"]),
            "region": [0, 0],
            "cutoff": [0.9, 0.9],
            "cap_debt_service": [0.5, 0.4],
            "cap_lenders": [6, 5],
            "cap_enquiries": [8, 7],
        }
    )
    decided = pd.DataFrame(
        {
            "requested_on": pd.to_datetime(["2024-02-10", "2024-01-20"]),
            "region": [0, 0],
            "cutoff": [0.2, 0.1],  # as decided, such as with another factor
        }
    )
    catalogue = own_catalogue()
    release = model({})

    def asked(name: str) -> pd.DataFrame:
        assert name == "policy"
        return policy

    book = cast(Book, SimpleNamespace(dated=True, whole=asked))
    found = refusals_of(book, decided, release, catalogue, PARAMETERS)
    assert {name: values.tolist() for name, values in found.in_force.items()} == {
        "cutoff": [0.2, 0.1],
        "cap_debt_service": [0.4, 0.5],
        "cap_lenders": [5.0, 6.0],
        "cap_enquiries": [7.0, 8.0],
    }
    assert found.release is release
    assert found.parameters is PARAMETERS
    assert set(found.bureau) == {feature.name for feature in catalogue.features if feature.stream == "bureau"}
    assert "bureau_lenders" in found.bureau
    flat = refusals_of(cast(Book, SimpleNamespace(dated=False)), decided, release, catalogue, PARAMETERS)
    assert {name: values.tolist() for name, values in flat.in_force.items()} == {"cutoff": [0.2, 0.1]}


def test_the_explanation_shows_the_caps_that_there_are(simulated: Explanation) -> None:
    conflicts = len(simulated.conflicts)
    in_force = {"cutoff": np.zeros(conflicts), "cap_lenders": np.arange(float(conflicts))}
    shown = with_caps(simulated, Refusals(model({}), in_force, (), PARAMETERS)).conflicts
    assert shown["cap_lenders"].tolist() == list(range(conflicts))
    assert "cutoff" not in set(shown) - set(simulated.conflicts)
    assert shown.drop(columns="cap_lenders").equals(
        simulated.conflicts.drop(columns="cap_lenders", errors="ignore")
    )
