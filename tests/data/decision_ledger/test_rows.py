"""A row's canonical bytes are what docs/audit.md says, whatever it holds and however its columns are coded."""

import hashlib
import math
import struct
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from data.decision_ledger.merkle import path_of, root_of
from data.decision_ledger.rows import NUMBERS, SCHEMA, WORDS, leaf_hashes, moment, snapshot_digests, told
from data.errors import CallError

TEXT = st.text(st.characters(codec="utf-8"), max_size=6)
NUMBER = st.floats(allow_infinity=True, allow_nan=True)
ROW = st.fixed_dictionaries(
    {
        "request_id": TEXT,
        "decided_at": st.integers(-(2**40), 2**52),
        "snapshot": st.binary(min_size=32, max_size=32),
        **dict.fromkeys(NUMBERS, NUMBER),
        **dict.fromkeys(WORDS, TEXT),
    }
)


def table_of(rows: list[dict[str, Any]]) -> pa.Table:
    columns = {name: [row[name] for row in rows] for name in SCHEMA.names}
    columns["decided_at"] = pa.array(columns["decided_at"], pa.int64()).cast(SCHEMA.field("decided_at").type)
    return pa.table(columns, schema=SCHEMA)


def leaf_by_hand(row: dict[str, Any]) -> bytes:
    def text(name: str) -> bytes:
        return len(row[name].encode()).to_bytes(4, "big") + row[name].encode()

    numbers = [math.nan if math.isnan(row[name]) else row[name] for name in NUMBERS]
    fixed = row["decided_at"].to_bytes(8, "big", signed=True) + row["snapshot"] + struct.pack(">3d", *numbers)
    return hashlib.sha256(
        b"\0" + text("request_id") + fixed + b"".join(text(name) for name in WORDS)
    ).digest()


@given(st.lists(ROW, max_size=7), st.booleans())
def test_leaves_are_those_computed_by_hand(rows: list[dict[str, Any]], coded: bool) -> None:
    table = table_of(rows)
    if coded and rows:
        for name in WORDS:
            place = table.column_names.index(name)
            table = table.set_column(place, name, table[name].dictionary_encode())
    assert leaf_hashes(table).tobytes() == b"".join(map(leaf_by_hand, rows))


@given(ROW)
def test_what_json_tells_of_a_row_gives_it_back(row: dict[str, Any]) -> None:
    said = told(table_of([row]), 0)
    time = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=row["decided_at"])
    assert datetime.fromisoformat(said["decided_at"]) == time
    assert bytes.fromhex(said["snapshot"]) == row["snapshot"]
    for name in NUMBERS:
        assert said[name] is None if math.isnan(row[name]) else said[name] == row[name]


def test_nan_has_one_form_whatever_its_bits() -> None:
    odd = np.array([0x7FF8_0000_0000_0001], dtype=np.uint64).view(np.float64)
    usual = {"request_id": "1", "decided_at": 0, "snapshot": bytes(32)} | dict.fromkeys(WORDS, "")
    rows = [usual | dict.fromkeys(NUMBERS, value) for value in (math.nan, float(odd[0]))]
    first, second = leaf_hashes(table_of(rows))
    assert first.tobytes() == second.tobytes() == leaf_by_hand(rows[0])


def tree_by_definition(leaves: list[bytes]) -> bytes:
    """RFC 6962, 2.1: split at the largest power of two below the number of leaves."""
    if len(leaves) == 1:
        return leaves[0]
    split = 1 << (len(leaves) - 1).bit_length() - 1
    halves = tree_by_definition(leaves[:split]) + tree_by_definition(leaves[split:])
    return hashlib.sha256(b"\x01" + halves).digest()


@pytest.mark.parametrize("count", [1, 2, 3, 4, 5, 6, 7, 8, 9, 13, 31, 64, 65])
def test_the_root_is_that_of_the_definition_and_every_path_leads_to_it(count: int) -> None:
    leaves = [hashlib.sha256(bytes([number])).digest() for number in range(count)]
    array = np.frombuffer(b"".join(leaves), dtype=np.uint8).reshape(-1, 32)
    assert root_of(array) == tree_by_definition(leaves)
    for place in range(count):
        level, found, size = place, leaves[place], count
        path = path_of(array, place)
        while size > 1:
            if level ^ 1 < size:
                pair = (path.pop(0), found) if level % 2 else (found, path.pop(0))
                found = hashlib.sha256(b"\x01" + b"".join(pair)).digest()
            level, size = level // 2, (size + 1) // 2
        assert found == root_of(array)
        assert not path


def test_the_digest_of_a_snapshot_is_that_of_its_bytes() -> None:
    values = np.array([[1.5, np.nan], [-0.25, 7.0]], dtype=np.float32)
    by_hand = [struct.pack(">f", 1.5) + bytes.fromhex("7fc00000"), struct.pack(">2f", -0.25, 7.0)]
    assert snapshot_digests(values).to_pylist() == [hashlib.sha256(row).digest() for row in by_hand]


def test_a_time_is_read_with_its_offset_and_is_utc_without_one() -> None:
    assert moment("2026-03-31T18:00:00+08:00", "--at") == datetime(2026, 3, 31, 10, tzinfo=UTC)
    assert moment("2026-03-31", "--at") == datetime(2026, 3, 31, tzinfo=UTC)
    with pytest.raises(CallError, match="--at yesterday is no time"):
        moment("yesterday", "--at")
