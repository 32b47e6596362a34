"""A file that holds the lender's own decisions, and sums of money in several units and currencies."""

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from data.book import Book
from data.check import faults
from data.errors import CallError, DataFault
from data.importing import import_book
from data.mapping import BookMapping, mapping_of

MAPPING = """
id_column: id
outcome: {column: end, bad: [default], good: [paid]}
limit_column: limit
amount_column: asked
currency: CNY
policy: {decision: {column: status, released: [A], refused: [D]}}
favoured: {column: raised, favoured: [y], others: [n]}
features:
  - {name: late, sign: "+"}
  - {name: debt, sign: "+", unit: currency}
  - name: used
    derive: {how: ratio, columns: [debt, limit]}
    limit_sign: x
    release_sign: "+"
"""
HEADER = "id,end,limit,asked,status,raised,late,debt,ccy"
ROWS = ("7,default,10,1,A,y,2,5,CNY", "3,paid,20,,A,n,0,4,USD", "12,,5,2,D,y,1,2,CNY")


def taken(folder: Path, *rows: str, mapping: str = MAPPING) -> Book:
    (folder / "file.csv").write_text("\n".join([HEADER, *rows]) + "\n", "utf-8")
    return import_book(mapping_of(mapping, "mapping.yaml"), folder / "file.csv", folder / "book")


def test_decisions_are_kept_and_a_refused_client_needs_no_outcome(tmp_path: Path) -> None:
    book = taken(tmp_path, *ROWS)
    assert book.whole("draw_requests")["decision_executed"].tolist() == ["release", "release", "refuse"]
    assert book.whole("limit_reviews")["favoured"].tolist() == [False, True, True]
    assert book.whole("outcomes").to_dict("list") == {"request_id": [3, 7], "bad": [0, 1]}
    assert list(faults(book)) == []


def test_a_released_client_needs_one(tmp_path: Path) -> None:
    with pytest.raises(DataFault, match="line 2: end is missing; leave out released clients"):
        taken(tmp_path, "7,,10,1,A,y,2,5,CNY", *ROWS[1:])
    assert not (tmp_path / "book").exists()


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ("7,default,10,1,maybe,y,2,5,CNY", "status is 'maybe'"),
        ("7,default,10,1,,y,2,5,CNY", "status is missing; say the decision on each client"),
        ("7,default,10,1,A,,2,5,CNY", "raised is missing; say for each client whether he was favoured"),
        ("7,paid,10,1,A,y,2,5,CNY", "every end is good"),
    ],
)
def test_what_is_no_decision_is_refused(tmp_path: Path, row: str, message: str) -> None:
    with pytest.raises(DataFault, match=message):
        taken(tmp_path, row, *ROWS[1:])


def test_a_released_client_whose_outcome_is_gone_from_the_book_is_a_fault(tmp_path: Path) -> None:
    book = taken(tmp_path, *ROWS)
    found = [str(fault) for fault in faults(without_outcome(book, 7, tmp_path / "less"))]
    assert any("a row in outcomes" in fault for fault in found)
    assert not any("12" in fault for fault in found if "a row in outcomes" in fault)


def without_outcome(book: Book, request_id: int, folder: Path) -> Book:
    """The book without an outcome, as one whole book."""
    from data.book import open_book
    from data.book_writer import BookWriter
    from data.mapping import tables_of

    said = {name: value for name, value in (book.manifest.mapping or {}).items() if name != "file_sha256"}
    with BookWriter(folder) as writer:
        for name, table in tables_of(BookMapping.model_validate(said, strict=False)).items():
            rows = book.whole(name)
            if name == "outcomes":
                rows = rows[rows["request_id"] != request_id]
            writer.write(table, 0, {column: rows[column].to_numpy() for column in table.columns})
        writer.finish(dataclasses.replace(book.manifest, parts={}, rows={}))
    return open_book(folder)


@pytest.mark.parametrize(
    ("was", "now", "message"),
    [
        (
            "policy: {decision: {column: status, released: [A], refused: [D]}}",
            "policy: {}",
            "refused_top_share",
        ),
        ("favoured: {column: raised, favoured: [y], others: [n]}", "", "favoured_top_share"),
        ("refused: [D]", "refused: [D, A]", "'A' stands under released and under refused"),
        ("others: [n]", "others: [n, y]", "'y' stands under favoured and under others"),
        ("column: status", "column: end", "cannot be two of id, outcome, limit and the lender's decisions"),
        ("{name: late,", "{name: late, column: status,", "the lender's decision"),
        ("{name: late,", "{name: late, column: raised,", "what the limit led to"),
        ("currency: CNY", "currency: CNY\nmoney: {currency_column: ccy}", "go together"),
        ("currency: CNY", "currency: CNY\nmoney: {per: 0}", "greater than 0"),
    ],
)
def test_a_mapping_that_cannot_be_right_is_refused(was: str, now: str, message: str) -> None:
    assert was in MAPPING
    with pytest.raises(CallError) as refused:
        mapping_of(MAPPING.replace(was, now), "mapping.yaml")
    assert message in str(refused.value)


MONEY = "currency: CNY\nmoney: {per: 10000, currency_column: ccy, rates: {CNY: 1, USD: 7.2}}"


def test_sums_are_turned_into_the_books_currency_and_ratios_stay(tmp_path: Path) -> None:
    (tmp_path / "plain").mkdir()
    plain = taken(tmp_path / "plain", *ROWS)
    book = taken(tmp_path, *ROWS, mapping=MAPPING.replace("currency: CNY", MONEY))
    factor = np.array([72_000.0, 10_000.0, 10_000.0])

    def of(one: Book, table: str, column: str) -> Any:
        return one.whole(table)[column].to_numpy(np.float64)

    for table, column in (
        ("limit_reviews", "limit_assessed"),
        ("draw_requests", "amount"),
        ("observations/flat", "debt"),
    ):
        np.testing.assert_allclose(of(book, table, column), of(plain, table, column) * factor, rtol=1e-6)
    for column in ("late", "used"):
        np.testing.assert_array_equal(
            of(book, "observations/flat", column), of(plain, "observations/flat", column)
        )


def test_a_currency_without_a_rate_is_refused(tmp_path: Path) -> None:
    mapping = MAPPING.replace("currency: CNY", MONEY)
    with pytest.raises(DataFault, match=r"ccy is 'EUR', but the mapping's `money.rates` know only"):
        taken(tmp_path, "7,default,10,1,A,y,2,5,EUR", *ROWS[1:], mapping=mapping)
    with pytest.raises(DataFault, match="ccy is missing; say the currency of each client"):
        taken(tmp_path, "7,default,10,1,A,y,2,5,", *ROWS[1:], mapping=mapping)


def test_an_own_protected_column_may_bear_the_name_of_one_of_ours(tmp_path: Path) -> None:
    book = taken(tmp_path, *ROWS, mapping=MAPPING + "protected: [{name: region, column: ccy}]\n")
    assert book.whole("borrowers")["region"].tolist() == ["USD", "CNY", "CNY"]
    assert list(faults(book)) == []
