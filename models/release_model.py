"""The release model: the probability that a released draw goes bad."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from models.boosted import Boosted, Floats
from models.calibration import Calibration


@dataclass(frozen=True, eq=False)
class ReleaseModel(Boosted):
    """f_R: from the release snapshot of a draw request to its log-odds of going bad.

    Attributes:
        calibration: From the log-odds of the trees to the probability of default.
    """

    calibration: Calibration

    def margin(self, values: NDArray[np.float32]) -> Floats:
        """Log-odds of bad by row of a matrix of release snapshots, before calibration."""
        return self.raw(values)

    def pd(self, values: NDArray[np.float32]) -> Floats:
        """Calibrated probability of default (0–1) by row of a matrix of release snapshots."""
        return self.calibration.pd(self.raw(values))
