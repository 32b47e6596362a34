"""Appending is all or nothing, by any number of processes, whenever one ends; nothing is built on what is not sound."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pyarrow as pa
import pytest

from data.decision_ledger.appending import appending, leftovers
from data.decision_ledger.chain import CHAIN, GENESIS, head_of, rows_file, sound_chain
from data.decision_ledger.reading import read_rows
from data.decision_ledger.rows import leaf_hashes
from data.decision_ledger.verifying import verify
from data.errors import CallError, DataFault
from tests.data.decision_ledger.made import Kept, rows_of

ROOT = Path(__file__).parents[3]
APPEND = """
import sys
from pathlib import Path
from data.decision_ledger.appending import appending
from tests.data.decision_ledger.made import rows_of
for number in range(int(sys.argv[2])):
    with appending(Path(sys.argv[1]), block_rows=40) as ledger:
        ledger.add(rows_of(100))
"""


def started(folder: Path, times: int) -> subprocess.Popen[bytes]:
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    return subprocess.Popen(
        [sys.executable, "-c", APPEND, str(folder), str(times)], cwd=ROOT, env=environment
    )


def test_rows_come_back_as_they_were_in_blocks_of_bounded_size(tmp_path: Path) -> None:
    folder = tmp_path / "ledger"
    for first, count in ((0, 25), (25, 1), (26, 30)):
        with appending(folder, block_rows=10) as ledger:
            for begin in range(first, first + count, 7):
                ledger.add(rows_of(min(7, first + count - begin), begin))
    chain = sound_chain(folder)
    assert [block.rows for block in chain] == [10, 10, 5, 1, 10, 10, 10]
    assert [block.first_row for block in chain] == [0, 10, 20, 25, 26, 36, 46]
    assert chain[0].previous == GENESIS
    read = pa.concat_tables([read_rows(rows_file(folder, block.height)) for block in chain])
    assert leaf_hashes(read).tobytes() == leaf_hashes(rows_of(56)).tobytes()
    assert list(verify(folder)[1]) == []


def test_the_same_rows_give_the_same_bytes(tmp_path: Path) -> None:
    for name in ("one", "two"):
        with appending(tmp_path / name, block_rows=10) as ledger:
            ledger.add(rows_of(25))
    files = [path.relative_to(tmp_path / "one") for path in (tmp_path / "one").rglob("*") if path.is_file()]
    assert len(files) == 8
    for file in files:
        if file.name != ".lock":
            assert (tmp_path / "one" / file).read_bytes() == (tmp_path / "two" / file).read_bytes()


def test_work_that_fails_appends_nothing(tmp_path: Path) -> None:
    with appending(tmp_path / "ledger", block_rows=10) as ledger:
        ledger.add(rows_of(12))
    before = head_of(sound_chain(tmp_path / "ledger"))

    def twice() -> None:
        with appending(tmp_path / "ledger", block_rows=10) as ledger:
            ledger.add(rows_of(25))
            ledger.add(rows_of(25).drop_columns("reasons"))

    with pytest.raises(KeyError):
        twice()
    assert head_of(sound_chain(tmp_path / "ledger")) == before
    assert sorted(path.name for path in (tmp_path / "ledger").iterdir()) == [".lock", "blocks", CHAIN]


def test_an_append_of_nothing_changes_nothing(tmp_path: Path) -> None:
    kept = Kept()
    with appending(tmp_path / "ledger", kept) as ledger:
        ledger.add(rows_of(0))
    assert not (tmp_path / "ledger" / CHAIN).exists()
    assert kept.latest is None


def test_several_processes_do_not_fork_the_chain(tmp_path: Path) -> None:
    folder = tmp_path / "ledger"
    running = [started(folder, 6) for _ in range(4)]
    assert [process.wait() for process in running] == [0] * 4
    verified, found = verify(folder)
    assert list(found) == []
    assert verified.head.rows == 4 * 6 * 100
    chain = sound_chain(folder)
    # What one call appended stands together.
    assert [block.rows for block in chain] == [40, 40, 20] * 24


def test_a_process_that_is_killed_leaves_the_ledger_whole_and_its_leftovers_go(tmp_path: Path) -> None:
    folder = tmp_path / "ledger"
    rows = 0
    for number in range(8):
        process = started(folder, 1000)
        until = time.monotonic() + 60
        while not (folder / CHAIN).exists() and time.monotonic() < until:
            time.sleep(0.01)
        time.sleep(0.9 + 0.037 * number)
        process.send_signal(signal.SIGKILL)
        process.wait()
        verified, found = verify(folder)
        assert list(found) == []
        assert verified.head.rows % 100 == 0
        assert verified.head.rows >= rows
        rows = verified.head.rows
    assert rows > 0
    with appending(folder) as ledger:
        ledger.add(rows_of(1))
    assert leftovers(folder, sound_chain(folder)) == []
    assert sorted(path.name for path in folder.iterdir()) == [".lock", "blocks", CHAIN]


def test_one_that_still_appends_is_no_leftover(tmp_path: Path) -> None:
    folder = tmp_path / "ledger"
    with appending(folder, block_rows=5) as slow:
        slow.add(rows_of(7))
        with appending(folder) as quick:
            quick.add(rows_of(3, 100))
        slow.add(rows_of(7, 7))
    assert [block.rows for block in sound_chain(folder)] == [3, 5, 5, 4]
    assert list(verify(folder)[1]) == []


def test_the_checkpoint_grows_with_the_ledger_and_nothing_is_built_on_a_ledger_that_does_not_hold_it(
    tmp_path: Path,
) -> None:
    kept, folder = Kept(), tmp_path / "ledger"
    for _ in range(2):
        with appending(folder, kept, block_rows=10) as ledger:
            ledger.add(rows_of(15))
        assert kept.latest == head_of(sound_chain(folder))
    lines = (folder / CHAIN).read_text(encoding="utf-8").splitlines(keepends=True)
    (folder / CHAIN).write_text("".join(lines[:3]), encoding="utf-8")
    grown = "has not grown from its checkpoint of 4 blocks"
    with pytest.raises(DataFault, match=grown), appending(folder, kept) as ledger:
        ledger.add(rows_of(1))
    (folder / CHAIN).write_text("".join([lines[0], lines[2]]), encoding="utf-8")
    with pytest.raises(DataFault, match="block 1 does not follow"), appending(folder, kept) as ledger:
        ledger.add(rows_of(1))


def test_a_folder_of_something_else_and_rows_with_a_null_are_refused(tmp_path: Path) -> None:
    (tmp_path / "precious.txt").write_text("mine", encoding="utf-8")
    with pytest.raises(CallError, match="something else than a ledger"), appending(tmp_path):
        pass
    place = rows_of(1).column_names.index("reasons")
    holed = rows_of(1).set_column(place, "reasons", pa.array([None], pa.string()))
    with pytest.raises(ValueError, match=r"null"), appending(tmp_path / "ledger") as ledger:
        ledger.add(holed)
