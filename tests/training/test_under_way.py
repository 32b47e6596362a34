"""Runs and versions that a killed process left: ended, told, and never taken for whole."""

from __future__ import annotations

import signal
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest
from mlflow.entities import LoggedModelStatus

from data.errors import CallError
from training import home as layout
from training.registry import UNFINISHED, judged_models, latest_model, registering
from training.tracking import Store, open_store
from training.under_way import DIED, ENDED, FOLDER, PROCESS

ROOT = Path(__file__).parents[2]
KILLED_IN_A_RUN = """
import sys, time
from pathlib import Path
from training.tracking import open_store
store = open_store(Path(sys.argv[1]))
with store.run("train all") as run, store.run("train limit") as fit:
    store.client.create_logged_model(fit.experiment_id, "limit", fit.run_id)
    client, tags = store.client, {"book_digest": "a" * 64, "releasegap.unfinished": run.tags["releasegap.process"]}
    client.create_registered_model("releasegap-limit")
    client.create_model_version("releasegap-limit", "nowhere", fit.run_id, tags={"book_digest": "a" * 64})
    client.create_model_version("releasegap-limit", "nowhere", fit.run_id, tags=tags)
    print(run.run_id, fit.run_id, flush=True)
    time.sleep(60)
"""


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("home")


@pytest.fixture(scope="module")
def left(home: Path) -> list[str]:
    """Ids of the runs of a process that was killed in the midst of them."""
    process = subprocess.Popen(
        [sys.executable, "-c", KILLED_IN_A_RUN, str(home)], cwd=ROOT, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    runs = process.stdout.readline().split()
    own = open_store(home)
    assert [own.client.get_run(run).info.status for run in runs] == ["RUNNING", "RUNNING"]  # it lives
    process.send_signal(signal.SIGKILL)
    process.wait()
    process.stdout.close()
    return runs


@pytest.fixture
def store(home: Path, left: list[str]) -> Store:
    return open_store(home)


def test_runs_of_a_dead_process_are_ended_when_the_store_is_next_opened(
    store: Store, left: list[str]
) -> None:
    for run in (store.client.get_run(name) for name in left):
        assert run.info.status == "KILLED"
        assert run.data.tags[ENDED] == DIED
    (model,) = store.client.search_logged_models([store.experiment_id])
    assert model.status == LoggedModelStatus.FAILED
    assert [path for path in (store.home / FOLDER).rglob("*") if path.is_file()] == []


def test_runs_under_way_are_left_alone(store: Store) -> None:
    with store.run("train") as run, store.run("features") as stage:
        told = [open_store(store.home).client.get_run(one.run_id) for one in (run, stage)]
        assert {one.info.status for one in told} == {"RUNNING"}
        assert len({one.data.tags[PROCESS] for one in told}) == 1
    assert open_store(store.home).client.get_run(run.run_id).info.status == "FINISHED"


def test_a_version_whose_training_did_not_register_all_its_models_is_not_the_latest(store: Store) -> None:
    assert latest_model(store, "limit", "a" * 64) == "models:/releasegap-limit/1"
    store.client.delete_model_version_tag("releasegap-limit", "2", UNFINISHED)
    assert latest_model(store, "limit", "a" * 64) == "models:/releasegap-limit/2"


def test_what_a_run_kept_that_was_cut_off_is_not_read(store: Store, left: list[str]) -> None:
    with pytest.raises(CallError, match=r"has not ended well \(KILLED\)"):
        judged_models(store, left[0], "baseline.json")


def test_who_registers_models_is_waited_for(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("training.registry.REGISTERING_SECONDS", 0)
    with registering(store), pytest.raises(CallError, match="another process"), registering(store):
        pass
    with registering(store):
        pass


@pytest.mark.parametrize("tables", [[], ["registered_models"], ["alembic_version", "experiments", "runs"]])
def test_a_database_that_was_cut_off_before_its_first_experiment_is_made_anew(
    tables: list[str], tmp_path: Path
) -> None:
    with closing(sqlite3.connect(layout.database(tmp_path))) as database:
        for name in tables:
            database.execute(f"CREATE TABLE {name} (name TEXT)")
        database.commit()
    if tables == ["registered_models"]:  # nothing tells that it is MLflow's: it is not touched
        with pytest.raises(CallError, match="cannot open"):
            open_store(tmp_path)
        return
    with open_store(tmp_path).run("works") as run:
        assert run.client.get_run(run.run_id).info.status == "RUNNING"
