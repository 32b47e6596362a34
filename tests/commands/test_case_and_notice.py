"""`releasegap case` and `releasegap notice`: one conflict's page and letter, and what they refuse."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path

import pandas as pd

from data.book import Book
from data.simulate import simulate_book
from explanations.files import read_explanation
from explanations.report.notice import notice_html
from explanations.report.words import LANGUAGES
from explanations.sums import write_sums
from settings import Settings
from tests.commands.calls import CALL_WRONG, WORK_WRONG, answer, call, refused


def test_one_case_gets_the_page_that_the_report_would_show(
    folder: Path, home: Path, small_book: Book, tmp_path: Path
) -> None:
    request = int(pd.read_parquet(folder / "conflicts.parquet")["request_id"].iloc[3])
    told = answer(call("case", request, "--home", home, "--json"))
    assert told == {
        "case": str(home / "cases" / f"{request}.html"),
        "request_id": request,
        "name": str(request),
        "timeline": True,
        "redacted": False,
    }
    page = Path(str(told["case"])).read_bytes()
    named = ("--from", folder, "--book", small_book.path, "--home", home)
    answer(call("case", request, *named, "--out", tmp_path / "c" / "one.html", "--json"))
    assert (tmp_path / "c" / "one.html").read_bytes() == page
    assert f"request {request}".encode() in page
    # Without the time lines in the folder, and without the book, there is none.
    bare = tmp_path / "bare"
    shutil.copytree(folder, bare)
    (bare / "timelines.parquet").unlink()
    refused(call("case", request, "--from", bare, "--home", home), WORK_WRONG, "timelines.parquet is gone")
    write_sums(bare)
    told = answer(call("case", request, "--from", bare, "--home", tmp_path / "h", "--json"))
    assert told["timeline"] is False
    told = answer(call("case", request, "--from", bare, "--book", small_book.path, "--home", home, "--json"))
    assert told["timeline"] is True
    assert Path(str(told["case"])).read_bytes() == page


def test_a_redacted_case_is_still_told_but_not_of_whom(
    folder: Path, home: Path, tmp_path: Path, small_book: Book
) -> None:
    conflict = pd.read_parquet(folder / "conflicts.parquet").iloc[3]
    request, out = int(conflict["request_id"]), tmp_path / "case.html"
    told = answer(
        call("case", request, "--redact", "--book", small_book.path, "--home", home, "--out", out, "--json")
    )
    assert told["timeline"] is True
    page = out.read_text("utf-8")
    assert re.fullmatch("C[0-9]{12}", str(told["name"]))
    assert str(told["name"]) in page
    data = json.loads(page.partition('id="page-data">')[2].partition("</script>")[0])
    said = json.dumps(data["cases"], ensure_ascii=False)
    assert not re.search(rf"(?<!\d){request}(?!\d)", said)
    assert f"{conflict['amount']:,.0f}" not in said
    days = set(re.findall(r"20\d\d-\d\d-\d\d", said))
    assert days
    assert all(day.endswith("-01") for day in days)
    [case] = data["cases"]["cases"]
    assert case["reasons"]
    assert "recourse" not in case


def test_an_unknown_case_is_refused_and_leaves_nothing(folder: Path, home: Path, tmp_path: Path) -> None:
    conflicts = len(pd.read_parquet(folder / "conflicts.parquet"))
    for command in ("case", "notice"):
        result = call(command, 5, "--from", copied(folder, tmp_path / command), "--home", tmp_path / "h")
        refused(result, CALL_WRONG, f"no conflict 5 among the {conflicts}")
    assert not (tmp_path / "h").exists()
    refused(call("case", 5, "--home", tmp_path / "h"), CALL_WRONG, "holds no explanation", "--from")


def test_the_book_of_another_explanation_is_refused(
    folder: Path, home: Path, settings: Settings, tmp_path: Path
) -> None:
    other = simulate_book(tmp_path / "other", 50, 24, 6, "baseline", settings.world, block_size=50)
    request = int(pd.read_parquet(folder / "conflicts.parquet")["request_id"].iloc[0])
    result = call("case", request, "--from", folder, "--book", other.path, "--home", home)
    refused(result, CALL_WRONG, "is not the book of this explanation")


def copied(folder: Path, copy: Path) -> Path:
    """A copy of an explanation's folder."""
    shutil.copytree(folder, copy)
    return copy


