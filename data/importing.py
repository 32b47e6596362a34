"""Import: a lender's own file, one row per client, becomes a book."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from data.atomic import refuse_foreign
from data.book import MANIFEST, SCHEMA_VERSION, Book, Manifest, open_book, refuse_other_source, sha256
from data.book_writer import BookWriter
from data.categories import strange_told
from data.errors import DataFault
from data.event_ids import first_again, numbered
from data.flat_file import FlatFile, open_flat_file, parts_of
from data.mapped_columns import ProtectedColumn, RecordedDecision, RecordedFavour
from data.mapped_feature import Derivation, MappedFeature
from data.mapping import BookMapping, tables_of
from data.table_form import NotNumbers, TableFile

FILE_DIGEST = "file_sha256"
"""Under this name the manifest's mapping holds the sha256 of the imported file."""
MOST_VALUES: Final = 400_000_000
"""Values of four bytes that a flat book holds at most, since it lies in memory as a whole: 1.6 GB."""
_BESIDES: Final = 11
"""Values of four bytes that are held of each client besides the features: ids, limit, amount, outcome."""
MOST_LETTERS: Final = 200
"""Letters of an id or of a category at most."""
_TRIES: Final = 8
"""Columns of numbers that are read again as text, one by one, before all are."""

Values = NDArray[np.float64]
Told = Callable[[str], None]
Strange = dict[str, Counter[str]]
"""By feature of categories how many rows hold each value that is none of them."""


def import_book(mapping: BookMapping, file: Path, out: Path, told: Told = lambda said: None) -> Book:
    """Makes a book of a file.

    Clients stand in the order of their ids, so that the order of the file's rows changes nothing.

    Args:
        mapping: What the file's columns mean.
        file: A file with a row per client (see `data.flat_file.KINDS`).
        out: Folder of the book; put in place when whole.
        told: Told how the file is read, such as with which delimiter.

    Raises:
        CallError: There is no such file, it lacks a column, or something else lies at `out`.
        DataFault: A value is not what the mapping says, an id stands twice, there are no rows, or all
            outcomes are alike. Nothing is written then.
    """
    refuse_foreign(out, MANIFEST)
    refuse_other_source(out, "imported")
    source = open_flat_file(file, mapping.form, mapping.columns)
    told(f"Reading {file.name} as {source.told}.")
    strange: Strange = {}
    columns = _read(source, mapping, strange)
    clients = len(columns["borrowers"]["borrower_id"])
    for feature in mapping.features:
        if strange.get(feature.name) and feature.coding is not None:
            told(strange_told(feature.name, strange[feature.name], clients, feature.coding))
    order = np.argsort(columns["borrowers"]["borrower_id"], kind="stable")
    with BookWriter(out) as writer:
        for name, table in tables_of(mapping).items():
            own = columns.pop(name)
            # Each column is let go as its ordered copy is made, so that a book never lies in memory twice.
            rows = order[own["bad"][order] != UNKNOWN] if name == "outcomes" else order
            held = {column: _in_order(own.pop(column), rows) for column in table.columns}
            writer.write(table, 0, held)
        said = mapping.model_dump(mode="json") | {FILE_DIGEST: sha256(file)}
        writer.finish(Manifest(schema_version=SCHEMA_VERSION, source="imported", blocks=1, mapping=said))
    return open_book(out)


def _read(source: TableFile, mapping: BookMapping, strange: Strange) -> dict[str, dict[str, Any]]:
    """The columns of each table; the file's columns of numbers are read as such wherever they can be.

    Read as text, a cell is taken as people wrote it, with spaces around it, and a fault is shown so.

    Args:
        source: The file.
        mapping: What its columns mean.
        strange: Filled with the values that are no category.
    """
    numbers = frozenset(mapping.numbers)
    for _ in range(_TRIES):
        try:
            return _columns(source, mapping, numbers, strange)
        except NotNumbers as odd:
            numbers = numbers - {odd.column} if odd.column else frozenset()
        except DataFault:
            break
    return _columns(source, mapping, frozenset(), strange)


def _columns(
    source: TableFile, mapping: BookMapping, numbers: frozenset[str], strange: Strange
) -> dict[str, dict[str, Any]]:
    """The columns of each table, in the order of the file's rows."""
    strange.clear()
    parts: dict[str, list[Any]] = {}
    rows = 0
    _refuse_large(source, mapping, source.rows or 0)
    for part in parts_of(source, mapping.columns, mapping.missing, numbers):
        rows += len(part)
        _refuse_large(source, mapping, rows)
        for name, values in _part(part, mapping, strange).items():
            parts.setdefault(name, []).append(values)
    if not rows:
        raise DataFault(
            f"{source.path} is empty: it has no row below its column names; give it a row per client."
        )
    found = {name: _joined(parts.pop(name)) for name in list(parts)}
    _refuse_one_class(source, mapping, found[_BAD])
    _refuse_empty(source, mapping, found)
    ids, source_ids = _ids(source, mapping.id_column, found.pop(_ID, None), rows)
    who: dict[str, Any] = {"borrower_id": ids}
    kept = {column.name: found.pop(column.name) for column in mapping.protected}
    amount = found.pop(_AMOUNT) if _AMOUNT in found else np.full(rows, np.nan)
    decided = {"decision_executed": _DECISIONS.take(found.pop(_REFUSED))} if _REFUSED in found else {}
    favour = {"favoured": found.pop(_FAVOURED)} if _FAVOURED in found else {}
    return {
        "borrowers": {"borrower_id": ids, "source_id": source_ids} | kept,
        "limit_reviews": who | {"review_id": ids, "limit_assessed": found.pop(_LIMIT)} | favour,
        "draw_requests": who | {"request_id": ids, "amount": amount} | decided,
        "outcomes": {"request_id": ids, "bad": found.pop(_BAD)},
        "observations/flat": who | found,
    }


