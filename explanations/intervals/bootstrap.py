"""Cluster-bootstrap intervals: how far a cohort's means could move had other borrowers come.

Requests of one borrower resemble each other, so whole borrowers are drawn, with all of their rows
(Cameron, Gelbach and Miller, doi:10.1162/rest.90.3.414).
"""

from collections.abc import Sequence
from typing import Final

import numpy as np
from numba import njit
from numpy.typing import NDArray

from data.errors import CallError
from explanations.intervals.proportions import wilson

_CHUNK_DRAWN: Final = 1 << 21  # drawn borrowers held at once (32 MB)
_TOGETHER: Final = 8  # draws that a borrower's columns are added to while they lie in the cache


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
    everyone = np.zeros(len(values), dtype=np.int64)
    return total_interval(values, everyone, (1.0,), borrower_id, draws, seed, level)


def share_interval(
    values: NDArray[np.float64], borrower_id: NDArray[np.int64], draws: int, seed: int, level: float
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """As `mean_interval`, of columns that are shares (0 to 1).

    Where all rows are 0, or all are 1, every draw says the same, which is not to be sure: there Wilson's interval of so
    many borrowers stands.
    """
    low, high = mean_interval(values, borrower_id, draws, seed, level)
    borrowers = len(np.unique(borrower_id))
    if borrowers < 2:
        return low, high
    for part, same in ((0, (values == 0).all(axis=0)), (borrowers, (values == 1).all(axis=0))):
        low[same], high[same] = wilson(part, borrowers, level)
    return low, high


def total_interval(
    values: NDArray[np.float64],
    stratum: NDArray[np.int64],
    sizes: Sequence[float],
    borrower_id: NDArray[np.int64],
    draws: int,
    seed: int,
    level: float,
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Percentile intervals of the columns' totals over strata of known size, of each of which some rows were looked at.

    A draw's total is the sum over the strata of their size times the mean of the drawn rows: how many rows of which
    stratum were looked at was chosen, so it tells nothing of how sure a total is. Draws that hold nobody of a stratum
    are left out.

    Args:
        values: rows × columns.
        stratum: the place of each row's stratum among `sizes`.
        sizes: how many there are of each stratum in all.
        borrower_id: the borrower of each row.
        draws: how many cohorts are drawn.
        seed: the same seed, the same intervals.
        level: the interval's coverage, such as 0.95.

    Returns:
        The lower and upper ends, one for each column; NaN where a stratum has rows of fewer than two borrowers.

    Raises:
        CallError: draws is not positive or level is not between 0 and 1.
    """
    if draws < 1 or not 0.0 < level < 1.0:
        raise CallError(
            f"a bootstrap of {draws} draws at level {level} cannot be taken; "
            "give at least one draw and a level between 0 and 1"
        )
    nothing = np.full(values.shape[1], np.nan)
    sums = _by_borrower(values, stratum, len(sizes), borrower_id)
    rows = sums[:, :, -1]
    told = rows.any(axis=0)
    if not told.any() or ((rows > 0).sum(axis=0)[told] < 2).any():
        return nothing, nothing
    drawn = _drawn_sums(sums.reshape(len(sums), -1), draws, np.random.default_rng(seed))
    drawn = drawn.reshape(draws, *sums.shape[1:])[:, told]
    drawn = drawn[(drawn[:, :, -1] > 0).all(axis=1)]
    if not len(drawn):
        return nothing, nothing
    totals = (np.asarray(sizes)[told, None] * (drawn[:, :, :-1] / drawn[:, :, -1:])).sum(axis=1)
    low, high = np.quantile(totals, [(1.0 - level) / 2.0, (1.0 + level) / 2.0], axis=0)
    return low, high


def _by_borrower(
    values: NDArray[np.float64], stratum: NDArray[np.int64], strata: int, borrower_id: NDArray[np.int64]
) -> NDArray[np.float64]:
    """Each borrower's sums of the columns, and last the number of rows, by stratum (borrowers × strata × columns)."""
    who, which = np.unique(borrower_id, return_inverse=True)
    sums = np.zeros((len(who), strata, values.shape[1] + 1))
    np.add.at(sums, (which, stratum), np.column_stack([values, np.ones(len(values))]))
    return sums


def _drawn_sums(
    totals: NDArray[np.float64], draws: int, generator: np.random.Generator
) -> NDArray[np.float64]:
    """The columns' sums in each drawn cohort (draws × columns), of the sums of each borrower."""
    borrowers = len(totals)
    chunk = max(1, _CHUNK_DRAWN // borrowers)
    found = []
    for first in range(0, draws, chunk):
        size = min(chunk, draws - first)
        found.append(drawn_sums(drawn_times(borrowers, size, generator), totals))
    return np.concatenate(found)


def drawn_times(borrowers: int, draws: int, generator: np.random.Generator) -> NDArray[np.float64]:
    """How often each of so many borrowers is drawn, with replacement, in each draw (draws × borrowers)."""
    times = np.zeros((draws, borrowers))
    _count(generator.integers(borrowers, size=(draws, borrowers)), times)
    return times


@njit(cache=True, nogil=True)
def _count(drawn: NDArray[np.int64], times: NDArray[np.float64]) -> None:
    """Adds to times (draws × borrowers) how often each borrower stands in each draw."""
    for draw in range(len(drawn)):
        for borrower in drawn[draw]:
            times[draw, borrower] += 1.0


@njit(cache=True, nogil=True)
def drawn_sums(times: NDArray[np.float64], columns: NDArray[np.float64]) -> NDArray[np.float64]:
    """The columns' sums in each draw (draws × columns), a borrower's as often as he was drawn.

    Args:
        times: draws × borrowers; what a borrower who was not drawn has is not read, so it may be NaN.
        columns: borrowers × columns.
    """
    # Not a product of matrices, whose last bits change with the number of BLAS threads.
    found = np.zeros((len(times), columns.shape[1]))
    for first in range(0, len(times), _TOGETHER):
        for borrower in range(len(columns)):
            for draw in range(first, min(first + _TOGETHER, len(times))):
                often = times[draw, borrower]
                if often > 0.0:
                    for column in range(columns.shape[1]):
                        found[draw, column] += often * columns[borrower, column]
    return found
