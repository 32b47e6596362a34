"""Processes of tests that are copies of one: it has the imports behind it that cost a new process four seconds."""

from __future__ import annotations

import multiprocessing
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing import forkserver
from multiprocessing.context import BaseContext

import pytest

from data.cluster import Cluster, cluster

IMPORTED = (
    *("distributed", "lightgbm.dask", "data.simulate", "features.matrix", "stages"),
    *(
        "explanations.files",
        "explanations.explain",
        "explanations.causes.ledger",
        "explanations.recourse.ways",
    ),
)


def _begun() -> None:
    """Starts the one, unless it is there."""
    multiprocessing.set_forkserver_preload(list(IMPORTED))
    forkserver.ensure_running()


@contextmanager
def copied_processes() -> Iterator[None]:
    """Within it, processes that would be begun from nothing are copies."""
    _begun()
    context = multiprocessing.get_context

    def copying(method: str | None = None) -> BaseContext:
        return context("forkserver" if method == "spawn" else method)

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(multiprocessing, "get_context", copying)
        yield


@contextmanager
def copied_workers(count: int) -> Iterator[Cluster]:
    """So many Dask workers on this machine, begun as the program begins them but for the imports."""
    import dask
    from distributed.utils import get_mp_context

    with dask.config.set({"distributed.worker.multiprocessing-method": "forkserver"}):
        get_mp_context()  # names what Dask would have imported
        _begun()
        with cluster(None, count) as made:
            yield made
