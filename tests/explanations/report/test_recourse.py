"""Recourse in words: to the borrower, and over all conflicts in the report."""

from __future__ import annotations

import dataclasses
import itertools
import math
import re

import pandas as pd
import pytest

from data.schema import STREAMS
from explanations.explanation import Explanation
from explanations.parameters import NoticeParameters
from explanations.recourse.levers import LEVERS, UNITS
from explanations.recourse.ways import KINDS
from explanations.report import words
from explanations.report.notice import notice_html
from explanations.report.recourse_section import recourse_section
from explanations.report.recourse_sentences import step_text, with_recourse
from explanations.report.section import Subject
from explanations.report.words import Text

LENDER = NoticeParameters(lender="L", address="A", review_contact="R", data_contact="D")


def made_recourse(explanation: Explanation) -> pd.DataFrame:
    """Ways of every kind, as the search leaves them: by turns one at once, two, time alone, and nothing."""
    rows = []
    for place, request in enumerate(explanation.conflicts["request_id"].tolist()):
        kind = LEVERS[place % len(LEVERS)]
        step = (kind, "", 9000.0, 3000.0 + place, UNITS[kind], 7.0)
        wait = ("wait", "", 0.0, 45.0, "d", 45.0)
        ways = {
            0: [[step]] if kind != "wait" else [[("amount", "", 8000.0, 400.0, "RMB", 0.0)]],
            1: [[("pay_down_here", "", 9000.0, 0.0, "RMB", 1.0), ("term", "", 3.0, 12.0, "m", 0.0)], [wait]],
            2: [[wait]],
            3: [[("none", "", math.nan, math.nan, "", math.nan)]],
            4: [[("correct_record", STREAMS[place % 6], math.nan, math.nan, "", 20.0)]],
            5: [[("correct_record", "slip", math.nan, math.nan, "", 20.0)]],
            6: [[("pay_down_here", "overdue", 5.0, 0.0, "d", 1.0)]],
        }[place % 7]
        rows += [
            (request, option, number, *made)
            for option, steps in enumerate(ways, 1)
            for number, made in enumerate(steps, 1)
        ]
    columns = ["request_id", "option", "step", "kind", "what", "from_value", "to_value", "unit", "days"]
    return pd.DataFrame(rows, columns=columns).assign(pd_after=0.0123, cutoff=0.0279, exhaustive=True)


@pytest.fixture(scope="module")
def told(lettered: Explanation) -> Explanation:
    return with_recourse(lettered, made_recourse(lettered))


def said_step(kind: str, before: float = math.nan, after: float = math.nan, what: str = "") -> Text:
    return step_text(kind, what, before, after, "RMB")


def test_steps_are_said_with_what_is_to_be_done() -> None:
    assert said_step("amount", 9800, 900).en == "Ask for ¥900 at most instead of ¥9,800."
    assert said_step("amount", 9800, 900).zh == "将申请金额由 ¥9,800 降至不超过 ¥900。"
    assert "12 months instead of 6" in said_step("term", 6, 12).en
    # Rounded up: whoever pays what is said has paid enough.
    assert "Repay ¥7,701 of your loans" in said_step("pay_down_elsewhere", 38489.2, 30789.0).en
    assert "in full (¥2,232 by our data)" in said_step("pay_down_elsewhere", 2231.86, 0).en
    assert said_step("pay_down_here", 5000, 0).en == "Repay all that you owe us (¥5,000)."
    assert said_step("pay_down_here", 12, 0, "overdue").zh == "还清在我们这里的逾期款项。"
    assert "Wait 91 days" in said_step("wait", 0, 91).en
    assert "91 天后" in said_step("wait", 0, 91).zh


def test_nothing_internal_is_said_to_a_borrower(internal: re.Pattern[str]) -> None:
    records = itertools.product(["correct_record"], [*STREAMS, "slip"])
    for kind, what in [*((kind, "") for kind in KINDS if kind != "correct_record"), *records]:
        for after in (0.0, 40.0):
            text = said_step(kind, 500.0, after, what)
            assert not internal.search(text.en), text.en
            assert not internal.search(text.zh), text.zh


def test_every_step_has_both_sentences_and_the_agreed_columns(told: Explanation) -> None:
    assert told.recourse is not None
    agreed = "request_id option step kind from_value to_value unit days pd_after cutoff exhaustive en zh"
    assert set(told.recourse) == set(agreed.split())
    for row in told.recourse.to_dict("records"):
        assert row["en"].endswith(".")
        assert row["zh"].endswith("。")
    assert told.summary["recourse"]["searched"] == len(told.conflicts)


