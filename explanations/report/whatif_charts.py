"""The charts of a what-if: conflicts by cause before and after, profit against loss, profit against conflicts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import altair as alt
import numpy as np
import pandas as pd

from data.mechanisms import CAUSES
from explanations.report.exhibits import Chart, Column, Picture, Record, in_both, inline, table, tooltips
from explanations.report.headline import is_undated
from explanations.report.palette import CAUSE_COLOURS, FAVOUR, INK, LOW_TO_HIGH, MUTED, PAPER, Colour
from explanations.report.quantities import count, fixed, large_money, share
from explanations.report.words import Language, Text, joined, say, say_of
from explanations.whatif.figures import AFTER, BEFORE
from explanations.whatif.result import WhatIf

_THOUSAND = 1000.0
_TOLD = (0.35, 0.5, 2.0)
"""Factors that stand beside their points, besides the first and the last: those between lie too near."""
_FAINT = 0.45  # opacity of the bars before


def causes_chart(causes: Mapping[str, Mapping[str, float]], sampled: Text | None) -> Chart:
    """Two bars for each cause: the conflicts before and those after."""
    records = [
        {
            "cause": say(f"cause.{name}"),
            "world": say(f"whatif.{world}"),
            "opacity": 1.0 if world == AFTER else _FAINT,
            "conflicts": round(causes[world][name], 2),
            "text": fixed(causes[world][name], 0),
            "colour": CAUSE_COLOURS[name],
        }
        for name in CAUSES
        for world in (BEFORE, AFTER)
    ]
    rows = [
        {"cause": say(f"cause.{name}"), **{world: fixed(causes[world][name], 1) for world in (BEFORE, AFTER)}}
        for name in CAUSES
    ]
    columns = [
        Column("cause", say("whatif.cause"), numeric=False),
        Column(BEFORE, say("whatif.before")),
        Column(AFTER, say("whatif.after")),
    ]
    notes = [say("whatif.by_cause_note"), *([sampled] if sampled else [])]
    description = say("whatif.by_cause_description")
    return Chart(
        name="whatif-causes",
        title=say("whatif.by_cause"),
        note=joined(notes, en=" ", zh=""),
        description=description,
        specs=in_both(lambda language: _bars(records, language), description),
        table=table(say("whatif.by_cause"), columns, rows),
    )


def money_chart(found: WhatIf) -> Chart:
    """Expected profit against expected loss by factor on the cut-offs, limits as they are."""
    summary, currency = found.summary, str(found.summary["currency"])
    undated = is_undated(summary)
    points = found.frontier[found.frontier["weight"] == 1]
    records = [_point(row, currency) for row in points.to_dict("records")]
    columns = _columns(undated, currency, weights=False)
    profits = points["profit"].to_numpy(np.float64)
    place = int(profits.argmax())
    edge = place in (0, len(points) - 1)
    description = say("frontier.money_description")
    return Chart(
        name="frontier-money",
        title=say("frontier.money_title"),
        note=say(
            "frontier.money_note_edge" if edge else "frontier.money_note",
            best=f"{points['factor'].iloc[place]:g}",
            profit=large_money(profits[place], currency),
        ),
        description=description,
        specs=in_both(
            lambda language: _money(records, _marked(summary), columns, currency, language), description
        ),
        table=table(say("frontier.money_title"), columns, records),
    )


def conflicts_chart(found: WhatIf) -> Chart:
    """Expected profit against conflicts, a line for each weight of spending in limits."""
    summary, currency = found.summary, str(found.summary["currency"])
    undated = is_undated(summary)
    colours = _colours(found.frontier)
    records = [
        _point(row, currency) | {"colour": colours[row["weight"]]}
        for row in found.frontier.to_dict("records")
    ]
    columns = _columns(undated, currency, weights=not undated)
    description = say_of(undated, "frontier.conflicts_description")
    title = say_of(undated, "frontier.conflicts_title")
    return Chart(
        name="frontier-conflicts",
        title=title,
        note=_conflicts_note(found.frontier, undated, currency),
        description=description,
        specs=in_both(
            lambda language: _conflicts(records, _marked(summary), columns, currency, language), description
        ),
        table=table(title, columns, records),
    )


def weight_names(found: WhatIf) -> list[tuple[Text, Colour]]:
    """The weights of spending with their colours; none where there is one alone."""
    colours = _colours(found.frontier)
    if len(colours) < 2:
        return []
    return [
        (say("frontier.weight_of", weight=share(weight, digits=0)), colour)
        for weight, colour in colours.items()
    ]


def _colours(frontier: pd.DataFrame) -> dict[float, Colour]:
    """A colour for each weight of spending, darker for larger ones."""
    weights = sorted(set(frontier["weight"]))
    last = max(len(weights) - 1, 1)
    steps = [LOW_TO_HIGH[round(place * (len(LOW_TO_HIGH) - 1) / last)] for place in range(len(weights))]
    return dict(zip(weights, steps if len(weights) > 1 else [FAVOUR], strict=True))


def _conflicts_note(frontier: pd.DataFrame, undated: bool, currency: str) -> Text:
    here = frontier[frontier["factor"] == 1]
    conflicts, profits = (
        dict(zip(here["weight"], here[name].astype(float), strict=True)) for name in ("conflicts", "profit")
    )
    if undated or 0.0 not in conflicts:
        return say("frontier.conflicts_note_held_out")
    profit = profits[0.0] - profits[1.0]
    told = large_money(profit, currency)
    return say(
        "frontier.conflicts_note",
        before=count(conflicts[1.0]),
        after=count(conflicts[0.0]),
        profit=Text(f"+{told.en}", f"+{told.zh}") if profit > 0 else told,
    )


def _point(row: Mapping[Any, Any], currency: str) -> dict[str, Any]:
    return {
        "weight": float(row["weight"]),
        "factor": float(row["factor"]),
        "loss": round(row["expected_loss"] / _THOUSAND, 3),
        "profit": round(row["profit"] / _THOUSAND, 3),
        "conflicts": int(row["conflicts"]),
        "efficient": bool(row["efficient"]),
        "weight_text": share(row["weight"], digits=0),
        "factor_text": f"×{row['factor']:g}",
        "released_text": count(row["released"]),
        "pd_text": share(row["mean_pd"], digits=2),
        "loss_text": large_money(row["expected_loss"], currency),
        "profit_text": large_money(row["profit"], currency),
        "conflicts_text": count(row["conflicts"]),
        "efficient_text": say(f"frontier.{'yes' if row['efficient'] else 'no'}"),
    }


def _columns(undated: bool, currency: str, *, weights: bool) -> list[Column]:
    return [
        *([Column("weight_text", say("frontier.weight"))] if weights else []),
        Column("factor_text", say("frontier.factor")),
        Column("released_text", say_of(undated, "frontier.released")),
        Column("pd_text", say("frontier.pd")),
        Column("loss_text", say("whatif_figure.expected_loss")),
        Column("profit_text", say("whatif_figure.profit")),
        Column("conflicts_text", say("frontier.conflicts")),
        Column("efficient_text", say("frontier.efficient")),
    ]


def _marked(summary: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The policy as it is and, where something was changed, the one looked at."""
    named = [(BEFORE, "as_it_is"), *([(AFTER, "as_changed")] if summary["changes"] else [])]
    return [
        {
            "name": say(f"frontier.{name}"),
            "loss": round(summary["figures"][world]["expected_loss"] / _THOUSAND, 3),
            "profit": round(summary["figures"][world]["profit"] / _THOUSAND, 3),
            "conflicts": int(summary["figures"][world]["conflicts"]),
            "shape": "circle" if world == BEFORE else "diamond",
        }
        for world, name in named
    ]


