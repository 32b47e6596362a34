"""Stability: how far scores and features have moved from those that the models were fitted on, month by month.

The population stability index is Σ(a − e)·ln(a/e) over bins, e the shares at the fit and a those of a month. Chance
alone moves it: with M rows at the fit and N in the month it is, where nothing has changed, about (1/M + 1/N) times
chi-squared with one degree of freedom fewer than there are bins (Yurdakul and Naranjo, Statistical properties of the
population stability index, Journal of Risk Model Validation 14(4), 2020).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.stats import chi2

Reals = NDArray[np.float32] | NDArray[np.float64]

BINS = 10
CHANCE = 0.95
"""Share of the months without any change whose index lies below `chance`."""
# Half a row is added to each bin (Jeffreys), so that an empty one gives no infinite index.
_HALF = 0.5

STABILITY_COLUMNS = ("month", "rows", "psi", "chance")


def psi_by_month(
    values: Reals,
    month: NDArray[np.int64],
    base: NDArray[np.bool_],
    months: Sequence[int],
) -> pd.DataFrame:
    """The index of a score or feature in each month against the base.

    Args:
        values: By row; missing values are a bin of their own.
        month: Month of each row.
        base: Rows that the models were fitted on.
        months: Months to tell of, those of which there are rows.

    Returns:
        month, rows, psi, and chance: what it reaches by chance alone in one of twenty months.
    """
    counts = _counts(values, month, base, months)
    expected, actual = counts[0], counts[1:]
    present = counts.sum(axis=0) > 0
    expected, actual = expected[present], actual[:, present]
    told = actual.sum(axis=1) > 0
    rows = actual.sum(axis=1)[told]
    if not expected.sum() or not told.any():
        return pd.DataFrame(columns=list(STABILITY_COLUMNS))
    wanted = chi2.ppf(CHANCE, len(expected) - 1) if len(expected) > 1 else 0.0
    return pd.DataFrame(
        {
            "month": np.asarray(months, dtype=np.int64)[told],
            "rows": rows,
            "psi": stability_index(expected, actual[told]),
            "chance": wanted * (1 / expected.sum() + 1 / rows),
        }
    )


def stability_index(expected: NDArray[np.int64], actual: NDArray[np.int64]) -> NDArray[np.float64]:
    """The index of counts (… × bins) against expected counts (bins)."""
    e, a = ((counts + _HALF) / (counts + _HALF).sum(axis=-1, keepdims=True) for counts in (expected, actual))
    return np.asarray(((a - e) * np.log(a / e)).sum(axis=-1))


def bin_edges(values: Reals, bins: int = BINS) -> Reals:
    """Upper ends of all bins but the last: even parts of the values, missing ones left out; none where all are missing.

    Edges are values that occur, so that a count's bins hold whole counts.
    """
    known = values[~np.isnan(values)]
    if not len(known):
        return np.empty(0, dtype=values.dtype)
    edges = np.unique(np.quantile(known, np.arange(1, bins) / bins, method="lower"))
    return np.asarray(edges[edges < known.max()])


def bin_counts(edges: Reals, values: Reals) -> NDArray[np.int64]:
    """Rows in each bin (see `bin_edges`), and last those whose value is missing."""
    return np.bincount(bin_places(edges, values), minlength=len(edges) + 2)


def bin_places(edges: Reals, values: Reals) -> NDArray[np.int64]:
    """The bin of each value, a missing one's after all others."""
    return np.where(np.isnan(values), len(edges) + 1, np.searchsorted(edges, values, side="left"))


def _counts(
    values: Reals,
    month: NDArray[np.int64],
    base: NDArray[np.bool_],
    months: Sequence[int],
) -> NDArray[np.int64]:
    """Rows by bin: of the base, then of each month. Bins are tenths of the base; the last is of missing values."""
    edges = bin_edges(values[base])
    # All months at once: a mask for each would go through all rows as many times.
    bins, which = len(edges) + 2, pd.Index(months).get_indexer(pd.Index(month))
    place = bins * which[which >= 0] + bin_places(edges, values[which >= 0])
    by_month = np.bincount(place, minlength=bins * len(months)).reshape(len(months), bins)
    return np.vstack([bin_counts(edges, values[base]), by_month])
