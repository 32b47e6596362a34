"""One seam for work on blocks of borrowers: an engine maps a function over the blocks, here or elsewhere."""

from __future__ import annotations

import multiprocessing
import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Annotated, Any, Protocol, TypeVar

from pydantic import Field

from data.errors import CallError
from data.parameters import Parameters

T = TypeVar("T")
R = TypeVar("R")

Track = Callable[[Iterable[R], int], Iterable[R]]
"""Follows results as they come (a progress bar): given the results and how many there will be."""

BLOCKS_A_PROCESS = 4
"""Fewer blocks than this for each process, and starting it takes longer than it saves."""


def untracked(results: Iterable[R], total: int) -> Iterable[R]:
    """No progress shown."""
    return results


class Engine(Protocol):
    """Where work on blocks is done; the results are the same bytes wherever that is."""

    def map_blocks(self, work: Callable[[T], R], blocks: Sequence[T]) -> Iterator[R]:
        """The results of `work` on each block, in the order of the blocks.

        Args:
            work: A function of the block that can be sent to another process.
            blocks: What `work` is called with.
        """

    @property
    def elsewhere(self) -> int:
        """Threads that other programs work with at once; 0 where this program does all the work."""


@dataclass(frozen=True)
class Processes:
    """Processes of this program, started anew for each map; with one the work is done in this very process.

    Attributes:
        most: How many work at once at most.
        blocks_each: So many blocks there must be for each.
    """

    most: int = 1
    blocks_each: int = 1

    def map_blocks(self, work: Callable[[T], R], blocks: Sequence[T]) -> Iterator[R]:
        """See `Engine`."""
        processes = min(self.most, len(blocks) // self.blocks_each)
        if processes <= 1:
            yield from map(work, blocks)
            return
        # Spawned, not forked: OpenMP and Arrow threads do not survive a fork.
        context = multiprocessing.get_context("spawn")
        with ProcessPoolExecutor(processes, context, _Given.take, (work,)) as pool:
            yield from pool.map(_Given.done, blocks)

    @property
    def elsewhere(self) -> int:
        """None."""
        return 0


class _Given:
    """The work of a process that `Processes` started: sent once, since it may hold models, and not with each block."""

    work: Callable[[Any], Any]

    @classmethod
    def take(cls, work: Callable[[Any], Any]) -> None:
        cls.work = staticmethod(work)

    @classmethod
    def done(cls, block: Any) -> Any:
        return cls.work(block)


HERE = Processes()


class BlockParameters(Parameters):
    """How work is cut into blocks of borrowers.

    Attributes:
        size: Borrowers a block of a simulated book.
        processes: Processes that work on blocks at once; 0 for as many as there are processors.
    """

    size: Annotated[int, Field(ge=1, le=1_000_000)]
    processes: Annotated[int, Field(ge=0, le=1024)]

    @property
    def local(self) -> Processes:
        """Processes of this program, where they are worth their start."""
        return Processes(self.processes or os.cpu_count() or 1, BLOCKS_A_PROCESS)


@contextmanager
def engine_of(
    parameters: BlockParameters, name: str = "local", scheduler: str | None = None
) -> Iterator[Engine]:
    """The engine of a call, ready to work until the context ends.

    Args:
        parameters: How many processes work at once.
        name: `local` for processes of this program, `dask` for the workers of a Dask cluster.
        scheduler: Address of a Dask scheduler; without one a cluster is started on this machine.

    Raises:
        CallError: A scheduler is named for another engine, Dask is not installed, or no worker can be reached.
    """
    if name == "dask":
        from data.cluster import cluster

        with cluster(scheduler, parameters.local.most) as workers:
            yield workers
        return
    if scheduler is not None:
        raise CallError(f"--scheduler {scheduler} is for --engine dask: name this engine, too.")
    yield parameters.local
