"""A lender's file becomes a book with the same values, or one sentence says why it cannot."""

import hashlib
import json
import os
import re
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from data.book import Book
from data.check import faults
from data.errors import CallError, DataFault
from data.importing import import_book
from data.mapped_feature import MappedFeature
from data.mapping import BookMapping, read_mapping
from data.parameters import read_parameters

ROOT = Path(__file__).resolve().parents[2]
REAL_DATA = Path(os.environ.get("RELEASEGAP_REAL_DATA", ROOT / ".." / "shared" / "data"))

Take = Callable[..., Book]
"""Imports rows of text: (*rows, header=…, mapped=…)."""

MAPPING = """
id_column: id
outcome: {column: end, bad: [default, wrote off], good: [paid]}
limit_column: limit
amount_column: asked
currency: EUR
protected: [{name: sex}, {name: age, kind: number}]
policy: {refused_top_share: 0.2}
favoured_top_share: 0.33
features:
  - {name: late, label_en: Late, label_zh: 逾期, unit: n, family: record, limit_sign: "-", release_sign: "+"}
  - name: home
    values: {own: 2, rent: 1, 9: null}
    label_en: Home
    label_zh: 住房
    unit: n
    family: home
    limit_sign: 0
    release_sign: 0
  - name: used
    derive: {how: ratio, columns: [balance, limit]}
    label_en: Used
    label_zh: 使用率
    unit: r
    family: record
    limit_sign: x
    release_sign: "+"
"""
HEADER = "id,end,limit,asked,sex,age,late,home,balance,unused"
ROWS = (
    "7,default,1000,10,F,30,2,own,500,x",
    "3,paid,2000,,M,,0,rent,-40,y",
    "12,wrote off,500.5,20,F,55,,9,0,z",
)


@pytest.fixture
def mapping() -> BookMapping:
    return read_parameters(BookMapping, MAPPING, (), "mapping.yaml")


@pytest.fixture
def take(mapping: BookMapping, tmp_path: Path) -> Take:
    """Imports rows of text."""

    def of(*rows: str, header: str = HEADER, mapped: BookMapping = mapping) -> Book:
        (tmp_path / "file.csv").write_text("\n".join([header, *rows]) + "\n", "utf-8")
        return import_book(mapped, tmp_path / "file.csv", tmp_path / "book")

    return of


def with_value(column: str, value: str, row: int = 1) -> list[str]:
    """The rows with one cell changed."""
    rows = [line.split(",") for line in ROWS]
    rows[row][HEADER.split(",").index(column)] = value
    return [",".join(line) for line in rows]


def test_every_table_holds_what_the_file_says_in_the_order_of_the_ids(take: Take) -> None:
    book = take(*ROWS)
    borrowers = book.whole("borrowers")
    assert borrowers["borrower_id"].tolist() == [3, 7, 12]
    assert borrowers["source_id"].tolist() == ["3", "7", "12"]
    assert borrowers["sex"].tolist() == ["M", "F", "F"]
    np.testing.assert_array_equal(borrowers["age"], [np.nan, 30, 55])
    flat = book.whole("observations/flat")
    np.testing.assert_array_equal(flat["late"], [0, 2, np.nan])
    np.testing.assert_array_equal(flat["home"], [1, 2, np.nan])
    np.testing.assert_allclose(flat["used"], np.array([-40 / 2000, 0.5, 0.0], dtype=np.float32))
    assert book.whole("limit_reviews")["limit_assessed"].tolist() == [2000, 1000, 500.5]
    np.testing.assert_array_equal(book.whole("draw_requests")["amount"], [np.nan, 10, 20])
    assert book.whole("outcomes").to_dict("list") == {"request_id": [3, 7, 12], "bad": [0, 1, 1]}
    assert list(faults(book)) == []


