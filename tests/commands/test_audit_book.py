"""`releasegap audit book`: findings on disk, in MLflow and in the report, and an exit status that tells."""

import json
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

import settings
from data.book import Book
from explanations.control.findings import CHECKS
from tests.commands.calls import CALL_WRONG, WORK_WRONG, answer, call, refused
from training.tracking import open_store


def test_findings_are_on_disk_and_in_mlflow_and_grave_ones_end_with_status_1(
    main_job: dict[str, Any], small_book: Book, tmp_path: Path
) -> None:
    out, home = tmp_path / "audit", Path(main_job["home"])
    done = call("audit", "book", small_book.path, "--home", home, "--out", out, "--json")
    refused(done, WORK_WRONG, "grave findings")
    told = json.loads(done.stdout.splitlines()[-1])
    kept = json.loads((out / "findings.json").read_text(encoding="utf-8"))
    assert kept["findings"] == told["findings"]
    assert kept["limit_model"] == "models:/releasegap-limit/1"
    table = pd.read_csv(out / "findings.csv", keep_default_na=False)
    assert table.to_dict("records") == told["findings"]
    counts = {row["check"]: row["count"] for row in told["findings"]}
    assert list(counts) == list(CHECKS)
    asked = small_book.whole("draw_requests")
    system, executed = (asked[f"decision_{name}"].astype(str) for name in ("system", "executed"))
    slips = (system != executed) & ~asked["random_release"]
    assert counts["released_against_system"] == int((slips & (executed == "release")).sum()) > 0
    store = open_store(home)
    run = store.client.get_run(told["run"])
    assert {name: run.data.metrics[f"control.{name}"] for name in CHECKS} == counts
    assert run.data.tags["stage"] == "audit"
    assert "critical: Limits above what the rules give" in run.data.tags["mlflow.note.content"]
    files = {file.path for file in store.client.list_artifacts(told["run"])}
    assert {"findings.csv", "findings.json"} <= files


def test_a_line_is_told_for_each_finding_and_without_a_model_what_was_not_looked_for(
    small_book: Book, tmp_path: Path
) -> None:
    done = call("audit", "book", small_book.path, "--home", tmp_path)
    assert done.exit_code == WORK_WRONG
    assert "No limit model of this book" in done.stderr
    assert "in 9 checks" in done.stdout  # of so few requests no batch is large enough
    assert "critical: Paid out though the system had refused: " in done.stdout


def test_a_book_that_records_nothing_and_a_folder_of_something_else_are_refused(
    small_book: Book, real_data: Path, tmp_path: Path
) -> None:
    (tmp_path / "mine.txt").write_text("precious", encoding="utf-8")
    words = ("--home", tmp_path / "home")
    refused(
        call("audit", "book", small_book.path, "--out", tmp_path, *words), CALL_WRONG, "holds other files"
    )
    file = real_data / "german_credit" / "german_credit.csv"
    if not file.is_file():
        pytest.skip("no German credit data")
    mapping = settings.BESIDE.parent / "data" / "mappings" / "german_credit.yaml"
    answer(call("import", mapping, file, "--out", tmp_path / "german", "--json"))
    refused(call("audit", "book", tmp_path / "german", *words), CALL_WRONG, "no dates")


def test_the_report_of_the_main_job_has_the_section(main_job: dict[str, Any]) -> None:
    page = (Path(str(main_job["folder"])) / "report.html").read_text(encoding="utf-8")
    assert 'id="control"' in page
    text = (Path(str(main_job["folder"])) / "report.md").read_text(encoding="utf-8")
    assert "Limits above what the rules give" in text
