"""Check: every table of a book against its schema, keys, dates and digests, block by block."""

from __future__ import annotations

import json
import re
from collections.abc import Generator, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray
from pydantic import TypeAdapter, ValidationError

from data.book import MANIFEST, SEAL, Book, Manifest, is_sealed, sha256
from data.book_rules import (
    Calendar,
    calendar_of,
    complete_findings,
    coverage_findings,
    date_findings,
    limit_findings,
    outcome_findings,
    reference_findings,
    request_findings,
)
from data.event_mapping import tables_of_book
from data.findings import Finding, told, wrong_rows
from data.importing import FILE_DIGEST
from data.mapping import BookMapping, tables_of
from data.schema import Table
from data.table_rules import layout_findings, null_findings, row_findings

_PART = re.compile(r"((?:[a-z_]+/)?[a-z_]+)/part-([0-9]{5})\.parquet")
_MONTH = re.compile(r"[0-9]{4}-(0[1-9]|1[0-2])")


def faults(book: Book, most: int = 10) -> Iterator[str]:
    """One line per fault of a book: table, column, row (0 is the first of its part), what was expected.

    Memory does not grow with the book: it is read block by block.

    Args:
        book: The book.
        most: Most lines for one expectation of one column; what goes beyond is counted in a line of its own.
    """
    yield from told(_findings(book), most)


def faults_of_grown(book: Book, before: Book, blocks: Sequence[int], most: int = 1) -> Iterator[str]:
    """As `faults`, of what news may have made wrong in a dated book; digests and keys of two blocks left aside.

    Args:
        book: The grown book.
        before: What it was.
        blocks: The blocks that the news touches.
        most: As `faults` has it.
    """
    yield from told(_findings_of_grown(book, before, blocks), most)


def _findings_of_grown(book: Book, before: Book, blocks: Sequence[int]) -> Iterator[Finding]:
    unpartitioned: dict[str, pd.DataFrame] = {}
    tables = tables_of_book(book.manifest.mapping)
    for table in tables.values():
        if not table.partitioned:
            frame = yield from _read(book, table, 0)
            if frame is not None:
                unpartitioned[table.name] = frame
    reading = _Reading()
    for block in blocks:
        yield from _block_findings(book, tables, block, unpartitioned, reading)
    calendar = _calendar(book.manifest, unpartitioned)
    was = _calendar(before.manifest, {"policy": before.table("policy", columns=["month_start"])})
    later = calendar is not None and was is not None and calendar.last_day > was.last_day
    for block in sorted({*range(book.blocks)} - {*blocks}):
        reading.regions.update(book.table("borrowers", block, ["region"])["region"].unique().tolist())
        if calendar is not None and later:  # of all rules, a later last day can break this one alone
            yield from _due_findings(book, block, calendar)
    yield from _coverage_findings(calendar, unpartitioned, reading)


def _due_findings(book: Book, block: int, calendar: Calendar) -> Iterator[Finding]:
    places = {name: _part(name, block) for name in ("draw_requests", "outcomes")}
    requests = book.table("draw_requests", block, ["request_id", "requested_on", "decision_executed"])
    outcomes = book.table("outcomes", block, ["request_id"])
    yield from outcome_findings(places, requests, outcomes, calendar)


def _coverage_findings(
    calendar: Calendar | None, unpartitioned: Mapping[str, pd.DataFrame], reading: _Reading
) -> Iterator[Finding]:
    for name in ("policy", "market"):
        if calendar is not None and name in unpartitioned:
            regions = np.array(sorted(reading.regions), dtype=np.int64)
            yield from coverage_findings(name, unpartitioned[name], calendar, regions)


@dataclass
class _Reading:
    """What is kept of the blocks that were read: spans of keys, and the regions of the borrowers."""

    spans: dict[str, list[tuple[int, int, str]]] = field(default_factory=dict)
    regions: set[int] = field(default_factory=set)


def _findings(book: Book) -> Iterator[Finding]:
    wrong = [*_seal_findings(book), *_manifest_findings(book.manifest)]
    if wrong:
        yield from wrong
        return
    tables = _tables(book.manifest)
    yield from _part_findings(book, tables)
    unpartitioned: dict[str, pd.DataFrame] = {}
    for table in tables.values():
        if not table.partitioned:
            frame = yield from _read(book, table, 0)
            if frame is not None:
                unpartitioned[table.name] = frame
    reading = _Reading()
    for block in sorted(_numbers(book.manifest, "borrowers")):
        yield from _block_findings(book, tables, block, unpartitioned, reading)
    yield from _across_findings(book, tables, reading)
    yield from _coverage_findings(_calendar(book.manifest, unpartitioned), unpartitioned, reading)


