"""What recourse comes to over all conflicts, counted by hand."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd

from explanations.recourse.summary import kinds_now, outcomes, recourse_figures, time_alone, waits

NAN = math.nan
FOUND = pd.DataFrame(
    [
        # Two ways at once, and a wait.
        (1, 1, 1, "amount", 4000.0, 1000.0, "RMB", 0),
        (1, 2, 1, "pay_down_here", 2000.0, 500.0, "RMB", 1),
        (1, 3, 1, "wait", 0.0, 30.0, "d", 30),
        # Two steps together.
        (2, 1, 1, "pay_down_elsewhere", 5000.0, 0.0, "RMB", 7),
        (2, 1, 2, "amount", 1000.0, 900.0, "RMB", 0),
        # Only time, alone or in company.
        (3, 1, 1, "wait", 0.0, 14.0, "d", 14),
        (3, 1, 2, "amount", 1000.0, 100.0, "RMB", 0),
        (3, 2, 1, "wait", 0.0, 91.0, "d", 91),
        (4, 1, 1, "wait", 0.0, 60.0, "d", 60),
        # Nothing.
        (5, 1, 1, "none", NAN, NAN, "", NAN),
        # One step of other kinds.
        (6, 1, 1, "amount", 2000.0, 1000.0, "RMB", 0),
        (7, 1, 1, "pay_down_here", 12.0, 0.0, "d", 1),
        (8, 1, 1, "correct_record", NAN, NAN, "", 20),
        (9, 1, 1, "term", 3.0, 12.0, "m", 0),
    ],
    columns=["request_id", "option", "step", "kind", "from_value", "to_value", "unit", "days"],
)


def test_every_conflict_counts_once_by_the_best_that_helps() -> None:
    assert outcomes(FOUND).to_dict() == {
        **{1: "alone", 2: "together", 3: "later", 4: "later", 5: "nothing"},
        **{6: "alone", 7: "alone", 8: "alone", 9: "alone"},
    }


def test_what_alone_helps_now_has_its_typical_change() -> None:
    table = kinds_now(FOUND).set_index("kind")
    assert table["conflicts"].to_dict() == {
        "amount": 2,
        "correct_record": 1,
        "overdue": 1,
        "pay_down_here": 1,
        "term": 1,
    }
    assert table.loc["amount", "change"] == np.median([0.75, 0.5])
    assert table.loc["pay_down_here", "paid"] == 1500
    assert table.loc["term", "change"] == 9
    assert math.isnan(table.loc["correct_record", "change"])
    assert math.isnan(table.loc["amount", "paid"])


def test_only_those_whom_nothing_else_helps_wait() -> None:
    assert waits(FOUND).to_dict() == {3: 14, 4: 60}


def test_the_figures_of_the_summary() -> None:
    figures = recourse_figures(FOUND)
    counts = {name: figures[name] for name in ("alone", "together", "later", "nothing")}
    assert counts == {"alone": 5, "together": 1, "later": 2, "nothing": 1}
    assert sum(counts.values()) == FOUND["request_id"].nunique()
    assert figures["helps_now"]["amount"] == 2
    assert figures["median_wait_days"] == 37
    nothing = recourse_figures(FOUND[FOUND["kind"] == "none"])
    assert nothing["median_wait_days"] is None
    assert nothing["helps_now"] == {}
    assert recourse_figures(FOUND[:0])["alone"] == 0


def test_time_alone_counts_no_conflict_that_needs_a_payment_besides() -> None:
    steps = [(1, 1, 1, "wait"), (2, 1, 1, "wait"), (2, 1, 2, "pay_down_here"), (3, 1, 1, "amount")]
    found = pd.DataFrame(steps, columns=["request_id", "option", "step", "kind"])
    assert time_alone(found) == 1
