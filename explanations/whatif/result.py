"""The result of a what-if: what was changed, and what both policies come to."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from data.book import Book
from explanations.json_numbers import finite_row
from explanations.whatif.changes import Change
from explanations.whatif.figures import AFTER, BEFORE, Yardstick

SUMMARY = "whatif.json"
WORLDS = (BEFORE, AFTER)


@dataclass(frozen=True)
class WhatIf:
    """What another policy would do.

    Attributes:
        summary: What was changed and what came of it (`whatif.json`).
        frontier: By weight of spending and factor on the cut-offs (see `explanations.whatif.figures.frontier`).
    """

    summary: dict[str, Any]
    frontier: pd.DataFrame


def of_book(book: Book, decisions: pd.DataFrame) -> dict[str, Any]:
    """What is told of the book, and of the period of the requests that are decided on."""
    days = decisions["requested_on"] if "requested_on" in decisions and len(decisions) else None
    return {
        **book.facts,
        "counts": {"requests": len(decisions)},
        "period": {} if days is None else {"from": f"{days.min():%Y-%m-%d}", "to": f"{days.max():%Y-%m-%d}"},
    }


def summary_of(
    about: Mapping[str, Any],
    changed: tuple[Change, ...],
    worlds: Mapping[str, pd.DataFrame],
    figures: Mapping[str, Mapping[str, float]],
    change: Mapping[str, Mapping[str, float]],
    causes: Mapping[str, tuple[dict[str, float], int]],
    by: Yardstick,
    matured: Mapping[str, int],
) -> dict[str, Any]:
    """The summary, JSON-ready.

    Args:
        about: Book and models.
        changed: The parameters that were changed.
        worlds: The decisions before and after.
        figures: What they come to.
        change: How it changes, with intervals.
        causes: Conflicts by cause, and how many were looked at; empty where the book does not tell causes apart.
        by: What the decisions are measured by.
        matured: How many outcomes of twelve months are known, and how many of them are bad.
    """
    line = None if by.pd_12m is None else {"slope": by.pd_12m.slope, "intercept": by.pd_12m.intercept}
    return {
        **about,
        "changes": [asdict(one) for one in changed],
        "figures": {name: finite_row(row) for name, row in figures.items()},
        "difference": {name: finite_row(row) for name, row in change.items()},
        "conflicts_by": {name: _by_rule(world) for name, world in worlds.items()},
        "causes": {name: shares for name, (shares, _) in causes.items()},
        "causes_looked_at": {name: looked for name, (_, looked) in causes.items()},
        "economics": by.economics.model_dump(mode="json"),
        "pd_12m": {**matured, "line": line},
    }


def write_tables(found: WhatIf, folder: Path) -> None:
    """Writes figures.parquet (a row per figure, before and after) and frontier.parquet."""
    rows = found.summary["figures"]
    table = pd.DataFrame(
        {"figure": list(rows[BEFORE]), **{name: list(rows[name].values()) for name in WORLDS}}
    )
    table.astype(dict.fromkeys(WORLDS, "float64")).to_parquet(
        folder / "figures.parquet", index=False, compression="zstd"
    )
    found.frontier.to_parquet(folder / "frontier.parquet", index=False, compression="zstd")


def _by_rule(decisions: pd.DataFrame) -> dict[str, int]:
    """Conflicts by the rule that refuses them, most frequent first."""
    conflict = decisions["favoured"].to_numpy(bool) & decisions["refused"].to_numpy(bool)
    rules = decisions.loc[conflict, "refused_by"].value_counts()
    return {
        str(rule): int(count) for rule, count in sorted(rules.items(), key=lambda item: (-item[1], item[0]))
    }


def metrics_of(summary: Mapping[str, Any]) -> dict[str, float]:
    """The figures for a tracker: `whatif.before.profit`, `whatif.after.causes.policy`, `whatif.change.conflicts`."""
    named: dict[str, float | None] = {}
    for world in WORLDS:
        named |= {f"whatif.{world}.{name}": value for name, value in summary["figures"][world].items()}
        causes = summary["causes"].get(world, {})
        named |= {f"whatif.{world}.causes.{name}": value for name, value in causes.items()}
    named |= {f"whatif.change.{name}": row["change"] for name, row in summary["difference"].items()}
    return {name: float(value) for name, value in named.items() if value is not None}


def finding(found: WhatIf) -> str:
    """What was found, in some lines of plain text."""
    summary = found.summary
    before, after = (summary["figures"][world] for world in WORLDS)
    lines = [f"{one['name']}: {one['before']} before, {one['after']} after" for one in summary["changes"]]
    lines = lines or ["Nothing was changed; give --set NAME=VALUE."]
    for name, told in (
        ("Paid out", "released"),
        (f"Expected loss ({summary['currency']})", "expected_loss"),
        (f"Expected profit ({summary['currency']})", "profit"),
        ("Conflicts", "conflicts"),
    ):
        row = summary["difference"][told]
        ends = "" if row["low"] is None else f" ({row['low']:+,.0f} to {row['high']:+,.0f})"
        lines.append(
            f"{name}: {before[told]:,.0f} before, {after[told]:,.0f} after, {row['change']:+,.0f}{ends}"
        )
    here = found.frontier[found.frontier["weight"] == 1]
    best = int(here["profit"].to_numpy().argmax())
    lines.append(
        f"Most profit with the policy as it is: all cut-offs times {here['factor'].iloc[best]:g}, "
        f"{here['profit'].iloc[best]:,.0f}"
    )
    return "\n".join(lines)