def _bars(records: Sequence[Record], language: Language) -> Picture:
    base = alt.Chart(inline(records, language)).encode(
        y=alt.Y(
            "cause:N",
            sort=[say(f"cause.{name}")[language] for name in CAUSES],
            title=None,
            axis=alt.Axis(labelLimit=160),
        ),
        yOffset=alt.YOffset("world:N", sort=[say(f"whatif.{name}")[language] for name in (BEFORE, AFTER)]),
        tooltip=[
            alt.Tooltip("cause:N", title=say("whatif.cause")[language]),
            alt.Tooltip("world:N", title=say("whatif.figure")[language]),
            alt.Tooltip("text:N", title=say("frontier.conflicts")[language]),
        ],
    )
    bars = base.mark_bar(cornerRadiusEnd=2).encode(
        x=alt.X("conflicts:Q", title=say("frontier.conflicts")[language], axis=alt.Axis(tickCount=5)),
        color=alt.Color("colour:N", scale=None),
        opacity=alt.Opacity("opacity:Q", scale=None),
    )
    figures = base.mark_text(align="left", dx=5, fontSize=11, fill=MUTED, aria=False).encode(
        x=alt.X("conflicts:Q"), text=alt.Text("text:N")
    )
    return alt.layer(bars, figures, width="container", height=264)


