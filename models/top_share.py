"""The top share of a book: where it begins, for lenders without a policy table or a previous limit."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from data.errors import DataFault


def top_share_from(values: NDArray[np.float64], share: float) -> float:
    """The value above which the given share (0–1) of the values lies.

    Raises:
        DataFault: There are no values.
    """
    if not len(values):
        raise DataFault(
            "No rows to take a top share of: the calibration period is empty; take a larger book."
        )
    return float(np.quantile(values, 1.0 - share))
