"""The same clients in any format give the same book; what is damaged, ambiguous or a trap is one clear sentence."""

import bz2
import gzip
import io
import re
import tracemalloc
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import openpyxl
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from data import csv_files, importing, parquet_files, unpacking
from data.book import Book
from data.errors import CallError, DataFault
from data.excel_files import open_excel
from data.flat_file import open_flat_file, parts_of
from data.importing import import_book
from data.mapping import BookMapping, mapping_of
from data.table_form import Form

MAPPING = """
id_column: 编号
outcome: {column: end, bad: [default], good: [paid]}
limit_column: limit
currency: CNY
protected: [{name: city}, {name: age, kind: number}]
policy: {refused_top_share: 0.2}
favoured_top_share: 0.33
features:
  - {name: late, sign: "+"}
  - {name: income, sign: "-", missing: [-9, -8], least: 0, most: 1000000}
"""
TABLE = pd.DataFrame(
    {
        "编号": ["A7", "A3", "A12"],
        "end": ["default", "paid", "default"],
        "limit": [1000.5, 2000.0, 500.25],
        "city": ["上海", "Zürich", "上海"],
        "age": [30, 41, 55],
        "late": [2.5, 0.0, 1.0],
        "income": [5200.75, -9.0, -8.0],
        "note": ["a;b", "c", 'says "d"'],
    }
)
LATIN = TABLE.rename(columns={"编号": "Übung"}).replace("上海", "Köln")
Take = Callable[..., Book]


def mapping(**said: Any) -> BookMapping:
    text = MAPPING + "".join(f"{name}: {value!r}\n" for name, value in said.items())
    return mapping_of(text, "mapping.yaml")


@pytest.fixture
def take(tmp_path: Path) -> Take:
    def of(content: bytes, name: str = "file.csv", mapped: BookMapping | None = None) -> Book:
        (tmp_path / name).write_bytes(content)
        return import_book(mapped or mapping(), tmp_path / name, tmp_path / "book")

    return of


def as_csv(table: pd.DataFrame = TABLE, encoding: str = "utf-8", **how: Any) -> bytes:
    return str(table.to_csv(None, index=False, **how)).encode(encoding)


def as_excel(table: pd.DataFrame = TABLE, *others: str) -> bytes:
    content = io.BytesIO()
    with pd.ExcelWriter(content, engine="openpyxl") as writer:
        for other in others:
            pd.DataFrame({"x": [1]}).to_excel(writer, sheet_name=other, index=False)
        table.to_excel(writer, sheet_name="clients", index=False)
    return content.getvalue()


def as_parquet(table: pd.DataFrame = TABLE) -> bytes:
    content = io.BytesIO()
    table.to_parquet(content)
    return content.getvalue()


def zstd(content: bytes) -> bytes:
    sink = pa.BufferOutputStream()
    with pa.CompressedOutputStream(sink, "zstd") as stream:
        stream.write(content)
    return bytes(sink.getvalue())


