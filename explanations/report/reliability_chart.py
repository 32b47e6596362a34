"""Reliability: whether requests of a given PD go bad as often as it says."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import altair as alt
import pandas as pd

from explanations.report.exhibits import (
    DASHED,
    Chart,
    Column,
    Picture,
    Record,
    in_both,
    inline,
    table,
    tooltips,
)
from explanations.report.palette import FAVOUR
from explanations.report.quantities import count, share
from explanations.report.words import Language, say, say_of


def reliability_chart(reliability: pd.DataFrame, undated: bool) -> Chart:
    """Mean PD against bad rate by decile of PD; on the diagonal the PD is right.

    An undated book has clients instead of requests.
    """
    known = reliability.dropna(subset=["mean_pd", "bad_rate"])
    records = [_record(row) for row in known.itertuples(index=False)]
    columns = [
        Column("decile", say("column.pd_decile")),
        Column("requests", say_of(undated, "column.requests")),
        Column("pd_text", say("column.mean_pd")),
        Column("bad_text", say("column.bad_rate")),
    ]
    description = say("reliability.description")
    return Chart(
        name="reliability",
        title=say("reliability.title"),
        note=say_of(undated, "reliability.note"),
        description=description,
        specs=in_both(lambda language: _reliability(records, columns, language), description),
        table=table(say("reliability.title"), columns, records),
    )


def _record(row: Any) -> dict[str, Any]:
    return {
        "decile": str(int(row.decile)),
        "pd": float(row.mean_pd),
        "bad": float(row.bad_rate),
        "pd_text": share(row.mean_pd, digits=2),
        "bad_text": share(row.bad_rate, digits=2),
        "requests": count(row.requests),
    }


def _reliability(records: Sequence[Record], columns: Sequence[Column], language: Language) -> Picture:
    top = max([0.001, *(float(record[key]) for record in records for key in ("pd", "bad"))]) * 1.08
    # A root scale spreads the many small rates, and unlike a logarithm it can show 0.
    scale = alt.Scale(type="sqrt", domain=[0, top], nice=False)
    axis = alt.Axis(format=".1~%", tickCount=6)
    across = alt.X("pd:Q", title=say("reliability.x")[language], scale=scale, axis=axis)
    up = alt.Y("bad:Q", title=say("reliability.y")[language], scale=scale, axis=axis)
    ends: list[Record] = [{"pd": 0, "bad": 0}, {"pd": top, "bad": top}]
    ideal = alt.Chart(alt.InlineData(values=ends))
    diagonal = ideal.mark_line(**DASHED)
    diagonal = diagonal.encode(x=across, y=up)
    base = alt.Chart(inline(records, language)).encode(
        x=across,
        y=up,
        tooltip=tooltips(columns, language),
    )
    line = base.mark_line(color=FAVOUR, strokeWidth=1.5, opacity=0.5, tooltip=None, aria=False)
    points = base.mark_point(filled=True, size=90, color=FAVOUR, opacity=1)
    return alt.layer(diagonal, line, points, width="container", height=300)
