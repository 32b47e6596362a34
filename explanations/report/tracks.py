"""Charts of several tracks above each other over one horizontal axis, each with a vertical axis of its own.

They are written as Vega-Lite itself: Altair copies every layer once more with each nesting, which takes seconds here.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from altair import SCHEMA_URL

from explanations.report.exhibits import Column, Record, Spec, spoken
from explanations.report.palette import INK, ZERO
from explanations.report.words import LANGUAGES, Language, Text

_GAP, _HEAD = 14, 20


@dataclass(frozen=True)
class Track:
    """One of the tracks.

    Attributes:
        head: What it shows; stands over it.
        height: Its height, px.
        domain: What its vertical axis spans.
        axis: How its axis is labelled.
        layers: Its marks; of their vertical position they name the field alone.
    """

    head: str
    height: int
    domain: tuple[float, float]
    axis: Mapping[str, Any]
    layers: tuple[Spec, ...]


def padded(values: Sequence[float], room: float = 0.08) -> tuple[float, float]:
    """A domain that holds zero and all values, with some room beyond."""
    low, high = min([0.0, *values]), max([0.0, *values])
    more = room * (high - low) or 1.0
    return round(low - more if low < 0 else 0.0, 6), round(high + more if high > 0 else 0.0, 6)


def layer(
    data: Mapping[str, Any],
    mark: Mapping[str, Any],
    up: str,
    to: str = "",
    tooltip: Sequence[Mapping[str, Any]] = (),
    **encoding: Any,
) -> Spec:
    """A layer of a track: its marks stand at the field `up`, or reach from there to the field `to`.

    Without a tooltip it is for the eye alone: nothing to point at, nothing to read out.
    """
    seen = {} if tooltip else {"tooltip": None, "aria": False}
    placed: dict[str, Any] = {"y": {"field": up, "type": "quantitative"}, **encoding}
    if to:
        placed["y2"] = {"field": to}
    if tooltip:
        placed["tooltip"] = list(tooltip)
    return {"data": dict(data), "mark": {**mark, **seen}, "encoding": placed}


def zero_line() -> Spec:
    """A line at zero."""
    return layer({"values": [{"zero": 0}]}, {"type": "rule", "color": ZERO}, "zero")


def tips(columns: Sequence[Column], language: Language) -> list[dict[str, Any]]:
    """What a tooltip says: the columns' cells under their heads."""
    return [{"field": one.key, "type": "nominal", "title": one.head[language]} for one in columns]


def track_specs(
    build: Callable[[Language], Sequence[Track]], datasets: Mapping[str, Sequence[Record]], description: Text
) -> dict[Language, Spec]:
    """The tracks as one chart in each language, as wide as its container.

    Args:
        build: The tracks, from top to bottom.
        datasets: Records that their layers read by name.
        description: The chart's text alternative.
    """
    return {
        language: {
            "$schema": SCHEMA_URL,
            "description": description[language],
            "datasets": {name: spoken(records, language) for name, records in datasets.items()},
            **_stacked(build(language)),
        }
        for language in LANGUAGES
    }


def _stacked(tracks: Sequence[Track]) -> Spec:
    top, layers = 0, []
    for track in tracks:
        head = {
            "data": {"values": [{"text": track.head}]},
            "mark": {"type": "text", "align": "left", "baseline": "top", "fontSize": 12, "fontWeight": 600,
                     "fill": INK, "tooltip": None, "aria": False},
            "encoding": {"text": {"field": "text", "type": "nominal"}, "x": {"value": 0}, "y": {"value": top}},
        }  # fmt: skip
        bottom = top + _HEAD + track.height
        position = {
            "title": None,
            "axis": {**track.axis, "orient": "left"},
            "scale": {
                "domain": list(track.domain),
                "range": [bottom, top + _HEAD],
                "nice": False,
                "zero": False,
            },
        }
        layers.append({"layer": [*(_positioned(one, position) for one in track.layers), head]})
        top = bottom + _GAP
    return {
        "width": "container",
        "height": top - _GAP,
        "layer": layers,
        "resolve": {"scale": {"y": "independent"}},
    }


def _positioned(one: Spec, position: Spec) -> Spec:
    up = {**one["encoding"]["y"], **position}
    return {**one, "encoding": {**one["encoding"], "y": up}}
