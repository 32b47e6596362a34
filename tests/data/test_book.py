"""What a book may hold and name: nothing outside its folder, nothing that fills the memory, no odd manifest."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from data.book import Book, open_book
from data.errors import CallError, DataFault


@pytest.mark.parametrize(
    "part", ["draw_requests/part-00000.parquet", "observations/bureau/part-00001.parquet"]
)
def test_a_part_that_is_a_link_out_of_the_book_is_not_read(
    small_book: Book, tmp_path: Path, part: str
) -> None:
    book = open_book(shutil.copytree(small_book.path, tmp_path / "book"))
    table, _, number = part.partition("/part-")
    block = int(number.removesuffix(".parquet"))
    (book.path / part).rename(tmp_path / "elsewhere.parquet")
    (book.path / part).symlink_to(tmp_path / "elsewhere.parquet")
    for read in (lambda: book.table(table, block), book.verify):
        with pytest.raises(DataFault, match="leads out of the book"):
            read()
    (tmp_path / "linked").symlink_to(small_book.path)  # a link to a whole book is its owner's own affair
    open_book(tmp_path / "linked").verify([0])


@pytest.mark.parametrize(
    "changed",
    [
        {"parts": {"../../etc/passwd": "0" * 64}},
        {"parts": {"/etc/passwd": "0" * 64}},
        {"parts": {"borrowers/part-00000.parquet": 7}},
        {"parts": []},
        {"rows": {"borrowers": "many"}},
        {"rows": {}},
        {"blocks": 0},
        {"blocks": True},
        {"blocks": 10**9},
        {"mapping": "x"},
        {"appends": ["x"]},
        {"first_month": 7},
    ],
)
def test_a_manifest_of_no_book_is_refused(small_book: Book, tmp_path: Path, changed: dict[str, Any]) -> None:
    said = json.loads((small_book.path / "book.json").read_text("utf-8")) | changed
    said.pop("sha256")  # as a book of before
    (tmp_path / "book.json").write_text(json.dumps(said), "utf-8")
    with pytest.raises(CallError, match="is not a book's manifest"):
        open_book(tmp_path)


def test_a_part_that_would_fill_the_memory_is_refused(small_book: Book, tmp_path: Path) -> None:
    book = open_book(shutil.copytree(small_book.path, tmp_path / "book"))
    part = book.path / "borrowers" / "part-00000.parquet"
    rows = 60_000
    long = pa.DictionaryArray.from_arrays(pa.array(np.zeros(rows, dtype=np.int32)), pa.array(["x" * 10_000]))
    pq.write_table(pa.table({"borrower_id": np.arange(rows), "city_tier": long}), part, store_schema=False)
    with pytest.raises(DataFault, match="unpacks to more than"):
        book.table("borrowers")
