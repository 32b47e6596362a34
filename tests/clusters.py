"""Dask workers of tests: copies of one process that has the imports behind it which cost a new one four seconds."""

from __future__ import annotations

import multiprocessing
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing import forkserver

from data.cluster import Cluster, cluster

IMPORTED = [
    "distributed",
    "lightgbm.dask",
    "data.simulate",
    "features.matrix",
    "explanations.files",
    "stages",
]


@contextmanager
def quick_cluster(workers: int) -> Iterator[Cluster]:
    """So many workers on this machine, started as the program starts them but for the imports."""
    import dask
    from distributed.utils import get_mp_context

    with dask.config.set({"distributed.worker.multiprocessing-method": "forkserver"}):
        get_mp_context()  # names what Dask would have imported
        multiprocessing.set_forkserver_preload(IMPORTED)
        forkserver.ensure_running()
        with cluster(None, workers) as made:
            yield made
