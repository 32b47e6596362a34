"""The dependence of both models on one feature, in three tracks: who is refused, the release's push, the limit's."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from explanations.report.dependence import Dependence
from explanations.report.exhibits import Chart, Column, Spec, table
from explanations.report.palette import AGAINST, FAVOUR, INK, MUTED
from explanations.report.tracks import Track, layer, padded, tips, track_specs, zero_line
from explanations.report.words import Language, say

_BINS = {"name": "bins"}
_ACROSS: Spec = {
    "field": "at",
    "type": "ordinal",
    "title": None,
    "scale": {"padding": 0.12},
    # Tilted, since amounts of money take room.
    "axis": {
        "labelExpr": "data('bins')[indexof(pluck(data('bins'), 'at'), datum.value)].short",
        "labelAngle": -35,
        "labelOverlap": False,
        "labelLimit": 110,
        "labelFontSize": 11,
        "grid": False,
    },
}
_SIGNED = {"labelExpr": "datum.value ? format(datum.value, '+.2~f') : '0'", "tickCount": 4}
_PERCENT = {"labelExpr": "datum.value ? format(datum.value, '+.1~%') : '0%'", "tickCount": 4}


def dependence_chart(index: int, shown: Dependence, domains: Mapping[str, tuple[float, float]]) -> Chart:
    """One feature's three tracks with their figures."""
    label = shown.row.label
    description = say("dependence.description", feature=label)
    columns = [
        Column("range", label, numeric=False),
        Column("favoured", say("dependence.favoured")),
        Column("share_text", say("dependence.share")),
        Column("release_text", say("dependence.push")),
        Column("room_text", say("dependence.room")),
        Column("limit_text", say("dependence.on_limit")),
    ]
    return Chart(
        name=f"dependence-{index}",
        title=label,
        note=shown.unit_note,
        description=description,
        specs=track_specs(
            lambda language: _tracks(shown, domains, columns, language), {"bins": shown.records}, description
        ),
        table=table(label, columns, shown.records),
    )


def push_domains(shown: Sequence[Dependence]) -> dict[str, tuple[float, float]]:
    """What the axes of both models' pushes span: the same in all charts, so that they can be compared."""
    records = [record for one in shown for record in one.records]
    fields = {
        "release": ("release", "release_low", "release_high", "room"),
        "limit": ("limit", "limit_low", "limit_high"),
    }
    return {
        model: padded([float(r[field]) for r in records for field in there if r.get(field) is not None])
        for model, there in fields.items()
    }


def _tracks(
    shown: Dependence,
    domains: Mapping[str, tuple[float, float]],
    columns: Sequence[Column],
    language: Language,
) -> list[Track]:
    tooltip = tips(columns, language)
    dashed = {"type": "line", "color": INK, "strokeDash": [4, 3], "strokeWidth": 1.5}
    room = layer(_BINS, dashed, "room", x=_ACROSS)
    shares = {"format": ".0%", "values": [0, 0.5, 1]}
    tracks = [
        Track(say("dependence.refused")[language], 84, (0.0, 1.0), shares, _shares(shown, tooltip)),
        Track(
            say("dependence.release")[language],
            100,
            domains["release"],
            _SIGNED,
            (*_means("release", AGAINST, tooltip, shown.joined_up), room),
        ),
    ]
    if not shown.in_limit:
        return [*tracks, Track(say("dependence.not_in_limit")[language], 0, (0.0, 1.0), {"values": []}, ())]
    limit = _means("limit", FAVOUR, tooltip, shown.joined_up)
    return [*tracks, Track(say("dependence.limit")[language], 84, domains["limit"], _PERCENT, limit)]


def _shares(shown: Dependence, tooltip: Sequence[Spec]) -> tuple[Spec, ...]:
    """Share refused by bin with its interval, and over all bins."""
    overall = {"type": "rule", "color": MUTED, "strokeDash": [2, 2]}
    bars = {"type": "bar", "color": AGAINST, "opacity": 0.55, "cornerRadiusEnd": 2, "width": {"band": 0.76}}
    whiskers = {"type": "rule", "color": INK, "strokeWidth": 1.2}
    return (
        layer({"values": [{"share": round(shown.base, 5)}]}, overall, "share"),
        layer(_BINS, bars, "share", tooltip=tooltip, x=_ACROSS),
        layer(_BINS, whiskers, "share_low", to="share_high", x=_ACROSS),
    )


def _means(name: str, colour: str, tooltip: Sequence[Spec], joined_up: bool) -> tuple[Spec, ...]:
    """Mean pushes as points with their intervals, on a line where their order is one."""
    line: dict[str, Any] = {
        "type": "line",
        "color": colour,
        "strokeWidth": 1.5,
        "opacity": 0.6 if joined_up else 0,
    }
    whiskers = {"type": "rule", "color": colour, "strokeWidth": 1.5}
    points = {"type": "point", "filled": True, "size": 48, "color": colour, "opacity": 1}
    return (
        zero_line(),
        layer(_BINS, line, name, x=_ACROSS),
        layer(_BINS, whiskers, f"{name}_low", to=f"{name}_high", x=_ACROSS),
        layer(_BINS, points, name, tooltip=tooltip, x=_ACROSS),
    )
