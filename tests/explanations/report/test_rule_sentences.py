import re
from collections.abc import Callable

import pytest

from explanations.explanation import Explanation
from explanations.report.rule_sentences import conditions_text, interval_of, rule_sentence, share_of
from explanations.report.rules_section import rules_section
from explanations.report.section import Subject
from explanations.rules.candidates import Measure
from explanations.rules.surrogate import Condition, Figures, Rule
from features.catalogue import own_catalogue

FIGURES = Figures(120, 100, 1000, 250, (0.76, 0.89))


def rule(*conditions: Condition) -> Rule:
    return Rule(conditions, FIGURES, FIGURES)


@pytest.mark.parametrize(
    ("condition", "en", "zh"),
    [
        (
            Condition(Measure("bureau_lenders", "value", "n", 1, True), ">=", 4.0, False),
            "Lenders with open loans: 4 or more",
            "未结清机构数：4及以上",
        ),
        (
            Condition(Measure("bureau_lenders", "difference", "n", 1, True), ">=", 2.0, True),
            "Lenders with open loans: up by 2 or more since the limit review or unknown",
            "未结清机构数：自额度评估以来上升 2及以上，或未知",
        ),
        (
            Condition(Measure("liquid_assets_30d", "growth", "r", -1, False), "<", -0.4, False),
            "Liquid assets: down by more than 40% since the limit review",
            "日均流动资产：自额度评估以来下降超过 40%",
        ),
        (
            Condition(Measure("dti_ratio", "difference", "r", 1, False), ">=", -0.1, False),
            "Debt service to income: change of −0.1 or more since the limit review",
            "偿债收入比：自额度评估以来变动 −0.1及以上",
        ),
        (
            Condition(Measure("cutoff", "value", "PD", -1, False), "<", 0.038, False),
            "Cut-off in force: below 3.8%",
            "当时的拒绝线：低于 3.8%",
        ),
        (
            Condition(Measure("thin_file", "value", "0/1", 1, True), ">=", 1.0, False),
            "Thin credit file: yes",
            "信用记录不足：是",
        ),
        (
            Condition(Measure("own_dpd_current", "value", "d", 1, True), ">=", 1.0, False),
            "Days past due now: 1 day or more",
            "当前逾期天数：1 天及以上",
        ),
        (
            Condition(Measure("income_verified", "value", "RMB", -1, False), "<", 5200.0, False),
            "Verified monthly income: below ¥5,200",
            "核验月收入：低于 ¥5,200",
        ),
    ],
)
def test_conditions_are_said_with_units(condition: Condition, en: str, zh: str) -> None:
    said = conditions_text(rule(condition), own_catalogue(), "RMB")
    assert (said.en, said.zh) == (en, zh)


def test_a_sentence_joins_its_conditions_and_tells_what_the_later_part_showed() -> None:
    lenders = Condition(Measure("bureau_lenders", "value", "n", 1, True), ">=", 4.0, False)
    service = Condition(Measure("dti_ratio", "value", "r", 1, False), ">=", 0.32, False)
    said = rule_sentence(rule(lenders, service), own_catalogue(), "RMB")
    assert said.en == (
        "Lenders with open loans: 4 or more; and debt service to income: 0.32 or more: 83% refused, 40% of conflicts"
    )
    assert said.zh == "未结清机构数：4及以上；且偿债收入比：0.32及以上：83% 被拒，占冲突的 40%"


def test_nearly_all_does_not_read_as_all() -> None:
    assert [share_of(part) for part in (1.0, 0.997, 0.5, 0.004, 0.0)] == [
        "100%",
        "99.7%",
        "50%",
        "0.4%",
        "0%",
    ]
    nobody = interval_of(Figures(0, 0, 0, 0, (float("nan"), float("nan"))))
    assert share_of(float("nan")) == nobody.en == "–"
    assert interval_of(Figures(10, 9, 1, 20, (0.596, 0.982))).en == "60% to 98%"


def test_the_section_tells_both_parts_and_the_whole(simulated: Explanation) -> None:
    section = rules_section(Subject(simulated))
    assert section is not None
    assert simulated.rules is not None
    rows = section.said["rules"].rows
    assert len(rows) == len(simulated.rules.rules) + 2
    assert [row[0].en for row in rows[-2:]] == ["Any of the rules", "None of the rules"]
    assert simulated.rules.boundary is not None
    assert simulated.rules.boundary in section.said["rules_text"][0].en
    assert re.search(r"\d+% of the conflicts", section.said["rules_text"][1].en)


def test_without_conflicts_it_says_that_there_is_nothing(explanation_of: Callable[..., Explanation]) -> None:
    section = rules_section(Subject(explanation_of(conflicts=0)))
    assert section is not None
    assert section.said["rules"] is None
    assert section.said["rules_text"][0].en.startswith("Nothing to show")
