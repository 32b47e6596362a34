"""The section of individual cases: the search among them, and one case as it is shown."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from explanations.report.cases import MODELS, cases_data, shown_conflicts
from explanations.report.quantities import count
from explanations.report.section import Section, Subject
from explanations.report.waterfalls import waterfall_specs
from explanations.report.words import Text, keys, say, say_of, unfilled

_GROUPS = ("caselist.", "casetext.", "waterfall.")
_RULES = ("caserules.breaks", "caserules.holds")
"""Statements that the page's script fills in, and those that it takes for time lines."""
_OF_TIME = "casetime."


def cases_section(subject: Subject) -> Section:
    """Some conflicts one by one, or the only one that there is."""
    explanation = subject.explanation
    conflicts = shown_conflicts(explanation)
    if not len(conflicts):
        return Section({"shown": 0})
    told = cases_data(explanation)
    counts = {"cases": count(len(conflicts)), "conflicts": count(len(explanation.conflicts))}
    key = "section.cases_text" if len(conflicts) < len(explanation.conflicts) else "section.cases_all"
    said: dict[str, Any] = {
        "shown": len(conflicts),
        "cases_text": say_of(subject.undated, key, **counts),
        "filters": _filters(subject),
        "columns": _columns(subject),
        "stories": _stories(subject, told),
    }
    catalogue = explanation.catalogue
    features = {"limit": len(catalogue.limit), "release": len(catalogue.release)}
    specs = {
        f"waterfall-{model}": waterfall_specs(model, features[model], subject.currency, subject.undated)
        for model in MODELS
    }
    groups = _GROUPS if explanation.timelines is None else (*_GROUPS, _OF_TIME)
    spoken = [key for key in keys() if key.startswith((*groups, *_RULES)) and not key.endswith("_held_out")]
    texts = {key: unfilled(subject.undated, key) for key in spoken}
    words = {key: {"en": text.en, "zh": text.zh} for key, text in texts.items()}
    return Section(
        said,
        specs=specs,
        data={"cases": told | {"conflicts": counts["conflicts"]}, "words": words},
    )


def _filters(subject: Subject) -> list[tuple[str, Text]]:
    """What the list can be narrowed by: the key of a case's value, and its name."""
    names = ["cause", "first", "month", "by"]
    if subject.explanation.causes is None:
        names.remove("cause")
    if subject.undated:
        names.remove("month")
    return [(name, say(f"casefilter.{name}")) for name in names]


def _columns(subject: Subject) -> list[tuple[str, Text, str]]:
    """Columns of the list: the key of a case's value, its head, and the classes of its cells."""
    conflicts = subject.explanation.conflicts
    columns = [("id", say_of(subject.undated, "column.request_id"), "text")]
    if not subject.undated:
        columns.append(("on", say("column.requested_on"), "text nowrap"))
    if conflicts["amount"].notna().any():
        columns.append(("amount", say("column.amount"), "nowrap wide"))
    columns += [
        ("limit", say("column.limit"), "nowrap"),
        ("pd", say("column.pd"), ""),
        ("cutoff", say("column.cutoff"), "nowrap"),
        ("by", say("column.refused_by"), "text"),
    ]
    if subject.explanation.causes is not None:
        columns.append(("cause", say("casefilter.cause"), "text wide"))
    return [*columns, ("first", say("column.first"), "text wide")]


def _stories(subject: Subject, data: Mapping[str, Any]) -> list[str]:
    """What is told of a case beside its figures."""
    explanation = subject.explanation
    rules = ["rules"] if "rules" in data["cases"][0] else []
    told = {
        "timeline": explanation.timelines,
        "reasons": explanation.reasons,
        "recourse": explanation.recourse,
    }
    return rules + [name for name, table in told.items() if table is not None]