def test_a_sentence_belongs_to_its_own_step(told: Explanation) -> None:
    assert told.recourse is not None
    amounts = told.recourse[told.recourse["kind"] == "amount"]
    assert len(set(amounts["en"])) > 5
    for row in amounts.to_dict("records"):
        assert f"¥{row['to_value']:,.0f}" in row["en"]
        assert f"¥{row['to_value']:,.0f}" in row["zh"]


@pytest.mark.parametrize("language", ["en", "zh"])
def test_the_letter_shows_the_ways_and_says_when_they_help(told: Explanation, language: str) -> None:
    heads = {
        "en": ("would make a release possible now", "would make a release possible<", "it takes time"),
        "zh": ("目前怎样可以放款", ">怎样可以放款", "需要等待一段时间"),
    }[language]
    ids = told.conflicts["request_id"].tolist()
    pages = [notice_html(told, ids[place], language, LENDER) for place in range(4)]  # type: ignore[arg-type]
    now, later, time = heads
    assert now in pages[0]
    assert now in pages[1]
    assert later in pages[2]
    assert now not in pages[2]
    assert time in pages[2]
    assert time not in pages[3]
    assert ("ask for the draw again" if language == "en" else "重新提出支用申请") not in pages[3]
    assert ("12 months instead of 3" if language == "en" else "3 个月延长至 12 个月") in pages[1]


def test_a_letter_about_a_conflict_that_was_not_looked_at_speaks_of_no_ways(told: Explanation) -> None:
    assert told.recourse is not None
    request = int(told.conflicts["request_id"].iloc[0])
    others = dataclasses.replace(told, recourse=told.recourse[told.recourse["request_id"] != request])
    page = notice_html(others, request, "en", LENDER)
    assert "release possible" not in page


def test_the_section_counts_every_conflict_once(told: Explanation) -> None:
    section = recourse_section(Subject(told))
    assert section is not None
    first = section.said["recourse_text"][0]
    count = len(told.conflicts)
    helped = sum(place % 7 in (0, 1, 4, 5, 6) for place in range(count))
    assert first.en.startswith(f"Of {count} refused requests that were looked at, {helped} ")
    table = section.charts["recourse"].table
    assert table is not None
    shares = {row[0].en: row[1].en for row in table.rows}
    assert shares["Only two of these together"] == str(sum(place % 7 == 1 for place in range(count)))
    assert shares["Only time"] == str(sum(place % 7 == 2 for place in range(count)))
    assert shares["Nothing that was tried"] == str(sum(place % 7 == 3 for place in range(count)))


def test_every_statement_on_recourse_is_said_somewhere(
    told: Explanation, monkeypatch: pytest.MonkeyPatch
) -> None:
    known = {key: text for key, text in words._statements().items() if key.startswith("recourse")}
    said: set[str] = set()

    class Heard(dict[str, Text]):
        def __getitem__(self, key: str) -> Text:
            said.add(key)
            return super().__getitem__(key)

    heard = Heard(words._statements())
    monkeypatch.setattr(words, "_statements", lambda: heard)
    recourse_section(Subject(with_recourse(told, made_recourse(told))))
    assert told.recourse is not None
    some = told.recourse[told.recourse["request_id"].isin(told.conflicts["request_id"][:50])]
    steps = {"amount_steps": 20, "pay_steps": 5, "wait_days": "[7, 14]"}
    parameters = told.summary["parameters"] | {
        f"explanations.recourse.{name}": at for name, at in steps.items()
    }
    summary = told.summary | {"parameters": parameters}
    section = recourse_section(Subject(dataclasses.replace(told, recourse=some, summary=summary)))
    assert section is not None
    assert "waits of 7, 14 days" in section.said["recourse_text"][-1].en
    for kind, after in itertools.product(("pay_down_here", "pay_down_elsewhere"), (0.0, 40.0)):
        said_step(kind, 500.0, after)
    assert set(known) - said == set()


def test_that_only_some_were_looked_at_is_said_step(told: Explanation) -> None:
    assert told.recourse is not None
    some = told.recourse[told.recourse["request_id"].isin(told.conflicts["request_id"][:50])]
    section = recourse_section(Subject(dataclasses.replace(told, recourse=some)))
    assert section is not None
    assert any(f"50 of {len(told.conflicts)} conflicts" in text.en for text in section.said["recourse_text"])


def test_where_nothing_was_looked_for_there_is_no_section(
    simulated: Explanation, imported: Explanation
) -> None:
    assert recourse_section(Subject(simulated)) is None
    assert recourse_section(Subject(imported)) is None
