"""The reasons in the report: how often each is given, the lender's causes apart, and how far they can be relied on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import altair as alt

from explanations.report.exhibits import (
    Chart,
    Column,
    Picture,
    Record,
    Table,
    in_both,
    in_lines,
    inline,
    row_labels,
    table,
)
from explanations.report.palette import AGAINST, MUTED
from explanations.report.quantities import count, fixed, share
from explanations.report.reason_sentences import LENDERS_OWN
from explanations.report.section import Section, Subject
from explanations.report.words import Language, Text, say, say_of

_ROW_HEIGHT = 30
_WAYS = ("named", "first", "random")
_MEASURES = {"first": "first", "always": "first_always", "overlap": "overlap", "refused": "refused"}


def reasons_section(subject: Subject) -> Section | None:
    """What the refused are told and whether it holds; None where no reasons were looked for."""
    told = subject.summary.get("reasons")
    if told is None or not subject.summary["counts"]["conflicts"]:
        return None
    if not told["codes"]:
        # Either no feature stands for a reason, or some do and no refusal has one that can be told.
        text = (
            say("reasons.none")
            if subject.explanation.reasons is None
            else say_of(subject.undated, "reasons.none_told", conflicts=count(told["conflicts"]))
        )
        return Section({"reasons_text": (text,), "lender_causes": None, "deletion": None})
    stable = told.get("stability", {})
    said: dict[str, Any] = {
        "reasons_text": _text(subject, told),
        "lender_causes": _lenders(told) if told["lender"] else None,
        "lender_note": say("reasons.lender_note", least=_least(subject)) if told["lender"] else None,
        "deletion": _deletion(told.get("deletion", {})),
        "deletion_text": say_of(
            subject.undated, "reason_test.text", tested=count(told.get("deletion", {}).get("tested"))
        ),
        "stability": _stability(subject.undated, stable) if stable.get("fits") else (),
    }
    return Section(said, {"reasons": _chart(told)})


def _text(subject: Subject, told: Mapping[str, Any]) -> tuple[Text, ...]:
    lead = say_of(
        subject.undated,
        "reasons.lead",
        conflicts=count(told["conflicts"]),
        mean=fixed(told["mean"] or 0.0, 1),
    )
    without = (say("reasons.without", without=count(told["without"])),) if told["without"] else ()
    return lead, *without


def _least(subject: Subject) -> str:
    least = subject.summary["parameters"].get("explanations.reasons.least_cause")
    return share(least, digits=0)


def _chart(told: Mapping[str, Any]) -> Chart:
    records = _records(told)
    first = records[0]
    description = say("reasons.description", first=first["reason"], share=first["share"])
    columns = [
        Column("reason", say("reasons.reason"), numeric=False),
        Column("code", say("reasons.code"), numeric=False),
        Column("first_text", say("reasons.first")),
        Column("any_text", say("reasons.any")),
        Column("share", say("reasons.share")),
    ]
    return Chart(
        name="reasons",
        title=say("reasons.title"),
        note=say("reasons.note"),
        description=description,
        specs=in_both(lambda language: _bars(records, language), description),
        table=table(say("reasons.title"), columns, records),
    )


def _records(told: Mapping[str, Any]) -> list[dict[str, Any]]:
    """A record for each code, that which is given most first."""
    given, conflicts = told["given"], told["conflicts"]
    ordered = sorted(given, key=lambda code: (-given[code]["any"], code))
    records = []
    for order, code in enumerate(ordered):
        any_place, first = given[code]["any"], given[code]["first"]
        reason = say(f"reason_code.{code}")
        records.append(
            {
                "order": order,
                "reason": reason,
                "code": code,
                "lines": in_lines(reason),
                "first": round(first / conflicts, 6),
                "any": round(any_place / conflicts, 6),
                "first_text": count(first),
                "any_text": count(any_place),
                "share": share(any_place, conflicts),
            }
        )
    return records


def _bars(records: Sequence[Record], language: Language) -> Picture:
    base = alt.Chart(inline(records, language, "reasons")).encode(
        y=alt.Y("order:O", title=None, axis=row_labels("reasons", field="lines")),
        tooltip=[
            alt.Tooltip("reason:N", title=say("reasons.reason")[language]),
            alt.Tooltip("first_text:N", title=say("reasons.first")[language]),
            alt.Tooltip("any_text:N", title=say("reasons.any")[language]),
            alt.Tooltip("share:N", title=say("reasons.share")[language]),
        ],
    )
    most = max(record["any"] for record in records)
    # Room for a figure behind the longest bar is no share.
    axis = alt.Axis(labelExpr="datum.value > 1 ? '' : format(datum.value, '.0%')", tickCount=4)
    across = alt.X(
        "any:Q",
        title=say("reasons.x")[language],
        axis=axis,
        scale=alt.Scale(domain=[0, round(1.15 * most, 6)]),
    )
    whole = base.mark_bar(height=14, cornerRadiusEnd=2, color=AGAINST, opacity=0.35).encode(x=across)
    first = base.mark_bar(height=14, color=AGAINST).encode(x=alt.X("first:Q"))
    figures = base.mark_text(align="left", dx=5, fontSize=11.5, fill=MUTED, aria=False).encode(
        x=alt.X("any:Q"), text=alt.Text("share:N")
    )
    return alt.layer(whole, first, figures, width="container", height=_ROW_HEIGHT * len(records))


def _lenders(told: Mapping[str, Any]) -> Table:
    """In how many conflicts each cause on the lender's side has some weight, and whether the letter says so."""
    lender = told["lender"]
    records = [
        {
            "cause": say(f"reason_code.{code}"),
            "conflicts": count(lender[code]),
            "share": share(lender[code], told["conflicts"]),
            "letter": say("reasons.told" if code in LENDERS_OWN else "reasons.kept"),
        }
        for code in sorted(lender, key=lambda code: (-lender[code], code))
    ]
    columns = [
        Column("cause", say("reasons.cause"), numeric=False),
        Column("conflicts", say("column.conflicts")),
        Column("share", say("column.removed_share")),
        Column("letter", say("reasons.in_letter"), numeric=False),
    ]
    return table(say("reasons.lender"), columns, records)


def _deletion(told: Mapping[str, Any]) -> Table | None:
    if not told.get("tested"):
        return None
    records = [
        {
            "what": say(f"reason_test.{way}"),
            "gone": share(told[way]["share"]),
            "interval": _interval(told[way]),
        }
        for way in _WAYS
    ]
    columns = [
        Column("what", say("reason_test.what"), numeric=False),
        Column("gone", say("reason_test.gone")),
        Column("interval", say("column.interval")),
    ]
    return table(say("reason_test.title"), columns, records, main=1)


def _stability(undated: bool, told: Mapping[str, Any]) -> tuple[Text, ...]:
    shares = {name: share(told[measure]["share"]) for name, measure in _MEASURES.items()}
    text = say_of(
        undated,
        "reason_stability.text",
        fits=str(told["fits"]),
        compared=count(told["compared"]),
        first_interval=_interval(told["first"]),
        **shares,
    )
    alone = told.get("first_without_rules")
    if alone is None or told["without_rules"] == told["compared"]:
        return (text,)
    first = {"first": share(alone["share"]), "first_interval": _interval(alone)}
    return text, say("reason_stability.ruled", alone=count(told["without_rules"]), **first)


def _interval(told: Mapping[str, float | None]) -> str:
    return f"{share(told['low'])} … {share(told['high'])}" if told["low"] is not None else "–"
