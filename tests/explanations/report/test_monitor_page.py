"""The page of `releasegap monitor`: the verdict first, alarms in sentences, features together."""

from __future__ import annotations

from pathlib import Path

import pytest

from explanations.report.monitor_page import monitor_sections, passed_sentences, write_monitor
from explanations.report.words import LANGUAGES
from features.catalogue import own_catalogue
from tests.explanations.monitored import check, every_kind, made_monitors, monitored

CATALOGUE = own_catalogue()


def test_every_alarm_has_its_sentence_and_features_share_one() -> None:
    told = passed_sentences(monitored(every_kind("passed")), CATALOGUE)
    assert len(told) == 8
    assert told[-1].en.startswith(
        "2 features have moved, most of all: Lenders with open loans (at requests); "
    )
    assert "nothing has arrived for 0.8 days" in " ".join(text.en for text in told)
    for language in LANGUAGES:
        assert all("{" not in text[language] for text in told)
    assert passed_sentences(monitored(every_kind("within")), CATALOGUE) == []


def test_the_verdict_counts_all_alarms() -> None:
    said = monitor_sections(monitored(every_kind("passed")), CATALOGUE)["monitor_answer"].said
    assert said["verdict"].en == "9 figures have passed their thresholds."
    quiet = monitor_sections(monitored(every_kind("within")), CATALOGUE)["monitor_answer"].said
    assert quiet["verdict"].en == "No figure has passed its threshold."
    few = monitor_sections(monitored([check("auc", "too_few", measure=None)]), CATALOGUE)[
        "monitor_answer"
    ].said
    assert "too few rows" in few["too_few"].en


def test_the_features_that_have_moved_most_come_first() -> None:
    section = monitor_sections(monitored(every_kind("passed")), CATALOGUE)["monitor_features"]
    table = section.charts["drift"].table
    assert table is not None
    assert [row[1].en for row in table.rows] == ["0.900", "0.400"]


@pytest.mark.parametrize("found", made_monitors(), ids=["passed", "within", "too few", "one", "undated"])
def test_a_page_is_written_with_its_texts(found: dict[str, object], tmp_path: Path) -> None:
    write_monitor(found, CATALOGUE, tmp_path)
    html, english, chinese = (
        (tmp_path / name).read_text(encoding="utf-8") for name in ("report.html", "report.md", "report.zh.md")
    )
    assert "Have models, data or decisions moved?" in html
    assert english.startswith("# Have models")
    assert "阈值" in chinese
    assert ("requests from" in english) == (found["period"] is not None)
