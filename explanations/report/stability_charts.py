"""Whether both models hold over time, as charts: stability by month, and vintages against what was expected."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import altair as alt
import pandas as pd

from explanations.intervals.proportions import wilson
from explanations.report.exhibits import (
    Chart,
    Column,
    Picture,
    Record,
    Spec,
    Table,
    in_both,
    in_lines,
    row_labels,
    table,
    tooltips,
)
from explanations.report.palette import AGAINST, AGAINST_PART, FAINT, FAVOUR, INK, LINE, PAPER
from explanations.report.quantities import NOTHING, count, fixed, share
from explanations.report.tracks import Track, layer, padded, tips, track_specs
from explanations.report.words import Language, Text, joined, same, say

LEVELS = {"within": FAINT, "small": LINE, "medium": AGAINST_PART, "large": AGAINST}
"""Colour of each level of the index: what chance alone gives, below 0.1, to 0.25, and above."""
CELLS, ROWS = "stability", "stability-rows"
_MEDIUM, _LARGE = 0.1, 0.25  # by custom of the field
_MONTHS = {"name": "vintages"}
_ACROSS: Spec = {
    "field": "month",
    "type": "ordinal",
    "sort": "ascending",
    "title": None,
    "axis": {"labelAngle": 0, "labelOverlap": True, "grid": False},
}


def stability_chart(stability: pd.DataFrame, label_of: Callable[[str], Text]) -> Chart:
    """The stability index of both scores and of the main features (rows) by month, in colours of its level.

    Args:
        stability: The index by what and month.
        label_of: What a feature is called.
    """
    whats = list(dict.fromkeys(stability["what"]))
    labels = {what: _label(str(what), label_of) for what in whats}
    records = [_cell(row, whats.index(row.what)) for row in _rows(stability)]
    names = [{"row": row, "label": in_lines(labels[what])} for row, what in enumerate(whats)]
    columns = [
        Column("month", say("column.month")),
        Column("psi", say("stability.psi")),
        Column("chance", say("stability.chance")),
    ]
    description = say("stability.description")
    return Chart(
        name="stability",
        title=say("stability.title"),
        note=joined([say("stability.note"), _found(stability, labels)], en=" ", zh=""),
        description=description,
        specs=in_both(
            lambda language: _heat(len(whats), columns, language), description, {CELLS: records, ROWS: names}
        ),
        table=_by_month(stability, labels),
    )


def vintage_chart(vintages: pd.DataFrame, level: float) -> Chart:
    """Bad rates by month of release with intervals, against the release model's mean PD."""
    records = [_vintage(row, level) for row in vintages.itertuples(index=False)]
    columns = [
        Column("month", say("column.month"), numeric=False),
        Column("released", say("vintage.released")),
        Column("bad_text", say("vintage.bad")),
        Column("expected_text", say("vintage.expected")),
        Column("mature", say("vintage.mature")),
        Column("year_text", say("vintage.bad_12m")),
    ]
    outside = sum(not record["bad_low"] <= record["expected"] <= record["bad_high"] for record in records)
    description = say("vintage.description")
    return Chart(
        name="vintages",
        title=say("vintage.title"),
        note=say("vintage.note", outside=count(outside), months=count(len(records))),
        description=description,
        specs=track_specs(
            lambda language: _vintages(records, columns, language), {"vintages": records}, description
        ),
        table=table(say("vintage.title"), columns, records),
    )


def level_of(psi: float, chance: float) -> str:
    """The level of an index: no more than chance, or else by the field's custom."""
    if psi <= chance:
        return "within"
    return "small" if psi < _MEDIUM else "medium" if psi < _LARGE else "large"


def _label(what: str, label_of: Callable[[str], Text]) -> Text:
    return say(f"stability.{what}") if what in ("release_score", "limit_score") else label_of(what)


def _found(stability: pd.DataFrame, labels: Mapping[str, Text]) -> Text:
    """How many fields chance does not explain, and the largest of all."""
    largest = max(_rows(stability), key=lambda row: float(row.psi))
    return say(
        "stability.found",
        above=count(int((stability["psi"] > stability["chance"]).sum())),
        cells=count(len(stability)),
        chance=fixed(float(stability["chance"].max()), 3),
        largest=fixed(largest.psi, 2),
        what=labels[largest.what],
        month=str(largest.month),
    )


def _rows(stability: pd.DataFrame) -> Iterator[Any]:
    return stability.itertuples(index=False)


