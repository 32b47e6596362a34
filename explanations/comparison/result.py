"""A comparison of two models, and what it leaves in a folder."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

COMPARISON = "compare.json"
CHAMPION, CHALLENGER, BENCHMARK = "champion", "challenger", "benchmark"
"""The parts that models play."""


@dataclass(frozen=True)
class Comparison:
    """Two models on one book.

    Attributes:
        summary: Book, models, counts and the figures that are told first (`compare.json`).
        tables: By name: `metrics` (population, then as `training.paired`), `swap_sets` and `trade_off` (of release
            models), `conflicts`, `reasons`, `calibration`, `stability`.
    """

    summary: dict[str, Any]
    tables: Mapping[str, pd.DataFrame]

    @property
    def undated(self) -> bool:
        """Whether the book has no dates, so that it has clients for requests."""
        return self.summary["period"]["from"] is None


def write_tables(comparison: Comparison, folder: Path) -> None:
    """Writes the summary and every table as Parquet; the same comparison gives the same bytes."""
    for name, table in comparison.tables.items():
        table.to_parquet(folder / f"{name}.parquet", index=False, compression="zstd")
    text = json.dumps(comparison.summary, indent=1, ensure_ascii=False, sort_keys=True, allow_nan=False)
    (folder / COMPARISON).write_text(f"{text}\n", encoding="utf-8", newline="\n")
