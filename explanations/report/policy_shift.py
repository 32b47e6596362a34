"""Whether the policy changed in the months of the report, and what became of the favoured then."""

from __future__ import annotations

import numpy as np
import pandas as pd

from explanations.explanation import Explanation
from explanations.intervals.proportions import apart
from explanations.report.quantities import share
from explanations.report.words import Text, say

_CHANGED = 0.8
"""A mean cut-off has changed where the lower of before and after is this share of the higher or less."""
_LEAST = 100
"""Favoured requests before and after, for shares to be compared."""


def policy_shift(explanation: Explanation) -> tuple[Text, ...]:
    """The month that parts the cut-offs best into before and after, and the share of the favoured refused in both.

    Nothing where cut-offs hardly changed, or the share refused did not move against them by more than chance gives.
    """
    every = pd.concat(
        [
            table[["requested_on", "cutoff"]].assign(refused=refused)
            for table, refused in ((explanation.conflicts, True), (explanation.reference, False))
        ]
    ).dropna()
    month = pd.to_datetime(every["requested_on"]).dt.strftime("%Y-%m").to_numpy()
    by = every.groupby(month)
    sums = by.agg(size=("refused", "size"), refused=("refused", "sum"), cutoff=("cutoff", "sum")).cumsum()
    if len(sums) < 2:
        return ()
    before, whole = sums.iloc[:-1], sums.iloc[-1]
    after = whole - before
    means = before["cutoff"] / before["size"], after["cutoff"] / after["size"]
    # Least squares: the squares between both parts are largest where those within are smallest.
    between = before["size"] * after["size"] * (means[0] - means[1]) ** 2
    at = int(np.argmax(between.to_numpy(np.float64)))
    sizes, refused = ([int(part[name].iloc[at]) for part in (before, after)] for name in ("size", "refused"))
    cutoffs = [float(mean.iloc[at]) for mean in means]
    fewer = refused[1] / sizes[1] < refused[0] / sizes[0]
    if (
        min(sizes) < _LEAST
        or min(cutoffs) > _CHANGED * max(cutoffs)
        or fewer != (cutoffs[1] > cutoffs[0])
        or not apart(refused[0], sizes[0], refused[1], sizes[1])
    ):
        return ()
    return (
        say(
            "answer.shift",
            month=str(sums.index[at + 1]),
            before=share(cutoffs[0]),
            after=share(cutoffs[1]),
            refused_before=share(refused[0], sizes[0]),
            refused_after=share(refused[1], sizes[1]),
        ),
    )
