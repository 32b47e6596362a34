"""The page on two models: what it answers, in both languages, and what an undated book is told."""

import math
from pathlib import Path

import pytest

from explanations.report.comparison_page import (
    answer,
    comparison_sections,
    verdict,
    write_comparison_page,
)
from explanations.report.plain import report_tables
from features.catalogue import Catalogue, own_catalogue
from tests.explanations.comparison.compared import comparison, undated


@pytest.fixture(scope="module")
def catalogue() -> Catalogue:
    return own_catalogue()


@pytest.mark.parametrize(
    ("low", "high", "said"), [(0.01, 0.03, "better"), (-0.01, 0.05, "alike"), (math.nan, math.nan, "alike")]
)
def test_a_difference_counts_where_its_interval_leaves_out_zero(low: float, high: float, said: str) -> None:
    assert verdict(comparison(low, high)) == said


def test_the_answer_names_ranking_exchange_and_conflicts() -> None:
    ranking, exchange, conflicts = (sentence.en for sentence in answer(comparison()))
    assert "ranks better" in ranking
    assert "0.700" in ranking
    assert "0.680" in ranking
    assert "let in 8 other requests and shut out 10" in exchange
    assert "25.0% go bad, of those shut out 20.0%" in exchange
    assert "2 conflicts go, 4 come. Of the 10 that stay, 80.0%" in conflicts


def test_without_an_oracle_bad_rates_are_of_known_outcomes(catalogue: Catalogue) -> None:
    made = comparison(oracle=False)
    assert "25.0% go bad" in answer(made)[1].en
    tables = report_tables(comparison_sections(made, catalogue))
    assert [column.head.en for column in tables["swap_sets-1"].columns][2] == "Outcome known"


def test_a_book_without_dates_speaks_of_clients(catalogue: Catalogue, tmp_path: Path) -> None:
    write_comparison_page(undated(comparison(oracle=False)), catalogue, tmp_path / "report.html")
    english, chinese = ((tmp_path / f"report{end}").read_text(encoding="utf-8") for end in (".md", ".zh.md"))
    assert "8 other clients" in english
    assert "requests" not in english.lower()
    assert "highest month" not in english
    assert "申请" not in chinese.replace("时间外申请", "")


def test_the_page_says_where_a_model_comes_from_and_what_else_there_is(catalogue: Catalogue) -> None:
    tables = report_tables(comparison_sections(comparison(), catalogue))
    assert [row[3].en for row in tables["compared"].rows] == ["this book", "another book (cccccccccccc)"]
    assert [row[0].en for row in tables["reasons"].rows][1] == "None that could be told"
    assert [row[0].en for row in tables["stability"].rows] == ["Champion", "Challenger", "Scorecard"]
    assert {"reliability-of-both", "trade-off-of-both"} <= set(tables)


def test_the_same_comparison_gives_the_same_page(catalogue: Catalogue, tmp_path: Path) -> None:
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        write_comparison_page(comparison(), catalogue, tmp_path / name / "report.html", tmp_path)
    assert (tmp_path / "one" / "report.html").read_bytes() == (tmp_path / "two" / "report.html").read_bytes()
