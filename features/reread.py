"""Both readers' snapshots of some requests read again: as they were seen, or as they would have been without lag."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from data.book import Book
from data.months import to_days
from data.schema import STREAMS
from features.matrix import Matrix, limit_rows, plain, request_rows
from features.parameters import FeatureParameters
from features.streams import read_streams
from features.windows import Days


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
    book: Book, request_ids: NDArray[np.int64], parameters: FeatureParameters, up_to_date: bool = False
) -> Reread:
    """Reads the snapshots of some requests of a dated book again.

    Args:
        book: A dated book.
        request_ids: Which requests; each once.
        parameters: How features are read.
        up_to_date: Whether everything that was ever shown counts from its day, and limits are reviewed on
            streams that were refreshed on that day.
    """
    return _reread(book, request_ids, parameters, (up_to_date,))[0]


def reread_both(
    book: Book, request_ids: NDArray[np.int64], parameters: FeatureParameters
) -> tuple[Reread, Reread]:
    """The snapshots of some requests as they were seen, and up to date (see `reread`)."""
    seen, fresh = _reread(book, request_ids, parameters, (False, True))
    return seen, fresh


def _reread(
    book: Book, request_ids: NDArray[np.int64], parameters: FeatureParameters, ways: tuple[bool, ...]
) -> list[Reread]:
    parts = [_block(book, block, request_ids, parameters, ways) for block in range(book.blocks)]
    on_request, *rest = (_joined(list(kind)) for kind in zip(*parts, strict=True))
    order = pd.Index(on_request.keys["request_id"]).get_indexer(pd.Index(request_ids))
    return [
        Reread(_taken(requests, order), reviews, _taken(on_request, order))
        for requests, reviews in zip(rest[::2], rest[1::2], strict=True)
    ]


def _block(
    book: Book,
    block: int,
    request_ids: NDArray[np.int64],
    parameters: FeatureParameters,
    ways: tuple[bool, ...],
) -> list[Matrix]:
    """Limit snapshots on the day of the requests; then, for each way, release snapshots and those of the reviews."""
    requests = _requests(book, block, request_ids)
    reviews = plain(book.table("limit_reviews", block))
    reviews = reviews[reviews["borrower_id"].isin(requests["borrower_id"])].reset_index(drop=True)
    seen = read_streams(book, block, requests["borrower_id"].to_numpy())
    fresh = seen.up_to_date()
    today, then = all_as_of(requests["requested_on"]), all_as_of(reviews["reviewed_on"])
    matrices = [limit_rows(book, fresh, requests, "requested_on", parameters, today)]
    for up_to_date in ways:
        shown = fresh if up_to_date else seen
        matrices += [
            request_rows(book, block, shown, requests, parameters),
            limit_rows(book, shown, reviews, "reviewed_on", parameters, then if up_to_date else None),
        ]
    return matrices


def refreshed_snapshots(
    book: Book, rows: pd.DataFrame, parameters: FeatureParameters
) -> dict[str, tuple[Matrix, Matrix]]:
    """Snapshots of requests and of the reviews that favour them, with one stream fresh and all others as they were.

    Args:
        book: A dated book.
        rows: request_id and `favoured_on` (the day of the favouring review) by request.
        parameters: How features are read.

    Returns:
        By stream that has no lag, and that the limit reader sees as of the day of the request: the release reader's
        and the limit reader's snapshots, in the order of `rows`.
    """
    favoured_on = rows.set_index("request_id")["favoured_on"]
    parts: dict[str, list[tuple[Matrix, Matrix]]] = {stream: [] for stream in STREAMS}
    for block in range(book.blocks):
        requests = _requests(book, block, rows["request_id"].to_numpy())
        requests["favoured_on"] = favoured_on.loc[requests["request_id"]].to_numpy()
        seen = read_streams(book, block, requests["borrower_id"].to_numpy())
        for stream, found in parts.items():
            streams = seen.up_to_date((stream,))
            as_of = {stream: to_days(requests["requested_on"])}
            asked = request_rows(book, block, streams, requests, parameters)
            found.append((asked, limit_rows(book, streams, requests, "favoured_on", parameters, as_of)))
    return {stream: _in_order(found, rows["request_id"]) for stream, found in parts.items()}


def _requests(book: Book, block: int, request_ids: NDArray[np.int64]) -> pd.DataFrame:
    requests = plain(book.table("draw_requests", block))
    return requests[requests["request_id"].isin(request_ids)].reset_index(drop=True)


def _in_order(parts: list[tuple[Matrix, Matrix]], request_ids: pd.Series) -> tuple[Matrix, Matrix]:
    asked, reviewed = (_joined(list(kind)) for kind in zip(*parts, strict=True))
    order = pd.Index(asked.keys["request_id"]).get_indexer(pd.Index(request_ids))
    return _taken(asked, order), _taken(reviewed, order)


def all_as_of(dates: pd.Series) -> dict[str, Days]:
    """All streams as of these days."""
    return dict.fromkeys(STREAMS, to_days(dates))


def _joined(parts: list[Matrix]) -> Matrix:
    keys = pd.concat([part.keys for part in parts], ignore_index=True)
    return Matrix(keys, np.concatenate([part.values for part in parts]), parts[0].features)


def _taken(matrix: Matrix, rows: NDArray[np.intp]) -> Matrix:
    return Matrix(matrix.keys.iloc[rows].reset_index(drop=True), matrix.values[rows], matrix.features)
