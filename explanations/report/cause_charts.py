"""The causes of conflicts in the report: how much each explains, and how that changes with the months."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

import altair as alt
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from data.mechanisms import CAUSES
from explanations.causes.tables import shares_by
from explanations.explanation import Explanation
from explanations.report.exhibits import Chart, Column, Picture, Record, Table, in_both, inline, table
from explanations.report.palette import CAUSE_COLOURS, INK, MUTED
from explanations.report.quantities import NOTHING, count, limit_effect, share
from explanations.report.words import Language, Text, joined, named, say, stream_named

_LEAST_TOLD = 0.05
_COLUMNS = tuple(Column(name, say(f"cause.{name}")) for name in CAUSES)


def overall_chart(explanation: Explanation) -> Chart:
    """Mean share of each cause over all conflicts, with its interval."""
    told = explanation.summary["causes"]
    records = []
    for order, name in enumerate(CAUSES):
        low, high = told["interval"].get(name, (None, None))
        mean = told["mean_share"][name]
        records.append(
            {
                "cause": say(f"cause.{name}"),
                "meaning": say(f"cause.{name}_text"),
                "order": order,
                "mean": round(mean, 6),
                "low": None if low is None else round(low, 6),
                "high": None if high is None else round(high, 6),
                "tip": round(max(mean, high or mean, 0.0), 6),
                "mean_text": share(mean),
                "interval": "–" if low is None else f"{share(low)} … {share(high)}",
                "dominant": count(told["dominant"].get(name, 0)),
                "colour": CAUSE_COLOURS[name],
            }
        )
    columns = [
        Column("cause", say("column.cause"), numeric=False),
        Column("mean_text", say("column.cause_share")),
        Column("interval", say("column.interval")),
        Column("dominant", say("column.dominant")),
        Column("meaning", say("column.meaning"), numeric=False),
    ]
    description = say("causes.description")
    return Chart(
        name="causes",
        title=say("causes.title"),
        note=say("causes.note", tied=count(len(explanation.conflicts) - sum(told["dominant"].values()))),
        description=description,
        specs=in_both(lambda language: _bars(records, language), description),
        table=table(say("causes.title"), columns, records),
    )


def monthly_chart(explanation: Explanation, causes: pd.DataFrame) -> Chart:
    """Mean shares by month, one bar a month, under the cut-off that was in force."""
    conflicts = explanation.conflicts
    month = pd.to_datetime(conflicts["requested_on"]).dt.strftime("%Y-%m")
    shares = shares_by(causes, month)
    cutoff = conflicts.groupby(month.to_numpy())["cutoff"].mean()
    versions = conflicts.groupby(month.to_numpy())["policy_version"].first()
    bars, lines, rows = [], [], []
    for row in shares.to_dict("records"):
        name = str(row["group"])
        policy = named("policy_level", str(versions[name]).rpartition("-")[2])
        lines.append({"month": name, "cutoff": round(float(cutoff[name]), 6), "policy": policy})
        cells = {cause: share(row[cause]) for cause in CAUSES}
        head = {"month": name, "level": policy, "cutoff": share(float(cutoff[name]), digits=2)}
        rows.append(head | {"conflicts": count(row["conflicts"])} | cells)
        bars += [
            {
                "month": name,
                "cause": say(f"cause.{cause}"),
                "order": order,
                "share": round(float(row[cause]), 6),
                "share_text": cells[cause],
                "conflicts": count(row["conflicts"]),
                "policy": policy,
                "colour": CAUSE_COLOURS[cause],
            }
            for order, cause in enumerate(CAUSES)
        ]
    columns = [
        Column("month", say("column.month"), numeric=False),
        Column("level", say("column.policy"), numeric=False),
        Column("cutoff", say("column.cutoff")),
        Column("conflicts", say("column.conflicts")),
        *_COLUMNS,
    ]
    description = say("causes.by_month_description")
    return Chart(
        name="causes-by-month",
        title=say("causes.by_month"),
        note=say("causes.by_month_note"),
        description=description,
        specs=in_both(lambda language: _months(bars, lines, language), description),
        table=table(say("causes.by_month"), columns, rows),
    )


def segments_table(explanation: Explanation, causes: pd.DataFrame) -> Table:
    """The mix of causes by what refused the conflicts and by the size of the limit."""
    records = []
    for label, rows in segments(explanation.conflicts):
        means = causes.loc[rows, list(CAUSES)].mean()
        shares = {name: share(means[name], digits=0) for name in CAUSES}
        records.append({"segment": label, "conflicts": count(int(rows.sum())), **shares})
    head = [
        Column("segment", say("column.segment"), numeric=False),
        Column("conflicts", say("column.conflicts")),
    ]
    return table(say("causes.segments"), [*head, *_COLUMNS], records, main=1)


def freshness_table(explanation: Explanation) -> Table | None:
    """What the freshness of each stream alone would do; None where the book has no dates."""
    rows = explanation.summary.get("lag_audit")
    if not rows:
        return None
    records = [
        {
            "stream": stream_named(explanation.summary, row["stream"]),
            "removed": count(row["removed"]),
            "share": share(row["share"]),
            "interval": NOTHING if math.isnan(row["low"]) else f"{share(row['low'])} … {share(row['high'])}",
            "days": count(row["days_stale"]),
            "limit": limit_effect(row["limit_change"]),
        }
        for row in rows
    ]
    columns = [
        Column("stream", say("column.stream"), numeric=False),
        Column("removed", say("column.removed")),
        Column("share", say("column.removed_share")),
        Column("interval", say("column.interval")),
        Column("days", say("column.days_stale")),
        Column("limit", say("column.limit_change")),
    ]
    return table(say("causes.freshness"), columns, records)


def segments(conflicts: pd.DataFrame) -> Iterator[tuple[Text, NDArray[np.bool_]]]:
    """All conflicts, those of each rule that refuses (most frequent first), and thirds by limit."""
    yield say("causes.all"), np.ones(len(conflicts), dtype=bool)
    refused_by = conflicts["refused_by"].astype(str)
    counts = refused_by.value_counts()
    for rule in sorted(counts.index, key=lambda name: (-int(counts[name]), name)):
        yield named("refused_by", rule), (refused_by == rule).to_numpy()
    rank = conflicts["limit_after"].rank(method="first").to_numpy()
    for place, third in enumerate(("low", "middle", "high") if len(conflicts) >= 3 else ()):
        yield say(f"causes.limit_{third}"), np.ceil(3 * rank / len(conflicts)) == place + 1


def case_causes(shares: NDArray[np.float64]) -> Text:
    """The causes of one conflict in a sentence, largest first; what is below 5 % in one sum, so that all add up.

    Args:
        shares: Share of each of `CAUSES`, in their order.
    """
    by_name = {name: float(value) for name, value in zip(CAUSES, shares, strict=True)}
    parts = [
        say("causes.part", cause=say(f"cause.{name}"), share=share(value, digits=0))
        for name, value in sorted(by_name.items(), key=lambda item: -abs(item[1]))
        if abs(value) >= _LEAST_TOLD
    ]
    small = sum(value for value in by_name.values() if abs(value) < _LEAST_TOLD)
    if round(100 * small):
        parts.append(say("causes.others", share=share(small, digits=0)))
    return say("causes.case", causes=joined(parts))


def _bars(records: Sequence[Record], language: Language) -> Picture:
    base = alt.Chart(inline(records, language)).encode(
        y=alt.Y(
            "cause:N",
            sort=[say(f"cause.{name}")[language] for name in CAUSES],
            title=None,
            axis=alt.Axis(labelLimit=200),
        ),
        tooltip=[
            alt.Tooltip("cause:N", title=say("column.cause")[language]),
            alt.Tooltip("mean_text:N", title=say("column.cause_share")[language]),
            alt.Tooltip("interval:N", title=say("column.interval")[language]),
            alt.Tooltip("meaning:N", title=say("column.meaning")[language]),
        ],
    )
    axis = alt.Axis(format=".0%", tickCount=5)
    bars = base.mark_bar(height=18, cornerRadiusEnd=2).encode(
        x=alt.X("mean:Q", title=say("column.cause_share")[language], axis=axis),
        color=alt.Color("colour:N", scale=None),
    )
    lines = base.mark_rule(color=INK, strokeWidth=1.5).encode(x=alt.X("low:Q"), x2=alt.X2("high:Q"))
    figures = base.mark_text(align="left", dx=6, fill=MUTED, aria=False).encode(
        x=alt.X("tip:Q"), text=alt.Text("mean_text:N")
    )
    return alt.layer(bars, lines, figures, width="container", height=200)


def _months(bars: Sequence[Record], lines: Sequence[Record], language: Language) -> Picture:
    stacked = alt.Chart(inline(bars, language, "bars")).mark_bar(size=26)
    stacked = stacked.encode(
        x=alt.X(
            "month:O",
            sort="ascending",
            title=None,
            axis=alt.Axis(labelAngle=0, labelOverlap=True, labelSeparation=8),
        ),
        y=alt.Y(
            "share:Q",
            stack="zero",
            title=say("column.cause_share")[language],
            axis=alt.Axis(format=".0%", tickCount=5),
        ),
        order=alt.Order("order:Q"),
        color=alt.Color("colour:N", scale=None),
        tooltip=[
            alt.Tooltip("cause:N", title=say("column.cause")[language]),
            alt.Tooltip("month:N", title=say("column.month")[language]),
            alt.Tooltip("share_text:N", title=say("column.cause_share")[language]),
            alt.Tooltip("conflicts:N", title=say("column.conflicts")[language]),
            alt.Tooltip("policy:N", title=say("column.policy")[language]),
        ],
    )
    base = alt.Chart(inline(lines, language, "lines")).encode(x=alt.X("month:O", sort="ascending"))
    line = base.mark_line(color=INK, interpolate="step", point=True, strokeWidth=1.5).encode(
        y=alt.Y(
            "cutoff:Q",
            title=say("column.cutoff")[language],
            axis=alt.Axis(format=".1%", tickCount=4, grid=False),
            scale=alt.Scale(zero=True),
        ),
        tooltip=[
            alt.Tooltip("month:N", title=say("column.month")[language]),
            alt.Tooltip("policy:N", title=say("column.policy")[language]),
            alt.Tooltip("cutoff:Q", title=say("column.cutoff")[language], format=".2%"),
        ],
    )
    layered: Picture = alt.layer(stacked, line, width="container", height=260).resolve_scale(y="independent")
    return layered