def _seal_findings(book: Book) -> Iterator[Finding]:
    """Whether the manifest is still what it was when the book was written; books of before cannot tell."""
    try:
        text = (book.path / MANIFEST).read_bytes().decode()
        said = json.loads(text)
    except (OSError, ValueError):
        return
    if SEAL in said and not is_sealed(text, said[SEAL]):
        yield Finding(MANIFEST, SEAL, "what it was when the book was written, found something else")


def _manifest_findings(manifest: Manifest) -> Iterator[Finding]:
    """What is wrong with the manifest itself, so that nothing else can be judged by it."""
    try:
        TypeAdapter(Manifest).validate_json(json.dumps(asdict(manifest)), strict=True)
    except ValidationError as error:
        for fault in error.errors(include_url=False):
            name = ".".join(str(part) for part in fault["loc"])
            expected = fault["msg"].removeprefix("Input should be ")
            yield Finding(MANIFEST, name, expected, found=(repr(fault["input"])[:60],))
        return
    if manifest.source not in ("simulated", "imported"):
        yield Finding(MANIFEST, "source", "simulated or imported", found=(repr(manifest.source),))
    try:
        _tables(manifest)
    except ValidationError as error:
        said = error.errors(include_url=False)[0]
        name = ".".join(["mapping", *(str(part) for part in said["loc"])])
        yield Finding(MANIFEST, name, "the mapping of an imported book", found=(said["msg"],))
        return
    if manifest.first_month is None:
        return
    if not _MONTH.fullmatch(manifest.first_month):
        yield Finding(MANIFEST, "first_month", "a month as YYYY-MM", found=(repr(manifest.first_month),))
    if manifest.months is None or not 1 <= manifest.months <= 1200:
        yield Finding(MANIFEST, "months", "1 to 1200 months of history", found=(str(manifest.months),))


def _tables(manifest: Manifest) -> dict[str, Table]:
    if manifest.first_month is not None:
        return tables_of_book(manifest.mapping)
    said = {key: value for key, value in (manifest.mapping or {}).items() if key != FILE_DIGEST}
    return tables_of(BookMapping.model_validate(said, strict=False))


def _part_findings(book: Book, tables: Mapping[str, Table]) -> Iterator[Finding]:
    """Parts that are missing, too many, or not the bytes that were written; rows that do not add up."""
    manifest = book.manifest
    for name, table in tables.items():
        numbers = sorted(_numbers(manifest, name))
        wanted = manifest.blocks if table.partitioned else 1
        if len(numbers) != wanted or numbers != list(range(len(numbers))):
            yield Finding(name, "", f"{wanted} parts in {MANIFEST}", found=(str(len(numbers)),))
    if manifest.rows.get("borrowers", 0) < 1:
        yield Finding("borrowers", "", "a borrower at least", found=("none",))
    rows: dict[str, int] = {}
    for part, digest in manifest.parts.items():
        match, path = _PART.fullmatch(part), book.path / part
        if match is None:
            yield Finding(MANIFEST, "parts", "TABLE/part-00000.parquet", found=(repr(part)[:80],))
        elif not path.is_file():
            yield Finding(part, "", "a file", found=("none",))
        else:
            actual = sha256(path)
            if actual != digest:
                yield Finding(part, "", f"sha256 {digest}", found=(actual,))
            try:
                rows[match[1]] = rows.get(match[1], 0) + pq.read_metadata(path).num_rows
            except (pa.ArrowException, OSError, ValueError) as error:
                yield Finding(part, "", "a readable Parquet file", found=(_first_line(error),))
                rows[match[1]] = -(2**62)  # the sum cannot be judged any more
    for name, count in manifest.rows.items():
        if rows.get(name, 0) >= 0 and rows.get(name, 0) != count:
            yield Finding(name, "", f"{count} rows by {MANIFEST}", found=(str(rows.get(name, 0)),))
    yield from _stranger_findings(book)


def _stranger_findings(book: Book) -> Iterator[Finding]:
    known = {*book.manifest.parts, MANIFEST}
    for path in sorted(book.path.rglob("*")):
        if path.is_file() and path.relative_to(book.path).as_posix() not in known:
            yield Finding(
                path.relative_to(book.path).as_posix(), "", f"no file that {MANIFEST} does not name"
            )


