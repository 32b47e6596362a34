"""Rules: their figures counted once more from what rules.json says, rounding, determinism, what does not hold."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from explanations.explanation import Explanation
from explanations.parameters import RuleParameters
from explanations.report.rule_sentences import rules_json
from explanations.rules.candidates import Candidates, Measure, candidates_of
from explanations.rules.surrogate import RuleSet, find_rules, rounded, with_rules
from settings import Settings

PARAMETERS = RuleParameters(depth=3, leaf=0.02, precision=0.5, fit_share=0.5, rows=100_000)


def book(
    values: np.ndarray,
    conflict: np.ndarray,
    early: np.ndarray | None = None,
    sign: int = 1,
    whole: bool = False,
) -> Candidates:
    """Candidates with one column a feature, f0, f1 and so on."""
    measures = tuple(Measure(f"f{at}", "value", "n", sign, whole) for at in range(values.shape[1]))
    early = np.arange(len(values)) < len(values) // 2 if early is None else early
    return Candidates(measures, values.astype(np.float32), conflict, early, None)


def planted(rows: int = 4000, noise: float = 0.05) -> Candidates:
    """Refused from 4 lenders on when spending is up by 40 %, and some by chance."""
    rng = np.random.default_rng(2)
    lenders, growth = rng.integers(0, 8, rows), rng.normal(0.2, 0.3, rows)
    conflict = ((lenders >= 4) & (growth >= 0.4)) ^ (rng.random(rows) < noise)
    measures = (Measure("lenders", "value", "n", 1, True), Measure("spending", "growth", "r", 1, False))
    values = np.column_stack([lenders, growth]).astype(np.float32)
    return Candidates(measures, values, conflict, np.arange(rows) < rows // 2, None)


def told(found: RuleSet) -> list[list[tuple[str, str, float]]]:
    return [[(c.measure.feature, c.operator, c.value) for c in rule.conditions] for rule in found.rules]


def test_a_planted_rule_is_found_with_thresholds_as_one_says_them() -> None:
    (rule,) = find_rules(planted(), PARAMETERS).rules
    assert {(c.measure.feature, c.operator, c.value) for c in rule.conditions} == {
        ("lenders", ">=", 4.0),
        ("spending", ">=", 0.4),
    }
    assert rule.later.precision > 0.9
    assert rule.fitted.interval[0] < rule.fitted.precision < rule.fitted.interval[1]


@pytest.mark.parametrize("imported", [False, True])
def test_figures_are_those_that_the_conditions_of_rules_json_give(
    explanation_of: Callable[..., Explanation], imported: bool
) -> None:
    explanation = explanation_of(imported=imported, conflicts=600)
    written = json.loads(json.dumps(rules_json(explanation), allow_nan=False))
    assert written
    seen = explanation.release_features.set_index("request_id")
    reviewed = explanation.limit_features.set_index("request_id")
    decided = (
        pd.concat([explanation.conflicts, explanation.reference]).set_index("request_id").loc[seen.index]
    )
    refused = seen["cohort"] == "conflict"
    if imported:
        early = pd.Series(candidates_of(explanation, 0.5).early, seen.index)
    else:
        boundary = pd.Timestamp(explanation.summary["rules"]["boundary"])
        early = pd.to_datetime(decided["requested_on"]) < boundary
    assert 0.4 < early.mean() < 0.6
    for rule in written:
        applies = pd.Series(True, seen.index)
        for one in rule["conditions"]:
            applies &= fulfilled(one, seen, reviewed, decided)
        for figures, part in ((rule, early), (rule["validated"], ~early)):
            assert figures["support"] == (applies & part).sum()
            assert figures["refused"] == (applies & part & refused).sum()
            assert figures["precision"] == pytest.approx(refused[applies & part].mean())
            assert figures["recall"] == pytest.approx(applies[refused & part].mean())
            assert figures["base_rate"] == pytest.approx(refused[part].mean())


def fulfilled(
    one: dict[str, Any], seen: pd.DataFrame, reviewed: pd.DataFrame, decided: pd.DataFrame
) -> pd.Series:
    name = one["feature"]
    column = decided[name].astype(np.float32) if name == "cutoff" else seen[name]
    if one["measure"] == "difference":
        column = column - reviewed[name]
    if one["measure"] == "growth":
        column = (column / reviewed[name].where(reviewed[name] > 0)) - 1
    compared = {">=": column.ge, "<=": column.le, "<": column.lt}[one["operator"]](np.float32(one["value"]))
    return compared | column.isna() if one["or_unknown"] else compared


def test_the_same_book_gives_the_same_rules() -> None:
    assert find_rules(planted(), PARAMETERS) == find_rules(planted(), PARAMETERS)


def test_the_whole_and_its_complement_make_up_each_part() -> None:
    found = find_rules(planted(), PARAMETERS)
    for meant, rest in ((found.any_fitted, found.none_fitted), (found.any_later, found.none_later)):
        assert meant.support + rest.support == meant.requests
        assert meant.refused + rest.refused == meant.conflicts
        assert meant.recall + rest.recall == pytest.approx(1)


def test_a_rule_that_the_later_part_does_not_confirm_is_dropped_and_counted() -> None:
    given_book = planted()
    rng = np.random.default_rng(4)
    by_chance = rng.permutation(given_book.conflict)
    changed = replace(given_book, conflict=np.where(given_book.early, given_book.conflict, by_chance))
    found = find_rules(changed, PARAMETERS)
    assert found.rules == ()
    assert found.dropped == 1
    assert found.any_later.support == 0


def test_unknown_values_that_are_refused_are_named() -> None:
    rng = np.random.default_rng(8)
    values = rng.normal(0, 1, (4000, 1))
    unknown = rng.random(4000) < 0.1
    values[unknown] = np.nan
    conflict = (values[:, 0] > 1) | unknown
    (rule,) = find_rules(book(values, conflict), PARAMETERS).rules
    assert rule.conditions[0].or_unknown
    assert rule.later.recall > 0.9
    (strict,) = find_rules(book(values, (values[:, 0] > 1)), PARAMETERS).rules
    assert not strict.conditions[0].or_unknown


def test_whether_a_value_is_known_at_all_is_no_threshold() -> None:
    rng = np.random.default_rng(5)
    values = rng.normal(0, 1, (2000, 2))
    values[rng.random(2000) < 0.3, 0] = np.nan
    conflict = np.isnan(values[:, 0]) & (values[:, 1] > -1)
    found = find_rules(book(values, conflict, sign=0), PARAMETERS)
    assert found.none_later.requests == 1000
    assert np.isfinite([one.value for rule in found.rules for one in rule.conditions]).all()


def test_no_rule_speaks_against_the_catalogues_sign() -> None:
    rng = np.random.default_rng(9)
    values = rng.integers(0, 6, (3000, 2))
    conflict = (values[:, 0] <= 1) & (rng.random(3000) < 0.9)
    assert find_rules(book(values, conflict, sign=1, whole=True), PARAMETERS).rules == ()
    assert told(find_rules(book(values, conflict, sign=-1, whole=True), PARAMETERS)) == [[("f0", "<=", 1.0)]]


@pytest.mark.parametrize("conflict", [np.zeros(100, bool), np.ones(100, bool)])
def test_without_either_cohort_there_are_no_rules(conflict: np.ndarray) -> None:
    values = np.arange(200.0).reshape(100, 2)
    assert find_rules(book(values, conflict), PARAMETERS).rules == ()


def test_without_requests_there_are_no_rules(
    explanation_of: Callable[..., Explanation], settings: Settings
) -> None:
    nobody = explanation_of(conflicts=0)
    told_of = with_rules(nobody, settings.explanations).summary["rules"]
    assert told_of["rules"] == 0
    assert told_of["any"]["later"]["precision"] is None
    json.dumps(told_of, allow_nan=False)


def test_a_tree_of_a_sample_is_judged_on_all_requests() -> None:
    found = find_rules(planted(), PARAMETERS.model_copy(update={"rows": 500}))
    assert found.rows == 500
    assert found.any_fitted.requests == 2000


@given(st.floats(-1e6, 1e6, allow_subnormal=False), st.booleans())
def test_a_whole_threshold_parts_whole_values_as_the_tree_did(threshold: float, above: bool) -> None:
    value = rounded(threshold, above, whole=True)
    around = np.arange(np.floor(threshold) - 3, np.floor(threshold) + 4)
    assert value.is_integer()
    np.testing.assert_array_equal(
        around >= value if above else around <= value, (around > threshold) == above
    )


@given(st.floats(1e-6, 1e6), st.booleans())
def test_a_rounded_threshold_is_near_and_short(threshold: float, above: bool) -> None:
    value = rounded(threshold, above, whole=False)
    assert value == pytest.approx(threshold, rel=0.051)
    assert len(f"{value:.15g}".replace(".", "").strip("0").split("e")[0]) <= 2


@given(st.integers(0, 10_000))
def test_rounding_never_moves_figures_away_from_the_data(seed: int) -> None:
    rng = np.random.default_rng(seed)
    values = np.column_stack([rng.lognormal(8, 1, 400), rng.normal(0, 0.1, 400)])
    conflict = rng.random(400) < np.where(values[:, 0] > 4000, 0.8, 0.1)
    candidates = book(values, conflict, sign=0)
    for rule in find_rules(candidates, PARAMETERS).rules:
        applies = np.ones(400, bool)
        for condition in rule.conditions:
            column = candidates.values[:, int(condition.measure.feature[1:])]
            assert f"{condition.value:.2g}" == f"{float(f'{condition.value:.2g}'):.2g}"
            applies &= (
                column >= np.float32(condition.value)
                if condition.operator == ">="
                else column < np.float32(condition.value)
            )
        for figures, part in ((rule.fitted, candidates.early), (rule.later, ~candidates.early)):
            assert figures.support == (applies & part).sum()
            assert figures.refused == (applies & part & conflict).sum()
            assert figures.precision >= 0.5
