"""What holds between the tables of a book: who refers to whom, what follows what."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from data.findings import Finding, wrong_rows
from data.months import month_index, month_start, to_days
from data.table_rules import FIRST_DAY, LAST_DAY

LABEL_DAYS = 120
"""Days after which the outcome of a released draw is known."""

_EARLIEST = int(FIRST_DAY.astype(np.int64))
_EVENT_DATES = {
    "limit_reviews": "reviewed_on",
    "draw_requests": "requested_on",
    "observations/own_ledger": "occurred_on",
}
"""Dates that cannot lie before the opening of the account."""

Frames = Mapping[str, pd.DataFrame]


@dataclass(frozen=True)
class Calendar:
    """The time of a dated book.

    Attributes:
        first_month: Month 1 of history as `YYYY-MM`.
        months: Months of history.
        last_day: Last day of the book (days since 1970-01-01): that of its policy table, run-off included.
    """

    first_month: str
    months: int
    last_day: int


def calendar_of(first_month: str, months: int, policy: pd.DataFrame | None) -> Calendar:
    """The calendar of a book; without a policy table it ends with its history."""
    last = months
    if policy is not None and len(policy):
        starts = policy["month_start"].to_numpy().astype("datetime64[D]").clip(FIRST_DAY, LAST_DAY)
        last = max(months, int(month_index(to_days(starts), first_month).max()))
    return Calendar(first_month, months, int(month_start(last + 1, first_month)) - 1)


def coverage_findings(
    place: str, table: pd.DataFrame, calendar: Calendar, regions: NDArray[np.int64]
) -> Iterator[Finding]:
    """Months of history and regions of borrowers for which `policy` or `market` has no row."""
    starts = month_start(np.arange(1, calendar.months + 1, dtype=np.int32), calendar.first_month)
    held = set(zip(to_days(table["month_start"]).tolist(), table["region"].tolist(), strict=True))
    for region in regions.tolist():
        lacking = [start for start in starts.tolist() if (start, region) not in held]
        if lacking:
            month = f"{np.datetime64(lacking[0], 'D')}"[:7]
            expected = f"a row for region {region} in every month of history"
            yield Finding(
                place,
                "month_start",
                expected,
                found=(f"none in {len(lacking)} of them, the first is {month}",),
            )


def reference_findings(places: Mapping[str, str], frames: Frames) -> Iterator[Finding]:
    """Rows of a block that refer to a borrower or a request that the block does not hold."""
    for name, frame in frames.items():
        if name != "borrowers" and "borrower_id" in frame and "borrowers" in frames:
            known = _member(frame["borrower_id"], frames["borrowers"]["borrower_id"])
            yield from wrong_rows(
                places[name], "borrower_id", "a borrower of this block", known, frame["borrower_id"]
            )
    if {"outcomes", "draw_requests"} <= frames.keys():
        asked, outcomes = frames["draw_requests"], frames["outcomes"]
        known = _member(outcomes["request_id"], asked["request_id"])
        yield from wrong_rows(
            places["outcomes"], "request_id", "a request of this block", known, outcomes["request_id"]
        )


def complete_findings(places: Mapping[str, str], frames: Frames) -> Iterator[Finding]:
    """Clients of an imported book without a row in one of its tables."""
    for name, key in (
        ("observations/flat", "borrower_id"),
        ("limit_reviews", "borrower_id"),
        ("draw_requests", "borrower_id"),
    ):
        if {name, "borrowers"} <= frames.keys():
            who = frames["borrowers"]["borrower_id"]
            yield from wrong_rows(
                places["borrowers"], key, f"a row in {name}", _member(who, frames[name][key]), who
            )
    if {"outcomes", "draw_requests"} <= frames.keys():
        requests = frames["draw_requests"]
        asked = requests["request_id"]
        known = _member(asked, frames["outcomes"]["request_id"])
        if "decision_executed" in requests:  # nobody sees the outcome of a client whom the lender refused
            known |= (requests["decision_executed"] == "refuse").to_numpy()
        yield from wrong_rows(places["draw_requests"], "request_id", "a row in outcomes", known, asked)


def date_findings(
    name: str, place: str, frame: pd.DataFrame, borrowers: pd.DataFrame, calendar: Calendar
) -> Iterator[Finding]:
    """Dates outside the book's time, and events before the opening of the account."""
    for column in ("opened_on", "occurred_on", "reviewed_on", "requested_on"):
        if column in frame:
            days = to_days(frame[column])
            earliest = month_start(1, calendar.first_month) if column == "requested_on" else _EARLIEST
            latest = calendar.last_day
            if column in ("reviewed_on", "requested_on"):
                latest = int(month_start(calendar.months + 1, calendar.first_month)) - 1
            expected = f"{np.datetime64(int(earliest), 'D')} to {np.datetime64(latest, 'D')}"
            yield from wrong_rows(
                place, column, expected, (days >= earliest) & (days <= latest), frame[column]
            )
    if name in _EVENT_DATES:
        date = frame[_EVENT_DATES[name]]
        opened = borrowers.drop_duplicates("borrower_id").set_index("borrower_id")["opened_on"]
        after = ~(date.to_numpy() < opened.reindex(frame["borrower_id"]).to_numpy())
        yield from wrong_rows(
            place, _EVENT_DATES[name], "a day on or after the opening of the account", after, date
        )


