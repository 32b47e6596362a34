"""The release model: the probability that a released draw goes bad."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from models.boosted import Boosted, Floats, Origin
from models.calibration import Calibration


class Releasing(Protocol):
    """What can decide on draws: the release model, or the scorecard that stands beside it."""

    @property
    def features(self) -> tuple[str, ...]:
        """Columns of the matrix that it scores, in order."""

    @property
    def calibration(self) -> Calibration:
        """From its log-odds to the probability of default."""

    @property
    def parameters(self) -> Mapping[str, Any]:
        """The parameters of the fit, JSON-ready."""

    @property
    def origin(self) -> Origin:
        """The book and the catalogue that it was made from."""

    @property
    def digest(self) -> str:
        """sha256 of its text, in hex."""

    def margin(self, values: NDArray[np.float32]) -> Floats:
        """Log-odds of bad by row of a matrix of release snapshots, before calibration."""

    def pd(self, values: NDArray[np.float32]) -> Floats:
        """Calibrated probability of default (0–1) by row of a matrix of release snapshots."""

    def unreadable(self, values: NDArray[np.float32]) -> NDArray[np.bool_]:
        """Rows that it cannot read."""

    def require(self, features: Sequence[str]) -> None:
        """Checks that a matrix with these columns is one that it scores."""


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
