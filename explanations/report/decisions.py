"""The decisions of both models over a period: the funnel, and limit decile against release decision."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from explanations.report.exhibits import Column, Table, table
from explanations.report.quantities import NOTHING, count, fixed, share
from explanations.report.words import Text, named, same, say, say_of, say_on

# From so many known outcomes on a rate is shown, below it the counts.
FEW = 50
# The same of the oracle, which knows all: each bad one of fewer would move the rate by over three points.
FEW_TRUE = 30
_STAGES = ("requests", "favoured", "favoured_refused", "reference")
_PARENT = {"favoured": "requests", "favoured_refused": "favoured", "reference": "favoured"}


@dataclass(frozen=True)
class Stage:
    """A stage of the funnel: how many, of what, how deep inside, and how long its bar is (per cent)."""

    kind: str
    name: Text
    count: str
    part: Text
    depth: int
    width: float


@dataclass(frozen=True)
class Cell:
    """A group of requests: how many, its bad rates, how deep the colour of each (0 to 1), which are counts."""

    requests: str
    observed: str
    oracle: str
    observed_shade: float
    oracle_shade: float
    observed_few: bool
    oracle_few: bool


@dataclass(frozen=True)
class Rates:
    """A group of requests: all, those of known outcome, the bad among these; the bad of all by the oracle."""

    requests: float
    known: float
    bad: float
    truly_bad: float

    @property
    def observed(self) -> float:
        """Observed bad rate; NaN where too few outcomes are known to speak of a rate."""
        return self.bad / self.known if self.known >= FEW else np.nan

    @property
    def oracle(self) -> float:
        """The oracle's bad rate; NaN without an oracle or where it would be one of too few requests."""
        return self.truly_bad / self.requests if self.requests >= FEW_TRUE else np.nan


@dataclass(frozen=True)
class MatrixRow:
    """A decile of the predicted limit, or all: released, refused, and favoured yet refused."""

    name: Text
    cells: tuple[Cell, ...]


def funnel_stages(funnel: pd.DataFrame, undated: bool, on: str = "models") -> tuple[Stage, ...]:
    """The funnel's stages in their order; refusals stand under the conflicts, by what refused them.

    An undated book has clients instead of requests; `on` says whose decisions make a conflict.
    """
    counts = {
        str(stage): float(number) for stage, number in zip(funnel["stage"], funnel["count"], strict=True)
    }
    by_rule = [stage for stage in counts if stage not in _STAGES]
    order = [*_STAGES[:3], *sorted(by_rule, key=lambda stage: -counts[stage]), _STAGES[3]]
    return tuple(_stage(stage, counts, undated, on) for stage in order if stage in counts)


def funnel_table(stages: Sequence[Stage]) -> Table:
    """The funnel as a plain table."""
    columns = [
        Column("name", say("funnel.stage"), numeric=False),
        Column("count", say("matrix.requests")),
        Column("part", say("funnel.part")),
    ]
    return table(say("funnel.caption"), columns, [vars(stage) for stage in stages])


def agreement_table(agreement: Sequence[Mapping[str, Any]], undated: bool) -> Table | None:
    """How far models and record say the same, side by side; None where the book records no decisions."""
    if not agreement:
        return None
    names = ("share", "kappa", "both", "model", "record", "neither")
    columns = [Column("what", say("agreement.what"), numeric=False)]
    columns += [Column(name, say_of(undated, f"agreement.{name}")) for name in names]
    records = [
        {
            "what": say(f"agreement.of_{row['what']}"),
            "share": share(row["share"]),
            "kappa": NOTHING if row["kappa"] is None else fixed(row["kappa"], 2),
            **{name: count(row[name]) for name in names[2:]},
        }
        for row in agreement
    ]
    return table(say("agreement.caption"), columns, records)


