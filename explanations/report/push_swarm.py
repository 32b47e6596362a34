"""The pushes of all conflicts, feature by feature: where they lie, and which values of the feature push so."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import altair as alt
import numpy as np
from numpy.typing import NDArray

from explanations.explanation import Explanation
from explanations.report.contrast_table import ContrastRow, score_contributions
from explanations.report.exhibits import (
    Chart,
    Column,
    Picture,
    Record,
    Table,
    in_both,
    in_lines,
    inline,
    row_labels,
    signed_axis,
    table,
)
from explanations.report.palette import INK, LOW_TO_HIGH, PAPER, UNKNOWN, ZERO
from explanations.report.quantities import count, push, share, usual_value, value_text, with_unit
from explanations.report.words import Language, Text, joined, say, say_of
from features.catalogue import Feature

BINS = 44
_ROW_HEIGHT = 27
# Beyond these percentiles pushes count in the outer bins.
# The place of a bin whose values are unknown or have no order: a mark without a number would not be drawn.
_NOWHERE = -1
_OUTER = (0.3, 99.7)

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Strip:
    """One feature's pushes in bins.

    Attributes:
        counts: Conflicts by bin.
        place: Mean place of the bin's values among all favoured (0 lowest to 1 highest); NaN where none is known.
        value: Mean value of the bin; NaN where none is known.
    """

    counts: NDArray[np.int64]
    place: Floats
    value: Floats


def swarm_chart(explanation: Explanation, rows: Sequence[ContrastRow], undated: bool, currency: str) -> Chart:
    """A strip for each of the rows' features, in their order."""
    contributions = score_contributions(explanation.release_contributions, explanation)
    names = [row.name for row in rows]
    pushes = contributions[names].to_numpy(np.float64)
    edges = push_edges(pushes)
    seen = explanation.release_features[["request_id", *names]].set_index("request_id")
    own = seen.loc[contributions["request_id"]].to_numpy(np.float64)
    strips = [
        strip_of(
            pushes[:, at],
            own[:, at],
            seen.iloc[:, at].to_numpy(np.float64),
            edges,
            explanation.catalogue[name],
        )
        for at, name in enumerate(names)
    ]
    records = [
        record
        for place, (row, strip) in enumerate(zip(rows, strips, strict=True))
        for record in _records(place, row, strip, edges, explanation, currency)
    ]
    heads = [
        {
            "order": place,
            "label": in_lines(row.label),
            "mean": round(row.release.mean, 5) if row.release else 0,
        }
        for place, row in enumerate(rows)
    ]
    description = say_of(undated, "swarm.description", features=count(len(rows)))
    return Chart(
        name="swarm",
        title=say_of(undated, "swarm.title"),
        note=_note(rows, explanation, undated),
        description=description,
        specs=in_both(
            lambda language: _strips(heads, edges, language),
            description,
            {"strips": records},
        ),
        table=_summary(rows, pushes, own, explanation, currency),
    )


def _note(rows: Sequence[ContrastRow], explanation: Explanation, undated: bool) -> Text:
    note = say_of(undated, "swarm.note")
    if any(explanation.catalogue[row.name].unordered for row in rows):
        return joined([note, say("swarm.categories")], en=" ", zh="")
    return note


def push_edges(pushes: Floats) -> Floats:
    """Edges of bins that hold nearly all pushes, one of them at zero."""
    low, high = np.percentile(pushes, _OUTER)
    width = max((max(high, 0.0) - min(low, 0.0)) / BINS, 1e-6)
    first, last = np.floor(min(low, 0.0) / width), np.ceil(max(high, 0.0) / width)
    return np.asarray(np.arange(first, max(last, first + 1) + 1) * width)


def strip_of(
    pushes: Floats, own: Floats, everyone: Floats, edges: Floats, feature: Feature | None = None
) -> Strip:
    """A feature's pushes in bins, with the values that push so.

    Args:
        pushes: Its push in each conflict.
        own: Its value there.
        everyone: Its values among all favoured, which say what is high and low.
        edges: Edges of the bins; what lies beyond counts in the outer ones.
        feature: The feature; of categories the bins show the most common, without an order none is high or low.
    """
    bins = len(edges) - 1
    at = np.clip(np.searchsorted(edges, pushes, side="right") - 1, 0, bins - 1)
    ordered = np.sort(everyone[np.isfinite(everyone)])
    known = np.isfinite(own)
    sides = [np.searchsorted(ordered, own[known], side) for side in ("left", "right")]
    place = (sides[0] + sides[1]) / (2 * max(len(ordered), 1))
    held = np.bincount(at[known], minlength=bins)
    with np.errstate(divide="ignore", invalid="ignore"):
        means = [np.bincount(at[known], values, bins) / held for values in (place, own[known])]
    if feature is not None and feature.levels:
        means[1] = np.array([usual_value(own[at == one], feature) for one in range(bins)])
    if feature is not None and feature.unordered:
        means[0] = np.full(bins, np.nan)
    return Strip(np.bincount(at, minlength=bins), *means)


