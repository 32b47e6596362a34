"""Calls of releasegap in processes of their own, which can be killed; forked, so that imports are paid for once.

A forked process is a real one: it holds its own locks, and the system ends it on SIGKILL as any other. What forks must
not have begun to compute, since the threads of OpenMP and Arrow do not survive a fork; here it has only imported.
"""

from __future__ import annotations

import gc
import importlib
import json
import os
import pkgutil
import signal
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

HOUSE = ("data", "features", "models", "training", "explanations", "scoring", "stages", "commands")
HEAVY = (
    *(
        "alembic.command",
        "jinja2",
        "lightgbm",
        "mlflow.lightgbm",
        "mlflow.pyfunc",
        "mlflow.tracking",
        "numba",
        "pandas",
    ),
    *(
        "pyarrow.compute",
        "pyarrow.dataset",
        "scipy.special",
        "scipy.stats",
        "sklearn.linear_model",
        "sqlalchemy",
    ),
    *("altair", "vl_convert", "pydantic", "yaml", "mlflow.store.tracking.sqlalchemy_store"),
)
LEFT_OUT = ("benchmark", "cluster", "distributed", "engines")
"""Modules that want what an installation may lack."""


@dataclass(frozen=True)
class Ended:
    """A call that has ended.

    Attributes:
        status: Its exit status; −9 where it was killed.
        said: What it printed, both streams.
        seconds: How long it took.
    """

    status: int
    said: str
    seconds: float

    @property
    def sentences(self) -> list[str]:
        """What it said of its fault."""
        return [line for line in self.said.splitlines() if line.startswith("releasegap: ")]

    @property
    def in_one_sentence(self) -> bool:
        """Whether it ended as a fault of the place must: status 2, one sentence, no traceback."""
        return self.status == 2 and len(self.sentences) == 1 and "Traceback" not in self.said


def preload() -> None:
    """Imports what calls import, so that moments of a kill fall into the work and not into imports."""
    for folder in HOUSE:
        package = importlib.import_module(folder)
        for found in pkgutil.walk_packages(package.__path__, f"{folder}."):
            if not any(part in found.name for part in LEFT_OUT):
                importlib.import_module(found.name)
    for name in HEAVY:
        importlib.import_module(name)
    importlib.import_module("workbench")
    gc.freeze()


def call(words: Sequence[object], log: Path, after: float | None = None) -> Ended:
    """Calls `releasegap WORDS` in a process of its own; kills it (−9) so many seconds after its start, if given."""

    def work() -> int:
        app = importlib.import_module("workbench").app
        try:
            app([str(word) for word in words], prog_name="releasegap")
        except SystemExit as ended:
            return ended.code if isinstance(ended.code, int) else int(bool(ended.code))
        return 0

    start = time.monotonic()
    child = _forked(work, log)
    status: int | None = None
    while status is None:
        done, raw = os.waitpid(child, os.WNOHANG)
        if done:
            status = os.waitstatus_to_exitcode(raw)
        elif after is not None and time.monotonic() - start >= after:
            os.kill(child, signal.SIGKILL)
            status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        else:
            time.sleep(0.002)
    return Ended(status, log.read_text(encoding="utf-8", errors="replace"), time.monotonic() - start)


def asked(question: Callable[..., Any], *given: Any, log: Path) -> Any:
    """What a function answers (JSON) in a process of its own, so that the one that forks opens nothing itself.

    Raises:
        RuntimeError: It raised.
    """
    answer = log.with_suffix(".json")

    def work() -> int:
        from data.lock import own_temporaries

        with own_temporaries():
            answer.write_text(json.dumps(question(*given)), encoding="utf-8")
        return 0

    answer.unlink(missing_ok=True)
    child = _forked(work, log)
    status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    if status or not answer.is_file():
        raise RuntimeError(
            f"{question.__name__} failed: {log.read_text(encoding='utf-8', errors='replace')[-2000:]}"
        )
    return json.loads(answer.read_text(encoding="utf-8"))


def at_once(works: Sequence[Callable[[], Any]], most: int, folder: Path) -> list[Any]:
    """What functions answer (JSON), each in a process of its own, so many at a time."""
    waiting, running, answers = list(enumerate(works)), dict[int, int](), list[Any]([None] * len(works))
    while waiting or running:
        while waiting and len(running) < most:
            place, work = waiting.pop(0)

            def tell(work: Callable[[], Any] = work, place: int = place) -> int:
                (folder / f"answer-{place}.json").write_text(json.dumps(work()), encoding="utf-8")
                return 0

            running[_forked(tell, folder / f"work-{place}.log")] = place
        child, raw = os.wait()
        place = running.pop(child)
        if raw:
            said = (folder / f"work-{place}.log").read_text(encoding="utf-8", errors="replace")
            answers[place] = {"tried": 1, "lost": [f"it could not be tried: {said[-3000:]}"]}
            continue
        answers[place] = json.loads((folder / f"answer-{place}.json").read_text(encoding="utf-8"))
    return answers


def _forked(work: Callable[[], int], log: Path) -> int:
    """Starts a process that does the work and ends with what it gives; its output goes to the log."""
    child = os.fork()
    if child:
        return child
    status = 70
    try:
        told = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o644)
        os.dup2(told, 1)
        os.dup2(told, 2)
        status = work()
    except BaseException:
        import traceback

        traceback.print_exc()
    finally:
        import contextlib
        import sys

        for stream in (sys.stdout, sys.stderr):
            with contextlib.suppress(Exception):
                stream.flush()
        os._exit(status)
