"""Feature matrices of draw requests (for the release model) and of limit reviews (for the limit model)."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from data.blocks import HERE, Engine, Track, untracked
from data.book import Book
from data.errors import DataFault
from data.limit_rules import recorded_slip, rules_of, tells_rules
from data.months import month_index, to_days
from features.catalogue import catalogue_of
from features.context import context
from features.parameters import FeatureParameters
from features.snapshots import Snapshot, request_features, snapshot
from features.streams import Streams, read_streams
from features.windows import Days, Values

Kind = Literal["request", "review"]


@dataclass(frozen=True)
class Matrix:
    """Feature values and what they belong to.

    Attributes:
        keys: A row per row of the matrix: who, when and what was recorded of it.
        values: float32, rows × features, C-contiguous; NaN where a value is missing.
        features: Names of the columns of `values`.
    """

    keys: pd.DataFrame
    values: NDArray[np.float32]
    features: tuple[str, ...]

    @property
    def digest(self) -> str:
        """sha256 of keys, values and names of features: the same matrix gives the same digest."""
        told = hashlib.sha256(json.dumps([*self.features, "", *map(str, self.keys.columns)]).encode())
        told.update(pd.util.hash_pandas_object(self.keys, index=False).to_numpy().data)
        told.update(np.ascontiguousarray(self.values).data)
        return told.hexdigest()


def request_matrix(
    book: Book,
    block: int,
    parameters: FeatureParameters,
    streams: Streams | None = None,
    since: int | None = None,
) -> Matrix:
    """The release reader's snapshot at each draw request of a block, in the release model's columns.

    Keys are the columns of `draw_requests`. A dated book adds `region`, `month` (of history), `limit_before`,
    `limit_after` and `reviewed_on` of the review in force, `balance` (RMB, as the release reader saw it)
    and `available` (RMB, `limit_after` less `balance`). `streams` are the block's, where they are at hand; requests
    before the month `since` of a dated book are left out.

    Raises:
        DataFault: A request names a review or a borrower that the book does not hold.
    """
    requests = plain(book.table("draw_requests", block))
    if not book.dated:
        return _flat(book, block, requests, catalogue_of(book).release)
    requests = _since(book, requests, "requested_on", since)
    return request_rows(book, block, streams or read_streams(book, block), requests, parameters)


def review_matrix(
    book: Book,
    block: int,
    parameters: FeatureParameters,
    streams: Streams | None = None,
    since: int | None = None,
) -> Matrix:
    """The limit reader's snapshot at each limit review of a block, in the limit model's columns.

    Keys are the columns of `limit_reviews`; a dated book adds `region`, `month` (of history) and, where the book tells
    the lender's rules, `slip`: the factor of a recorded departure from them (`recorded_slip`). `streams` are the
    block's, where they are at hand; reviews before the month `since` of a dated book are left out.
    """
    reviews = plain(book.table("limit_reviews", block))
    if not book.dated:
        return _flat(book, block, reviews, catalogue_of(book).limit)
    if tells_rules(book):  # before any is left out: a slip is told by the reviews that went before
        reviews = reviews.assign(slip=recorded_slip(reviews, rules_of(book)))
    reviews = _since(book, reviews, "reviewed_on", since)
    return limit_rows(book, streams or read_streams(book, block), reviews, "reviewed_on", parameters)


def request_rows(
    book: Book, block: int, streams: Streams, requests: pd.DataFrame, parameters: FeatureParameters
) -> Matrix:
    """The rows of `request_matrix` for some requests of a block, as its streams show them."""
    at = streams.positions(requests["borrower_id"].to_numpy())
    seen = snapshot(streams, at, to_days(requests["requested_on"]), "release", parameters)
    keys = _placed(requests, "requested_on", book, streams, at)
    keys = pd.concat([keys, _reviews_in_force(book, block, requests)], axis=1)
    keys["balance"] = seen.balance
    keys["available"] = keys["limit_after"] - keys["balance"]
    release = catalogue_of(book).release
    return Matrix(keys, request_values(seen, requests, parameters, release), release)


def request_values(
    seen: Snapshot, requests: pd.DataFrame, parameters: FeatureParameters, release: tuple[str, ...]
) -> NDArray[np.float32]:
    """The release model's columns (`release`) of snapshots for the amount and term of each request."""
    amount, term = (requests[column].to_numpy(np.float32) for column in ("amount", "term"))
    by_name = seen.features | request_features(seen, amount, term, parameters)
    return _filled(by_name, release)


def limit_rows(
    book: Book,
    streams: Streams,
    rows: pd.DataFrame,
    date: str,
    parameters: FeatureParameters,
    refreshed: Mapping[str, Days] | None = None,
) -> Matrix:
    """The limit reader's snapshots of the borrowers of some rows on a date of theirs, in the limit model's columns.

    `refreshed` names streams that are read as of another day of each row instead.
    """
    at = streams.positions(rows["borrower_id"].to_numpy())
    dates = to_days(rows[date])
    seen = snapshot(streams, at, dates, "limit", parameters, refreshed)
    limit = catalogue_of(book).limit
    values = limit_values(seen, context(book, streams.region[at], dates), limit)
    return Matrix(_placed(rows, date, book, streams, at), values, limit)


def limit_values(seen: Snapshot, around: Mapping[str, Values], limit: tuple[str, ...]) -> NDArray[np.float32]:
    """The limit model's columns (`limit`) of snapshots with the features of their context (of a dated book)."""
    return _filled({**seen.features, **around}, limit)


