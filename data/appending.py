"""News is appended to a book: what it touches is written again, all else is linked as it stands."""

from __future__ import annotations

import os
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from numpy.typing import NDArray

from data.book import APPENDED, MANIFEST, Book, open_book, part_of
from data.book_writer import BookWriter, write_part
from data.check import faults_of_grown
from data.errors import CallError, DataFault
from data.event_mapping import tables_of_book
from data.lock import alone
from data.months import month_index, to_days
from data.news import Ids, News, in_order, read_news
from data.schema import Table

_DATES = {"limit_reviews": "reviewed_on", "draw_requests": "requested_on"}
"""What history lasts as long as."""


@dataclass(frozen=True)
class Grown:
    """What came of it.

    Attributes:
        book: The book with the news.
        rows: Rows of news by table.
        borrowers: How many borrowers the news touches.
        blocks: How many blocks were written again, new ones among them.
    """

    book: Book
    rows: dict[str, int]
    borrowers: int
    blocks: int


def append_news(book: Book, folder: Path, out: Path) -> Grown:
    """Appends news to a dated book.

    Only the blocks of the borrowers whom it touches are read as a whole, checked and written; all other parts are
    linked (copied, where the file system has no links). Of these only ids and regions are read, and which outcomes are
    due, where the book's last day moves. New borrowers come in blocks of their own. Ground truth of a simulator is left
    behind: it knows nothing of the news.

    Args:
        book: The book.
        folder: Where the news lies (see `read_news`).
        out: Folder of the grown book; the book's own, or what it grew into before, is replaced as a whole when the
            new one is.

    One process at a time appends to a folder; a book that grows in its place is taken as it stands then.

    Raises:
        CallError: The book has no dates, the folder holds no news, another book stands at `out`, or another process
            appends to it for too long.
        DataFault: A row is not as its schema says, stands in the book already, or does not fit the rest of it.
    """
    out.parent.mkdir(parents=True, exist_ok=True)
    with ExitStack() as held:
        try:
            held.enter_context(alone(out.parent / f".{out.name}.lock"))
        except sqlite3.OperationalError as error:
            raise CallError(
                f"another process appends to {out}, or {out.parent} cannot be written; call again when it is done."
            ) from error
        if out.resolve() == book.path.resolve():
            book = open_book(book.path)  # another process may have appended to it since it was opened
        return _grown(book, folder, out)


def _grown(book: Book, folder: Path, out: Path) -> Grown:
    if not book.dated:
        raise CallError(
            f"{book.path} has no dates, one row a client: import the file again with its new rows."
        )
    _refuse_other_book(book, out)
    tables = tables_of_book(book.manifest.mapping)
    news = read_news(folder, tables)
    _refuse_known_keys(book, news)
    owners = _owners(book, news)
    at = _places(book, news, owners)
    blocks = np.unique(
        np.concatenate([place for place in at.values() if len(place)] or [np.empty(0, np.int64)])
    )
    book.verify([int(block) for block in blocks if block < book.blocks])
    touched = _touched(news, owners)
    count = max([book.blocks, *(int(block) + 1 for block in blocks)])
    with BookWriter(out) as writer:
        for name, table in tables.items():
            for block in range(count if table.partitioned else 1):
                rows = _news_of(news, name, at, block) if table.partitioned else news.tables.get(name)
                old = part_of(name, block) if part_of(name, block) in book.manifest.parts else None
                if rows is None and old is not None:
                    writer.add([_linked(book, writer.folder, old)])
                    continue
                known = None if old is None else _old(book, table, old)
                writer.add([_merged(writer.folder, table, block, known, rows)])
        for part in (part for part in book.manifest.parts if part.startswith(f"{APPENDED.name}/")):
            writer.add([_linked(book, writer.folder, part)])
        before = len(book.manifest.appends)
        writer.add([write_part(writer.folder, APPENDED, before, {"borrower_id": touched})])
        manifest = replace(
            book.manifest,
            source="imported",
            seed=None,
            scenario=None,
            blocks=count,
            months=_months(book, news),
            appends=[*book.manifest.appends, {"to": book.digest, "everyone": _concerns_all(book, news)}],
            rows={},
            parts={},
        )
        writer.finish(manifest)
        made = open_book(writer.folder)
        fault = next(iter(faults_of_grown(made, book, [int(block) for block in blocks])), None)
        if fault is not None:
            raise DataFault(f"The news does not fit the book: {fault.rstrip('.')}.")
    rows_by_table = {name: rows.num_rows for name, rows in news.tables.items()}
    return Grown(open_book(out), rows_by_table, len(touched), len(blocks))


