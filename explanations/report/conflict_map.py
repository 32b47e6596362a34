"""The conflict map: each feature's push on the limit across, its push toward refusal up."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any, Literal

import altair as alt
import numpy as np

from explanations.report.contrast_table import ContrastRow, Push
from explanations.report.exhibits import (
    Chart,
    Column,
    Picture,
    Record,
    fixed,
    in_both,
    inline,
    signed_axis,
    table,
)
from explanations.report.label_placement import Box, Placement, label_box, place_labels, text_width
from explanations.report.map_regions import SLIGHT, Frame, frame_of, place_of, weight
from explanations.report.palette import FAINT, INK, MUTED, PAPER, ZERO
from explanations.report.quantities import NOTHING, limit_effect, odds_effect, push, share
from explanations.report.words import Language, Text, say

HEIGHT = 440
# Widths of the plot itself for which labels are placed: a page of 600 px and one of 1,000 px or more.
NARROW, WIDE = 420, 860
FONT_SIZE, LINE_HEIGHT = 11.5, 14
LABELS = 22
_DOT_AREA = (50.0, 950.0)
# Shares of the plot's width and height that the name of a region needs.
_ROOM_ACROSS, _ROOM_UP = 0.15, 0.05
# Region, and whether it lies right and at the top.
_CORNERS = (
    ("praised_then_refused", True, True),
    ("doubted_twice", False, True),
    ("praised_twice", True, False),
    ("held_then_eased", False, False),
)


def conflict_map(rows: Sequence[ContrastRow], colours: Mapping[str, str], currency: str) -> Chart:
    """The map as a chart; `rows` are all features of either model."""
    frame = frame_of(rows)
    records = _records(rows, frame, colours)
    description = say("map.description", features=str(len(rows)))
    columns = [
        Column("label", say("column.feature"), numeric=False),
        Column("family", say("column.family"), numeric=False),
        Column("place", say("column.place"), numeric=False),
        Column("limit_text", say("column.limit_push", currency=currency)),
        Column("limit_effect", say("column.limit_effect")),
        Column("release_text", say("column.release_push")),
        Column("odds_effect", say("column.odds_effect")),
        Column("top_text", say("column.top_share")),
    ]
    return Chart(
        name="conflict-map",
        title=say("map.title"),
        note=say("map.note", slight=share(SLIGHT, digits=0)),
        description=description,
        specs=in_both(lambda language: map_layers(records, frame, language, currency), description),
        table=table(say("map.table"), columns, records),
    )


def size_legend() -> list[tuple[Text, float]]:
    """What some sizes of a mark mean, and their diameters, px."""
    shown = (0.05, 0.25, 0.75)
    return [(say("map.size", share=share(top, digits=0)), round(2 * _radius(top), 1)) for top in shown]


def map_figure(rows: Sequence[ContrastRow], colours: Mapping[str, str], currency: str, width: int) -> Picture:
    """The map in English at a fixed width with its legend, to be drawn as a picture."""
    frame = frame_of(rows)
    records = _records(rows, frame, colours)
    of_family = {record["family"]["en"]: record["colour"] for record in records}
    legend = alt.Color(
        "family:N",
        title=None,
        scale=alt.Scale(domain=list(of_family), range=list(of_family.values())),
        legend=alt.Legend(orient="bottom", columns=4, symbolType="circle"),
    )
    layers = map_layers(records, frame, "en", currency, width, legend)
    return layers.properties(title=say("map.title")["en"])


def map_layers(
    records: Sequence[Record],
    frame: Frame,
    language: Language,
    currency: str,
    width: int | None = None,
    colour: alt.Color | None = None,
) -> Picture:
    """Band, axes, names of the regions, points and labels; as wide as its container without a width."""
    values = _placed(records, frame, language, (width,) if width else (NARROW, WIDE))
    base = alt.Chart(inline(values, language)).encode(
        x=alt.X(
            "x:Q",
            title=say("map.x", currency=currency)[language],
            scale=_scale(frame.x),
            axis=_percent_axis(),
        ),
        y=alt.Y("y:Q", title=say("map.y")[language], scale=_scale(frame.y), axis=signed_axis(7)),
    )
    dots = base.mark_point(filled=True, opacity=0.8, stroke=PAPER, strokeWidth=1).encode(
        size=alt.Size("top:Q", legend=None, scale=alt.Scale(domain=[0, 1], range=list(_DOT_AREA))),
        color=colour or alt.Color("colour:N", scale=None),
        shape=alt.Shape("shape:N", scale=None),
        tooltip=_tooltip(language, currency),
    )
    layers = [
        _bands(frame),
        *_zero_lines(),
        *_region_names(frame, language),
        *_intervals(base),
        dots,
        *_labels(base, width),
    ]
    return alt.layer(*layers, width=width or "container", height=HEIGHT)


def _intervals(base: alt.Chart) -> list[alt.Chart]:
    """Thin lines through each point: how far both pushes could lie from it."""
    lines = base.mark_rule(strokeWidth=1, color=ZERO, opacity=0.7, tooltip=None, aria=False)
    return [
        lines.encode(x=alt.X("x_low:Q"), x2=alt.X2("x_high:Q")),
        lines.encode(y=alt.Y("y_low:Q"), y2=alt.Y2("y_high:Q")),
    ]


def _records(rows: Sequence[ContrastRow], frame: Frame, colours: Mapping[str, str]) -> list[dict[str, Any]]:
    """A record per feature, those that count most first: they get their labels first."""
    ordered = sorted(rows, key=partial(weight, frame=frame), reverse=True)
    return [_record(row, frame, colours) for row in ordered]


def _record(row: ContrastRow, frame: Frame, colours: Mapping[str, str]) -> dict[str, Any]:
    limit, release = row.limit, row.release
    shape = "circle" if limit and release else "diamond" if release else "square"
    return {
        "x": round(limit.mean, 6) if limit else 0,
        "y": round(release.mean, 6) if release else 0,
        **_ends("x", limit),
        **_ends("y", release),
        "top": round(row.top_share, 4),
        "shape": shape,
        "colour": colours[row.family.en],
        "label": row.label,
        "definition": row.definition,
        "family": row.family,
        "place": say(f"place.{place_of(row, frame)}"),
        "limit_text": _with_interval(limit) if limit else NOTHING,
        "limit_effect": limit_effect(limit.mean) if limit else say("map.not_in_limit"),
        "release_text": _with_interval(release) if release else NOTHING,
        "odds_effect": odds_effect(release.mean) if release else say("map.not_in_release"),
        "top_text": share(row.top_share, digits=0),
    }


def _ends(axis: str, pushed: Push | None) -> dict[str, float | None]:
    """The interval's ends; nothing where there is none."""
    if pushed is None or pushed.low != pushed.low:
        return {f"{axis}_low": None, f"{axis}_high": None}
    return {f"{axis}_low": round(pushed.low, 6), f"{axis}_high": round(pushed.high, 6)}


