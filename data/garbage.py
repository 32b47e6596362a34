"""How seldom Python looks for cyclic garbage."""

from __future__ import annotations

import atexit
import gc


def collect_seldom() -> None:
    """Sets the collector of cyclic garbage to a program that imports much, makes large arrays, and ends.

    With Python's own thresholds it looks through all that was imported again and again, and once more at
    the end: two seconds of a run, for garbage of next to no size. Looking after every ten thousand objects still
    takes 1.5 of 22 seconds.
    """
    gc.set_threshold(100_000)
    atexit.register(gc.freeze)