def blocks_of(book: Book, borrowers: Ids) -> Iterator[tuple[int, Ids]]:
    """The blocks that hold some borrowers, each with the ids of these; only columns of ids are read."""
    for block in range(book.blocks):
        held = book.table("borrowers", block, ["borrower_id"])["borrower_id"].to_numpy()
        here = held[np.isin(held, borrowers)]
        if len(here):
            yield block, here


def _refuse_other_book(book: Book, out: Path) -> None:
    """Refuses to write over a book that is neither this one nor has grown from it."""
    if not (out / MANIFEST).is_file():
        return
    there = open_book(out)
    if book.digest not in (there.digest, *there.ancestors):
        raise CallError(
            f"{out} is a book (digest {there.digest[:12]}) that has not grown from {book.path}; name another folder "
            "for the grown one."
        )


def _places(book: Book, news: News, owners: tuple[Ids, Ids]) -> dict[str, NDArray[np.int64]]:
    """The block of each row of news, by table that is cut into blocks; new borrowers follow in blocks of their own."""
    held = [
        book.table("borrowers", block, ["borrower_id"])["borrower_id"].to_numpy()
        for block in range(book.blocks)
    ]
    size = max(len(ids) for ids in held)
    fresh = np.sort(news.ids("borrowers"))
    who = np.concatenate([*held, fresh])
    block = np.concatenate(
        [
            np.repeat(np.arange(len(held)), [len(ids) for ids in held]),
            book.blocks + np.arange(len(fresh)) // size,
        ]
    )
    requests, owner = owners
    at = {}
    for name in (name for name in news.tables if news.schema[name].partitioned):
        if name == "outcomes":
            lost = "an outcome of request {}, which nobody made; append that"
            ids = _looked_up(requests, owner, news.ids(name, "request_id"), lost)
        else:
            ids = news.ids(name)
        lost = f"{name} of borrower {{}}, whom neither book nor news knows; append his row of borrowers"
        at[name] = _looked_up(who, block, ids, lost)
    return at


def _looked_up(keys: Ids, values: Ids, wanted: Ids, lost: str) -> Ids:
    """The value of each wanted key; `lost` says what the news brings where there is none."""
    order = np.argsort(keys, kind="stable")
    place = np.searchsorted(keys, wanted, sorter=order)
    found = order.take(place, mode="clip") if len(keys) else np.zeros(len(wanted), dtype=np.int64)
    unknown = keys[found] != wanted if len(keys) else np.ones(len(wanted), dtype=bool)
    if unknown.any():
        raise DataFault(f"The news brings {lost.format(wanted[np.argmax(unknown)])}, too.")
    return np.asarray(values[found], dtype=np.int64)


def _all_ids(news: News) -> Ids:
    """Borrowers of the news that may be of the book: all but those of outcomes are named in it."""
    named = [news.ids(name) for name in news.tables if "borrower_id" in news.schema[name].columns]
    return np.unique(np.concatenate([*named, np.empty(0, dtype=np.int64)]))


def _owners(book: Book, news: News) -> tuple[Ids, Ids]:
    """Requests whose outcomes are news, and who made them."""
    wanted = news.ids("outcomes", "request_id")
    asked, who = [news.ids("draw_requests", "request_id")], [news.ids("draw_requests")]
    for block in range(book.blocks) if len(wanted) else ():
        rows = book.table("draw_requests", block, ["request_id", "borrower_id"])
        rows = rows[rows["request_id"].isin(wanted)]
        asked.append(rows["request_id"].to_numpy())
        who.append(rows["borrower_id"].to_numpy())
    return np.concatenate(asked), np.concatenate(who)


def _touched(news: News, owners: tuple[Ids, Ids]) -> Ids:
    requests, who = owners
    judged = who[np.isin(requests, news.ids("outcomes", "request_id"))]
    return np.unique(np.concatenate([_all_ids(news), judged]))


def _news_of(news: News, name: str, at: dict[str, NDArray[np.int64]], block: int) -> pa.Table | None:
    """The rows of news of a table in a block; None where there are none."""
    if name not in at:
        return None
    here = np.flatnonzero(at[name] == block)
    return news.tables[name].take(pa.array(here)) if len(here) else None


