"""Cluster-bootstrap intervals: how far a cohort's means could move had other borrowers come.

Requests of one borrower resemble each other, so whole borrowers are drawn, with all of their rows
(Cameron, Gelbach and Miller, doi:10.1162/rest.90.3.414).
"""

from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from data.errors import CallError

_CHUNK_DRAWN: Final = 1 << 21  # drawn borrowers held at once (32 MB)


def mean_interval(
    values: NDArray[np.float64], borrower_id: NDArray[np.int64], draws: int, seed: int, level: float
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Percentile intervals of the columns' means over rows, by drawing borrowers with replacement.

    A drawn borrower brings all of their rows, so a draw's mean is a ratio of sums.

    Args:
        values: rows × columns, such as contributions.
        borrower_id: the borrower of each row.
        draws: how many cohorts are drawn.
        seed: the same seed, the same intervals.
        level: the interval's coverage, such as 0.95.

    Returns:
        The lower and upper ends, one for each column; NaN with fewer than two borrowers, who tell no spread.

    Raises:
        CallError: draws is not positive or level is not between 0 and 1.
    """
    if draws < 1 or not 0.0 < level < 1.0:
        raise CallError(
            f"a bootstrap of {draws} draws at level {level} cannot be taken; "
            "give at least one draw and a level between 0 and 1"
        )
    sums, rows = _by_borrower(values, borrower_id)
    if len(rows) < 2:
        return np.full(values.shape[1], np.nan), np.full(values.shape[1], np.nan)
    means = _drawn_means(sums, rows, draws, np.random.default_rng(seed))
    low, high = np.quantile(means, [(1.0 - level) / 2.0, (1.0 + level) / 2.0], axis=0)
    return low, high


def _by_borrower(
    values: NDArray[np.float64], borrower_id: NDArray[np.int64]
) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Each borrower's sums (borrowers × columns) and number of rows."""
    _, which, rows = np.unique(borrower_id, return_inverse=True, return_counts=True)
    sums = np.zeros((len(rows), values.shape[1]))
    np.add.at(sums, which, values)
    return sums, rows


def _drawn_means(
    sums: NDArray[np.float64], rows: NDArray[np.int64], draws: int, generator: np.random.Generator
) -> NDArray[np.float64]:
    """The columns' means in each drawn cohort (draws × columns)."""
    borrowers = len(rows)
    totals = np.column_stack([sums, rows])
    chunk = max(1, _CHUNK_DRAWN // borrowers)
    means = []
    for first in range(0, draws, chunk):
        size = min(chunk, draws - first)
        drawn = generator.integers(borrowers, size=(size, borrowers))
        # A sparse product, since a dense one's last bits change with the number of BLAS threads.
        times_drawn = csr_array(
            (np.ones(drawn.size), drawn.ravel(), borrowers * np.arange(size + 1)), shape=(size, borrowers)
        )
        drawn_totals = times_drawn @ totals
        means.append(drawn_totals[:, :-1] / drawn_totals[:, -1:])
    return np.concatenate(means)
