"""The lender's rules from an assessed limit to the limit in force: hysteresis, cool-down, bounds, slips."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from data.randomness import Floats
from data.world import LimitReviews


def ruled_limit(
    assessed: Floats, before: Floats, months_since_raise: NDArray[np.int64], rules: LimitReviews
) -> Floats:
    """The limit that the rules give: raised if well above, cut if well below, otherwise as it was.

    Args:
        assessed: Assessed limits (RMB).
        before: Limits in force (RMB); NaN at the opening of the account.
        months_since_raise: Months since the last raise; large where there was none.
        rules: The rules.
    """
    raised = (assessed >= rules.raise_from * before) & (months_since_raise >= rules.cool_down_months)
    cut = assessed < rules.cut_below * before
    limit = np.where(np.isnan(before) | raised | cut, assessed, before)
    return rounded(np.clip(limit, rules.floor, rules.ceiling), rules)


def rounded(limit: Floats, rules: LimitReviews) -> Floats:
    """Limits as they are put on show: whole multiples of the lender's step."""
    return np.round(limit / rules.round_to) * rules.round_to


def recorded_slip(reviews: pd.DataFrame, rules: LimitReviews) -> Floats:
    """Factor by which each recorded limit departs from what the rules give; 1 where it follows them.

    Args:
        reviews: Reviews of a book (`limit_reviews`), all of each borrower, sorted by borrower and date.
        rules: The lender's rules.

    Returns:
        One factor per review; a departure of one step of rounding is none.
    """
    before = reviews["limit_before"].to_numpy(np.float64)
    after = reviews["limit_after"].to_numpy(np.float64)
    since = months_since_raise(reviews)
    expected = ruled_limit(reviews["limit_assessed"].to_numpy(np.float64), before, since, rules)
    return np.where(np.abs(after - expected) > 1.5 * rules.round_to, after / expected, 1.0)


def months_since_raise(reviews: pd.DataFrame) -> NDArray[np.int64]:
    """Months from each borrower's last raise before a review to the review; 999 where there was none."""
    month = reviews["reviewed_on"].to_numpy().astype("datetime64[M]").astype(np.int64)
    raised = reviews["limit_after"].to_numpy() > reviews["limit_before"].to_numpy()
    raise_month = pd.Series(np.where(raised, month, np.nan), index=reviews.index)
    who = reviews["borrower_id"]
    last = raise_month.groupby(who, sort=False).ffill().groupby(who, sort=False).shift()
    return (month - last.fillna(-np.inf).to_numpy()).clip(0, 999).astype(np.int64)
