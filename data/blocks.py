"""One seam for work on blocks of borrowers: map a function over the blocks, here or in other processes."""

from __future__ import annotations

import multiprocessing
import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from typing import Annotated, TypeVar

from pydantic import Field

from data.parameters import Parameters

T = TypeVar("T")
R = TypeVar("R")

Track = Callable[[Iterable[R], int], Iterable[R]]
"""Follows results as they come (a progress bar): given the results and how many there will be."""


BLOCKS_A_PROCESS = 4
"""Fewer blocks than this for each process, and starting it takes longer than it saves."""


class BlockParameters(Parameters):
    """How work is cut into blocks of borrowers.

    Attributes:
        size: Borrowers a block of a simulated book.
        processes: Processes that work on blocks at once; 0 for as many as there are processors.
    """

    size: Annotated[int, Field(ge=1, le=1_000_000)]
    processes: Annotated[int, Field(ge=0, le=1024)]

    def processes_for(self, blocks: int) -> int:
        """How many processes are worth their start for so many blocks."""
        return max(1, min(self.processes or os.cpu_count() or 1, blocks // BLOCKS_A_PROCESS))


def untracked(results: Iterable[R], total: int) -> Iterable[R]:
    """No progress shown."""
    return results


def map_blocks(work: Callable[[T], R], blocks: Sequence[T], processes: int = 1) -> Iterator[R]:
    """The results of `work` on each block, in the order of the blocks.

    Args:
        work: A function of the block that can be sent to another process.
        blocks: What `work` is called with.
        processes: How many processes work at once; with one the work is done in this process.
    """
    if processes <= 1 or len(blocks) <= 1:
        yield from map(work, blocks)
        return
    # Spawned, not forked: OpenMP and Arrow threads do not survive a fork.
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(min(processes, len(blocks)), mp_context=context) as pool:
        yield from pool.map(work, blocks)
