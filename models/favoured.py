"""Who is favoured by the limit model: whom a recent review raised well, by enough for the draw."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from data.months import to_days
from models.boosted import Floats
from models.parameters import FavouredParameters

Positions = NDArray[np.int64]

SHOWN = ("review_id", "limit_score", "limit_before", "limit_after")
"""What is shown of the review that favours a request."""

_ALL_DAYS = 2**32  # more than there are days in int32: a borrower's number times this leaves room for the day


def favoured(
    requests: pd.DataFrame,
    reviews: pd.DataFrame,
    parameters: FavouredParameters,
    recomputed: Floats | None = None,
) -> pd.DataFrame:
    """The review that favours each draw request, if one does.

    A review favours a request if it lies at most `window_days` before it (the same day counts), its
    executed limit is at least `raise_from` times the limit before, and the amount is within the executed
    limit less the balance; of several the latest counts. A row depends on its own borrower alone.

    Args:
        requests: borrower_id, requested_on, amount (RMB) and balance (RMB, just before the draw) by request.
        reviews: review_id, borrower_id, reviewed_on, limit_before (RMB), limit_score (log-RMB, of the limit
            model) and slip (factor of recorded slips and unrecorded overrides, 1 where there was none) by
            review, in any order.
        parameters: Window and least raise.
        recomputed: Limit (RMB, before slips) that counts for each request in place of the reviews' own (replays).

    Returns:
        By request, in its order: review_id, limit_score (log-RMB), limit_before and limit_after (RMB, the
        predicted limit with the slip) and favoured. Where no review favours, they are those of
        the latest review up to the request, and missing where there is none.
    """
    ordered = reviews.sort_values(["borrower_id", "reviewed_on"], kind="stable", ignore_index=True)
    slip = _floats(ordered, "slip")
    limit = np.exp(_floats(ordered, "limit_score")) * slip
    ordered = ordered.assign(limit_after=limit, review_id=ordered["review_id"].astype("Int64"))
    oldest, in_window, latest = _reviews_before(requests, ordered, parameters.window_days)
    least = parameters.raise_from * _floats(ordered, "limit_before")
    needed = _floats(requests, "amount") + _floats(requests, "balance")
    chosen = np.full(len(requests), -1, dtype=np.int64)
    # Reviews in a window are few and requests many: one step back in time for all requests at once.
    for back in range(int((latest - in_window).max(initial=-1)) + 1):
        asking = np.flatnonzero((chosen < 0) & (latest - back >= in_window))
        review = latest[asking] - back
        executed = limit[review] if recomputed is None else recomputed[asking] * slip[review]
        favours = (executed >= least[review]) & (needed[asking] <= executed)
        chosen[asking[favours]] = review[favours]
    shown = np.where(chosen >= 0, chosen, np.where(latest >= oldest, latest, -1))
    found = ordered[list(SHOWN)].reindex(shown).set_index(requests.index)
    return found.assign(favoured=chosen >= 0)


def in_any_window(
    requests: pd.DataFrame, reviews: pd.DataFrame, parameters: FavouredParameters
) -> NDArray[np.bool_]:
    """Which reviews can favour some request by their date; no other has a part in `favoured`.

    Args:
        requests: borrower_id and requested_on by request.
        reviews: borrower_id and reviewed_on by review, sorted by both.
        parameters: The window.
    """
    _, in_window, latest = _reviews_before(requests, reviews, parameters.window_days)
    begun = np.zeros(len(reviews) + 1, dtype=np.int64)
    some = latest >= in_window
    np.add.at(begun, in_window[some], 1)
    np.add.at(begun, latest[some] + 1, -1)
    return np.asarray(np.cumsum(begun[:-1]) > 0)


def favoured_by_share(requests: pd.DataFrame, reviews: pd.DataFrame, least_score: float) -> pd.DataFrame:
    """Who is favoured in a book without previous limits: those whose predicted limit is in the top share.

    Args:
        requests: borrower_id by request.
        reviews: review_id, borrower_id (one review each) and limit_score (log-RMB) by review.
        least_score: Where the top share begins (log-RMB, see `top_share_from`).

    Returns:
        As `favoured`, with limit_before missing.
    """
    scored = reviews[["borrower_id", "review_id", "limit_score"]].astype({"review_id": "Int64"})
    found = requests[["borrower_id"]].merge(scored, on="borrower_id", how="left", validate="many_to_one")
    score = _floats(found, "limit_score")
    found = found.assign(limit_before=np.nan, limit_after=np.exp(score), favoured=score >= least_score)
    return found[[*SHOWN, "favoured"]].set_index(requests.index)


def _reviews_before(
    requests: pd.DataFrame, ordered: pd.DataFrame, window_days: int
) -> tuple[Positions, Positions, Positions]:
    """Positions of the borrower's first review, of the first in the window and of the latest, by request."""
    borrowers = np.unique(ordered["borrower_id"].to_numpy())
    # A borrower without reviews gets the place between two others, where no review lies.
    asking, reviewed = requests["borrower_id"].to_numpy(), ordered["borrower_id"].to_numpy()
    known = np.isin(asking, borrowers)
    code = 2 * np.searchsorted(borrowers, asking) - np.where(known, 0, 1)
    key = 2 * np.searchsorted(borrowers, reviewed) * _ALL_DAYS + to_days(ordered["reviewed_on"])
    day = to_days(requests["requested_on"]).astype(np.int64)
    oldest = np.searchsorted(key, code * _ALL_DAYS - _ALL_DAYS // 2, side="left")
    in_window = np.searchsorted(key, code * _ALL_DAYS + day - window_days, side="left")
    latest = np.searchsorted(key, code * _ALL_DAYS + day, side="right") - 1
    return oldest, in_window, latest


def _floats(table: pd.DataFrame, column: str) -> Floats:
    return table[column].to_numpy(dtype=np.float64, na_value=np.nan)
