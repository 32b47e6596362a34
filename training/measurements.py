"""Measurements held against their targets, as rows for JSON and as a table with what an earlier run measured."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Final, TypedDict

from data.measurement import Measurement

_HEADINGS: Final = ("what", "value", "unit", "target", "holds")
_SAID: Final = {True: "yes", False: "**no**", None: ""}


class Row(TypedDict):
    """A measurement as it is kept: rounded to four significant digits; `holds` is null without a target."""

    name: str
    value: float
    unit: str
    target: str | None
    holds: bool | None


def rows_of(measures: Iterable[Measurement]) -> list[Row]:
    """Measurements, each held against its target."""
    rows: list[Row] = []
    for name, value, unit, target in measures:
        rounded = float(f"{value:.4g}")
        rows.append(Row(name=name, value=rounded, unit=unit, target=target, holds=_holds(rounded, target)))
    return rows


def earlier_values(path: Path) -> dict[str, float]:
    """Values by name of the rows that an earlier run left in a file; none where there is no such file."""
    try:
        return {row["name"]: row["value"] for row in json.loads(path.read_text(encoding="utf-8"))}
    except (OSError, ValueError, KeyError, TypeError):  # not there, or not such a file
        return {}


def as_markdown(rows: Sequence[Row], before: dict[str, float], notes: Sequence[str] = ()) -> str:
    """The rows as a table, to three significant digits; with earlier values, where any of these rows has one."""
    known = any(row["name"] in before for row in rows)
    table = [(*_HEADINGS, *(["before"] if known else []))]
    for row in rows:
        cells = (row["name"], _digits(row["value"]), row["unit"], row["target"] or "", _SAID[row["holds"]])
        earlier = [_digits(before[row["name"]]) if row["name"] in before else ""] if known else []
        table.append((*cells, *earlier))
    widths = [max(map(len, column)) for column in zip(*table, strict=True)]
    lines = [_line([cell.ljust(width) for cell, width in zip(cells, widths, strict=True)]) for cells in table]
    rule = _line(["-" * width for width in widths])
    return "\n".join([lines[0], rule, *lines[1:], *(f"\n{note}" for note in notes)])


def _holds(value: float, target: str | None) -> bool | None:
    if target is None:
        return None
    sign, _, bound = target.partition(" ")
    limit = float(bound.replace(",", ""))
    return value <= limit if sign == "≤" else value >= limit


def _digits(value: float) -> str:
    return f"{float(f'{value:.3g}'):,.10g}"


def _line(cells: Iterable[str]) -> str:
    return f"| {' | '.join(cells)} |"