def _refuse_large(source: TableFile, mapping: BookMapping, rows: int) -> None:
    most = MOST_VALUES // (len(mapping.features) + _BESIDES)
    if rows > most:
        raise DataFault(
            f"{source.path} has more than {most:,} rows, and with {len(mapping.features)} features a book in one piece "
            "can hold no more; import a part of its rows, drawn at random."
        )


# Names that no feature and no protected column can have.
_ID, _BAD, _LIMIT, _AMOUNT = ":id", ":bad", ":limit", ":amount"
_REFUSED, _FAVOURED = ":refused", ":favoured"
_DECISIONS: Final = pa.array(["release", "refuse"])
UNKNOWN: Final = -1
"""The outcome of a client whom the lender refused, so that nobody saw one; no row of `outcomes`."""


def _part(part: FlatFile, mapping: BookMapping, strange: Strange) -> dict[str, Any]:
    """What a part of the file gives: float32 features, outcomes, limits, amounts, protected columns and ids."""
    found: dict[str, Any] = {}
    if mapping.policy.decision is not None:
        found[_REFUSED] = pa.array(
            _said(part, mapping.policy.decision, "the decision on each client").astype(np.int8)
        )
    if mapping.favoured is not None:
        found[_FAVOURED] = _said(part, mapping.favoured, "for each client whether he was favoured").astype(
            bool
        )
    found[_BAD] = _outcomes(part, mapping, found.get(_REFUSED))
    worth = _worth(part, mapping)
    found[_LIMIT] = _positive(part, mapping.limit_column, "a limit") * worth
    if mapping.amount_column is not None:
        found[_AMOUNT] = _positive(part, mapping.amount_column, "an amount", may_be_missing=True) * worth
    if mapping.id_column is not None:
        found[_ID] = _short_enough(part, mapping.id_column)
    for column in mapping.protected:
        number = column.kind == "number"
        found[column.name] = _numbers(part, column.source, column) if number else _words(part, column.source)
    for feature in mapping.features:
        if feature.coding is None:
            values = _feature(part, feature, mapping, worth if mapping.is_money(feature) else 1.0)
        else:
            values, unknown = part.categorised(feature.sources[0], feature.coding)
            strange.setdefault(feature.name, Counter()).update(unknown)
        found[feature.name] = values.astype(np.float32)
    return found


def _joined(parts: list[Any]) -> Any:
    if isinstance(parts[0], pa.Array):
        return pa.concat_arrays(parts)
    return np.concatenate(parts)


def _ids(
    source: TableFile, column: str | None, texts: pa.StringArray | None, rows: int
) -> tuple[NDArray[np.int64], pa.StringArray]:
    """Borrower ids, and the ids as the file has them.

    Ids that are all whole numbers stay as they are; others are numbered from 1 in their own order; where
    the file has none, the numbers of the rows serve.
    """
    if texts is None:
        numbers = np.arange(1, rows + 1)
        return numbers, pa.array(numbers.astype(str))
    again = first_again(texts)
    if again is not None:
        # The first row of the file whose id stood before, and where it stood first.
        row, earlier = again
        raise DataFault(
            f"{source.place(row)}: {column} is {texts[row].as_py()!r}, which stands already in "
            f"{source.place(earlier).rpartition(', ')[2]}; give every client one row and an id of its own."
        )
    own, order = numbered(texts)
    ids = np.empty(rows, dtype=np.int64)
    ids[order] = own.numbers
    return ids, texts


def _short_enough(part: FlatFile, column: str) -> pa.StringArray:
    """Texts of ids, none of them missing."""
    absent = part.missing_in(column)
    if absent.any():
        raise DataFault(f"{part.place(int(absent.argmax()))}: {column} is missing; give every client an id.")
    _refuse_long(part, column)
    return part.columns[column]


def _refuse_long(part: FlatFile, column: str) -> None:
    long = pc.greater(pc.utf8_length(part.columns[column]), MOST_LETTERS)
    row = pc.index(long, True).as_py()
    if row >= 0:
        raise DataFault(
            f"{part.cell(column, row)}, which has more than {MOST_LETTERS} letters; name another column in the mapping."
        )


