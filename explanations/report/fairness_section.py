"""Fairness in the report: ratios by protected group with their intervals, and how far apart the groups lie."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

import altair as alt
import pandas as pd

from explanations.fairness import APPROVAL, UNKNOWN
from explanations.report.exhibits import (
    DASHED,
    Chart,
    Column,
    Picture,
    Record,
    in_both,
    in_lines,
    row_labels,
    table,
    tooltips,
)
from explanations.report.palette import INK, PLAIN
from explanations.report.quantities import NOTHING, count, fixed, share, with_interval
from explanations.report.section import Section, Subject
from explanations.report.words import Language, Text, named, same, say, say_of

FOUR_FIFTHS = 0.8
"""Ratio of the lowest to the highest approval rate below which one looks closer (after the US rule of thumb)."""
EQUAL = "equal"
_WIDEST = 3.0
"""Ratios are drawn up to here; what reaches further is cut."""


def fairness_section(subject: Subject) -> Section | None:
    """Rates by protected group; None where the book records none."""
    found = subject.explanation.diagnostics
    if found is None or not len(found.fairness):
        return None
    protected = subject.summary["protected"]
    rates = found.fairness
    measures = list(dict.fromkeys(rates["measure"]))
    if subject.oracle:
        measures.remove("bad")  # the oracle's stands for it, of all released
    few = say_of(subject.undated, "fairness.few", few=str(protected["small_cell"]))
    charts = {name: _chart(name, rates[rates["measure"] == name], protected, few) for name in measures}
    spreads = found.disparity[found.disparity["measure"] == APPROVAL].to_dict("records")
    text = [_spread(row, rates, protected) for row in spreads]
    notes = [say_of(subject.undated, "fairness.verdict", few=str(protected["small_cell"]))]
    if "region" in set(rates["attribute"]) and not subject.undated:
        index = next((row for row in subject.rows if row.name == "competition_index"), None)
        told = say("fairness.region_competition", feature=index.label) if index else say("fairness.region")
        notes.append(told)
    lead = say_of(subject.undated, "section.fairness_text")
    return Section({"fairness_text": lead, "spreads": text, "fairness_notes": notes}, charts)


def group_label(attribute: str, group: str, protected: Mapping[str, Any]) -> Text:
    """What a group is called: as the mapping says, or as the band of a number."""
    said = protected["groups"].get(attribute, {}).get(group)
    if said is not None:
        return Text(*said)
    if group == UNKNOWN:
        return say("fairness.unknown")
    if attribute == "region":
        return say("fairness.region_group", region=group)
    if group.startswith("<"):
        return say("fairness.under", age=group[1:])
    if group.endswith("+"):
        return say("fairness.over", age=group[:-1])
    low, dash, high = group.partition("-")
    if dash and low.isdigit() and high.isdigit():
        return say("fairness.between", low=low, high=high)
    return named("protected_group", group)


def attribute_label(attribute: str, protected: Mapping[str, Any]) -> Text:
    """What an attribute is called: as the mapping says, or by the report's own words."""
    said = protected["labels"].get(attribute)
    return Text(*said) if said is not None else named("protected", attribute)


def _chart(measure: str, rates: pd.DataFrame, protected: Mapping[str, Any], few: Text) -> Chart:
    records = [_record(place, row, protected, few) for place, row in enumerate(rates.itertuples(index=False))]
    columns = [
        Column("name", say("fairness.group"), numeric=False),
        Column("of", say("fairness.of")),
        Column("rate", say("fairness.rate")),
        Column("ratio_text", say("fairness.ratio")),
    ]
    description = say("fairness.description")
    dots = f"fairness-{measure}"
    datasets: dict[str, Sequence[Record]] = {dots: _drawn(records), EQUAL: [{"ratio": 1}]}
    return Chart(
        name=f"fairness-{measure.replace('_', '-')}",
        title=say(f"measure.{measure}"),
        description=description,
        specs=in_both(lambda language: _dots(records, columns, dots, language), description, datasets),
        table=table(say(f"measure.{measure}"), columns, records),
    )


