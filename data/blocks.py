"""One seam for work on blocks of borrowers: an engine maps a function over the blocks, here or elsewhere."""

from __future__ import annotations

import multiprocessing
import multiprocessing.connection
import os
import pickle
import signal
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated, Any, Protocol, Self, TypeVar

from pydantic import Field

from data.errors import CallError
from data.garbage import collect_seldom
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

    def map_blocks(self, work: Callable[[T], R], blocks: Sequence[T], weight: float = 1.0) -> Iterator[R]:
        """The results of `work` on each block, in the order of the blocks.

        Args:
            work: A function of the block that can be sent to another process.
            blocks: What `work` is called with.
            weight: How many blocks of a book each stands for: whether to start processes pays.
        """

    @property
    def elsewhere(self) -> int:
        """Threads that other programs work with at once; 0 where this program does all the work."""

    def rest(self) -> None:
        """Lets go of the memory of this machine that waiting workers hold, about half a GiB each."""


@dataclass(frozen=True)
class Processes:
    """Processes of this program, started anew for each map; with one the work is done in this very process.

    Attributes:
        most: How many work at once at most.
        blocks_each: So many blocks there must be for each.
    """

    most: int = 1
    blocks_each: int = 1

    def map_blocks(self, work: Callable[[T], R], blocks: Sequence[T], weight: float = 1.0) -> Iterator[R]:
        """See `Engine`."""
        processes = min(self.most, len(blocks), int(len(blocks) * weight) // self.blocks_each)
        if processes <= 1:
            yield from map(work, blocks)
            return
        # Spawned, not forked: OpenMP and Arrow threads do not survive a fork.
        context = multiprocessing.get_context("spawn")
        with ProcessPoolExecutor(processes, context, _begin, (work,)) as pool:
            yield from pool.map(_Given.done, blocks)

    @property
    def elsewhere(self) -> int:
        """None."""
        return 0

    def rest(self) -> None:
        """Nothing is held: processes end with the map."""


class KeptProcesses:
    """Processes of this program that are kept from one map to the next, until the context ends.

    To start one takes two or three processor seconds, most of them imports: more than many a map has to do.
    """

    def __init__(self, most: int = 1, blocks_each: int = 1) -> None:
        """None started yet; see `Processes`."""
        self.most, self.blocks_each = most, blocks_each
        self._started = 0
        self._pool: ProcessPoolExecutor | None = None
        self._maps = 0

    def __enter__(self) -> Self:
        """Makes ready to start them when they are wanted."""
        self._folder = TemporaryDirectory(prefix="releasegap-")
        return self

    def __exit__(self, *raised: object) -> None:
        """Ends them; what is not begun is not done any more."""
        self.rest()
        self._folder.cleanup()

    def map_blocks(self, work: Callable[[T], R], blocks: Sequence[T], weight: float = 1.0) -> Iterator[R]:
        """See `Engine`."""
        processes = min(self.most, len(blocks), int(len(blocks) * weight) // self.blocks_each)
        # Those that are there already need no start.
        if processes <= 1 and (self._pool is None or len(blocks) <= 1):
            yield from map(work, blocks)
            return
        if self._pool is None or self._started < processes:
            self.rest()
            context = multiprocessing.get_context("spawn")
            self._pool, self._started = ProcessPoolExecutor(processes, context, _as_a_command), processes
        self._maps += 1
        sent = Path(self._folder.name, str(self._maps))
        # Read by each process once, since it may hold models, and not sent with each block.
        sent.write_bytes(pickle.dumps(work, pickle.HIGHEST_PROTOCOL))
        try:
            yield from self._pool.map(partial(_Given.read_and_done, sent), blocks)
        finally:
            sent.unlink(missing_ok=True)

    @property
    def elsewhere(self) -> int:
        """None."""
        return 0

    def rest(self) -> None:
        """Ends them; the next map starts them anew."""
        if self._pool is not None:
            self._pool.shutdown(cancel_futures=True)
            self._pool = None


def _as_a_command() -> None:
    """Has a process work as commands do, and end with its parent, however that ends, who tells of an interruption."""
    collect_seldom()
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    parent = multiprocessing.parent_process()

    def wait() -> None:
        if parent is not None:
            multiprocessing.connection.wait([parent.sentinel])
            os._exit(1)

    threading.Thread(target=wait, daemon=True).start()


def _begin(work: Callable[[Any], Any]) -> None:
    """Gives a process its work."""
    _as_a_command()
    _Given.take(work)


class _Given:
    """The work of a process of this program: given once, since it may hold models, and not with each block."""

    work: Callable[[Any], Any]
    source: Path | None = None

    @classmethod
    def take(cls, work: Callable[[Any], Any]) -> None:
        cls.work = staticmethod(work)

    @classmethod
    def done(cls, block: Any) -> Any:
        return cls.work(block)

    @classmethod
    def read_and_done(cls, source: Path, block: Any) -> Any:
        if cls.source != source:
            # Written by this program's own parent into a folder that no other user can write to.
            cls.take(pickle.loads(source.read_bytes()))  # noqa: S301
            cls.source = source
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

    @property
    def kept(self) -> KeptProcesses:
        """The same, kept from one map to the next."""
        return KeptProcesses(self.local.most, self.local.blocks_each)


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
    with parameters.kept as processes:
        yield processes
