"""A block of an imported book: its rows put in order, completed, held against the book's rules, and written."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from data.book_rules import Calendar, date_findings, limit_findings, outcome_findings, request_findings
from data.book_writer import write_part
from data.errors import DataFault
from data.event_files import FILE, ROW, EventFiles
from data.event_ids import Ids, first_again
from data.event_mapping import SEQUENCE
from data.findings import Finding, wrong_rows
from data.months import to_days
from data.schema import Table
from data.spill import Spill
from data.table_rules import null_findings, row_findings

Written = list[tuple[str, str, int]]
_MOST_WORDS = 128
_DAYS = 1 << 20
"""More days than lie between 1970 and any day of a book."""


@dataclass
class BlockMaker:
    """Makes the blocks of a book, one after the other.

    Attributes:
        files: The lender's files.
        ids: Borrowers.
        borrowers: Their rows, in the order of `ids`: a table as the book has it, with FILE and ROW.
        spills: Rows of the other tables by block.
        size: Borrowers a block.
        whole: Whether ids of reviews and of requests are whole numbers, by `review_id` and `request_id`.
        calendar: The time of the book.
        policy: The policy table.
        given: How many reviews and requests were numbered so far, where their ids are no numbers.
    """

    files: EventFiles
    ids: Ids
    borrowers: pa.Table
    spills: Mapping[str, Spill]
    size: int
    whole: Mapping[str, bool]
    calendar: Calendar
    policy: pd.DataFrame
    given: dict[str, int] = field(default_factory=lambda: {"review_id": 0, "request_id": 0})

    def made(self, block: int, folder: Path) -> Written:
        """Writes the parts of a block below `folder`.

        Raises:
            DataFault: A row does not fit the others.
        """
        tables = self.files.mapping.tables
        who = self.borrowers.slice(block * self.size, self.size)
        borrowers = self._frame(tables["borrowers"], who)
        self._hold(row_findings("borrowers", tables["borrowers"], borrowers), {"borrowers": who})
        self._hold(
            date_findings("borrowers", "borrowers", borrowers, borrowers, self.calendar), {"borrowers": who}
        )
        written = [self._write(folder, tables["borrowers"], block, who)]
        first = block * self.size
        known = {
            "borrower_id": pa.array(self.ids.numbers[first : first + self.size]),
            "source_id": self.ids.texts.slice(first, self.size),
        }
        written.append(self._write(folder, tables["source_ids/borrowers"], block, pa.table(known)))
        for name, table in tables.items():
            if name.startswith("observations/"):
                rows = self._sorted(table, self.spills[name].rows(block)) if name in self.spills else None
                if rows is not None:
                    self._judge(table, rows, borrowers)
                written.append(self._write(folder, table, block, rows))
        return written + self._record(block, folder, borrowers)

    def _record(self, block: int, folder: Path, borrowers: pd.DataFrame) -> Written:
        """Reviews, requests and outcomes, each held against the others."""
        tables = self.files.mapping.tables
        reviews, review_texts = self._reviews(tables["limit_reviews"], block)
        reviewed = self._frame(tables["limit_reviews"], reviews)
        requests, request_texts = self._requests(
            tables["draw_requests"], block, reviewed, review_texts, borrowers
        )
        outcomes = self._outcomes(tables["outcomes"], block, requests, request_texts)
        rows = {"limit_reviews": reviews, "draw_requests": requests, "outcomes": outcomes}
        frames = {name: self._frame(tables[name], part) for name, part in rows.items()}
        for name, frame in frames.items():
            self._hold(null_findings(name, tables[name], rows[name]), rows)
            self._hold(row_findings(name, tables[name], frame), rows)
            if name != "outcomes":
                self._hold(date_findings(name, name, frame, borrowers, self.calendar), rows)
        self._hold(limit_findings("limit_reviews", reviewed), rows)
        region = borrowers.set_index("borrower_id")["region"]
        asked = frames["draw_requests"]
        self._hold(request_findings("draw_requests", asked, reviewed, region, self.policy), rows)
        places = {"draw_requests": "draw_requests", "outcomes": "outcomes"}
        self._hold(outcome_findings(places, asked, frames["outcomes"], self.calendar), rows)
        own = pa.table(
            {
                "request_id": requests["request_id"],
                "borrower_id": requests["borrower_id"],
                "source_id": request_texts,
            }
        ).sort_by([("borrower_id", "ascending"), ("request_id", "ascending")])
        return [
            *(self._write(folder, tables[name], block, part) for name, part in rows.items()),
            self._write(folder, tables["source_ids/requests"], block, own),
        ]

    def _reviews(self, table: Table, block: int) -> tuple[pa.Table, pa.StringArray | None]:
        rows = self.spills["limit_reviews"].rows(block)
        rows, texts = self._numbered(table, rows, "review_id")
        frame = rows.select(["borrower_id", "limit_after"]).to_pandas()
        # Before anything follows from it: what is wrong is told where it stands.
        held = frame["limit_after"] > 0
        found = wrong_rows("limit_reviews", "limit_after", "a value above 0", held, frame["limit_after"])
        self._hold(found, {"limit_reviews": rows})
        if "limit_before" not in rows.column_names:
            before = frame.groupby("borrower_id", sort=False)["limit_after"].shift()
            rows = rows.append_column("limit_before", pa.array(before, pa.float32(), from_pandas=True))
        rows = _otherwise(rows, "limit_assessed", rows["limit_after"])
        return _otherwise(rows, "marketing", pa.scalar(False)), texts

    def _requests(
        self,
        table: Table,
        block: int,
        reviews: pd.DataFrame,
        review_texts: pa.StringArray | None,
        borrowers: pd.DataFrame,
    ) -> tuple[pa.Table, pa.StringArray]:
        rows = self.spills["draw_requests"].rows(block)
        if "decisions" in self.spills:
            rows = self._decided(rows, self.spills["decisions"].rows(block))
        rows, texts = self._numbered(table, rows, "request_id")
        rows = _otherwise(rows, "decision_system", rows["decision_executed"])
        rows = _otherwise(rows, "random_release", pa.scalar(False))
        review = self._reviews_named(rows, reviews, review_texts)
        if "review_id" in rows.column_names:
            rows = rows.drop_columns(["review_id"])
        rows = rows.append_column("review_id", pa.array(review))
        return _otherwise(rows, "policy_version", self._version(rows, borrowers)), texts

    def _decided(self, rows: pa.Table, decisions: pa.Table) -> pa.Table:
        """The requests with what was decided on each, which stands in files of its own."""
        again = first_again(decisions["request_id"].combine_chunks())
        if again is not None:
            raise self._fault(decisions, again[0], "request_id", "a request that no other row decides")
        asked = rows["request_id"].combine_chunks()
        at = pc.index_in(asked, value_set=decisions["request_id"].combine_chunks())
        lost = np.asarray(at.is_null().to_numpy(zero_copy_only=False), dtype=bool)
        if lost.any():
            raise self._fault(rows, int(lost.argmax()), "request_id", "a row in the files of decisions")
        told = decisions.drop_columns(["request_id", FILE, ROW])
        rows = rows.drop_columns([name for name in told.column_names if name in rows.column_names])
        for name in told.column_names:
            rows = rows.append_column(name, told[name].take(at))
        return rows

    def _reviews_named(
        self, rows: pa.Table, reviews: pd.DataFrame, texts: pa.StringArray | None
    ) -> NDArray[np.int64]:
        """The review in force of each request: the one that it names, or its borrower's latest by that day."""
        if "review_id" in rows.column_names:
            if texts is None:
                raise DataFault(
                    "draw_requests names reviews, but limit_reviews has no review_id in the mapping; add it, or "
                    "leave it out of both."
                )
            at = pc.index_in(rows["review_id"].combine_chunks(), value_set=texts)
            lost = np.asarray(at.is_null().to_numpy(zero_copy_only=False), dtype=bool)
            if lost.any():
                raise self._fault(rows, int(lost.argmax()), "review_id", "a review of the same borrower")
            return reviews["review_id"].to_numpy()[np.asarray(at.to_numpy(), dtype=np.int64)]
        held = reviews["borrower_id"].to_numpy()
        who, day = (np.asarray(rows[name].to_numpy()) for name in ("borrower_id", "requested_on"))
        known = np.unique(np.concatenate([held, who]))
        reviewed = to_days(reviews["reviewed_on"])
        # By borrower, then by day, as one number.
        at = np.searchsorted(_key(known, held, reviewed), _key(known, who, day), side="right") - 1
        lost = (at < 0) | (held.take(at.clip(0), mode="clip") != who if len(held) else True)
        if lost.any():
            raise self._fault(
                rows, int(lost.argmax()), "requested_on", "a day on or after the borrower's first review"
            )
        return np.asarray(reviews["review_id"].to_numpy()[at], dtype=np.int64)

    def _version(self, rows: pa.Table, borrowers: pd.DataFrame) -> pa.Array:
        """The policy version in force at each request."""
        regions = (
            borrowers.set_index("borrower_id")["region"].reindex(rows["borrower_id"].to_numpy()).to_numpy()
        )
        months = (
            rows["requested_on"].to_numpy().astype("datetime64[D]").astype("datetime64[M]").astype(np.int64)
        )
        starts = self.policy["month_start"].to_numpy().astype("datetime64[M]").astype(np.int64)
        known = pd.Series(
            self.policy["policy_version"].astype(object).to_numpy(),
            index=pd.MultiIndex.from_arrays([starts, self.policy["region"].to_numpy().astype(np.int64)]),
        )
        found = known.reindex(pd.MultiIndex.from_arrays([months, regions.astype(np.int64)]))
        return pa.array(found.fillna("").astype(str).to_numpy(dtype=object), pa.string())

    def _outcomes(self, table: Table, block: int, requests: pa.Table, texts: pa.StringArray) -> pa.Table:
        rows = self.spills["outcomes"].rows(block)
        at = pc.index_in(rows["request_id"].combine_chunks(), value_set=texts)
        number = requests["request_id"].combine_chunks().take(at)
        rows = rows.drop_columns(["request_id"]).append_column("request_id", number)
        if "bad_12m" not in rows.column_names:
            rows = rows.append_column("bad_12m", pa.nulls(len(rows), pa.int8()))
        return self._sorted(table, rows)

    def _numbered(self, table: Table, rows: pa.Table, key: str) -> tuple[pa.Table, pa.StringArray | None]:
        """The rows in order with their ids as numbers, and the ids as the files write them (None: they have none)."""
        if key in rows.column_names and self.whole[key]:
            texts = rows[key]
            number = pc.cast(texts, pa.int64())
            rows = rows.drop_columns([key]).append_column(key, number).append_column("_text", texts)
            rows = self._sorted(table, rows)
            return rows.drop_columns(["_text"]), rows["_text"].combine_chunks()
        rows = self._sorted(table, rows)
        texts = rows[key].combine_chunks() if key in rows.column_names else None
        first = self.given[key] + 1
        self.given[key] += len(rows)
        if texts is not None:
            rows = rows.drop_columns([key])
        return rows.append_column(key, pa.array(np.arange(first, first + len(rows)))), texts

    def _sorted(self, table: Table, rows: pa.Table) -> pa.Table:
        """The rows in the table's order; those that are level in an order that is not that of the files."""
        within = [SEQUENCE] if SEQUENCE in rows.column_names else []
        others = [name for name in table.columns if name not in table.order]
        keys = [name for name in (*table.order, *within, *others) if name in rows.column_names]
        flat = pa.table(
            {
                name: rows[name].cast(pa.int8()) if pa.types.is_boolean(rows[name].type) else rows[name]
                for name in keys
            }
        )
        order = pc.sort_indices(flat, sort_keys=[(name, "ascending") for name in keys])
        return rows.take(order).combine_chunks()

    def _judge(self, table: Table, rows: pa.Table, borrowers: pd.DataFrame) -> None:
        frame = self._frame(table, rows)
        named = {table.name: rows}
        self._hold(null_findings(table.name, table, rows), named)
        self._hold(row_findings(table.name, table, frame), named)
        self._hold(date_findings(table.name, table.name, frame, borrowers, self.calendar), named)

    def _frame(self, table: Table, rows: pa.Table) -> pd.DataFrame:
        """Rows as the book's rules read them."""
        held = {}
        for name, kind in table.columns.items():
            column = rows[name]
            if pa.types.is_date(kind) and pa.types.is_integer(column.type):
                column = column.cast(pa.int32()).cast(pa.date32())
            held[name] = column
        frame: pd.DataFrame = pa.table(held).to_pandas(date_as_object=False)
        return frame

    def _hold(self, findings: Iterable[Finding], rows: Mapping[str, pa.Table]) -> None:
        """Raises the first finding, told of the row of the file from which it comes."""
        for finding in findings:
            raise self._fault(
                rows[finding.place], finding.rows[0], finding.column, finding.expected, finding.found[0]
            )

    def _fault(
        self, rows: pa.Table, row: int, column: str, expected: str, shown: str | None = None
    ) -> DataFault:
        file = int(rows[FILE][row].as_py())
        place = self.files.place(file, int(rows[ROW][row].as_py()))
        value = rows[column][row].as_py() if shown is None else shown
        if shown is None and column.endswith("_on"):
            value = np.datetime64(int(value), "D")
        return DataFault(
            f"{place}: {self.files.column(file, column)} is {value}, but expected was {expected}; correct it there, or "
            "leave the row out."
        )

    def _write(self, folder: Path, table: Table, block: int, rows: pa.Table | None) -> tuple[str, str, int]:
        columns = {
            name: pa.array([], kind) if rows is None else book_column(table.name, name, rows[name], kind)
            for name, kind in table.columns.items()
        }
        return write_part(folder, table, block, columns)


