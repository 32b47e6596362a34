"""The time line of single conflicts: what was visible when, from the review that favoured to the request."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from data.blocks import HERE, Engine, Track, untracked
from data.book import Book
from data.months import to_days
from features.declared import declared_in
from features.readers import read_as_of
from features.reread import requests_by_block
from features.stream import Stream
from features.streams import read_days
from features.windows import Days

KINDS = ("stale", "review", "late", "between", "request", "unseen")
"""What stands on a time line, in this order where the day is the same."""

TOLD = ("request_id", "borrower_id", "requested_on", "review_id")
"""What is needed of a conflict."""

COLUMNS = ("request_id", "on", "kind", "stream", "what", "count", "since", "days")

_OF_DAYS = ("on", "since")
_WHAT = ["case", "kind", "stream", "what"]


def timelines(
    book: Book, conflicts: pd.DataFrame, engine: Engine = HERE, track: Track[Any] = untracked
) -> pd.DataFrame:
    """What was visible when, of some conflicts of a dated book.

    Args:
        book: A dated book.
        conflicts: request_id, borrower_id, requested_on and review_id of those whose time line is wanted.
        engine: Where the blocks are worked on; changes nothing in the result.
        track: Follows the blocks as they are done.

    Returns:
        Rows in the order of the conflicts, then by `on`: request_id, on, kind, stream, what (the kind of event, where
        its stream has several), count, since, days. `review` and `request` are the days of both decisions. Of a
        stream, `stale` are observations that were shown before the review but after the last refresh that it read,
        `late` those from before the review that were shown after it and up to the request, `between` those that
        happened and were shown between review and request, `unseen` those from before the request that were shown
        after it. `since` and `on` are when the slowest of them happened and was shown, and `days` what lies between
        (of `between`: when the first and the last happened, and no days).
    """
    jobs = [
        (block, conflicts.loc[conflicts["request_id"].isin(held["request_id"]), list(TOLD)])
        for block, held in requests_by_block(book, conflicts["request_id"].to_numpy())
    ]
    parts = list(track(engine.map_blocks(_Telling(book.absolute()).of_block, jobs), len(jobs)))
    if not parts:
        return _dated(pd.DataFrame({name: np.empty(0, dtype=np.int32) for name in COLUMNS}))
    told = pd.concat(parts, ignore_index=True)
    place = pd.Index(conflicts["request_id"]).get_indexer(pd.Index(told["request_id"]))
    kind = pd.Index(KINDS).get_indexer(pd.Index(told["kind"]))
    order = np.lexsort(
        (told["what"].to_numpy(), told["stream"].to_numpy(), kind, told["on"].to_numpy(), place)
    )
    return _dated(told.iloc[order].reset_index(drop=True))


@dataclass(frozen=True)
class _Telling:
    """What the time lines of every block take."""

    book: Book

    def of_block(self, job: tuple[int, pd.DataFrame]) -> pd.DataFrame:
        """The time lines of a block's conflicts, days as numbers."""
        block, cases = job
        owner = cases["borrower_id"].to_numpy(np.int64)
        ids = np.unique(owner)
        reviews = self.book.table("limit_reviews", block, ["borrower_id", "review_id", "reviewed_on"], ids)
        favoured = reviews.set_index("review_id")["reviewed_on"].reindex(cases["review_id"].to_numpy())
        reviewed, asked = to_days(favoured), to_days(cases["requested_on"])
        observed = read_days(self.book, block, ids)
        position = np.searchsorted(ids, owner)
        read = read_as_of("limit", reviewed, declared_in(self.book).refresh)
        rows = _observed(observed, position, read, reviewed, asked)
        decisions = [
            pd.DataFrame({"case": np.arange(len(cases)), "on": days, "since": days, "kind": kind})
            for kind, days in (("review", reviewed), ("request", asked))
        ]
        told = pd.concat([rows, *(part.assign(stream="", what="", count=1, days=0) for part in decisions)])
        told["request_id"] = cases["request_id"].to_numpy()[told["case"].to_numpy(np.int64)]
        return told[list(COLUMNS)]


def _observed(
    observed: Mapping[str, Stream],
    position: NDArray[np.int64],
    read: Mapping[str, Days],
    reviewed: Days,
    asked: Days,
) -> pd.DataFrame:
    """By case (borrower's position, day of its review, day of its request), stream and kind what is to be told."""
    parts = []
    for stream, part in observed.items():
        case, event = part.events.of_each(position)
        occurred, shown = part.events.occurred[event], part.events.visible[event]
        then, now, seen = reviewed[case], asked[case], read[stream][case]
        kind = np.select(
            [
                (shown <= then) & (shown > seen),
                (occurred <= then) & (shown > then) & (shown <= now),
                (occurred > then) & (occurred <= now) & (shown <= now),
                (occurred < now) & (shown > now),
            ],
            ["stale", "late", "between", "unseen"],
            "",
        )
        what = np.array([*part.kinds, ""], dtype=object)[part.kind[event] if part.kinds else -1]
        days = {"occurred": occurred, "shown": shown, "days": shown - occurred}
        told = pd.DataFrame({"case": case, "kind": kind, "stream": stream, "what": what, **days})
        parts.append(told[kind != ""])
    return _summed(pd.concat(parts, ignore_index=True))


def _summed(rows: pd.DataFrame) -> pd.DataFrame:
    """A row per case, kind, stream and kind of event: how many, the slowest of them, or the first and the last."""
    grouped = rows.groupby(_WHAT, as_index=False, sort=False)
    told = grouped.agg(
        count=("days", "size"), days=("days", "max"), first=("occurred", "min"), last=("occurred", "max")
    )
    slowest = rows.loc[grouped["days"].idxmax()["days"].to_numpy(np.int64)].reset_index(drop=True)
    between = (told["kind"] == "between").to_numpy()
    return told.assign(
        since=np.where(between, told["first"], slowest["occurred"]),
        on=np.where(between, told["last"], slowest["shown"]),
        days=np.where(between, 0, told["days"]),
    ).drop(columns=["first", "last"])


def _dated(told: pd.DataFrame) -> pd.DataFrame:
    """Days since 1970 as dates."""
    dates = {
        name: told[name].to_numpy(np.int64).astype("datetime64[D]").astype("datetime64[s]")
        for name in _OF_DAYS
    }
    return told.assign(**dates)
