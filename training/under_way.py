"""Which runs are under way, and which were left by a process that died: these are ended as KILLED.

A process that makes runs holds a lock in its home while it does, and every run carries the lock's name as a tag.
Whoever opens the store next finds locks that nobody holds any more, and ends their runs.
"""

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from contextvars import ContextVar
from pathlib import Path

from mlflow import MlflowClient
from mlflow.entities import LoggedModelStatus
from mlflow.exceptions import MlflowException

from data.lock import claim, orphans

PROCESS = "releasegap.process"
"""Tag of a run: the name of the lock that its process holds while it is under way."""
ENDED = "releasegap.ended"
"""Tag of a run that was ended for its process."""
DIED = "its process died"
FOLDER = ".running"
"""Folder of a home with the locks of those who make runs."""
_STEM = "run"
_MOST = 1_000

_process: ContextVar[str | None] = ContextVar("process", default=None)


def process() -> str | None:
    """The name of the lock that this process holds; None where it makes no run."""
    return _process.get()


@contextmanager
def under_way(home: Path, uri: str) -> Iterator[str]:
    """Holds a lock for runs in a store, and gives its name; within another such block it is the same lock."""
    known = _process.get()
    if known is not None:
        yield known
        return
    folder = _folder(home, uri)
    folder.mkdir(parents=True, exist_ok=True)
    mine = claim(folder, _STEM)
    before = _process.set(mine.path.name)
    try:
        yield mine.path.name
    finally:
        _process.reset(before)
        mine.let_go()


def end_left(client: MlflowClient, home: Path, uri: str) -> int:
    """Ends the runs that dead processes have left; gives how many. What they logged stays."""
    ended = 0
    folder = _folder(home, uri)
    if not folder.is_dir():
        return ended
    for left in orphans(folder, _STEM):
        try:
            experiments = [one.experiment_id for one in client.search_experiments(max_results=_MOST)]
            for run in client.search_runs(
                experiments, f"tags.`{PROCESS}` = '{left.path.name}'", max_results=_MOST
            ):
                if run.info.status == "RUNNING":
                    client.set_tag(run.info.run_id, ENDED, DIED)
                    client.set_terminated(run.info.run_id, "KILLED")
                    ended += 1
                _end_models(client, run.info.experiment_id, run.info.run_id)
        except MlflowException:  # a server that fails now is asked again by the next call
            left.held.close()
            continue
        left.let_go()
    return ended


def _end_models(client: MlflowClient, experiment: str, run: str) -> None:
    """Marks models as failed whose files were not all there when their run was cut off."""
    with suppress(MlflowException):  # servers from before MLflow 3 know none
        found = client.search_logged_models([experiment], f"source_run_id = '{run}'")
        for model in found:
            if model.status == LoggedModelStatus.PENDING:
                client.finalize_logged_model(model.model_id, LoggedModelStatus.FAILED)


def _folder(home: Path, uri: str) -> Path:
    return home / FOLDER / hashlib.sha256(uri.encode()).hexdigest()[:12]
