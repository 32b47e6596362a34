"""A file read part by part holds what was written, and a fault in a later part is named by its own place."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from data import csv_files, excel_files, parquet_files
from data.errors import CallError, DataFault
from data.flat_file import flat_file_parts


@pytest.fixture
def small_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(csv_files, "PART_BYTES", 200)
    monkeypatch.setattr(parquet_files, "PART_ROWS", 7)
    monkeypatch.setattr(excel_files, "PART_ROWS", 7)


def write(table: pd.DataFrame, path: Path) -> None:
    if path.suffix == ".parquet":
        table.to_parquet(path)
    elif path.suffix == ".xlsx":
        table.to_excel(path, index=False)
    else:
        table.to_csv(path, index=False)


@pytest.mark.parametrize("kind", ["csv", "csv.gz", "csv.bz2", "parquet", "xlsx"])
def test_the_parts_of_a_file_are_the_file(kind: str, tmp_path: Path, small_parts: None) -> None:
    path = tmp_path / f"table.{kind}"
    table = pd.DataFrame({"a": [f"x{row}, y" for row in range(50)], "b": np.arange(50), "c": 0})
    write(table, path)
    parts = list(flat_file_parts(path, ("b", "a"), ("x7",)))
    assert len(parts) > 3
    for name in ("a", "b"):
        assert [cell for part in parts for cell in part.columns[name].to_pylist()] == [
            *table[name].astype(str)
        ]
    assert [part.first for part in parts] == list(np.cumsum([0, *(len(part) for part in parts[:-1])]))


@pytest.mark.parametrize(
    ("kind", "place"),
    [("csv", "line 42"), ("csv.gz", "line 42"), ("parquet", "row 41"), ("xlsx", "sheet 'Sheet1', row 42")],
)
def test_a_fault_in_a_later_part_is_named_by_its_place_in_the_file(
    kind: str, place: str, tmp_path: Path, small_parts: None
) -> None:
    path = tmp_path / f"table.{kind}"
    table = pd.DataFrame({"a": [str(row) if row != 40 else "forty" for row in range(50)]})
    write(table, path)
    with pytest.raises(DataFault, match=rf"table\.{kind}, {place}: a is 'forty', which is not a number"):
        [part.numbers("a") for part in flat_file_parts(path, ("a",), ())]


def test_what_is_no_file_or_lacks_a_column_is_refused(tmp_path: Path) -> None:
    with pytest.raises(CallError, match="No file at"):
        next(flat_file_parts(tmp_path / "none.csv", ("a",), ()))
    (tmp_path / "table.csv").write_text("a,b\n1,2\n")
    with pytest.raises(CallError, match="lacks the column 'amount'"):
        next(flat_file_parts(tmp_path / "table.csv", ("amount",), ()))
    (tmp_path / "table.csv").write_text("a,b\n1,2\n1,2,3\n")
    with pytest.raises(DataFault, match="line 3: 3 values, but 2 column names"):
        list(flat_file_parts(tmp_path / "table.csv", ("a",), ()))
