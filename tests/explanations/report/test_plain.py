"""The report in Markdown and CSV: it says what the page says, and no data are markup or a formula."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from explanations.explanation import Explanation
from explanations.report.exhibits import Column, table
from explanations.report.page import MARKDOWN, TABLES, write_report
from explanations.report.plain import page_markdown, table_csv
from explanations.report.section import Section
from explanations.report.words import Language, same, say

LANGUAGES: tuple[Language, ...] = ("en", "zh")


@pytest.fixture(scope="module")
def folder(simulated: Explanation, tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("plain")
    write_report(simulated, made / "report.html")
    return made


def test_each_language_has_its_text_with_answer_rules_and_figures(folder: Path) -> None:
    for language in LANGUAGES:
        text = (folder / f"report{MARKDOWN[language]}").read_text(encoding="utf-8")
        assert text.startswith(f"# {say('page.title')[language]}\n")
        for section in ("funnel", "map", "rules", "causes", "provenance"):
            assert f"\n## {say(f'section.{section}')[language]}\n" in text
        assert "](conflict_map.png)" in text
        widths = [
            {len(re.findall(r"(?<!\\)\|", line)) for line in rows.splitlines()}
            for rows in re.findall(r"(?:^\|.*\n)+", text, re.MULTILINE)
        ]
        assert len(widths) > 10
        assert all(len(width) == 1 for width in widths), "a table's rows are equally long"


def test_every_chart_leaves_its_table(folder: Path) -> None:
    names = {path.stem for path in (folder / TABLES).iterdir()}
    assert {"contrast", "families", "causes", "distribution-0", "sources"} <= names
    for path in (folder / TABLES).iterdir():
        rows = list(csv.reader(path.read_text(encoding="utf-8").splitlines()))
        assert len(rows) > 1, path.name
        assert len({len(row) for row in rows}) == 1, path.name


def test_an_undated_book_has_them_too(imported: Explanation, tmp_path: Path) -> None:
    write_report(imported, tmp_path / "report.html")
    assert (tmp_path / "report.md").read_text(encoding="utf-8").count("\n## ") > 5


def test_data_are_no_markup(explanation_of: Callable[..., Explanation], tmp_path: Path) -> None:
    made = explanation_of(conflicts=40)
    hostile = "<img src=x onerror=alert(1)> | [a](b) `c` *d*\n# e"
    write_report(replace(made, summary=made.summary | {"scenario": hostile}), tmp_path / "report.html")
    text = (tmp_path / "report.md").read_text(encoding="utf-8")
    assert "\\<img src=x onerror=alert(1)\\> \\| \\[a\\](b) \\`c\\` \\*d\\* \\# e" in text
    assert not re.search(r"(?<!\\)<", text)


@given(st.text(max_size=20))
@example("=1+1").via("formula")
@example("＝1+1").via("formula of full width")
@example("\n=1+1").via("formula on a second line")
def test_no_cell_is_a_formula(text: str) -> None:
    made = table(same("caption"), [Column("cell", same("head"))], [{"cell": text}])
    rows = list(csv.reader(io.StringIO(table_csv(made), newline="")))
    [cell] = rows[1] if len(rows) > 1 and rows[1] else [""]
    assert not cell.startswith(("=", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠"))
    if cell.startswith(("+", "-")):
        assert re.fullmatch(r"[+-]?[\d.,]+%?", cell)


def test_the_title_stands_once() -> None:
    title = same("The title")
    written = page_markdown(
        {"answer": Section({"title": title, "book": same("The book")})}, title, False, "en", {}
    )
    assert written == "# The title\n\nThe book\n"
