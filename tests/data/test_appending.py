"""News appended to a book: the same as if it had been there at once, nothing else touched, and no row twice."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest

from data.appending import append_news, blocks_of
from data.book import Book, open_book
from data.book_writer import BookWriter
from data.check import faults
from data.errors import CallError, DataFault
from data.schema import DATED_TABLES
from tests.data.parted import LATE, parted_book, written


@pytest.fixture(scope="module")
def parted(small_book: Book, tmp_path_factory: pytest.TempPathFactory) -> tuple[Book, Path]:
    return parted_book(small_book, tmp_path_factory.mktemp("parted"))


def test_the_grown_book_holds_what_the_whole_one_does(
    parted: tuple[Book, Path], small_book: Book, tmp_path: Path
) -> None:
    old, news = parted
    grown = append_news(old, news, tmp_path / "grown")
    assert (grown.borrowers, grown.blocks) == (len(LATE), 2)
    assert {"observations/bureau", "observations/own_ledger", "limit_reviews"} <= set(grown.rows)
    for name in DATED_TABLES:
        here, there = (book.whole(name).astype(object) for book in (grown.book, small_book))
        pd.testing.assert_frame_equal(here, there)
    assert list(faults(grown.book)) == []
    grown.book.verify()
    assert grown.book.manifest.parameters == old.manifest.parameters  # the lender's own rules are among them
    assert grown.book.ancestors == (old.digest,)
    assert grown.book.touched_since(old.digest).tolist() == list(LATE)  # type: ignore[union-attr]
    assert grown.book.touched_since(grown.book.digest).tolist() == []  # type: ignore[union-attr]


def test_what_the_news_does_not_touch_is_linked(parted: tuple[Book, Path], tmp_path: Path) -> None:
    old, news = parted
    grown = append_news(old, news, tmp_path / "grown").book
    same = [part for part, digest in old.manifest.parts.items() if grown.manifest.parts[part] == digest]
    assert {part for part in old.manifest.parts if "part-00002" in part} <= set(same)
    assert all(os.path.samefile(old.path / part, grown.path / part) for part in same if "part-00002" in part)
    assert not os.path.samefile(
        old.path / "observations/bureau/part-00000.parquet",
        grown.path / "observations/bureau/part-00000.parquet",
    )


def test_a_book_can_be_replaced_by_the_grown_one_and_grow_again(
    parted: tuple[Book, Path], tmp_path: Path
) -> None:
    old, news = parted
    one, two = tmp_path / "one", tmp_path / "two"
    for name, half in ((one, True), (two, False)):
        for path in news.rglob("*.parquet"):
            rows = pq.read_table(path, partitioning=None)
            if "borrower_id" not in rows.column_names:
                continue
            first = pc.less(rows["borrower_id"], 600)
            part = rows.filter(first if half else pc.invert(first))
            (name / path.relative_to(news)).parent.mkdir(parents=True, exist_ok=True)
            pq.write_table(part, name / path.relative_to(news))
    grown = append_news(old, one, tmp_path / "book").book
    again = append_news(grown, two, tmp_path / "book").book
    assert again.ancestors == (grown.digest, old.digest)
    assert again.touched_since(grown.digest).tolist() == [611, 650]  # type: ignore[union-attr]
    assert again.touched_since(old.digest).tolist() == list(LATE)  # type: ignore[union-attr]
    assert open_book(tmp_path / "book").digest == again.digest
    assert list(faults(again)) == []
    with pytest.raises(CallError, match="has not grown from"):
        again.touched_since("0" * 64)


def test_another_book_is_not_written_over_and_what_the_book_grew_into_is(
    parted: tuple[Book, Path], small_book: Book, tmp_path: Path
) -> None:
    old, news = parted
    other = tmp_path / "other"
    shutil.copytree(small_book.path, other)
    with pytest.raises(CallError, match="has not grown from"):
        append_news(old, news, other)
    assert open_book(other).digest == small_book.digest
    open_book(other).verify()
    grown = append_news(old, news, tmp_path / "grown").book
    assert append_news(old, news, tmp_path / "grown").book.digest == grown.digest


def test_new_borrowers_come_in_a_block_of_their_own(parted: tuple[Book, Path], tmp_path: Path) -> None:
    old, _ = parted
    rows = pq.read_table(old.path / "borrowers/part-00000.parquet", partitioning=None).slice(0, 2)
    fresh = rows.set_column(0, rows.schema.field(0), pa.array([9001, 9000], pa.int64()))
    (tmp_path / "news").mkdir()
    pq.write_table(fresh, tmp_path / "news/borrowers.parquet")
    grown = append_news(old, tmp_path / "news", tmp_path / "grown").book
    assert grown.blocks == old.blocks + 1
    assert grown.table("borrowers", old.blocks)["borrower_id"].tolist() == [9000, 9001]
    assert len(grown.table("observations/bureau", old.blocks)) == 0
    assert [(block, ids.tolist()) for block, ids in blocks_of(grown, np.array([5, 9001]))] == [
        (0, [5]),
        (3, [9001]),
    ]
    assert list(faults(grown)) == []


Change = Callable[[pa.Table], pa.Table]


def with_column(name: str, value: Any) -> Change:
    def changed(rows: pa.Table) -> pa.Table:
        place = rows.schema.get_field_index(name)
        field = rows.schema.field(place)
        return rows.set_column(place, field, pa.array([value] * rows.num_rows, field.type))

    return changed


@pytest.mark.parametrize(
    ("table", "source", "change", "said"),
    [
        ("observations/agency", "old", None, "stands in the book already"),
        ("limit_reviews", "old", None, "stands in the book already (review_id"),
        ("borrowers", "old", None, "stands in the book already"),
        ("observations/agency", "news", with_column("borrower_id", 77_777), "borrower 77777, whom neither"),
        ("outcomes", "old", with_column("request_id", 5), "outcome of request 5, which nobody made"),
        (
            "observations/bureau",
            "news",
            with_column("visible_on", pd.Timestamp("2020-01-01")),
            "occurred_on or later",
        ),
        (
            "limit_reviews",
            "news",
            with_column("limit_before", 1.0),
            "limit_after of the borrower's review before",
        ),
        (
            "limit_reviews",
            "news",
            with_column("reviewed_on", pd.Timestamp("2027-01-05")),
            "does not fit the book",
        ),
        ("observations/agency", "news", lambda rows: rows.drop_columns(["kind"]), "a column of type"),
    ],
)
def test_rows_that_do_not_fit_are_refused_in_a_sentence(
    table: str, source: str, change: Change | None, said: str, parted: tuple[Book, Path], tmp_path: Path
) -> None:
    old, news = parted
    path = news / f"{table}.parquet" if source == "news" else old.path / table / "part-00000.parquet"
    rows = pq.read_table(path, partitioning=None).slice(0, 1)
    target = tmp_path / "news" / f"{table}.parquet"
    target.parent.mkdir(parents=True)
    pq.write_table(rows if change is None else change(rows), target)
    with pytest.raises(DataFault) as refused:
        append_news(old, tmp_path / "news", tmp_path / "grown")
    assert said in str(refused.value)
    assert "\n" not in str(refused.value)
    assert sorted(path.name for path in tmp_path.iterdir()) == [".grown.lock", "news"]


def test_an_id_that_stands_in_another_block_is_refused(parted: tuple[Book, Path], tmp_path: Path) -> None:
    old, news = parted
    shutil.copytree(news, tmp_path / "news")
    rows = pq.read_table(news / "limit_reviews.parquet", partitioning=None)
    held = old.table("limit_reviews", 2)["review_id"].iloc[0]
    ids = pa.array([held, *rows["review_id"].to_pylist()[1:]], pa.int64())
    twice = rows.set_column(0, rows.schema.field("review_id"), ids)
    pq.write_table(twice, tmp_path / "news" / "limit_reviews.parquet")
    with pytest.raises(DataFault, match=f"stands in the book already \\(review_id {held}\\)"):
        append_news(old, tmp_path / "news", tmp_path / "grown")
    assert not (tmp_path / "grown").exists()


def april(book: Book) -> dict[str, pd.DataFrame]:
    """Policy and market of the first month beyond the last that the book knows."""
    last = pd.Timestamp("2026-03-01")
    tables = {name: book.table(name) for name in ("policy", "market")}
    return {
        name: table[table["month_start"] == last].assign(month_start=pd.Timestamp("2026-04-01"))
        for name, table in tables.items()
    }


def test_a_month_without_a_policy_for_a_region_of_other_blocks_is_refused(
    parted: tuple[Book, Path], tmp_path: Path
) -> None:
    old, _ = parted
    who = old.table("borrowers").head(1).assign(borrower_id=9000)
    review = old.table("limit_reviews").head(1)
    review = review.assign(
        review_id=2**62, borrower_id=9000, reviewed_on=pd.Timestamp("2026-04-05"), limit_before=np.nan
    )
    new = {"borrowers": who, "limit_reviews": review}
    own = {name: rows[rows["region"] == who["region"].iloc[0]] for name, rows in april(old).items()}
    with pytest.raises(DataFault, match=r"a row for region .* in every month of history"):
        append_news(old, written(new | own, tmp_path / "own"), tmp_path / "grown")
    assert not (tmp_path / "grown").exists()
    grown = append_news(old, written(new | april(old), tmp_path / "all"), tmp_path / "grown").book
    assert grown.manifest.months == 28
    assert list(faults(grown)) == []


def test_outcomes_that_a_later_last_day_makes_due_are_looked_for_in_all_blocks(
    parted: tuple[Book, Path], tmp_path: Path
) -> None:
    whole, _ = parted
    with BookWriter(tmp_path / "young") as writer:
        for name, table in DATED_TABLES.items():
            for block in range(whole.blocks if table.partitioned else 1):
                rows = whole.table(name, block)
                if name == "outcomes":
                    asked = whole.table("draw_requests", block)
                    late = asked.loc[asked["requested_on"] > "2025-12-01", "request_id"]
                    rows = rows[~rows["request_id"].isin(late)]
                writer.write(table, block, rows)
        writer.finish(whole.manifest)
    young = open_book(tmp_path / "young")
    assert list(faults(young)) == []
    news = written(april(young), tmp_path / "news")
    with pytest.raises(DataFault, match="a row in outcomes, 120 days after the release"):
        append_news(young, news, tmp_path / "grown")
    grown = append_news(whole, news, tmp_path / "grown").book
    assert list(faults(grown)) == []


def swap(book: Book, part: str, other: str) -> None:
    """A part gives way to another, as a sound file."""
    (book.path / part).unlink()  # the file may be another book's, too
    shutil.copyfile(book.path / other, book.path / part)


def test_parts_are_held_against_their_digests_where_they_are_read(
    parted: tuple[Book, Path], tmp_path: Path
) -> None:
    old, news = parted
    who = old.table("borrowers").head(1)
    one, two = (
        written({"borrowers": who.assign(borrower_id=fresh)}, tmp_path / f"{fresh}") for fresh in (9000, 9001)
    )
    grown = append_news(append_news(old, news, tmp_path / "grown").book, one, tmp_path / "grown").book
    assert grown.touched_since(old.digest).tolist() == [*LATE, 9000]  # type: ignore[union-attr]
    swap(grown, "appended/part-00001.parquet", "appended/part-00000.parquet")
    grown.verify([1])  # the second append is none of the second block
    with pytest.raises(DataFault, match=r"appended/part-00001\.parquet was changed"):
        grown.touched_since(old.digest)
    swap(grown, "policy/part-00000.parquet", "market/part-00000.parquet")
    with pytest.raises(DataFault, match=r"policy/part-00000\.parquet was changed"):
        grown.verify([1])
    with pytest.raises(DataFault, match=r"policy/part-00000\.parquet was changed"):
        append_news(grown, two, tmp_path / "again")


def test_a_folder_without_news_is_refused(parted: tuple[Book, Path], tmp_path: Path) -> None:
    old, _ = parted
    with pytest.raises(CallError, match="No folder at"):
        append_news(old, tmp_path / "none", tmp_path / "grown")
    (tmp_path / "empty").mkdir()
    with pytest.raises(CallError, match="holds no news"):
        append_news(old, tmp_path / "empty", tmp_path / "grown")
    pq.write_table(pa.table({"a": [1]}), tmp_path / "empty/other.parquet")
    with pytest.raises(CallError, match="belongs to no table"):
        append_news(old, tmp_path / "empty", tmp_path / "grown")


def test_an_outage_concerns_everyone(parted: tuple[Book, Path], tmp_path: Path) -> None:
    old, _ = parted
    day = pa.array([pd.Timestamp("2025-11-01").date()], pa.date32())
    rows = pa.table([pa.array(["bureau"]), day, day], schema=None, names=["stream", "from_on", "until_on"])
    (tmp_path / "news").mkdir()
    pq.write_table(rows.cast(DATED_TABLES["outages"].arrow_schema()), tmp_path / "news/outages.parquet")
    grown = append_news(old, tmp_path / "news", tmp_path / "grown").book
    assert grown.touched_since(old.digest) is None
    assert len(grown.table("outages")) == len(old.table("outages")) + 1
