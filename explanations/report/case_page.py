"""The page of one conflict: the report's own section of cases, about this one alone."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from explanations.cases import found
from explanations.explanation import Explanation
from explanations.pseudonyms import case_names
from explanations.report.case_section import cases_section
from explanations.report.headline import which_book
from explanations.report.page import page_html
from explanations.report.section import Section, Subject
from explanations.report.words import say, say_of


def only_case(explanation: Explanation, request_id: int) -> Explanation:
    """The explanation with this one of its conflicts alone to be shown.

    Raises:
        CallError: There is no such conflict.
    """
    conflicts = explanation.conflicts
    place = found(conflicts, request_id).astype("int32")
    return replace(explanation, conflicts=conflicts.assign(place=place))


def case_html(explanation: Explanation, request_id: int, cache_folder: Path | None = None) -> str:
    """The page of one conflict, self-contained as the report is.

    Raises:
        CallError: There is no such conflict.
    """
    alone = only_case(explanation, request_id)
    sections = {"case_head": _head, "cases": cases_section}
    conflicts = alone.conflicts
    [name] = case_names(alone, conflicts.loc[conflicts["place"] > 0, "request_id"])
    title = say_of(Subject(alone).undated, "casepage.title", request_id=name)
    return page_html(alone, sections, title, cache_folder)


def _head(subject: Subject) -> Section:
    """Which case it is, and from which book and models."""
    summary, explanation = subject.summary, subject.explanation
    conflicts = explanation.conflicts
    [name] = case_names(explanation, conflicts.loc[conflicts["place"] > 0, "request_id"])
    digests = {"book": summary["book_digest"], **summary["models"]}
    said = {
        "title": say_of(subject.undated, "casepage.title", request_id=name),
        "book": which_book(summary),
        "sources": say("casepage.sources", **{name: digest[:12] for name, digest in digests.items()}),
        "redacted": bool(summary.get("redacted")),
        "untold": not subject.undated and explanation.timelines is None,
    }
    return Section(said)