def _linked(book: Book, folder: Path, part: str) -> tuple[str, str, int]:
    """A part of the book as it stands, in the new folder."""
    source, target = book.path / part, folder / part
    if not source.is_file():
        raise DataFault(f"{book.path}: {part} is missing; run `releasegap check` on this book.")
    target.parent.mkdir(parents=True, exist_ok=True)
    try:
        os.link(source, target)  # parts are never written into, only replaced
    except OSError:
        shutil.copyfile(source, target)
    return part, book.manifest.parts[part], pq.read_metadata(source).num_rows


def _old(book: Book, table: Table, part: str) -> pa.Table:
    """The rows of a part that was held against its digest."""
    rows = pq.read_table(book.path / part, partitioning=None)
    return rows.select(list(table.columns)).cast(table.arrow_schema())


def _merged(
    folder: Path, table: Table, block: int, old: pa.Table | None, rows: pa.Table | None
) -> tuple[str, str, int]:
    """A part with its news, written."""
    if old is not None and rows is not None and not _has_ids(table):  # ids were held against all blocks
        _refuse_known(table, old, rows)
    parts = [part for part in (old, rows) if part is not None] or [table.arrow_schema().empty_table()]
    merged = in_order(table, pa.concat_tables(parts).unify_dictionaries()).combine_chunks()
    columns = {name: _whole(merged[name], kind) for name, kind in table.columns.items()}
    return write_part(folder, table, block, columns)


def _refuse_known_keys(book: Book, news: News) -> None:
    """Refuses an id (of a borrower, review, request or outcome) that stands in any block of the book."""
    for name in news.tables:
        table = news.schema[name]
        if not _has_ids(table):
            continue
        (key,) = table.key
        brought = news.ids(name, key)
        for block in range(book.blocks):
            known = book.rows(name, block, [key])[key].to_numpy()
            again = brought[np.isin(brought, known)]
            if len(again):
                raise _known(name, f"{key} {again[0]}")


def _refuse_known(table: Table, old: pa.Table, rows: pa.Table) -> None:
    """Refuses a key of the part, or a whole row where rows have no key, that is brought again."""
    names = list(table.key) or list(table.columns)
    plain = [_plain(side.select(names)) for side in (old, rows)]
    # Only rows of the same borrowers can be the same.
    if "borrower_id" in names:
        plain[0] = plain[0].filter(
            pc.is_in(plain[0]["borrower_id"], plain[1]["borrower_id"].combine_chunks())
        )
    frames = [side.to_pandas(date_as_object=False) for side in plain]
    again = frames[1].merge(frames[0].drop_duplicates(), on=names, how="inner")
    if len(again):
        first = again.iloc[0]
        raise _known(table.name, ", ".join(f"{name} {first[name]}" for name in (table.key or table.order)))


def _has_ids(table: Table) -> bool:
    """Whether one column tells a row from all others of the book, whichever their block."""
    return table.partitioned and len(table.key) == 1


def _known(table: str, row: str) -> DataFault:
    return DataFault(
        f"The news brings a row of {table} that stands in the book already ({row}); leave out what was appended before."
    )


def _plain(rows: pa.Table) -> pa.Table:
    kinds = [
        field.with_type(pa.string()) if pa.types.is_dictionary(field.type) else field for field in rows.schema
    ]
    return rows.cast(pa.schema(kinds))


def _whole(column: pa.ChunkedArray, kind: pa.DataType) -> pa.Array:
    if column.num_chunks == 1:
        return column.chunk(0)
    return pa.concat_arrays(column.chunks) if column.num_chunks else pa.array([], type=kind)


def _months(book: Book, news: News) -> int:
    """Months of history with the news: up to its last review or request."""
    last = int(book.manifest.months or 1)
    for name, date in _DATES.items():
        if name in news.tables:
            days = to_days(news.tables[name][date].to_numpy())
            last = max(last, int(month_index(days, str(book.manifest.first_month)).max()))
    return last


def _concerns_all(book: Book, news: News) -> bool:
    """Whether the news changes what is known of borrowers whom it does not name: an outage, or an older policy."""
    if "outages" in news.tables:
        return True
    if "policy" not in news.tables:
        return False
    known = to_days(book.table("policy", columns=["month_start"])["month_start"]).max()
    return bool((to_days(news.tables["policy"]["month_start"].to_numpy()) <= known).any())
