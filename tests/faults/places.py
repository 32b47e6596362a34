"""Places that cannot be written: a disk that fills up, a folder that is read-only."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.faults.kills import STAGES, Stage
from tests.faults.lender import Lender, temporaries

ROOM = {
    "simulate": (1, 2),
    "import": (1,),
    "train": (1, 3),
    "explain": (1, 2),
    "score": (1, 2),
    "promote": (1, 2),
}
"""MiB of the disk on which each stage is tried: too few for its result."""


def can_mount() -> bool:
    """Whether this user may mount a small disk."""
    return sys.platform.startswith("linux") and os.getuid() == 0 and shutil.which("mount") is not None


@contextmanager
def disk(place: Path, room: int) -> Iterator[None]:
    """A disk of so many MiB at a place, for the block.

    Raises:
        OSError: It cannot be mounted.
    """
    place.mkdir(parents=True)
    made = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={room}m", "faults", str(place)], capture_output=True, text=True
    )
    if made.returncode:
        raise OSError(made.stderr.strip())
    try:
        yield
    finally:
        subprocess.run(["umount", "-l", str(place)], check=True)


def full_disks(folder: Path) -> dict[str, Any]:
    """Every stage on disks that fill up; what was not said in one sentence, or was left as half a result."""
    return _tried(folder, lambda stage: [(f"{room} MiB", room, False) for room in ROOM[stage.name]])


def read_only(folder: Path) -> dict[str, Any]:
    """Every stage with its result in a folder that cannot be written."""
    return _tried(folder, lambda stage: [("read-only", 8, True)])


def _tried(
    folder: Path, cases: Callable[[Stage], list[tuple[str, int, bool]]], stages: tuple[Stage, ...] = STAGES
) -> dict[str, Any]:
    folder.mkdir(parents=True)
    if not can_mount():
        return {"tried": 0, "lost": []}
    tried, lost = 0, list[str]()
    for stage in stages:
        if stage.name in ("promote", "train"):
            continue  # they write to the home alone: see `_home`
        lender = Lender(folder / stage.name)
        lender.folder.mkdir()
        temporaries(lender)
        stage.prepare(lender)
        for told, room, closed in cases(stage):
            tried += 1
            small = folder / f"{stage.name} {told}".replace(" ", "-")
            with disk(small, room):
                if closed:
                    subprocess.run(["mount", "-o", "remount,ro", str(small)], check=True)
                moved = _Moved(lender, small)
                ended = lender.call(*moved.words(stage))
                lost += [f"{stage.name}, {told}: {fault}" for fault in _faults(ended, small)]
    for told, room, closed in [case for stage in stages if stage.name == "train" for case in cases(stage)]:
        tried += 1
        lost += [
            f"train, home, {told}: {fault}" for fault in _home(folder / f"home-{room}-{closed}", room, closed)
        ]
    return {"tried": tried, "lost": lost}


class _Moved:
    """The words of a stage, its result on another disk."""

    def __init__(self, lender: Lender, small: Path) -> None:
        self.lender, self.small = lender, small

    def words(self, stage: Stage) -> list[object]:
        result = stage.place(self.lender)
        return [self.small / result.name if word == result else word for word in stage.words(self.lender)]


def _home(folder: Path, room: int, closed: bool) -> list[str]:
    """Training with the home on a small disk."""
    folder.mkdir()
    made = Lender(folder)
    temporaries(made)
    made.must(*made.simulate())
    shutil.rmtree(made.home, ignore_errors=True)
    with disk(made.home, room):
        if closed:
            subprocess.run(["mount", "-o", "remount,ro", str(made.home)], check=True)
        ended = made.call(*made.train())
        return _faults(ended, made.home, home=True)


def _faults(ended: Any, place: Path, home: bool = False) -> list[str]:
    """What was wrong with how a call ended that could not write."""
    found = []
    if not ended.in_one_sentence:
        found.append(f"status {ended.status}, said: {ended.said[-700:]}")
    if not home and (left := sorted(path.name for path in place.iterdir())):
        found.append(f"it left {', '.join(left)}")
    return found
