"""`releasegap bench`: each part measured apart, a table that remembers, what is absent told."""

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import settings
from commandline import common_options
from commands import bench
from data.errors import DataFault
from settings import Settings
from tests.commands.calls import answer, call

MEASURES = [("theirs / ours", 12.0, "times", "≥ 10"), ("all stages", 9.0, "CPU s", "≤ 5")]


@pytest.fixture
def _measured(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bench, "measured", lambda common, sizes, full: (MEASURES, ["Left out."]))


@pytest.mark.usefixtures("_measured")
def test_the_benchmark_leaves_a_table_and_a_run_and_remembers_the_run_before(
    tmp_path: Path,
) -> None:
    home = tmp_path / "home"
    first = answer(call("bench", "--home", home, "--json"))
    assert first["missed"] == 1
    assert json.loads((home / "bench.json").read_text(encoding="utf-8")) == first["bench"]
    assert "before" not in (home / "bench.md").read_text(encoding="utf-8")
    call("bench", "--home", home, "--out", tmp_path / "second")
    table = (tmp_path / "second" / "bench.md").read_text(encoding="utf-8")
    assert "before" in table
    assert table.endswith("\nLeft out.\n")
    from training.tracking import open_store

    store = open_store(home)
    run = store.client.search_runs([store.experiment_id], "run_name = 'bench'", max_results=1)[0]
    assert run.data.metrics == {"bench.theirs___ours": 12.0, "bench.all_stages": 9.0}
    names = {found.path for found in store.client.list_artifacts(run.info.run_id)}
    assert names == {"bench.json", "bench.md"}


def test_a_part_is_measured_in_a_process_of_its_own_away_from_the_users_store(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "sqlite:///mine.db")
    assert bench._apart(os.getpid) != os.getpid()
    assert bench._apart(os.getenv, "MLFLOW_TRACKING_URI") is None
    assert os.environ["MLFLOW_TRACKING_URI"] == "sqlite:///mine.db"


def test_the_main_job_is_measured_by_stage_against_bare_training(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("training.benchmark.TREES", 30)
    few = ["explanations.checked_conflicts=0", "explanations.reasons.refits=1"]
    few += [f"training.{model}.rounds=40" for model in ("limit", "release")]
    small = settings.resolved(None, ["simulation.borrowers=1500", *few])
    measures, total = bench._measured_job(small)
    by_name = {name.removeprefix("1,500 borrowers: "): value for name, value, *_ in measures}
    stages = ("simulate", "features", "fit limit", "fit release", "judge", "cards, log models")
    assert list(by_name)[:9] == [*stages, "explain, causes", "report", "all stages"]
    assert by_name["all stages"] == total == pytest.approx(sum(list(by_name.values())[:8]))
    assert by_name["all stages / bare training"] == total / by_name["bare training, 2 × 30 trees"]
    judged = [name for name, _, _, target in measures if target]
    assert judged == ["1,500 borrowers: both scores, 2 × 30 trees"], "fixed costs weigh on a small book"


@pytest.mark.usefixtures("copied")
def test_two_workers_of_a_cluster_are_measured_against_one() -> None:
    measures = bench._measured_dask(settings.resolved(None, ["simulation.borrowers=320"]))
    (_, one, *_), (_, two, *_), (_, efficiency, unit, target) = measures
    assert efficiency == one / (2 * two)
    assert (unit, target) == ("of one", "≥ 0.8")


def test_a_ledger_is_measured_that_was_found_whole() -> None:
    appended, verified = bench._measured_ledger(70_000)
    assert (appended[0], verified[0]) == ("70,000 decisions appended", "70,000 decisions verified")
    assert min(appended[1], verified[1]) > 0
    assert {measure[2:] for measure in (appended, verified)} == {("CPU s", "≤ 10")}


def test_growth_is_told_where_two_sizes_are_measured_and_an_absent_book_is_noted(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    given = {
        "_measured_engines": ([("kernel", 1.0, "CPU s", None)], ["No woodelf."]),
        "_measured_million": [("million", 60.0, "CPU s", "≤ 100")],
        "_measured_dask": [("workers", 0.9, "of one", "≥ 0.8")],
        "_measured_tracking": [("fixed", 4.0, "CPU s", "≤ 6")],
        "_measured_ledger": [("ledger", 5.0, "CPU s", "≤ 10")],
        "_measured_public_book": [],
    }

    def apart(work: Callable[..., object], *of: Any) -> object:
        seconds = float(of[0].simulation.borrowers) if of and isinstance(of[0], Settings) else 0.0
        job = [("job", seconds, "CPU s", None)], seconds
        return given.get(work.__name__, job)

    monkeypatch.setattr(bench, "_apart", apart)
    measures, notes = bench.measured(common_options(quiet=True), (200, 1_000), full=True)
    assert [name for name, *_ in measures] == [
        "kernel",
        "million",
        "job",
        "job",
        "all stages, 1,000 / 200 borrowers",
        "workers",
        "fixed",
        "ledger",
    ]
    assert measures[4][1:] == (5.0, "times", "≤ 10.5")
    assert [note.partition(" ")[0] for note in notes] == ["No", "The"]


def test_the_time_of_a_run_is_that_of_one_that_leaves_a_report(
    real_data: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    mapping = settings.BESIDE.parent / "data" / "mappings" / "german_credit.yaml"
    table = real_data / "german_credit" / "german_credit.csv"
    monkeypatch.setattr(bench, "PROJECT", tmp_path)
    program = tmp_path / "workbench.py"
    program.write_text(
        "import pathlib, sys, time\n"
        "time.sleep(0.3)\n"
        "if '--out' in sys.argv:\n"
        "    out = pathlib.Path(sys.argv[sys.argv.index('--out') + 1])\n"
        "    out.mkdir()\n"
        "    (out / 'report.html').touch()\n"
    )
    assert 0.3 < bench._wall_of_run(mapping, table) < 30
    program.write_text("")
    with pytest.raises(DataFault, match="left no report"):
        bench._wall_of_run(mapping, table)


def test_a_public_book_that_is_absent_is_not_measured(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RELEASEGAP_REAL_DATA", str(tmp_path))
    assert bench._measured_public_book() == []
