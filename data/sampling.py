"""Parts that stand for a whole: chosen by place, evenly spread, so that the same book gives the same part."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray


def spread_places(rows: int, most: int) -> NDArray[np.int64]:
    """Places of all rows, or of so many spread evenly over them."""
    return np.unique(np.linspace(0, rows - 1, min(rows, most)).round().astype(np.int64))


def spread_blocks(blocks: int, rows: int, most: int) -> list[int]:
    """So many of the blocks, spread evenly, as hold about `most` of the rows; all where there are no more."""
    wanted = max(math.ceil(blocks * most / max(rows, 1)), 1)
    return [int(block) for block in spread_places(blocks, wanted)]
