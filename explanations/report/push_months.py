"""Pushes of families month by month, above the cut-off in force and the share refused."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from explanations.explanation import Explanation
from explanations.intervals.proportions import wilson
from explanations.report.contrast_table import families, family_sums, score_contributions
from explanations.report.exhibits import Chart, Column, Record, Spec, table
from explanations.report.palette import AGAINST, INK
from explanations.report.quantities import count, push, share
from explanations.report.tracks import Track, layer, padded, tips, track_specs, zero_line
from explanations.report.words import Language, say

_MONTHS = {"name": "months"}
_ACROSS: Spec = {
    "field": "month",
    "type": "ordinal",
    "sort": "ascending",
    "title": None,
    "axis": {"labelAngle": 0, "labelOverlap": True, "grid": False},
}
_PUSHES = {"labelExpr": "datum.value ? format(datum.value, '+.2~f') : '0'", "tickCount": 5}


def months_chart(explanation: Explanation, colours: Mapping[str, str], level: float) -> Chart:
    """By month of the request: mean pushes of families, the cut-off in force, the share refused of all favoured."""
    favoured = _by_month(explanation, level)
    sums = _pushes(explanation)
    order = list(sums.columns)
    named = {family.en: family for family in families(explanation)}
    bars: list[Record] = [
        {
            "month": month,
            "family": named[family],
            "order": order.index(family),
            "push": round(float(value), 5),
            "push_text": push(float(value)),
            "colour": colours[family],
        }
        for family in order
        for month, value in sums[family].items()
    ]
    rows = [
        {
            **record,
            **{family: push(float(sums[family].get(record["month"], np.nan))) for family in order},
            "all": push(float(sums.sum(axis=1).get(record["month"], np.nan))),
        }
        for record in favoured
    ]
    columns = [
        Column("month", say("column.month"), numeric=False),
        Column("favoured", say("dependence.favoured")),
        Column("share_text", say("dependence.share")),
        Column("cutoff_text", say("column.cutoff")),
        Column("all", say("push_segments.all_pushes")),
        *(Column(family, named[family]) for family in order),
    ]
    description = say("months.description")
    return Chart(
        name="months",
        title=say("months.title"),
        note=say("months.note"),
        description=description,
        specs=track_specs(
            lambda language: _tracks(bars, favoured, columns[:4], language),
            {"bars": bars, "months": favoured},
            description,
        ),
        table=table(say("months.title"), columns, rows),
    )


def _by_month(explanation: Explanation, level: float) -> list[Record]:
    """Of all favoured by month: how many, how many of them refused, the cut-off's mean and range."""
    tables = (explanation.conflicts, explanation.reference)
    every = pd.concat(
        [table[["requested_on", "cutoff"]].assign(refused=table is explanation.conflicts) for table in tables]
    )
    month = pd.to_datetime(every["requested_on"]).dt.strftime("%Y-%m")
    grouped = every.groupby(month.to_numpy())
    counts = grouped["refused"].agg(["size", "sum"])
    cutoff = grouped["cutoff"].agg(["mean", "min", "max"])
    records: list[Record] = []
    for name in counts.index:
        size, refused = int(counts.loc[name, "size"]), int(counts.loc[name, "sum"])
        low, high = wilson(refused, size, level)
        mean, least, most = (float(cutoff.loc[name, part]) for part in ("mean", "min", "max"))
        records.append(
            {
                "month": str(name),
                "favoured": count(size),
                "share": round(refused / size, 5),
                "share_low": round(low, 5),
                "share_high": round(high, 5),
                "share_text": f"{share(refused, size)} ({share(low)} … {share(high)})",
                "cutoff": round(mean, 6),
                "cutoff_low": round(least, 6),
                "cutoff_high": round(most, 6),
                "cutoff_text": f"{share(mean, digits=2)} ({share(least, digits=2)} … {share(most, digits=2)})",
            }
        )
    return records


def _pushes(explanation: Explanation) -> pd.DataFrame:
    """Mean push of each family (columns, the largest first) by month, over conflicts refused by score."""
    sums = family_sums(score_contributions(explanation.release_contributions, explanation), explanation)
    dates = explanation.conflicts.set_index("request_id")["requested_on"].loc[sums.index]
    month = pd.to_datetime(dates).dt.strftime("%Y-%m").to_numpy()
    order = sums.mean().sort_values(ascending=False, kind="stable").index
    return sums[order].groupby(month).mean()


def _tracks(
    bars: Sequence[Record], favoured: Sequence[Record], columns: Sequence[Column], language: Language
) -> list[Track]:
    tooltip = tips(columns, language)
    said = tips(
        [
            Column("family", say("column.family")),
            Column("month", say("column.month")),
            Column("push_text", say("column.release_push")),
        ],
        language,
    )
    pushed = layer(
        {"name": "bars"},
        {"type": "bar", "width": {"band": 0.62}},
        "push",
        tooltip=said,
        x=_ACROSS,
        order={"field": "order", "type": "quantitative"},
        color={"field": "colour", "type": "nominal", "scale": None},
    )
    pushed["encoding"]["y"]["stack"] = "zero"
    return [
        Track(say("months.pushes")[language], 190, padded(_ends(bars)), _PUSHES, (pushed, zero_line())),
        Track(
            say("months.cutoff")[language],
            70,
            padded([float(record["cutoff_high"]) for record in favoured]),
            {"format": ".1~%", "tickCount": 3},
            _ranged("cutoff", INK, "step", tooltip),
        ),
        Track(
            say("months.refused")[language],
            80,
            padded([float(record["share_high"]) for record in favoured]),
            {"format": ".0%", "tickCount": 3},
            _ranged("share", AGAINST, "linear", tooltip),
        ),
    ]


def _ranged(name: str, colour: str, between: str, tooltip: Sequence[Spec]) -> tuple[Spec, ...]:
    """Means with a line between them, and the range of each."""
    line = {"type": "line", "color": colour, "strokeWidth": 1.5, "interpolate": between}
    ranges = {"type": "rule", "color": colour, "strokeWidth": 1.5, "opacity": 0.6}
    points = {"type": "point", "filled": True, "size": 60, "color": colour, "opacity": 1}
    return (
        layer(_MONTHS, line, name, x=_ACROSS),
        layer(_MONTHS, ranges, f"{name}_low", to=f"{name}_high", x=_ACROSS),
        layer(_MONTHS, points, name, tooltip=tooltip, x=_ACROSS),
    )


def _ends(bars: Sequence[Record]) -> list[float]:
    """How far the stacked pushes of each month reach up and down."""
    ends: dict[tuple[str, bool], float] = {}
    for bar in bars:
        key = str(bar["month"]), float(bar["push"]) > 0
        ends[key] = ends.get(key, 0.0) + float(bar["push"])
    return list(ends.values())
