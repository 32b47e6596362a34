"""Measurements as they are kept and read: each held against its target, beside what an earlier run found."""

import json
from pathlib import Path

import pytest

from training.measurements import as_markdown, earlier_values, rows_of

MEASURES = [
    ("ours", 1.23456, "CPU s", None),
    ("theirs / ours", 12_345.6, "times", "≥ 10,000"),
    ("largest difference", 2e-6, "raw score", "≤ 1e-6"),
]


def cells(line: str) -> list[str]:
    return [cell.strip() for cell in line.strip("|").split("|")]


def test_a_measurement_keeps_its_name_value_unit_and_target() -> None:
    rows = rows_of(MEASURES)
    assert [list(row) for row in rows] == [["name", "value", "unit", "target", "holds"]] * len(MEASURES)
    assert [row["value"] for row in rows] == [1.235, 12_350.0, 2e-6]
    assert [row["holds"] for row in rows] == [None, True, False]


@pytest.mark.parametrize(
    ("value", "target", "holds"),
    [(2.5, "≤ 2.5", True), (2.51, "≤ 2.5", False), (3, "≥ 3", True), (2.99, "≥ 3", False), (7, None, None)],
)
def test_a_target_holds_up_to_its_bound(value: float, target: str | None, holds: bool | None) -> None:
    assert rows_of([("ratio", value, "times", target)])[0]["holds"] is holds


def test_the_table_tells_three_significant_digits_and_what_misses_its_target() -> None:
    heading, rule, *lines = as_markdown(rows_of(MEASURES), {}).splitlines()
    assert cells(heading) == ["what", "value", "unit", "target", "holds"]
    assert set(rule) == {"|", "-", " "}
    assert [cells(line)[1] for line in lines] == ["1.24", "12,400", "2e-06"]
    assert [cells(line)[4] for line in lines] == ["", "yes", "**no**"]
    assert len({len(line) for line in (heading, rule, *lines)}) == 1


def test_the_table_shows_what_an_earlier_run_measured(tmp_path: Path) -> None:
    path = tmp_path / "bench.json"
    path.write_text(json.dumps(rows_of([("ours", 1.1, "CPU s", None), ("gone", 5, "s", None)])), "utf-8")
    heading, _, *lines = as_markdown(rows_of(MEASURES), earlier_values(path), ["A note."]).splitlines()
    assert cells(heading)[-1] == "before"
    assert [cells(line)[-1] for line in lines[:3]] == ["1.1", "", ""]
    assert lines[3:] == ["", "A note."]


@pytest.mark.parametrize("text", [None, "", "{}", '[{"name": "a row without value"}]', "[1]"])
def test_a_file_that_is_absent_or_something_else_tells_nothing_of_before(
    text: str | None, tmp_path: Path
) -> None:
    path = tmp_path / "bench.json"
    if text is not None:
        path.write_text(text)
    assert earlier_values(path) == {}