def _record(place: int, row: Any, protected: Mapping[str, Any], few: Text) -> dict[str, Any]:
    name = say(
        "fairness.in_group",
        attribute=attribute_label(row.attribute, protected),
        group=group_label(row.attribute, row.group, protected),
    )
    apart = not row.reference and (row.ratio_low > 1 or row.ratio_high < 1)
    return {
        "row": place,
        "label": in_lines(name),
        "name": name,
        "of": few if row.suppressed else count(row.of),
        "rate": NOTHING if row.suppressed else with_interval(share(row.rate), row.low, row.high, share),
        "ratio": _finite(row.ratio),
        "ratio_low": _finite(row.ratio_low),
        "ratio_high": _finite(row.ratio_high),
        "ratio_text": say("fairness.largest") if row.reference else same(_ratio(row)),
        "colour": INK if apart else PLAIN,
    }


def _drawn(records: Sequence[Record]) -> list[Record]:
    """What a chart needs of its records: without the names, which its labels hold in lines."""
    return [{key: value for key, value in record.items() if key != "name"} for record in records]


def _finite(value: float) -> float | None:
    return round(min(value, _WIDEST), 4) if math.isfinite(value) else None


def _ratio(row: Any) -> str:
    if not math.isfinite(row.ratio):
        return NOTHING
    write = partial(fixed, digits=2)
    return with_interval(write(row.ratio), row.ratio_low, row.ratio_high, write)


def _spread(row: Mapping[Any, Any], rates: pd.DataFrame, protected: Mapping[str, Any]) -> Text:
    attribute = str(row["attribute"])
    here = rates[(rates["attribute"] == attribute) & (rates["measure"] == APPROVAL)].set_index("group")[
        "rate"
    ]
    whole = partial(share, digits=0)
    return say(
        "fairness.spread_wide" if row["ratio"] < FOUR_FIFTHS else "fairness.spread",
        attribute=attribute_label(attribute, protected),
        lowest=group_label(attribute, str(row["lowest"]), protected),
        highest=group_label(attribute, str(row["highest"]), protected),
        low=share(float(here[row["lowest"]])),
        high=share(float(here[row["highest"]])),
        ratio=with_interval(whole(row["ratio"]), row.get("ratio_low"), row.get("ratio_high"), whole),
    )


def _dots(records: Sequence[Record], columns: Sequence[Column], dots: str, language: Language) -> Picture:
    drawn = [record[key] for record in records for key in ("ratio", "ratio_low", "ratio_high")]
    ends = [1.0, *(float(value) for value in drawn if value is not None)]
    room = 0.05 * (max(ends) - min(ends)) or 0.1
    scale = alt.Scale(domain=[max(0.0, min(ends) - room), max(ends) + room], nice=False, zero=False)
    across = alt.X(
        "ratio:Q", title=say("fairness.x")[language], scale=scale, axis=alt.Axis(format="~g", tickCount=5)
    )
    told = [Column("label", columns[0].head), *columns[1:]]
    base = alt.Chart(alt.NamedData(dots)).encode(
        y=alt.Y("row:O", title=None, axis=row_labels(dots)),
        color=alt.Color("colour:N", scale=None),
        tooltip=tooltips(told, language),
    )
    equal = alt.Chart(alt.NamedData(EQUAL))
    equal = equal.mark_rule(**DASHED).encode(x=across)
    lines = base.mark_rule(strokeWidth=1.5).encode(
        x=alt.X("ratio_low:Q", scale=scale), x2=alt.X2("ratio_high:Q")
    )
    points = base.mark_point(filled=True, size=60, opacity=1).encode(x=across)
    return alt.layer(equal, lines, points, width="container", height=26 * len(records))