def told(fault: pytest.ExceptionInfo[Exception], *words: str) -> None:
    """One sentence with these words."""
    said = str(fault.value)
    assert "\n" not in said
    assert said.endswith(".")
    for word in words:
        assert word in said


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("file.csv", as_csv(sep=";"), {}),
        ("file.csv", as_csv(sep="\t"), {}),
        ("file.tsv", as_csv(sep="\t", quoting=2), {}),
        ("file.csv", as_csv(sep="|"), {"delimiter": "|"}),
        ("file.csv", as_csv(sep=";", decimal=","), {"decimal": ","}),
        ("file.csv", b"\xef\xbb\xbf" + as_csv(), {}),
        ("file.csv", as_csv(encoding="gb18030"), {"encoding": "gb18030"}),
        ("file.csv", as_csv(encoding="utf-16", sep="\t"), {"encoding": "UTF-16"}),
        ("file.csv", as_csv(lineterminator="\r\n"), {}),
        ("file.csv.gz", gzip.compress(as_csv(), mtime=0), {}),
        ("file.csv.gz", gzip.compress(as_csv()[:40], mtime=0) + gzip.compress(as_csv()[40:], mtime=0), {}),
        ("FILE.CSV.BZ2", bz2.compress(as_csv()), {}),
        ("file.csv.zst", zstd(as_csv(sep=";")), {}),
        ("file.parquet", as_parquet(), {}),
        ("file.parquet", as_parquet(TABLE.astype({"late": "float32", "age": "category"})), {"decimal": ","}),
        ("file.xlsx", as_excel(), {}),
        ("file.xlsx", as_excel(TABLE, "readme", "notes"), {"sheet": "clients"}),
    ],
)
def test_the_same_clients_in_any_format_are_the_same_book(
    take: Take, tmp_path: Path, name: str, content: bytes, said: dict[str, str]
) -> None:
    digest = import_book(mapping(), _written(tmp_path / "plain.csv", as_csv()), tmp_path / "plain").digest
    book = take(content, name, mapping(**said))
    assert book.digest == digest
    assert book.whole("borrowers")["city"].tolist() == ["上海", "Zürich", "上海"]
    np.testing.assert_array_equal(book.whole("observations/flat")["income"], [np.nan, np.nan, 5200.75])


def _written(path: Path, content: bytes) -> Path:
    path.write_bytes(content)
    return path


def test_an_older_western_encoding_is_read_where_it_is_named(take: Take) -> None:
    said = MAPPING.replace("编号", "Übung") + "encoding: Latin_1\n"
    book = take(as_csv(LATIN, "latin-1"), mapped=mapping_of(said, "m"))
    assert book.whole("borrowers")["city"].tolist() == ["Köln", "Zürich", "Köln"]


def test_how_a_file_is_read_is_said(tmp_path: Path) -> None:
    said: list[str] = []
    import_book(mapping(), _written(tmp_path / "f.csv", as_csv(sep=";")), tmp_path / "book", said.append)
    assert said == ["Reading f.csv as CSV in UTF-8, cells between semicolons."]


@pytest.mark.parametrize("cell", [" 2.5", "2.5 ", "\u3000NA"])
def test_numbers_with_spaces_around_them_are_the_same_numbers(take: Take, cell: str) -> None:
    """They are read as text, the second way; the columns beside them are not."""
    plain = take(as_csv().replace(b",2.5,", b",NA," if "NA" in cell else b",2.5,")).digest
    assert take(as_csv().replace(b",2.5,", f",{cell},".encode())).digest == plain


