"""The waterfall of one case: from the mean of its background, push by push, to the model's output."""

from __future__ import annotations

from typing import Literal

import altair as alt

from explanations.report.exhibits import Picture, Spec, in_both, large_numbers, row_labels
from explanations.report.palette import AGAINST, FAVOUR, INK, MUTED, PAPER
from explanations.report.words import Language, say, say_of

SHOWN = 8
STEPS = "steps"
CUTOFF = "cutoff"
_ROW_HEIGHT = 31
_BAND = 0.62

Model = Literal["release", "limit"]


def waterfall_specs(model: Model, features: int, currency: str, undated: bool) -> dict[Language, Spec]:
    """The chart in both languages for a model of so many features; the page puts a case's rows in it."""
    description = say_of(undated, f"waterfall.{model}.description")
    return in_both(lambda language: _chart(model, row_count(features), language, currency), description)


def row_count(features: int) -> int:
    """Rows of a waterfall: base, the largest pushes one by one, the others together, output."""
    return min(features, SHOWN) + (features > SHOWN) + 2


def _chart(model: Model, rows: int, language: Language, currency: str) -> Picture:
    base = alt.Chart(alt.NamedData(name=STEPS)).encode(y=alt.Y("order:O", title=None, axis=row_labels(STEPS)))
    across = _axis(model, language, currency)
    tooltip = [
        alt.Tooltip("label:N"),
        alt.Tooltip("text:N", title=say(f"waterfall.{model}.push")[language]),
        alt.Tooltip("effect:N", title=say(f"waterfall.{model}.effect")[language]),
    ]
    colour = alt.Color(
        "kind:N",
        legend=None,
        scale=alt.Scale(domain=["against", "favour", "base", "output"], range=[AGAINST, FAVOUR, MUTED, INK]),
    )
    # A base or an output is a bar of no width; a push has a point that can't be seen.
    bars = base.mark_bar(height={"band": _BAND}, cornerRadius=1.5).encode(x=across, x2=alt.X2("end:Q"))
    is_level = {"test": "datum.effect === ''", "value": 1}
    levels = base.mark_point(shape="diamond", size=110, filled=True).encode(
        x=across, opacity=alt.OpacityValue(0, condition=is_level)
    )
    figures = base.mark_text(
        align={"expr": "datum.side > 0 ? 'left' : 'right'"},
        dx={"expr": "8 * datum.side"},
        fontSize=11.5,
        fill=MUTED,
        stroke=PAPER,  # behind the figure (report.css), so that it is read over the cut-off
        strokeWidth=4,
        strokeJoin="round",
        tooltip=None,
        aria=False,
    ).encode(x=alt.X("end:Q"), text=alt.Text("text:N"))
    layers = [
        bars.encode(color=colour, tooltip=tooltip),
        levels.encode(color=colour, tooltip=tooltip[:2]),
        figures,
    ]
    if model == "release":
        layers.insert(0, _cutoff_line(language))
    return alt.layer(*layers, width="container", height=_ROW_HEIGHT * rows)


def _axis(model: Model, language: Language, currency: str) -> alt.X:
    title = say(f"waterfall.{model}.x", currency=currency)[language]
    if model == "limit":
        scale = alt.Scale(type="log", nice=False, padding=56)
        return alt.X(
            "start:Q", title=title, scale=scale, axis=alt.Axis(labelExpr=large_numbers(language), tickCount=4)
        )
    return alt.X(
        "start:Q",
        title=title,
        scale=alt.Scale(zero=False, nice=False, padding=56),
        axis=alt.Axis(tickCount=5),
    )


def _cutoff_line(language: Language) -> alt.Chart:
    tooltip = [alt.Tooltip("label:N"), alt.Tooltip("text:N", title=say("waterfall.release.push")[language])]
    line = alt.Chart(alt.NamedData(name=CUTOFF)).mark_rule(color=INK, strokeDash=[5, 4], strokeWidth=1.2)
    encoded: alt.Chart = line.encode(x=alt.X("at:Q"), tooltip=tooltip)
    return encoded
