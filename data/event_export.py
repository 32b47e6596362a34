"""Export of a dated book as files of events, with the mapping by which they make the same book again."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.csv
import yaml

from data.atomic import whole_folder
from data.blocks import Track, untracked
from data.book import Book
from data.errors import CallError
from data.event_mapping import ID_TABLES, KIND, REGIONS, SEQUENCE, is_of_events, tables_of_book
from data.limit_rules import rules_of, tells_rules
from data.months import month_ordinal
from data.schema import STREAMS, Table

MAPPING = "mapping.yaml"

_BY_REGION = ("region", "policy_version")
"""Columns that policy and market have in a book, whether the files told them or not."""

_HEAD = """\
# How the files beside this one become a dated book: releasegap import {name} . --out BOOK
# Every line under `columns` reads `column of the book: column of the file`; see docs/event_files.md.
"""


def export_events(book: Book, folder: Path, track: Track[Any] = untracked) -> Path:
    """Writes a dated book as CSV files of events and the mapping that reads them.

    What only a simulator knows stays behind.

    Args:
        book: A dated book.
        folder: Where to; put in place when whole.
        track: Follows the tables as they are written.

    Returns:
        The mapping's path.

    Raises:
        CallError: The book has no dates, or something else lies at `folder`.
        DataFault: A part is missing or damaged.
    """
    if not book.dated:
        raise CallError(f"{book.path} has no dates, one row a client: there are no events to export.")
    tables = {
        name: table for name, table in tables_of_book(book.manifest.mapping).items() if name not in ID_TABLES
    }
    with whole_folder(folder, MAPPING) as aside:
        for name in track(iter(tables), len(tables)):
            _write(book, tables[name], aside / file_of(name))
        said = yaml.safe_dump(_mapping(book, tables), sort_keys=False, allow_unicode=True, width=100)
        (aside / MAPPING).write_text(_HEAD.format(name=MAPPING) + said, encoding="utf-8")
    return folder / MAPPING


def file_of(table: str) -> str:
    """Name of the file of a table."""
    return f"{table.rpartition('/')[2]}.csv"


def _write(book: Book, table: Table, path: Path) -> None:
    fields = [
        pa.field(name, pa.string() if pa.types.is_dictionary(kind) else kind)
        for name, kind in table.columns.items()
    ]
    stream = table.name.startswith("observations/")
    if stream:
        # Rows of a day keep their order: the last of them says how the day ended.
        fields.append(pa.field(SEQUENCE, pa.int64()))
    schema = pa.schema(fields)
    with pa.csv.CSVWriter(path, schema) as file:
        for block in range(book.parts_of(table.name)):
            rows = book.rows(table.name, block)
            if stream:
                rows = rows.append_column(SEQUENCE, pa.array(np.arange(len(rows))))
            file.write_table(rows.select(schema.names).cast(schema))


def _is_told(mapping: Mapping[str, Any], table: str, column: str) -> bool:
    """Whether a column holds what a lender's files told, and not what stands for what they did not tell."""
    if not mapping or table not in ("borrowers", "policy", "market"):
        return True
    told = {name for source in mapping[table] for name in source["columns"]}
    return column in told or (table != "borrowers" and bool(told) and column in _BY_REGION)


def _named_regions(told: Mapping[str, Any], columns: Collection[str]) -> dict[str, Any]:
    """The column of regions with the names that the lender's own files wrote for their numbers."""
    if "region" not in columns or REGIONS not in told:
        return {}
    return {"region": {"column": "region", "values": dict(told[REGIONS])}}


def _mapping(book: Book, tables: Mapping[str, Table]) -> dict[str, Any]:
    manifest = book.manifest
    told = dict(manifest.mapping or {}) if is_of_events(manifest.mapping) else {}
    first = str(manifest.first_month)
    months = np.datetime64(month_ordinal(first) + int(manifest.months or 1) - 1, "M")
    policy = book.table("policy", columns=["month_start"])["month_start"].max()
    said: dict[str, Any] = {
        "kind": KIND,
        "currency": book.currency,
        "first_month": first,
        "last_month": str(months),
        "known_until": f"{policy:%Y-%m}",
        # A kind may read "NA": the files have an empty cell where a value is missing, and no other sign.
        "missing": [""],
    }
    if tells_rules(book):
        rules = rules_of(book)
        said["limit_rules"] = rules.model_dump(mode="json")
    for name, table in tables.items():
        kept = [column for column in table.columns if _is_told(told, name, column)]
        if kept and not name.startswith("observations/"):
            columns = {column: column for column in kept} | _named_regions(told, kept)
            said[name] = {"files": file_of(name), "columns": columns}
    said["streams"] = {}
    for name, table in tables.items():
        stream = name.removeprefix("observations/")
        if stream != name and (not told or stream in told["streams"]):
            all_columns = {column: column for column in (*table.columns, SEQUENCE)}
            source: dict[str, Any] = {"sources": {"files": file_of(name), "columns": all_columns}}
            if stream not in STREAMS:
                own = told["streams"][stream]
                source = {key: own[key] for key in ("label", "limit_refresh")} | source
            said["streams"][stream] = source
    if told.get("features"):
        said["features"] = [
            {key: value for key, value in feature.items() if value not in (None, [], ())}
            for feature in told["features"]
        ]
    return said
