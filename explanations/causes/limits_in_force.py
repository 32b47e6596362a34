"""Release snapshots as other limits in force would show them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from models.boosted import Floats


@dataclass(frozen=True)
class InForce:
    """Places of the reviews whose limits are in force, by request; -1 before the first review.

    Attributes:
        today: On the day of the request.
        earlier: 90 days before it.
    """

    today: NDArray[np.int64]
    earlier: NDArray[np.int64]


def reviews_in_force(keys: pd.DataFrame, reviews: pd.DataFrame) -> InForce:
    """Which reviews put the limits in force that release snapshots read.

    Args:
        keys: borrower_id and requested_on by request.
        reviews: borrower_id and reviewed_on, sorted by both.
    """
    return InForce(*(_review_on(keys, reviews, days) for days in (0, 90)))


def limit_features(keys: pd.DataFrame, in_force: InForce, limit_after: Floats) -> dict[str, Floats]:
    """The features of release snapshots that read the limit, if reviews had put other limits in force.

    Args:
        keys: amount and balance by request.
        in_force: The reviews that count.
        limit_after: The limit (RMB) after each review; axes before the last are those of other worlds.

    Returns:
        By feature, a value by request in each world.
    """
    unknown = np.full((*limit_after.shape[:-1], 1), np.nan)
    known = np.concatenate([limit_after, unknown], axis=-1)  # -1 finds the last
    today, earlier = known[..., in_force.today], known[..., in_force.earlier]
    balance = keys["balance"].to_numpy(np.float64)
    amount = keys["amount"].to_numpy(np.float64)
    return {
        "limit_change_90d": today / earlier - 1,
        "own_utilization": balance / today,
        "requested_to_available": amount / np.maximum(today - balance, 1.0),
    }


def _review_on(keys: pd.DataFrame, reviews: pd.DataFrame, days_before: int) -> NDArray[np.int64]:
    """Place of the latest review of each request's borrower so many days before it; -1 before the first."""
    asked = pd.DataFrame(
        {
            "row": np.arange(len(keys)),
            "borrower_id": keys["borrower_id"].to_numpy(),
            "on": keys["requested_on"].to_numpy() - np.timedelta64(days_before, "D"),
        }
    ).sort_values("on", kind="stable")
    known = reviews[["borrower_id", "reviewed_on"]].assign(place=np.arange(len(reviews)))
    known = known.sort_values("reviewed_on", kind="stable")
    known = known.assign(reviewed_on=known["reviewed_on"].astype(asked["on"].dtype))
    found = pd.merge_asof(asked, known, left_on="on", right_on="reviewed_on", by="borrower_id")
    return found.sort_values("row")["place"].fillna(-1).to_numpy(np.int64)
