"""Work on blocks by the workers of a Dask cluster: one started here for a call, or that of a scheduler elsewhere."""

from __future__ import annotations

import logging
import tempfile
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING, Any, TypeVar

from data.errors import CallError

if TYPE_CHECKING:
    from distributed import Client, Future

T = TypeVar("T")
R = TypeVar("R")

ANSWERS_IN = 5
"""Seconds within which a scheduler must answer."""

WORKERS_IN = 20
"""Seconds within which there must be a worker; one that died is started again in less."""

BLOCKS_AHEAD = 2
"""Blocks under way for each thread of the workers: one that is worked on, one that waits or is done."""

UNINTERRUPTED = "import signal; signal.signal(signal.SIGINT, signal.SIG_IGN)"
"""What a worker started here runs first: Ctrl-C in the terminal is for the program, which then ends its workers."""


@dataclass(frozen=True)
class Cluster:
    """The workers of a Dask scheduler, as an `Engine`."""

    client: Client

    @property
    def elsewhere(self) -> int:
        """Threads of all the workers that there are now."""
        with _reached():
            return sum(self.client.nthreads().values())

    def map_blocks(self, work: Callable[[T], R], blocks: Sequence[T]) -> Iterator[R]:
        """See `Engine`: some blocks are sent ahead, the next one when the first of them is taken.

        A block whose worker dies is worked on again by another.

        Raises:
            CallError: A block ended one worker after the other, no worker is left, or the scheduler is gone.
        """
        # Dask forgets what nobody holds: a result that was taken, and all that is under way when the map is given up.
        under_way: deque[Future[Any]] = deque()
        for block in blocks:
            while under_way and len(under_way) >= BLOCKS_AHEAD * self.elsewhere:
                yield self._taken(under_way.popleft())
            # Impure: an older result of the same call is not asked for, and nothing is hashed.
            under_way.append(self.client.submit(work, block, pure=False))
        while under_way:
            yield self._taken(under_way.popleft())

    def _taken(self, future: Future[Any]) -> Any:
        """The result of a block, waited for as long as there are workers."""
        from distributed import KilledWorker

        with _reached():
            while not self._done(future):
                self.client.wait_for_workers(1, timeout=WORKERS_IN)
            error = future.exception()
            if error is None:
                return future.result()
        if isinstance(error, KilledWorker):
            raise CallError(
                f"A block of borrowers ended {error.allowed_failures + 1} workers one after the other: give the "
                "workers more memory, or make books of smaller blocks (blocks.size)."
            ) from error
        raise error.with_traceback(future.traceback())

    def _done(self, future: Future[Any]) -> bool:
        from distributed import wait

        try:
            with self.client.as_current():
                wait(future, timeout=ANSWERS_IN)
        except TimeoutError:
            return False
        return True


@contextmanager
def cluster(scheduler: str | None, processes: int) -> Iterator[Cluster]:
    """The workers of a scheduler, until the context ends.

    Args:
        scheduler: Address of the scheduler; without one a cluster is started on this machine for this context.
        processes: Workers of such a cluster, a thread each.

    Raises:
        CallError: Dask is not installed, or there is no scheduler at the address with workers that can do the work.
    """
    try:
        from distributed import Client, LocalCluster
        from distributed.utils import silence_logging_cmgr
    except ImportError as error:
        raise CallError(f"Dask is not installed ({error}): pip install 'releasegap[dask]'.") from error
    import dask

    with ExitStack() as stack:
        # What goes wrong is told as one sentence; a map's work may well be large.
        stack.enter_context(silence_logging_cmgr(logging.CRITICAL))
        stack.enter_context(dask.config.set({"distributed.admin.large-graph-warning-threshold": "1TB"}))
        if scheduler is None:
            scratch = stack.enter_context(tempfile.TemporaryDirectory(prefix="releasegap-"))
            started = LocalCluster(
                n_workers=processes,
                threads_per_worker=1,
                host="127.0.0.1",
                dashboard_address=None,
                scheduler_kwargs={"dashboard_address": "127.0.0.1:0"},  # its port without the dashboard, too
                memory_limit=0,  # none, as for processes of this program
                local_directory=scratch,
                preload=[UNINTERRUPTED],
                silence_logs=logging.CRITICAL,
            )
            client = Client(stack.enter_context(started), set_as_default=False)
        else:
            client = _connected(scheduler)
        stack.enter_context(client)
        if scheduler is not None:
            _refuse_unable(client, scheduler)
        yield Cluster(client)


def _connected(scheduler: str) -> Client:
    from distributed import Client

    try:
        return Client(scheduler, timeout=ANSWERS_IN, set_as_default=False)
    except Exception as error:  # whatever it is that answers there
        raise CallError(
            f"No Dask scheduler can be reached at {scheduler} ({error}): start one there, or name another address."
        ) from error


def _refuse_unable(client: Client, scheduler: str) -> None:
    """Raises CallError where there are no workers, or some that do not know this program's code."""
    try:
        client.wait_for_workers(1, timeout=WORKERS_IN)
    except TimeoutError as error:
        raise CallError(
            f"The Dask scheduler at {scheduler} has no workers: start some with `dask worker {scheduler}`."
        ) from error
    own = version("releasegap")
    try:
        others = {*client.run(version, "releasegap").values(), client.run_on_scheduler(version, "releasegap")}
    except PackageNotFoundError:
        others = set()
    if others != {own}:
        raise CallError(
            f"Not all Dask workers at {scheduler}, or not the scheduler, have releasegap {own}: start them from the "
            "installation that this program has."
        )


@contextmanager
def _reached() -> Iterator[None]:
    """Tells in a sentence that workers or scheduler are gone."""
    from distributed import CancelledError

    try:
        yield
    except TimeoutError as error:
        raise CallError("The Dask cluster has no worker left: start some, and call again.") from error
    except (OSError, CancelledError) as error:
        raise CallError(
            f"The Dask scheduler cannot be reached any more ({error}): start it, and call again."
        ) from error