def book_column(table: str, name: str, values: pa.ChunkedArray | pa.Array, kind: pa.DataType) -> pa.Array:
    """A column as a part of a book has it: days as dates, words as categories in the order of the alphabet.

    Raises:
        DataFault: It has more words than a book can hold.
    """
    column = values.combine_chunks() if isinstance(values, pa.ChunkedArray) else values
    if pa.types.is_dictionary(kind):
        words = pc.unique(column).sort()
        if len(words) > _MOST_WORDS:
            raise DataFault(
                f"The column {name} of {table} has {len(words)} different words, more than the {_MOST_WORDS} that a "
                "book can hold; put some together by `values` in the mapping."
            )
        return pa.DictionaryArray.from_arrays(pc.index_in(column, value_set=words).cast(pa.int8()), words)
    if pa.types.is_date(kind):
        return column.cast(pa.int32()).cast(pa.date32())
    return column.cast(kind)


def _otherwise(rows: pa.Table, name: str, value: pa.ChunkedArray | pa.Array | pa.Scalar) -> pa.Table:
    """The rows with this value of a column where they have none."""
    if name in rows.column_names:
        return rows.set_column(rows.column_names.index(name), name, pc.coalesce(rows[name], value))
    if isinstance(value, pa.Scalar):
        value = pa.array(np.full(len(rows), value.as_py()))
    return rows.append_column(name, value)


def _key(known: NDArray[np.int64], who: NDArray[np.int64], days: NDArray[np.int32]) -> NDArray[np.int64]:
    """Borrower and day as one number that grows with both."""
    return (
        np.searchsorted(known, who) * (2 * _DAYS) + np.clip(days.astype(np.int64), -_DAYS, _DAYS - 1) + _DAYS
    )
