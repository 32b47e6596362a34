"""A small book without dates through the commands: its whole is told, and where that cannot be, a sentence says so."""

import json
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from tests.commands.calls import answer, call
from tests.training.small_clients import FITTED_SMALL, imported_book, small_clients

QUICK = [f"--set={one}" for one in (*FITTED_SMALL, "explanations.reasons.refits=0")]
TABLES = ("", "_contrast", "_clients", "_scores", "_contributions")


@pytest.fixture(scope="module")
def ran(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Any]]:
    folder = tmp_path_factory.mktemp("crossed")
    imported_book(small_clients(), folder / "b")
    return folder, answer(call("run", "--book", folder / "b" / "book", "--home", folder, "--json", *QUICK))


def test_a_run_tells_of_every_client(ran: tuple[Path, dict[str, Any]]) -> None:
    out = Path(ran[1]["folder"])
    told = json.loads((out / "summary.json").read_text("utf-8"))["cross_fitting"]
    assert (told["clients"], told["folds"], told["repeats"], told["complete"]) == (240, 3, 2, 2)
    clients = pd.read_parquet(out / "cross_fitting_clients.parquet")
    assert len(clients) == 240
    assert (clients["conflict"] > 0).sum() == told["in_conflict"]["ever"] > ran[1]["counts"]["conflicts"]
    page = (out / "report.html").read_text("utf-8")
    assert "The whole book, each client by models that have not seen him" in page
    assert "全部客户：每位客户均由未见过他的模型评分" in page


def test_an_explanation_by_the_registered_models_fits_as_they_were_fitted(
    ran: tuple[Path, dict[str, Any]], tmp_path: Path
) -> None:
    folder, run = ran
    # The parameters of the fits are not given again: the models' cards tell them.
    again = [one for one in QUICK if ".limit." not in one and ".release." not in one]
    call_ = ("explain", "--book", folder / "b" / "book", "--home", folder, "--out", tmp_path / "e", "--json")
    answer(call(*call_, *again))
    for name in TABLES:
        one, other = (
            pd.read_parquet(place / f"cross_fitting{name}.parquet")
            for place in (Path(run["folder"]), tmp_path / "e")
        )
        pd.testing.assert_frame_equal(one, other, check_exact=True)


def test_a_tiny_book_is_told_to_be_too_small_in_a_sentence(tmp_path: Path) -> None:
    table = small_clients(30, seed=8)
    table["client"] = [f"t{number}" for number in range(30)]
    table["result"] = ["bad" if number % 3 == 0 else "good" for number in range(30)]
    imported_book(table, tmp_path / "b")
    tiny = [
        *QUICK,
        "--set=training.limit.min_data_in_leaf=1",
        "--set=training.release.min_data_in_leaf=1",
        "--set=training.shares.train=0.3",
        "--set=training.shares.early_stopping=0.2",
        "--set=training.shares.calibration=0.2",
        "--set=training.cross_fitting.folds=20",
    ]
    run = answer(call("run", "--book", tmp_path / "b" / "book", "--home", tmp_path, "--json", *tiny))
    out = Path(run["folder"])
    told = json.loads((out / "summary.json").read_text("utf-8"))["cross_fitting"]
    assert "figures" not in told
    assert told["complete"] < 2
    assert "This book is too small to be scored as a whole" in (out / "report.md").read_text("utf-8")
    assert not list(out.glob("cross_fitting*"))


def test_a_book_above_the_parameter_is_left_as_it_was(
    ran: tuple[Path, dict[str, Any]], tmp_path: Path
) -> None:
    call_ = ("explain", "--book", ran[0] / "b" / "book", "--home", ran[0], "--out", tmp_path / "e", "--json")
    answer(call(*call_, *QUICK, "--set=training.cross_fitting.rows=239"))
    assert "cross_fitting" not in json.loads((tmp_path / "e" / "summary.json").read_text("utf-8"))
    assert "The whole book" not in (tmp_path / "e" / "report.md").read_text("utf-8")
