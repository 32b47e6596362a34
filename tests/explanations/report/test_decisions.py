import math

import pandas as pd
import pytest

from explanations.explanation import Explanation
from explanations.report.decisions import FEW, FEW_TRUE, decision_matrix, funnel_stages


def test_refusals_stand_under_the_conflicts_the_most_frequent_first() -> None:
    funnel = pd.DataFrame(
        {
            "stage": ["requests", "favoured", "favoured_refused", "by_cap_lenders", "by_score", "reference"],
            "count": [1000, 400, 100, 30, 70, 300],
        }
    )
    stages = funnel_stages(funnel, undated=False)
    assert [(stage.name.en, stage.part.en) for stage in stages] == [
        ("Draw requests", ""),
        ("Favoured by the limit model", "40.0% of all"),
        ("Favoured and refused: the conflicts", "25.0% of favoured"),
        ("score", "70.0% of conflicts"),
        ("cap on lenders", "30.0% of conflicts"),
        ("Favoured and released: the reference", "75.0% of favoured"),
    ]
    assert [stage.width for stage in stages] == [100, 40, 10, 7, 3, 30]
    assert [stage.depth for stage in stages] == [0, 1, 2, 3, 3, 2]


def test_an_undated_book_has_clients_for_requests(imported: Explanation) -> None:
    assert funnel_stages(imported.funnel, undated=True)[0].name.zh == "留出的客户"


def test_an_empty_period_makes_a_funnel_of_zeros() -> None:
    funnel = pd.DataFrame(
        {"stage": ["requests", "favoured", "favoured_refused", "reference"], "count": [0] * 4}
    )
    assert {stage.width for stage in funnel_stages(funnel, undated=False)} == {0}


def matrix_of(*rows: tuple[int, str, bool, int, int, int, float]) -> pd.DataFrame:
    names = ["limit_decile", "decision", "favoured", "requests", "bad_known", "bad", "oracle_bad"]
    return pd.DataFrame(rows, columns=names)


def test_the_matrix_adds_up_what_is_favoured_and_what_is_not() -> None:
    rows = decision_matrix(
        matrix_of(
            (2, "release", False, 100, 100, 4, 4.0),
            (2, "release", True, 100, 100, 0, 2.0),
            (2, "refuse", True, 50, 50, 5, 10.0),
            (1, "refuse", False, 60, 10, 1, 12.0),
        )
    )
    assert [row.name.en for row in rows] == ["2", "1", "All"]
    top, low, everything = rows
    assert [cell.requests for cell in top.cells] == ["200", "50", "50"]
    assert [cell.observed for cell in top.cells] == ["2.0%", "10.0%", "10.0%"]
    assert [cell.oracle for cell in top.cells] == ["3.0%", "20.0%", "20.0%"]
    assert [cell.requests for cell in low.cells] == ["–", "60", "–"]
    assert [cell.requests for cell in everything.cells] == ["200", "110", "50"]


def test_few_known_outcomes_are_counted_and_not_coloured() -> None:
    row = decision_matrix(matrix_of((1, "refuse", True, 200, FEW - 1, 7, math.nan)))[0]
    assert row.cells[2].observed == f"7/{FEW - 1}"
    assert row.cells[2].observed_few
    assert row.cells[2].observed_shade == 0


def test_the_oracles_rate_of_few_requests_is_counted_and_not_coloured() -> None:
    few, enough = (
        decision_matrix(matrix_of((1, "refuse", True, requests, 0, 0, 3.0)))[0].cells[2]
        for requests in (FEW_TRUE - 1, FEW_TRUE)
    )
    assert (few.oracle, few.oracle_shade, few.oracle_few) == (f"3/{FEW_TRUE - 1}", 0, True)
    assert (enough.oracle, enough.oracle_few) == ("10.0%", False)


def test_without_an_oracle_its_rates_are_not_known() -> None:
    row = decision_matrix(matrix_of((1, "release", False, 200, 200, 7, math.nan)))[0]
    assert row.cells[0].oracle == "–"
    assert row.cells[0].oracle_shade == 0


def test_a_higher_rate_has_a_deeper_colour(simulated: Explanation) -> None:
    rows = decision_matrix(simulated.decision_matrix)
    rated = [cell for row in rows for cell in row.cells if not cell.oracle_few]
    cells = sorted(rated, key=lambda cell: float(cell.oracle.rstrip("%")))
    shades = [cell.oracle_shade for cell in cells]
    assert shades[-1] == pytest.approx(0.42, abs=0.001)
    assert shades[0] < shades[-1]
