"""Whether a model keeps to the direction that its features may push, tried on rows of a book."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from data.sampling import spread_places
from models.boosted import Boosted

TOLERANCE = 1e-12
"""A step against the sign that is no larger is rounding."""


@dataclass(frozen=True)
class Monotone:
    """What was tried.

    Attributes:
        features: How many features may push one way alone.
        rows: How many rows were tried.
        comparisons: How many steps from a value of a feature to its next one, all else equal.
        against: How many of them moved the score the wrong way.
        worst: The largest of these (units of the score); 0 where there is none.
    """

    features: int
    rows: int
    comparisons: int
    against: int
    worst: float


def monotone(
    model: Boosted, signs: Sequence[int], values: NDArray[np.float32], most_rows: int, most_values: int
) -> Monotone:
    """Sets each feature with a sign, in each of some rows, to the values that the book has of it, from low to high.

    Args:
        model: The model.
        signs: Which way each feature may push: 1 up, -1 down, 0 either.
        values: Rows of the book (rows × features).
        most_rows: So many of them are tried, spread evenly over all.
        most_values: So many values of a feature, spread evenly over its distribution.
    """
    chosen = values[spread_places(len(values), most_rows)] if len(values) else values
    signed = [place for place, sign in enumerate(signs) if sign]
    comparisons = against = 0
    worst = 0.0
    for place in signed:
        known = values[:, place][~np.isnan(values[:, place])]
        steps = (
            np.unique(np.quantile(known, np.linspace(0, 1, most_values), method="nearest"))
            if len(known)
            else known
        )
        if len(steps) < 2 or not len(chosen):
            continue
        tried = np.repeat(chosen, len(steps), axis=0)
        tried[:, place] = np.tile(steps, len(chosen))
        moved = signs[place] * np.diff(model.raw(tried).reshape(len(chosen), len(steps)), axis=1)
        comparisons += moved.size
        against += int((moved < -TOLERANCE).sum())
        worst = max(worst, float(-moved.min()) if (moved < -TOLERANCE).any() else 0.0)
    return Monotone(len(signed), len(chosen), comparisons, against, worst)
