"""Made-up decisions, for measuring what a ledger of many costs."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from data.decision_ledger.rows import SCHEMA, snapshot_digests


def made_up_rows(count: int, first: int = 0) -> pa.Table:
    """Decisions of so many requests, numbered from `first`; one of five refuses, with reasons."""
    numbers = np.arange(first, first + count)
    refused = numbers % 5 == 0

    def where_refused(then: str, otherwise: str) -> pa.Array:
        return pc.if_else(pa.array(refused), then, otherwise)

    columns = {
        "request_id": pa.array(numbers).cast(pa.string()),
        "decided_at": pa.array(1_750_000_000_000_000 + 1_000_000 * numbers).cast(
            SCHEMA.field("decided_at").type
        ),
        "snapshot": snapshot_digests(numbers.astype(np.float32)[:, None]),
        "limit": 100.0 * (50 + numbers % 1_000),
        "pd": (numbers % 997) / 5_000,
        "cutoff": np.full(count, 0.06),
        "source": pa.repeat("models:/releasegap-decision/1", count),
        "limit_model": pa.repeat("a" * 64, count),
        "release_model": pa.repeat("b" * 64, count),
        "policy": pa.repeat("2025-07", count),
        "decision": where_refused("refuse", "release"),
        "executed": where_refused("refuse", "release"),
        "refused_by": where_refused("score", ""),
        "reasons": where_refused("R01 R08", ""),
    }
    return pa.table(columns, schema=SCHEMA)
