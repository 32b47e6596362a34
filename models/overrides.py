"""Limits that were overwritten by hand without a record, found by their gap to the limit model."""

from __future__ import annotations

import numpy as np
import pandas as pd

from models.boosted import Floats
from models.parameters import OverridesParameters

NORMAL = 1.4826
"""Standard deviations of a normal distribution per median absolute deviation."""


def unrecorded_override(reviews: pd.DataFrame, score: Floats, parameters: OverridesParameters) -> Floats:
    """Factor by which each assessed limit was overwritten; 1 where it is as near to the model's as usual.

    The gap of a review is log(limit_assessed) − f_L, less the median gap of the reviews with, or without, an
    incentive (that is on record, and no error). An override is a gap of more than `reach` robust standard
    deviations: 1.4826 × the median absolute gap, which no outlier moves. It counts upwards alone, as errors on
    limits grant what should not be granted; far below the model lie the riskiest borrowers, of whom it saw few.
    Reviews before month 1, whose snapshots do not reach back far enough, neither are judged nor count, nor do
    reviews without an assessed limit.

    Args:
        reviews: limit_assessed (RMB), marketing and month (of history) by review, all of a dated book: what is
            usual is told by all of them.
        score: Log-limit of the limit model on what was seen at each review (log-RMB).
        parameters: How far the usual gaps reach.

    Returns:
        One factor per review; limit_assessed divided by it is the assessed limit without the override.
    """
    with np.errstate(divide="ignore", invalid="ignore"):
        gap = pd.Series(np.log(reviews["limit_assessed"].to_numpy(np.float64)) - score)
    gap = gap.where(np.isfinite(gap) & (reviews["month"].to_numpy() >= 1))
    gap -= gap.groupby(reviews["marketing"].to_numpy()).transform("median")
    reach = parameters.reach * NORMAL * gap.abs().median()
    # Where a model meets every limit there is no usual gap to hold others against.
    return np.asarray(np.exp(gap.where((gap > reach) & (reach > 0), 0.0)))
