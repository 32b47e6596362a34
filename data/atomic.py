"""Files and folders that appear whole or not at all: written aside, then put into their place.

What is written aside is claimed by a lock that ends with its process (`data.lock.claim`). Who next writes to the same
place removes what dead processes left there, and leaves alone what others are at.
"""

from __future__ import annotations

import ctypes
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from data.errors import CallError
from data.lock import Claim, claim, clear, orphans, remove

_KEY = ".key"
"""File of a folder aside: which work its parts belong to."""


@contextmanager
def whole_folder(target: Path, marker: str, key: str | None = None) -> Iterator[Path]:
    """Yields a folder beside `target` to write into; it takes the target's place when the block ends well.

    A folder that stands at `target` already is replaced only then, and only if it is empty or a result of the
    same kind (it holds the file `marker`).

    Args:
        target: Where the folder is to stand.
        marker: The file by which a result of the same kind is known.
        key: Names the work where its parts can be told from halves: the folder that a dead or an interrupted process
            left of the same work is then yielded as it was left. Without a key nothing is taken up.

    Raises:
        CallError: `target` is a file, a folder that holds something else, or where this user cannot write.
    """
    refuse_foreign(target, marker)
    target.parent.mkdir(parents=True, exist_ok=True)
    mine = _taken_up(target, key) or claim(target.parent, f".{target.name}")
    kept = False
    try:
        if not mine.path.is_dir():
            mine.path.mkdir(mode=0o700)
            if key is not None:
                (mine.path / _KEY).write_text(key, encoding="utf-8")
        yield mine.path
        (mine.path / _KEY).unlink(missing_ok=True)
        mine.path.chmod(0o755)
        _swap(mine.path, target)
    except KeyboardInterrupt:
        kept = key is not None and (mine.path / _KEY).is_file()
        raise
    finally:
        if kept:
            mine.held.close()  # and its file stays, as if the process had died: the next call takes it up
        else:
            remove(mine.path)
            mine.let_go()


@contextmanager
def whole_file(target: Path) -> Iterator[Path]:
    """Yields a path beside `target` to write to; it takes the target's name when the block ends well."""
    target.parent.mkdir(parents=True, exist_ok=True)
    clear(target.parent, f".{target.name}")
    mine = claim(target.parent, f".{target.name}")
    try:
        mine.path.touch(mode=0o600)
        yield mine.path
        mine.path.chmod(0o644)
        mine.path.replace(target)
    finally:
        remove(mine.path)
        mine.let_go()


def refuse_foreign(target: Path, marker: str) -> None:
    """Refuses a place for results that holds something else than a result of the same kind (with `marker`)."""
    if target.is_file():
        raise CallError(f"{target} is a file; name a folder that does not exist yet, or an older result.")
    if target.is_dir() and any(target.iterdir()) and not (target / marker).is_file():
        raise CallError(
            f"{target} holds other files (it has no {marker}); name a folder that does not exist yet, or an older "
            "result of the same kind."
        )
    _require_writable(target)


def _require_writable(target: Path) -> None:
    """Refuses a place that cannot be written before the work for it is done."""
    there = next(folder for folder in target.absolute().parents if folder.exists())
    if not os.access(there, os.W_OK | os.X_OK):
        raise CallError(
            f"{target} cannot be written, since {there} lets nobody write here; name another place."
        )


def _taken_up(target: Path, key: str | None) -> Claim | None:
    """What a dead process left of the same work, if anything; all else that dead ones left there is removed."""
    found = None
    for left in orphans(target.parent, f".{target.name}"):
        _put_back(left.path, target)
        if key is not None and found is None and _key_of(left.path) == key:
            found = left
            continue
        remove(left.path)
        left.let_go()
    return found


def _key_of(folder: Path) -> str | None:
    try:
        return (folder / _KEY).read_text(encoding="utf-8")
    except (OSError, ValueError):
        return None


def _swap(aside: Path, target: Path) -> None:
    """Puts a folder in the place of another, which then lies aside; one step where the system can do that."""
    if not target.exists():
        aside.rename(target)
        return
    if _exchange(aside, target):
        return
    old = _old_of(aside)
    target.rename(old)
    try:
        aside.rename(target)
    except BaseException:  # an interruption, too: the older result goes back to its place, and the error on
        old.rename(target)
        raise
    remove(old)


def _old_of(aside: Path) -> Path:
    return aside.with_name(f"{aside.name}.old")


def _put_back(aside: Path, target: Path) -> None:
    """Puts an older result back that a dead process had taken from its place; removes it where the new one stands."""
    old = _old_of(aside)
    if old.exists() and not target.exists():
        with suppress(OSError):
            old.rename(target)
    remove(old)


def _exchange(one: Path, other: Path) -> bool:
    """Whether two folders have taken each other's place, in one step: no other process sees either missing."""
    if not sys.platform.startswith("linux"):
        return False
    try:
        rename = ctypes.CDLL(None, use_errno=True).renameat2
    except (OSError, AttributeError):
        return False
    here, exchange = -100, 2  # AT_FDCWD and RENAME_EXCHANGE of <fcntl.h> and <linux/fs.h>
    return bool(rename(here, os.fsencode(one), here, os.fsencode(other), ctypes.c_uint(exchange)) == 0)
