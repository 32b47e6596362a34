"""The lender's rules from an assessed limit to the limit in force: hysteresis, cool-down, bounds, slips."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from data.book import Book
from data.errors import DataFault
from data.event_mapping import LimitRules
from data.randomness import Floats
from data.world import LimitReviews

_RULES: Final = "limit_reviews"

Rules = LimitRules | LimitReviews
"""A lender's rules for limits, alone or among all that a simulated lender goes by."""


def tells_rules(book: Book) -> bool:
    """Whether the book tells the lender's rules for limits."""
    return _RULES in book.manifest.parameters


def rules_of(book: Book) -> LimitRules:
    """The lender's rules for limits, as the book tells them.

    Raises:
        DataFault: The book does not tell them.
    """
    try:
        told = book.manifest.parameters[_RULES]
        return LimitRules.model_validate_json(
            json.dumps({name: told[name] for name in LimitRules.model_fields})
        )
    except (KeyError, ValueError) as error:
        raise DataFault(
            f"{book.path} does not tell the rules of its limits (world.limit_reviews); make the book again, an "
            "imported one with `limit_rules` in its mapping."
        ) from error


def ruled_limit(
    assessed: Floats, before: Floats, months_since_raise: NDArray[np.int64], rules: Rules
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


def rounded(limit: Floats, rules: Rules) -> Floats:
    """Limits as they are put on show: whole multiples of the lender's step."""
    return np.round(limit / rules.round_to) * rules.round_to


def recorded_slip(reviews: pd.DataFrame, rules: Rules) -> Floats:
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


@dataclass(frozen=True)
class Turns:
    """Reviews by their turn with the borrower, so that all borrowers' limits are carried on at once.

    Attributes:
        rows: For each turn (a borrower's first review, his second, …) the rows of the reviews whose turn it is.
        borrower: For each turn, places of the borrowers of these.
        borrowers: Number of borrowers.
        month: Month of each review (since 1970).
        before: Recorded limit before each review (RMB), of which a borrower's first counts.
    """

    rows: tuple[NDArray[np.int64], ...]
    borrower: tuple[NDArray[np.int64], ...]
    borrowers: int
    month: NDArray[np.int64]
    before: Floats


def turns_of(reviews: pd.DataFrame) -> Turns:
    """The turns of reviews.

    Args:
        reviews: borrower_id, reviewed_on and limit_before, all of each borrower, sorted by borrower and date.
    """
    turn = reviews.groupby("borrower_id", sort=False).cumcount().to_numpy()
    who, place = np.unique(reviews["borrower_id"].to_numpy(), return_inverse=True)
    rows = tuple(np.flatnonzero(turn == number) for number in range(int(turn.max(initial=-1)) + 1))
    return Turns(
        rows=rows,
        borrower=tuple(place[at] for at in rows),
        borrowers=len(who),
        month=reviews["reviewed_on"].to_numpy().astype("datetime64[M]").astype(np.int64),
        before=reviews["limit_before"].to_numpy(np.float64),
    )


def replayed_limits(turns: Turns, assessed: Floats, slip: Floats, rules: Rules) -> tuple[Floats, Floats]:
    """The limit before and after each review if the reviews had assessed other limits, or slipped otherwise.

    Args:
        turns: The reviews. A borrower's first review starts from the recorded `limit_before`.
        assessed: Assessed limits (RMB); the last axis is that of the reviews, any before it those of other worlds.
        slip: Factor by which the executed limit departs from the ruled one (1 for none); as `assessed`, or one for
            several worlds.
        rules: The lender's rules.

    Returns:
        limit_before and limit_after (RMB), as `assessed`; with the record's own `limit_assessed` and slips, those that
        were recorded, but for a slip's rounding.
    """
    before = np.broadcast_to(turns.before, assessed.shape).copy()
    after = np.empty(assessed.shape)
    in_force = np.full((*assessed.shape[:-1], turns.borrowers), np.nan)
    raised = np.full(in_force.shape, -999, dtype=np.int64)
    for number, (rows, at) in enumerate(zip(turns.rows, turns.borrower, strict=True)):
        if number:
            before[..., rows] = in_force[..., at]
        was, slipped = before[..., rows], slip[..., rows]
        since = (turns.month[rows] - raised[..., at]).clip(0, 999)
        limit = ruled_limit(assessed[..., rows], was, since, rules)
        limit = np.where(slipped == 1, limit, rounded(limit * slipped, rules))
        raised[..., at] = np.where(limit > was, turns.month[rows], raised[..., at])
        after[..., rows] = in_force[..., at] = limit
    return before, after
