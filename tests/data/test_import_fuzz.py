"""Whatever a file or a mapping holds: a sound book, or one clear sentence and nothing written."""

import bz2
import gzip
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from data.check import faults
from data.errors import CallError, DataFault
from data.flat_file import open_flat_file, parts_of
from data.importing import import_book
from data.mapping import read_mapping
from data.mapping_defaults import filled
from data.table_form import Form, NotNumbers

COLUMNS = ("id", "end", "limit", "asked", "sex", "late", "rate", "home", "from", "to")
MAPPING: dict[str, Any] = {
    "id_column": "id",
    "outcome": {"column": "end", "bad": ["bad"], "good": ["good"]},
    "limit_column": "limit",
    "amount_column": "asked",
    "currency": "CNY",
    "protected": [{"name": "sex"}],
    "policy": {"refused_top_share": 0.2},
    "favoured_top_share": 0.3,
    "features": [
        {"name": "late", "sign": "+", "missing": [-9]},
        {"name": "rate", "sign": "0", "least": 0, "most": 1},
        {"name": "home", "sign": "0", "values": {"own": 1, "rent": 0}},
        {
            "name": "used",
            "sign": "+",
            "limit_sign": "x",
            "derive": {"how": "ratio", "columns": ["asked", "late"]},
        },
        {"name": "held", "sign": "-", "derive": {"how": "days", "columns": ["from", "to"]}},
    ],
}
RIGHT = ("7", "good", "1000", "10", "F", "2", "0.5", "own", "2024-01-31", "2024-03-01")
ODD = st.sampled_from(
    [
        *(
            "",
            "NA",
            " 5 ",
            "-9",
            "1e9",
            "1000000000",
            "1,5",
            "1.234,56",
            "12 %",
            "¥5",
            "１２",
            "inf",
            "nan",
            "1e999",
        ),
        *(
            "2024-02-30",
            "31/12/2024",
            "20240131",
            "2024年1月",
            "=1+1",
            "../../etc/passwd",
            "\x00",
            "own.0",
            "7.0",
        ),
        *(
            'say "hi"',
            "two\nlines",
            "\ufeff",
            "逾期",
            "a" * 300,
            "+5",
            "0x10",
            "1_000",
            "--",
            "9" * 40,
            "tRuE",
        ),
    ]
)
CELL = st.one_of(ODD, st.text(max_size=8), st.floats(width=32).map(repr), st.integers().map(str))
VALUE = st.recursive(
    st.one_of(
        st.none(),
        st.booleans(),
        st.integers(-10, 10),
        st.floats(),
        st.text(max_size=5),
        st.sampled_from(COLUMNS),
    ),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=5,
)
NAMES = (
    *(
        "encoding",
        "delimiter",
        "decimal",
        "sheet",
        "date_format",
        "snapshots",
        "id_column",
        "outcome",
        "limit_column",
    ),
    *(
        "amount_column",
        "currency",
        "missing",
        "protected",
        "policy",
        "favoured_top_share",
        "features",
        "other",
    ),
)
FEATURE_NAMES = (
    "name",
    "column",
    "values",
    "derive",
    "sign",
    "limit_sign",
    "unit",
    "missing",
    "least",
    "most",
    "label_en",
)
ENCODINGS = ("utf-8", "utf-8-sig", "utf-16", "gb18030", "latin-1")
Cells = list[list[str]]


@st.composite
def tables(draw: st.DrawFn) -> Cells:
    """Rows of cells, the header first: right ones with some cells, widths and names changed."""
    rows = draw(st.integers(0, 6))
    table = [[*COLUMNS], *([str(row), ("good", "bad")[row % 2], *RIGHT[2:]] for row in range(rows))]
    for _ in range(draw(st.integers(0, 3))):
        row = draw(st.integers(0, rows))
        if table[row]:
            table[row][draw(st.integers(0, len(table[row]) - 1))] = draw(CELL)
    if draw(st.integers(0, 5)) == 0:
        row = draw(st.integers(0, rows))
        table[row] = table[row][: draw(st.integers(0, 12))] + ["x"] * draw(st.integers(0, 3))
    return table


@st.composite
def files(draw: st.DrawFn) -> tuple[str, bytes]:
    """Name and content of a file."""
    table = draw(tables())
    kind = draw(
        st.sampled_from([".csv", ".csv", ".csv.gz", ".csv.bz2", ".parquet", ".xlsx", ".tsv", ".csv.zst"])
    )
    if kind in (".parquet", ".xlsx"):
        width = len(table[0])
        rows = [(row + [""] * width)[:width] for row in table[1:]]
        return kind, _made(kind, pd.DataFrame(rows, columns=[str(name) for name in table[0]]))
    mark = draw(st.sampled_from([",", ";", "\t", "|"]))
    quoted = draw(st.booleans())
    lines = [
        mark.join('"' + cell.replace('"', '""') + '"' if quoted else cell for cell in row) for row in table
    ]
    text = draw(st.sampled_from(["\n", "\r\n", "\r"])).join(lines)
    content = text.encode(draw(st.sampled_from(ENCODINGS)), "replace")
    if draw(st.integers(0, 4)) == 0:
        content = content[: draw(st.integers(0, len(content)))] + draw(st.binary(max_size=4))
    packed = {".csv.gz": gzip.compress, ".csv.bz2": bz2.compress}.get(kind, bytes)(content)
    return kind, packed[: len(packed) - draw(st.sampled_from([0, 0, 0, 7]))]


