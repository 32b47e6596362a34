"""`releasegap scorecard`: resumed by book, the same figures, nothing begun for a bad call."""

from pathlib import Path

import pandas as pd

from tests.commands.calls import CALL_WRONG, SMALL, answer, call, refused


def test_the_scorecard_is_resumed_by_book_and_says_the_same(tmp_path: Path) -> None:
    home = tmp_path / "home"
    words = ["scorecard", "--seeds", 1, "--first-seed", 5, "--scenarios", "baseline, baseline"]
    words += ["--borrowers", 600, "--out", tmp_path, "--home", home, "--json", "--refits", 1, *SMALL]
    first = answer(call(*words))["scorecard"]
    books = sorted((tmp_path / "books").iterdir())
    assert len(books) == 3, "as two fits decide it, and the null change"
    pushes = [
        pd.read_parquet(book).filter(like="model.").sum().sum() for book in books if "baseline" in book.name
    ]
    assert pushes[0] != pushes[1], "another seed of the fit is another model"
    made = [book.stat().st_mtime_ns for book in books]
    written = (tmp_path / "scorecard.json").read_bytes()
    books[1].unlink()
    assert answer(call(*words))["scorecard"] == first
    assert (tmp_path / "scorecard.json").read_bytes() == written
    assert books[0].stat().st_mtime_ns == made[0]
    words += ["--scenarios", "operator_errors", "--refits", 0]
    answer(call(*words, "--set", "explanations.cause_draws=1"))
    assert len(list((tmp_path / "books").iterdir())) == 4, "books of other parameters are not taken for these"
    assert isinstance(first, list)
    assert [row["holds"] for row in first if row["name"].startswith("control: null change")] == [True, True]
    control = next(row for row in first if row["name"].startswith("control: the truth itself"))
    assert control["value"] == 1


def test_a_scorecard_of_an_unknown_scenario_is_refused_and_leaves_nothing(tmp_path: Path) -> None:
    out = tmp_path / "out"
    refused(call("scorecard", "--scenarios", "boom", "--out", out), CALL_WRONG, "boom", "policy_shock")
    assert not out.exists()