@pytest.mark.parametrize(
    ("name", "content", "said", "kind", "words"),
    [
        ("f.csv", as_csv(encoding="gb18030"), {}, DataFault, ("not text in UTF-8", "`encoding`")),
        ("f.csv", as_csv(), {"encoding": "utf-16"}, DataFault, ("not text in UTF-16",)),
        ("f.csv", as_csv() + b"\xff", {"encoding": "gb18030"}, DataFault, ("not text in GB18030",)),
        ("f.csv", as_csv(sep=";", decimal=","), {}, DataFault, ("limit is '1000,5'", 'write `decimal: ","`')),
        ("f.csv", as_csv(sep=";"), {"decimal": ","}, DataFault, ("limit is '1000.5'", "the mapping says")),
        (
            "f.csv",
            as_csv(sep=";", decimal=",").replace(b"2,5", b"2.5"),
            {"decimal": ","},
            DataFault,
            ("line 2: late is '2.5'", "the mapping says"),
        ),
        ("f.csv", as_csv(), {"delimiter": ";"}, CallError, ("lacks the columns",)),
        ("f.csv", as_csv().replace(b"2.5", b"2024-03-01"), {}, DataFault, ("line 2", "looks like a date")),
        ("f.csv", as_csv().replace(b"2.5", b"01.03.2024"), {}, DataFault, ("line 2", "looks like a date")),
        ("f.csv", as_csv().replace(b"2.5", b"3/1/24"), {}, DataFault, ("line 2", "looks like a date")),
        ("f.csv", as_csv().replace(b"5200.75", b"1000000000"), {}, DataFault, ("line 2", "1000000 at most")),
        (
            "f.csv",
            as_csv().replace(b"5200.75", b"-7"),
            {},
            DataFault,
            ("line 2", "income is -7", "at least 0"),
        ),
        ("f.csv", as_csv().replace(b"A7", b"A" * 300), {}, DataFault, ("line 2", "more than 200 letters")),
        ("f.csv", as_csv(quoting=1).replace(b'"a;b"', b'"a'), {}, DataFault, ("f.csv",)),
        ("f.csv", b"\0" * 5_000, {}, CallError, ("lacks the columns",)),
        ("f.csv", b"x" * 5_000_000, {}, DataFault, ("no end of a line",)),
        ("f.csv.gz", gzip.compress(as_csv(), mtime=0)[:-20], {}, DataFault, ("cannot be unpacked",)),
        ("f.csv.gz", as_csv(), {}, DataFault, ("cannot be unpacked",)),
        ("f.csv.gz", gzip.compress(b"", mtime=0), {}, DataFault, ("is empty",)),
        ("f.csv.zst", gzip.compress(as_csv(), mtime=0), {}, DataFault, ("cannot be unpacked",)),
        ("f.parquet.gz", gzip.compress(as_parquet(), mtime=0), {}, CallError, ("neither .csv nor .parquet",)),
        ("f.xls", as_excel(), {}, CallError, ("neither .csv nor .parquet", "save it as")),
        ("f.xlsx", as_csv(), {}, DataFault, ("not a sound Excel workbook",)),
        ("f.xlsx", as_excel()[:2_000], {}, DataFault, ("not a sound Excel workbook",)),
        ("f.xlsx", as_excel(TABLE, "b"), {}, CallError, ("the sheets 'b', 'clients'", "name one as `sheet`")),
        ("f.xlsx", as_excel(), {"sheet": "x"}, CallError, ("no sheet 'x', but 'clients'",)),
        ("f.xlsx", as_excel(pd.DataFrame()), {}, DataFault, ("is empty",)),
        (
            "f.xlsx",
            as_excel(TABLE.replace(30, "old")),
            {},
            DataFault,
            ("sheet 'clients', row 2: age is 'old'",),
        ),
        ("f.xlsx", as_excel(TABLE.assign(age="30,5")), {}, DataFault, ("row 2: age is '30,5'",)),
    ],
)
def test_what_cannot_be_read_is_one_sentence_and_nothing_is_written(
    take: Take,
    tmp_path: Path,
    name: str,
    content: bytes,
    said: dict[str, str],
    kind: type[Exception],
    words: tuple[str, ...],
) -> None:
    with pytest.raises(kind) as fault:
        take(content, name, mapping(**said))
    told(fault, name, *words)
    assert [path.name for path in tmp_path.iterdir()] == [name]


def test_a_cell_is_named_whatever_stands_in_columns_that_are_not_read(take: Take) -> None:
    """Bytes that are no text, and cells of more letters than Python's reader takes by itself."""
    content = as_csv(pd.concat([TABLE] * 3).assign(编号=range(9))).replace(b"2.5", b"oops", 3)
    first, second, *rest = content.splitlines(keepends=True)
    wide = second.replace(b"oops", b"1").replace(b"a;b", b"n" * 600_000)
    with pytest.raises(DataFault) as fault:
        take(b"".join([first, wide, wide, wide.replace(b"nn", b"\xff", 1), *rest]))
    told(fault, "file.csv, line 7", "late is 'oops'")


