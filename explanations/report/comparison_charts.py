"""Two models compared, as charts: whether their PDs come true, and what approving more costs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import altair as alt
import pandas as pd

from explanations.comparison.result import CHALLENGER, CHAMPION
from explanations.report.exhibits import DASHED, Chart, Column, Picture, Record, in_both, table, tooltips
from explanations.report.palette import AGAINST, FAVOUR, Colour
from explanations.report.quantities import count, share
from explanations.report.words import Language, say, say_of

COLOURS: dict[str, Colour] = {CHAMPION: AGAINST, CHALLENGER: FAVOUR}
"""Colour of each of the two models."""
_HEIGHT = 300
_EVERY = 6
"""Of the curve's steps so many are one of the table's."""


def reliability_of_both(calibration: pd.DataFrame, undated: bool) -> Chart:
    """Mean PD against bad rate by decile of PD, a line for each model; on the diagonal the PD is right."""
    known = calibration.dropna(subset=["mean_pd", "bad_rate"])
    records = [_decile(row) for row in known.itertuples(index=False)]
    columns = [
        Column("model", say("compare.model"), numeric=False),
        Column("decile", say("column.pd_decile")),
        Column("requests", say_of(undated, "compare.requests")),
        Column("pd_text", say("column.mean_pd")),
        Column("bad_text", say("column.bad_rate")),
    ]
    description = say("compare.reliability_description")
    top = _top(records)
    datasets: dict[str, Sequence[Record]] = {
        "deciles": records,
        "even": [{"pd": 0, "bad": 0}, {"pd": top, "bad": top}],
    }
    return Chart(
        name="reliability-of-both",
        title=say("compare.reliability"),
        note=say_of(undated, "compare.reliability_note"),
        description=description,
        specs=in_both(lambda language: _reliability(records, columns, language), description, datasets),
        table=table(say("compare.reliability"), columns, records),
    )


def trade_off_of_both(curves: pd.DataFrame) -> Chart:
    """Share released against the bad rate of those released, a line for each model."""
    records = [_step(row) for row in curves.dropna().itertuples(index=False)]
    columns = [
        Column("model", say("compare.model"), numeric=False),
        Column("approval_text", say("compare.approval")),
        Column("bad_text", say("compare.bad_rate")),
    ]
    description = say("compare.trade_off_description")
    return Chart(
        name="trade-off-of-both",
        title=say("compare.trade_off"),
        note=say("compare.trade_off_note"),
        description=description,
        specs=in_both(lambda language: _trade_off(columns, language), description, {"steps": records}),
        table=table(say("compare.trade_off"), columns, records[_EVERY - 1 :: _EVERY]),
    )


def _decile(row: Any) -> dict[str, Any]:
    return {
        "model": say(f"compare.{row.model}"),
        "colour": COLOURS[row.model],
        "decile": str(int(row.decile)),
        "pd": round(float(row.mean_pd), 6),
        "bad": round(float(row.bad_rate), 6),
        "pd_text": share(row.mean_pd, digits=2),
        "bad_text": share(row.bad_rate, digits=2),
        "requests": count(row.requests),
    }


def _step(row: Any) -> dict[str, Any]:
    return {
        "model": say(f"compare.{row.model}"),
        "colour": COLOURS[row.model],
        "approval": round(float(row.approval), 5),
        "bad": round(float(row.bad_rate), 6),
        "approval_text": share(row.approval),
        "bad_text": share(row.bad_rate, digits=2),
    }


def _top(records: Sequence[Record]) -> float:
    """Where both axes end."""
    return max([0.001, *(float(record[key]) for record in records for key in ("pd", "bad"))]) * 1.08


def _reliability(records: Sequence[Record], columns: Sequence[Column], language: Language) -> Picture:
    top = _top(records)
    # A root scale spreads the many small rates, and unlike a logarithm it can show 0.
    scale = alt.Scale(type="sqrt", domain=[0, top], nice=False)
    axis = alt.Axis(format=".1~%", tickCount=6)
    across = alt.X("pd:Q", title=say("reliability.x")[language], scale=scale, axis=axis)
    up = alt.Y("bad:Q", title=say("reliability.y")[language], scale=scale, axis=axis)
    diagonal = alt.Chart(alt.NamedData("even")).mark_line(**DASHED).encode(x=across, y=up)
    base = alt.Chart(alt.NamedData("deciles")).encode(x=across, y=up, color=alt.Color("colour:N", scale=None))
    line = base.mark_line(strokeWidth=1.5, opacity=0.5, tooltip=None, aria=False)
    points = base.mark_point(filled=True, size=70, opacity=1).encode(tooltip=tooltips(columns, language))
    return alt.layer(diagonal, line, points, width="container", height=_HEIGHT)


def _trade_off(columns: Sequence[Column], language: Language) -> Picture:
    axis = alt.Axis(format=".2~%", tickCount=6)
    base = alt.Chart(alt.NamedData("steps")).encode(
        x=alt.X("approval:Q", title=say("compare.approval")[language], axis=axis),
        y=alt.Y("bad:Q", title=say("compare.bad_rate")[language], axis=axis),
        color=alt.Color("colour:N", scale=None),
    )
    line = base.mark_line(strokeWidth=2, tooltip=None, aria=False)
    points = base.mark_point(filled=True, size=24, opacity=1).encode(tooltip=tooltips(columns, language))
    return alt.layer(line, points, width="container", height=_HEIGHT)
