"""Whatever is done to a ledger afterwards is found, and named: its block, its row, its request."""

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from data.decision_ledger.appending import appending
from data.decision_ledger.chain import CHAIN, Checkpoint, head_of, index_file, rows_file, sound_chain
from data.decision_ledger.rows import NUMBERS, SCHEMA, leaf_hashes
from data.decision_ledger.verifying import Tampering, verify
from tests.data.decision_ledger.made import rows_of

SIZES = (7, 7, 4, 7, 1, 6)
FIRST = np.cumsum([0, *SIZES])


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Checkpoint]:
    folder = tmp_path_factory.mktemp("sound") / "ledger"
    for first, size in zip(FIRST, SIZES, strict=False):
        with appending(folder, block_rows=7) as ledger:
            ledger.add(rows_of(size, int(first)))
    return folder, head_of(sound_chain(folder))


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("tampered")


def copied(sound: Path, place: Path) -> Path:
    shutil.rmtree(place / "ledger", ignore_errors=True)
    return Path(shutil.copytree(sound, place / "ledger"))


def found_in(folder: Path, checkpoint: Checkpoint | None) -> list[Tampering]:
    return list(verify(folder, checkpoint)[1])


def rewritten(folder: Path, height: int, rows: pa.Table) -> None:
    pq.write_table(rows, rows_file(folder, height))


def read(folder: Path, height: int) -> pa.Table:
    return pq.read_table(rows_file(folder, height)).cast(SCHEMA)


def changed_cell(rows: pa.Table, row: int, column: str) -> pa.Table:
    values = rows[column].to_pylist()
    if column in NUMBERS:
        values[row] = 0.125 if np.isnan(values[row]) else np.nextafter(values[row], np.inf)
    elif column == "decided_at":
        stamps = rows[column].cast(pa.int64()).to_numpy().copy()
        stamps[row] += 1
        return rows.set_column(1, column, pa.array(stamps).cast(SCHEMA.field(column).type))
    elif column == "snapshot":
        values[row] = bytes([values[row][0] ^ 1]) + values[row][1:]
    else:
        values[row] += "x"
    place = rows.column_names.index(column)
    return rows.set_column(place, SCHEMA.field(column), pa.array(values, SCHEMA.field(column).type))


BLOCK = st.integers(0, len(SIZES) - 1)


@given(st.data())
def test_any_tampering_with_rows_is_found_and_names_them(
    sound: tuple[Path, Checkpoint], place: Path, data: st.DataObject
) -> None:
    folder = copied(sound[0], place)
    height = data.draw(BLOCK, "block")
    size, first = SIZES[height], int(FIRST[height])
    rows = read(folder, height)
    row = data.draw(st.integers(0, size - 1), "row")
    request = f"申请-{first + row}"
    ways = ["change", "drop", "insert", "copy"] + (["swap"] if size > 1 else [])
    way = data.draw(st.sampled_from(ways), "way")
    if way == "change":
        column = data.draw(st.sampled_from(SCHEMA.names), "column")
        rewritten(folder, height, changed_cell(rows, row, column))
        request += "x" if column == "request_id" else ""
        expected = {("changed", first + row, request)}
    elif way == "drop":
        rewritten(folder, height, pa.concat_tables([rows.slice(0, row), rows.slice(row + 1)]))
        expected = {("removed", first + row, request)}
    elif way == "insert":
        rewritten(folder, height, pa.concat_tables([rows.slice(0, row), rows_of(1, 900), rows.slice(row)]))
        expected = {("inserted", first + row, "申请-900")}
    elif way == "copy":
        rewritten(folder, height, pa.concat_tables([rows, rows.slice(row, 1)]))
        expected = {("inserted", first + size, request)}
    else:
        other = data.draw(st.integers(0, size - 1).filter(lambda number: number != row), "other")
        order = np.arange(size)
        order[[row, other]] = order[[other, row]]
        rewritten(folder, height, rows.take(pa.array(order)))
        expected = {
            ("reordered", first + row, f"申请-{first + other}"),
            ("reordered", first + other, request),
        }
    found = found_in(folder, sound[1])
    assert {(one.what, one.row, one.request) for one in found} == expected
    assert {one.block for one in found} == {height}
    for one in found:
        assert f"block {height}, row {one.row}, request {one.request}" in str(one)


@given(st.data())
def test_several_tamperings_at_once_are_all_named(
    sound: tuple[Path, Checkpoint], place: Path, data: st.DataObject
) -> None:
    folder = copied(sound[0], place)
    rows = read(folder, 0)
    changed, dropped = data.draw(
        st.lists(st.integers(0, 5), min_size=2, max_size=2, unique=True), "changed, dropped"
    )
    rows = changed_cell(rows, changed, "decision")
    rewritten(folder, 0, pa.concat_tables([rows.slice(0, dropped), rows.slice(dropped + 1), rows_of(1, 700)]))
    found = {(one.what, one.request) for one in found_in(folder, sound[1])}
    assert found == {
        ("changed", f"申请-{changed}"),
        ("removed", f"申请-{dropped}"),
        ("inserted", "申请-700"),
    }