def test_the_manifest_holds_the_mapping_and_the_digest_of_the_file(take: Take, tmp_path: Path) -> None:
    book = take(*ROWS)
    said = book.manifest.mapping
    assert book.manifest.source == "imported"
    assert not book.dated
    assert said is not None
    assert said["file_sha256"] == hashlib.sha256((tmp_path / "file.csv").read_bytes()).hexdigest()
    assert [feature["name"] for feature in said["features"]] == ["late", "home", "used"]
    assert said["policy"] == {"refused_top_share": 0.2}
    assert said["currency"] == "EUR"


def test_a_parquet_file_gives_the_same_book(take: Take, mapping: BookMapping, tmp_path: Path) -> None:
    book = take(*ROWS)
    frame = pd.read_csv(tmp_path / "file.csv").astype({"sex": "category", "age": "Int16", "late": "Int8"})
    frame.to_parquet(tmp_path / "file.parquet")
    assert import_book(mapping, tmp_path / "file.parquet", tmp_path / "other").digest == book.digest


def test_quotes_byte_order_marks_blank_lines_and_spaces_change_nothing(take: Take, tmp_path: Path) -> None:
    digest = take(*ROWS).digest
    rows = [",".join(f'" {cell} "' for cell in row.split(",")) for row in ROWS]
    assert take(rows[0], "", *rows[1:], "", header="\ufeff" + HEADER).digest == digest


def test_a_code_that_a_program_wrote_with_decimals_is_the_same_code(take: Take) -> None:
    book = take(*with_value("home", "9.0"))
    assert np.isnan(book.whole("observations/flat")["home"][0])


def test_ids_that_are_no_numbers_are_numbered_in_their_order(take: Take) -> None:
    book = take(*with_value("id", "007"))
    borrowers = book.whole("borrowers")
    assert borrowers["source_id"].tolist() == ["007", "12", "7"]
    assert borrowers["borrower_id"].tolist() == [1, 2, 3]


def test_without_an_id_column_the_rows_are_numbered(take: Take, mapping: BookMapping) -> None:
    book = take(*ROWS, mapped=mapping.model_copy(update={"id_column": None}))
    assert book.whole("borrowers")["borrower_id"].tolist() == [1, 2, 3]
    assert book.whole("outcomes")["bad"].tolist() == [1, 0, 1]


@pytest.mark.parametrize(
    ("how", "expected"),
    [("sum", [3, 4, np.nan]), ("mean", [1.5, 4, np.nan]), ("max", [2, 4, np.nan]), ("min", [1, 4, np.nan])],
)
def test_what_is_derived_passes_over_missing_values(
    take: Take, mapping: BookMapping, how: str, expected: list[float]
) -> None:
    said = mapping.model_dump(mode="json")
    said["features"][0] |= {"derive": {"how": how, "columns": ["late", "balance"]}}
    mapped = BookMapping.model_validate(said, strict=False)
    rows = ["1,paid,9,,F,1,1,own,2,", "2,default,9,,F,1,NA,own,4,", "3,paid,9,,F,1,,own,,"]
    np.testing.assert_array_equal(take(*rows, mapped=mapped).whole("observations/flat")["late"], expected)


def test_a_ratio_over_nothing_is_missing(take: Take, mapping: BookMapping) -> None:
    said = mapping.model_dump(mode="json")
    said["features"][2]["derive"] = {"how": "ratio", "columns": ["balance", "late"]}
    mapped = BookMapping.model_validate(said, strict=False)
    used = take(*ROWS, mapped=mapped).whole("observations/flat")["used"]
    np.testing.assert_array_equal(used, [np.nan, 250, np.nan])


