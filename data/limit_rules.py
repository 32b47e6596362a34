"""The lender's rules from an assessed limit to the limit in force: hysteresis, cool-down, bounds, slips."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from data.book import Book
from data.errors import DataFault
from data.randomness import Floats
from data.world import LimitReviews


def rules_of(book: Book) -> LimitReviews:
    """The lender's rules for limits, as the book tells them.

    Raises:
        DataFault: The book does not tell them.
    """
    try:
        return LimitReviews.model_validate_json(json.dumps(book.manifest.parameters["limit_reviews"]))
    except (KeyError, ValueError) as error:
        raise DataFault(
            f"{book.path} does not tell the rules of its limits (world.limit_reviews); make the book again."
        ) from error


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


def replayed_limits(
    reviews: pd.DataFrame, assessed: Floats, slip: Floats, rules: LimitReviews
) -> tuple[Floats, Floats]:
    """The limit before and after each review if the reviews had assessed other limits, or slipped otherwise.

    Args:
        reviews: borrower_id, reviewed_on, limit_before and limit_after, all of each borrower, sorted by borrower and
            date. A borrower's first review starts from the recorded `limit_before`.
        assessed: Assessed limits (RMB), one per review.
        slip: Factor by which the executed limit departs from the ruled one, one per review (1 for none).
        rules: The lender's rules.

    Returns:
        limit_before and limit_after (RMB) per review; with the record's own `limit_assessed` and slips, those that
        were recorded, but for a slip's rounding.
    """
    who = reviews["borrower_id"].to_numpy()
    month = reviews["reviewed_on"].to_numpy().astype("datetime64[M]").astype(np.int64)
    turn = reviews.groupby("borrower_id", sort=False).cumcount().to_numpy()
    place = np.unique(who, return_inverse=True)[1]
    before = reviews["limit_before"].to_numpy(np.float64).copy()
    after = np.empty(len(before))
    in_force = np.full(place.max(initial=-1) + 1, np.nan)
    raised = np.full(len(in_force), -999, dtype=np.int64)
    for number in range(int(turn.max(initial=-1)) + 1):
        rows = np.flatnonzero(turn == number)
        at = place[rows]
        if number:
            before[rows] = in_force[at]
        since = (month[rows] - raised[at]).clip(0, 999)
        limit = ruled_limit(assessed[rows], before[rows], since, rules)
        limit = np.where(slip[rows] == 1, limit, rounded(limit * slip[rows], rules))
        raised[at] = np.where(limit > before[rows], month[rows], raised[at])
        after[rows] = in_force[at] = limit
    return before, after
