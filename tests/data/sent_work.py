"""Work that tests send to other processes; these import nothing but this for it."""

from __future__ import annotations

import gc
import os
import signal
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

from data.errors import DataFault


def waited(seconds: float) -> float:
    time.sleep(seconds)
    return seconds


def refused(block: int) -> int:
    if block == 2:
        raise DataFault("Block 2 is damaged; make the book again.")
    return block


def killed(block: Any) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def killed_once(work: Callable[[Any], Any], flag: Path, block: Any) -> Any:
    """The first process to do a block, by the flag's absence, dies before it gives the result."""
    result = work(block)
    with suppress(FileExistsError):
        flag.touch(exist_ok=False)
        killed(block)
    return result


def other_version(distribution: str) -> str:
    """One of its own in every process."""
    return str(os.getpid())


def garbage_threshold(block: Any) -> int:
    """After how many new objects the process looks for cyclic garbage."""
    return gc.get_threshold()[0]


def own_number(block: Any) -> int:
    """Of the process that does the work."""
    time.sleep(0.01)
    return os.getpid()
