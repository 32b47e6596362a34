"""Both readers' snapshots of some requests read again: as they were seen, or as they would have been without lag."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, fields, replace

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from data.book import Book
from data.event_mapping import streams_told
from data.months import to_days
from features.catalogue import catalogue_of
from features.context import context
from features.matrix import Matrix, limit_rows, limit_values, plain, request_rows, request_values
from features.parameters import FeatureParameters
from features.snapshots import Reading, joined, readings
from features.stream import Stream
from features.streams import read_streams
from features.windows import Values


@dataclass(frozen=True)
class Reread:
    """Snapshots that both decisions on some requests rest on.

    Attributes:
        requests: The release reader's snapshot at each request, in the order asked for.
        reviews: The limit reader's snapshot at each review of these borrowers, by borrower and date.
        on_request: The limit reader's snapshot on the day of each request, all streams refreshed on that day.
    """

    requests: Matrix
    reviews: Matrix
    on_request: Matrix


def reread(
    book: Book,
    request_ids: NDArray[np.int64],
    parameters: FeatureParameters,
    up_to_date: bool = False,
    instead: Mapping[str, Stream] | None = None,
) -> Reread:
    """Reads the snapshots of some requests of a dated book again.

    Args:
        book: A dated book.
        request_ids: Which requests; each once.
        parameters: How features are read.
        up_to_date: Whether everything that was ever shown counts from its day, and limits are reviewed on
            streams that were refreshed on that day.
        instead: Streams that the limit reader sees in place of the book's own, of the borrowers of these requests (in
            a book of one block).
    """
    parts = [
        reread_block(book, block, request_ids, parameters, (up_to_date,), instead)[0]
        for block in range(book.blocks)
    ]
    requests, reviews, on_request = (
        _joined(kind) for kind in ([getattr(part, name.name) for part in parts] for name in fields(Reread))
    )
    order = pd.Index(on_request.keys["request_id"]).get_indexer(pd.Index(request_ids))
    return Reread(_taken(requests, order), reviews, _taken(on_request, order))


def reread_block(
    book: Book,
    block: int,
    request_ids: NDArray[np.int64],
    parameters: FeatureParameters,
    ways: Sequence[bool],
    instead: Mapping[str, Stream] | None = None,
) -> list[Reread]:
    """The snapshots of some requests of a block, up to date or not: one for each way (see `reread`)."""
    requests = requests_of(book, block, request_ids)
    reviews = plain(book.table("limit_reviews", block, borrowers=requests["borrower_id"].to_numpy()))
    seen = read_streams(book, block, requests["borrower_id"].to_numpy())
    to_limit = replace(seen, observed=seen.observed | dict(instead or {}))
    fresh, fresh_to_limit = seen.up_to_date(), to_limit.up_to_date()
    today, then = (
        dict.fromkeys(seen.observed, to_days(dates))
        for dates in (requests["requested_on"], reviews["reviewed_on"])
    )
    on_request = limit_rows(book, fresh_to_limit, requests, "requested_on", parameters, today)
    found = []
    for up_to_date in ways:
        shown, reviewing = (fresh, fresh_to_limit) if up_to_date else (seen, to_limit)
        refreshed = then if up_to_date else None
        asked = request_rows(book, block, shown, requests, parameters)
        reviewed = limit_rows(book, reviewing, reviews, "reviewed_on", parameters, refreshed)
        found.append(Reread(asked, reviewed, on_request))
    return found


def requests_by_block(book: Book, request_ids: NDArray[np.int64]) -> list[tuple[int, pd.DataFrame]]:
    """The blocks that hold some requests, each with request_id and borrower_id of these."""
    parts = []
    for block in range(book.blocks):
        held = book.table("draw_requests", block, ["request_id", "borrower_id"])
        held = held[held["request_id"].isin(request_ids)]
        if len(held):
            parts.append((block, held.reset_index(drop=True)))
    return parts


@dataclass(frozen=True)
class Favoured:
    """Requests of a block and what both readers saw for them.

    Attributes:
        requests: The requests, with the region of each.
        asked: The release reader's snapshot at each, in the release model's columns.
        reviewed: The limit reader's snapshot at the review that favours each, in the limit model's columns.
        balance: Balance at each request (RMB), as the release reader saw it.
    """

    requests: pd.DataFrame
    asked: NDArray[np.float32]
    reviewed: NDArray[np.float32]
    balance: Values


def refreshed_snapshots(
    book: Book, block: int, rows: pd.DataFrame, parameters: FeatureParameters
) -> Iterator[tuple[str | None, Favoured]]:
    """Snapshots of requests and of the reviews that favour them, with one stream fresh and all others as they were.

    Only what is read of that stream is read again.

    Args:
        book: A dated book.
        block: One of its blocks.
        rows: request_id and `favoured_on` (the day of the favouring review) by request of the block.
        parameters: How features are read.

    Yields:
        First the snapshots as they were (None). Then, by stream, those in which it has no lag, and the limit reader
        sees it as of the day of the request. All are in the order of `rows`.
    """
    requests = requests_of(book, block, rows["request_id"].to_numpy())
    order = pd.Index(requests["request_id"]).get_indexer(pd.Index(rows["request_id"]))
    requests = requests.iloc[order].reset_index(drop=True)
    seen = read_streams(book, block, requests["borrower_id"].to_numpy())
    at = seen.positions(requests["borrower_id"].to_numpy())
    requests = requests.assign(region=seen.region[at])
    asked_on, favoured_on = to_days(requests["requested_on"]), to_days(rows["favoured_on"])
    around = context(book, seen.region[at], favoured_on)
    catalogue = catalogue_of(book)

    def favoured(asked: dict[str, Reading], reviewed: dict[str, Reading]) -> Favoured:
        snapshot = joined(asked, parameters)
        return Favoured(
            requests,
            request_values(snapshot, requests, parameters, catalogue.release),
            limit_values(joined(reviewed, parameters), around, catalogue.limit),
            snapshot.balance,
        )

    asked = readings(seen, at, asked_on, "release", parameters)
    reviewed = readings(seen, at, favoured_on, "limit", parameters)
    yield None, favoured(asked, reviewed)
    for stream in streams_told(book.manifest.mapping):
        fresh, of, today = seen.up_to_date((stream,)), (stream,), {stream: asked_on}
        yield (
            stream,
            favoured(
                asked | readings(fresh, at, asked_on, "release", parameters, of=of),
                reviewed | readings(fresh, at, favoured_on, "limit", parameters, today, of),
            ),
        )


def requests_of(book: Book, block: int, request_ids: NDArray[np.int64]) -> pd.DataFrame:
    """Some requests of a block, in its order."""
    requests = plain(book.table("draw_requests", block))
    return requests[requests["request_id"].isin(request_ids)].reset_index(drop=True)


def _joined(parts: list[Matrix]) -> Matrix:
    keys = pd.concat([part.keys for part in parts], ignore_index=True)
    return Matrix(keys, np.concatenate([part.values for part in parts]), parts[0].features)


def _taken(matrix: Matrix, rows: NDArray[np.intp]) -> Matrix:
    return Matrix(matrix.keys.iloc[rows].reset_index(drop=True), matrix.values[rows], matrix.features)
