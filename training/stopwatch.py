"""What each stage of the work takes: processor seconds, wall seconds, and the most memory of all processes."""

from __future__ import annotations

import os
import resource
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_EVERY = 0.2  # seconds between two looks at the memory; one takes about a millisecond


class Stopwatch:
    """Measures stages one after the other; children that have ended are counted in.

    Attributes:
        processor: Processor seconds by stage.
        wall: Wall seconds of all stages.
    """

    def __init__(self) -> None:
        """Nothing measured yet."""
        self.processor: dict[str, float] = {}
        self.wall = 0.0

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Measures a stage."""
        wall, processor = time.perf_counter(), _processor_seconds()
        yield
        self.wall += time.perf_counter() - wall
        self.processor[name] = _processor_seconds() - processor


class MemoryWatch:
    """Looks at the memory of this process and all its descendants while it is entered (Linux).

    Pages that processes share are counted in each, so the peak is an upper bound at the moments looked at. Of
    this process alone the system itself knows the peak; where there is no /proc, that is all that is known.

    Attributes:
        by_stage: The most memory seen in each stage (bytes), in the order in which they began.
    """

    def __init__(self) -> None:
        """Not yet watching."""
        self._seen = 0
        self._stage = ""
        self.by_stage: dict[str, int] = {}
        self._ended = threading.Event()
        self._watcher = threading.Thread(target=self._watch, daemon=True)

    def __enter__(self) -> MemoryWatch:
        self._watcher.start()
        return self

    def __exit__(self, *raised: object) -> None:
        self._ended.set()
        self._watcher.join()
        self._seen = max(self._seen, own_peak())

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """What is seen meanwhile counts for this stage."""
        self._stage = name
        self._look()
        yield
        self._look()
        self._stage = ""

    @property
    def peak(self) -> int:
        """The most memory seen (bytes)."""
        return self._seen

    def _watch(self) -> None:
        while not self._ended.wait(_EVERY):
            self._look()

    def _look(self) -> None:
        seen, stage = sum(_resident_of_tree(os.getpid())), self._stage
        self._seen = max(self._seen, seen)
        if stage and seen:
            self.by_stage[stage] = max(self.by_stage.get(stage, 0), seen)


def own_peak() -> int:
    """The most memory that this process has held (bytes)."""
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit


def _resident_of_tree(root: int) -> list[int]:
    """Resident memory (bytes) of a process and of each of its descendants; empty where there is no /proc."""
    parent: dict[int, int] = {}
    resident: dict[int, int] = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            # The name of the program stands in brackets and may hold anything.
            fields = stat.read_text(errors="replace").rpartition(")")[2].split()
        except OSError:  # it has ended
            continue
        process = int(stat.parent.name)
        parent[process], resident[process] = int(fields[1]), int(fields[21]) * resource.getpagesize()
    tree = [root] if root in resident else []
    for process in tree:
        tree += [child for child, of in parent.items() if of == process]
    return [resident[process] for process in tree]


def _processor_seconds() -> float:
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(part.ru_utime + part.ru_stime for part in used)
