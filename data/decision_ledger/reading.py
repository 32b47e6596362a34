"""Blocks of the decision ledger read back: their rows and their index."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from data.decision_ledger.appending import INDEX
from data.decision_ledger.chain import rows_file, sound_chain
from data.decision_ledger.rows import SCHEMA, WORDS, Hashes
from data.errors import DataFault


class Unreadable(Exception):
    """A file of a block that is missing, damaged, or holds other columns than were written."""


def read_rows(path: Path) -> pa.Table:
    """The rows of a block; texts of which few are different stay coded.

    Raises:
        Unreadable: They cannot be read.
    """
    rows = _read(path, SCHEMA, WORDS)
    if any(column.null_count for column in rows.columns):
        raise Unreadable("holds a null, which no row of a ledger does")
    return rows


def read_index(path: Path) -> tuple[pa.ChunkedArray, Hashes]:
    """The request and the hash of each row of a block as it was appended.

    Raises:
        Unreadable: They cannot be read.
    """
    index = _read(path, INDEX, ())
    if any(column.null_count for column in index.columns):
        raise Unreadable("holds a null, which no index of a ledger does")
    leaves = index["leaf"].combine_chunks()
    parts = leaves.chunks if isinstance(leaves, pa.ChunkedArray) else [leaves]
    flat = b"".join(part.buffers()[1][32 * part.offset : 32 * (part.offset + len(part))] for part in parts)
    return index["request_id"], np.frombuffer(flat, dtype=np.uint8).reshape(-1, 32)


def requests_from(folder: Path, sources: Sequence[str]) -> list[str]:
    """The requests of a ledger's rows that come from one of some sources.

    Raises:
        DataFault: The chain is broken, or rows cannot be read.
    """
    wanted = pa.array(sources, pa.string())
    found: list[str] = []
    for block in sound_chain(folder):
        try:
            rows = read_rows(rows_file(folder, block.height))
        except Unreadable as error:
            raise DataFault(
                f"{folder}: the rows of block {block.height} {error}; run `releasegap audit verify` on this ledger."
            ) from None
        held = rows.filter(pc.is_in(rows["source"].cast(pa.string()), value_set=wanted))
        found += held["request_id"].to_pylist()
    return found


def _read(path: Path, schema: pa.Schema, words: tuple[str, ...]) -> pa.Table:
    if not path.is_file():
        raise Unreadable("is missing")
    try:
        with pq.ParquetFile(path, read_dictionary=list(words)) as file:
            found = file.schema_arrow
            kinds = [
                field.type.value_type if pa.types.is_dictionary(field.type) else field.type for field in found
            ]
            if found.names != schema.names or kinds != schema.types:
                raise Unreadable("holds other columns than were written")
            return file.read()
    except (pa.ArrowException, OSError, ValueError) as error:
        raise Unreadable(f"cannot be read ({str(error).strip().partition(chr(10))[0][:120]})") from None
