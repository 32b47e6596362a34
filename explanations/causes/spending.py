"""Limits as they would be if spending weighed less, or more, in them."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from explanations.causes.estimates import Neutral, columns_of
from features.matrix import Matrix
from models.boosted import Floats

SPENT = "spend_avg_12m"
_PLACE = 2  # of log spending among the coefficients of `Neutral.assessment`, after the constant and income


@dataclass(frozen=True)
class SpendingWeight:
    """Another weight of spending in limits; the borrower of usual spending keeps his.

    Attributes:
        factor: On the weight as it is: 1 changes nothing, at 0 spending does not count.
        coefficient: Log of the assessed limit per log of spending, as the book lets it be estimated.
        centre: Log of the usual spending.
    """

    factor: float
    coefficient: float
    centre: float

    def shift(self, matrix: Matrix) -> Floats:
        """By how much the log of the limit changes with each limit snapshot.

        0 where no spending was seen, and before month 1, from where on snapshots reach back far enough.
        """
        with np.errstate(divide="ignore", invalid="ignore"):
            spent = np.log(columns_of(matrix)(SPENT)) - self.centre
        seen = np.isfinite(spent)
        if "month" in matrix.keys:
            seen = seen & (matrix.keys["month"].to_numpy() >= 1)
        return (self.factor - 1) * self.coefficient * np.where(seen, spent, 0.0)

    def of(self, neutral: Neutral) -> Neutral:
        """The estimates with this weight in the lender's formula for limits."""
        assessment = neutral.assessment.copy()
        assessment[_PLACE] *= self.factor
        return replace(neutral, assessment=assessment)


def spending_weight(reviews: Matrix, neutral: Neutral, factor: float) -> SpendingWeight:
    """The weight of spending times a factor.

    Args:
        reviews: Limit snapshots of the book's reviews, which tell the usual spending.
        neutral: Estimates from the book.
        factor: On the weight as it is.
    """
    with np.errstate(divide="ignore", invalid="ignore"):
        spent = np.log(columns_of(reviews)(SPENT))
    seen = spent[np.isfinite(spent)]
    return SpendingWeight(factor, float(neutral.assessment[_PLACE]), float(seen.mean()) if len(seen) else 0.0)
