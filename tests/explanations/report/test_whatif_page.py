"""The page of a what-if: both languages, what was changed, nothing of requests where there are clients."""

import json
import re
from pathlib import Path

import pytest

from explanations.report.whatif_page import write_whatif
from explanations.whatif.result import WhatIf, finding, metrics_of
from tests.explanations.whatif.made import made_whatif, made_whatifs


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("cache")


def texts(found: WhatIf, folder: Path, cache: Path) -> tuple[str, str, str]:
    write_whatif(found, folder, cache)
    return tuple((folder / f"report.{end}").read_text(encoding="utf-8") for end in ("html", "md", "zh.md"))  # type: ignore[return-value]


def test_the_page_says_what_was_changed_and_what_comes_of_it(tmp_path: Path, cache: Path) -> None:
    html, english, chinese = texts(made_whatif(), tmp_path, cache)
    for text in (html, english):
        assert "world.policy.tight.cutoff" in text
        assert "950 would be paid out instead of 930" in text
        assert "100 to 90" in text
    assert "2.8%" in english
    assert "调整前后对比" in chinese
    assert not re.search(r"[\u4e00-\u9fff]", english)
    names = {path.stem for path in (tmp_path / "tables").iterdir()}
    assert {"changed", "both", "by_rule", "frontier-money", "frontier-conflicts", "whatif-causes"} <= names


def test_the_same_what_if_gives_the_same_bytes(tmp_path: Path, cache: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    assert texts(made_whatif(), tmp_path / "a", cache) == texts(made_whatif(), tmp_path / "b", cache)


def test_a_book_without_dates_has_clients_and_no_causes(tmp_path: Path, cache: Path) -> None:
    html, english, chinese = texts(made_whatif(undated=True), tmp_path, cache)
    assert "NT$" in english
    assert "The same 1,200 clients" in english
    assert "does not let causes be told apart" in english
    for text in (english, chinese):
        assert not re.search(r"spending|消费", text)
    data = re.search(r'id="page-data">(.*?)</script>', html, re.DOTALL)
    assert data
    assert set(json.loads(data[1])["charts"]) == {"frontier-money", "frontier-conflicts"}


def test_where_nothing_is_changed_the_page_says_so(tmp_path: Path, cache: Path) -> None:
    _, english, _ = texts(made_whatif(changed=False, edge=True), tmp_path, cache)
    assert "Nothing was changed" in english
    assert "the last one tried" in english


def test_the_figures_are_told_to_a_tracker_and_on_the_command_line() -> None:
    for found in made_whatifs():
        told = metrics_of(found.summary)
        assert told["whatif.before.released"] == 930
        assert told["whatif.change.profit"] == found.summary["difference"]["profit"]["change"]
        assert "Expected profit" in finding(found)
    assert "whatif.after.oracle_bad" not in metrics_of(made_whatif(undated=True).summary)
