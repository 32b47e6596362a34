"""The waterfall of one case: from the mean of its background, push by push, to the model's output."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

import altair as alt

from explanations.report.exhibits import Picture, Record, Spec, in_both, row_labels
from explanations.report.palette import AGAINST, FAVOUR, INK, MUTED
from explanations.report.quantities import limit_effect, money, odds_effect, push
from explanations.report.words import LANGUAGES, Language, Text, say, say_of

SHOWN = 8
STEPS = "steps"
CUTOFF = "cutoff"
_ROW_HEIGHT = 31
_BAND = 0.62

Model = Literal["release", "limit"]


@dataclass(frozen=True)
class Step:
    """One feature's push in one case: contribution in the model's units and the feature with its value."""

    label: Text
    contribution: float


def waterfall_steps(
    model: Model, base: float, steps: Iterable[Step], currency: str, undated: bool
) -> list[dict[str, object]]:
    """Rows from the base to the output: the largest pushes one by one, the others together.

    An undated book has clients instead of requests and reviews.
    Positions are log-odds for the release model and money for the limit model, whose axis is logarithmic.
    """
    ordered = sorted(steps, key=lambda step: -abs(step.contribution))
    shown, others = ordered[:SHOWN], ordered[SHOWN:]
    if others:
        label = say("waterfall.rest", features=str(len(others)))
        shown.append(Step(label, math.fsum(step.contribution for step in others)))
    rows = [_level(model, "base", base, currency, undated)]
    at = base
    for step in shown:
        rows.append(_push(model, step, at, currency))
        at += step.contribution
    rows.append(_level(model, "output", at, currency, undated))
    return [{**row, "order": i, "next": min(i + 1, len(rows) - 1)} for i, row in enumerate(rows)]


def waterfall_specs(
    model: Model, rows: Sequence[Record], cutoff: float | None, currency: str, undated: bool
) -> dict[Language, Spec]:
    """The chart in both languages with one case's rows in it; a page puts others in their place."""
    description = say_of(undated, f"waterfall.{model}.description")
    return in_both(lambda language: _chart(model, rows, cutoff, language, currency), description)


def in_languages(rows: Sequence[Record]) -> dict[Language, list[dict[str, object]]]:
    """Rows in each language, as the chart's data."""
    return {
        language: [{key: v[language] if isinstance(v, Text) else v for key, v in row.items()} for row in rows]
        for language in LANGUAGES
    }


def _position(model: Model, value: float) -> float:
    return round(math.exp(value), 2) if model == "limit" else round(value, 6)


def _level(model: Model, which: str, at: float, currency: str, undated: bool) -> dict[str, object]:
    position = _position(model, at)
    text = money(position, currency) if model == "limit" else push(at)
    label = say_of(undated, f"waterfall.{model}.{which}")
    return {
        "label": label,
        "start": position,
        "end": position,
        "text": text,
        "effect": "",
        "kind": which,
        "side": 1,
    }


def _push(model: Model, step: Step, at: float, currency: str) -> dict[str, object]:
    against = step.contribution > 0 if model == "release" else step.contribution < 0
    limit = model == "limit"
    return {
        "label": step.label,
        "start": _position(model, at),
        "end": _position(model, at + step.contribution),
        "text": limit_effect(step.contribution) if limit else push(step.contribution),
        "effect": push(step.contribution, 3) if limit else odds_effect(step.contribution),
        "kind": "against" if against else "favour",
        "side": 1 if step.contribution >= 0 else -1,
    }


def _chart(
    model: Model, rows: Sequence[Record], cutoff: float | None, language: Language, currency: str
) -> Picture:
    data = alt.InlineData(values=in_languages(rows)[language], name=STEPS)
    base = alt.Chart(data).encode(y=alt.Y("order:O", title=None, axis=row_labels(STEPS)))
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
    bars = base.mark_bar(height={"band": _BAND}, cornerRadius=1.5).encode(x=across, x2="end:Q")
    is_level = alt.datum.effect == ""
    levels = base.mark_point(shape="diamond", size=110, filled=True).encode(
        x=across, opacity=alt.condition(is_level, alt.value(1), alt.value(0))
    )
    figures = base.mark_text(
        align={"expr": "datum.side > 0 ? 'left' : 'right'"},
        dx={"expr": "8 * datum.side"},
        fontSize=11.5,
        fill=MUTED,
        tooltip=None,
        aria=False,
    ).encode(x="end:Q", text="text:N")
    layers = [
        bars.encode(color=colour, tooltip=tooltip),
        levels.encode(color=colour, tooltip=tooltip[:2]),
        figures,
    ]
    if model == "release":
        layers.insert(0, _cutoff_line(cutoff, language))
    return alt.layer(*layers, width="container", height=_ROW_HEIGHT * len(rows))


def _axis(model: Model, language: Language, currency: str) -> alt.X:
    title = say(f"waterfall.{model}.x", currency=currency)[language]
    if model == "limit":
        scale = alt.Scale(type="log", nice=False, padding=56)
        return alt.X("start:Q", title=title, scale=scale, axis=alt.Axis(format="~s", tickCount=4))
    return alt.X(
        "start:Q",
        title=title,
        scale=alt.Scale(zero=False, nice=False, padding=56),
        axis=alt.Axis(tickCount=5),
    )


def _cutoff_line(cutoff: float | None, language: Language) -> alt.Chart:
    data = alt.InlineData(values=cutoff_rows(cutoff)[language], name=CUTOFF)
    tooltip = [alt.Tooltip("label:N"), alt.Tooltip("text:N", title=say("waterfall.release.push")[language])]
    line = alt.Chart(data).mark_rule(color=INK, strokeDash=[5, 4], strokeWidth=1.2)
    encoded: alt.Chart = line.encode(x="at:Q", tooltip=tooltip)
    return encoded


def cutoff_rows(cutoff: float | None) -> dict[Language, list[dict[str, object]]]:
    """The cut-off as the chart's data: one line, or none where it is not known."""
    if cutoff is None:
        return {language: [] for language in LANGUAGES}
    return in_languages([{"at": round(cutoff, 6), "label": say("waterfall.cutoff"), "text": push(cutoff)}])
