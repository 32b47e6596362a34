import re
from pathlib import Path

import pytest

from explanations import words
from explanations.words import Text, joined, keys, named, same, say

RAW = Path(words.__file__).with_name("report_words.yaml").read_text(encoding="utf-8")
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


def test_an_unknown_name_is_called_by_itself() -> None:
    assert named("refused_by", "cap_lenders") == Text("cap on lenders", "机构数上限")
    assert named("refused_by", "cap_on_moons") == same("cap_on_moons")


def test_an_unknown_statement_is_refused() -> None:
    with pytest.raises(KeyError):
        say("nobody.says.this")


def test_statements_in_a_row_get_each_languages_separator() -> None:
    assert joined([Text("a", "甲"), Text("b", "乙")]) == Text("a, b", "甲、乙")
