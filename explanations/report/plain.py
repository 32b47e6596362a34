"""The report without a browser: as Markdown in each language, and its tables as CSV."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from data.markdown import plain
from data.spreadsheets import csv_text
from explanations.report.exhibits import Chart, Table
from explanations.report.headline import KeyFigure
from explanations.report.section import Section
from explanations.report.words import Language, Text, say_of


def page_markdown(
    sections: Mapping[str, Section],
    title: Text,
    undated: bool,
    language: Language,
    pictures: Mapping[str, str],
) -> str:
    """What the sections of a page say and show, as Markdown; everything from data is escaped.

    Args:
        sections: The sections by name, in their order.
        title: What the page is called.
        undated: Whether the book has clients for requests.
        language: Which of the two languages.
        pictures: Path of a chart's picture, by the chart's name, where there is one.
    """
    lines = [f"# {plain(title[language])}", ""]
    for place, (name, section) in enumerate(sections.items()):
        if place:  # the first speaks for itself
            lines += [f"## {plain(say_of(undated, f'section.{name}')[language])}", ""]
        for value in section.said.values():
            if value != title:  # which stands above all
                lines += _told(value, language)
        for laid in section.tables.values():
            lines += _table(laid, language)
        for chart in section.charts.values():
            lines += _chart(chart, language, pictures)
    return "\n".join(lines).rstrip() + "\n"


def report_tables(sections: Mapping[str, Section]) -> dict[str, Table]:
    """Every table of the sections, those of charts by the chart's name, others by where they stand."""
    found: dict[str, Table] = {}
    for section in sections.values():
        for name, value in section.said.items():
            tables = [one for one in _several(value) if isinstance(one, Table)]
            for place, one in enumerate(tables):
                found[name if len(tables) == 1 else f"{name}-{place + 1}"] = one
        found |= section.tables
        found |= {chart.name: chart.table for chart in section.charts.values() if chart.table}
    return found


def table_csv(shown: Table, language: Language = "en") -> str:
    """A table as CSV with its heads; no cell can be taken for a formula by a spreadsheet."""
    heads = [column.head[language] for column in shown.columns]
    return csv_text(heads, [[cell[language] for cell in row] for row in shown.rows])


def _told(value: object, language: Language) -> Iterator[str]:
    """Sentences as paragraphs, tables and key figures as tables; what only a page can lay out is left to it."""
    if isinstance(value, Text):
        yield from (plain(value[language]), "")
    elif isinstance(value, Table):
        yield from _table(value, language)
    elif isinstance(value, Sequence) and not isinstance(value, str) and value:
        if all(isinstance(one, Text) for one in value):
            yield from (f"- {plain(one[language])}" for one in value)
            yield ""
        elif all(isinstance(one, KeyFigure) for one in value):
            colon = ": " if language == "en" else "："
            yield from (
                f"- {plain(one.name[language])}{colon}**{plain(one.value[language])}** · {plain(one.note[language])}"
                for one in value
            )
            yield ""
        else:
            for one in value:
                if isinstance(one, Table):
                    yield from _table(one, language)


def _chart(chart: Chart, language: Language, pictures: Mapping[str, str]) -> Iterator[str]:
    yield from (f"### {plain(chart.title[language])}", "")
    if chart.note:
        yield from (plain(chart.note[language]), "")
    if chart.name in pictures:
        yield from (f"![{plain(chart.description[language])}]({pictures[chart.name]})", "")
    if chart.table:
        yield from _table(chart.table, language)


def _table(shown: Table, language: Language) -> Iterator[str]:
    yield from (f"**{plain(shown.caption[language])}**", "")
    yield _row([column.head[language] for column in shown.columns])
    yield "|" + "|".join("---:" if column.numeric else "---" for column in shown.columns) + "|"
    for row in shown.rows:
        yield _row([cell[language] for cell in row])
    yield ""


def _row(cells: Sequence[str]) -> str:
    return "| " + " | ".join(plain(cell) for cell in cells) + " |"


def _several(value: object) -> Sequence[object]:
    return value if isinstance(value, Sequence) and not isinstance(value, str) else [value]
