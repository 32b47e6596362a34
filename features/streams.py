"""The streams of a block of borrowers, read from a book and laid out for windows."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
from numpy.typing import NDArray

from data.book import Book
from data.errors import DataFault
from data.event_mapping import streams_of_book, tables_of_book
from data.months import to_days
from data.schema import STREAMS
from features.declared import NOTHING, Declared, declared_in
from features.stream import Stream
from features.windows import Days, Events, Values


@dataclass(frozen=True)
class Streams:
    """What is recorded of a block's borrowers, but for protected attributes and what came of requests.

    Attributes:
        borrower_ids: Ids of the borrowers, ascending; a borrower's position here is what windows go by.
        opened: Day on which each borrower's account was opened.
        region: Region of each borrower, for the context alone.
        reviews: Limit reviews with `limit_after`, known from the day of the review.
        observed: By stream, what was observed.
        outages: By stream, the days from and until which nothing of it arrived.
        declared: What the book's mapping declares to be read of its streams.
    """

    borrower_ids: NDArray[np.int64]
    opened: Days
    region: NDArray[np.int8]
    reviews: Stream
    observed: dict[str, Stream]
    outages: dict[str, tuple[Days, Days]]
    declared: Declared = NOTHING

    def positions(self, borrower_ids: NDArray[np.int64]) -> NDArray[np.int64]:
        """Position in the block of each of these borrowers.

        Raises:
            DataFault: One of them is not in the block.
        """
        return _positions(self.borrower_ids, borrower_ids)

    def up_to_date(self, streams: Collection[str] | None = None) -> Streams:
        """As if all that these streams (or all) ever showed had been shown on its day, without outages.

        What a lender's own stream, or the ledger, shows later than on its day is shown from the day after: it may have
        been written after the decision of that day.
        """
        streams = self.observed.keys() if streams is None else streams
        at_once = {
            name: replace(part, events=_at_once(part.events, name not in STREAMS))
            for name, part in self.observed.items()
            if name in streams
        }
        if "own_ledger" in at_once:
            at_once["own_ledger"] = _after_the_day(at_once["own_ledger"])
        outages = {name: days for name, days in self.outages.items() if name not in streams}
        return replace(self, observed=self.observed | at_once, outages=outages)

    def dark(self, stream: str, days: Days) -> NDArray[np.bool_]:
        """Whether the stream was in a known outage on each day."""
        since, until = self.outages.get(stream, (np.empty(0, np.int32), np.empty(0, np.int32)))
        return np.asarray(((since <= days[:, None]) & (days[:, None] < until)).any(axis=1))


def read_streams(book: Book, block: int, wanted: NDArray[np.int64] | None = None) -> Streams:
    """Reads the streams of one block of a dated book.

    Args:
        book: A dated book.
        block: The block.
        wanted: Borrowers of the block whose streams are kept; all of them if not given.

    Raises:
        DataFault: A row belongs to a borrower who is not in the block.
    """
    borrowers = book.table("borrowers", block, ["borrower_id", "opened_on", "region"])
    ids = borrowers["borrower_id"].to_numpy()
    if wanted is not None:
        kept = np.isin(ids, wanted)
        borrowers, ids = borrowers[kept], ids[kept]
    reviews = book.rows("limit_reviews", block, ["borrower_id", "reviewed_on", "limit_after"], wanted)
    observed = {
        stream: _stream(book.rows(f"observations/{stream}", block, borrowers=wanted), ids)
        for stream in streams_of_book(book.manifest.mapping)
    }
    return Streams(
        borrower_ids=ids,
        opened=to_days(borrowers["opened_on"]),
        region=borrowers["region"].to_numpy(),
        reviews=_stream(reviews, ids, "reviewed_on", "reviewed_on"),
        observed=observed | {"own_ledger": _after_the_day(observed["own_ledger"])},
        outages=_outages(book.table("outages")),
        declared=declared_in(book),
    )


def read_days(book: Book, block: int, wanted: NDArray[np.int64]) -> dict[str, Stream]:
    """What was observed of some borrowers of a block, stream by stream: when, shown when, of which kind; no values.

    Args:
        book: A dated book.
        block: The block.
        wanted: Ids of the borrowers, ascending; their order is that of the events.
    """
    dates = ["borrower_id", "occurred_on", "visible_on"]
    observed = {}
    tables = tables_of_book(book.manifest.mapping)
    for stream in streams_of_book(book.manifest.mapping):
        table = f"observations/{stream}"
        kind = ["kind"] if "kind" in tables[table].columns else []
        observed[stream] = _stream(book.rows(table, block, dates + kind, wanted), wanted)
    return observed | {"own_ledger": _after_the_day(observed["own_ledger"])}


def _stream(
    rows: pa.Table, ids: NDArray[np.int64], occurred: str = "occurred_on", visible: str = "visible_on"
) -> Stream:
    """A stream as Arrow has its rows: through pandas they would take twice as long to read."""
    offsets = _offsets(ids, rows["borrower_id"].to_numpy())
    events = Events(
        offsets, *(_numbers(rows[date].cast(pa.int32()), np.int32) for date in (occurred, visible))
    )
    plain = [name for name in rows.column_names if name not in ("borrower_id", occurred, visible, "kind")]
    values: dict[str, Values] = {name: _numbers(rows[name], np.float32) for name in sorted(plain)}
    if "kind" not in rows.column_names:
        return Stream(events, values)
    kind = rows["kind"].combine_chunks()
    names = tuple(str(name) for name in kind.dictionary.to_pylist())
    return Stream(events, values, names, _numbers(kind.indices.fill_null(-1), np.int8))


def _numbers(column: pa.ChunkedArray | pa.Array, kind: type[np.generic]) -> NDArray[Any]:
    """The values of a column, null as NaN; a copy, since what Arrow holds must not be written to."""
    return np.array(column.to_numpy(zero_copy_only=False), dtype=kind)


def _offsets(ids: NDArray[np.int64], owner: NDArray[np.int64]) -> NDArray[np.int64]:
    """Where each borrower's rows begin, and their end.

    Raises:
        DataFault: A row belongs to somebody else.
    """
    begin, end = (np.searchsorted(owner, ids, side) for side in ("left", "right"))
    if (end - begin).sum() != len(owner):
        _positions(ids, owner)
    return np.append(begin, len(owner))


def _positions(ids: NDArray[np.int64], wanted: NDArray[np.int64]) -> NDArray[np.int64]:
    at = np.searchsorted(ids, wanted)
    unknown = ids.take(at, mode="clip") != wanted if len(ids) else np.ones(len(wanted), dtype=bool)
    if unknown.any():
        borrower = wanted[np.argmax(unknown)]
        raise DataFault(
            f"Borrower {borrower} stands in a block of other borrowers; run `releasegap check` on this book."
        )
    return at


def _at_once(events: Events, own: bool) -> Events:
    """Events shown on their day; those of a lender's own stream that came later, from the day after."""
    shown = np.minimum(events.visible, events.occurred + np.int32(1)) if own else events.occurred
    return Events(events.offsets, events.occurred, shown)


def _after_the_day(ledger: Stream) -> Stream:
    """The ledger with the rows of a day shown from the day after.

    A draw and the statement that counts it stand on the ledger the same day, but after the decision that
    released the draw: the snapshot taken for that decision must not tell what was decided.
    """
    events = ledger.events
    shown = np.maximum(events.visible, events.occurred + np.int32(1))
    return Stream(Events(events.offsets, events.occurred, shown), ledger.values)


def _outages(frame: pd.DataFrame) -> dict[str, tuple[Days, Days]]:
    return {
        str(stream): (to_days(rows["from_on"]), to_days(rows["until_on"]))
        for stream, rows in frame.groupby("stream", observed=True)
    }
