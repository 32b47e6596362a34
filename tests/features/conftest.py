"""Small dated books made by hand, in memory and on disk."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from data.book import Book, Manifest, open_book
from data.book_writer import BookWriter
from data.schema import DATED_TABLES, STREAMS
from features.parameters import FeatureParameters

Frames = Mapping[str, pd.DataFrame]


class MemoryBook:
    """Answers as a dated book of one block does, from frames."""

    def __init__(self, frames: Frames) -> None:
        self.frames = frames
        self.manifest = Manifest(schema_version=1, source="simulated", blocks=1)
        self.asked: set[tuple[str, str]] = set()

    def table(
        self,
        name: str,
        block: int = 0,
        columns: Sequence[str] | None = None,
        borrowers: np.ndarray | None = None,
    ) -> pd.DataFrame:
        frame = self.frames[name]
        if borrowers is not None:
            frame = frame[frame["borrower_id"].isin(borrowers)]
        wanted = list(frame.columns) if columns is None else list(columns)
        self.asked |= {(name, column) for column in wanted}
        return frame[wanted]

    def rows(
        self,
        name: str,
        block: int = 0,
        columns: Sequence[str] | None = None,
        borrowers: np.ndarray | None = None,
    ) -> pa.Table:
        frame = self.table(name, block, columns, borrowers)
        schema = DATED_TABLES[name].arrow_schema()
        return pa.Table.from_pandas(
            frame, pa.schema([schema.field(column) for column in frame]), preserve_index=False
        )


def frame_of(table: str, rows: Sequence[Sequence[Any]], columns: str) -> pd.DataFrame:
    """A table with the book's types; what is not named is missing, or 0 or empty where it cannot be."""
    schema = DATED_TABLES[table]
    frame = pd.DataFrame(list(rows), columns=columns.split()).reindex(columns=list(schema.columns))
    for name, kind in schema.columns.items():
        if str(kind).startswith("date32"):
            frame[name] = frame[name].astype("datetime64[ms]")
        elif str(kind).startswith("dictionary"):
            frame[name] = frame[name].astype(object).fillna("").astype("category")
        elif name in schema.nullable:
            frame[name] = frame[name].astype("float32")
        else:
            frame[name] = frame[name].astype("float64").fillna(0).astype(kind.to_pandas_dtype())
    order = list(schema.order) or list(schema.columns)
    return frame.sort_values(order, kind="stable", ignore_index=True)


def random_frames(borrowers: int, seed: int) -> dict[str, pd.DataFrame]:
    """A dated book of two years of many kinds of rows, some visible long after they happened."""
    rng = np.random.default_rng(seed)
    ids = np.arange(100, 100 + borrowers)
    start = np.datetime64("2023-01-01")
    frames = {
        "borrowers": frame_of(
            "borrowers",
            [
                (i, start - rng.integers(0, 900), 1 + i % 4, i % 3, "female", 20 + i % 40, "single")
                for i in ids
            ],
            "borrower_id opened_on city_tier region gender age marital_status",
        )
    }
    for stream in STREAMS:
        frames[f"observations/{stream}"] = _random_stream(stream, ids, start, rng)
    reviews = [
        (i * 100 + n, i, start + 30 + 91 * n + rng.integers(0, 20), *rng.integers(5, 400, 3) * 100.0)
        for i in ids
        for n in range(6)
    ]
    frames["limit_reviews"] = frame_of(
        "limit_reviews", reviews, "review_id borrower_id reviewed_on limit_before limit_assessed limit_after"
    )
    requests = [
        (i * 100 + n, i, start + 120 + 45 * n, rng.integers(1, 90) * 100.0, 12, i * 100, f"v{i % 5}")
        for i in ids
        for n in range(i % 4)
    ]
    requests = [(*row, "release", "refuse" if row[0] % 3 else "release") for row in requests]
    frames["draw_requests"] = frame_of(
        "draw_requests",
        requests,
        "request_id borrower_id requested_on amount term review_id policy_version"
        " decision_system decision_executed",
    )
    months = [
        (month, region) for month in pd.date_range("2023-01-01", periods=24, freq="MS") for region in range(3)
    ]
    frames["policy"] = frame_of(
        "policy", [(*m, n % 3) for n, m in enumerate(months)], "month_start region tightness"
    )
    frames["market"] = frame_of(
        "market",
        [(*m, rng.uniform(), rng.normal()) for m in months],
        "month_start region competition_index macro_index",
    )
    frames["outages"] = frame_of("outages", [], "stream from_on until_on")
    return frames


def _random_stream(
    stream: str, ids: np.ndarray, start: np.datetime64, rng: np.random.Generator
) -> pd.DataFrame:
    columns = list(DATED_TABLES[f"observations/{stream}"].columns)[3:]
    kinds = {
        "bureau": ("enquiry", "loan_opened", "loan_closed", "delinquency", "card_statement", "file_opened"),
        "agency": ("application", "loan"),
    }.get(stream, ("",))
    rows = []
    for i in ids[rng.uniform(size=len(ids)) < 0.9]:
        for day in np.sort(rng.integers(0, 700, rng.integers(1, 60))):
            lag = rng.integers(0, 60) if rng.uniform() < 0.3 else 0
            values = [rng.choice(kinds) if c == "kind" else _random_value(c, rng) for c in columns]
            rows.append((i, start + day, start + day + lag, *values))
    return frame_of(
        f"observations/{stream}", rows, " ".join(["borrower_id occurred_on visible_on", *columns])
    )


def _random_value(column: str, rng: np.random.Generator) -> float:
    if column in ("payroll", "amount") and rng.uniform() < 0.3:
        return np.nan
    if column in ("shared_device_risk", "contact_change", "card_utilization"):
        return rng.uniform()
    if column in ("dpd", "draw_amount") and rng.uniform() < 0.7:
        return 0.0
    return float(rng.integers(1, 100))


def write_book(frames: Frames, path: Path, blocks: int) -> Book:
    """Writes frames as a book on disk, its borrowers in blocks of about the same size."""
    ids = frames["borrowers"]["borrower_id"].to_numpy()
    with BookWriter(path) as writer:
        for name, frame in frames.items():
            table = DATED_TABLES[name]
            if not table.partitioned:
                writer.write(table, 0, frame)
                continue
            for block, members in enumerate(np.array_split(ids, blocks)):
                writer.write(table, block, frame[frame["borrower_id"].isin(members)].reset_index(drop=True))
        writer.finish(Manifest(1, "simulated", blocks, first_month="2023-01", months=24))
    return open_book(path)


@pytest.fixture(scope="session")
def parameters() -> FeatureParameters:
    return FeatureParameters(
        bureau_balance_decay=0.88,
        instalment_months=8.0,
        interest_loading=1.08,
        spending_season=(1.12, 1.0, 1.0, 1.0, 1.0, 1.10, 1.0, 1.0, 1.0, 1.0, 1.35, 1.08),
        gap_months=2,
        card_statement_months=6,
        thin_file_months=12.0,
        second_stage_days=31,
    )


@pytest.fixture(scope="session")
def memory_book() -> type[MemoryBook]:
    return MemoryBook


@pytest.fixture
def make_frame() -> Callable[..., pd.DataFrame]:
    return frame_of


@pytest.fixture(scope="session")
def make_random_frames() -> Callable[[int, int], dict[str, pd.DataFrame]]:
    return random_frames


@pytest.fixture
def write() -> Callable[[Frames, Path, int], Book]:
    return write_book
