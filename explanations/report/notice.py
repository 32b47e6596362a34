"""The letter to a borrower: what was decided, why, what would help, and whom to ask; nothing internal."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Literal

import jinja2
import pandas as pd

from data.errors import CallError, DataFault
from explanations.cases import found
from explanations.explanation import Explanation
from explanations.parameters import NoticeParameters
from explanations.report.headline import is_undated
from explanations.report.page import TEMPLATES, security_policy
from explanations.report.palette import FONTS, INK
from explanations.report.quantities import money
from explanations.report.reason_sentences import LENDERS_OWN
from explanations.report.words import Language, say, say_of

MOST_REASONS = 4
MOST_WAYS = 3

When = Literal["now", "later", "never"]
"""Whether a release is possible now, with time, or by nothing that the borrower can do."""

_SLOT = "\x00"
_HEADS = (
    "reasons",
    "ways",
    "ways_text",
    "way_text",
    "ways_later",
    "later_text",
    "ways_note",
    "person",
    "data",
)


@dataclass(frozen=True)
class Part:
    """A piece of the letter that somebody has to set, and whether nobody has."""

    text: str
    unset: bool = False


def unset_parts(parameters: NoticeParameters) -> list[str]:
    """Names of the parameters that are yet to be set."""
    return [name for name, value in parameters.model_dump().items() if not value.strip()]


def notice_html(
    explanation: Explanation,
    request_id: int,
    language: Language,
    parameters: NoticeParameters,
    date: str | None = None,
) -> str:
    """The letter about one conflict as a page for A4.

    Args:
        explanation: With the reasons of its conflicts, and the recourse where there is any.
        request_id: The conflict.
        language: The letter's language.
        parameters: The lender's name and contacts.
        date: The letter's date; the day of the request if not given.

    Raises:
        CallError: There is no such conflict, or the explanation has no reasons.
        DataFault: This conflict has no reason that can be told.
    """
    conflict = _conflict(explanation, request_id)
    undated = is_undated(explanation.summary)
    asked_on = None if pd.isna(conflict["requested_on"]) else str(conflict["requested_on"])[:10]
    currency = str(explanation.summary["currency"])
    when, ways = _ways(explanation, request_id, language)

    def text(name: str, **values: str) -> str:
        return say_of(undated, f"notice.{name}", **values)[language]

    def around(name: str) -> tuple[str, str]:
        before, _, after = text(name, contact=_SLOT).partition(_SLOT)
        return before, after

    day = date or asked_on
    told = _decision(conflict, asked_on, currency, language)
    parts = {name: _part(name, value, language) for name, value in parameters.model_dump().items()}
    css = (TEMPLATES / "notice.css").read_text(encoding="utf-8")
    style = f"\n:root {{ --ink: {INK}; --fonts: {FONTS}; }}\n{css}"
    return _template().render(
        lang="zh-CN" if language == "zh" else "en",
        style=style,
        security=security_policy(style, ()),
        title=text("title"),
        number=text("request", request_id=str(request_id)),
        date=Part(text("date", date=day)) if day else _part("date", "", language),
        dear=text("dear"),
        decision=told,
        limit=text("limit", limit=money(float(conflict["limit_recorded"]), currency)),
        reasons=_sentences(explanation, request_id, language),
        lenders_own=_lenders_own(explanation, request_id, language),
        ways=ways,
        when=when,
        person=around("person_text"),
        data=around("data_text"),
        words={name: text(name) for name in _HEADS},
        **parts,
    )


def _conflict(explanation: Explanation, request_id: int) -> pd.Series:
    if explanation.reasons is None:
        raise CallError(
            "This explanation holds no reasons (no reasons.parquet in its folder), and a letter without reasons must "
            "not be sent. Reasons come from the features' `reason_code`: name them in the mapping (docs/import.md), "
            "then import, train and explain again."
        )
    conflicts = explanation.conflicts
    return conflicts[found(conflicts, request_id)].iloc[0]


def _decision(conflict: pd.Series, asked_on: str | None, currency: str, language: Language) -> str:
    if asked_on is None or pd.isna(conflict["amount"]):
        return say("notice.decision_held_out")[language]
    amount = money(float(conflict["amount"]), currency)
    return say("notice.decision", date=asked_on, amount=amount)[language]


def _sentences(explanation: Explanation, request_id: int, language: Language) -> list[str]:
    """The principal reasons, in their order."""
    told = _reasons(explanation, request_id, "borrower")[language].tolist()[:MOST_REASONS]
    if not told:
        raise DataFault(
            f"Conflict {request_id} has no reason that can be told to the borrower, and a letter without one must not "
            "be sent: let a person decide on it."
        )
    return told


def _lenders_own(explanation: Explanation, request_id: int, language: Language) -> str | None:
    """What lies with the lender, in one sentence apart; None where nothing does."""
    rows = _reasons(explanation, request_id, "lender")
    causes = rows.loc[rows["code"].isin(LENDERS_OWN), language].tolist()
    if not causes:
        return None
    return say("notice.lender", causes=("" if language == "zh" else " ").join(causes))[language]


def _reasons(explanation: Explanation, request_id: int, side: str) -> pd.DataFrame:
    reasons = explanation.reasons
    assert reasons is not None
    here = (reasons["request_id"] == request_id) & (reasons["side"] == side)
    return reasons[here].sort_values("rank", kind="stable")


def _ways(explanation: Explanation, request_id: int, language: Language) -> tuple[When, list[str]]:
    """When a release is possible by what the borrower can do, and the ways to it, smallest change first."""
    recourse = explanation.recourse
    if recourse is None:
        return "never", []
    here = recourse[recourse["request_id"] == request_id].sort_values(["option", "step"], kind="stable")
    if not len(here):
        return "never", []
    between = "" if language == "zh" else " "
    ways = here.groupby("option")[language].agg(between.join).tolist()
    waits = (here["kind"] == "wait").groupby(here["option"]).any()
    when: When = "never" if (here["kind"] == "none").any() else "later" if waits.all() else "now"
    return when, ways[:MOST_WAYS]


def _part(name: str, value: str, language: Language) -> Part:
    if value.strip():
        return Part(value.strip())
    what = say(f"notice.unset.{name}")
    return Part(say("notice.to_be_set", what=what)[language], unset=True)


@cache
def _template() -> jinja2.Template:
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template("notice.html")
