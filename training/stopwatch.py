"""What each stage of the work takes: processor seconds, wall seconds, rows a second, peak memory."""

from __future__ import annotations

import resource
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager


class Stopwatch:
    """Measures stages one after the other; children that have ended are counted in."""

    def __init__(self) -> None:
        """Nothing measured yet."""
        self._rows: list[dict[str, object]] = []

    @contextmanager
    def stage(self, name: str, size: int, unit: str) -> Iterator[None]:
        """Measures a stage that works on `size` units."""
        wall, processor = time.perf_counter(), _processor_seconds()
        yield
        wall, processor = time.perf_counter() - wall, _processor_seconds() - processor
        self._rows += [
            {"name": f"{name}: processor", "value": round(processor, 3), "unit": "s"},
            {"name": f"{name}: wall", "value": round(wall, 3), "unit": "s"},
            {"name": f"{name}: rate", "value": round(size / wall), "unit": f"{unit} a wall second"},
        ]

    def rows(self) -> list[dict[str, object]]:
        """What was measured so far, and the most memory that this process or a child has held."""
        peak = max(
            resource.getrusage(who).ru_maxrss for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)
        )
        unit = 1024**2 if sys.platform == "darwin" else 1024
        return [
            *self._rows,
            {"name": "peak memory of one process", "value": round(peak / unit), "unit": "MiB"},
        ]


def as_text(rows: Sequence[Mapping[str, object]]) -> str:
    """Measurements as lines of text, to three significant digits."""
    rounded = [float(f"{row['value']:.3g}") for row in rows]
    return "\n".join(
        f"{row['name']!s:<44}{value:>12,.10g} {row['unit']}" for row, value in zip(rows, rounded, strict=True)
    )


def _processor_seconds() -> float:
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(part.ru_utime + part.ru_stime for part in used)
