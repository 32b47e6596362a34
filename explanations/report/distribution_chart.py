"""One feature's distribution in both cohorts, one drawn over the other."""

from __future__ import annotations

import json
import math
from functools import partial

import altair as alt
from altair.typing import Optional

from explanations.report.distributions import COHORTS, Distribution
from explanations.report.exhibits import Chart, Column, Picture, in_both, inline, large_numbers, table
from explanations.report.palette import AGAINST, FAVOUR
from explanations.report.quantities import share
from explanations.report.words import Language, Text, joined, say

_HEIGHT = 170
_EACH_NAMED = 16  # edges; of more categories every other name is left out, all stand in the table
_COLOURS = {"conflict": AGAINST, "reference": FAVOUR}


def distribution_chart(index: int, shown: Distribution) -> Chart:
    """Shares of conflict and reference in the bins of one feature, with both medians marked."""
    description = say(
        "distribution.description_common" if shown.feature.unordered else "distribution.description",
        feature=shown.label,
        conflict=shown.median_text("conflict"),
        reference=shown.median_text("reference"),
    )
    columns = [
        Column("range", shown.label, numeric=False),
        Column("conflict_text", say("cohort.conflict")),
        Column("reference_text", say("cohort.reference")),
    ]
    return Chart(
        name=f"distribution-{index}",
        title=shown.label,
        note=_distribution_note(shown),
        description=description,
        specs=in_both(lambda language: _histogram(shown, language), description),
        table=table(shown.label, columns, shown.records),
    )


def _distribution_note(shown: Distribution) -> Text:
    """The medians, the conflicts' median when their limit was reviewed, and how many values are missing."""
    conflict, reference = shown.median_text("conflict"), shown.median_text("reference")
    note = "distribution.common" if shown.feature.unordered else "distribution.note"
    parts = [say(note, conflict=conflict, reference=reference)]
    if math.isfinite(shown.medians["review"]):
        parts.append(say("distribution.at_review", at_review=shown.median_text("review")))
    if max(shown.missing["conflict"], shown.missing["reference"]) >= 0.0005:
        missing = {f"missing_{cohort}": share(shown.missing[cohort]) for cohort in COHORTS}
        parts.append(say("distribution.missing", **missing))
    return joined(parts, en="; ", zh="；")


def _histogram(shown: Distribution, language: Language) -> Picture:
    across = alt.X("low:Q", title=shown.unit[language] or None, scale=alt.Scale(nice=False, zero=False))
    across = across.axis(
        values=_each_value(shown),
        tickCount=5,
        tickMinStep=1 if shown.whole else alt.Undefined,
        labelExpr=_labels(shown, language),
        labelAngle=-35 if shown.feature.levels else alt.Undefined,
        labelOverlap=False if shown.feature.levels and len(shown.edges) <= _EACH_NAMED else alt.Undefined,
        labelLimit=110 if shown.feature.levels else alt.Undefined,
        format=",~r",
        grid=False,
    )
    step = partial(alt.Chart.mark_area, interpolate="step-after", tooltip=None, aria=False)
    reference = step(_outline(shown, "reference"), color=FAVOUR, fillOpacity=0.35)
    edge = alt.OverlayMarkDef(color=AGAINST, strokeWidth=2)
    conflict = step(_outline(shown, "conflict"), color=AGAINST, fillOpacity=0.12, line=edge)
    up = _share_axis(shown)
    return alt.layer(
        reference.encode(x=across, y=up),
        conflict.encode(x=across, y=up),
        # Of categories without an order there is no middle.
        *([] if shown.feature.unordered else [_median_lines(shown)]),
        _columns(shown, language, across),
        width="container",
        height=_HEIGHT,
    )


def _each_value(shown: Distribution) -> Optional[list[float]]:
    """Ticks at the values themselves where there are few whole ones."""
    few = (shown.whole and len(shown.edges) <= 5) or shown.feature.levels
    return [low + 0.5 for low in shown.edges[:-1]] if few else alt.Undefined


def _labels(shown: Distribution, language: Language) -> Optional[str]:
    """How the ends of the axis' ticks are written: categories by their names, large numbers in thousands."""
    if shown.feature.levels:
        names = [Text(*level)[language] for level in shown.feature.levels]
        return f"{json.dumps(names, ensure_ascii=False)}[datum.value]"
    return large_numbers(language) if shown.edges[-1] >= 10_000 else alt.Undefined


def _share_axis(shown: Distribution) -> alt.Y:
    top = 1.05 * max(float(record[cohort]) for record in shown.records for cohort in COHORTS)
    axis = alt.Axis(format=".0%", tickCount=4)
    return alt.Y("share:Q", title=None, axis=axis, scale=alt.Scale(domain=[0, round(top, 6)], nice=False))


def _outline(shown: Distribution, cohort: str) -> alt.Chart:
    """A cohort's shares at the left edge of each bin, and once more at the last right edge."""
    shares = [float(record[cohort]) for record in shown.records]
    steps = zip(shown.edges, [*shares, shares[-1]], strict=True)
    return alt.Chart(alt.InlineData(values=tuple({"low": low, "share": value} for low, value in steps)))


def _median_lines(shown: Distribution) -> alt.Chart:
    low, high = shown.edges[0], shown.edges[-1]
    medians = [
        {"median": min(max(median, low), high), "colour": _COLOURS[cohort]}
        for cohort in COHORTS
        if math.isfinite(median := shown.medians[cohort])
    ]
    lines = alt.Chart(alt.InlineData(values=medians)).mark_rule(
        strokeDash=[4, 3], strokeWidth=1.5, tooltip=None, aria=False
    )
    encoded: alt.Chart = lines.encode(x=alt.X("median:Q"), color=alt.Color("colour:N", scale=None))
    return encoded


def _columns(shown: Distribution, language: Language, across: alt.X) -> alt.Chart:
    """Nothing to see: a column over each bin that shows both shares when pointed at."""
    tooltip = [
        alt.Tooltip("range:N", title=shown.label[language]),
        alt.Tooltip("conflict_text:N", title=say("cohort.conflict")[language]),
        alt.Tooltip("reference_text:N", title=say("cohort.reference")[language]),
    ]
    columns = alt.Chart(inline(shown.records, language)).mark_rect(opacity=0, aria=False)
    encoded: alt.Chart = columns.encode(x=across, x2=alt.X2("high:Q"), tooltip=tooltip)
    return encoded
