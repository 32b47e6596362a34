"""The decisions that a book records, as rows of the decision ledger."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from data.errors import CallError

if TYPE_CHECKING:
    from datetime import datetime

    import pandas as pd
    import pyarrow as pa

    from data.book import Book
    from features.matrix import Matrix

SOURCE = "book:"
"""What the source of a recorded decision begins with; the book's digest follows."""
SLIP, RANDOM = "slip", "random_release"
"""What is told beside a decision that was not carried out: a slip, or a refusal that was released to learn from."""


def require_decisions(book: Book) -> None:
    """Raises CallError where the book records no decisions."""
    if "decision_executed" not in book.rows("draw_requests").column_names:
        raise CallError(
            f"{book.path} records no decisions: name their column in the mapping (`policy.decision`) and import the "
            "file again, or record those of `releasegap score`."
        )


def recorded_decisions(book: Book, requests: Matrix, decided_at: datetime | None) -> pa.Table:
    """A row of the ledger for each request of a book, in the order of days, then of ids.

    The snapshot is what was visible at the request; the limit is the one in force, the time the request's day (UTC).
    The record tells neither the lender's own models nor their PD, nor which rule refused; a book with a row per client
    tells nothing but what was done.

    Args:
        book: The book.
        requests: Release snapshots of its requests.
        decided_at: When all were decided, of a book without dates.
    """
    import numpy as np
    import pyarrow as pa

    from data.decision_ledger.rows import NUMBERS, SCHEMA, TIME, WORDS, snapshot_digests
    from models.policy import policy_where_known

    keys = requests.keys
    order = np.lexsort((keys["request_id"], *([keys["requested_on"]] if book.dated else [])))
    keys, unknown = keys.iloc[order], np.full(len(keys), np.nan)
    columns: dict[str, Any] = dict.fromkeys(NUMBERS, unknown)
    columns |= dict.fromkeys(WORDS, pa.repeat(pa.scalar(""), len(keys)))
    columns |= {
        "request_id": pa.array(keys["request_id"].to_numpy()).cast(pa.string()),
        "decided_at": pa.repeat(pa.scalar(decided_at, TIME), len(keys)),
        "snapshot": snapshot_digests(requests.values[order]),
        "source": pa.repeat(pa.scalar(SOURCE + book.digest), len(keys)),
        "executed": pa.array(keys["decision_executed"].astype(str).to_numpy(), pa.string()),
    }
    if book.dated:
        in_force = policy_where_known(keys, book.table("policy", columns=["month_start", "region", "cutoff"]))
        columns |= _dated(keys) | {"cutoff": in_force["cutoff"].to_numpy()}
    else:
        limits = book.table("limit_reviews").set_index("borrower_id")["limit_assessed"]
        columns["limit"] = limits.reindex(keys["borrower_id"]).to_numpy(np.float64)
    return pa.table({name: columns[name] for name in SCHEMA.names})


def _dated(keys: pd.DataFrame) -> dict[str, Any]:
    """What a dated book tells besides."""
    import numpy as np
    import pyarrow as pa

    from data.decision_ledger.rows import TIME
    from models.policy import recorded_slips

    slip, _ = recorded_slips(keys)
    random = keys["random_release"].to_numpy(bool)
    return {
        "decided_at": pa.array(keys["requested_on"].to_numpy().astype("datetime64[us]")).cast(TIME),
        "limit": keys["limit_after"].to_numpy(np.float64),
        "policy": pa.array(keys["policy_version"].astype(str).to_numpy(), pa.string()),
        "decision": pa.array(keys["decision_system"].astype(str).to_numpy(), pa.string()),
        "reasons": pa.array(np.select([slip, random], [SLIP, RANDOM], ""), pa.string()),
    }


def not_yet_recorded(rows: pa.Table, folder: Path, book: Book) -> pa.Table:
    """Those of a book's decisions that a ledger does not hold yet, of this book or of what it grew from."""
    import pyarrow as pa
    import pyarrow.compute as pc

    from data.decision_ledger.reading import requests_from

    sources = [SOURCE + digest for digest in (book.digest, *book.ancestors)]
    known = requests_from(folder, sources)
    return rows.filter(pc.invert(pc.is_in(rows["request_id"], value_set=pa.array(known, pa.string()))))
