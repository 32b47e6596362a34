"""What the report says of ranking, cut-off, time and protected groups is what its tables hold."""

from __future__ import annotations

import dataclasses

import pandas as pd
import pytest

from explanations.explanation import Explanation
from explanations.report.fairness_section import fairness_section, group_label
from explanations.report.performance_section import models_section, performance_section
from explanations.report.section import Subject
from explanations.report.stability_charts import level_of
from explanations.report.sweep_chart import sweep_chart

NOTHING_MAPPED = {"labels": {}, "groups": {}}


def test_the_note_on_the_sweep_tells_the_policy_as_it_is(simulated: Explanation) -> None:
    assert simulated.diagnostics is not None
    sweep = simulated.diagnostics.sweep
    as_it_is = sweep[sweep["factor"] == 1].iloc[0]
    note = sweep_chart(sweep, undated=False, oracle=True).note
    assert note is not None
    assert f"{100 * as_it_is['released'] / as_it_is['requests']:.1f}% approved" in note.en
    assert f"{100 * as_it_is['conflicts'] / as_it_is['favoured']:.1f}% of the favoured" in note.en
    assert f"{100 * as_it_is['oracle_bad'] / as_it_is['released']:.2f}% of the approved bad" in note.en


def test_where_other_rules_take_over_the_note_says_from_which_factor_on() -> None:
    counts = {"requests": 1000, "favoured": 100, "bad_known": 10, "bad": 1, "oracle_bad": 1.0}
    rows = [(0.5, 400, 50), (1, 700, 30), (2, 800, 20), (4, 800, 20)]
    sweep = pd.DataFrame(
        [
            counts | {"factor": float(f), "cutoff": 0.05 * f, "released": released, "conflicts": conflicts}
            for f, released, conflicts in rows
        ]
    )
    note = sweep_chart(sweep, undated=False, oracle=False).note
    assert note is not None
    assert "From ×2 on a higher cut-off releases hardly anybody more" in note.en
    rising = sweep.assign(released=[400, 700, 800, 900])
    note = sweep_chart(rising, undated=False, oracle=False).note
    assert note is not None
    assert "hardly anybody" not in note.en


def test_a_book_without_dates_has_no_months_and_nothing_of_time(imported: Explanation) -> None:
    section = performance_section(Subject(imported))
    assert section is not None
    assert set(section.charts) == {"sweep"}


def test_without_diagnostics_the_sections_are_as_before(simulated: Explanation) -> None:
    subject = Subject(dataclasses.replace(simulated, diagnostics=None))
    assert performance_section(subject) is None
    assert fairness_section(subject) is None
    assert set(models_section(subject).charts) == {"reliability"}


def test_a_small_cell_is_said_to_be_small_and_shows_no_figure(simulated: Explanation) -> None:
    assert simulated.diagnostics is not None
    rates = simulated.diagnostics.fairness.copy()
    small = (rates["group"] == "divorced") & (rates["measure"] == "approval")
    figures = ["count", "of", "rate", "low", "high", "ratio", "ratio_low", "ratio_high"]
    rates.loc[small, figures] = float("nan")
    rates.loc[small, "suppressed"] = True
    found = dataclasses.replace(simulated.diagnostics, fairness=rates)
    section = fairness_section(Subject(dataclasses.replace(simulated, diagnostics=found)))
    assert section is not None
    shown = section.charts["approval"].table
    assert shown is not None
    [row] = [row for row in shown.rows if "divorced" in row[0].en]
    assert [cell.en for cell in row[1:]] == ["fewer than 10 borrowers", "–", "–"]


def test_groups_are_called_what_the_mapping_calls_them(imported: Explanation) -> None:
    protected = imported.summary["protected"]
    assert group_label("SEX", "2", protected).zh == "女"
    assert group_label("SEX", "9", protected).en == "9"


@pytest.mark.parametrize(
    ("attribute", "group", "said"),
    [
        ("age", "<25", "under 25"),
        ("age", "25-34", "25 to 34"),
        ("age", "55+", "55 and over"),
        ("region", "3", "no. 3"),
        ("gender", "female", "women"),
        ("job", "unknown", "unknown"),
        ("job", "A-1", "A-1"),
    ],
)
def test_other_groups_are_said_in_words(attribute: str, group: str, said: str) -> None:
    assert group_label(attribute, group, NOTHING_MAPPED).en == said


@pytest.mark.parametrize(
    ("psi", "level"), [(0.02, "within"), (0.05, "small"), (0.1, "medium"), (0.25, "large")]
)
def test_an_index_has_the_level_of_the_field_s_custom(psi: float, level: str) -> None:
    assert level_of(psi, chance=0.03) == level
