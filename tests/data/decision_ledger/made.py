"""Rows for ledgers of tests."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa

from data.decision_ledger.chain import Checkpoint
from data.decision_ledger.rows import SCHEMA


def rows_of(count: int, first: int = 0) -> pa.Table:
    """So many decisions, each another."""
    numbers = np.arange(first, first + count)
    columns: dict[str, Any] = {
        "request_id": [f"申请-{number}" for number in numbers],
        "decided_at": pa.array(1_700_000_000_000_000 + numbers, pa.int64()).cast(
            SCHEMA.field("decided_at").type
        ),
        "snapshot": [bytes([number % 256]) * 32 for number in numbers],
        "limit": numbers * 100.5,
        "pd": np.where(numbers % 3 == 0, np.nan, numbers / 1e6),
        "cutoff": np.full(count, 0.06),
        "source": ["models:/releasegap-decision/3"] * count,
        "limit_model": ["a" * 64] * count,
        "release_model": ["b" * 64] * count,
        "policy": ["v1"] * count,
        "decision": ["refuse" if number % 4 == 0 else "release" for number in numbers],
        "executed": [""] * count,
        "refused_by": ["score" if number % 4 == 0 else "" for number in numbers],
        "reasons": ["R01,R02" if number % 4 == 0 else "" for number in numbers],
    }
    return pa.table(columns, schema=SCHEMA)


class Kept:
    """Checkpoints in memory."""

    def __init__(self) -> None:
        self.latest: Checkpoint | None = None

    def read(self) -> Checkpoint | None:
        return self.latest

    def write(self, checkpoint: Checkpoint) -> None:
        self.latest = checkpoint
