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
    """Measures stages one after the other; children are counted in, where there is no /proc when they have ended.

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
    return [int(fields[21]) * resource.getpagesize() for fields in _tree(root)]


def _processor_seconds() -> float:
    """Of this process, of its children that have ended, and of all that its other descendants have used so far."""
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    ticks = sum(int(field) for fields in _tree(os.getpid())[1:] for field in fields[11:15])
    return sum(part.ru_utime + part.ru_stime for part in used) + ticks / os.sysconf("SC_CLK_TCK")


def _tree(root: int) -> list[list[str]]:
    """The fields of /proc/…/stat, without number and name, of a process and of each of its descendants."""
    found: dict[int, list[str]] = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            # The name of the program stands in brackets and may hold anything.
            found[int(stat.parent.name)] = stat.read_text(errors="replace").rpartition(")")[2].split()
        except OSError:  # it has ended
            continue
    tree = [root] if root in found else []
    for process in tree:
        tree += [child for child, fields in found.items() if int(fields[1]) == process]
    return [found[process] for process in tree]
