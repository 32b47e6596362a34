"""Random numbers keyed by (seed, stream, month, borrower, index): no state, no order, no block size.

Each number is a hash of its key (two rounds of the SplitMix64 finaliser, Steele, Lea and Flood 2014,
doi:10.1145/2660193.2660195), so that one draw more in one stream leaves all others as they were, and
borrower 17 is the same whoever else is in the book.
"""

from __future__ import annotations

import hashlib
from functools import lru_cache

import numpy as np
from numba import njit
from numpy.typing import ArrayLike, NDArray
from scipy.special import ndtri

Floats = NDArray[np.float64]
Whole = NDArray[np.int64]

_GOLDEN = np.uint64(0x9E3779B97F4A7C15)
_FIRST = np.uint64(0xBF58476D1CE4E5B9)
_SECOND = np.uint64(0x94D049BB133111EB)
_NO_EVENT = np.zeros(1, dtype=np.uint64)


class Draws:
    """The random numbers of some borrowers (or regions): whole arrays for one stream and month at a time."""

    def __init__(self, seed: int, who: ArrayLike) -> None:
        """Keys the numbers of `who` (ids) by `seed`."""
        self._seed = seed
        with np.errstate(over="ignore"):
            self._who = np.asarray(who).astype(np.uint64) * _GOLDEN

    def uniform(
        self, stream: str, month: int = 0, index: ArrayLike = 0, rows: NDArray[np.integer] | None = None
    ) -> Floats:
        """Uniform numbers in (0, 1).

        Args:
            stream: Name of what is drawn; other names give independent numbers.
            month: Month of history (burn-in months are 0 and below).
            index: Number of the event within borrower, month and stream; one for all, or one per row.
            rows: Positions of the borrowers to draw for, repeated where they have several events; default all.
        """
        who = self._who if rows is None else self._who[rows]
        key = np.uint64((_stream_key(self._seed, stream) + month * 0xD1B54A32D192ED03) % 2**64)
        if not (np.ndim(index) or index):
            return np.asarray(_uniform(who, key, _NO_EVENT, 0))
        event = np.atleast_1d(np.asarray(index, dtype=np.int64)).astype(np.uint64)
        if np.ndim(index):
            event = np.broadcast_to(event, who.shape)  # the compiled pass looks at no length
        return np.asarray(_uniform(who, key, (event + np.uint64(1)) * _FIRST, int(np.ndim(index) > 0)))

    def normal(
        self, stream: str, month: int = 0, index: ArrayLike = 0, rows: NDArray[np.integer] | None = None
    ) -> Floats:
        """Standard normal numbers, by the inverse of the distribution function."""
        uniform = self.uniform(stream, month, index, rows)
        return np.asarray(ndtri(uniform, out=uniform))


def poisson(uniform: Floats, rate: Floats) -> Whole:
    """Poisson counts by inversion: for one uniform number the count grows with the rate."""
    return np.asarray(_poisson(uniform, rate, np.exp(-rate)))


def binomial(uniform: Floats, trials: Floats, chance: Floats) -> Floats:
    """Binomial counts by inversion: the least count at which the distribution function reaches the uniform number.

    Args:
        uniform: Uniform numbers; their last axis is that of `trials` and `chance`.
        trials: Whole numbers.
        chance: Chance of each trial, above 0 and at most 1.
    """
    count = np.zeros(uniform.shape)
    with np.errstate(divide="ignore", invalid="ignore"):
        odds = chance / (1 - chance)
        term = (1 - chance) ** trials
        below = term.copy()
        for k in range(1, int(trials.max(initial=0)) + 1):
            rows = np.flatnonzero(trials >= k)
            # Where each trial succeeds the odds are infinite and the sum is NaN: every step is taken.
            count[..., rows] += ~(uniform[..., rows] <= below[rows])
            term[rows] *= (trials[rows] - k + 1) / k * odds[rows]
            below[rows] += term[rows]
    return count


def repeated(counts: Whole) -> tuple[Whole, Whole]:
    """Rows and indices of events: row i stands counts[i] times, its events numbered from 0."""
    rows = np.repeat(np.arange(len(counts)), counts)
    first = np.cumsum(counts) - counts
    return rows, np.arange(len(rows)) - first[rows]


@njit(cache=True, nogil=True)
def _uniform(
    who: NDArray[np.uint64], key: np.uint64, event: NDArray[np.uint64], step: int
) -> NDArray[np.float64]:
    """The uniform number of each key; `event` tells its events apart, one a row (`step` 1) or one for all (0)."""
    result = np.empty(len(who))
    for row in range(len(who)):
        bits = _mixed(_mixed(who[row] ^ key) + event[row * step])
        result[row] = (np.float64(bits >> np.uint64(11)) + 0.5) * 2.0**-53
    return result


@njit(cache=True, nogil=True)
def _poisson(
    uniform: NDArray[np.float64], rate: NDArray[np.float64], none: NDArray[np.float64]
) -> NDArray[np.int64]:
    """Poisson counts; `none` is the chance of none of each."""
    count = np.zeros(len(uniform), dtype=np.int64)
    for row in range(len(uniform)):
        k, term, below = 0, none[row], none[row]
        while uniform[row] > below:
            k += 1
            term *= rate[row] / k
            below += term
            # A term of zero ends the sum where rounding keeps it below the uniform number.
            if k > 2 and not term > 0:
                break
        count[row] = k
    return count


@njit(cache=True, nogil=True)
def _mixed(bits: np.uint64) -> np.uint64:
    """The SplitMix64 finaliser."""
    bits = (bits ^ (bits >> np.uint64(30))) * _FIRST
    bits = (bits ^ (bits >> np.uint64(27))) * _SECOND
    return bits ^ (bits >> np.uint64(31))


@lru_cache(maxsize=1024)
def _stream_key(seed: int, stream: str) -> int:
    digest = hashlib.blake2b(f"{seed}/{stream}".encode(), digest_size=8).digest()
    return int.from_bytes(digest, "little")
