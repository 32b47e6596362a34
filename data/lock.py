"""Locks that one process holds at a time, on every system, and that end with their process, however that ends."""

from __future__ import annotations

import os
import re
import shutil
import sqlite3
import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

PATIENCE = 600
"""How long a process waits for another (seconds); one that dies lets go at once, so only a busy machine takes long."""


@contextmanager
def alone(lock: Path, patience: float = PATIENCE) -> Iterator[None]:
    """Holds a lock for the block: an exclusive transaction of sqlite, which the system ends with its process.

    Args:
        lock: Its file, in a folder that exists; made where there is none, and left.
        patience: How long another process is waited for (seconds).

    Raises:
        sqlite3.OperationalError: Another process holds it still, or the file cannot be written.
    """
    with closing(sqlite3.connect(lock, timeout=patience, isolation_level=None)) as held:
        held.execute("BEGIN EXCLUSIVE")
        yield


@dataclass(frozen=True)
class Claim:
    """A name beside which nothing of another process lies: what stands under it belongs to its holder.

    Attributes:
        path: The path that is claimed; nothing lies there yet, unless a dead process left it.
        held: The lock on it, held until it is let go or the process ends.
    """

    path: Path
    held: sqlite3.Connection

    @property
    def lock(self) -> Path:
        """The lock's file, beside it."""
        return _lock_of(self.path)

    def let_go(self) -> None:
        """Ends the claim; what stands under the name is no longer anybody's work."""
        with suppress(OSError):
            self.lock.unlink(missing_ok=True)
        self.held.close()


def claim(folder: Path, stem: str) -> Claim:
    """Claims a new name in a folder, `STEM.TOKEN`.

    Raises:
        OSError: The folder cannot be written.
    """
    while True:
        path = folder / f"{stem}.{uuid4().hex[:8]}"
        _lock_of(path).touch(
            mode=0o600, exist_ok=False
        )  # says what is wrong with the folder, which sqlite does not
        held = _held(_lock_of(path))
        if held is not None:
            return Claim(path, held)


def orphans(folder: Path, stem: str) -> Iterator[Claim]:
    """Claims each name that a process has left without letting go of it: it is dead.

    The names are those of `claim` with the same stem. Who takes one lets go of it when what stands there is put right.
    """
    named = re.compile(rf"{re.escape(stem)}\.[0-9a-f]{{8}}\.lock")
    with suppress(OSError):
        # Two processes may look at once: the second finds it locked, or gone.
        for entry in sorted(os.scandir(folder), key=lambda entry: entry.name):
            if named.fullmatch(entry.name) and _own(entry):
                held = _held(Path(entry.path))
                if held is not None:
                    yield Claim(Path(entry.path.removesuffix(".lock")), held)


def clear(folder: Path, stem: str) -> None:
    """Removes what dead processes have left under names of this stem."""
    for left in orphans(folder, stem):
        remove(left.path)
        left.let_go()


def remove(path: Path) -> None:
    """Removes a file or a folder, as far as that can be; one that is not there is fine."""
    if path.is_dir() and not path.is_symlink():
        # Renamed first: a worker that still writes then finds no folder, and cannot fill the one that is removed.
        gone = path.with_name(f"{path.name}.gone")
        with suppress(OSError):
            path.rename(gone)
            path = gone
    else:
        with suppress(OSError):
            path.unlink(missing_ok=True)
    for folder in (path, path.with_name(f"{path.name}.gone")):
        shutil.rmtree(folder, ignore_errors=True)


def _lock_of(path: Path) -> Path:
    return path.with_name(f"{path.name}.lock")


def _own(entry: os.DirEntry[str]) -> bool:
    """Whether this user made it: what others left in a folder for all is theirs to clear."""
    with suppress(OSError):
        return not hasattr(os, "getuid") or entry.stat(follow_symlinks=False).st_uid == os.getuid()
    return False


def _held(lock: Path) -> sqlite3.Connection | None:
    """The lock on a file that is there; None where another process holds it, or the file has gone meanwhile."""
    address = f"{lock.absolute().as_uri()}?mode=rw"
    with suppress(sqlite3.Error):
        held = sqlite3.connect(address, timeout=0, uri=True, isolation_level=None)
        with suppress(sqlite3.Error):
            # Nothing is written, and no journal is to be left beside it.
            held.execute("PRAGMA journal_mode=OFF")
            held.execute("BEGIN EXCLUSIVE")
            if lock.exists():
                return held
        held.close()
    return None


@contextmanager
def own_temporaries() -> Iterator[None]:
    """Has all temporary files of this process and of those that it starts lie in one folder, removed at the end.

    What killed processes left is removed first: copies of a book may be large, and nobody else would.
    """
    place, stem = Path(tempfile.gettempdir()), "releasegap"
    clear(place, stem)
    mine = claim(place, stem)
    before, named = tempfile.tempdir, os.environ.get("TMPDIR")
    try:
        mine.path.mkdir(mode=0o700)
        tempfile.tempdir = os.environ["TMPDIR"] = str(mine.path)
        yield
    finally:
        tempfile.tempdir = before
        if named is None:
            os.environ.pop("TMPDIR", None)
        else:
            os.environ["TMPDIR"] = named
        remove(mine.path)
        mine.let_go()
