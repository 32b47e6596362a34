"""Import of events: a lender's files of borrowers, observations, limits, requests and outcomes become a dated book."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from data.atomic import refuse_foreign
from data.blocks import Track, untracked
from data.book import MANIFEST, SCHEMA_VERSION, Book, Manifest, open_book, refuse_other_source
from data.book_rules import Calendar, calendar_of
from data.book_writer import BookWriter
from data.errors import CallError, DataFault
from data.event_block import BlockMaker, Written, book_column
from data.event_cells import UNKNOWN
from data.event_files import FILE, ROW, EventFiles, found
from data.event_ids import Ids, all_whole, first_again, numbered
from data.event_mapping import REGIONS, EventMapping
from data.event_policy import Regions, market_of_none, month_of, month_of_day, monthly, outages
from data.months import month_ordinal
from data.schema import DATED_TABLES
from data.spill import Spill

FILES_DIGEST = "files_sha256"
"""Under this name the manifest's mapping holds the sha256 of each imported file."""

_UNTOLD: Mapping[str, Any] = {
    "city_tier": pa.scalar(1, pa.int8()),
    "region": pa.scalar("0"),
    "gender": pa.scalar(UNKNOWN),
    "age": pa.scalar(0, pa.int16()),
    "marital_status": pa.scalar(UNKNOWN),
}
"""What stands in a borrower's row where the files tell nothing; nothing is made of it."""

_ENDS = {"limit_reviews": "reviewed_on", "draw_requests": "requested_on"}
"""Dates up to which history lasts."""


def import_events(
    mapping: EventMapping, folder: Path, out: Path, block_size: int, track: Track[Any] = untracked
) -> Book:
    """Makes a dated book of files of events.

    The book is the same whatever the order of the rows in the files. Memory holds the borrowers, the ids of requests
    and of reviews, and one block; other rows are laid aside beside `out` until their block is made.

    Args:
        mapping: What the files and their columns mean.
        folder: Where the files lie.
        out: Folder of the book; put in place when whole.
        block_size: Borrowers a block.
        track: Follows the blocks as they are made.

    Raises:
        CallError: There is no such folder or file, a file lacks a column or lies elsewhere, or something else stands at
            `out`.
        DataFault: A row is not as a book needs it. Nothing is written then.
    """
    refuse_foreign(out, MANIFEST)
    refuse_other_source(out, "imported")
    files = found(mapping, folder)
    rules = mapping.limit_rules
    with BookWriter(out) as writer, tempfile.TemporaryDirectory(dir=writer.folder) as aside:
        laid = _Laid.aside(files, Path(aside), block_size)
        shared = _shared(laid)
        policy = _as_read(shared["policy"])
        first = mapping.first_month
        calendar = calendar_of(first, laid.last_month - month_ordinal(first) + 1, policy)
        _refuse_short(mapping, calendar)
        maker = laid.maker(calendar, policy)
        for name, rows in shared.items():
            table = DATED_TABLES[name]
            held = {
                column: book_column(name, column, pa.array(rows[column], from_pandas=True), kind)
                for column, kind in table.columns.items()
            }
            writer.write(table, 0, held)
        for written in track(_made(maker, writer.folder, laid.blocks), laid.blocks):
            writer.add(written)
        writer.finish(
            Manifest(
                schema_version=SCHEMA_VERSION,
                source="imported",
                blocks=laid.blocks,
                first_month=first,
                months=calendar.months,
                parameters={} if rules is None else {"limit_reviews": rules.model_dump(mode="json")},
                mapping=mapping.model_dump(mode="json")
                | {FILES_DIGEST: files.digests()}
                | ({} if laid.regions.whole else {REGIONS: laid.regions.names}),
            )
        )
    return open_book(out)


def _made(maker: BlockMaker, folder: Path, blocks: int) -> Iterator[Written]:
    for block in range(blocks):
        yield maker.made(block, folder)


def _shared(laid: _Laid) -> dict[str, pd.DataFrame]:
    """The tables that all borrowers share."""
    mapping, files = laid.files.mapping, laid.files
    first = month_ordinal(mapping.first_month)
    until = month_of(mapping.known_until)
    last = max(laid.last_month, until if until is not None else laid.last_seen)
    policy = monthly(files, "policy", laid.regions, first, last, at_least=until is None)
    market = market_of_none(policy)
    if mapping.market:
        told = int(
            policy["month_start"].to_numpy().astype("datetime64[D]").max().astype("datetime64[M]").astype(int)
        )
        market = monthly(files, "market", laid.regions, first, told)
    return {"policy": policy, "market": market, "outages": outages(files)}


