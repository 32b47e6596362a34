"""Batches of a month and a region whose amounts or limits are distributed otherwise than those before them."""

from __future__ import annotations

from typing import Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.stats import chi2

from explanations.parameters import BatchParameters

BINS: Final = 10
_HALF: Final = 0.5  # added to every count, so that an empty bin is not infinitely far off


def jumped_batches(
    requests: pd.DataFrame, reviews: pd.DataFrame, parameters: BatchParameters
) -> tuple[int, list[str]]:
    """How many batches were looked at, and which of them jumped, the largest jump first.

    A batch is a month and a region; held against the same region's months before are the amounts of requests and the
    assessed limits of reviews, in tenths of all. A jump is a stability index (PSI) from a threshold on that chance
    alone does not give: PSI · nm / (n + m) is χ² of nine degrees of freedom without a change.
    """
    looked, jumps = 0, []
    for name, rows, value, date in (
        ("amount", requests, "amount", "requested_on"),
        ("limit", reviews, "limit_assessed", "reviewed_on"),
    ):
        told = rows[[value, date, "region"]].dropna()
        if not len(told):
            continue
        month = told[date].to_numpy().astype("datetime64[M]").astype(np.int64)
        counts, first = _counts(told[value].to_numpy(np.float64), month, told["region"].to_numpy(np.int64))
        index, surprise, judged = _stability(counts, parameters)
        looked += int(judged.sum())
        beyond = surprise > chi2.isf((1 - parameters.level) / max(judged.sum(), 1), BINS - 1)
        for place, region in np.argwhere(judged & beyond & (index >= parameters.psi)).tolist():
            month_of = np.datetime64(first + place, "M")
            jumps.append((float(index[place, region]), f"{name} {month_of}, {region}"))
    return looked, [f"{told} (PSI {index:.2f})" for index, told in sorted(jumps, key=lambda jump: -jump[0])]


def _counts(
    values: NDArray[np.float64], month: NDArray[np.int64], region: NDArray[np.int64]
) -> tuple[NDArray[np.float64], int]:
    """Rows by month (from the first on), region and tenth of all values; and the first month (since 1970)."""
    edges = np.unique(np.quantile(values, np.arange(1, BINS) / BINS))
    tenth = np.searchsorted(edges, values, side="right")
    first, regions = int(month.min()), int(region.max()) + 1
    shape = (int(month.max()) - first + 1, regions, BINS)
    place = ((month - first) * regions + region) * BINS + tenth
    return np.bincount(place, minlength=int(np.prod(shape))).reshape(shape).astype(np.float64), first


def _stability(
    counts: NDArray[np.float64], parameters: BatchParameters
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.bool_]]:
    """PSI of each month and region against the months before, the same as χ², and whether both have rows enough."""
    so_far = np.concatenate([np.zeros((1, *counts.shape[1:])), np.cumsum(counts, axis=0)])
    month = np.arange(len(counts))
    before = so_far[month] - so_far[np.maximum(month - parameters.months, 0)]
    now_rows, before_rows = counts.sum(axis=2), before.sum(axis=2)
    share, usual = (
        (rows + _HALF) / (total + BINS * _HALF)[:, :, None]
        for rows, total in ((counts, now_rows), (before, before_rows))
    )
    index = ((share - usual) * np.log(share / usual)).sum(axis=2)
    judged = (now_rows >= parameters.rows) & (before_rows >= parameters.rows)
    with np.errstate(invalid="ignore"):
        surprise = index * now_rows * before_rows / (now_rows + before_rows)
    return index, surprise, judged
