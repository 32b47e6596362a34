"""What the page's script is given of the cases."""

import dataclasses
import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest

from data.mechanisms import CAUSES
from explanations.explanation import Explanation
from explanations.recourse.trials import COLUMNS
from explanations.report.case_section import cases_section
from explanations.report.cases import cases_data, shown_conflicts
from explanations.report.page import script_json
from explanations.report.section import Subject
from explanations.report.waterfalls import SHOWN, row_count

LIMIT, RELEASE = 0, 1


def english(data: dict[str, Any], text: int | str) -> str:
    return data["texts"][text]["en"] if isinstance(text, int) else text


def cases_of(explanation: Explanation) -> list[dict[str, Any]]:
    return list(cases_data(explanation)["cases"])


def test_the_cases_stand_in_the_order_of_their_places(simulated: Explanation) -> None:
    shown = shown_conflicts(simulated)
    assert shown["place"].tolist() == list(range(1, 201))
    assert [case["id"] for case in cases_of(simulated)] == [str(one) for one in shown["request_id"]]


def test_both_models_outputs_are_those_of_the_conflict(simulated: Explanation) -> None:
    for case, conflict in zip(
        cases_of(simulated), shown_conflicts(simulated).to_dict("records"), strict=True
    ):
        assert case["output"][RELEASE] == pytest.approx(conflict["release_margin"], abs=1e-5)
        assert case["output"][LIMIT] == pytest.approx(conflict["limit_score"], abs=1e-5)


def test_the_rows_hold_the_largest_pushes_of_both_models(simulated: Explanation) -> None:
    names = [feature.name for feature in simulated.catalogue.features]
    data = cases_data(simulated)
    given = [simulated.limit_contributions, simulated.release_contributions]
    for case in data["cases"][:20]:
        for model, table in enumerate(given):
            pushes = table[table["request_id"] == int(case["id"])].iloc[0].drop(["request_id", "base"])
            largest = pushes.abs().sort_values(ascending=False).index[:SHOWN]
            told = {names[row[0]]: row[3 + model] for row in case["rows"]}
            assert set(largest) <= set(told)
            for name, push in told.items():
                assert (push is None) == (name not in pushes)
                assert push is None or push == pytest.approx(pushes[name], abs=1e-5)


def test_the_cutoff_is_where_the_calibrated_pd_is_the_cutoff(simulated: Explanation) -> None:
    for case, conflict in zip(
        cases_of(simulated), shown_conflicts(simulated).to_dict("records"), strict=True
    ):
        assert 1 / (1 + math.exp(0.12 - 1.08 * case["line"])) == pytest.approx(conflict["cutoff"], abs=1e-5)


@pytest.mark.parametrize("cutoff", [0.0, 1.0, math.nan])
def test_a_cutoff_that_no_margin_reaches_draws_no_line(simulated: Explanation, cutoff: float) -> None:
    unreached = dataclasses.replace(simulated, conflicts=simulated.conflicts.assign(cutoff=cutoff))
    assert {case["line"] for case in cases_of(unreached)} == {None}


def test_a_case_tells_the_values_of_both_days(simulated: Explanation) -> None:
    data = cases_data(simulated)
    case = data["cases"][0]
    labels = [english(data, label) for label in data["features"]]
    row = next(row for row in case["rows"] if labels[row[0]] == "Debt service to income after the draw")
    assert row[1] is None
    value = simulated.release_features.set_index("request_id").loc[int(case["id"]), "dti_after_draw"]
    assert english(data, row[2]) == (f"{value:.3g}" if value < 1 else f"{value:.2f}".rstrip("0"))


def test_a_pd_and_its_cutoff_have_two_decimals(simulated: Explanation) -> None:
    close = dataclasses.replace(simulated, conflicts=simulated.conflicts.assign(pd=0.02841, cutoff=0.02814))
    data = cases_data(close)
    assert "PD of 2.84% is above the cut-off of 2.81%" in english(data, data["cases"][0]["verdict"])
    assert data["cases"][0]["pd"] == "2.84%"


def test_the_largest_cause_is_that_of_the_ledger(simulated: Explanation) -> None:
    assert simulated.causes is not None
    data = cases_data(simulated)
    for case in data["cases"][:20]:
        row = simulated.causes[simulated.causes["request_id"] == int(case["id"])].iloc[0]
        largest = CAUSES[int(np.argmax(row[list(CAUSES)].to_numpy(float)))]
        named = {
            "residual": "Not explained by the five",
            "policy": "Policy tightened",
            "data_lag": "Data updated late",
        }
        if largest in named:
            assert english(data, case["cause"][0]) == named[largest]


def test_causes_within_a_point_are_largest_together(simulated: Explanation) -> None:
    assert simulated.causes is not None
    ids = shown_conflicts(simulated)["request_id"].to_numpy()[:2]
    shares = simulated.causes.set_index("request_id").astype(float)
    shares.loc[ids[0], list(CAUSES)] = [0.296, 0.3, 0.2, 0.1, 0.1, 0.004]
    shares.loc[ids[1], list(CAUSES)] = [0.289, 0.3, 0.2, 0.1, 0.1, 0.011]
    data = cases_data(dataclasses.replace(simulated, causes=shares.reset_index()))
    tied, apart = ([english(data, one) for one in case["cause"]] for case in data["cases"][:2])
    assert tied == ["Data updated late", "Policy tightened"]
    assert apart == ["Data updated late"]


