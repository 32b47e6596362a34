"""`releasegap monitor` as a scheduler calls it."""

import json
from pathlib import Path
from typing import Any

import pytest

from data.book import Book
from tests.commands.calls import CALL_WRONG, WORK_WRONG, answer, call, refused

NEVER = [
    *("--set", "monitoring.psi=90", "--set", "monitoring.csi=90", "--set", "monitoring.calibration_ratio=90"),
    *(
        "--set",
        "monitoring.auc_drop=.9",
        "--set",
        "monitoring.conflict_rise=.9",
        "--set",
        "monitoring.delay_days=900",
    ),
]


@pytest.fixture(scope="module")
def explained(main_job: dict[str, Any]) -> dict[str, Any]:
    return main_job


def test_a_scheduler_is_told_by_the_exit_status(
    explained: dict[str, Any], home: Path, small_book: Book, tmp_path: Path
) -> None:
    against = ("monitor", "--book", small_book.path, "--against", explained["folder"], "--home", home)
    quiet = answer(call(*against, "--out", tmp_path / "quiet", "--json", *NEVER))
    assert quiet["passed"] == []
    told = json.loads((tmp_path / "quiet" / "monitor.json").read_text(encoding="utf-8"))
    assert told["period"] == {"from": "2025-10-01", "to": "2025-12-31"}
    assert told["against"]["period"] == {"from": "2025-07-01", "to": "2025-12-31"}
    assert {"release", "limit"} == {row["model"] for row in told["checks"] if row["check"] == "csi"}
    assert len([row for row in told["checks"] if row["check"] == "delay"]) == 6
    assert (tmp_path / "quiet" / "report.html").stat().st_size < 2_000_000
    loud = call(
        *against,
        "--out",
        tmp_path / "loud",
        *NEVER,
        "--set",
        "monitoring.csi=1e-9",
        "--set",
        "monitoring.level=.51",
    )
    refused(loud, WORK_WRONG, " passed (", "csi ", str(tmp_path / "loud" / "report.html"))
    assert (tmp_path / "loud" / "monitor.json").is_file()


def test_a_run_stands_for_its_folder(
    explained: dict[str, Any], home: Path, small_book: Book, tmp_path: Path
) -> None:
    for place, against in (("folder", explained["folder"]), ("run", explained["run"])):
        given = ("--against", against, "--until", "2025-11-30", "--out", tmp_path / place)
        answer(call("monitor", "--book", small_book.path, "--home", home, *given, "--json", *NEVER))
    files = [sorted(path.name for path in (tmp_path / place).iterdir()) for place in ("folder", "run")]
    assert files[0] == files[1]
    for name in ("monitor.json", "report.html", "report.md"):
        assert (tmp_path / "folder" / name).read_bytes() == (tmp_path / "run" / name).read_bytes()


def test_a_day_outside_the_book_is_refused_by_the_option_that_names_it(
    home: Path, small_book: Book, tmp_path: Path
) -> None:
    words = ("monitor", "--book", small_book.path, "--against", tmp_path, "--until", "2026-01-01")
    result = call(*words, "--home", home, "--out", tmp_path / "out")
    refused(result, CALL_WRONG, "--until 2026-01-01 is no day of this book", "2024-01-01 to 2025-12-31")


@pytest.mark.parametrize(
    ("against", "said"),
    [
        ("nowhere", "neither a folder nor the id of a run"),
        ("0" * 32, "no model runs:/"),
        (".", "holds no explanation"),
    ],
)
def test_what_is_no_explanation_is_refused(
    against: str, said: str, explained: dict[str, Any], home: Path, small_book: Book, tmp_path: Path
) -> None:
    place = tmp_path if against == "." else against
    out = ("--home", home, "--out", tmp_path / "out")
    refused(call("monitor", "--book", small_book.path, "--against", place, *out), CALL_WRONG, said)
    assert not (tmp_path / "out").exists()
