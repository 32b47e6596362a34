"""A logistic scorecard, the release model's benchmark: points for the bin of each value, summed to log-odds.

What lenders used before boosted trees, and what a validator knows how to read: every feature has a few bins, every bin
its points (log-odds of going bad). Where the catalogue names a sign, the points never go the other way.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from data.errors import DataFault
from models.boosted import Floats, Origin
from models.calibration import Calibration


@dataclass(frozen=True)
class Bins:
    """The bins of one feature.

    Attributes:
        edges: Highest value of each bin but the last, in order; none where the feature has no part in the scorecard.
        points: Log-odds of each bin in their order, and last those of a missing value (0 where none was missing).
    """

    edges: tuple[float, ...]
    points: tuple[float, ...]

    def of(self, values: NDArray[np.float32]) -> Floats:
        """Points of each value."""
        place = np.searchsorted(np.asarray(self.edges, dtype=np.float32), values, side="left")
        return np.asarray(self.points)[np.where(np.isnan(values), len(self.edges) + 1, place)]


UNUSED = Bins((), (0.0, 0.0))
"""The bins of a feature that has no part."""


@dataclass(frozen=True)
class LogisticScorecard:
    """Points by feature and bin, their sum's log-odds and its calibration.

    Attributes:
        features: Columns of the matrix that it scores, in order.
        bins: Of each of them.
        intercept: Log-odds where all points are 0.
        parameters: The parameters of the fit, JSON-ready.
        origin: The book and the catalogue that it was made from.
        calibration: From the log-odds to the probability of default.
    """

    features: tuple[str, ...]
    bins: tuple[Bins, ...]
    intercept: float
    parameters: Mapping[str, Any]
    origin: Origin
    calibration: Calibration

    @property
    def used(self) -> tuple[str, ...]:
        """The features that have points."""
        return tuple(name for name, bins in zip(self.features, self.bins, strict=True) if bins.edges)

    @property
    def text(self) -> str:
        """The scorecard as JSON; the same for the same fit."""
        told = {
            "kind": "scorecard",
            "intercept": self.intercept,
            "calibration": asdict(self.calibration),
            "points": {
                name: {
                    "up_to": list(bins.edges),
                    "points": list(bins.points[:-1]),
                    "missing": bins.points[-1],
                }
                for name, bins in zip(self.features, self.bins, strict=True)
            },
            "parameters": dict(self.parameters),
            **asdict(self.origin),
        }
        return json.dumps(told, indent=1, ensure_ascii=False, allow_nan=False) + "\n"

    @property
    def digest(self) -> str:
        """sha256 of the text, in hex."""
        return hashlib.sha256(self.text.encode()).hexdigest()

    def require(self, features: Sequence[str]) -> None:
        """Checks that a matrix with these columns, in this order, is one that the scorecard scores.

        Raises:
            DataFault: It is not.
        """
        if tuple(features) != self.features:
            raise DataFault("The scorecard does not fit this book's features; fit it on this book.")

    def margin(self, values: NDArray[np.float32]) -> Floats:
        """Log-odds of bad by row of a matrix of release snapshots, before calibration."""
        score = np.full(len(values), self.intercept)
        for column, bins in enumerate(self.bins):
            if bins.edges:
                score += bins.of(values[:, column])
        return score

    def pd(self, values: NDArray[np.float32]) -> Floats:
        """Calibrated probability of default (0–1) by row of a matrix of release snapshots."""
        return self.calibration.pd(self.margin(values))

    def unreadable(self, values: NDArray[np.float32]) -> NDArray[np.bool_]:
        """None: a missing value has points of its own."""
        return np.zeros(len(values), dtype=bool)

    def contributions(self, rows: NDArray[np.float32], background: NDArray[np.float32]) -> Floats:
        """What each feature adds to each row's log-odds against the background's mean (rows × features).

        Of a sum of points these are the Shapley values, without any sampling.
        """
        found = np.zeros(rows.shape)
        for column, bins in enumerate(self.bins):
            if bins.edges:
                found[:, column] = bins.of(rows[:, column]) - bins.of(background[:, column]).mean()
        return found


def scorecard_of(text: str) -> LogisticScorecard:
    """The scorecard of a text.

    Raises:
        DataFault: It is not one.
    """
    try:
        told = json.loads(text)
        points = told["points"]
        return LogisticScorecard(
            features=tuple(points),
            bins=tuple(
                Bins(tuple(one["up_to"]), (*one["points"], one["missing"])) for one in points.values()
            ),
            intercept=told["intercept"],
            parameters=told["parameters"],
            origin=Origin(told["book_digest"], told["catalogue_digest"]),
            calibration=Calibration(**told["calibration"]),
        )
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise DataFault("The scorecard is damaged or was changed by hand; fit it again.") from error
