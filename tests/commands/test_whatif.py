"""`releasegap whatif`: another policy decided on the same requests, and what it cannot change refused."""

import json
from pathlib import Path

import pandas as pd
import pytest

from data.book import Book
from tests.commands.calls import CALL_WRONG, SMALL, answer, call, refused
from tests.data.parted import written

QUICK = [*SMALL, "--set", "whatif.conflicts=20", "--set", "whatif.spending_weights=[0,1]"]


def test_a_looser_policy_releases_more_and_leaves_page_tables_and_a_run(home: Path, small_book: Book) -> None:
    words = ["whatif", "--book", small_book.path, "--home", home, "--json", *QUICK]
    told = answer(call(*words, "--set", "world.policy.tight.cutoff=0.06", "--set", "economics.lgd=0.5"))
    changes = [{"name": "world.policy.tight.cutoff", "before": 0.028, "after": 0.06}]
    assert told["changes"] == changes
    figures, difference = told["figures"], told["difference"]
    assert isinstance(figures, dict)
    assert isinstance(difference, dict)
    assert figures["after"]["released"] > figures["before"]["released"]
    assert figures["after"]["conflicts"] < figures["before"]["conflicts"]
    assert difference["released"]["change"] == figures["after"]["released"] - figures["before"]["released"]
    folder = Path(str(told["folder"]))
    assert folder == home / "whatif" / small_book.path.name
    summary = json.loads((folder / "whatif.json").read_text(encoding="utf-8"))
    assert summary["changes"] == changes
    assert summary["economics"]["lgd"] == 0.5
    for world in ("before", "after"):
        by = sum(summary["conflicts_by"][world].values())
        assert by == figures[world]["conflicts"]
        assert sum(summary["causes"][world].values()) == pytest.approx(by)
    frontier = pd.read_parquet(folder / "frontier.parquet")
    here = frontier[(frontier["weight"] == 1) & (frontier["factor"] == 1)]
    assert here["profit"].iloc[0] == pytest.approx(figures["before"]["profit"])
    assert "先获提额" in (folder / "report.html").read_text(encoding="utf-8")
    from training.tracking import open_store

    store = open_store(home)
    run = store.client.get_run(str(told["run"]))
    assert run.data.metrics["whatif.after.profit"] == pytest.approx(figures["after"]["profit"])
    assert run.data.params["changed.world.policy.tight.cutoff"] == "0.06"
    names = {found.path for found in store.client.list_artifacts(run.info.run_id)}
    assert {"report.html", "whatif.json", "report.md", "report.zh.md"} <= names
    # The same call again, over the older result: the same bytes.
    page, table = (folder / "report.html").read_bytes(), (folder / "frontier.parquet").read_bytes()
    answer(call(*words, "--set", "world.policy.tight.cutoff=0.06", "--set", "economics.lgd=0.5"))
    assert (folder / "report.html").read_bytes() == page
    assert (folder / "frontier.parquet").read_bytes() == table


def test_a_file_of_parameters_changes_several_at_once(home: Path, small_book: Book, tmp_path: Path) -> None:
    params = tmp_path / "policy.yaml"
    params.write_text(
        "world:\n  policy:\n    tight: {cutoff: 0.028, cap_lenders: 6}\nwhatif:\n  spending_weight: 0.5\n"
    )
    words = ["whatif", "--book", small_book.path, "--home", home, "--out", tmp_path / "out", "--json", *QUICK]
    told = answer(call(*words, "--params", params))
    names = [one["name"] for one in told["changes"]]  # type: ignore[index]
    assert names == ["whatif.spending_weight", "world.policy.tight.cap_lenders"]
    figures = told["figures"]
    assert isinstance(figures, dict)
    assert figures["after"]["favoured"] < figures["before"]["favoured"]
    assert figures["after"]["limit"] < figures["before"]["limit"]


def test_a_grown_book_knows_what_its_policy_was_made_with(
    home: Path, small_book: Book, tmp_path: Path
) -> None:
    who = small_book.table("borrowers").head(1).assign(borrower_id=9000)
    news = written({"borrowers": who}, tmp_path / "news")
    answer(call("append", small_book.path, "--from", news, "--out", tmp_path / "grown", "--json"))
    words = ["whatif", "--book", tmp_path / "grown", "--home", home, "--json", *QUICK]
    told = answer(call(*words, "--set", "world.policy.tight.cutoff=0.06"))
    assert told["changes"] == [{"name": "world.policy.tight.cutoff", "before": 0.028, "after": 0.06}]
    figures = told["figures"]
    assert isinstance(figures, dict)
    assert figures["after"]["released"] > figures["before"]["released"]


def test_what_is_no_policy_and_a_foreign_folder_are_refused(
    home: Path, small_book: Book, tmp_path: Path
) -> None:
    words = ["whatif", "--book", small_book.path, "--home", home]
    refused(
        call(*words, "--set", "world.requests.intercept=-1"),
        CALL_WRONG,
        "world.requests.intercept",
        "world.policy.*",
    )
    refused(call(*words, "--set", "world.policy.tight.pd=.04"), CALL_WRONG, "unknown parameter")
    refused(call(*words, "--set", "world.policy.tight.cutoff=7"), CALL_WRONG, "less than or equal to 1")
    (tmp_path / "mine.txt").write_text("mine")
    refused(call(*words, "--out", tmp_path), CALL_WRONG, "holds other files")
    empty = tmp_path / "empty"
    refused(call("whatif", "--book", small_book.path, "--home", empty), CALL_WRONG, "releasegap train all")
    assert not empty.exists()


def test_a_book_without_dates_is_tuned_and_lets_its_cut_off_be_changed(
    real_data: Path, tmp_path: Path
) -> None:
    book, home = tmp_path / "book", tmp_path / "home"
    mapping = Path(__file__).parents[2] / "data" / "mappings" / "german_credit.yaml"
    answer(
        call("import", mapping, real_data / "german_credit" / "german_credit.csv", "--out", book, "--json")
    )
    answer(call("train", "all", "--book", book, "--home", home, "--json", *SMALL))
    tuned = answer(call("tune", "release", "--book", book, "--home", home, "--json", "--trials", 1, *SMALL))
    assert tuned["as_is"] == tuned["best"]["metrics"]  # type: ignore[index]
    words = ["whatif", "--book", book, "--home", home, "--json"]
    told = answer(call(*words, "--set", "whatif.cutoff_factor=1.5"))
    figures = told["figures"]
    assert isinstance(figures, dict)
    assert figures["after"]["released"] > figures["before"]["released"]
    assert told["causes"] == {}
    refused(call(*words, "--set", "world.policy.tight.cutoff=0.04"), CALL_WRONG, "whatif.cutoff_factor")
