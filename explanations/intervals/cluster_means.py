"""Means by group with intervals that know that one borrower's requests resemble each other."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class GroupMeans:
    """Per group: number of rows, their mean, and the interval's ends (NaN with fewer than two borrowers)."""

    rows: NDArray[np.int64]
    mean: Floats
    low: Floats
    high: Floats


def group_means(
    values: Floats, group: NDArray[np.int64], borrower_id: NDArray[np.int64], groups: int, level: float
) -> GroupMeans:
    """Means of values by group, with normal intervals from the spread of borrowers' sums.

    The sandwich estimate with clusters (Liang and Zeger, doi:10.1093/biomet/73.1.13), c / (c - 1) for c borrowers.

    Args:
        values: One a row.
        group: The row's group, from 0; negative for none.
        borrower_id: The row's borrower.
        groups: How many groups there are.
        level: Coverage of the intervals.
    """
    there = (group >= 0) & np.isfinite(values)
    values, group = values[there], group[there]
    rows = np.bincount(group, minlength=groups)
    with np.errstate(divide="ignore", invalid="ignore"):
        mean = np.bincount(group, weights=values, minlength=groups) / rows
    _, who = np.unique(borrower_id[there], return_inverse=True)
    pairs, cell = np.unique(group * (who.max(initial=0) + 1) + who, return_inverse=True)
    sums = np.bincount(cell, weights=values - mean[group], minlength=len(pairs))
    of_pair = pairs // (who.max(initial=0) + 1)
    squares = np.bincount(of_pair, weights=sums**2, minlength=groups)
    clusters = np.bincount(of_pair, minlength=groups).astype(float)
    with np.errstate(divide="ignore", invalid="ignore"):
        error = np.sqrt(squares * clusters / (clusters - 1)) / rows
    reach = ndtri((1 + level) / 2) * np.where(clusters > 1, error, np.nan)
    return GroupMeans(rows, mean, mean - reach, mean + reach)