def test_a_case_tells_what_each_rule_allowed_and_which_refuse(simulated: Explanation) -> None:
    data = cases_data(simulated)
    features = simulated.release_features.set_index("request_id")
    for case, conflict in zip(data["cases"], shown_conflicts(simulated).to_dict("records"), strict=True):
        had = features.loc[conflict["request_id"]]
        told = {
            english(data, name): (allowed, here, refuses) for name, allowed, here, refuses in case["rules"]
        }
        pd_, cutoff = conflict["pd"], conflict["cutoff"]
        expected = (f"{100 * cutoff:.2f}%", f"{100 * pd_:.2f}%", pd_ > cutoff)
        assert told["PD, against the cut-off"] == expected
        lenders = had["bureau_lenders"]
        said = "–" if math.isnan(lenders) else f"{lenders:.0f}"
        assert told["Lenders with open loans"] == ("6", said, lenders > 6)
        ratio = had["dti_ratio"]
        said = "–" if math.isnan(ratio) else f"{100 * ratio:.1f}%"
        assert told["Debt service to income"] == ("45.0%", said, ratio > 0.45)
        assert told["Credit enquiries, 3 months"][2] == (had["bureau_enq_3m"] > 8)
        assert told["Days past due now"][2] == (had["own_dpd_current"] >= 1)
        assert ("Decision as carried out" in told) == (conflict["refused_by"] == "slip")


def test_without_caps_no_rules_are_told(simulated: Explanation, imported: Explanation) -> None:
    caps = dict.fromkeys(("cap_debt_service", "cap_lenders", "cap_enquiries"), np.nan)
    bare = dataclasses.replace(simulated, conflicts=simulated.conflicts.assign(**caps))
    assert all("rules" not in case for case in [*cases_of(bare), *cases_of(imported)])


def test_the_nearest_trials_are_told_with_what_still_refuses(lettered: Explanation) -> None:
    first, second = shown_conflicts(lettered)["request_id"].tolist()[:2]
    rows = [
        (first, 1, 1, "amount", 9800.0, 900.0, "RMB", 0.071, 0.06, "score;cap_lenders"),
        (first, 2, 1, "pay_down_elsewhere", 2000.0, 500.2, "RMB", 0.08, 0.06, "score"),
        (first, 2, 2, "wait", 0.0, 91.0, "d", 0.08, 0.06, "score"),
        (second, 1, 1, "term", 3.0, 12.0, "m", 0.05, 0.06, "limit"),
    ]
    trials = pd.DataFrame(rows, columns=list(COLUMNS))
    data = cases_data(dataclasses.replace(lettered, recourse_trials=trials))
    told = [[english(data, text) for text in case["trials"]] for case in data["cases"]]
    assert told[0] == [
        "¥900 asked for instead of ¥9,800: still refused (PD 7.10% against 6.00%, cap on lenders).",
        "¥1,500 repaid elsewhere and 91 days later: still refused (PD 8.00% against 6.00%).",
    ]
    assert told[1] == [
        "a term of 12 months instead of 3: still refused (beyond a limit that would still be a raise)."
    ]
    assert not any(told[2:])


def test_an_imported_case_speaks_of_no_date_no_amount_and_no_limit_before(imported: Explanation) -> None:
    data = cases_data(imported)
    case = data["cases"][0]
    assert case["on"] is case["amount"] is case["before"] is None
    assert {"cause", "causes", "timeline"}.isdisjoint(case)
    verdict = english(data, case["verdict"])
    assert verdict.startswith("The limit model gives a limit of NT$")
    assert "asked for" not in verdict


def test_two_hundred_cases_take_less_than_half_a_megabyte(
    simulated: Explanation, lettered: Explanation
) -> None:
    assert len(script_json(cases_data(simulated)).encode()) < 500_000
    assert len(script_json(cases_data(lettered)).encode()) < 500_000


def test_reasons_and_recourse_are_told_in_their_order(lettered: Explanation) -> None:
    data = cases_data(lettered)
    case = data["cases"][1]
    told = [(side, code, push, english(data, text)) for side, code, push, text in case["reasons"]]
    assert told == [
        ("borrower", "R08", "+0.61", "Credit enquiries: 7 in 3 months."),
        ("borrower", "R09", "+0.32", "Lenders with open loans: 5."),
        ("lender", "R20", None, "Your limit was set on older data."),
    ]
    options = [step[0] for step in case["recourse"]]
    assert options == sorted(options)


def test_where_all_conflicts_are_shown_the_lead_says_so(explanation_of: Callable[..., Explanation]) -> None:
    few, many = (cases_section(Subject(explanation_of(conflicts=number))).said for number in (30, 260))
    assert few["cases_text"].en.startswith("All 30 conflicts, ")
    assert many["cases_text"].en.startswith("200 of 260 conflicts: ")


def test_a_book_without_conflicts_has_no_cases(explanation_of: Callable[..., Explanation]) -> None:
    assert cases_data(explanation_of(conflicts=0))["cases"] == []


@pytest.mark.parametrize(("features", "rows"), [(3, 5), (8, 10), (9, 11), (50, 11)])
def test_a_waterfall_has_a_row_for_each_large_push_and_one_for_the_rest(features: int, rows: int) -> None:
    assert row_count(features) == rows
