"""Rows of the decision ledger: columns, canonical bytes, and the hash of each as a leaf of a Merkle tree."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from hashlib import sha256
from itertools import pairwise
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from data.errors import CallError

Hashes = NDArray[np.uint8]
"""One hash a row (rows × 32)."""

TIME: Final = pa.timestamp("us", tz="UTC")
DIGEST: Final = pa.binary(32)
NUMBERS: Final = ("limit", "pd", "cutoff")
WORDS: Final = (
    *("source", "limit_model", "release_model", "policy"),
    *("decision", "executed", "refused_by", "reasons"),
)
SCHEMA: Final = pa.schema(
    [
        pa.field(name, kind, nullable=False)
        for name, kind in (
            ("request_id", pa.string()),
            ("decided_at", TIME),
            ("snapshot", DIGEST),
            *((name, pa.float64()) for name in NUMBERS),
            *((name, pa.string()) for name in WORDS),
        )
    ]
)
"""Columns of the ledger (docs/audit.md says what each holds). Nothing is null: a number that is not there is NaN,
a text empty."""

_LEAF: Final = b"\x00"
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


def canonical(rows: pa.Table) -> tuple[bytes, NDArray[np.int64]]:
    """The canonical bytes of each row behind the byte that marks a leaf, end to end, and where each begins and ends.

    A row is its columns in the order of `SCHEMA`: a text as its length in bytes (four bytes, the most significant
    first) and its UTF-8; the time as microseconds since 1970 (eight bytes); the snapshot as it is; a number as IEEE 754
    (eight bytes), any NaN as 7ff8000000000000.

    Returns:
        Bytes, and rows + 1 places in them.
    """
    count = len(rows)
    numbers = np.empty((count, len(NUMBERS)), dtype=">f8")
    for place, name in enumerate(NUMBERS):
        values = rows[name].to_numpy()
        numbers[:, place] = np.where(np.isnan(values), np.nan, values)
    times = rows["decided_at"].cast(pa.int64()).to_numpy().astype(">i8")
    parts = [
        _repeated(_LEAF, count),
        *_with_length(_whole(rows["request_id"])),
        _fixed(times.view(np.uint8).reshape(count, 8)),
        _whole(rows["snapshot"]).cast(pa.large_binary()),
        _fixed(numbers.view(np.uint8).reshape(count, 8 * len(NUMBERS))),
        *(_words(rows[name]) for name in WORDS),
    ]
    joined = pc.binary_join_element_wise(*parts, pa.scalar(b"", pa.large_binary()))
    begins = np.frombuffer(joined.buffers()[1], dtype=np.int64)[joined.offset : joined.offset + count + 1]
    return memoryview(joined.buffers()[2] or b"").tobytes(), begins


def leaf_hashes(rows: pa.Table) -> Hashes:
    """The hash of each row as a leaf: SHA-256 of a byte 0 and its canonical bytes (RFC 6962)."""
    if not len(rows):
        return np.empty((0, 32), dtype=np.uint8)
    told, places = canonical(rows)
    ends = places.tolist()
    hashed = b"".join([sha256(told[begin:end]).digest() for begin, end in pairwise(ends)])
    return np.frombuffer(hashed, dtype=np.uint8).reshape(-1, 32)


def snapshot_digests(values: NDArray[np.float32]) -> pa.Array:
    """SHA-256 of each row of features: float32, the most significant byte first, any missing one as 7fc00000."""
    told = np.where(np.isnan(values), np.float32(np.nan), values).astype(">f4")
    width, flat = 4 * told.shape[1], told.tobytes()
    hashed = b"".join(
        [sha256(flat[begin : begin + width]).digest() for begin in range(0, len(flat), max(width, 1))]
    )
    return pa.FixedSizeBinaryArray.from_buffers(DIGEST, len(values), [None, pa.py_buffer(hashed)])


def told(rows: pa.Table, row: int) -> dict[str, Any]:
    """A row as JSON has it: the time in ISO 8601, the snapshot in hex, null for a number that is not there."""
    found: dict[str, Any] = rows.slice(row, 1).to_pylist()[0]
    micros = rows["decided_at"].cast(pa.int64())[row].as_py()
    found["decided_at"] = (_EPOCH + timedelta(microseconds=micros)).isoformat()
    found["snapshot"] = found["snapshot"].hex()
    return found | {name: None if np.isnan(found[name]) else found[name] for name in NUMBERS}


def moment(text: str, option: str) -> datetime:
    """A time that a caller gives as ISO 8601; one without an offset is meant as UTC.

    Raises:
        CallError: It is none.
    """
    try:
        read = datetime.fromisoformat(text)
    except ValueError:
        raise CallError(
            f"{option} {text} is no time; write it as 2026-03-31T18:00:00+08:00, or as a date alone."
        ) from None
    return (read if read.tzinfo else read.replace(tzinfo=UTC)).astimezone(UTC)


def _whole(column: pa.ChunkedArray) -> pa.Array:
    made = column.combine_chunks()
    return made if isinstance(made, pa.Array) else pa.concat_arrays(made.chunks)


def _fixed(values: NDArray[np.uint8]) -> pa.Array:
    """Rows of bytes of one length as binary values."""
    count, width = values.shape
    places = np.arange(count + 1, dtype=np.int64) * width
    buffers = [None, pa.py_buffer(places), pa.py_buffer(np.ascontiguousarray(values))]
    return pa.Array.from_buffers(pa.large_binary(), count, buffers)


def _repeated(mark: bytes, count: int) -> pa.Array:
    return _fixed(np.full((count, 1), mark[0], dtype=np.uint8))


def _with_length(texts: pa.Array) -> tuple[pa.Array, pa.Array]:
    """The length of each text as four bytes, and its UTF-8."""
    coded = texts.cast(pa.string()).cast(pa.large_binary()) if pa.types.is_dictionary(texts.type) else texts
    coded = coded.cast(pa.large_binary())
    length = pc.binary_length(coded).to_numpy(zero_copy_only=False).astype(">u4")
    return _fixed(length.view(np.uint8).reshape(len(coded), 4)), coded


def _words(column: pa.ChunkedArray) -> pa.Array:
    """Length and UTF-8 of texts of which few are different: made once for each, then put in their places."""
    coded = _whole(column)
    if not pa.types.is_dictionary(coded.type):
        coded = coded.dictionary_encode()
    length, text = _with_length(coded.dictionary)
    each = pc.binary_join_element_wise(length, text, pa.scalar(b"", pa.large_binary()))
    return each.take(coded.indices)
