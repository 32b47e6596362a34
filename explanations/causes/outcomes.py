"""Snapshots as they may have been: some draws of each, of which those that came out alike are kept once."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from features.matrix import Matrix


@dataclass(frozen=True)
class Outcomes:
    """Snapshots as they may have been: some draws of each, those that came out alike kept once.

    Attributes:
        matrix: The distinct outcomes, with the keys of the snapshots that they are outcomes of.
        row: Place of that snapshot, by outcome.
        place: Place of its outcome, by draw and snapshot.
    """

    matrix: Matrix
    row: NDArray[np.intp]
    place: NDArray[np.intp]


def as_they_were(matrix: Matrix) -> Outcomes:
    """Snapshots of which there is one outcome each."""
    rows = np.arange(len(matrix.values))
    return Outcomes(matrix, rows, rows[None, :])


def distinct(*columns: NDArray[Any]) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Rows that are equal in all columns, kept once.

    Args:
        columns: Arrays of one shape.

    Returns:
        The place of the first of each, in the flattened arrays; and for every row, in their shape, which it is.
    """
    code = np.zeros(columns[0].size, dtype=np.int64)
    for column in columns:
        found, values = pd.factorize(column.ravel())
        code = pd.factorize(code * (len(values) + 1) + found)[0].astype(np.int64)
    first = np.zeros(int(code.max(initial=-1)) + 1, dtype=np.intp)
    first[code[::-1]] = np.arange(len(code))[::-1]
    return first, code.reshape(columns[0].shape)