def _cell(row: Any, place: int) -> dict[str, Any]:
    return {
        "row": place,
        "month": row.month,
        "colour": LEVELS[level_of(row.psi, row.chance)],
        "psi": fixed(row.psi, 3),
        "chance": fixed(row.chance, 3),
    }


def _by_month(stability: pd.DataFrame, labels: Mapping[str, Text]) -> Table:
    """A row for each score or feature, a column for each month; and what chance gives at most."""
    months = sorted(set(map(str, stability["month"])))
    records: dict[str, dict[str, Text | str]] = {}
    for row in _rows(stability):
        empty = dict.fromkeys(months, NOTHING)
        record = records.setdefault(row.what, {"what": labels[row.what], "chance": "0", **empty})
        record[row.month] = fixed(row.psi, 3)
        record["chance"] = max(str(record["chance"]), fixed(row.chance, 3))
    columns = [
        Column("what", say("stability.what"), numeric=False),
        Column("chance", say("stability.chance")),
        *(Column(month, same(month)) for month in months),
    ]
    return table(say("stability.title"), columns, list(records.values()))


def _heat(rows: int, columns: Sequence[Column], language: Language) -> Picture:
    cells = alt.Chart(alt.NamedData(CELLS))
    drawn = cells.mark_rect(stroke=PAPER, strokeWidth=1.5).encode(
        x=alt.X(
            "month:O",
            sort="ascending",
            title=None,
            axis=alt.Axis(labelAngle=0, labelOverlap=True, grid=False),
        ),
        y=alt.Y("row:O", title=None, axis=row_labels(ROWS)),
        color=alt.Color("colour:N", scale=None),
        tooltip=tooltips(columns, language),
    )
    # Vega loads the names of rows only where a mark reads them.
    named_rows = (
        alt.Chart(alt.NamedData(ROWS))
        .mark_point(opacity=0, tooltip=None, aria=False)
        .encode(y=alt.Y("row:O"))
    )
    return alt.layer(drawn, named_rows, width="container", height=30 * rows)


def _vintage(row: Any, level: float) -> dict[str, Any]:
    low, high = wilson(int(row.bad), int(row.released), level)
    year = row.bad_12m / row.mature if row.mature else math.nan
    year_low, year_high = wilson(int(row.bad_12m), int(row.mature), level)
    return {
        "month": row.month,
        "released": count(row.released),
        "bad": round(row.bad / row.released, 5),
        "bad_low": round(low, 5),
        "bad_high": round(high, 5),
        "bad_text": f"{share(row.bad, row.released, digits=2)} ({share(low, digits=2)} … {share(high, digits=2)})",
        "expected": round(float(row.mean_pd), 5),
        "expected_text": share(row.mean_pd, digits=2),
        "mature": count(row.mature) if row.mature else NOTHING,
        "year": _finite(year),
        "year_low": _finite(year_low),
        "year_high": _finite(year_high),
        "year_text": f"{share(year, digits=2)} ({share(year_low, digits=2)} … {share(year_high, digits=2)})"
        if row.mature
        else NOTHING,
    }


def _finite(value: float) -> float | None:
    return round(value, 5) if math.isfinite(value) else None


def _vintages(records: Sequence[Record], columns: Sequence[Column], language: Language) -> list[Track]:
    tooltip = tips(columns, language)
    expected = {"type": "line", "color": INK, "strokeWidth": 1.5, "interpolate": "step"}
    axis = {"format": ".1~%", "tickCount": 4}
    ends = padded([float(record["bad_high"]) for record in records])
    known = [float(record["year_high"]) for record in records if record["year_high"] is not None]
    tracks = [
        Track(
            say("vintage.bad")[language],
            130,
            ends,
            axis,
            (layer(_MONTHS, expected, "expected", x=_ACROSS), *_dots("bad", FAVOUR, tooltip)),
        )
    ]
    if known:
        tracks.append(
            Track(say("vintage.bad_12m")[language], 90, padded(known), axis, _dots("year", INK, tooltip))
        )
    return tracks


def _dots(name: str, colour: str, tooltip: Sequence[Spec]) -> tuple[Spec, ...]:
    """Rates with their intervals."""
    whiskers = {"type": "rule", "color": colour, "strokeWidth": 1.5, "opacity": 0.6}
    points = {"type": "point", "filled": True, "size": 60, "color": colour, "opacity": 1}
    return (
        layer(_MONTHS, whiskers, f"{name}_low", to=f"{name}_high", x=_ACROSS),
        layer(_MONTHS, points, name, tooltip=tooltip, x=_ACROSS),
    )