def _block_findings(
    book: Book,
    tables: Mapping[str, Table],
    block: int,
    unpartitioned: Mapping[str, pd.DataFrame],
    reading: _Reading,
) -> Iterator[Finding]:
    """The tables of one block, one stream in memory at a time."""
    calendar = _calendar(book.manifest, unpartitioned)
    places = {name: _part(name, block) for name in tables}
    kept: dict[str, pd.DataFrame] = {}
    for name, table in tables.items():
        if not table.partitioned:
            continue
        frame = yield from _read(book, table, block)
        if frame is None:
            continue
        _keep(reading, table, places[name], frame)
        if name in ("borrowers", "limit_reviews", "draw_requests", "outcomes") or not book.dated:
            kept[name] = frame
        if "borrowers" in kept:
            borrowers = kept["borrowers"]
            yield from reference_findings(places, {"borrowers": borrowers, name: frame})
            if calendar is not None:
                yield from date_findings(name, places[name], frame, borrowers, calendar)
    yield from reference_findings(
        places, {name: kept[name] for name in ("draw_requests", "outcomes") if name in kept}
    )
    if calendar is None:
        yield from complete_findings(places, kept)
    else:
        yield from _record_findings(places, kept, calendar, unpartitioned.get("policy"))


def _record_findings(
    places: Mapping[str, str],
    kept: Mapping[str, pd.DataFrame],
    calendar: Calendar,
    policy: pd.DataFrame | None,
) -> Iterator[Finding]:
    """The record of a dated block: reviews, requests and outcomes against each other."""
    if "limit_reviews" in kept:
        yield from limit_findings(places["limit_reviews"], kept["limit_reviews"])
    if {"borrowers", "limit_reviews", "draw_requests"} <= kept.keys():
        regions = kept["borrowers"].set_index("borrower_id")["region"]
        requests, reviews = kept["draw_requests"], kept["limit_reviews"]
        yield from request_findings(places["draw_requests"], requests, reviews, regions, policy)
    if {"draw_requests", "outcomes"} <= kept.keys():
        yield from outcome_findings(places, kept["draw_requests"], kept["outcomes"], calendar)


def _read(book: Book, table: Table, block: int) -> Generator[Finding, None, pd.DataFrame | None]:
    """Yields what is wrong within a part, and returns its rows if other tables can be judged by them."""
    place = _part(table.name, block)
    path = book.path / place
    if place not in book.manifest.parts or not path.is_file():
        return None
    try:
        rows = pq.read_table(path, partitioning=None)
        wrong = list(layout_findings(place, table, rows.schema))
        if not any(finding.column in table.columns for finding in wrong):
            wrong += null_findings(place, table, rows)
        yield from wrong
        if any(finding.column in table.columns for finding in wrong):
            return None
        frame: pd.DataFrame = rows.select(list(table.columns)).to_pandas(date_as_object=False)
    except (pa.ArrowException, OSError, ValueError) as error:
        yield Finding(place, "", "a readable Parquet file", found=(_first_line(error),))
        return None
    yield from row_findings(place, table, frame)
    return frame


def _keep(reading: _Reading, table: Table, place: str, frame: pd.DataFrame) -> None:
    if len(table.key) == 1 and len(frame):
        keys = frame[table.key[0]]
        reading.spans.setdefault(table.name, []).append((int(keys.min()), int(keys.max()), place))
    if table.name == "borrowers" and "region" in frame:
        reading.regions.update(frame["region"].unique().tolist())


def _across_findings(book: Book, tables: Mapping[str, Table], reading: _Reading) -> Iterator[Finding]:
    """Keys that stand in two blocks. Only parts whose keys overlap are read again, two at a time."""
    for name, spans in reading.spans.items():
        key = tables[name].key[0]
        ordered = sorted(spans)
        for position, (_, last, place) in enumerate(ordered):
            for first, _, other in ordered[position + 1 :]:
                if first > last:
                    break
                keys, others = (_keys(book.path / part, key) for part in (place, other))
                fresh = ~np.isin(others, keys)
                yield from wrong_rows(other, key, f"no key of {place}", fresh, others)


def _keys(path: Path, key: str) -> NDArray[np.int64]:
    return np.asarray(pq.read_table(path, columns=[key], partitioning=None)[key].to_numpy())


def _calendar(manifest: Manifest, unpartitioned: Mapping[str, pd.DataFrame]) -> Calendar | None:
    if manifest.first_month is None or manifest.months is None:
        return None
    return calendar_of(manifest.first_month, manifest.months, unpartitioned.get("policy"))


def _numbers(manifest: Manifest, table: str) -> list[int]:
    matches = (_PART.fullmatch(part) for part in manifest.parts)
    return [int(match[2]) for match in matches if match and match[1] == table]


def _part(table: str, block: int) -> str:
    return f"{table}/part-{block:05d}.parquet"


def _first_line(error: Exception) -> str:
    return str(error).strip().partition("\n")[0][:120]
