"""What a report shows: tables, and charts that carry their figures as a table for who can't see them."""

from __future__ import annotations

import textwrap
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import altair as alt
from altair.utils.schemapi import debug_mode

from explanations.report.palette import INK, ZERO
from explanations.report.words import LANGUAGES, Language, Text, same

# How many letters of a label fit beside a row.
LINE: Mapping[Language, int] = {"en": 30, "zh": 17}

DASHED: Mapping[str, Any] = {"color": ZERO, "strokeDash": [4, 4], "tooltip": None, "aria": False}
"""The look of a line that marks what one would expect; it tells nothing itself."""

Record = Mapping[str, Any]
Spec = dict[str, Any]
Picture = alt.LayerChart | alt.FacetChart


@dataclass(frozen=True)
class Column:
    """A table's column: the key of its cells in a record, its head, and whether it holds numbers."""

    key: str
    head: Text
    numeric: bool = True


@dataclass(frozen=True)
class Table:
    """A table of statements; the first column names the row, and the first `main` rows matter most."""

    caption: Text
    columns: tuple[Column, ...]
    rows: tuple[tuple[Text, ...], ...]
    main: int = 0


@dataclass(frozen=True)
class Chart:
    """A chart in both languages (Vega-Lite): its title, its text alternative and its figures as a table."""

    name: str
    title: Text
    description: Text
    specs: Mapping[Language, Spec]
    table: Table | None = None
    note: Text | None = None


def table(caption: Text, columns: Sequence[Column], records: Sequence[Record], main: int = 0) -> Table:
    """A table of the columns' values in each record; the first `main` records matter most."""
    rows = tuple(tuple(_text(record[column.key]) for column in columns) for record in records)
    return Table(caption, tuple(columns), rows, main)


def in_both(
    build: Callable[[Language], alt.TopLevelMixin],
    description: Text,
    datasets: Mapping[str, Sequence[Record]] | None = None,
) -> dict[Language, Spec]:
    """A chart's Vega-Lite specification in each language, without Altair's own theme.

    Datasets are records by the name under which several of its layers read them (`alt.NamedData`): so they stand in
    it once, and Altair does not copy them with every layer.
    """
    specs: dict[Language, Spec] = {}
    for language in LANGUAGES:
        # Tests hold every chart of a report against the schema; here that would take as long as drawing it.
        with debug_mode(False):
            spec = build(language).to_dict(validate=False)
        spec.pop("config", None)
        if datasets:
            spec["datasets"] = {name: spoken(records, language) for name, records in datasets.items()}
        specs[language] = {**spec, "description": description[language]}
    return specs


def spoken(records: Sequence[Record], language: Language) -> list[dict[str, Any]]:
    """Records with each `Text` in the one language."""
    return [
        {key: value[language] if isinstance(value, Text) else value for key, value in record.items()}
        for record in records
    ]


def inline(records: Sequence[Record], language: Language, name: str | None = None) -> alt.InlineData:
    """Records as a chart's data, each `Text` in the one language.

    As a tuple: a list Altair would copy, record by record, for every layer of the chart.
    """
    return alt.InlineData(values=tuple(spoken(records, language)), name=name or alt.Undefined)


def in_lines(label: Text) -> Text:
    """A label that may stand beside a row: what is too long for one line in two."""
    return Text(*("\n".join(textwrap.wrap(label[tongue], LINE[tongue], max_lines=2)) for tongue in LANGUAGES))


def fixed(channel: Callable[[object], Any], value: object) -> Any:
    """A channel that is the same for every mark; of `alt.value` Altair would look for the class in all of its own."""
    return channel(value)


def row_labels(data: str, width: int | None = None, field: str = "label") -> alt.Axis:
    """A vertical axis for rows by their number, each called what its record in `data` says under `field`.

    So rows stay apart even where two bear the same label. Labels may have several lines and take up to
    two fifths of a chart, whose width is its container's where none is given.
    """
    label = f"data('{data}')[datum.value].{field}"
    # Vega centres the first line on the row: two lines are moved up by half of one.
    two_lines = {"test": f"indexof({label}, '\\n') >= 0", "value": -7}
    limit = 0.42 * width if width else {"expr": "0.42 * containerSize()[0]"}
    return alt.Axis(
        labelExpr=f"split({label}, '\\n')",
        labelLimit=limit,
        labelLineHeight=13,
        labelOffset={"condition": two_lines, "value": 0},
        labelColor=INK,
        grid=False,
    )


def tooltips(columns: Sequence[Column], language: Language) -> list[alt.Tooltip]:
    """What a mark tells when it is pointed at: its record, as the chart's table has it."""
    return [alt.Tooltip(f"{column.key}:N", title=column.head[language]) for column in columns]


def decile_axis(title: str) -> alt.X:
    """The tenths that `decile` names, from 1 to 10, across."""
    return alt.X(
        "decile:O",
        sort=[str(place) for place in range(1, 11)],
        title=title,
        axis=alt.Axis(labelAngle=0, grid=False),
    )


def large_numbers(language: Language) -> str:
    """The label of an axis of large numbers: in thousands and millions, in Chinese in 万.

    A format alone would write nothing as "0k".
    """
    if language == "en":
        return "datum.value ? format(datum.value, '~s') : '0'"
    return "abs(datum.value) >= 1e4 ? format(datum.value / 1e4, ',~r') + '万' : format(datum.value, ',~r')"


def signed_axis(ticks: int) -> alt.Axis:
    """An axis of pushes: signs on all but zero."""
    return alt.Axis(labelExpr="datum.value ? format(datum.value, '+.2~f') : '0'", tickCount=ticks)


def _text(value: Text | str) -> Text:
    return value if isinstance(value, Text) else same(value)
