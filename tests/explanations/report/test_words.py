import re
from pathlib import Path

import pytest
import yaml

from explanations.report.words import WORDS, Text, counted, joined, keys, named, same, say, say_of

RAW = "\n".join(path.read_text(encoding="utf-8") for path in sorted(WORDS.glob("*.yaml")))
ANY_FIGURES = dict.fromkeys(re.findall(r"{(\w+)}", RAW), "1")


def test_every_statement_speaks_both_languages() -> None:
    for key in keys():
        text = say(key, **ANY_FIGURES)
        assert text.en.strip(), key
        assert text.zh.strip(), key


def test_both_languages_of_a_statement_name_the_same_figures() -> None:
    pairs = re.findall(r'en: "([^"]*)",?\s+zh: "([^"]*)"', RAW)
    assert len(pairs) == len(keys())
    for english, chinese in pairs:
        assert sorted(re.findall(r"{(\w+)}", english)) == sorted(re.findall(r"{(\w+)}", chinese)), english


def test_only_chinese_statements_hold_chinese() -> None:
    for key in keys():
        assert not re.search(r"[\u4e00-\u9fff]", say(key, **ANY_FIGURES).en), key


def test_a_text_among_the_values_gives_each_language_its_own() -> None:
    assert say("case.refused", refused_by=Text("score", "评分")) == Text(
        "Refused by: score.", "拒绝原因：评分。"
    )


def test_of_an_undated_book_is_said_what_is_kept_for_it() -> None:
    assert say_of(False, "column.requests").en == "Requests"
    assert say_of(True, "column.requests") == Text("Clients", "客户")
    assert say_of(True, "column.amount") == say("column.amount")


def test_every_statement_for_undated_books_has_its_namesake() -> None:
    for key in keys():
        assert key.removesuffix("_held_out") in keys() or key == "split.held_out"


def test_of_one_is_said_what_is_kept_for_one() -> None:
    assert counted("value.months", "1", value="1").en == "1 month"
    assert counted("value.months", "1.5", value="1.5").en == "1.5 months"
    assert counted("column.requests", "1") == say("column.requests")


def test_every_statement_for_one_has_its_namesake() -> None:
    assert all(key.removesuffix("_one") in keys() for key in keys())


def test_one_word_is_used_for_the_score_in_chinese() -> None:
    assert "得分" not in RAW


def test_chinese_sentences_have_chinese_punctuation() -> None:
    for key in keys():
        assert not re.search(
            r"[\u4e00-\u9fff]\s*[,;:?!()]|[,;:?!()]\s*[\u4e00-\u9fff]", say(key, **ANY_FIGURES).zh
        ), key


def test_every_scenario_is_named() -> None:
    named_there = {key.removeprefix("scenario.") for key in keys() if key.startswith("scenario.")}
    parameters = yaml.safe_load((Path(__file__).parents[3] / "params.yaml").read_text(encoding="utf-8"))
    assert named_there == set(parameters["world"]["scenarios"])


def test_an_unknown_name_is_called_by_itself() -> None:
    assert named("refused_by", "cap_lenders") == Text("cap on lenders", "机构数上限")
    assert named("refused_by", "cap_on_moons") == same("cap_on_moons")


def test_an_unknown_statement_is_refused() -> None:
    with pytest.raises(KeyError):
        say("nobody.says.this")


def test_statements_in_a_row_get_each_languages_separator() -> None:
    assert joined([Text("a", "甲"), Text("b", "乙")]) == Text("a, b", "甲、乙")