def test_no_letter_of_a_book_says_anything_internal(
    folder: Path, tmp_path: Path, settings: Settings, internal: re.Pattern[str]
) -> None:
    explanation = read_explanation(copied(folder, tmp_path / "e"))
    names = [name for name in explanation.catalogue.release if "_" in name]
    for conflict in explanation.conflicts.to_dict("records"):
        for language in LANGUAGES:
            html = notice_html(explanation, conflict["request_id"], language, settings.notice)
            text = re.sub(r"<style>.*?</style>|<[^>]*>", " ", html, flags=re.DOTALL)
            assert not internal.search(text), text
            assert not [name for name in names if name in text]
            for figure in ("pd", "cutoff"):
                assert f"{100 * conflict[figure]:.2f}" not in text
                assert f"{conflict[figure]:.4f}" not in text


def test_a_letter_is_written_in_the_language_and_name_that_the_call_says(
    folder: Path, tmp_path: Path
) -> None:
    request = int(pd.read_parquet(folder / "conflicts.parquet")["request_id"].iloc[3])
    source = copied(folder, tmp_path / "e")
    words = ("notice", request, "--from", source, "--home", tmp_path / "h", "--json")
    told = answer(call(*words, "--language", "en", "--lender", "Ein <b>Haus</b>", "--date", "2026-01-31"))
    assert told["unset"] == ["address", "review_contact", "data_contact"]
    assert told["notice"] == str(tmp_path / "h" / "notices" / f"{request}-en.html")
    html = Path(str(told["notice"])).read_text(encoding="utf-8")
    assert "Ein &lt;b&gt;Haus&lt;/b&gt;" in html
    assert "Date: 2026-01-31" in html
    set_ = ("--set", 'notice.data_contact="counter 3"', "--out", tmp_path / "l.html")
    assert answer(call(*words, *set_))["unset"] == ["lender", "address", "review_contact"]
    assert "counter 3" in (tmp_path / "l.html").read_text(encoding="utf-8")
    refused(call(*words, "--date", "31.1.2026"), CALL_WRONG, "'31.1.2026' is no date")
    (source / "reasons.parquet").unlink()
    write_sums(source)
    refused(call(*words), CALL_WRONG, "no reasons.parquet")


def test_what_would_help_is_looked_for_where_the_report_has_not(
    folder: Path, home: Path, small_book: Book, tmp_path: Path
) -> None:
    source = copied(folder, tmp_path / "e")
    recourse = pd.read_parquet(source / "recourse.parquet")
    kinds = recourse.groupby("kind")["request_id"].first()
    for request in {int(kinds[kind]) for kind in ("none", "amount")}:
        words = ("notice", request, "--from", source, "--json")
        here = (*words, "--home", home, "--book", small_book.path, "--out", tmp_path / "letter.html")
        assert answer(call(*here))["conditions"] is True
        letter = (tmp_path / "letter.html").read_bytes()
        answer(call("case", *here[1:]))
        page = (tmp_path / "letter.html").read_bytes()

        recourse[recourse["request_id"] != request].to_parquet(source / "recourse.parquet")
        write_sums(source)
        # The models and parameters are those of the explanation, whatever the call says.
        assert answer(call(*here, "--set", "explanations.recourse.amount_steps=2"))["conditions"] is True
        assert (tmp_path / "letter.html").read_bytes() == letter
        answer(call("case", *here[1:]))
        assert (tmp_path / "letter.html").read_bytes() == page

        # Without the book nobody can look.
        without = call(*words, "--home", tmp_path / "h")
        assert answer(without)["conditions"] is False
        assert f"Nobody looked for what would help request {request}" in without.stderr
        recourse.to_parquet(source / "recourse.parquet")
        write_sums(source)


def test_a_model_that_is_not_the_explained_one_is_refused(
    folder: Path, home: Path, small_book: Book, tmp_path: Path
) -> None:
    source = copied(folder, tmp_path / "e")
    recourse = pd.read_parquet(source / "recourse.parquet")
    recourse.iloc[:0].to_parquet(source / "recourse.parquet")
    write_sums(source)
    request = int(recourse["request_id"].iloc[0])
    (source / "limit_model.txt").write_bytes((source / "limit_model.txt").read_bytes()[:-1])
    result = call("notice", request, "--from", source, "--book", small_book.path, "--home", home)
    refused(result, WORK_WRONG, "limit_model.txt is not the model of this explanation")
