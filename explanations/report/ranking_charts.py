"""How well the release model ranks, as charts: the ROC curve with KS, and lift by decile."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
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
from explanations.report.palette import AGAINST, FAVOUR, INK
from explanations.report.quantities import NOTHING, count, share, with_interval
from explanations.report.words import Language, Text, joined, named, say, say_of

_TENTH = 0.1
_TOLD = (0.01, 0.02, 0.05, 0.1, 0.2, 0.3, 0.5, 0.7)
"""Shares of the requests that the table tells."""
_EVERY = 4
"""Of the curve's steps so many are one of the chart's."""
_NEAR = 0.004
"""Share of the requests; steps of a curve fall on whole ones only."""
_COLOURS = (FAVOUR, AGAINST)
_HEIGHT = 300
CURVES, GAPS, LOT = "curves", "gaps", "lot"
_DIAGONAL: Sequence[Record] = ({"good": 0, "bad": 0}, {"good": 1, "bad": 1})


def roc_chart(ranking: pd.DataFrame, undated: bool) -> Chart:
    """Share of the bad refused against share of the good refused; a curve for each population."""
    curves = {str(name): rows for name, rows in ranking.groupby("population", sort=False)}
    colours = dict(zip(curves, _COLOURS, strict=False))
    points = [
        _step(_name(name, undated), row, colours[name])
        for name, rows in curves.items()
        for row in _thinned(rows).itertuples(index=False)
    ]
    furthest = [_furthest(rows, colours[name]) for name, rows in curves.items()]
    found = [_caught(name, rows, undated) for name, rows in curves.items()]
    description = say("roc.description")
    return Chart(
        name="roc",
        title=say("roc.title"),
        note=say_of(undated, "roc.note", found=joined(found, en=" ", zh="")),
        description=description,
        specs=in_both(_roc, description, {CURVES: points, GAPS: furthest, LOT: _DIAGONAL}),
        table=table(say("roc.title"), *_roc_table(curves)),
    )


def populations(ranking: pd.DataFrame, undated: bool) -> list[tuple[Text, Text, str]]:
    """What the curves are of: the name, the same with its KS, and the colour that it has in both charts."""
    curves = ranking.groupby("population", sort=False)
    return [
        (_name(str(name), undated), _with_ks(_name(str(name), undated), _largest_gap(rows)), colour)
        for (name, rows), colour in zip(curves, _COLOURS, strict=False)
    ]


def lift_chart(lift: pd.DataFrame, undated: bool) -> Chart:
    """Bad rate of each decile over that of all; bars for each population."""
    populations = list(dict.fromkeys(map(str, lift["population"])))
    records = [_decile(row, populations) for row in lift.itertuples(index=False)]
    columns = [
        Column("decile", say("column.pd_decile")),
        *([Column("population", say("column.sample"), numeric=False)] if len(populations) > 1 else []),
        Column("requests", say_of(undated, "column.requests")),
        Column("bad", say("lift.bad")),
        Column("rate", say("column.bad_rate")),
        Column("lift_text", say("lift.lift")),
        Column("captured", say("lift.captured")),
    ]
    found = [_riskiest(str(name), rows, undated) for name, rows in lift.groupby("population", sort=False)]
    description = say("lift.description")
    return Chart(
        name="lift",
        title=say("lift.title"),
        note=say_of(undated, "lift.note", found=joined(found, en=" ", zh="")),
        description=description,
        specs=in_both(lambda language: _lift(records, columns, language), description),
        table=table(say("lift.title"), columns, records),
    )


def _riskiest(population: str, rows: pd.DataFrame, undated: bool) -> Text:
    """How much more often the riskiest tenth goes bad."""
    first: Any = next(rows.itertuples(index=False))
    times = with_interval(_times(first.lift), first.lift_low, first.lift_high, _times)
    return say("lift.riskiest", population=_phrase(population, undated), times=times)


def _step(population: Text, row: Any, colour: str) -> dict[str, Any]:
    return {
        "population": population,
        "colour": colour,
        "share": round(float(row.share), 4),
        "pd": round(float(row.pd), 5),
        "good": round(float(row.good_share), 4),
        "bad": round(float(row.bad_share), 4),
    }


def _decile(row: Any, populations: Sequence[str]) -> dict[str, Any]:
    place = populations.index(row.population)
    return {
        "population": named("population", row.population),
        "colour": _COLOURS[place],
        "place": place,
        "decile": str(int(row.decile)),
        "lift": _finite(row.lift),
        "low": _finite(row.lift_low),
        "high": _finite(row.lift_high),
        "lift_text": with_interval(_times(row.lift), row.lift_low, row.lift_high, _times),
        "requests": count(row.requests),
        "bad": count(row.bad),
        "rate": share(row.bad_rate, digits=2),
        "captured": share(row.captured),
    }


def _thinned(rows: pd.DataFrame) -> pd.DataFrame:
    """Every other step of a curve, its ends and the one furthest from the diagonal."""
    place = pd.Series(range(len(rows)), index=rows.index)
    return rows[(place % _EVERY == 0) | (place == len(rows) - 1) | rows["largest_gap"].astype(bool)]


def _at(rows: pd.DataFrame, wanted: float) -> Any:
    """The step at which the wanted share or, where PDs are equal, the next larger one is refused."""
    steps: Iterator[Any] = rows.itertuples(index=False)
    return next(step for step in steps if step.share >= wanted - _NEAR)


def _caught(population: str, rows: pd.DataFrame, undated: bool) -> Text:
    step = _at(rows, _TENTH)
    return say(
        "roc.caught",
        population=_phrase(population, undated),
        bad=share(step.bad_share, digits=0),
        good=share(step.good_share, digits=0),
    )


def _furthest(rows: pd.DataFrame, colour: str) -> dict[str, Any]:
    row = _largest_gap(rows)
    return {"good": round(float(row.good_share), 4), "bad": round(float(row.bad_share), 4), "colour": colour}


def _largest_gap(rows: pd.DataFrame) -> Any:
    return next(rows[rows["largest_gap"].astype(bool)].itertuples(index=False))


def _with_ks(population: Text, gap: Any) -> Text:
    ks = say("roc.ks", ks=share(gap.bad_share - gap.good_share))
    return joined([population, ks], en=": ", zh="：")


def _name(population: str, undated: bool) -> Text:
    """What a population is called beside its curve: of an undated book all are clients."""
    return _phrase(population, undated) if undated else named("population", population)


def _phrase(population: str, undated: bool) -> Text:
    return say_of(undated, f"population_phrase.{population}")


def _roc_table(curves: dict[str, pd.DataFrame]) -> tuple[list[Column], list[dict[str, Text | str]]]:
    columns = [Column("share", say("roc.refused"))]
    records: list[dict[str, Text | str]] = [{"share": share(wanted, digits=0)} for wanted in _TOLD]
    for name, rows in curves.items():
        which = [named("population", name)] if len(curves) > 1 else []
        for key in ("pd", "bad", "good"):
            head = joined([*which, say(f"roc.{key}")], en=" · ", zh=" · ")
            columns.append(Column(f"{key} {name}", head))
        for wanted, record in zip(_TOLD, records, strict=True):
            step = _at(rows, wanted)
            record[f"pd {name}"] = share(step.pd, digits=2)
            record[f"bad {name}"] = share(step.bad_share)
            record[f"good {name}"] = share(step.good_share)
    return columns, records


def _finite(value: float) -> float | None:
    return round(float(value), 4) if math.isfinite(value) else None


def _times(value: float) -> str:
    return NOTHING if math.isnan(value) else f"×{value:.1f}"


def _roc(language: Language) -> Picture:
    whole = alt.Scale(domain=[0, 1], nice=False)
    axis = alt.Axis(format=".0%", tickCount=5)
    across = alt.X("good:Q", title=say("roc.x")[language], scale=whole, axis=axis)
    up = alt.Y("bad:Q", title=say("roc.y")[language], scale=whole, axis=axis)
    lot = alt.Chart(alt.NamedData(LOT)).encode(x=across, y=up)
    lot = lot.mark_line(**DASHED)
    colour = alt.Color("colour:N", scale=None)
    curve = alt.Chart(alt.NamedData(CURVES)).encode(x=across, y=up, color=colour)
    line = curve.mark_line(strokeWidth=2, tooltip=None, aria=False).encode(order=alt.Order("share:Q"))
    dots = curve.mark_point(filled=True, size=70, opacity=0).encode(
        tooltip=[
            alt.Tooltip("population:N", title=say("column.sample")[language]),
            alt.Tooltip("share:Q", title=say("roc.refused")[language], format=".1%"),
            alt.Tooltip("pd:Q", title=say("roc.pd")[language], format=".2%"),
            alt.Tooltip("bad:Q", title=say("roc.bad")[language], format=".1%"),
            alt.Tooltip("good:Q", title=say("roc.good")[language], format=".1%"),
        ],
    )
    gap = alt.Chart(alt.NamedData(GAPS)).mark_rule(strokeWidth=1.5, tooltip=None, aria=False)
    gap = gap.encode(x=across, y=alt.Y("good:Q", scale=whole), y2=alt.Y2("bad:Q"), color=colour)
    return alt.layer(lot, line, dots, gap, width="container", height=_HEIGHT)


def _lift(records: Sequence[Record], columns: Sequence[Column], language: Language) -> Picture:
    base = alt.Chart(inline(records, language)).encode(
        x=decile_axis(say("lift.x")[language]),
        xOffset=alt.XOffset("place:O"),
        tooltip=tooltips(columns, language),
    )
    up = alt.Y("lift:Q", title=say("lift.y")[language], axis=alt.Axis(format="~g", tickCount=5))
    bars = base.mark_bar(cornerRadiusEnd=2).encode(y=up, color=alt.Color("colour:N", scale=None))
    ends = base.mark_rule(strokeWidth=1.5, color=INK, opacity=0.7).encode(
        y=alt.Y("low:Q"), y2=alt.Y2("high:Q")
    )
    ones: list[Record] = [{"lift": 1}]
    usual = alt.Chart(alt.InlineData(values=ones))
    usual = usual.mark_rule(**DASHED).encode(y=up)
    return alt.layer(bars, ends, usual, width="container", height=_HEIGHT)