def _said(part: FlatFile, said: RecordedDecision | RecordedFavour, wanted: str) -> Values:
    """What the lender decided on each client: 1 or 0."""
    values = part.coded(said.column, said.codes, f"the mapping's values of {said.column}")
    absent = np.isnan(values)
    if absent.any():
        raise DataFault(
            f"{part.place(int(absent.argmax()))}: {said.column} is missing; say {wanted}, or leave the client out."
        )
    return values


def _outcomes(part: FlatFile, mapping: BookMapping, refused: pa.Array | None) -> NDArray[np.int8]:
    """1 bad, 0 good, and `UNKNOWN` where it is missing of a client whom the lender refused."""
    outcome = mapping.outcome
    codes = dict.fromkeys(outcome.good, 0.0) | dict.fromkeys(outcome.bad, 1.0)
    bad = part.coded(outcome.column, codes, "the mapping's outcomes")
    unknown = np.isnan(bad)
    absent = unknown if refused is None else unknown & (refused.to_numpy() == 0)
    if absent.any():
        place = part.place(int(absent.argmax()))
        who = "clients" if refused is None else "released clients"
        raise DataFault(f"{place}: {outcome.column} is missing; leave out {who} whose outcome is not known.")
    return np.where(unknown, UNKNOWN, bad).astype(np.int8)


def _refuse_one_class(source: TableFile, mapping: BookMapping, bad: NDArray[np.int8]) -> None:
    bad = bad[bad != UNKNOWN]
    if not len(bad) or bad.min() == bad.max():
        class_ = "unknown" if not len(bad) else "bad" if bad[0] else "good"
        raise DataFault(
            f"{source.path}: every {mapping.outcome.column} is {class_}; a model needs clients of both outcomes."
        )


def _refuse_empty(source: TableFile, mapping: BookMapping, found: dict[str, Any]) -> None:
    for feature in mapping.features:
        if np.isnan(found[feature.name]).all():
            raise DataFault(
                f"{source.path}: the feature {feature.name} has no value in any row; leave it out of the mapping."
            )


def _positive(part: FlatFile, column: str, noun: str, may_be_missing: bool = False) -> Values:
    values = part.numbers(column)
    wrong = ~(values.astype(np.float32) > 0) & ~(np.isnan(values) & may_be_missing)
    if wrong.any():
        row = int(wrong.argmax())
        what = f"{part.place(row)}: {column} is missing" if np.isnan(values[row]) else part.cell(column, row)
        raise DataFault(f"{what}, but {noun} must be above 0; correct it or leave the client out.")
    return values


def _worth(part: FlatFile, mapping: BookMapping) -> Values | float:
    """What one of the file's units of money is in the book's currency, row by row where rows have their own."""
    money = mapping.money
    if money is None:
        return 1.0
    if money.currency_column is None:
        return money.per
    rates = part.coded(money.currency_column, money.rates, "the mapping's `money.rates`")
    absent = np.isnan(rates)
    if absent.any():
        raise DataFault(
            f"{part.place(int(absent.argmax()))}: {money.currency_column} is missing; say the currency of each client."
        )
    return rates * money.per


def _feature(part: FlatFile, feature: MappedFeature, mapping: BookMapping, worth: Values | float) -> Values:
    if feature.derive is not None and feature.derive.how == "days":
        first, second = (part.days(column, mapping.date_format) for column in feature.derive.columns)
        values = second - first
    elif feature.derive is not None:
        values = _derived(
            [_numbers(part, column, feature) for column in feature.derive.columns], feature.derive
        )
    elif feature.values is not None:
        values = part.coded(feature.sources[0], feature.values, f"the `values` of feature {feature.name}")
    else:
        values = _numbers(part, feature.sources[0], feature)
    values = values * worth
    _refuse_beyond(part, feature, values)
    return values


def _numbers(part: FlatFile, column: str, mapped: MappedFeature | ProtectedColumn) -> Values:
    values = part.numbers(column)
    if mapped.missing:
        return np.where(np.isin(values, [float(code) for code in mapped.missing]), np.nan, values)
    return values


def _refuse_beyond(part: FlatFile, feature: MappedFeature, values: Values) -> None:
    largest = float(np.finfo(np.float32).max)
    least = -largest if feature.least is None else feature.least
    most = largest if feature.most is None else feature.most
    beyond = (values < least) | (values > most)
    if not beyond.any():
        return
    row = int(beyond.argmax())
    what = f"{part.place(row)}: the feature {feature.name} is {values[row]:.9g}"
    if abs(values[row]) > largest:
        raise DataFault(f"{what}, too large; correct it.")
    bound = f"at least {least:.9g}" if values[row] < least else f"{most:.9g} at most"
    raise DataFault(
        f"{what}, but the mapping says {bound}; correct it there, or name it among the feature's `missing`."
    )


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


def _words(part: FlatFile, column: str) -> pa.Array:
    _refuse_long(part, column)
    return pa.array(part.columns[column], mask=part.missing_in(column))


def _in_order(values: Any, order: NDArray[np.int64]) -> Any:
    return values.take(pa.array(order)) if isinstance(values, pa.Array) else values[order]
