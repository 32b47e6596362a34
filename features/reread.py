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
    parts = [_block(book, block, request_ids, parameters, up_to_date) for block in range(book.blocks)]
    requests, reviews, on_request = (_joined(list(kind)) for kind in zip(*parts, strict=True))
    order = pd.Index(requests.keys["request_id"]).get_indexer(pd.Index(request_ids))
    return Reread(_taken(requests, order), reviews, _taken(on_request, order))


def _block(
    book: Book, block: int, request_ids: NDArray[np.int64], parameters: FeatureParameters, up_to_date: bool
) -> tuple[Matrix, Matrix, Matrix]:
    requests = plain(book.table("draw_requests", block))
    requests = requests[requests["request_id"].isin(request_ids)].reset_index(drop=True)
    reviews = plain(book.table("limit_reviews", block))
    reviews = reviews[reviews["borrower_id"].isin(requests["borrower_id"])].reset_index(drop=True)
    seen = read_streams(book, block)
    fresh = seen.up_to_date()
    shown = fresh if up_to_date else seen
    return (
        request_rows(book, block, shown, requests, parameters),
        limit_rows(
            book,
            shown,
            reviews,
            "reviewed_on",
            parameters,
            all_as_of(reviews["reviewed_on"]) if up_to_date else None,
        ),
        limit_rows(book, fresh, requests, "requested_on", parameters, all_as_of(requests["requested_on"])),
    )


def refreshed_snapshots(
    book: Book, rows: pd.DataFrame, stream: str, parameters: FeatureParameters
) -> tuple[Matrix, Matrix]:
    """Snapshots of requests and of the reviews that favour them, with one stream fresh and all others as they were.

    Args:
        book: A dated book.
        rows: request_id and `favoured_on` (the day of the favouring review) by request.
        stream: The stream that has no lag, and that the limit reader sees as of the day of the request.
        parameters: How features are read.

    Returns:
        The release reader's and the limit reader's snapshots, in the order of `rows`.
    """
    favoured_on = rows.set_index("request_id")["favoured_on"]
    parts = []
    for block in range(book.blocks):
        requests = plain(book.table("draw_requests", block))
        requests = requests[requests["request_id"].isin(rows["request_id"])].reset_index(drop=True)
        requests["favoured_on"] = favoured_on.loc[requests["request_id"]].to_numpy()
        streams = read_streams(book, block).up_to_date((stream,))
        as_of = {stream: to_days(requests["requested_on"])}
        parts.append(
            (
                request_rows(book, block, streams, requests, parameters),
                limit_rows(book, streams, requests, "favoured_on", parameters, as_of),
            )
        )
    asked, reviewed = (_joined(list(kind)) for kind in zip(*parts, strict=True))
    order = pd.Index(asked.keys["request_id"]).get_indexer(pd.Index(rows["request_id"]))
    return _taken(asked, order), _taken(reviewed, order)


def all_as_of(dates: pd.Series) -> dict[str, Days]:
    """All streams as of these days."""
    return dict.fromkeys(STREAMS, to_days(dates))


def _joined(parts: list[Matrix]) -> Matrix:
    keys = pd.concat([part.keys for part in parts], ignore_index=True)
    return Matrix(keys, np.concatenate([part.values for part in parts]), parts[0].features)


def _taken(matrix: Matrix, rows: NDArray[np.intp]) -> Matrix:
    return Matrix(matrix.keys.iloc[rows].reset_index(drop=True), matrix.values[rows], matrix.features)
