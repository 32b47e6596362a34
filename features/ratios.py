"""Ratios of amounts, where the amount below may be nothing."""

from __future__ import annotations

import numpy as np

from features.windows import Values


def ratio(above: Values, below: Values) -> Values:
    """`above / below`, NaN where `below` is not positive or either is missing."""
    out = np.full(len(above), np.nan, dtype=np.float32)
    return np.divide(above, below, out=out, where=below > 0)
