"""A lock that one process holds at a time, on every system, and that ends with its process."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

PATIENCE = 120
"""How long a process waits for another (seconds)."""


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
