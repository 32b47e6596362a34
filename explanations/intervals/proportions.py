"""Intervals of proportions that hold also where few are counted."""

from __future__ import annotations

from scipy.stats import binomtest


def wilson(part: int, whole: int, level: float = 0.95) -> tuple[float, float]:
    """Wilson's interval of a proportion (doi:10.1080/01621459.1927.10502953); NaN where nothing is counted."""
    if not whole:
        return float("nan"), float("nan")
    found = binomtest(int(part), int(whole)).proportion_ci(level, method="wilson")
    return float(found.low), float(found.high)
