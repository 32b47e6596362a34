"""Features of the lender's own record: repayment, balance, draws, limit reviews, account age."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from features.catalogue import DAYS_A_MONTH, own_catalogue
from features.ratios import ratio
from features.readers import Reader
from features.stream import Stream
from features.streams import Streams
from features.windows import EVER, Days, Latest, Values, latest, window


@dataclass(frozen=True)
class OwnRecord:
    """The own record at each date.

    Attributes:
        features: Values by feature.
        balance: Principal outstanding (RMB).
        limit: Limit in force (RMB), NaN before the first review.
    """

    features: dict[str, Values]
    balance: Values
    limit: Values


def own_record(streams: Streams, borrowers: NDArray[np.int64], dates: Days, reader: Reader) -> OwnRecord:
    """The own record at each date. What the ledger does not show did not happen: it is the lender's own.

    Args:
        streams: The block.
        borrowers: Position of the borrower of each date.
        dates: Days on which the record is read.
        reader: The release reader knows reviews up to the date, a limit reader only those before it.
    """
    ledger = streams.observed["own_ledger"]
    balance = np.nan_to_num(latest(ledger.events, borrowers, dates, ledger.values["balance"]).last)
    reviewed_by = dates if reader == "release" else dates - np.int32(1)
    review = _review(streams, borrowers, reviewed_by)
    before = _review(streams, borrowers, dates - np.int32(own_catalogue()["limit_change_90d"].days))
    features = _repayment(ledger, borrowers, dates) | {
        "own_utilization": ratio(balance, review.last),
        "account_age": ((dates - streams.opened[borrowers]) / DAYS_A_MONTH).astype(np.float32),
        "days_since_limit_review": (dates - review.last_day).astype(np.float32),
        "limit_change_90d": ratio(review.last, before.last) - 1,
    }
    draws = ledger.only(ledger.values["draw_amount"] > 0)
    features["own_draws_30d"] = window(
        draws.events, borrowers, dates, own_catalogue()["own_draws_30d"].days
    ).count
    if reader == "limit":
        features["requested_to_available"] = _latest_draw_to_available(
            streams, draws, borrowers, dates, reviewed_by
        )
    return OwnRecord(features, balance, review.last)


def request_to_available(amount: Values, limit: Values, balance: Values) -> Values:
    """Amount asked for relative to the limit left, of which at least 1 RMB is taken to be there."""
    return ratio(amount, np.maximum(limit - balance, np.float32(1)))


def _review(streams: Streams, borrowers: NDArray[np.int64], days: Days) -> Latest:
    """The latest review up to each day; `last` is the limit (RMB) that it put in force."""
    reviews = streams.reviews
    return latest(reviews.events, borrowers, days, reviews.values["limit_after"])


def _repayment(ledger: Stream, borrowers: NDArray[np.int64], dates: Days) -> dict[str, Values]:
    catalogue = own_catalogue()
    dpd = ledger.values["dpd"]
    statements = ledger.only(ledger.values["draw_amount"] == 0, ("dpd",))
    late = statements.events.only(statements.values["dpd"] > 0)
    last_late = window(late, borrowers, dates, EVER).last_day
    since_late = np.where(np.isnan(last_late), EVER, dates - last_late).astype(np.int32)
    year = catalogue["own_dpd_max_12m"].days
    return {
        "own_dpd_current": np.nan_to_num(latest(ledger.events, borrowers, dates, dpd).last),
        "own_dpd_max_12m": np.nan_to_num(window(ledger.events, borrowers, dates, year, dpd).most),
        "own_late_count_6m": window(late, borrowers, dates, catalogue["own_late_count_6m"].days).count,
        "own_ontime_streak": window(statements.events, borrowers, dates, since_late).count,
    }


def _latest_draw_to_available(
    streams: Streams, draws: Stream, borrowers: NDArray[np.int64], dates: Days, reviewed_by: Days
) -> Values:
    """How much of what was available the latest draw took; the balance on its row is the one after it."""
    draw = latest(draws.events, borrowers, dates, draws.values["draw_amount"])
    balance = latest(draws.events, borrowers, dates, draws.values["balance"]).last - draw.last
    drawn_on = np.where(np.isnan(draw.last_day), reviewed_by, draw.last_day).astype(np.int32)
    limit = _review(streams, borrowers, np.minimum(drawn_on, reviewed_by)).last
    return request_to_available(draw.last, limit, balance)
