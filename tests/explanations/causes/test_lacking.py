"""A book tells shares of causes only where it has what each of the five is replayed with, and says what it lacks."""

from pathlib import Path

from data.book import Book
from explanations.causes.tables import lacking
from tests.data.event_lender import Lender


def test_a_simulated_book_lacks_nothing(small_book: Book) -> None:
    assert lacking(small_book) == {}


def test_a_lender_lacks_what_no_file_of_his_tells(tmp_path: Path) -> None:
    lender = Lender(tmp_path / "files")
    assert set(lacking(lender.book())) == {"competition", "misread"}
    del lender.mapping["limit_rules"]
    assert set(lacking(lender.book())) == {"competition", "misread", "error"}
