"""Both readers' snapshots of some requests read again: as they were seen, or as they would have been without lag."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from data.book import Book
from features.matrix import Matrix, limit_rows, plain, request_rows
from features.parameters import FeatureParameters
from features.streams import read_streams


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
            book, shown, reviews, "reviewed_on", "limit_refreshed" if up_to_date else "limit", parameters
        ),
        limit_rows(book, fresh, requests, "requested_on", "limit_refreshed", parameters),
    )


def _joined(parts: list[Matrix]) -> Matrix:
    keys = pd.concat([part.keys for part in parts], ignore_index=True)
    return Matrix(keys, np.concatenate([part.values for part in parts]), parts[0].features)


def _taken(matrix: Matrix, rows: NDArray[np.intp]) -> Matrix:
    return Matrix(matrix.keys.iloc[rows].reset_index(drop=True), matrix.values[rows], matrix.features)
