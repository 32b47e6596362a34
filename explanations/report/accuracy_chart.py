"""How near the limit model comes, as a chart: assessed over predicted limits by decile."""

from __future__ import annotations

import math
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
    decile_axis,
    in_both,
    inline,
    table,
    tooltips,
)
from explanations.report.palette import FAVOUR, MUTED, PAPER
from explanations.report.quantities import count, fixed, money, push, share
from explanations.report.words import Language, say, say_of

_QUANTILES = ("p10", "p25", "p50", "p75", "p90")
_HEIGHT = 300


def accuracy_chart(
    deciles: pd.DataFrame, typical: float | None, r2: float | None, currency: str, undated: bool
) -> Chart:
    """Assessed over predicted limits, by decile of the predicted one.

    Args:
        deciles: The quantiles by decile.
        typical: Median relative error of all.
        r2: Share of the variance of log-limits explained.
        currency: The book's currency.
        undated: Whether the book has clients for reviews.
    """
    records = [_record(row, currency) for row in deciles.itertuples(index=False)]
    columns = [
        Column("decile", say("accuracy.decile")),
        Column("reviews", say_of(undated, "metric.reviews")),
        Column("predicted", say("accuracy.predicted")),
        Column("assessed", say("accuracy.assessed")),
        Column("distance", say("accuracy.distance")),
        Column("half", say("accuracy.half")),
        Column("most", say("accuracy.most")),
    ]
    description = say("accuracy.description")
    return Chart(
        name="accuracy",
        title=say("accuracy.title"),
        note=say_of(undated, "accuracy.note", typical=f"±{share(typical)}", r2=share(r2)),
        description=description,
        specs=in_both(lambda language: _boxes(records, columns, language), description),
        table=table(say("accuracy.title"), columns, records),
    )


def _record(row: Any, currency: str) -> dict[str, Any]:
    return {
        "decile": str(int(row.decile)),
        **{name: round(float(getattr(row, name)) - 1, 5) for name in _QUANTILES},
        "reviews": count(row.reviews),
        "predicted": money(row.predicted, currency),
        "assessed": money(row.assessed, currency),
        "distance": f"±{fixed(100 * math.expm1(row.mae_log), 1)}%",
        "half": f"{_percent(row.p25)} … {_percent(row.p75)}",
        "most": f"{_percent(row.p10)} … {_percent(row.p90)}",
    }


def _percent(ratio: float) -> str:
    return f"{push(100 * (ratio - 1), 0)}%"


def _boxes(records: Sequence[Record], columns: Sequence[Column], language: Language) -> Picture:
    base = alt.Chart(inline(records, language)).encode(
        x=decile_axis(say("accuracy.x")[language]),
        tooltip=tooltips(columns, language),
    )
    axis = alt.Axis(labelExpr="datum.value ? format(datum.value, '+.0%') : '0%'", tickCount=6)

    def up(name: str) -> alt.Y:
        return alt.Y(f"{name}:Q", title=say("accuracy.y")[language], axis=axis)

    whiskers = base.mark_rule(color=MUTED, strokeWidth=1.5).encode(y=up("p10"), y2=alt.Y2("p90:Q"))
    boxes = base.mark_bar(color=FAVOUR, width={"band": 0.6}).encode(y=up("p25"), y2=alt.Y2("p75:Q"))
    median = base.mark_tick(color=PAPER, thickness=2, width={"band": 0.6}).encode(y=up("p50"))
    nothing: list[Record] = [{"p50": 0}]
    exact = alt.Chart(alt.InlineData(values=nothing))
    exact = exact.mark_rule(**DASHED).encode(y=up("p50"))
    return alt.layer(exact, whiskers, boxes, median, width="container", height=_HEIGHT)
