"""The section of the reasons: how often, what apart, and whether they hold."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import pytest

from explanations.explanation import Explanation
from explanations.reasons.principal_reasons import Found, with_reasons
from explanations.report.exhibits import Table
from explanations.report.reasons_section import reasons_section
from explanations.report.section import Section, Subject

Reasoned = tuple[Explanation, Found, dict[str, np.ndarray]]


def section_of(explanation: Explanation, **tests: Any) -> Section:
    told = explanation.summary["reasons"] | tests
    made = reasons_section(
        Subject(dataclasses.replace(explanation, summary=explanation.summary | {"reasons": told}))
    )
    assert made is not None
    return made


def cells(shown: Table) -> list[list[str]]:
    return [[cell.en for cell in row] for row in shown.rows]


def test_the_chart_counts_each_code_that_given_most_first(reasoned: Reasoned) -> None:
    explanation, _, _ = reasoned
    assert explanation.reasons is not None
    shown = section_of(explanation).charts["reasons"].table
    assert shown is not None
    borrowers = explanation.reasons[explanation.reasons["side"] == "borrower"]
    counts = borrowers["code"].astype(str).value_counts()
    assert [row[1] for row in cells(shown)] == sorted(counts.index, key=lambda code: (-counts[code], code))
    assert [int(row[3]) for row in cells(shown)] == sorted(counts, reverse=True)


def test_where_no_refusal_has_a_reason_that_can_be_told_the_section_says_so(reasoned: Reasoned) -> None:
    explanation, _, _ = reasoned
    nobody = {"codes": 0, "conflicts": 1260, "without": 1260, "mean": None, "given": {}, "lender": {}}
    [text] = section_of(explanation, **nobody).said["reasons_text"]
    assert text.en.startswith("None of the 1,260 refusals has a reason that can be told")
    [unmapped] = section_of(dataclasses.replace(explanation, reasons=None), **nobody).said["reasons_text"]
    assert unmapped.en.startswith("The mapping of this book says for no feature")


def test_the_lenders_causes_stand_in_a_table_of_their_own(reasoned: Reasoned) -> None:
    explanation, _, _ = reasoned
    shown = section_of(explanation).said["lender_causes"]
    told = {row[0]: row[3] for row in cells(shown)}
    assert told == {
        "Competition": "for the lender alone",
        "Spending misread": "for the lender alone",
        "Errors": "for the lender alone",
        "Release standard changed": "told",
        "The limit was assessed on older data": "told",
    }


def test_the_tests_of_the_reasons_are_told_with_their_intervals(
    reasoned: Reasoned, tested_reasons: dict[str, Any]
) -> None:
    section = section_of(reasoned[0], **tested_reasons)
    assert cells(section.said["deletion"]) == [
        ["All named reasons", "98.0%", "95.0% … 100.0%"],
        ["The first reason alone", "50.0%", "45.0% … 55.0%"],
        ["As many reasons chosen at random", "20.0%", "–"],
    ]
    assert "In 240 refusals" in section.said["deletion_text"].en
    text, ruled = section.said["stability"]
    for figure in ("3 more times", "200 conflicts", "96.0% (90.0% … 99.0%)", "93.0%", "90.0%", "91.0%"):
        assert figure in text.en
    assert "80 conflicts" in ruled.en
    assert "85.0%" in ruled.zh


def test_without_tests_none_are_spoken_of(reasoned: Reasoned) -> None:
    section = section_of(reasoned[0])
    assert section.said["deletion"] is None
    assert section.said["stability"] == ()
    only = section_of(
        reasoned[0], deletion={"tested": 0, "of": 0}, stability={"fits": 0, "compared": 5, "of": 5}
    )
    assert only.said["deletion"] is None
    assert only.said["stability"] == ()


def test_refusals_without_a_reason_are_counted_in_a_sentence(reasoned: Reasoned) -> None:
    [lead] = section_of(reasoned[0], without=0).said["reasons_text"]
    assert lead.en.startswith("Each of the 260 refusals")
    _, without = section_of(reasoned[0], without=7).said["reasons_text"]
    assert without.en.startswith("7 refusals have no reason")


@pytest.mark.parametrize("looked_for", [True, False])
def test_a_book_without_codes_says_so_and_one_without_reasons_has_no_section(
    imported: Explanation, looked_for: bool
) -> None:
    if not looked_for:
        assert reasons_section(Subject(imported)) is None
        return
    told = with_reasons(imported, None, None)  # type: ignore[arg-type]
    section = reasons_section(Subject(told))
    assert section is not None
    assert "reason_code" in section.said["reasons_text"][0].en
    assert not section.charts
