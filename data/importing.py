"""Import: a lender's own file, one row per client, becomes a book."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from data.atomic import refuse_foreign
from data.book import (
    MANIFEST,
    SCHEMA_VERSION,
    Book,
    BookWriter,
    Manifest,
    open_book,
    refuse_other_source,
    sha256,
)
from data.errors import DataFault
from data.flat_file import FlatFile, read_flat_file
from data.mapping import BookMapping, Derivation, MappedFeature, tables_of

FILE_DIGEST = "file_sha256"
"""Under this name the manifest's mapping holds the sha256 of the imported file."""

Values = NDArray[np.float64]


def import_book(mapping: BookMapping, file: Path, out: Path) -> Book:
    """Makes a book of a file.

    Clients stand in the order of their ids, so that the order of the file's rows changes nothing.

    Args:
        mapping: What the file's columns mean.
        file: A .csv or .parquet file with a row per client.
        out: Folder of the book; put in place when whole.

    Raises:
        CallError: There is no such file, it lacks a column, or something else lies at `out`.
        DataFault: A value is not what the mapping says, an id stands twice, there are no rows, or all
            outcomes are alike. Nothing is written then.
    """
    refuse_foreign(out, MANIFEST)
    refuse_other_source(out, "imported")
    given = read_flat_file(file, mapping.columns, mapping.missing)
    ids, source_ids = _ids(given, mapping.id_column)
    columns = _columns(given, mapping, ids, source_ids)
    order = np.argsort(ids, kind="stable")
    with BookWriter(out) as writer:
        for name, table in tables_of(mapping).items():
            held = {column: _in_order(columns[name][column], order) for column in table.columns}
            writer.write(table, 0, held)
        said = mapping.model_dump(mode="json") | {FILE_DIGEST: sha256(file)}
        writer.finish(Manifest(schema_version=SCHEMA_VERSION, source="imported", blocks=1, mapping=said))
    return open_book(out)


def _columns(
    given: FlatFile, mapping: BookMapping, ids: NDArray[np.int64], source_ids: pa.StringArray
) -> dict[str, dict[str, Any]]:
    """The columns of each table, in the order of the file's rows."""
    bad = _outcomes(given, mapping)
    limit = _positive(given, mapping.limit_column, "a limit")
    features: dict[str, Any] = {feature.name: _feature(given, feature) for feature in mapping.features}
    kept: dict[str, Any] = {
        column.name: given.numbers(column.source) if column.kind == "number" else _words(given, column.source)
        for column in mapping.protected
    }
    amount = np.full(len(ids), np.nan)
    if mapping.amount_column is not None:
        amount = _positive(given, mapping.amount_column, "an amount", may_be_missing=True)
    who: dict[str, Any] = {"borrower_id": ids}
    return {
        "borrowers": who | {"source_id": source_ids} | kept,
        "observations/flat": who | features,
        "limit_reviews": who | {"review_id": ids, "limit_assessed": limit},
        "draw_requests": who | {"request_id": ids, "amount": amount},
        "outcomes": {"request_id": ids, "bad": bad},
    }


def _ids(given: FlatFile, column: str | None) -> tuple[NDArray[np.int64], pa.StringArray]:
    """Borrower ids, and the ids as the file has them.

    Ids that are all whole numbers stay as they are; others are numbered from 1 in their own order; where
    the file has none, the numbers of the rows serve.
    """
    if column is None:
        rows = np.arange(1, len(given) + 1)
        return rows, pa.array(rows.astype(str))
    absent = given.missing_in(column)
    if absent.any():
        raise DataFault(f"{given.place(int(absent.argmax()))}: {column} is missing; give every client an id.")
    texts = given.columns[column]
    words = texts.to_numpy(zero_copy_only=False).astype(str)
    _, first, rank = np.unique(words, return_index=True, return_inverse=True)
    earlier = first[rank]
    again = earlier != np.arange(len(words))
    if again.any():
        row = int(again.argmax())
        raise DataFault(
            f"{given.cell(column, row)}, which stands already in {_short(given, int(earlier[row]))}; "
            "give every client one row and an id of its own."
        )
    # Numbers with leading zeros are texts: as numbers, two of them could be one.
    if pc.all(pc.match_substring_regex(texts, "^(0|[1-9][0-9]{0,17})$")).as_py():
        return words.astype(np.int64), texts
    return rank.astype(np.int64) + 1, texts


