"""Decisions on a file as rows of the decision ledger, batch by batch."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from data.decision_ledger.appending import Appending, appending
from data.decision_ledger.chain import Checkpoints
from data.decision_ledger.rows import SCHEMA, TIME, snapshot_digests
from data.errors import CallError, DataFault
from scoring.batch import Judged, Record, words_at
from scoring.decision import MOST_REASONS, NO_REASON, RELEASED, Parts


@dataclass(frozen=True)
class Call:
    """What a caller says of the decisions that are to be recorded.

    Attributes:
        ledger: Folder of the ledger.
        request_id: Column of the file that names the request.
        decided_at: When the decisions are taken, with its offset from UTC.
        source: The decision model: its URI.
    """

    ledger: Path
    request_id: str
    decided_at: datetime
    source: str


@contextmanager
def recording(call: Call, parts: Parts, checkpoints: Checkpoints) -> Iterator[Record]:
    """Yields what records decisions; they are in the ledger, all of them, when the block ends well, else none.

    Raises:
        CallError: The ledger cannot be appended to, or the file's column of requests holds no ids.
        DataFault: The ledger is not sound, or a row names no request.
    """
    said = _constant(call, parts)
    with appending(call.ledger, checkpoints) as ledger:
        yield lambda judged: _append(ledger, call, parts, said, judged)


def policy_digest(parts: Parts) -> str:
    """sha256 of the policy that a decision model carries, in hex: by it the policy in force is known."""
    told = json.dumps(parts.facts["policy"], sort_keys=True, ensure_ascii=False, separators=(",", ":"))
    return hashlib.sha256(told.encode()).hexdigest()


def _constant(call: Call, parts: Parts) -> dict[str, str]:
    """What is the same in each row of a call."""
    return {
        "source": call.source,
        "limit_model": parts.facts["limit_digest"],
        "release_model": parts.facts["release_digest"],
        "policy": policy_digest(parts),
        "executed": "",
    }


def _append(ledger: Appending, call: Call, parts: Parts, said: dict[str, str], judged: Judged) -> None:
    decided, count = judged.decided, len(judged.decided.pd)
    features = np.empty((count, len(judged.values)), dtype=np.float32)
    with np.errstate(over="ignore"):  # as the models read them
        for place, values in enumerate(judged.values.values()):
            features[:, place] = values
    columns: dict[str, Any] = {name: pa.repeat(pa.scalar(text), count) for name, text in said.items()}
    columns |= {
        "request_id": _ids(judged, call.request_id),
        "decided_at": pa.repeat(pa.scalar(call.decided_at, TIME), count),
        "snapshot": snapshot_digests(features),
        "limit": decided.limit,
        "pd": decided.pd,
        "cutoff": judged.in_force["cutoff"],
        "decision": words_at(("refuse", "release"), (decided.rule == RELEASED).astype(np.int8)),
        "refused_by": words_at((*parts.rules, ""), decided.rule),
        "reasons": _reasons(parts, decided.reason),
    }
    ledger.add(pa.table(columns).select(SCHEMA.names))


def _ids(judged: Judged, name: str) -> pa.Array:
    """The request of each row, as text."""
    column = judged.batch.column(name)
    if not (pa.types.is_integer(column.type) or _is_text(column.type)):
        raise CallError(
            f"{name} is of type {column.type}, but must name a request by a whole number or a text."
        )
    ids = column.cast(pa.string())
    empty = pc.or_kleene(pc.is_null(ids), pc.equal(ids, "")).fill_null(True)
    lacking = pc.index(empty, True).as_py()
    if lacking >= 0:
        raise DataFault(
            f"row {judged.first + lacking + 1} names no request in {name}; add it, or nothing can be recorded."
        )
    return ids


def _is_text(kind: pa.DataType) -> bool:
    value = kind.value_type if pa.types.is_dictionary(kind) else kind
    return bool(pa.types.is_string(value) or pa.types.is_large_string(value))


def _reasons(parts: Parts, places: NDArray[np.int16]) -> pa.Array:
    """The codes of each row, the principal one first, with commas between them."""
    # Of some thousand different lists of reasons each is put into words once.
    weights = (len(parts.codes) + 1) ** np.arange(MOST_REASONS, dtype=np.int64)
    lists = (places.astype(np.int64) + 1) @ weights
    _, first, which = np.unique(lists, return_index=True, return_inverse=True)
    said = [
        ",".join(parts.codes[place] for place in row if place != NO_REASON) for row in places[first].tolist()
    ]
    return pa.DictionaryArray.from_arrays(
        pa.array(which.ravel().astype(np.int32)), pa.array(said, pa.string())
    )