def _made(kind: str, table: pd.DataFrame) -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"file{kind}"
        try:
            table.to_excel(path, index=False) if kind == ".xlsx" else table.to_parquet(path)
        except ValueError:  # a header twice, or a character that no workbook can hold
            return b"PK\x03\x04 no workbook"
        except Exception as error:
            if type(error).__name__ != "IllegalCharacterError":
                raise
            return b""
        return path.read_bytes()


FORMS = st.fixed_dictionaries(
    {},
    optional={
        "encoding": st.sampled_from(ENCODINGS[2:]),
        "delimiter": st.sampled_from([",", ";", "\t", "|"]),
        "decimal": st.sampled_from([".", ","]),
        "date_format": st.sampled_from(["%d/%m/%Y", "%Y%m%d", "(%Y[%m%d"]),
        "sheet": st.sampled_from(["Sheet1", "../x"]),
    },
)


@st.composite
def mappings(draw: st.DrawFn) -> dict[str, Any]:
    """A mapping with some value changed."""
    said = MAPPING | draw(FORMS)
    if draw(st.booleans()):
        said[draw(st.sampled_from(NAMES))] = draw(VALUE)
    else:
        features = [dict(feature) for feature in MAPPING["features"]]
        features[draw(st.integers(0, 4))][draw(st.sampled_from(FEATURE_NAMES))] = draw(VALUE)
        said["features"] = features
    return said


def sentence(error: Exception) -> None:
    """One line that says where and what, and ends."""
    said = str(error)
    assert "\n" not in said
    assert said.endswith(".")
    assert 20 < len(said) < 1_000
    for word in ("Traceback", "Error(", "pyarrow", "NoneType"):
        assert word not in said


def imported(name: str, content: bytes, said: dict[str, Any]) -> str:
    """`book`, or what was said instead; nothing is written then."""
    with tempfile.TemporaryDirectory() as folder:
        here = Path(folder)
        (here / "mapping.yaml").write_text(yaml.safe_dump(said, allow_unicode=True), "utf-8")
        (here / name).write_bytes(content)
        try:
            book = import_book(read_mapping(here / "mapping.yaml"), here / name, here / "book")
        except (CallError, DataFault) as error:
            sentence(error)
            assert sorted(path.name for path in here.iterdir()) == sorted(["mapping.yaml", name])
            return str(error)
        assert list(faults(book)) == []
        return "book"


@pytest.mark.parametrize("kind", [".csv", ".parquet", ".xlsx"])
def test_the_file_and_the_mapping_that_are_changed_here_are_right(kind: str) -> None:
    table = [[*COLUMNS], *([str(row), ("good", "bad")[row % 2], *RIGHT[2:]] for row in range(4))]
    content = "\n".join(",".join(row) for row in table).encode()
    if kind != ".csv":
        content = _made(kind, pd.DataFrame(table[1:], columns=table[0]))
    assert imported(f"file{kind}", content, MAPPING) == "book"


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(file=files(), form=FORMS | st.just({}))
def test_any_file_is_a_book_or_one_sentence(file: tuple[str, bytes], form: dict[str, Any]) -> None:
    kind, content = file
    imported(f"file{kind}", content, MAPPING | form)


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(said=mappings(), table=tables())
def test_any_mapping_is_a_book_or_one_sentence(said: dict[str, Any], table: Cells) -> None:
    imported("file.csv", "\n".join(",".join(row) for row in table).encode("utf-8", "replace"), said)


@settings(max_examples=100, deadline=None)
@given(cells=st.lists(CELL, min_size=1, max_size=5))
def test_a_column_read_as_numbers_at_once_is_the_column_read_as_text(cells: list[str]) -> None:
    """The fast way is a short cut: what it gives, the slow one gives, too."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "file.csv"
        path.write_text(
            "a,b\n" + "".join('"' + cell.replace('"', '""') + '",0\n' for cell in cells), "utf-8", newline=""
        )
        source = open_flat_file(path, Form(), ("a",))
        try:
            [fast] = parts_of(source, ("a",), ("", "NA", "nan"), ("a",))
            found = fast.numbers("a")
        except (NotNumbers, DataFault):
            return
        [slow] = parts_of(source, ("a",), ("", "NA", "nan"))
        np.testing.assert_array_equal(found, slow.numbers("a"))


@settings(max_examples=300, deadline=None)
@given(said=st.dictionaries(st.sampled_from(NAMES), VALUE, max_size=6))
def test_what_a_mapping_leaves_out_is_filled_in_whatever_it_says(said: dict[str, Any]) -> None:
    try:
        assert set(filled(said, "m")) == set(said)
    except CallError as error:
        sentence(error)