def _outcomes(given: FlatFile, mapping: BookMapping) -> NDArray[np.int8]:
    outcome = mapping.outcome
    codes = dict.fromkeys(outcome.good, 0.0) | dict.fromkeys(outcome.bad, 1.0)
    bad = given.coded(outcome.column, codes, "the mapping's outcomes")
    absent = np.isnan(bad)
    if absent.any():
        place = given.place(int(absent.argmax()))
        raise DataFault(
            f"{place}: {outcome.column} is missing; leave out clients whose outcome is not known."
        )
    if bad.min() == bad.max():
        class_ = "bad" if bad[0] else "good"
        raise DataFault(
            f"{given.path}: every {outcome.column} is {class_}; a model needs clients of both outcomes."
        )
    return bad.astype(np.int8)


def _positive(given: FlatFile, column: str, noun: str, may_be_missing: bool = False) -> Values:
    values = given.numbers(column)
    wrong = ~(values.astype(np.float32) > 0) & ~(np.isnan(values) & may_be_missing)
    if wrong.any():
        row = int(wrong.argmax())
        what = (
            f"{given.place(row)}: {column} is missing" if np.isnan(values[row]) else given.cell(column, row)
        )
        raise DataFault(f"{what}, but {noun} must be above 0; correct it or leave the client out.")
    return values


def _feature(given: FlatFile, feature: MappedFeature) -> Values:
    if feature.derive is not None:
        values = _derived([given.numbers(column) for column in feature.derive.columns], feature.derive)
    elif feature.values is not None:
        values = given.coded(feature.sources[0], feature.values, f"the `values` of feature {feature.name}")
    else:
        values = given.numbers(feature.sources[0])
    if np.isnan(values).all():
        raise DataFault(
            f"{given.path}: the feature {feature.name} has no value in any row; leave it out of the mapping."
        )
    large = np.abs(values) > np.finfo(np.float32).max
    if large.any():
        row = int(large.argmax())
        raise DataFault(
            f"{given.place(row)}: the feature {feature.name} is {values[row]:g}, too large; correct it."
        )
    return values


def _derived(columns: list[Values], derivation: Derivation) -> Values:
    if derivation.how == "ratio":
        over = np.where(columns[1] == 0, np.nan, columns[1])
        return np.asarray(columns[0] / over)
    return _FOLDS[derivation.how](np.stack(columns))


def _sum(stacked: Values) -> Values:
    absent = np.isnan(stacked)
    return np.where(absent.all(axis=0), np.nan, np.where(absent, 0.0, stacked).sum(axis=0))


def _mean(stacked: Values) -> Values:
    seen = (~np.isnan(stacked)).sum(axis=0)
    return np.asarray(_sum(stacked) / np.maximum(seen, 1))


def _max(stacked: Values) -> Values:
    return np.asarray(np.fmax.reduce(stacked, axis=0))


def _min(stacked: Values) -> Values:
    return np.asarray(np.fmin.reduce(stacked, axis=0))


_FOLDS = {"sum": _sum, "mean": _mean, "max": _max, "min": _min}


def _words(given: FlatFile, column: str) -> pa.Array:
    return pa.array(given.columns[column], mask=given.missing_in(column))


def _in_order(values: Any, order: NDArray[np.int64]) -> Any:
    return values.take(pa.array(order)) if isinstance(values, pa.Array) else values[order]


def _short(given: FlatFile, row: int) -> str:
    """A row of the file in a sentence that has named the file already."""
    return given.place(row).rpartition(", ")[2]
