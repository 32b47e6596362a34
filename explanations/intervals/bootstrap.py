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
_LANES: Final = 64  # draws that are summed side by side, as measured


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
        drawn = generator.integers(borrowers, size=(size, borrowers))
        found.append(np.zeros((size, totals.shape[1])))
        _add_drawn(drawn, totals, found[-1])
    return np.concatenate(found)


def drawn_times(borrowers: int, draws: int, generator: np.random.Generator) -> NDArray[np.float64]:
    """How often each of so many borrowers is drawn, with replacement, in each draw (draws × borrowers)."""
    drawn = generator.integers(borrowers, size=(draws, borrowers))
    return np.array([np.bincount(one, minlength=borrowers) for one in drawn], dtype=np.float64)


@njit(cache=True, nogil=True)
def _add_drawn(drawn: NDArray[np.int64], totals: NDArray[np.float64], found: NDArray[np.float64]) -> None:
    """Adds to found (draws × columns) the totals (borrowers × columns) of those who stand in each draw.

    Not a product of matrices, whose last bits change with the number of BLAS threads: here each sum is in the order of
    the borrowers.
    """
    borrowers, columns = totals.shape
    times, sums = np.empty((borrowers, _LANES)), np.empty((columns, _LANES))
    for first in range(0, len(drawn), _LANES):
        draws = min(_LANES, len(drawn) - first)
        times[:] = 0.0
        sums[:] = 0.0
        for lane in range(draws):
            for borrower in drawn[first + lane]:
                times[borrower, lane] += 1.0
        for borrower in range(borrowers):
            for column in range(columns):
                value = totals[borrower, column]
                for lane in range(_LANES):
                    sums[column, lane] += times[borrower, lane] * value
        for lane in range(draws):
            found[first + lane] = sums[:, lane]
