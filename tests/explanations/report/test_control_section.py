"""The section on internal control: what was found, in both languages, and what was not looked for."""

from dataclasses import replace

import pytest

from explanations.control.findings import CHECKS, SEVERITIES
from explanations.explanation import Explanation
from explanations.report.control_section import control_section
from explanations.report.section import Subject
from explanations.report.words import Text, say
from tests.explanations.controlled import findings


def test_a_book_that_was_not_controlled_has_no_section(simulated: Explanation) -> None:
    assert control_section(Subject(simulated)) is None


def test_findings_are_told_with_severity_and_examples_the_others_in_a_sentence(
    simulated: Explanation,
) -> None:
    found = findings({"limit_above_rules": 70, "policy_version": 1}, untold=("limit_overwritten",))
    section = control_section(Subject(replace(simulated, control=found)))
    assert section is not None
    table = section.said["control"]
    cells = [[cell.en if isinstance(cell, Text) else cell for cell in row] for row in table.rows]
    assert cells == [
        ["Limits above what the rules give", "critical", "70", "1,234", "17 (×2.00)"],
        ["Policy version unknown, or not the one in force that month", "high", "1", "1,234", "17 (×2.00)"],
    ]
    assert "in 10 checks; 2 of them" in section.said["control_text"].en
    quiet, untold = section.said["control_notes"]
    assert quiet.en.count(";") == 7
    assert quiet.zh.count("；") == 7
    assert "Assessed limits far above the model's" in untold.en


def test_a_sound_record_is_told_without_a_table(simulated: Explanation) -> None:
    section = control_section(Subject(replace(simulated, control=findings({}))))
    assert section is not None
    assert section.said["control"] is None
    assert "none found anything" in section.said["control_text"].en
    assert "均未发现异常" in section.said["control_text"].zh


@pytest.mark.parametrize(
    "name", [*(f"control_check.{check}" for check in CHECKS), *(f"severity.{s}" for s in SEVERITIES)]
)
def test_every_check_and_severity_has_its_words(name: str) -> None:
    assert say(name).en != say(name).zh