def _with_interval(pushed: Push) -> str:
    mean = push(pushed.mean, 3)
    return f"{mean} ({push(pushed.low, 3)} … {push(pushed.high, 3)})" if pushed.low == pushed.low else mean


def _scale(domain: tuple[float, float]) -> alt.Scale:
    return alt.Scale(domain=list(domain), nice=False, zero=False)


def _percent_axis() -> alt.Axis:
    """Ticks in log money, and below each what it does to a limit."""
    label = "datum.value ? [format(datum.value, '+.2~f'), format(exp(datum.value) - 1, '+.0%')] : ['0', '0%']"
    return alt.Axis(labelExpr=label, tickCount=6, labelLineHeight=15)


def _bands(frame: Frame) -> alt.Chart:
    """Where a push counts as slight: on the limit (upright) and toward refusal (lying), on the sides that are named."""
    values = [
        {"x": -frame.slight_x, "x2": frame.slight_x, "y": 0, "y2": frame.y[1]},
        {"x": frame.slight_x, "x2": frame.x[1], "y": -frame.slight_y, "y2": frame.slight_y},
    ]
    band = alt.Chart(alt.InlineData(values=values)).mark_rect(fill=FAINT, clip=True, tooltip=None, aria=False)
    encoded: alt.Chart = band.encode(x=alt.X("x:Q"), x2=alt.X2("x2:Q"), y=alt.Y("y:Q"), y2=alt.Y2("y2:Q"))
    return encoded


def _zero_lines() -> list[alt.Chart]:
    zero = alt.Chart(alt.InlineData(values=[{"zero": 0}])).mark_rule(color=ZERO, aria=False)
    return [zero.encode(x=alt.X("zero:Q")), zero.encode(y=alt.Y("zero:Q"))]


def _region_names(frame: Frame, language: Language) -> list[alt.Chart]:
    """Names in the corners where their regions have room for them, and over the bands of slight pushes."""
    corners = [_corner(name, right, up, language) for name, right, up in _named_places(frame)]
    return [
        *corners,
        _name("only_release", language).encode(
            text=alt.Text("text:N"), x=alt.X("zero:Q"), y=fixed(alt.YValue, -9)
        ),
    ]


def _named_places(frame: Frame) -> list[tuple[str, bool, float]]:
    """Names that stand at the left or (True) right edge, and how far down, px."""
    places = [
        (name, right, 14.0 if top else HEIGHT - 14.0)
        for name, right, top in _CORNERS
        if _has_room(frame.x, frame.slight_x, right, _ROOM_ACROSS)
        and _has_room(frame.y, frame.slight_y, top, _ROOM_UP)
    ]
    if _has_room(frame.x, frame.slight_x, True, _ROOM_ACROSS):
        zero = HEIGHT * frame.y[1] / (frame.y[1] - frame.y[0])
        places.append(("only_limit", True, round(zero - 12.0, 2)))
    return places


def _has_room(domain: tuple[float, float], slight: float, beyond: bool, room: float) -> bool:
    """Whether the region on one side of the slight pushes takes up as much of the plot as its name needs."""
    reach = domain[1] if beyond else -domain[0]
    return reach - slight >= room * (domain[1] - domain[0])