def test_a_row_whose_line_cannot_be_told_is_counted(take: Take, monkeypatch: pytest.MonkeyPatch) -> None:
    content = as_csv().replace(b"1.0,", b"oops,").replace(b"a;b", b"n" * 200)
    monkeypatch.setattr(csv_files, "MOST_CELL", 100)
    with pytest.raises(DataFault) as fault:
        take(content)
    told(fault, "file.csv, row 3", "late is 'oops'")


def test_a_quote_that_is_never_closed_is_told_and_not_gathered_up(take: Take) -> None:
    row = as_csv().splitlines()[-1].replace(b'""d""', b"d").replace(b'says d"', b"says d") + b"\n"
    with pytest.raises(DataFault) as fault:
        take(as_csv() + row * 200_000)
    told(fault, "file.csv")


@pytest.mark.parametrize("pack", [gzip.compress, bz2.compress, zstd])
@pytest.mark.parametrize("line", [b"\n" * 22, b"0" * 22, b"A%d,paid,1,x,1,0,0,n\n"])
def test_a_file_that_unpacks_to_far_too_much_is_refused(
    take: Take, monkeypatch: pytest.MonkeyPatch, pack: Callable[[bytes], bytes], line: bytes
) -> None:
    monkeypatch.setattr(unpacking, "ALWAYS", 1 << 20)
    monkeypatch.setattr(unpacking, "MOST_TIMES", 20)
    bomb = as_csv() + (line % 1 if b"%" in line else line) * 200_000
    name = {gzip.compress: "f.csv.gz", bz2.compress: "f.csv.bz2"}.get(pack, "f.csv.zst")
    with pytest.raises(DataFault) as fault:
        take(pack(bomb), name)
    told(fault, name)


def test_a_book_that_could_not_lie_in_memory_is_refused(take: Take, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importing, "MOST_VALUES", 5)
    with pytest.raises(DataFault, match="a book in one piece can hold no more"):
        take(as_csv())


