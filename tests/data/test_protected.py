"""Protected attributes of a book, and what its mapping calls them."""

from __future__ import annotations

from pathlib import Path

from data.book import Book
from data.importing import import_book
from data.mapping import read_mapping
from data.protected import DATED, protected_attributes
from tests.data.event_lender import Lender

MAPPING = """
limit_column: limit
currency: EUR
outcome: {column: status, bad: [default], good: [paid]}
protected:
  - {name: sex, label: [Sex, 性别], groups: {1: [men, 男], 2: [women, 女]}}
  - {name: age, kind: number}
policy: {refused_top_share: 0.2}
favoured_top_share: 0.33
features:
  - {name: income, label_en: Income, label_zh: 收入, unit: EUR, family: income, limit_sign: "+", release_sign: "-"}
"""


def test_an_imported_book_has_those_that_its_mapping_names(tmp_path: Path) -> None:
    mapping, file = tmp_path / "m.yaml", tmp_path / "clients.csv"
    mapping.write_text(MAPPING, encoding="utf-8")
    file.write_text("limit,status,sex,age,income\n100,paid,1,30,5\n200,default,2,,6\n", encoding="utf-8")
    found = protected_attributes(import_book(read_mapping(mapping), file, tmp_path / "book"))
    assert found.values["sex"].tolist() == ["1", "2"]
    assert found.values["age"].isna().tolist() == [False, True]
    assert found.labels == {"sex": ["Sex", "性别"]}
    assert found.groups == {"sex": {"1": ["men", "男"], "2": ["women", "女"]}}


def test_a_simulated_book_has_its_four(small_book: Book) -> None:
    found = protected_attributes(small_book)
    assert tuple(found.values.columns) == ("borrower_id", *DATED)
    assert len(found.values) == small_book.manifest.rows["borrowers"]
    assert set(found.values["gender"].astype(str)) == {"female", "male"}
    assert found.labels == found.groups == {}


def test_a_book_of_events_has_those_that_its_files_tell(tmp_path: Path) -> None:
    found = protected_attributes(Lender(tmp_path / "files").book())
    assert found.values.columns.tolist() == ["borrower_id", "gender", "region"]
    assert found.values["region"].tolist() == ["1", "0", "0", "1"]
    assert found.groups == {"region": {"0": ["north", "north"], "1": ["south", "south"]}}
