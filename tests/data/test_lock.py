"""Claims end with their process, however it ends; what the dead left is cleared, what the living are at is not."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
from contextlib import suppress
from pathlib import Path

import pytest

from data import atomic, lock
from data.atomic import whole_file, whole_folder
from data.lock import claim, clear, orphans, own_temporaries

ROOT = Path(__file__).parents[2]


def killed(code: str, *words: object, at: str = "ready") -> None:
    """Runs code in another process and kills it (−9) when it has printed `at`."""
    process = subprocess.Popen(
        [sys.executable, "-c", code, *map(str, words)], cwd=ROOT, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    assert process.stdout.readline().strip() == at
    process.send_signal(signal.SIGKILL)
    process.wait()
    process.stdout.close()


FOLDER = """
import sys, time
from pathlib import Path
from data.atomic import whole_folder
with whole_folder(Path(sys.argv[1]), "marker", sys.argv[2] or None) as aside:
    (aside / "part").write_text("half")
    (aside / "marker").write_text("half")
    print("ready", flush=True)
    time.sleep(60)
"""


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_what_a_killed_process_left_aside_is_removed_by_the_next_and_never_taken_for_whole(
    tmp_path: Path,
) -> None:
    target = tmp_path / "result"
    killed(FOLDER, target, "")
    assert not target.exists()
    assert len(names(tmp_path)) == 2  # the folder aside, and its lock
    with whole_folder(target, "marker") as aside:
        assert names(aside) == []
        (aside / "marker").write_text("whole")
    assert names(tmp_path) == ["result"]
    assert (target / "marker").read_text() == "whole"


def test_a_process_that_writes_to_the_same_place_is_left_alone(tmp_path: Path) -> None:
    target = tmp_path / "result"
    with whole_folder(target, "marker") as first:
        (first / "marker").write_text("first")
        with whole_folder(target, "marker") as second:
            assert first.is_dir()
            (second / "marker").write_text("second")
        assert (target / "marker").read_text() == "second"
    assert (target / "marker").read_text() == "first"
    assert names(tmp_path) == ["result"]


def test_work_with_a_key_is_taken_up_where_a_killed_process_left_it_and_other_work_is_not(
    tmp_path: Path,
) -> None:
    target = tmp_path / "result"
    killed(FOLDER, target, "one work")
    with suppress(KeyboardInterrupt), whole_folder(target, "marker", "one work") as aside:
        assert (aside / "part").read_text() == "half"
        raise KeyboardInterrupt
    with whole_folder(target, "marker", "one work") as aside:
        assert (aside / "part").read_text() == "half"
    assert names(target) == ["marker", "part"]
    killed(FOLDER, target, "one work")
    with whole_folder(target, "marker", "another work") as aside:
        assert not (aside / "part").exists()
        (aside / "marker").touch()
    assert names(tmp_path) == ["result"]


def test_an_older_result_that_a_dead_process_had_taken_from_its_place_comes_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Only where the system cannot swap two folders in one step."""
    target = tmp_path / "result"
    monkeypatch.setattr(atomic, "_exchange", lambda one, other: False)
    for said in ("first", "second"):
        with whole_folder(target, "marker") as aside:
            (aside / "marker").write_text(said)
    assert names(tmp_path) == ["result"]
    left = claim(tmp_path, ".result")
    target.rename(left.path.with_name(f"{left.path.name}.old"))
    left.held.close()  # as if its process had died here
    with suppress(ZeroDivisionError), whole_folder(target, "marker"):
        assert (target / "marker").read_text() == "second"
        raise ZeroDivisionError
    assert names(tmp_path) == ["result"]


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="elsewhere a swap takes two steps")
def test_a_result_is_never_missing_while_another_takes_its_place(tmp_path: Path) -> None:
    one, other = tmp_path / "one", tmp_path / "other"
    for folder in (one, other):
        folder.mkdir()
        (folder / folder.name).touch()
    if not atomic._exchange(one, other):
        pytest.skip("this file system cannot swap two folders in one step")
    assert names(one) == ["other"]
    assert names(other) == ["one"]


def test_a_file_that_a_killed_process_left_half_written_is_removed_by_the_next(tmp_path: Path) -> None:
    code = """
import sys, time
from pathlib import Path
from data.atomic import whole_file
with whole_file(Path(sys.argv[1])) as aside:
    aside.write_text("half")
    print("ready", flush=True)
    time.sleep(60)
"""
    target = tmp_path / "table.csv"
    killed(code, target)
    assert not target.exists()
    with whole_file(target) as aside:
        aside.write_text("whole")
    assert names(tmp_path) == ["table.csv"]


def test_temporary_files_lie_in_one_folder_and_those_of_the_dead_are_removed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    code = """
import tempfile, time
from data.lock import own_temporaries
with own_temporaries():
    tempfile.mkdtemp()
    print("ready", flush=True)
    time.sleep(60)
"""
    killed(code)
    assert len(names(tmp_path)) == 2
    with own_temporaries():
        assert len(names(tmp_path)) == 2
        assert Path(tempfile.mkdtemp()).parent.parent == tmp_path
    assert names(tmp_path) == []
    assert tempfile.gettempdir() == str(tmp_path)


def test_names_that_are_claimed_or_of_another_stem_are_no_orphans(tmp_path: Path) -> None:
    mine, others = claim(tmp_path, "name"), claim(tmp_path, "name.of another")
    others.held.close()
    (tmp_path / "name.lock").touch()
    assert list(orphans(tmp_path, "name")) == []
    mine.held.close()
    clear(tmp_path, "name")
    assert names(tmp_path) == sorted(["name.lock", others.lock.name])


def test_a_lock_that_another_clears_in_the_same_moment_is_held_by_nobody(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    claim(tmp_path, "name").held.close()

    def cleared_after_the_look(entry: os.DirEntry[str]) -> bool:
        os.unlink(entry)
        return True

    monkeypatch.setattr(lock, "_own", cleared_after_the_look)
    assert list(orphans(tmp_path, "name")) == []
    assert names(tmp_path) == []