@pytest.mark.parametrize(
    ("column", "value", "said"),
    [
        ("limit", "many", "line 3: limit is 'many', which is not a number"),
        ("limit", "1,000", "line 3: 11 values, but 10 column names"),
        ("limit", "-5", "line 3: limit is '-5', but a limit must be above 0"),
        ("limit", "0", "line 3: limit is '0', but a limit must be above 0"),
        ("limit", "1e-60", "line 3: limit is '1e-60', but a limit must be above 0"),
        ("limit", "", "line 3: limit is missing, but a limit must be above 0"),
        ("limit", "inf", "line 3: limit is 'inf', which is not a finite number"),
        ("limit", "1e39", "line 3: limit is '1e39', which is not a finite number"),
        ("asked", "-1", "line 3: asked is '-1', but an amount must be above 0"),
        ("age", "old", "line 3: age is 'old', which is not a number"),
        ("late", "0x10", "line 3: late is '0x10', which is not a number"),
        (
            "home",
            "tent",
            "line 3: home is 'tent', but the `values` of feature home know only 'own', 'rent', '9'",
        ),
        ("end", "lost", "line 3: end is 'lost', but the mapping's outcomes know only"),
        ("end", "", "line 3: end is missing"),
        ("id", "7", "line 3: id is '7', which stands already in line 2"),
        ("id", "", "line 3: id is missing"),
        ("balance", "3e38", "line 2: the feature used is"),
    ],
)
def test_a_bad_value_is_named_with_its_line_and_nothing_is_written(
    take: Take, tmp_path: Path, column: str, value: str, said: str
) -> None:
    rows = with_value(column, value)
    if column == "balance":
        rows = with_value(column, value, row=0)
        rows[0] = rows[0].replace(",1000,", ",0.0001,")
    with pytest.raises(DataFault) as fault:
        take(*rows)
    assert said in str(fault.value)
    assert str(fault.value).startswith(str(tmp_path / "file.csv"))
    assert "\n" not in str(fault.value)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["file.csv"]


def test_a_line_is_counted_as_an_editor_counts_it(take: Take) -> None:
    rows = [*ROWS[:2], "", '4,paid,5,,F,1,0,"own",0,"two', 'lines"', *with_value("late", "x", row=2)[2:]]
    with pytest.raises(DataFault, match="line 7: late is 'x'"):
        take(*rows)


def test_a_bad_value_of_a_parquet_file_is_named_with_its_row(mapping: BookMapping, tmp_path: Path) -> None:
    frame = pd.DataFrame([row.split(",") for row in with_value("late", "x")], columns=HEADER.split(","))
    frame.to_parquet(tmp_path / "file.parquet")
    with pytest.raises(DataFault, match="row 2: late is 'x', which is not a number"):
        import_book(mapping, tmp_path / "file.parquet", tmp_path / "book")


def test_missing_columns_are_named_with_what_is_nearest(take: Take) -> None:
    with pytest.raises(CallError, match=r"lacks the columns 'limit' \(the nearest is 'LIMIT'\), 'late'"):
        take(*ROWS, header=HEADER.replace("limit", "LIMIT").replace("late", "Overdue"))


def test_a_column_that_stands_twice_is_refused(take: Take) -> None:
    with pytest.raises(CallError, match="has the column 'late' twice"):
        take(*ROWS, header=HEADER.replace("unused", "late"))


@pytest.mark.parametrize("row", [ROWS[0], ROWS[1]])
def test_a_book_of_one_class_is_refused(take: Take, row: str) -> None:
    with pytest.raises(DataFault, match="a model needs clients of both outcomes"):
        take(row, "99" + row[1:])


def test_a_feature_without_any_value_is_refused(take: Take) -> None:
    rows = [",".join([*row.split(",")[:6], "", *row.split(",")[7:]]) for row in ROWS]
    with pytest.raises(DataFault, match="the feature late has no value in any row"):
        take(*rows)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "is empty"),
        (b"\n\n", "is empty"),
        (HEADER.encode() + b"\n", "is empty: it has no row below its column names"),
        (HEADER.encode("utf-16"), "is not text in UTF-8"),
        ((HEADER + "\n7,default,1000,10,").encode() + b"\xff,30,2,own,500,x\n", "is not text in UTF-8"),
        ((HEADER + "\n7,default\n").encode(), "line 2: 2 values, but 10 column names"),
    ],
)
def test_a_file_that_is_no_table_is_one_clear_sentence(
    mapping: BookMapping, tmp_path: Path, content: bytes, said: str
) -> None:
    (tmp_path / "file.csv").write_bytes(content)
    with pytest.raises(DataFault) as fault:
        import_book(mapping, tmp_path / "file.csv", tmp_path / "book")
    assert said in str(fault.value)
    assert "\n" not in str(fault.value)
    assert not (tmp_path / "book").exists()


