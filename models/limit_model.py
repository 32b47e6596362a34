"""The limit model: the log of the limit that a review assesses."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from models.boosted import Boosted, Floats


@dataclass(frozen=True, eq=False)
class LimitModel(Boosted):
    """f_L: from the limit snapshot of a review to its log-limit."""

    def score(self, values: NDArray[np.float32]) -> Floats:
        """Predicted log-limit (log-RMB) by row of a matrix of limit snapshots."""
        return self.raw(values)

    def limit(self, values: NDArray[np.float32]) -> Floats:
        """Predicted limit (RMB) by row of a matrix of limit snapshots."""
        return np.exp(self.raw(values))