def matrix_table(rows: Sequence[MatrixRow], oracle: bool) -> Table:
    """The matrix of decisions as a plain table."""
    rates = (
        {"observed": "matrix.bad_observed", "oracle": "matrix.bad_oracle"}
        if oracle
        else {"observed": "matrix.bad"}
    )
    columns = [Column("name", say("matrix.decile"), numeric=False)]
    records: list[dict[str, Any]] = [{"name": row.name} for row in rows]
    for place, group in enumerate(("released", "refused", "conflict")):
        for figure, head in {"requests": "matrix.requests", **rates}.items():
            key = f"{group}_{figure}"
            columns.append(Column(key, say("matrix.group", group=say(f"matrix.{group}"), figure=say(head))))
            for record, row in zip(records, rows, strict=True):
                record[key] = getattr(row.cells[place], figure)
    return table(say("matrix.caption"), columns, records)


def decision_matrix(matrix: pd.DataFrame) -> tuple[MatrixRow, ...]:
    """Rows from the highest decile of the predicted limit to the lowest, then all together."""
    rows_of = [(str(decile), matrix[matrix["limit_decile"] == decile]) for decile in _deciles(matrix)]
    figures = [(same(name), _figures(rows)) for name, rows in rows_of]
    figures.append((say("matrix.all"), _figures(matrix)))
    rates = [rate for _, groups in figures for group in groups for rate in (group.observed, group.oracle)]
    top = max((rate for rate in rates if math.isfinite(rate)), default=0.0)
    return tuple(MatrixRow(name, tuple(_cell(cell, top) for cell in cells)) for name, cells in figures)


def _stage(stage: str, counts: dict[str, float], undated: bool, on: str) -> Stage:
    rule = stage.removeprefix("by_")
    parent = _PARENT.get(stage, None if stage == "requests" else "favoured_refused")
    part = share(counts[stage], counts.get(parent)) if parent else ""
    kinds = {"favoured_refused": "conflicts", "favoured": "favoured", "requests": "requests"}
    return Stage(
        kind=stage if stage in _STAGES else "rule",
        name=say_on(on, undated, f"funnel.{stage}") if stage in _STAGES else named("refused_by", rule),
        count=count(counts[stage]),
        part=say(f"funnel.of_{kinds[parent]}", share=part) if parent else same(""),
        depth={"requests": 0, "favoured": 1, "reference": 2, "favoured_refused": 2}.get(stage, 3),
        width=round(100 * counts[stage] / counts["requests"], 2) if counts.get("requests") else 0.0,
    )


def _deciles(matrix: pd.DataFrame) -> list[int]:
    return sorted({int(decile) for decile in matrix["limit_decile"]}, reverse=True)


def _figures(rows: pd.DataFrame) -> list[Rates]:
    """Counts and bad rates of the released, the refused, and the favoured yet refused."""
    refused = rows["decision"] == "refuse"
    return [_rates(rows[group]) for group in (~refused, refused, refused & rows["favoured"].astype(bool))]


def _rates(rows: pd.DataFrame) -> Rates:
    requests, known, bad = (float(rows[column].sum()) for column in ("requests", "bad_known", "bad"))
    return Rates(requests, known, bad, float(rows["oracle_bad"].sum(skipna=False)))


def _cell(rates: Rates, top: float) -> Cell:
    return Cell(
        requests=count(rates.requests) if rates.requests else NOTHING,
        observed=_rate_or_counts(rates.observed, rates.bad, rates.known),
        oracle=_rate_or_counts(rates.oracle, rates.truly_bad, rates.requests),
        observed_shade=_shade(rates.observed, top),
        oracle_shade=_shade(rates.oracle, top),
        observed_few=rates.known < FEW,
        oracle_few=rates.requests < FEW_TRUE,
    )


def _rate_or_counts(rate: float, bad: float, of: float) -> str:
    if math.isfinite(rate):
        return share(rate)
    return f"{bad:.0f}/{of:.0f}" if of and math.isfinite(bad) else NOTHING


def _shade(rate: float, top: float) -> float:
    """A root, so that the many small rates still differ."""
    return round(0.42 * math.sqrt(rate / top), 3) if math.isfinite(rate) and top > 0 else 0.0