def whole_matrices(
    book: Book,
    kinds: tuple[Kind, ...],
    parameters: FeatureParameters,
    engine: Engine = HERE,
    track: Track[Any] = untracked,
    since: int | None = None,
    asked_since: int | None = None,
) -> tuple[Matrix, ...]:
    """The matrices of all requests or reviews of a book, made block by block; its streams are read once for all.

    Args:
        book: The book.
        kinds: `request` for `request_matrix`, `review` for `review_matrix`.
        parameters: How features are read.
        engine: Where the blocks are read; changes nothing in the result.
        track: Follows the blocks as they are done.
        since: The first month of history whose reviews are wanted; all, if not given or if the book has no dates.
        asked_since: The first month whose requests are wanted, likewise.

    Returns:
        A matrix for each kind.
    """
    catalogue, rows = catalogue_of(book), book.manifest.rows
    features = [catalogue.release if kind == "request" else catalogue.limit for kind in kinds]
    tables = ["draw_requests" if kind == "request" else "limit_reviews" for kind in kinds]
    # Of what is never filled the system gives no memory.
    values = [
        np.empty((rows[table], len(names)), dtype=np.float32)
        for table, names in zip(tables, features, strict=True)
    ]
    keys: list[list[pd.DataFrame]] = [[] for _ in kinds]
    filled = [0] * len(kinds)
    sent = partial(
        _of_block,
        book.absolute(),
        kinds=kinds,
        parameters=parameters,
        since=since,
        asked_since=asked_since,
    )
    for matrices in track(engine.map_blocks(sent, range(book.blocks)), book.blocks):
        for place, matrix in enumerate(matrices):
            # Copied into place as they come, so that a matrix never lies in memory twice.
            end = filled[place] + len(matrix.values)
            values[place][filled[place] : end] = matrix.values
            filled[place] = end
            keys[place].append(matrix.keys)
    return tuple(
        Matrix(pd.concat(parts, ignore_index=True), made[:count], names)
        for parts, made, count, names in zip(keys, values, filled, features, strict=True)
    )


def whole_matrix(book: Book, kind: Kind, parameters: FeatureParameters, engine: Engine = HERE) -> Matrix:
    """The matrix of one kind alone (see `whole_matrices`)."""
    return whole_matrices(book, (kind,), parameters, engine)[0]


def _of_block(
    book: Book,
    block: int,
    kinds: tuple[Kind, ...],
    parameters: FeatureParameters,
    since: int | None,
    asked_since: int | None,
) -> list[Matrix]:
    streams = read_streams(book, block) if book.dated else None
    return [
        request_matrix(book, block, parameters, streams, asked_since)
        if kind == "request"
        else review_matrix(book, block, parameters, streams, since)
        for kind in kinds
    ]


def _since(book: Book, rows: pd.DataFrame, date: str, since: int | None) -> pd.DataFrame:
    """The rows from a month of history on; all where none is named."""
    if since is None:
        return rows
    month = month_index(to_days(rows[date]), str(book.manifest.first_month))
    return rows[month >= since].reset_index(drop=True)


def replaced(matrix: Matrix, changed: Mapping[str, NDArray[np.float64] | float]) -> Matrix:
    """The matrix with some features changed (a value by row, or one for all); those that it lacks are passed over."""
    values = matrix.values.copy()
    for name, column in changed.items():
        if name in matrix.features:
            values[:, matrix.features.index(name)] = column
    return Matrix(matrix.keys, values, matrix.features)


def _filled(by_name: Mapping[str, Values], features: tuple[str, ...]) -> NDArray[np.float32]:
    values = np.empty((len(by_name[features[0]]), len(features)), dtype=np.float32)
    for column, name in enumerate(features):
        values[:, column] = by_name[name]
    return values


def _flat(book: Book, block: int, keys: pd.DataFrame, features: tuple[str, ...]) -> Matrix:
    """The matrix of an imported book: its columns as the mapping made them."""
    flat = book.table("observations/flat", block)
    absent = [name for name in features if name not in flat]
    if absent:
        raise DataFault(f"{book.path}: observations/flat has no column {absent[0]!r}; import the file again.")
    at = pd.Index(flat["borrower_id"]).get_indexer(keys["borrower_id"])
    if (at < 0).any():
        raise DataFault(
            f"{book.path}: borrower {keys['borrower_id'].iloc[np.argmin(at)]} has no row in "
            "observations/flat; run `releasegap check` on this book."
        )
    values = flat[list(features)].to_numpy(np.float32, na_value=np.nan)[at]
    return Matrix(keys, np.ascontiguousarray(values), features)


def _placed(
    frame: pd.DataFrame, date: str, book: Book, streams: Streams, at: NDArray[np.int64]
) -> pd.DataFrame:
    """The frame with the borrower's region and the history month of each row."""
    first_month = str(book.manifest.first_month)
    return frame.assign(region=streams.region[at], month=month_index(to_days(frame[date]), first_month))


def _reviews_in_force(book: Book, block: int, requests: pd.DataFrame) -> pd.DataFrame:
    columns = ["limit_before", "limit_after", "reviewed_on"]
    reviews = book.table("limit_reviews", block, ["review_id", *columns]).set_index("review_id")
    unknown = ~requests["review_id"].isin(reviews.index)
    if unknown.any():
        request = requests.loc[unknown].iloc[0]
        raise DataFault(
            f"{book.path}: request {request['request_id']} names review {request['review_id']}, which is not "
            "among the borrower's limit_reviews; run `releasegap check` on this book."
        )
    return reviews.loc[requests["review_id"], columns].reset_index(drop=True)


def plain(frame: pd.DataFrame) -> pd.DataFrame:
    """A frame with categories as texts, so that parts with other categories join to the same types."""
    return frame.astype(dict.fromkeys(frame.select_dtypes("category"), "str"))
