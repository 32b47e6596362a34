"""Files and folders that appear whole or not at all: written aside, then renamed into place."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from data.errors import CallError


@contextmanager
def whole_folder(target: Path, marker: str) -> Iterator[Path]:
    """Yields a folder beside `target` to write into; it takes the target's place when the block ends well.

    A folder that stands at `target` already is replaced only then, and only if it is empty or a result of the
    same kind (it holds the file `marker`).

    Raises:
        CallError: `target` is a file, or a folder that holds something else.
    """
    refuse_foreign(target, marker)
    target.parent.mkdir(parents=True, exist_ok=True)
    aside = Path(tempfile.mkdtemp(prefix=f".{target.name}.", dir=target.parent))
    try:
        yield aside
        aside.chmod(0o755)
        _swap(aside, target)
    finally:
        # Renamed first: a worker that still writes then finds no folder, and cannot fill the one that is removed.
        gone = aside.with_name(f"{aside.name}.gone")
        with suppress(FileNotFoundError):
            aside.rename(gone)
        shutil.rmtree(gone, ignore_errors=True)


@contextmanager
def whole_file(target: Path) -> Iterator[Path]:
    """Yields a path beside `target` to write to; it takes the target's name when the block ends well."""
    target.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(prefix=f".{target.name}.", dir=target.parent)
    os.close(handle)
    aside = Path(name)
    try:
        yield aside
        aside.chmod(0o644)
        aside.replace(target)
    finally:
        aside.unlink(missing_ok=True)


def refuse_foreign(target: Path, marker: str) -> None:
    """Refuses a place for results that holds something else than a result of the same kind (with `marker`)."""
    if target.is_file():
        raise CallError(f"{target} is a file; name a folder that does not exist yet, or an older result.")
    if target.is_dir() and any(target.iterdir()) and not (target / marker).is_file():
        raise CallError(
            f"{target} holds other files (it has no {marker}); name a folder that does not exist yet, or an older "
            "result of the same kind."
        )


def _swap(aside: Path, target: Path) -> None:
    if not target.exists():
        aside.rename(target)
        return
    old = Path(tempfile.mkdtemp(prefix=f".{target.name}.old.", dir=target.parent))
    target.rename(old / target.name)
    try:
        aside.rename(target)
    except BaseException:  # an interruption, too: the older result goes back to its place, and the error on
        (old / target.name).rename(target)
        old.rmdir()
        raise
    shutil.rmtree(old)