def _as_read(policy: pd.DataFrame) -> pd.DataFrame:
    """The policy table as a book gives it, with dates."""
    return policy.assign(
        month_start=policy["month_start"].to_numpy().astype("datetime64[D]").astype("datetime64[s]")
    )


def _refuse_short(mapping: EventMapping, calendar: Calendar) -> None:
    if calendar.months < 1:
        raise CallError(
            f"History ends before its first month {mapping.first_month}: `last_month`, or the last review or request, "
            "is older; correct `first_month` or `last_month` in the mapping."
        )


@dataclass
class _Laid:
    """The rows of the files, laid aside by block, and what was learnt on the way.

    Attributes:
        files: The files.
        ids: Borrowers.
        borrowers: Their rows in the order of `ids`, with FILE and ROW.
        regions: Their regions.
        size: Borrowers a block.
        spills: Rows of the other tables by block.
        whole: Whether ids of reviews and of requests are whole numbers.
        last_month: Last month of history (since January 1970), as the mapping or the last row says it.
        last_seen: Month of the last event.
        left_out: Ids of requests after the last month of history.
    """

    files: EventFiles
    ids: Ids
    borrowers: pa.Table
    regions: Regions
    size: int
    spills: dict[str, Spill] = field(default_factory=dict)
    whole: dict[str, bool] = field(default_factory=lambda: {"review_id": True, "request_id": True})
    last_month: int = -(2**31)
    last_seen: int = -(2**31)
    left_out: list[pa.StringArray] = field(default_factory=list)

    @classmethod
    def aside(cls, files: EventFiles, folder: Path, size: int) -> _Laid:
        """Reads all files, part by part."""
        ids, borrowers, regions = _borrowers(files)
        laid = cls(files, ids, borrowers, regions, size)
        for name in files.of:
            if name.startswith("observations/"):
                laid._lay(name, folder)
        named = "review_id" in files.schema("limit_reviews").names
        laid._lay("limit_reviews", folder, keep="review_id" if named else None)
        asked, of = laid._lay(name="draw_requests", folder=folder, keep="request_id")
        for name in ("decisions", "outcomes"):
            if files.of[name]:
                laid._lay(name, folder, asked, of)
        last = month_of(files.mapping.last_month)
        laid.last_month = laid.last_month if last is None else last
        return laid

    @property
    def blocks(self) -> int:
        """Number of blocks."""
        return -(-len(self.ids.numbers) // self.size)

    def maker(self, calendar: Calendar, policy: pd.DataFrame) -> BlockMaker:
        """What makes the blocks."""
        return BlockMaker(
            self.files, self.ids, self.borrowers, self.spills, self.size, self.whole, calendar, policy
        )

    def _lay(
        self,
        name: str,
        folder: Path,
        asked: pa.StringArray | None = None,
        of: NDArray[np.int64] | None = None,
        keep: str | None = None,
    ) -> tuple[pa.StringArray, NDArray[np.int64]]:
        """Lays the rows of a table aside.

        Args:
            name: The table.
            folder: Where to.
            asked: Ids of requests, by which rows find their block where they name no borrower. Rows of requests that
                were left out are left out, too.
            of: The block of each of these.
            keep: A column of ids that stand once each.

        Returns:
            The column to keep, and the block of each of its rows.
        """
        spill = self.spills[name] = Spill(folder, name, self._schema(name), self.blocks)
        kept: list[pa.Array] = [pa.array([], pa.string())]
        places: list[pa.Table] = []
        blocks: list[NDArray[np.int64]] = [np.empty(0, dtype=np.int64)]
        for part in self.files.parts(name):
            part = self._within(name, part)
            for key in self.whole:
                if self.whole[key] and key in part.column_names and name in _ENDS:
                    self.whole[key] = all_whole(part[key].combine_chunks())
            part, block = self._placed(part, asked, of)
            spill.add(part, block)
            if keep is not None:
                kept.append(part[keep].combine_chunks())
                places.append(part.select([FILE, ROW]))
                blocks.append(block)
        spill.close()
        texts = pa.concat_arrays(kept)
        again = first_again(texts)
        if again is not None and keep is not None:
            later, before = (pa.concat_tables(places).slice(at, 1).to_pylist()[0] for at in again)
            raise _twice(self.files, keep, texts[again[0]].as_py(), later, before)
        return texts, np.concatenate(blocks)

    def _schema(self, name: str) -> pa.Schema:
        schema = self.files.schema(name)
        if "borrower_id" not in schema.names:
            return schema
        at = schema.get_field_index("borrower_id")
        return schema.set(at, pa.field("borrower_id", pa.int64()))

    def _within(self, name: str, part: pa.Table) -> pa.Table:
        """The rows of the time that the mapping names; what comes later is left out."""
        mapping = self.files.mapping
        date = _ENDS.get(name, "occurred_on")
        if date not in part.column_names:
            return part
        until = month_of(mapping.last_month if name in _ENDS else mapping.known_until)
        if until is not None:
            end = int(np.datetime64(until + 1, "M").astype("datetime64[D]").astype(np.int64))
            within = pc.less(part[date], end)
            if name == "draw_requests":
                self.left_out.append(part["request_id"].filter(pc.invert(within)).combine_chunks())
            part = part.filter(within)
        if len(part):
            last = month_of_day(int(pc.max(part[date]).as_py()))
            self.last_seen = max(self.last_seen, last)
            if name in _ENDS:
                self.last_month = max(self.last_month, last)
        return part

    def _placed(
        self, part: pa.Table, asked: pa.StringArray | None, of: NDArray[np.int64] | None
    ) -> tuple[pa.Table, NDArray[np.int64]]:
        """The rows with numbers of borrowers, and the block of each."""
        if asked is not None and of is not None:
            at = pc.fill_null(pc.index_in(part["request_id"].combine_chunks(), value_set=asked), -1)
            place = np.asarray(at.to_numpy(zero_copy_only=False), dtype=np.int64)
            if self.left_out:
                late = pc.is_in(part["request_id"], value_set=pa.concat_arrays(self.left_out))
                kept = (place >= 0) | ~np.asarray(late.to_numpy(), dtype=bool)
                part, place = part.filter(pa.array(kept)), place[kept]
            self._refuse_lost(part, place, "request_id", "which none of the files of draw_requests knows")
            return part, of[place]
        place = self.ids.places(part["borrower_id"].combine_chunks())
        self._refuse_lost(part, place, "borrower_id", "whom none of the files of borrowers knows")
        column = part.column_names.index("borrower_id")
        return part.set_column(column, "borrower_id", pa.array(self.ids.numbers[place])), place // self.size

    def _refuse_lost(self, part: pa.Table, place: NDArray[np.int64], column: str, why: str) -> None:
        lost = place < 0
        if lost.any():
            row = part.slice(int(lost.argmax()), 1).to_pylist()[0]
            where = self.files.place(row[FILE], row[ROW])
            raise DataFault(
                f"{where}: {self.files.column(row[FILE], column)} is {row[column]!r}, {why}; add it there, or leave "
                "the row out."
            )


def _borrowers(files: EventFiles) -> tuple[Ids, pa.Table, Regions]:
    """The borrowers: their ids, their rows as a book has them, and their regions."""
    parts = list(files.parts("borrowers"))
    if not parts:
        raise DataFault("The files of borrowers are empty; give them a row for every borrower.")
    rows = pa.concat_tables(parts).combine_chunks()
    texts = rows["borrower_id"].combine_chunks()
    again = first_again(texts)
    if again is not None:
        later, before = (rows.slice(at, 1).to_pylist()[0] for at in again)
        raise _twice(files, "borrower_id", texts[again[0]].as_py(), later, before)
    ids, order = numbered(texts)
    rows = rows.take(pa.array(order)).combine_chunks()
    columns: dict[str, Any] = {}
    for name in DATED_TABLES["borrowers"].columns:
        if name == "borrower_id":
            columns[name] = pa.array(ids.numbers)
        elif name in rows.column_names:
            columns[name] = pc.coalesce(rows[name], _UNTOLD[name]) if name in _UNTOLD else rows[name]
        else:
            columns[name] = pa.array([_UNTOLD[name].as_py()] * len(rows), _UNTOLD[name].type)
    region = columns["region"]
    region = region.combine_chunks() if isinstance(region, pa.ChunkedArray) else region
    regions = Regions.of(region)
    columns["region"] = pa.array(regions.codes(region))
    return ids, pa.table(columns | {FILE: rows[FILE], ROW: rows[ROW]}), regions


def _twice(
    files: EventFiles, column: str, value: str, later: Mapping[str, int], before: Mapping[str, int]
) -> DataFault:
    place, earlier = (files.place(row[FILE], row[ROW]) for row in (later, before))
    return DataFault(
        f"{place}: {files.column(later[FILE], column)} is {value!r}, which stands already in {earlier}; give every "
        "row an id of its own."
    )
