"""Who is favoured by the limit model: whom a recent review raised well, by enough for the draw."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from data.months import to_days
from models.boosted import Floats
from models.parameters import FavouredParameters

Positions = NDArray[np.int64]

SHOWN = ("review_id", "limit_score", "limit_before", "limit_after")
"""What is shown of the review that favours a request."""

_READ = ("review_id", "borrower_id", "reviewed_on", "limit_before", "limit_score", "slip")

_ALL_DAYS = 2**32  # more than there are days in int32: a borrower's number times this leaves room for the day


@dataclass(frozen=True)
class Windows:
    """Where the reviews that may favour each request lie, among reviews sorted by borrower and date.

    Attributes:
        oldest: Place of the borrower's first review.
        in_window: Place of the first that is not too old.
        latest: Place of the latest up to the request; before the others where there is none.
    """

    oldest: Positions
    in_window: Positions
    latest: Positions


def favoured(requests: pd.DataFrame, reviews: pd.DataFrame, parameters: FavouredParameters) -> pd.DataFrame:
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

    Returns:
        By request, in its order: review_id, limit_score (log-RMB), limit_before and limit_after (RMB, the
        predicted limit with the slip) and favoured. Where no review favours, they are those of
        the latest review up to the request, and missing where there is none.
    """
    ordered = _in_order(reviews[[*_READ]])
    slip = _floats(ordered, "slip")
    limit = np.exp(_floats(ordered, "limit_score")) * slip
    ordered = ordered.assign(limit_after=limit, review_id=ordered["review_id"].astype("Int64"))
    windows = windows_of(requests, ordered, parameters)
    needed = _floats(requests, "amount") + _floats(requests, "balance")
    chosen = favouring(windows, limit, _floats(ordered, "limit_before"), needed, parameters)
    latest = np.where(windows.latest >= windows.oldest, windows.latest, -1)
    shown = np.where(chosen >= 0, chosen, latest)
    found = ordered[list(SHOWN)].reindex(shown).set_index(requests.index)
    return found.assign(favoured=chosen >= 0)


def favouring(
    windows: Windows,
    limit: Floats,
    before: Floats,
    needed: Floats,
    parameters: FavouredParameters,
    recomputed: Floats | None = None,
) -> Positions:
    """Place of the review that favours each request, -1 where none does (see `favoured`).

    Args:
        windows: The reviews that may.
        limit: Executed limit (RMB) of each review; axes before that of the reviews are those of other worlds. Where
            limits are recomputed, its slip.
        before: Limit before each review (RMB), of the same shape.
        needed: What the limit must hold (RMB) by request: the amount and the balance.
        parameters: Least raise.
        recomputed: Limit (RMB, before slips) that counts for each request, in each world, in place of the reviews' own.

    Returns:
        One by request, in each world.
    """
    chosen = np.full((*limit.shape[:-1], len(needed)), -1, dtype=np.int64)
    # Reviews in a window are few and requests many: one step back in time for all requests at once.
    for back in range(int((windows.latest - windows.in_window).max(initial=-1)) + 1):
        waiting = (chosen < 0).reshape(-1, len(needed)).any(axis=0)
        asking = np.flatnonzero(waiting & (windows.latest - back >= windows.in_window))
        review = windows.latest[asking] - back
        executed = limit[..., review]
        if recomputed is not None:
            executed = recomputed[..., asking] * executed
        least = parameters.raise_from * before[..., review]
        favours = (executed >= least) & (needed[asking] <= executed) & (chosen[..., asking] < 0)
        chosen[..., asking] = np.where(favours, review, chosen[..., asking])
    return chosen


def in_any_window(windows: Windows, reviews: int) -> NDArray[np.bool_]:
    """Which of so many reviews can favour some request by their date; no other has a part in `favoured`."""
    begun = np.zeros(reviews + 1, dtype=np.int64)
    some = windows.latest >= windows.in_window
    np.add.at(begun, windows.in_window[some], 1)
    np.add.at(begun, windows.latest[some] + 1, -1)
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


def windows_of(requests: pd.DataFrame, ordered: pd.DataFrame, parameters: FavouredParameters) -> Windows:
    """Where the reviews that may favour each request lie.

    Args:
        requests: borrower_id and requested_on by request.
        ordered: borrower_id and reviewed_on by review, sorted by both.
        parameters: The window.
    """
    asking, reviewed = requests["borrower_id"].to_numpy(), ordered["borrower_id"].to_numpy()
    first = np.append(True, reviewed[1:] != reviewed[:-1])[: len(reviewed)]
    borrowers = reviewed[first]
    place = np.searchsorted(borrowers, asking)
    known = (
        borrowers.take(place, mode="clip") == asking if len(borrowers) else np.zeros(len(asking), dtype=bool)
    )
    # A borrower without reviews gets the place between two others, where no review lies.
    code = 2 * place - np.where(known, 0, 1)
    key = 2 * (np.cumsum(first) - 1) * _ALL_DAYS + to_days(ordered["reviewed_on"])
    day = to_days(requests["requested_on"]).astype(np.int64)
    oldest = np.searchsorted(key, code * _ALL_DAYS - _ALL_DAYS // 2, side="left")
    in_window = np.searchsorted(key, code * _ALL_DAYS + day - parameters.window_days, side="left")
    latest = np.searchsorted(key, code * _ALL_DAYS + day, side="right") - 1
    return Windows(oldest, in_window, latest)


def _in_order(reviews: pd.DataFrame) -> pd.DataFrame:
    """The reviews by borrower and date; of a book they come so, and there are too many to sort them for nothing."""
    owner, day = reviews["borrower_id"].to_numpy(), reviews["reviewed_on"].to_numpy()
    later, same = owner[1:] > owner[:-1], owner[1:] == owner[:-1]
    if (later | (same & (day[1:] >= day[:-1]))).all():
        return reviews.reset_index(drop=True)
    return reviews.sort_values(["borrower_id", "reviewed_on"], kind="stable", ignore_index=True)


def _floats(table: pd.DataFrame, column: str) -> Floats:
    return table[column].to_numpy(dtype=np.float64, na_value=np.nan)