def test_a_parquet_file_says_itself_how_many_rows_it_has_so_none_is_read(
    take: Take, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Runs of equal values take next to no room in a file, so its size tells nothing."""
    monkeypatch.setattr(importing, "MOST_VALUES", 6_500_000)
    monkeypatch.setattr(parquet_files.ParquetFile, "parts", None)
    none = pa.array(np.zeros(600_000, int))
    columns = {name: pa.array([f"{value}"]).take(none) for name, value in TABLE.iloc[0].items()}
    sink = pa.BufferOutputStream()
    pq.write_table(pa.table(columns), sink)
    content = bytes(sink.getvalue())
    assert len(content) < 20_000
    with pytest.raises(DataFault, match=r"more than 500,000 rows, and with 2 features"):
        take(content, "f.parquet")


def test_a_workbook_whose_sheet_unpacks_to_far_too_much_is_refused(
    take: Take, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(unpacking, "ALWAYS", 1 << 20)
    content = io.BytesIO(as_excel())
    with zipfile.ZipFile(content, "a", zipfile.ZIP_DEFLATED) as book:
        book.writestr("xl/media/zeros", bytes(20 << 20))
    with pytest.raises(DataFault, match="no table does"):
        take(content.getvalue(), "f.xlsx")


def test_a_cell_far_away_on_a_sheet_takes_no_memory(take: Take, tmp_path: Path) -> None:
    book = openpyxl.load_workbook(io.BytesIO(as_excel()))
    assert (
        _read_with(tmp_path / "plain.xlsx", as_excel())[0] == 3
    )  # what is loaded at the first reading is not counted
    book["clients"]["XFD100000"] = "here"
    book.save(tmp_path / "f.xlsx")
    rows, most = _read_with(tmp_path / "f.xlsx", (tmp_path / "f.xlsx").read_bytes())
    assert rows == 99_999
    assert most < 4 << 20
    with pytest.raises(DataFault) as fault:
        take((tmp_path / "f.xlsx").read_bytes(), "f.xlsx")
    told(fault, "row 5", "end is missing")


def _read_with(path: Path, content: bytes) -> tuple[int, int]:
    """Rows of a workbook, and the most bytes that were held while it was read."""
    sheet = open_excel(_written(path, content), Form())
    tracemalloc.start()
    try:
        rows = sum(part.num_rows for part in sheet.parts(["late"], frozenset(), frozenset()))
        return rows, tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize(("row", "head"), [(1_048_577, False), (10**12, False), (10**12, True)])
def test_a_row_below_the_last_of_any_sheet_is_refused(tmp_path: Path, row: int, head: bool) -> None:
    """Some bytes are enough to write it, and whatever lies between would be gone over row by row."""
    content = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(as_excel())) as plain, zipfile.ZipFile(content, "w") as changed:
        for part in plain.infolist():
            text = plain.read(part)
            if part.filename.endswith("sheet1.xml"):
                far = f'<row r="{row}"><c r="A{row}"><v>3</v></c></row>'.encode()
                text = (
                    re.sub(b"<row .*</row>", far, text)
                    if head
                    else text.replace(b"</sheetData>", far + b"</sheetData>")
                )
            changed.writestr(part, text)
    with pytest.raises(DataFault) as fault:
        import_book(mapping(), _written(tmp_path / "f.xlsx", content.getvalue()), tmp_path / "book")
    told(fault, "f.xlsx", "sheet 'clients'", "row 1,048,576")


def test_days_between_two_dates_are_a_feature(take: Take) -> None:
    said = (
        MAPPING
        + "  - {name: held, derive: {how: days, columns: [opened, asked]}, sign: '-'}\ndate_format: '%d.%m.%Y'\n"
    )
    dated = TABLE.assign(
        opened=["01.03.2024", "2024-02-28", ""], asked=["2024-03-31 10:00:00", "1.3.2024", "2024-01-01"]
    )
    held = take(as_csv(dated), mapped=mapping_of(said, "m")).whole("observations/flat")["held"]
    np.testing.assert_array_equal(held, [np.nan, 2, 30])  # in the order of ids: A12, A3, A7
    timed = dated.assign(
        opened=pd.to_datetime(["2024-03-01", "2024-02-28", None]), asked=pd.to_datetime("2024-03-31")
    )
    for name, content in (("f.xlsx", as_excel(timed)), ("f.parquet", as_parquet(timed))):
        held = take(content, name, mapping_of(said, "m")).whole("observations/flat")["held"]
        np.testing.assert_array_equal(held, [np.nan, 32, 30])


@pytest.mark.parametrize("cell", ["31.12.2023", "2024-02-30", "12/31/2023", "20240131", "2024-1-5x", "soon"])
def test_a_date_of_another_form_is_named(take: Take, cell: str) -> None:
    said = MAPPING + "  - {name: held, derive: {how: days, columns: [opened, asked]}, sign: '-'}\n"
    dated = TABLE.assign(opened=["2024-01-01", cell, ""], asked="2024-03-31")
    with pytest.raises(DataFault) as fault:
        take(as_csv(dated), mapped=mapping_of(said, "m"))
    told(fault, "line 3", f"opened is '{cell}'", "not a date as 2025-03-31")


def test_a_long_text_that_stands_for_many_rows_is_refused_before_it_is_written_out(tmp_path: Path) -> None:
    rows = 60_000
    long = pa.DictionaryArray.from_arrays(pa.array(np.zeros(rows, dtype=np.int32)), pa.array(["x" * 10_000]))
    pq.write_table(
        pa.table({"id": np.arange(rows), "home": long}), tmp_path / "bomb.parquet", store_schema=False
    )
    assert (tmp_path / "bomb.parquet").stat().st_size < 1 << 20
    before = pa.total_allocated_bytes()
    source = open_flat_file(tmp_path / "bomb.parquet", Form(), ("home",))
    with pytest.raises(DataFault, match="unpacks to more than 200 times its size"):
        list(parts_of(source, ("home",), ()))
    assert pa.total_allocated_bytes() - before < 100 << 20