def _corner(place: str, right: bool, up: float, language: Language) -> alt.Chart:
    name = _name(place, language, align="right" if right else "left", dx=-6 if right else 6)
    across = fixed(alt.XValue, "width" if right else 0)
    encoded: alt.Chart = name.encode(text=alt.Text("text:N"), x=across, y=fixed(alt.YValue, up))
    return encoded


def _name(
    place: str, language: Language, align: Literal["left", "center", "right"] = "center", dx: int = 0
) -> alt.Chart:
    data = alt.InlineData(values=[{"zero": 0, "text": say(f"place.{place}")[language]}])
    name: alt.Chart = alt.Chart(data).mark_text(
        align=align, dx=dx, fontSize=12, fontWeight=600, fill=MUTED, tooltip=None, aria=False
    )
    return name


def _tooltip(language: Language, currency: str) -> list[alt.Tooltip]:
    """The head of the tooltip is its first entry."""
    titles = {
        "label": say("column.feature"),
        "definition": say("column.definition"),
        "family": say("column.family"),
        "place": say("column.place"),
        "limit_text": say("column.limit_push", currency=currency),
        "limit_effect": say("column.limit_effect"),
        "release_text": say("column.release_push"),
        "odds_effect": say("column.odds_effect"),
        "top_text": say("column.top_share"),
    }
    return [alt.Tooltip(f"{field}:N", title=title[language]) for field, title in titles.items()]


def _labels(base: alt.Chart, width: int | None) -> list[alt.Chart]:
    """A text layer for each width for which labels were placed; only the one that fits is seen."""
    shown = ["true"] if width else [f"width < {WIDE}", f"width >= {WIDE}"]
    layers = []
    for i, test in enumerate(shown):
        text = base.mark_text(
            align={"expr": f"datum.align{i}"},
            baseline="middle",
            dx={"expr": f"datum.dx{i}"},
            dy={"expr": f"datum.dy{i}"},
            fontSize=FONT_SIZE,
            fill=INK,
            tooltip=None,
            aria=False,
        )
        layers.append(
            text.encode(
                text=alt.Text(f"text{i}:N"), opacity=alt.OpacityValue(0, condition={"test": test, "value": 1})
            )
        )
    return layers


def _placed(
    records: Sequence[Record], frame: Frame, language: Language, widths: Sequence[int]
) -> list[dict[str, Any]]:
    """The records with the label that each shows at each width and where; empty where there was no room."""
    placed: list[dict[str, Any]] = [dict(record) for record in records]
    for i, width in enumerate(widths):
        for record, placement in zip(placed, _placements(records, frame, language, width), strict=True):
            at = placement or Placement(0, 0, "center")
            record |= {f"dx{i}": round(at.dx, 2), f"dy{i}": round(at.dy, 2), f"align{i}": at.align}
            record[f"text{i}"] = record["label"] if placement else ""
    return placed


def _placements(
    records: Sequence[Record], frame: Frame, language: Language, width: float
) -> list[Placement | None]:
    points = [
        (
            width * (record["x"] - frame.x[0]) / (frame.x[1] - frame.x[0]),
            HEIGHT * (frame.y[1] - record["y"]) / (frame.y[1] - frame.y[0]),
            _radius(record["top"]),
        )
        for record in records
    ]
    texts = [record["label"][language] if i < LABELS else "" for i, record in enumerate(records)]
    taken = []
    for name, right, up in _named_places(frame):
        room = text_width(say(f"place.{name}")[language], 13) + 8
        anchor = width if right else 0.0
        taken.append(
            Box(anchor, max(anchor - room, 0.0), anchor + (0.0 if right else room), up - 10, up + 10)
        )
    lines = [
        box
        for record, point in zip(records, points, strict=True)
        for box in _line(record, point, frame, width)
    ]
    sizes = [text_width(text, FONT_SIZE) for text in texts]
    size = (width, HEIGHT)
    clear = place_labels(points, sizes, [*taken, *lines], size, LINE_HEIGHT)
    taken += [
        label_box(point, room, placed, LINE_HEIGHT)
        for point, room, placed in zip(points, sizes, clear, strict=True)
        if placed
    ]
    # For those without room: a label that an interval crosses is better than none.
    left = [0.0 if placed else room for placed, room in zip(clear, sizes, strict=True)]
    crossed = place_labels(points, left, taken, size, LINE_HEIGHT)
    return [one or other for one, other in zip(clear, crossed, strict=True)]


def _line(record: Record, point: tuple[float, float, float], frame: Frame, width: float) -> list[Box]:
    """The interval across a point where it reaches beyond it, so that no label is struck through."""
    if record["x_low"] is None:
        return []
    x, y, radius = point
    left, right = (
        width * (record[end] - frame.x[0]) / (frame.x[1] - frame.x[0]) for end in ("x_low", "x_high")
    )
    return [Box(x, left, right, y - 1, y + 1)] if right - left > 2 * radius + 12 else []


def _radius(top: float) -> float:
    """Radius of a mark, px; its area grows with the share of conflicts."""
    return float(np.sqrt((_DOT_AREA[0] + top * (_DOT_AREA[1] - _DOT_AREA[0])) / np.pi))