def limit_findings(place: str, reviews: pd.DataFrame) -> Iterator[Finding]:
    """Reviews whose limit before is not the limit after the borrower's review before."""
    ordered = reviews.sort_values(["borrower_id", "reviewed_on"], kind="stable")
    groups = ordered.groupby("borrower_id", sort=False)
    previous = groups["limit_after"].shift().reindex(reviews.index)
    opening = (groups.cumcount() == 0).reindex(reviews.index)
    before = reviews["limit_before"]
    yield from wrong_rows(
        place, "limit_before", "nothing at the borrower's first review", ~opening | before.isna(), before
    )
    follows = opening | (before == previous)
    yield from wrong_rows(
        place, "limit_before", "limit_after of the borrower's review before", follows, before
    )


def request_findings(
    place: str, requests: pd.DataFrame, reviews: pd.DataFrame, regions: pd.Series, policy: pd.DataFrame | None
) -> Iterator[Finding]:
    """Requests that do not fit the review and the policy in force.

    Args:
        place: The part of the requests.
        requests: draw_requests of a block.
        reviews: limit_reviews of the block.
        regions: Region of each borrower of the block, by borrower id.
        policy: The policy table, if it can be read.
    """
    review = reviews.drop_duplicates("review_id").set_index("review_id").reindex(requests["review_id"])
    known = review["borrower_id"].to_numpy() == requests["borrower_id"].to_numpy()
    yield from wrong_rows(place, "review_id", "a review of the same borrower", known, requests["review_id"])
    held = review["reviewed_on"].to_numpy() <= requests["requested_on"].to_numpy()
    yield from wrong_rows(
        place,
        "requested_on",
        "a day on or after the review in force",
        ~known | held,
        requests["requested_on"],
    )
    within = requests["amount"].to_numpy() <= review["limit_after"].to_numpy()
    yield from wrong_rows(
        place, "amount", "at most limit_after of the review in force", ~known | within, requests["amount"]
    )
    random = requests["random_release"].to_numpy(bool)
    turned = (requests["decision_system"] == "refuse") & (requests["decision_executed"] == "release")
    yield from wrong_rows(
        place,
        "random_release",
        "true only where the system refused and the draw was released",
        ~random | turned,
        random,
    )
    if policy is not None:
        yield from _policy_findings(place, requests, regions, policy)


def outcome_findings(
    places: Mapping[str, str], requests: pd.DataFrame, outcomes: pd.DataFrame, calendar: Calendar
) -> Iterator[Finding]:
    """Outcomes of requests that were not released, and released requests old enough that lack theirs."""
    released = (requests["decision_executed"] == "release").to_numpy()
    refused = requests["request_id"][~released]
    seen = outcomes["request_id"]
    yield from wrong_rows(
        places["outcomes"], "request_id", "a released request", ~_member(seen, refused), seen
    )
    due = released & (to_days(requests["requested_on"]) + LABEL_DAYS <= calendar.last_day)
    there = ~due | _member(requests["request_id"], seen)
    expected = f"a row in outcomes, {LABEL_DAYS} days after the release"
    yield from wrong_rows(places["draw_requests"], "request_id", expected, there, requests["request_id"])


def _policy_findings(
    place: str, requests: pd.DataFrame, regions: pd.Series, policy: pd.DataFrame
) -> Iterator[Finding]:
    """Requests decided under another version than the policy table has for their month and region."""
    months = requests["requested_on"].to_numpy().astype("datetime64[M]").astype("datetime64[D]")
    region = regions[~regions.index.duplicated()].reindex(requests["borrower_id"]).to_numpy()
    table = policy.drop_duplicates(["month_start", "region"])
    starts = table["month_start"].to_numpy().astype("datetime64[D]")
    in_force = pd.Series(
        table["policy_version"].astype(object).to_numpy(), index=[starts, table["region"].to_numpy()]
    )
    version = in_force.reindex(pd.MultiIndex.from_arrays([months, region])).to_numpy()
    said = requests["policy_version"].astype(object).to_numpy()
    right = pd.isna(version) | (version == said)
    yield from wrong_rows(
        place, "policy_version", "the version in force in its month and region", right, said
    )


def _member(values: pd.Series, known: pd.Series) -> NDArray[np.bool_]:
    return np.asarray(np.isin(values.to_numpy(), known.to_numpy()))