def _records(
    order: int, row: ContrastRow, strip: Strip, edges: Floats, explanation: Explanation, currency: str
) -> list[Record]:
    feature = explanation.catalogue[row.name]
    unit = feature.unit if feature.unit != "0/1" else ""
    most, total = max(int(strip.counts.max()), 1), int(strip.counts.sum())
    records: list[Record] = []
    for at in np.flatnonzero(strip.counts):
        number = int(strip.counts[at])
        half = round(0.44 * float(np.sqrt(number / most)) + 0.03, 3)
        known = bool(np.isfinite(strip.place[at]))
        records.append(
            {
                "low": round(float(edges[at]), 5),
                "high": round(float(edges[at + 1]), 5),
                "top": round(order - half, 3),
                "foot": round(order + half, 3),
                "place": round(float(strip.place[at]), 3) if known else _NOWHERE,
                "label": row.label,
                "push": f"{push(float(edges[at]))} … {push(float(edges[at + 1]))}",
                "conflicts": f"{count(number)} ({share(number, total)})",
                "value": value_text(float(strip.value[at]), feature, currency)
                if feature.levels
                else with_unit(_short(float(strip.value[at])), unit, currency),
            }
        )
    return records


def _strips(heads: Sequence[Record], edges: Floats, language: Language) -> Picture:
    rows = len(heads)
    rest = {**row_labels("rows").to_dict(), "values": list(range(rows)), "labelOverlap": False}
    up = alt.Y(
        "top:Q", title=None, scale=alt.Scale(domain=[rows - 0.5, -0.5], nice=False, zero=False), axis=rest
    )
    across = alt.X(
        "low:Q",
        title=say("contrast.x_each")[language],
        scale=alt.Scale(domain=[round(float(edges[0]), 5), round(float(edges[-1]), 5)], nice=False),
        axis=signed_axis(7),
    )
    tooltip = [
        alt.Tooltip("label:N", title=say("column.feature")[language]),
        alt.Tooltip("push:N", title=say("column.release_push")[language]),
        alt.Tooltip("conflicts:N", title=say("column.conflicts")[language]),
        alt.Tooltip("value:N", title=say("swarm.value")[language]),
    ]
    scale = alt.Scale(type="quantize", domain=[0, 1], range=list(LOW_TO_HIGH))
    colour = alt.condition(
        f"datum.place > {_NOWHERE}", alt.Color("place:Q", scale=scale, legend=None), alt.value(UNKNOWN)
    )
    zero = alt.Chart(alt.InlineData(values=[{"low": 0}])).mark_rule(color=ZERO, aria=False)
    strips = alt.Chart(alt.NamedData("strips")).mark_rect(cornerRadius=1)
    strips = strips.encode(
        x=across, x2=alt.X2("high:Q"), y=up, y2=alt.Y2("foot:Q"), color=colour, tooltip=tooltip
    )
    ends = [{**head, "top": head["order"] - 0.42, "foot": head["order"] + 0.42} for head in heads]
    means = alt.Chart(inline(ends, language, "rows")).encode(x=alt.X("mean:Q"), y=up, y2=alt.Y2("foot:Q"))
    # On paper of its own the line can be seen on a strip of any colour.
    lines = [
        means.mark_rule(color=colour, strokeWidth=width, aria=False, tooltip=None)
        for colour, width in ((PAPER, 5), (INK, 2))
    ]
    return alt.layer(
        zero.encode(x=alt.X("low:Q")), strips, *lines, width="container", height=_ROW_HEIGHT * rows
    )


def _summary(
    rows: Sequence[ContrastRow], pushes: Floats, own: Floats, explanation: Explanation, currency: str
) -> Table:
    """Percentiles of the pushes, and the values of the quarter that is pushed most and least."""
    records = []
    for at, row in enumerate(rows):
        feature = explanation.catalogue[row.name]
        low, middle, high = np.percentile(pushes[:, at], [10, 50, 90])
        least, most = np.percentile(pushes[:, at], [25, 75])
        ends = [own[pushes[:, at] <= least, at], own[pushes[:, at] >= most, at]]
        records.append(
            {
                "label": row.label,
                **{
                    name: push(float(value))
                    for name, value in (("low", low), ("middle", middle), ("high", high))
                },
                **{
                    name: value_text(usual_value(end, feature), feature, currency)
                    for name, end in zip(("least", "most"), ends, strict=True)
                },
            }
        )
    columns = [Column("label", say("column.feature"), numeric=False)]
    columns += [Column(name, say(f"swarm.{name}")) for name in ("low", "middle", "high", "least", "most")]
    return table(say("swarm.title"), columns, records)


def _short(value: float) -> float:
    """A mean with three digits that count."""
    return float(f"{value:.3g}") if np.isfinite(value) else value
