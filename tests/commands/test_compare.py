"""`releasegap compare`: tables, page and run; the same bytes; what cannot be compared is refused in a sentence."""

import json
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from data.book import Book
from data.simulate import simulate_book
from models.logistic_scorecard import scorecard_of
from settings import Settings
from tests.commands.calls import CALL_WRONG, SMALL, answer, call, refused
from tests.homes import copy_home
from training.swap_sets import SETS, SWAP_COLUMNS

FEW = ["--set", "governance.comparison.draws=40"]
FIRST, SECOND = (f"models:/releasegap-release/{version}" for version in (1, 2))
LIMIT = "models:/releasegap-limit/1"


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory, main_job: dict[str, Any], small_book: Book) -> Path:
    """A home with a limit model and two release models of a small book."""
    made = tmp_path_factory.mktemp("homes") / "home"
    copy_home(main_job["home"], made)
    other = [*SMALL, "--set", "training.release.max_depth=2"]
    answer(call("train", "release", "--book", small_book.path, "--home", made, "--json", *other))
    return made


@pytest.fixture(scope="module")
def told(home: Path, small_book: Book) -> dict[str, object]:
    return answer(call("compare", FIRST, SECOND, "--book", small_book.path, "--home", home, "--json", *FEW))


def test_two_release_models_are_held_against_each_other_and_against_the_scorecard(
    told: dict[str, object],
) -> None:
    folder = Path(str(told["folder"]))
    metrics, swaps = (pd.read_parquet(folder / f"{name}.parquet") for name in ("metrics", "swap_sets"))
    assert set(metrics["model"]) == {"champion", "challenger", "benchmark"}
    assert set(metrics["population"]) == {"released", "all (oracle)"}
    assert tuple(swaps) == SWAP_COLUMNS
    summary = json.loads((folder / "compare.json").read_text(encoding="utf-8"))
    counts = summary["counts"]
    for cut, rows in swaps.groupby("cut"):
        by_set = rows.set_index("set")["requests"]
        assert tuple(by_set.index) == SETS
        assert by_set.sum() == counts["requests"]
        assert by_set["both"] + by_set["out"] == counts["released"]["champion"]
        if cut == "policy":
            assert by_set["both"] + by_set["in"] == counts["released"]["challenger"]
        if cut == "equal_approval":
            assert abs(by_set["in"] - by_set["out"]) <= 2
    conflicts = pd.read_parquet(folder / "conflicts.parquet").groupby("change")["requests"].sum()
    assert conflicts.get("both", 0) + conflicts.get("gone", 0) == counts["conflicts"]["champion"] > 0
    assert conflicts.get("both", 0) + conflicts.get("new", 0) == counts["conflicts"]["challenger"]
    reasons = pd.read_parquet(folder / "reasons.parquet")
    assert reasons["champion"].sum() == counts["conflicts"]["champion"]
    assert (
        scorecard_of((folder / "scorecard.json").read_text(encoding="utf-8")).digest
        == (summary["benchmark"]["digest"])
    )
    page = (folder / "report.html").read_text(encoding="utf-8")
    assert "冠军" in page
    assert len(page) < 3_000_000


def test_the_run_keeps_page_tables_and_measures(told: dict[str, object], home: Path) -> None:
    from training.tracking import open_store

    client = open_store(home).client
    run = client.get_run(str(told["run"]))
    assert run.data.metrics["challenger.auc"] == told["metrics"]["challenger.auc"]  # type: ignore[index]
    assert "benchmark.auc" in run.data.metrics
    names = {found.path for found in client.list_artifacts(str(told["run"]))}
    assert {"report.html", "report.md", "compare.json", "swap_sets.csv", "scorecard.json"} <= names
    assert run.data.params["fit.challenger.max_depth"] == "2"


def test_the_same_comparison_leaves_the_same_bytes(
    told: dict[str, object], home: Path, small_book: Book, tmp_path: Path
) -> None:
    again = call(
        "compare", FIRST, SECOND, "--book", small_book.path, "--home", home, "--out", tmp_path / "out", *FEW
    )
    assert again.exit_code == 0, again.output
    first = Path(str(told["folder"]))
    names = sorted(path.relative_to(first) for path in first.rglob("*") if path.is_file())
    assert {path.name for path in (tmp_path / "out").rglob("*") if path.is_file()} == {
        one.name for one in names
    }
    for name in names:
        if name.name != "run.json":
            assert (tmp_path / "out" / name).read_bytes() == (first / name).read_bytes(), name


def test_the_scorecard_may_stand_for_either(home: Path, small_book: Book) -> None:
    told = answer(
        call("compare", "scorecard", FIRST, "--book", small_book.path, "--home", home, "--json", *FEW)
    )
    metrics = pd.read_parquet(Path(str(told["folder"])) / "metrics.parquet")
    assert set(metrics["model"]) == {"champion", "challenger"}


def test_two_limit_models_are_compared_by_their_errors_and_by_whom_they_favour(
    home: Path, small_book: Book
) -> None:
    told = answer(call("compare", LIMIT, LIMIT, "--book", small_book.path, "--home", home, "--json", *FEW))
    assert told["metrics"]["challenger.mae_log.difference"] == 0  # type: ignore[index]
    counts = told["counts"]
    assert counts["conflicts"]["both"] == counts["conflicts"]["champion"] > 0  # type: ignore[index]
    folder = Path(str(told["folder"]))
    assert not (folder / "swap_sets.parquet").exists()
    assert "No difference in accuracy is proved" in (folder / "report.html").read_text(encoding="utf-8")


def test_what_cannot_be_compared_is_refused_in_a_sentence(
    home: Path, small_book: Book, tmp_path: Path
) -> None:
    on = ("--book", small_book.path, "--home", home)
    refused(call("compare", "models:/releasegap-release@nobody", FIRST, *on), CALL_WRONG, "@nobody", "alias")
    refused(call("compare", FIRST, "models:/releasegap-release/99", *on), CALL_WRONG, "releasegap-release/99")
    refused(call("compare", FIRST, LIMIT, *on), CALL_WRONG, "two of a kind")
    refused(call("compare", "scorecard", LIMIT, *on), CALL_WRONG, "two of a kind")
    refused(call("compare", "scorecard", "scorecard", *on), CALL_WRONG, "with itself")
    refused(call("compare", FIRST, SECOND, *on, "--release-model", FIRST), CALL_WRONG, "--release-model")
    refused(call("compare", FIRST, SECOND, *on, "--limit-model", SECOND), CALL_WRONG, "is no limit model")
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "work.txt").write_text("mine")
    refused(call("compare", FIRST, SECOND, *on, "--out", tmp_path / "mine"), CALL_WRONG, "mine")
    assert (tmp_path / "mine" / "work.txt").read_text() == "mine"


def test_models_of_another_book_are_refused(home: Path, settings: Settings, tmp_path: Path) -> None:
    other = simulate_book(tmp_path / "other", 60, 24, 6, "baseline", settings.world, block_size=60)
    result = call("compare", FIRST, SECOND, "--book", other.path, "--home", home)
    refused(result, CALL_WRONG, "trained on another book", other.digest[:12])
