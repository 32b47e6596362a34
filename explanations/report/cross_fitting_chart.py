"""The contrast of the whole book beside that of the clients held out: a mean push and its interval each."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import altair as alt

from explanations.report.contrast_table import Push
from explanations.report.exhibits import (
    DASHED,
    Chart,
    Column,
    Picture,
    in_both,
    in_lines,
    inline,
    row_labels,
    signed_axis,
    table,
    tooltips,
)
from explanations.report.palette import AGAINST, MUTED, PAPER
from explanations.report.quantities import NOTHING, push, with_interval
from explanations.report.words import Language, Text, say

_ROW_HEIGHT = 32
_DOT = 45
_APART = 6.0
"""How far above or below the middle of its row a mark stands (pixels)."""


@dataclass(frozen=True)
class Beside:
    """A feature's mean push over the whole book and over the clients held out; None where it has none."""

    label: Text
    whole: Push
    held_out: Push | None


def cross_fitting_chart(rows: Sequence[Beside]) -> Chart:
    """Both means of each feature with their intervals, the largest of the whole book first."""
    description = say("cross_contrast.description", first=rows[0].label)
    return Chart(
        name="cross-contrast",
        title=say("cross_contrast.title"),
        description=description,
        specs=in_both(lambda language: _picture(rows, language), description),
        table=table(say("cross_contrast.title"), _columns(), _records(rows)),
        note=say("cross_contrast.note"),
    )


def _picture(rows: Sequence[Beside], language: Language) -> Picture:
    base = alt.Chart(inline(_records(rows), language, "pushes")).encode(
        y=alt.Y("order:O", title=None, axis=row_labels("pushes", field="lines")),
        tooltip=tooltips(_columns(), language),
    )
    title, axis = say("contrast.x")[language], signed_axis(5)
    nothing = alt.Chart(inline([{"mean": 0}], language)).mark_rule(**DASHED).encode(x=alt.X("mean:Q"))
    layers: list[alt.Chart] = [nothing]
    for of, moved, colour, inside in (
        ("whole", -_APART, AGAINST, AGAINST),
        ("held_out", _APART, MUTED, PAPER),
    ):
        layers += [
            base.mark_rule(color=colour, strokeWidth=2, yOffset=moved).encode(
                x=alt.X(f"{of}_low:Q"), x2=alt.X2(f"{of}_high:Q")
            ),
            base.mark_point(
                stroke=colour, fill=inside, opacity=1, size=_DOT, strokeWidth=2, yOffset=moved
            ).encode(x=alt.X(f"{of}_mean:Q", title=title, axis=axis)),
        ]
    return alt.layer(*layers, width="container", height=_ROW_HEIGHT * len(rows))


def _columns() -> list[Column]:
    return [
        Column("label", say("column.feature"), numeric=False),
        Column("whole", say("cross_fitting.whole")),
        Column("held_out", say("cross_fitting.held_out")),
    ]


def _records(rows: Sequence[Beside]) -> list[dict[str, Any]]:
    """A record per feature."""
    return [
        {"order": order, "label": row.label, "lines": in_lines(row.label)}
        | _cells("whole", row.whole)
        | _cells("held_out", row.held_out)
        for order, row in enumerate(rows)
    ]


def _cells(of: str, found: Push | None) -> dict[str, Any]:
    if found is None:
        return {of: NOTHING}
    ends = {"mean": found.mean, "low": found.low, "high": found.high}
    return {of: with_interval(push(found.mean), found.low, found.high, push)} | {
        f"{of}_{name}": round(end, 6) for name, end in ends.items() if math.isfinite(end)
    }
