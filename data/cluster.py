"""Work on blocks by the workers of a Dask cluster: one started here for a call, or that of a scheduler elsewhere."""

from __future__ import annotations

import logging
import tempfile
import threading
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from time import monotonic
from typing import TYPE_CHECKING, Any, TypeVar

from data.errors import CallError

if TYPE_CHECKING:
    from distributed import Client, Future

    from data.placed_client import PlacedClient

T = TypeVar("T")
R = TypeVar("R")

ANSWERS_IN = 5
"""Seconds within which a scheduler must answer."""

WORKERS_IN = 20
"""Seconds within which there must be a worker; one that died is started again in less."""

LOOKED_AFTER = 0.5
"""Seconds between two looks at who still works together."""

RESTARTED_IN = 120
"""Seconds within which workers started here must be there again after all were ended."""

BLOCKS_AHEAD = 2
"""Blocks under way for each thread of the workers: one that is worked on, one that waits or is done."""

UNINTERRUPTED = "import signal; signal.signal(signal.SIGINT, signal.SIG_IGN)"
"""What a worker started here runs first: Ctrl-C in the terminal is for the program, which then ends its workers."""

SILENT = "import os; os.dup2(os.open(os.devnull, os.O_WRONLY), 1)"
"""And this: what LightGBM tells in a worker is no part of the program's own result."""


@dataclass(frozen=True)
class Cluster:
    """The workers of a Dask scheduler, as an `Engine`.

    Attributes:
        client: The connection to the scheduler.
        own: Whether the workers were started by this program, for this program alone.
    """

    client: Client
    own: bool

    @property
    def elsewhere(self) -> int:
        """Threads of all the workers that there are now."""
        with _reached():
            return sum(self.client.nthreads().values())

    def rest(self) -> None:
        """Nothing is let go: a worker's memory is its cluster's own."""

    def map_blocks(self, work: Callable[[T], R], blocks: Sequence[T], weight: float = 1.0) -> Iterator[R]:
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

    def together(
        self, work: Callable[[PlacedClient], R], minutes: float, failures: tuple[type[Exception], ...]
    ) -> R:
        """What comes of work that needs all workers at once, from its beginning to its end.

        When one of them dies, or the work fails, it is begun again once: with all workers started anew where they are
        this program's own, for one that is left may wait for one that died; otherwise with those that still answer.

        Args:
            work: Called in a thread with a client of its own; it may wait for ever, and is given up then.
            minutes: How long all this may take.
            failures: What the work raises where workers lost each other.

        Raises:
            CallError: It failed again, did not end in time, or no worker is left.
        """
        end = monotonic() + 60 * minutes
        lost: tuple[type[Exception], ...] = (_WorkerLost, *failures)
        workers = self._workers()
        try:
            return self._attempt(work, workers, minutes, end)
        except lost:
            workers = self._renewed(len(workers)) if self.own else self._answering()
        try:
            return self._attempt(work, workers, minutes, end)
        except lost as error:
            raise CallError(
                f"Work that needs all Dask workers at once failed twice ({error}): see that none of them dies, has too "
                "little memory, or cannot be reached by the others, and call again."
            ) from error

    def _workers(self) -> list[str]:
        """Addresses of the workers that there are now, of which there must be one."""
        with _reached():
            self.client.wait_for_workers(1, timeout=WORKERS_IN)
            return sorted(self.client.nthreads())

    def _attempt(
        self, work: Callable[[PlacedClient], R], workers: list[str], minutes: float, end: float
    ) -> R:
        from distributed import CancelledError, KilledWorker

        from data.placed_client import PlacedClient

        with _reached():
            address = str(self.client.scheduler_info(n_workers=0)["address"])
        results: list[R] = []
        errors: list[BaseException] = []

        def ended() -> None:
            try:
                results.append(work(client))
            except BaseException as error:
                errors.append(error)

        # Whatever still waits for a result of this client is told that there will be none when the client ends.
        with PlacedClient(address, workers) as client:
            thread = threading.Thread(target=ended, daemon=True)
            thread.start()
            while thread.is_alive():
                thread.join(LOOKED_AFTER)
                with _reached():
                    lost = set(workers) - set(self.client.nthreads())
                if thread.is_alive() and lost:
                    raise _WorkerLost(f"{len(lost)} of {len(workers)} workers died")
                if thread.is_alive() and monotonic() > end:
                    raise CallError(
                        f"Work that needs all Dask workers at once did not end within {minutes:g} minutes: "
                        "give it more time (training.distributed.minutes) or more workers, and start those anew "
                        "that do not answer."
                    )
        if not errors:
            return results[0]
        if isinstance(errors[0], CancelledError | KilledWorker):
            raise _WorkerLost("a worker died") from errors[0]
        raise errors[0]

    def _renewed(self, count: int) -> list[str]:
        """So many workers, all started anew."""
        with _reached():
            self.client.restart(timeout=RESTARTED_IN)
            self.client.wait_for_workers(count, timeout=RESTARTED_IN)
        return self._workers()

    def _answering(self) -> list[str]:
        """The workers that take work, of which there must be one soon."""
        end = monotonic() + WORKERS_IN
        while True:
            with _reached():
                asked = {
                    worker: self.client.submit(str, workers=[worker], pure=False)
                    for worker in self._workers()
                }
                self._done(list(asked.values()))
                if found := [worker for worker, future in asked.items() if future.status == "finished"]:
                    return found
                if monotonic() > end:
                    raise TimeoutError

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

    def _done(self, futures: Future[Any] | list[Future[Any]]) -> bool:
        from distributed import wait

        try:
            with self.client.as_current():
                wait(futures, timeout=ANSWERS_IN)
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
                preload=[UNINTERRUPTED, SILENT],
                silence_logs=logging.CRITICAL,
            )
            client = Client(stack.enter_context(started), set_as_default=False)
        else:
            client = _connected(scheduler)
        stack.enter_context(client)
        if scheduler is not None:
            _refuse_unable(client, scheduler)
        yield Cluster(client, own=scheduler is None)


class _WorkerLost(Exception):
    """One of the workers that work together died."""


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
