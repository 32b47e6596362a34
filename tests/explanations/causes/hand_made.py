"""Small matrices and estimates made by hand, for tests of what the ledger of causes is made of."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from explanations.causes.estimates import HOW_SPENT, Neutral
from features.matrix import Matrix


def matrix_of(keys: dict[str, Any], **features: Any) -> Matrix:
    """A matrix of these features, a value by row, or one for all."""
    frame = pd.DataFrame(keys)
    columns = [np.broadcast_to(np.float32(values), len(frame)) for values in features.values()]
    return Matrix(frame, np.column_stack(columns), tuple(features))


def column(matrix: Matrix, name: str) -> list[float]:
    """A feature's values."""
    return [float(value) for value in matrix.values[:, matrix.features.index(name)]]


def neutral_of(**changed: Any) -> Neutral:
    """Estimates that change nothing, but for those that are given."""
    plain: dict[str, Any] = {
        "pull": 0.0,
        "competition": np.zeros((1, 1)),
        "first_month": 1,
        "income": np.array([0.0, 1.0, 0.0]),
        "spending": 0.0,
        "usual": dict.fromkeys(HOW_SPENT, 0.0),
        "surge": np.ones(12),
        "assessment": np.zeros(11),
    }
    return Neutral(**plain | changed)