def test_a_damaged_parquet_file_is_one_clear_sentence(mapping: BookMapping, tmp_path: Path) -> None:
    (tmp_path / "file.parquet").write_bytes(b"PAR1 and nothing else")
    with pytest.raises(DataFault, match="is not a sound Parquet file"):
        import_book(mapping, tmp_path / "file.parquet", tmp_path / "book")


def test_a_parquet_column_of_lists_is_refused(mapping: BookMapping, tmp_path: Path) -> None:
    columns = {name: pa.array(["1", "2"]) for name in HEADER.split(",")}
    pq.write_table(pa.table(columns | {"late": pa.array([[1], [2]])}), tmp_path / "file.parquet")
    with pytest.raises(CallError, match="late is of type list"):
        import_book(mapping, tmp_path / "file.parquet", tmp_path / "book")


def test_a_missing_file_and_a_file_of_another_kind_are_refused(mapping: BookMapping, tmp_path: Path) -> None:
    with pytest.raises(CallError, match="No file at"):
        import_book(mapping, tmp_path / "none.csv", tmp_path / "book")
    (tmp_path / "file.xls").write_text("x")
    with pytest.raises(CallError, match=r"neither \.csv nor \.parquet"):
        import_book(mapping, tmp_path / "file.xls", tmp_path / "book")


def test_a_folder_that_holds_something_else_is_left_alone(take: Take, tmp_path: Path) -> None:
    (tmp_path / "book").mkdir()
    (tmp_path / "book" / "thesis.txt").write_text("mine")
    with pytest.raises(CallError, match="holds other files"):
        take(*ROWS)
    assert [path.name for path in (tmp_path / "book").iterdir()] == ["thesis.txt"]


def test_an_older_book_stays_when_the_new_file_has_a_fault(take: Take, tmp_path: Path) -> None:
    digest = take(*ROWS).digest
    with pytest.raises(DataFault):
        take(*with_value("late", "x"))
    assert take(*ROWS).digest == digest


@settings(max_examples=12, deadline=None)
@given(order=st.permutations(range(12)))
def test_the_order_of_the_rows_changes_nothing(order: list[int]) -> None:
    mapped = read_parameters(BookMapping, MAPPING, (), "mapping.yaml")
    rows = [f"{n * 5},{'paid' if n % 3 else 'default'},{n + 1},,F,{n},{n},own,{n},u" for n in range(12)]
    with tempfile.TemporaryDirectory() as folder:
        digests = set()
        for name, numbers in (("a", range(12)), ("b", order)):
            file = Path(folder) / f"{name}.csv"
            file.write_text("\n".join([HEADER, *(rows[number] for number in numbers)]), "utf-8")
            digests.add(import_book(mapped, file, Path(folder) / name).digest)
    assert len(digests) == 1


def digest_of_values(book: Book) -> str:
    """sha256 over all that a book says; unlike its digest it does not depend on who wrote Parquet."""
    kept = json.dumps(book.manifest.mapping, sort_keys=True, ensure_ascii=False)
    digest = hashlib.sha256(kept.encode())
    for name in sorted(book.manifest.rows):
        rows = book.rows(name)
        for column in rows.column_names:
            digest.update(f"{name} {column} {rows.schema.field(column)}".encode())
            digest.update(rows[column].combine_chunks().to_pandas().to_csv(index=False).encode())
    return digest.hexdigest()


def real(name: str) -> Path:
    path = REAL_DATA / name
    if not path.is_file():
        pytest.skip(f"real data not here: {name}; RELEASEGAP_REAL_DATA names its folder")
    return path


