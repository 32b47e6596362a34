"""`releasegap phantom` as a user calls it."""

import json
import shutil
from pathlib import Path

import pandas as pd
import pytest

from data.book import Book
from tests.commands.calls import CALL_WRONG, SMALL, answer, call, refused
from tests.data.parted import LATE, parted_book


@pytest.fixture(scope="module")
def said(home: Path, small_book: Book) -> dict[str, object]:
    return answer(call("phantom", "--book", small_book.path, "--on", "2025-12-15", "--home", home, "--json"))


def test_who_would_be_refused_is_written_with_cause_and_remedy(said: dict[str, object]) -> None:
    folder = Path(str(said["folder"]))
    rows = pd.read_parquet(folder / "phantom.parquet")
    told = json.loads((folder / "phantom.json").read_text(encoding="utf-8"))
    assert folder.name == "baseline-2025-12-15"
    assert told["on"] == said["on"] == "2025-12-15"
    assert len(rows) == told["totals"][0]["refused"] == sum(row["borrowers"] for row in told["causes"]) > 0
    assert rows["available"].sum() == pytest.approx(told["totals"][0]["phantom"])
    wanted = {
        "borrower_id",
        "limit",
        "available",
        "pd",
        "cutoff",
        "refused_by",
        "cause",
        "remedy_en",
        "remedy_zh",
    }
    assert wanted <= set(rows.columns)


def test_the_same_call_gives_the_same_bytes(
    said: dict[str, object], home: Path, small_book: Book, tmp_path: Path
) -> None:
    again = (
        "phantom",
        "--book",
        small_book.path,
        "--on",
        "2025-12-15",
        "--home",
        home,
        "--out",
        tmp_path / "again",
    )
    answer(call(*again, "--json"))
    for name in ("phantom.parquet", "on_show.parquet", "phantom.json"):
        assert (tmp_path / "again" / name).read_bytes() == (Path(str(said["folder"])) / name).read_bytes()


def test_the_run_keeps_the_totals_and_no_borrower(said: dict[str, object], home: Path) -> None:
    from training.tracking import open_store

    client = open_store(home).client
    run = client.get_run(str(said["run"]))
    assert [artifact.path for artifact in client.list_artifacts(run.info.run_id)] == ["phantom.json"]
    assert run.data.metrics["phantom.refused"] == said["totals"][0]["refused"]  # type: ignore[index]
    assert run.data.params["on"] == "2025-12-15"
    assert "would be refused" in run.data.tags["mlflow.note.content"]


@pytest.mark.parametrize("day", ["2023-12-31", "2026-01-01", "soon", "2025-02-30"])
def test_a_day_outside_the_book_is_refused_with_its_span(
    day: str, said: dict[str, object], home: Path, small_book: Book, tmp_path: Path
) -> None:
    place = ("--home", home, "--out", tmp_path / "out")
    result = call("phantom", "--book", small_book.path, "--on", day, *place)
    refused(result, CALL_WRONG, f"--on {day} is no day of this book", "2024-01-01 to 2025-12-31")
    assert not (tmp_path / "out").exists()


def test_a_book_without_a_model_and_a_foreign_folder_are_refused(
    small_book: Book, home: Path, tmp_path: Path
) -> None:
    without = call("phantom", "--book", small_book.path, "--home", tmp_path / "none")
    refused(without, CALL_WRONG, "no release model trained on this book")
    assert not (tmp_path / "none").exists()
    shutil.copytree(small_book.path / "policy", tmp_path / "other")
    foreign = call("phantom", "--book", small_book.path, "--home", home, "--out", tmp_path / "other")
    refused(foreign, CALL_WRONG, "holds other files")


def test_after_an_append_only_whom_the_news_touches_is_asked_again_with_the_same_result(
    small_book: Book, tmp_path: Path
) -> None:
    old, news = parted_book(small_book, tmp_path)
    home = ("--home", tmp_path / "home")
    answer(call("train", "release", "--book", old.path, *home, "--json", *SMALL))
    first = ("--on", "2025-12-20", *home, "--json")
    answer(call("phantom", "--book", old.path, "--out", tmp_path / "before", *first))
    grown = answer(call("append", old.path, "--from", news, "--out", tmp_path / "grown", "--json"))
    assert (grown["borrowers"], grown["grown_from"]) == (len(LATE), old.digest)
    book = ("phantom", "--book", tmp_path / "grown")
    again = answer(call(*book, "--since", tmp_path / "before", "--out", tmp_path / "again", *home, "--json"))
    whole = answer(call(*book, "--out", tmp_path / "whole", *first))
    assert (again["asked"], whole["asked"]) == (len(LATE), 1500)
    for name in ("phantom.parquet", "on_show.parquet", "phantom.json"):
        assert (tmp_path / "again" / name).read_bytes() == (tmp_path / "whole" / name).read_bytes()
    before, after = (pd.read_parquet(tmp_path / place / "on_show.parquet") for place in ("before", "again"))
    assert not before.equals(after)
    other = call(*book, "--since", tmp_path / "before", "--on", "2025-12-21", *home)
    refused(other, CALL_WRONG, "was made for another day", "leave out --since")
    nothing = call(*book, "--since", tmp_path / "news", *home)
    refused(nothing, CALL_WRONG, "holds no result of `releasegap phantom`")
