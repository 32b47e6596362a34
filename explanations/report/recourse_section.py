"""What borrowers could do, over all conflicts: for how many something helps now, what, and for whom only time does."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import altair as alt
import pandas as pd

from explanations.recourse.summary import kinds_now, outcomes, time_alone, waits
from explanations.report.exhibits import (
    Chart,
    Column,
    Picture,
    Record,
    in_both,
    in_lines,
    inline,
    row_labels,
    table,
    tooltips,
)
from explanations.report.palette import AGAINST, CAUSE_COLOURS, FAVOUR, MUTED
from explanations.report.quantities import count, money, share
from explanations.report.section import Section, Subject
from explanations.report.words import Language, Text, same, say

_TIME = CAUSE_COLOURS["misread"]
_ROW_HEIGHT = 34


def recourse_section(subject: Subject) -> Section | None:
    """For how many conflicts something helps; None where nothing was looked for."""
    explanation = subject.explanation
    found = explanation.recourse
    if found is None or not len(found):
        return None
    all_, searched = len(explanation.conflicts), int(found["request_id"].nunique())
    counts = outcomes(found).value_counts()
    now = int(counts.get("alone", 0) + counts.get("together", 0))
    later, nothing = (int(counts.get(name, 0)) for name in ("later", "nothing"))
    days, alone = waits(found), time_alone(found)
    text = [
        say("recourse.now", conflicts=count(searched), now=count(now), share=share(now, searched, 0)),
        say(
            "recourse.later",
            later=count(later),
            share=share(later, searched, 0),
            alone=count(alone),
            mixed=count(later - alone),
            days=count(days.median()),
        )
        if later
        else None,
        say("recourse.nothing", nothing=count(nothing), share=share(nothing, searched, 0))
        if nothing
        else None,
        say("recourse.sample", searched=count(searched), conflicts=count(all_)) if searched < all_ else None,
        _steps(subject),
    ]
    said = {"recourse_text": tuple(one for one in text if one), "recourse_note": say("recourse.note")}
    return Section(said, {"recourse": recourse_chart(found, subject.currency)})


def _steps(subject: Subject) -> Text | None:
    """Which steps were tried; None where the explanation does not tell its parameters."""
    prefix = "explanations.recourse."
    told = {key.removeprefix(prefix): str(value) for key, value in subject.summary["parameters"].items()}
    names = ("amount_steps", "pay_steps", "wait_days")
    if any(name not in told for name in names):
        return None
    return say("recourse.steps", **{name: told[name].strip("[]") for name in names})


def recourse_chart(found: pd.DataFrame, currency: str) -> Chart:
    """Share of the conflicts that each thing alone would release now, and of those that need more than that."""
    records = _records(found, currency)
    columns = [
        Column("what", say("recourse.what"), numeric=False),
        Column("conflicts", say("column.conflicts")),
        Column("share_text", say("recourse.share")),
        Column("typical", say("recourse.typical"), numeric=False),
        Column("group", say("recourse.when"), numeric=False),
    ]
    description = say("recourse.description")
    return Chart(
        name="recourse",
        title=say("recourse.title"),
        note=say("recourse.chart_note"),
        description=description,
        specs=in_both(lambda language: _bars(records, columns, language), description),
        table=table(say("recourse.title"), columns, records),
    )


def _records(found: pd.DataFrame, currency: str) -> list[dict[str, Any]]:
    """A record for each kind that alone helps now, the most frequent first, then for those who need more than that."""
    rows: list[tuple[str, int, Text, str, str]] = [
        (str(kind["kind"]), int(kind["conflicts"]), _typical(kind, currency), FAVOUR, "now")
        for kind in kinds_now(found).to_dict("records")
    ]
    each, days = outcomes(found).value_counts(), waits(found)
    rows.append(("together", int(each.get("together", 0)), same(""), FAVOUR, "now"))
    wait = say("recourse.typical_days", days=count(days.median())) if len(days) else same("")
    rows.append(("later", int(each.get("later", 0)), wait, _TIME, "later"))
    rows.append(("nothing", int(each.get("nothing", 0)), same(""), AGAINST, "never"))
    searched = found["request_id"].nunique()
    return [
        {
            "what": say(f"recoursekind.{name}"),
            "label": in_lines(_label(say(f"recoursekind.{name}"), typical)),
            "order": order,
            "conflicts": count(conflicts),
            "share": round(conflicts / searched, 6),
            "share_text": share(conflicts, searched),
            "typical": typical if typical.en else same("–"),
            "group": say(f"recourse.group_{group}"),
            "colour": colour,
        }
        for order, (name, conflicts, typical, colour, group) in enumerate(rows)
    ]


def _typical(kind: dict[Any, Any], currency: str) -> Text:
    """The median change of a kind."""
    if kind["kind"] in ("pay_down_here", "pay_down_elsewhere"):
        return say(
            "recourse.typical_paid", paid=money(kind["paid"], currency), share=share(kind["change"], digits=0)
        )
    if kind["kind"] == "amount":
        return say("recourse.typical_amount", share=share(kind["change"], digits=0))
    if kind["kind"] == "term":
        return say("recourse.typical_term", months=count(kind["change"]))
    return same("")


def _label(what: Text, typical: Text) -> Text:
    return say("recourse.label", what=what, typical=typical) if typical.en else what


def _bars(records: Sequence[Record], columns: Sequence[Column], language: Language) -> Picture:
    top = max([0.1, *(float(record["share"]) for record in records)])
    base = alt.Chart(inline(records, language, "ways")).encode(
        y=alt.Y("order:O", title=None, axis=row_labels("ways")),
        tooltip=tooltips(columns, language),
    )
    bars = base.mark_bar(height=16, cornerRadiusEnd=2).encode(
        x=alt.X(
            "share:Q",
            title=say("recourse.share")[language],
            axis=alt.Axis(format=".0%", tickCount=4),
            scale=alt.Scale(domain=[0, round(1.18 * top, 6)], nice=False),
        ),
        color=alt.Color("colour:N", scale=None),
    )
    figures = base.mark_text(align="left", dx=5, fill=MUTED, aria=False).encode(
        x=alt.X("share:Q"), text=alt.Text("share_text:N")
    )
    return alt.layer(bars, figures, width="container", height=_ROW_HEIGHT * len(records))