def _axes(across: str, title: Text, currency: str, language: Language) -> tuple[alt.X, alt.Y]:
    return (
        alt.X(f"{across}:Q", title=title[language], scale=alt.Scale(zero=False, nice=False, padding=24)),
        alt.Y(
            "profit:Q",
            title=say("frontier.profit", currency=currency)[language],
            scale=alt.Scale(zero=False, padding=18),
        ),
    )


def _money(
    records: Sequence[Record],
    marked: Sequence[Record],
    columns: Sequence[Column],
    currency: str,
    language: Language,
) -> Picture:
    x, y = _axes("loss", say("frontier.loss", currency=currency), currency, language)
    points = alt.Chart(inline(records, language, "money")).encode(x=x, y=y)
    line = points.mark_line(color=FAVOUR, strokeWidth=2, tooltip=None, aria=False).encode(
        order=alt.Order("factor:Q")
    )
    dots = points.mark_point(filled=True, size=60, color=FAVOUR, opacity=1).encode(
        tooltip=tooltips(columns, language)
    )
    told = [record for record in records if record["factor"] in _TOLD or record in (records[0], records[-1])]
    labels = alt.Chart(inline(told, language, "factors")).mark_text(
        dy=15, fontSize=11, fill=MUTED, aria=False, tooltip=None
    )
    labels = labels.encode(x=alt.X("loss:Q"), y=alt.Y("profit:Q"), text=alt.Text("factor_text:N"))
    return alt.layer(line, dots, labels, *_marks(marked, "loss", language), width="container", height=300)


def _conflicts(
    records: Sequence[Record],
    marked: Sequence[Record],
    columns: Sequence[Column],
    currency: str,
    language: Language,
) -> Picture:
    x, y = _axes("conflicts", say("frontier.conflicts"), currency, language)
    points = alt.Chart(inline(records, language, "pairs")).encode(x=x, y=y, detail=alt.Detail("weight:N"))
    colour = alt.Color("colour:N", scale=None)
    line = points.mark_line(strokeWidth=1.5, tooltip=None, aria=False).encode(
        order=alt.Order("factor:Q"), color=colour
    )
    dots = points.mark_point(filled=True, size=60, opacity=1, strokeWidth=1.5).encode(
        stroke=colour,
        fill=alt.condition("datum.efficient", colour, alt.value(PAPER)),
        tooltip=tooltips(columns, language),
    )
    return alt.layer(line, dots, *_marks(marked, "conflicts", language), width="container", height=320)


def _marks(marked: Sequence[Record], across: str, language: Language) -> tuple[alt.Chart, ...]:
    """Rings around the policy as it is and the one looked at; names above and below, on the outer sides."""
    base = alt.Chart(inline(marked, language, f"marked-{across}")).encode(
        x=alt.X(f"{across}:Q"), y=alt.Y("profit:Q")
    )
    rings = base.mark_point(size=170, strokeWidth=2, color=INK, opacity=1, tooltip=None, aria=False).encode(
        shape=alt.Shape("shape:N", scale=None)
    )
    drawn = [rings]
    first = min(range(len(marked)), key=lambda place: (marked[place][across], place))
    for place, one in enumerate(marked):
        side = "right" if place == first else "left"
        named = alt.Chart(inline([one], language, f"named-{across}-{place}"))
        named = named.encode(x=alt.X(f"{across}:Q"), y=alt.Y("profit:Q"), text=alt.Text("name:N"))
        look: dict[str, Any] = {
            "align": side,
            "dx": -8 if side == "right" else 8,
            "dy": 19 if place else -15,
            "fontWeight": 600,
            "aria": False,
            "tooltip": None,
        }
        # The paper around the letters keeps lines out of them.
        drawn.append(named.mark_text(fill=PAPER, stroke=PAPER, strokeWidth=4, **look))
        drawn.append(named.mark_text(fill=INK, **look))
    return tuple(drawn)