REAL_BOOKS: list[tuple[str, dict[str, Any]]] = [
    (
        "taiwan_default",
        {
            "rows": 30_000,
            "bad": 6_636,
            "mean_limit": 167484.32,
            "book": "73efd25a3d504af869b615d5a86d01cf1146a740b41eb1871a15bbca2a2ce0b1",
            "sha256": "4edce6da569b2c30788a85fd98a9bafb1a983e8ca1a7aac875dd7ff853cbd0bb",
        },
    ),
    (
        "german_credit",
        {
            "rows": 1_000,
            "bad": 300,
            "mean_limit": 3271.258,
            "book": "15b5c33276780aa525abb425e32a4498c5db2babde050ad4508b2a1d76baff68",
            "sha256": "3f862620b3401652e156f223ded0d3103704527edb8842bd5bfff22bf34519a7",
        },
    ),
]


@pytest.mark.parametrize(("name", "figures"), REAL_BOOKS)
def test_a_real_book_comes_through_whole(name: str, figures: dict[str, Any], tmp_path: Path) -> None:
    file = real(f"{name}/{name}.csv")
    mapped = read_mapping(ROOT / "data" / "mappings" / f"{name}.yaml")
    book = import_book(mapped, file, tmp_path / "book")
    assert set(book.manifest.rows.values()) == {figures["rows"]}
    assert book.whole("outcomes")["bad"].sum() == figures["bad"]
    limits = book.whole("limit_reviews")["limit_assessed"].to_numpy(np.float64)
    assert round(float(limits.mean()), 3) == pytest.approx(figures["mean_limit"], abs=0.005)
    assert book.manifest.mapping is not None
    assert book.manifest.mapping["file_sha256"] == figures["sha256"]
    assert list(faults(book)) == []
    # Every value, type and name of the book, and the mapping that it keeps, as they were from the beginning.
    assert digest_of_values(book) == figures["book"]
    # The file read in another way: each plain column as it stands.
    frame = pd.read_csv(file)
    flat = book.whole("observations/flat")
    for said in mapped.features:
        if said.derive is None and said.values is None:
            np.testing.assert_array_equal(flat[said.name], frame[said.sources[0]].astype(np.float32))


def test_taiwans_undocumented_codes_are_unknown_or_kept(tmp_path: Path) -> None:
    file = real("taiwan_default/taiwan_default.csv")
    book = import_book(read_mapping(ROOT / "data/mappings/taiwan_default.yaml"), file, tmp_path / "book")
    flat, frame = book.whole("observations/flat"), pd.read_csv(file)
    np.testing.assert_array_equal(flat["EDUCATION"].isna(), frame["EDUCATION"].isin([0, 4, 5, 6]))
    assert (book.whole("borrowers")["MARRIAGE"] == "0").sum() == 54
    assert flat["PAY_0"].min() == -2
    np.testing.assert_allclose(flat["USED_SHARE"], frame["BILL_AMT1"] / frame["LIMIT_BAL"], rtol=1e-6)


def test_the_example_of_the_documentation_is_a_book(tmp_path: Path) -> None:
    page = (ROOT / "docs" / "import.md").read_text("utf-8")
    for kind, name in (("csv", "clients.csv"), ("yaml", "mapping.yaml")):
        [block] = re.findall(rf"```{kind}\n(.*?)```", page, re.DOTALL)
        (tmp_path / name).write_text(block, "utf-8")
    mapped = read_mapping(tmp_path / "mapping.yaml")
    flat = import_book(mapped, tmp_path / "clients.csv", tmp_path / "book").whole("observations/flat")
    np.testing.assert_array_equal(flat["income"], [5200, np.nan, 2100])
    np.testing.assert_array_equal(flat["owns_home"], [1, 0, np.nan])
    np.testing.assert_allclose(flat["used_share"], [0.075, 14900 / 15000, 0], rtol=1e-6)


def test_the_documentation_names_every_name_of_a_mapping() -> None:
    page = (ROOT / "docs" / "import.md").read_text("utf-8")
    names = {*BookMapping.model_fields, *MappedFeature.model_fields}
    assert {name for name in names if not re.search(rf"`{name}[`.]", page)} == set()
