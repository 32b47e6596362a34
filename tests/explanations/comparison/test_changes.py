"""What another model does to the conflicts and to their reasons."""

import numpy as np
import pandas as pd

from explanations.cohorts import cohorts_of
from explanations.comparison.changes import conflict_changes, reason_changes


def _decided(refused: list[bool], rule: list[str]) -> pd.DataFrame:
    return pd.DataFrame({"favoured": [True, True, True, True, False], "refused": refused, "refused_by": rule})


def test_conflicts_stay_go_or_come_with_the_rule_of_the_model_whose_they_are() -> None:
    one = _decided([True, True, False, False, True], ["score", "score", "", "", "score"])
    other = _decided([True, False, True, False, True], ["cap_lenders", "", "score", "", "score"])
    everyone = np.ones(5, dtype=bool)
    bad = np.array([np.nan, 1, 0, 0, 1])
    table = conflict_changes(
        one, other, (cohorts_of(one, everyone), cohorts_of(other, everyone)), bad, np.array([1.0, 1, 0, 0, 1])
    )
    assert table.to_dict("records") == [
        {"change": "both", "refused_by": "cap_lenders", "requests": 1, "known": 0, "bad": 0, "bad_oracle": 1},
        {"change": "gone", "refused_by": "score", "requests": 1, "known": 1, "bad": 1, "bad_oracle": 1},
        {"change": "new", "refused_by": "score", "requests": 1, "known": 1, "bad": 0, "bad_oracle": 0},
    ]


def test_reasons_are_counted_by_model_and_held_together_where_both_refuse() -> None:
    one, other = (np.array(given, dtype=object) for given in (["R04", "R04", "R08"], ["R04", "R09"]))
    shared = np.array([True, False, True]), np.array([True, True])
    table = reason_changes(one, other, shared)
    assert table.to_dict("records") == [
        {"reason": "R04", "champion": 2, "challenger": 1, "same": 1},
        {"reason": "R08", "champion": 1, "challenger": 0, "same": 0},
        {"reason": "R09", "champion": 0, "challenger": 1, "same": 0},
    ]
