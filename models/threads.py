"""Work on many rows, shared among threads: kernels that hold no lock run side by side."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from typing import TypeVar

import numpy as np

R = TypeVar("R")

LIGHTGBM = threading.RLock()
"""Held while LightGBM makes a dataset, reads a model or scores, by all that may go on beside a fit in another thread.

How many threads LightGBM uses is one number for the whole program: who raises it while another is at such a step may
have it write past the buffers that it made."""


def processors() -> int:
    """How many processors this process may use (not every system can tell it of a single process)."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def share(
    span: tuple[int, int], work: Callable[[tuple[int, int]], R], threads: int | None = None, fewest: int = 1
) -> list[R]:
    """Runs the work on stretches of a range, one for each thread.

    Args:
        span: The range, its end not included.
        work: Takes a stretch of the range.
        threads: At most so many at once; one for each processor if not given.
        fewest: The least length of a stretch that is worth a thread.

    Returns:
        What each stretch gave, in order.
    """
    worth = max(1, min(threads or processors(), (span[1] - span[0]) // fewest))
    if worth == 1:
        return [work(span)]
    bounds = np.linspace(*span, worth + 1).astype(int).tolist()
    with ThreadPoolExecutor(worth) as pool:
        return list(pool.map(work, pairwise(bounds)))
