"""Conflicts on the lender's record: explained as far as the models' decisions need not be taken again."""

import json
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from data.book import Book
from tests.commands.calls import CALL_WRONG, SMALL, answer, call, refused


@pytest.fixture(scope="module")
def on_record(home: Path, small_book: Book, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("record") / "told"
    call_of = (
        "explain",
        "--book",
        small_book.path,
        "--home",
        home,
        "--out",
        out,
        "--set=models.conflicts=record",
    )
    answer(call(*call_of, "--json", *SMALL))
    return out


def summary_of(folder: Path) -> dict[str, Any]:
    return dict(json.loads((folder / "summary.json").read_text("utf-8")))


def test_the_conflicts_are_those_whom_the_lender_had_raised_and_refused(
    on_record: Path, small_book: Book
) -> None:
    conflicts = pd.read_parquet(on_record / "conflicts.parquet")
    asked = small_book.whole("draw_requests").set_index("request_id").loc[conflicts["request_id"]]
    assert len(conflicts)
    assert (asked["decision_executed"] == "refuse").all()
    assert (conflicts["limit_after"] >= 1.15 * conflicts["limit_before"]).all()
    granted = small_book.whole("limit_reviews")[["borrower_id", "limit_before", "limit_after"]]
    on_record = set(granted.round(2).itertuples(index=False, name=None))
    shown = conflicts[["borrower_id", "limit_before", "limit_after"]].round(2)
    assert set(shown.itertuples(index=False, name=None)) <= on_record
    assert (conflicts["refused_by"] == "record").any()
    assert (conflicts.loc[conflicts["refused_by"] == "record", "pd"] <= conflicts["cutoff"].max()).all()


def test_what_takes_decisions_again_is_left_out_and_the_report_says_so(on_record: Path) -> None:
    summary = summary_of(on_record)
    assert "mean_share" not in summary["causes"]
    assert "remedies" not in summary
    assert not (on_record / "causes.parquet").exists()
    page = (on_record / "report.html").read_text("utf-8")
    for said in (
        "Favoured on the record",
        "机构记录认可",
        "the record alone (the models would release)",
        "models.conflicts=both",
    ):
        assert said in page


def test_the_agreement_is_the_same_whatever_conflicts_are_told_on(on_record: Path, folder: Path) -> None:
    of_models, of_record = summary_of(folder), summary_of(on_record)
    assert of_models["agreement"] == of_record["agreement"]
    conflict = {row["what"]: row for row in of_record["agreement"]}["conflict"]
    at_random = of_record["counts"]["requests"] - conflict["requests"]
    assert 0 <= at_random < 20
    assert conflict["both"] + conflict["record"] == of_record["counts"]["conflicts"]
    assert 0 <= of_models["counts"]["conflicts"] - conflict["both"] - conflict["model"] <= at_random


def test_commands_that_take_decisions_again_refuse_the_record(
    home: Path, small_book: Book, tmp_path: Path
) -> None:
    for command in (("whatif",), ("truth", "--out", tmp_path / "truth")):
        said = call(*command, "--book", small_book.path, "--home", home, "--set=models.conflicts=record")
        refused(said, CALL_WRONG, "models.conflicts is record")


def test_what_monitor_compares_is_of_the_models_whatever_conflicts_are_told_on(
    on_record: Path, folder: Path
) -> None:
    assert (on_record / "baseline.json").read_bytes() == (folder / "baseline.json").read_bytes()
