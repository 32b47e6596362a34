"""A book parted in two: what it was before some rows came, and these rows as news."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from data.book import Book, open_book
from data.book_writer import BookWriter
from data.schema import DATED_TABLES

FROM = pd.Timestamp("2025-12-01")
DATES = {"limit_reviews": "reviewed_on", "draw_requests": "requested_on"}
LATE = (3, 7, 611, 650)
"""Borrowers of two of three blocks whose last rows are news."""


def date_of(name: str) -> str:
    return DATES.get(name, "occurred_on")


def is_news(name: str, rows: pa.Table, late: tuple[int, ...]) -> np.ndarray:
    if name.startswith("observations/") or name in DATES:
        frame = rows.select(["borrower_id", date_of(name)]).to_pandas(date_as_object=False)
        return (frame["borrower_id"].isin(late) & (frame[date_of(name)] >= FROM)).to_numpy()
    return np.zeros(rows.num_rows, dtype=bool)


def written(rows: dict[str, pd.DataFrame], folder: Path) -> Path:
    """News of these rows."""
    folder.mkdir()
    for name, frame in rows.items():
        schema = DATED_TABLES[name].arrow_schema()
        pq.write_table(pa.Table.from_pandas(frame, schema, preserve_index=False), folder / f"{name}.parquet")
    return folder


def parted_book(whole: Book, place: Path) -> tuple[Book, Path]:
    """The small book without the last rows of a few borrowers, and these rows as news."""
    news: dict[str, list[pa.Table]] = {}
    gone: list[int] = []
    with BookWriter(place / "old") as writer:
        for name, table in DATED_TABLES.items():
            for block in range(whole.blocks if table.partitioned else 1):
                rows = pq.read_table(whole.path / name / f"part-{block:05d}.parquet", partitioning=None)
                if name == "outcomes":
                    later = np.isin(rows["request_id"].to_numpy(), gone)
                else:
                    later = is_news(name, rows, LATE)
                if name == "draw_requests":
                    gone += rows["request_id"].to_numpy()[later].tolist()
                news.setdefault(name, []).append(rows.filter(pa.array(later)))
                kept = rows.filter(pa.array(~later)).combine_chunks()
                writer.write(table, block, {c: kept[c].combine_chunks() for c in table.columns})
        told = replace(whole.manifest, source="imported", seed=None, scenario=None)
        writer.finish(told)
    for name, parts in news.items():
        rows = pa.concat_tables(parts).unify_dictionaries()
        if rows.num_rows:
            path = place / "news" / f"{name}.parquet"
            path.parent.mkdir(parents=True, exist_ok=True)
            shuffled = np.random.default_rng(1).permutation(rows.num_rows)
            if name.startswith("observations/"):  # rows that are level stay as they come
                shuffled = np.arange(rows.num_rows)
            pq.write_table(rows.take(pa.array(shuffled)), path)
    return open_book(place / "old"), place / "news"
