"""The faults of `make faults`, a few of each: what is tried there fifty times is tried here twice."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.commands.calls import CALL_WRONG, call, refused
from tests.faults.clients import write_clients
from tests.faults.places import can_mount, disk
from tests.faults.program import table

ROOT = Path(__file__).parents[2]
FEW = ["--borrowers", "900", "--set", "blocks.size=300", "--set", "blocks.processes=1"]


def rows_of(out: Path, *words: str) -> dict[str, dict[str, object]]:
    """The rows that the program leaves; in a process of its own, since it forks."""
    done = subprocess.run(
        [sys.executable, "-m", "tests.faults", "--out", str(out), *words],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return {row["name"]: row for row in json.loads((out / "faults.json").read_text(encoding="utf-8"))}


def test_a_kill_in_a_stage_loses_nothing(tmp_path: Path) -> None:
    found = rows_of(tmp_path, "--kills", "2", "--only", "simulate", "import", "train")
    assert found == {
        f"kill -9 in {stage}": {"name": f"kill -9 in {stage}", "tried": 2, "lost": 0, "holds": True}
        for stage in ("simulate", "import", "train")
    }


def test_a_loss_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    said = table([{"name": "kill -9 in train", "tried": 50, "lost": 1, "holds": False}])
    assert said.splitlines()[-1].split() == ["kill", "-9", "in", "train", "50", "1", "NO"]


@pytest.fixture
def small(tmp_path: Path) -> Iterator[Path]:
    """A disk of one MiB."""
    if not can_mount():
        pytest.skip("to mount a small disk takes Linux and root")
    try:
        with disk(tmp_path / "small", 1):
            yield tmp_path / "small"
    except OSError as error:
        pytest.skip(f"no small disk can be mounted here ({error})")


@pytest.mark.parametrize("closed", [False, True], ids=["full", "read-only"])
def test_a_disk_that_takes_no_more_is_one_sentence_and_nothing_half_written_stays(
    closed: bool, small: Path, tmp_path: Path
) -> None:
    write_clients(str(tmp_path), 120_000, 0)
    if closed:
        subprocess.run(["mount", "-o", "remount,ro", str(small)], check=True)
    said = ("cannot be written",) if closed else ("the disk is full", "free some room")
    refused(call("simulate", "--out", small / "book", *FEW), CALL_WRONG, *said)
    words = (tmp_path / "mapping.yaml", tmp_path / "clients.csv")
    refused(call("import", *words, "--out", small / "book"), CALL_WRONG, *said)
    assert list(small.iterdir()) == []
