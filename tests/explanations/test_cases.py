"""Which conflicts are shown one by one."""

from collections import Counter

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from data.errors import CallError
from explanations.cases import found, places, spread

SHOWN = 12
RULES = st.sampled_from(["score", "cap_lenders", "cap_enquiries", "overdue", "slip"])


def conflicts_of(refused_by: list[str], margins: list[float]) -> pd.DataFrame:
    return pd.DataFrame(
        {"refused_by": refused_by, "release_margin": margins, "request_id": range(1, len(margins) + 1)}
    )


@given(st.lists(st.tuples(RULES, st.floats(-6, 3)), min_size=1, max_size=80))
def test_every_kind_of_refusal_is_shown_whatever_the_order_of_the_conflicts(
    rows: list[tuple[str, float]],
) -> None:
    table = conflicts_of([rule for rule, _ in rows], [margin for _, margin in rows])
    chosen = spread(table, SHOWN)
    assert len(chosen) == len(set(chosen)) == min(SHOWN, len(rows))
    assert set(table["refused_by"].iloc[chosen]) == set(table["refused_by"])
    shuffled = table.sample(frac=1, random_state=3)
    again = shuffled.iloc[spread(shuffled, SHOWN)]["request_id"].tolist()
    assert again == table.iloc[chosen]["request_id"].tolist()


def test_within_a_kind_the_extremes_of_the_score_are_shown_first_to_last() -> None:
    table = conflicts_of(["score"] * 101, list(np.linspace(-5, 5, 101)))
    margins = table["release_margin"].iloc[spread(table, 5)].tolist()
    assert margins == pytest.approx([5, 2.5, 0, -2.5, -5])


def test_kinds_share_the_places_by_their_number() -> None:
    table = conflicts_of(["score"] * 90 + ["cap_lenders"] * 29 + ["slip"], [0.0] * 120)
    assert Counter(table["refused_by"].iloc[spread(table, 12)]) == {"score": 8, "cap_lenders": 3, "slip": 1}


def test_no_conflicts_give_no_cases() -> None:
    assert spread(conflicts_of([], []), SHOWN) == []


def test_places_number_the_shown_in_their_order() -> None:
    table = conflicts_of(["slip", "score", "score", "score"], [0.0, 1.0, 3.0, 2.0])
    assert places(table, 3).tolist() == [3, 2, 1, 0]
    assert places(conflicts_of([], []), 3).tolist() == []


def test_an_unknown_conflict_is_refused_with_how_many_there_are() -> None:
    table = conflicts_of(["score", "slip"], [0.0, 0.0])
    assert found(table, 2).tolist() == [False, True]
    with pytest.raises(CallError, match=r"no conflict 7 among the 2 of this explanation"):
        found(table, 7)
