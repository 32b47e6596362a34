"""Intervals of proportions that hold also where few are counted."""

from __future__ import annotations

import math

from scipy.stats import binomtest

_CLUSTERED = 2.5
"""Standard errors, of shares of requests, of which one borrower has several."""


def apart(part: int, whole: int, other_part: int, other_whole: int) -> bool:
    """Whether two shares differ by more than chance gives: by 2.5 standard errors of their difference or more.

    More than the usual 1.96, since requests of one borrower are alike, and so tell less than as many borrowers would.
    """
    pooled = (part + other_part) / (whole + other_whole)
    error = math.sqrt(pooled * (1 - pooled) * (1 / whole + 1 / other_whole))
    return abs(part / whole - other_part / other_whole) >= _CLUSTERED * error > 0


def wilson(part: int, whole: int, level: float = 0.95) -> tuple[float, float]:
    """Wilson's interval of a proportion (doi:10.1080/01621459.1927.10502953); NaN where nothing is counted."""
    if not whole:
        return float("nan"), float("nan")
    found = binomtest(int(part), int(whole)).proportion_ci(level, method="wilson")
    return float(found.low), float(found.high)
