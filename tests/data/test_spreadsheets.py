"""No cell of a table that a spreadsheet opens can be taken for a formula."""

from __future__ import annotations

import csv
import io

import pandas as pd
import pytest

from data.spreadsheets import csv_text, frame_csv, inert


@pytest.mark.parametrize(
    "text", ["=1+1", "+cmd", "-2+3", "@SUM(A1)", "\t=1", "\r=1", "\n=1", "＝1", "＋1", "－1", "＠A"]
)
def test_what_a_spreadsheet_would_compute_is_a_text(text: str) -> None:
    assert inert(text) == f"'{text}"


@pytest.mark.parametrize("text", ["", "plain", "-1.5", "+3%", "−2", "a=b"])
def test_numbers_and_plain_texts_stay_as_they_are(text: str) -> None:
    assert inert(text) == text


def test_heads_and_cells_are_guarded_and_read_again() -> None:
    rows = list(csv.reader(io.StringIO(csv_text(["=head", "b"], [['=x,"y"', "1"]]))))
    assert rows == [["'=head", "b"], ['\'=x,"y"', "1"]]


def test_of_a_frame_texts_are_guarded_and_numbers_kept() -> None:
    table = pd.DataFrame(
        {
            "=name": ["=1+1", None, "fine"],
            "kind": pd.Categorical(["@a", "b", "@a"]),
            "value": [-1.5, 2.0, float("nan")],
            "whole": [-1, 2, 3],
        }
    )
    lines = frame_csv(table).splitlines()
    assert lines == ["'=name,kind,value,whole", "'=1+1,'@a,-1.5,-1", ",b,2.0,2", "fine,'@a,,3"]