@given(st.data())
def test_any_tampering_with_blocks_is_found_and_names_them(
    sound: tuple[Path, Checkpoint], place: Path, data: st.DataObject
) -> None:
    folder = copied(sound[0], place)
    one, other = data.draw(st.lists(BLOCK, min_size=2, max_size=2, unique=True), "blocks")
    lines = (folder / CHAIN).read_text(encoding="utf-8").splitlines()
    way = data.draw(
        st.sampled_from(["rows", "files", "lines", "remove", "cut", "delete", "line", "damage"]), "way"
    )
    named = {one}
    if way in ("rows", "files"):
        files = (rows_file,) if way == "rows" else (rows_file, index_file)
        for file in files:
            aside = folder / "aside"
            file(folder, one).rename(aside)
            file(folder, other).rename(file(folder, one))
            aside.rename(file(folder, other))
        named = {one, other}
    elif way == "lines":
        lines[one], lines[other] = lines[other], lines[one]
        named = {one, other}
    elif way == "remove":
        del lines[one]
        # The last has no block after it whose line would tell: the checkpoint knows.
        named = {one + 1} if one < len(SIZES) - 1 else {one}
    elif way == "cut":
        lines = lines[:one]
        named = {one}
    elif way == "delete":
        data.draw(st.sampled_from([rows_file, index_file]), "file")(folder, one).unlink()
    elif way == "line":
        said = json.loads(lines[one])
        field = data.draw(
            st.sampled_from(["height", "first_row", "rows", "root", "previous", "hash"]), "field"
        )
        said[field] = said[field] + 1 if isinstance(said[field], int) else said[field][::-1]
        lines[one] = json.dumps(said)
        named = {said["height"]}
    else:
        path = data.draw(st.sampled_from([rows_file, index_file]), "file")(folder, one)
        told = path.read_bytes()
        path.write_bytes(told[: len(told) // 2])
    (folder / CHAIN).write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    found = found_in(folder, sound[1])
    assert found
    assert named <= {tampering.block for tampering in found}


def forged(folder: Path, rows: list[pa.Table]) -> None:
    """The ledger written anew from other rows, as one does who knows how it is made."""
    shutil.rmtree(folder, ignore_errors=True)
    for part in rows:
        with appending(folder, block_rows=7) as ledger:
            ledger.add(part)


def test_a_ledger_that_was_written_anew_is_told_by_its_checkpoint_alone(
    sound: tuple[Path, Checkpoint], place: Path
) -> None:
    folder = copied(sound[0], place)
    parts = [read(folder, height) for height in range(len(SIZES))]
    parts[2] = changed_cell(parts[2], 1, "decision")
    forged(folder, parts)
    assert found_in(folder, None) == []
    [told] = found_in(folder, sound[1])
    assert (told.what, told.block) == ("checkpoint", 5)
    assert "the chain was written anew" in told.said


def test_one_who_mends_index_and_line_of_a_block_is_told_by_the_block_after_it(
    sound: tuple[Path, Checkpoint], place: Path, tmp_path: Path
) -> None:
    folder = copied(sound[0], place)
    other = tmp_path / "other"
    parts = [read(folder, height) for height in range(len(SIZES))]
    forged(other, [*parts[:2], changed_cell(parts[2], 1, "decision"), *parts[3:]])
    for file in (rows_file, index_file):
        shutil.copy(file(other, 2), file(folder, 2))
    lines = (folder / CHAIN).read_text(encoding="utf-8").splitlines()
    lines[2] = (other / CHAIN).read_text(encoding="utf-8").splitlines()[2]
    (folder / CHAIN).write_text("\n".join(lines) + "\n", encoding="utf-8")
    [told] = found_in(folder, sound[1])
    assert (told.what, told.block) == ("chain", 3)


def test_a_changed_row_whose_index_was_changed_with_it_is_told_by_the_root(
    sound: tuple[Path, Checkpoint], place: Path, tmp_path: Path
) -> None:
    folder = copied(sound[0], place)
    other = tmp_path / "other"
    forged(other, [changed_cell(read(folder, 1), 1, "pd")])
    shutil.copy(rows_file(other, 0), rows_file(folder, 1))
    shutil.copy(index_file(other, 0), index_file(folder, 1))
    [told] = found_in(folder, sound[1])
    assert (told.what, told.block) == ("block", 1)


def test_an_index_that_was_changed_alone_is_told_from_its_rows(
    sound: tuple[Path, Checkpoint], place: Path
) -> None:
    folder = copied(sound[0], place)
    index = pq.read_table(index_file(folder, 3))
    pq.write_table(index.take(pa.array([1, 0, *range(2, 7)])), index_file(folder, 3))
    [told] = found_in(folder, sound[1])
    assert (told.what, told.block) == ("index", 3)


def test_a_null_or_another_column_is_told(sound: tuple[Path, Checkpoint], place: Path) -> None:
    folder = copied(sound[0], place)
    rows = read(folder, 0)
    place_of = rows.column_names.index("executed")
    pq.write_table(rows.set_column(place_of, "executed", pa.nulls(7, pa.string())), rows_file(folder, 0))
    pq.write_table(read(folder, 1).append_column("note", pa.array([""] * 7)), rows_file(folder, 1))
    told = {(one.what, one.block) for one in found_in(folder, sound[1])}
    assert told == {("block", 0), ("block", 1)}


def test_blocks_behind_the_checkpoint_are_sound_and_counted(sound: tuple[Path, Checkpoint]) -> None:
    earlier = head_of(sound_chain(sound[0])[:2])
    verified, found = verify(sound[0], earlier)
    assert list(found) == []
    assert verified.unchecked == len(SIZES) - 2
    assert verified.head == sound[1]


def test_no_ledger_at_all_is_an_end_cut_off(sound: tuple[Path, Checkpoint], tmp_path: Path) -> None:
    [told] = found_in(tmp_path / "nowhere", sound[1])
    assert "blocks 0 to 5 were cut off the end" in str(told)


def test_hashes_differ_between_rows(sound: tuple[Path, Checkpoint]) -> None:
    hashed: Any = leaf_hashes(rows_of(50))
    assert len({row.tobytes() for row in hashed}) == 50
