"""The five mechanisms of a conflict, their subsets, and the exact Shapley shares of each."""

from __future__ import annotations

from itertools import combinations
from math import factorial

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

MECHANISMS = ("policy", "data_lag", "competition", "misread", "error")
RESIDUAL = "residual"
CAUSES = (*MECHANISMS, RESIDUAL)
"""The columns of a table of causes: the share of each mechanism, and what is left without any."""

SUBSETS = tuple(
    frozenset(chosen) for size in range(len(MECHANISMS) + 1) for chosen in combinations(MECHANISMS, size)
)
"""All sets of mechanisms that are on, the empty one first and all five last."""


def shapley_shares(conflict: Floats) -> Floats:
    """The exact Shapley shares of the mechanisms in each conflict.

    φ_c = Σ over S without c of |S|!(4−|S|)!/5! · [K(S∪c) − K(S)], where K(S) tells whether there is a conflict
    when only the mechanisms of S are on (Shapley 1953). The shares and the residual K(∅) sum to K(all). A share
    is negative where a mechanism prevents conflicts.

    Args:
        conflict: K by row and subset (in the order of `SUBSETS`); a probability where it is uncertain.

    Returns:
        Shares by row and cause (in the order of `CAUSES`).
    """
    at = {subset: column for column, subset in enumerate(SUBSETS)}
    count = len(MECHANISMS)
    shares = np.zeros((len(conflict), len(CAUSES)))
    for cause, name in enumerate(MECHANISMS):
        for subset in SUBSETS:
            if name in subset:
                continue
            weight = factorial(len(subset)) * factorial(count - 1 - len(subset)) / factorial(count)
            shares[:, cause] += weight * (conflict[:, at[subset | {name}]] - conflict[:, at[subset]])
    shares[:, -1] = conflict[:, at[frozenset()]]
    return shares
