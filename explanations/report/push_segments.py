"""Pushes of families by segment of the conflicts: what refused them, and how large their limits are."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from explanations.explanation import Explanation
from explanations.report.cause_charts import segments
from explanations.report.contrast_table import families, family_sums
from explanations.report.exhibits import Column, Table, table
from explanations.report.quantities import count, push
from explanations.report.words import Text, say


@dataclass(frozen=True)
class Cell:
    """A mean push: its text, how deep its shade is (0-1), and whether it is toward refusal."""

    text: str
    shade: float
    against: bool


@dataclass(frozen=True)
class SegmentRow:
    """One segment: its name, how many conflicts it has, the mean of all pushes, and of each family's."""

    name: Text
    conflicts: str
    total: str
    cells: tuple[Cell, ...]


@dataclass(frozen=True)
class PushSegments:
    """The families in the order of their pushes, and a row for each segment."""

    families: tuple[Text, ...]
    rows: tuple[SegmentRow, ...]


def segments_plainly(shown: PushSegments) -> Table:
    """The same as a plain table."""
    keys = [f"family-{place}" for place, _ in enumerate(shown.families)]
    columns = [
        Column("name", say("column.segment"), numeric=False),
        Column("conflicts", say("column.conflicts")),
        Column("total", say("push_segments.all_pushes")),
        *(Column(key, family) for key, family in zip(keys, shown.families, strict=True)),
    ]
    records = [
        {"name": row.name, "conflicts": row.conflicts, "total": row.total}
        | {key: cell.text for key, cell in zip(keys, row.cells, strict=True)}
        for row in shown.rows
    ]
    return table(say("push_segments.title"), columns, records)


def push_segments(explanation: Explanation) -> PushSegments:
    """Mean pushes of all families by segment, the same segments as the causes'."""
    sums = family_sums(explanation.release_contributions, explanation)
    order = sums.mean().sort_values(ascending=False, kind="stable").index
    values = sums[order].to_numpy(np.float64)
    means = [
        (name, int(held.sum()), values[held].mean(axis=0))
        for name, held in segments(explanation.conflicts)
        if held.any()
    ]
    largest = max((float(np.abs(mean).max()) for _, _, mean in means), default=0.0) or 1.0
    named = {family.en: family for family in families(explanation)}
    rows = [
        SegmentRow(
            name,
            count(number),
            push(float(mean.sum())),
            tuple(Cell(push(float(v)), round(0.5 * abs(float(v)) / largest, 3), float(v) > 0) for v in mean),
        )
        for name, number, mean in means
    ]
    return PushSegments(tuple(named[family] for family in order), tuple(rows))
