"""The contrast as bars: mean pushes toward refusal, by feature or by family, with their intervals."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import altair as alt

from explanations.report.contrast_table import ContrastRow, Push
from explanations.report.exhibits import (
    Chart,
    Column,
    Picture,
    Record,
    in_both,
    in_lines,
    inline,
    row_labels,
    signed_axis,
    table,
)
from explanations.report.palette import INK, MUTED
from explanations.report.quantities import interval, odds_effect, push
from explanations.report.words import Language, Text, counted, say

_ROW_HEIGHT = 26


def contrast_chart(
    name: str, rows: Sequence[ContrastRow], rest: Push | None, others: int, colours: Mapping[str, str]
) -> Chart:
    """Mean pushes toward refusal with their intervals, and the sum of the features that are left out."""
    records = _bars(rows, rest, others, colours)
    first = records[0]
    description = say(f"{name}.description", first=first["label"], push=first["mean_text"])
    columns = [
        Column("label", say("column.feature" if name == "contrast" else "column.family"), numeric=False),
        Column("mean_text", say("column.release_push")),
        Column("interval", say("column.interval")),
        Column("odds", say("column.odds_effect")),
    ]
    return Chart(
        name=name,
        title=say(f"{name}.title"),
        description=description,
        specs=in_both(lambda language: contrast_bars(records, language), description),
        table=table(say(f"{name}.title"), columns, records),
    )


def contrast_figure(
    rows: Sequence[ContrastRow], rest: Push | None, others: int, colours: Mapping[str, str], width: int
) -> Picture:
    """The contrast in English at a fixed width, to be drawn as a picture."""
    return contrast_bars(_bars(rows, rest, others, colours), "en", width).properties(
        title=say("section.contrast")["en"]
    )


def contrast_bars(records: Sequence[Record], language: Language, width: int | None = None) -> Picture:
    """Bars in the records' order, an interval where there is one, and the figure beside."""
    base = alt.Chart(
        inline([{**record, "order": i} for i, record in enumerate(records)], language, "bars")
    ).encode(
        y=alt.Y("order:O", title=None, axis=row_labels("bars", width, field="lines")),
        tooltip=[
            alt.Tooltip("label:N", title=say("column.feature")[language]),
            alt.Tooltip("family:N", title=say("column.family")[language]),
            alt.Tooltip("mean_text:N", title=say("column.release_push")[language]),
            alt.Tooltip("interval:N", title=say("column.interval")[language]),
            alt.Tooltip("odds:N", title=say("column.odds_effect")[language]),
        ],
    )
    across = alt.X(
        "mean:Q", title=say("contrast.x")[language], axis=signed_axis(5), scale=_with_room(records)
    )
    bars = base.mark_bar(height=14, cornerRadiusEnd=2, opacity=0.75).encode(
        x=across, color=alt.Color("colour:N", scale=None)
    )
    lines = base.mark_rule(color=INK, strokeWidth=1.5).encode(x=alt.X("low:Q"), x2=alt.X2("high:Q"))
    figures = base.mark_text(
        align={"expr": "datum.mean < 0 ? 'right' : 'left'"},
        dx={"expr": "datum.mean < 0 ? -5 : 5"},
        fontSize=11.5,
        fill=MUTED,
        aria=False,
    ).encode(x=alt.X("tip:Q"), text=alt.Text("mean_text:N"))
    return alt.layer(bars, lines, figures, width=width or "container", height=_ROW_HEIGHT * len(records))


def _with_room(records: Sequence[Record]) -> alt.Scale:
    """A domain with room for a figure beyond each bar."""
    ends = [record[end] for record in records for end in ("tip", "low", "high")]
    tips = [0.0, *(float(end) for end in ends if end is not None)]
    room = 0.18 * (max(tips) - min(tips)) or 1.0
    low = min(tips) - room if min(tips) < 0 else 0.0
    return alt.Scale(domain=[round(low, 6), round(max(tips) + room, 6)], nice=False)


def _bars(
    rows: Sequence[ContrastRow], rest: Push | None, others: int, colours: Mapping[str, str]
) -> list[dict[str, Any]]:
    bars = [_bar(row.label, row.family, row.release, colours[row.family.en]) for row in rows if row.release]
    if rest:
        label = counted("contrast.rest", str(others), features=str(others))
        bars.append(_bar(label, say("contrast.several"), rest, MUTED))
    return bars


def _bar(label: Text, family: Text, pushed: Push, colour: str) -> dict[str, Any]:
    certain = math.isfinite(pushed.low) and math.isfinite(pushed.high)
    tips = [0.0, pushed.mean, *([pushed.low, pushed.high] if certain else [])]
    return {
        "label": label,
        "lines": in_lines(label),
        "family": family,
        "mean": round(pushed.mean, 6),
        "low": round(pushed.low, 6) if certain else None,
        "high": round(pushed.high, 6) if certain else None,
        "tip": round(max(tips) if pushed.mean >= 0 else min(tips), 6),
        "mean_text": push(pushed.mean),
        "interval": interval(pushed.low, pushed.high),
        "odds": odds_effect(pushed.mean),
        "colour": colour,
    }
