import dataclasses
import math
from collections import Counter
from itertools import pairwise

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from explanations.explanation import Explanation
from explanations.report.cases import CASES, chosen_cases, spread

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
    chosen = spread(table, CASES)
    assert len(chosen) == len(set(chosen)) == min(CASES, len(rows))
    assert set(table["refused_by"].iloc[chosen]) == set(table["refused_by"])
    shuffled = table.sample(frac=1, random_state=3)
    again = shuffled.iloc[spread(shuffled, CASES)]["request_id"].tolist()
    assert again == table.iloc[chosen]["request_id"].tolist()


def test_within_a_kind_the_extremes_of_the_score_are_shown_first_to_last() -> None:
    table = conflicts_of(["score"] * 101, list(np.linspace(-5, 5, 101)))
    margins = table["release_margin"].iloc[spread(table, 5)].tolist()
    assert margins == pytest.approx([5, 2.5, 0, -2.5, -5])


def test_kinds_share_the_places_by_their_number() -> None:
    table = conflicts_of(["score"] * 90 + ["cap_lenders"] * 29 + ["slip"], [0.0] * 120)
    assert Counter(table["refused_by"].iloc[spread(table, 12)]) == {"score": 8, "cap_lenders": 3, "slip": 1}


def test_no_conflicts_give_no_cases() -> None:
    assert spread(conflicts_of([], []), CASES) == []


def test_a_waterfall_leads_from_the_base_to_the_models_output(simulated: Explanation) -> None:
    for case in chosen_cases(simulated):
        conflict = simulated.conflicts[simulated.conflicts["request_id"] == int(case.request_id)].iloc[0]
        release, limit = case.steps["release"], case.steps["limit"]
        assert release[-1]["end"] == pytest.approx(conflict["release_margin"], abs=1e-5)
        assert limit[-1]["end"] == pytest.approx(math.exp(conflict["limit_score"]), abs=0.02)
        for steps in (release, limit):
            assert len(steps) == 1 + 8 + 1 + 1
            assert all(one["end"] == next_["start"] for one, next_ in pairwise(steps[:-1]))


def test_the_cutoff_lies_below_the_score_of_those_whom_the_score_refused(simulated: Explanation) -> None:
    for case in chosen_cases(simulated):
        assert case.cutoff is not None
        conflict = simulated.conflicts[simulated.conflicts["request_id"] == int(case.request_id)].iloc[0]
        assert (case.cutoff < conflict["release_margin"]) == (conflict["refused_by"] == "score")


def test_the_cutoff_is_where_the_calibrated_pd_is_the_cutoff(simulated: Explanation) -> None:
    for case in chosen_cases(simulated):
        assert case.cutoff is not None
        conflict = simulated.conflicts[simulated.conflicts["request_id"] == int(case.request_id)].iloc[0]
        assert 1 / (1 + math.exp(0.12 - 1.08 * case.cutoff)) == pytest.approx(conflict["cutoff"])


@pytest.mark.parametrize("cutoff", [0.0, 1.0, math.nan])
def test_a_cutoff_that_no_margin_reaches_draws_no_line(simulated: Explanation, cutoff: float) -> None:
    unreached = dataclasses.replace(simulated, conflicts=simulated.conflicts.assign(cutoff=cutoff))
    assert {case.cutoff for case in chosen_cases(unreached)} == {None}


def test_a_case_tells_the_values_of_both_days(simulated: Explanation) -> None:
    case = chosen_cases(simulated)[0]
    row = next(row for row in case.features.rows if row[0].en == "Debt service to income after the draw")
    assert row[1].en == "–"
    value = simulated.release_features.set_index("request_id").loc[int(case.request_id), "dti_after_draw"]
    assert row[2].en == f"{value:.3g}" if value < 1 else f"{value:.2f}".rstrip("0")


def test_a_pd_and_its_cutoff_have_two_decimals(simulated: Explanation) -> None:
    close = simulated.conflicts.assign(pd=0.02841, cutoff=0.02814)
    verdict = chosen_cases(dataclasses.replace(simulated, conflicts=close))[0].verdict
    assert "PD of 2.84% is above the cut-off of 2.81%" in verdict.en


def test_an_imported_case_speaks_of_no_date_no_amount_and_no_limit_before(imported: Explanation) -> None:
    case = chosen_cases(imported)[0]
    assert case.facts["requested_on"] == case.facts["amount"] == case.facts["limit_before"] == "–"
    assert case.verdict.en.startswith("The limit model gives a limit of NT$")
    assert "asked for" not in case.verdict.en
