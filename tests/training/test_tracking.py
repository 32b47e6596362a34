"""Runs, their store, and the models a book has: what is written must be there when it is read back."""

import os
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import NamedTuple

import lightgbm as lgb
import mlflow
import numpy as np
import pandas as pd
import pytest
from mlflow.exceptions import MlflowException

from data.book import Book
from data.errors import CallError
from training.registry import fetch_decision, fetch_model, latest_model
from training.runs import Run, known_warnings_silenced, registered
from training.tracking import Store, open_store

FEATURES = ("income_mean_3m", "bureau_lenders", "dti_ratio")
ONE_OF_TWO = """
import sys
from pathlib import Path
from training.tracking import open_store
with open_store(Path(sys.argv[1])).run(sys.argv[2]) as run:
    run.log_metrics({"release.auc": 0.75})
"""


class Fitted(NamedTuple):
    booster: lgb.Booster
    folder: Path
    rows: np.ndarray


@pytest.fixture(autouse=True, scope="module")
def _nothing_chosen() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        for name in ("MLFLOW_TRACKING_URI", "MLFLOW_RUN_ID", "MLFLOW_EXPERIMENT_ID"):
            patch.delenv(name, raising=False)
        yield


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home that two processes made at the same moment, so that making one costs its seconds only once."""
    home = tmp_path_factory.mktemp("a home, 家")
    command = [sys.executable, "-W", "error", "-c", ONE_OF_TWO, str(home)]
    starts = [
        subprocess.Popen([*command, name], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        for name in ("first", "second")
    ]
    said = [process.communicate(timeout=300)[0] for process in starts]
    assert [process.returncode for process in starts] == [0, 0], "\n".join(said)
    assert said == ["", ""]
    return home


@pytest.fixture(scope="module")
def store(home: Path, _nothing_chosen: None) -> Store:
    return open_store(home)


@pytest.fixture(scope="module")
def fitted(tmp_path_factory: pytest.TempPathFactory) -> Fitted:
    return _fit(tmp_path_factory.mktemp("model"), seed=1)


def _fit(folder: Path, seed: int) -> Fitted:
    rows = np.random.default_rng(seed).normal(size=(400, len(FEATURES))).astype(np.float32)
    data = lgb.Dataset(rows, rows[:, 0] + rows[:, 1] ** 2, feature_name=list(FEATURES))
    booster = lgb.train({"verbosity": -1, "num_threads": 1, "seed": seed}, data, num_boost_round=5)
    booster.save_model(folder / "model.txt")
    (folder / "model.json").write_text(f'{{"seed": {seed}}}')
    return Fitted(booster, folder, rows)


def _log_pair(run: Run, fitted: Fitted, book_digest: str) -> list[str]:
    return [
        run.log_booster(
            kind, fitted.booster, FEATURES, fitted.folder, book_digest=book_digest, model_digest="e" * 64
        )
        for kind in ("limit", "release")
    ]


def test_two_processes_that_start_at_once_on_a_fresh_home_both_write(store: Store) -> None:
    runs = store.client.search_runs([store.experiment_id], order_by=["attributes.run_name ASC"])
    written = {run.info.run_name: (run.info.status, run.data.metrics) for run in runs}
    assert written["first"] == written["second"] == ("FINISHED", {"release.auc": 0.75})


def test_everything_lies_in_the_home(home: Path, store: Store) -> None:
    with store.run("files") as run:
        run.log_text("kept", "notes/kept.txt")
    assert [path.read_text() for path in (home / "mlartifacts" / "releasegap").rglob("kept.txt")] == ["kept"]
    assert "MLFLOW_TRACKING_URI" not in os.environ
    with closing(sqlite3.connect(home / "mlflow.db")) as database:
        assert database.execute("PRAGMA journal_mode").fetchone() == ("wal",)
        names = database.execute("SELECT name FROM experiments ORDER BY name").fetchall()
    assert names == [("Default",), ("releasegap",)]


def test_a_tracking_uri_that_the_user_has_set_goes_before_the_home(
    home: Path, store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with (
        closing(sqlite3.connect(home / "mlflow.db")) as made,
        closing(sqlite3.connect(tmp_path / "elsewhere.db")) as copy,
    ):
        made.backup(copy)
    chosen = f"sqlite:///{tmp_path / 'elsewhere.db'}"
    monkeypatch.setenv("MLFLOW_TRACKING_URI", chosen)
    with open_store(tmp_path / "home").run("elsewhere") as run:
        run.log_metrics({"limit.r2": 0.5})
    assert os.environ["MLFLOW_TRACKING_URI"] == chosen
    assert not (tmp_path / "home" / "mlflow.db").exists()
    with pytest.raises(MlflowException, match="not found"):
        store.client.get_run(run.run_id)
    monkeypatch.delenv("MLFLOW_TRACKING_URI")
    with store.run("at home again") as back:
        pass
    assert store.client.get_run(back.run_id).info.status == "FINISHED"


def test_the_run_that_mlflow_run_began_is_resumed(
    home: Path, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    experiment = store.client.create_experiment("projects")
    begun = store.client.create_run(experiment).info.run_id
    store.client.log_param(begun, "borrowers", "5000")
    monkeypatch.setenv("MLFLOW_RUN_ID", begun)
    resumed = open_store(home)
    assert resumed.experiment_id == experiment
    with resumed.run("run simulated", {"scenario": "baseline"}) as run:
        run.log_parameters({"borrowers": 5000})
    found = store.client.get_run(begun)
    assert run.run_id == begun
    assert (found.info.run_name, found.info.status) == ("run simulated", "FINISHED")
    assert found.data.tags["scenario"] == "baseline"


def test_a_run_whose_work_raises_is_failed_and_the_error_goes_on(store: Store) -> None:
    def work() -> None:
        with store.run("fails") as run:
            begun.append(run.run_id)
            raise ValueError("no outcome matured")

    begun: list[str] = []
    with pytest.raises(ValueError, match="no outcome matured"):
        work()
    assert store.client.get_run(begun[0]).info.status == "FAILED"
    assert mlflow.active_run() is None


def test_parameters_may_be_many_long_and_said_twice_but_not_changed(home: Path, store: Store) -> None:
    parameters = {f"world.p{i}": i / 7 for i in range(150)} | {"mapping": "界" * 7_000, "scenario": None}
    with store.run("parameters") as run:
        run.log_parameters(parameters)
        run.log_parameters(parameters)
        with pytest.raises(MlflowException, match=r"world\.p3"):
            run.log_parameters({"world.p3": 4})
    held = store.client.get_run(run.run_id).data.params
    assert {name: held[name] for name in parameters if name != "mapping"} == {
        name: str(value) for name, value in parameters.items() if name != "mapping"
    }
    whole = (home / "mlartifacts/releasegap" / run.run_id / "artifacts/parameters/mapping.txt").read_text(
        "utf-8"
    )
    assert whole == parameters["mapping"]
    assert held["mapping"][:-1] == whole[: len(held["mapping"]) - 1]


def test_metrics_may_be_many_and_undefined(store: Store) -> None:
    metrics = {f"release.out_of_time.m{i}": i / 3 for i in range(1_001)} | {"limit.r2": float("nan")}
    with store.run("metrics") as run:
        run.log_metrics(metrics)
    assert store.client.get_run(run.run_id).data.metrics == pytest.approx(metrics, nan_ok=True)


def test_measures_named_in_prose_become_metrics_and_absent_ones_are_left_out(store: Store) -> None:
    with store.run("measures") as run:
        run.log_measures("book", {"Bad rate, 30+ days": 0.25, "unknown": None})
    assert store.client.get_run(run.run_id).data.metrics == {"book.Bad_rate__30__days": 0.25}


def test_a_run_on_a_book_knows_the_book_and_the_parameters(store: Store, small_book: Book) -> None:
    with store.run_on(small_book, "train limit", {"training.seed": 7}) as run:
        pass
    held = store.client.get_run(run.run_id)
    assert held.info.run_name == "train limit baseline"
    assert held.data.params == {
        "training.seed": "7",
        "book.block_size": "600",
        "book.borrowers": "1500",
        "book.months": "24",
        "book.seed": "5",
        "book.scenario": "baseline",
        "book.source": "simulated",
    }
    assert held.data.tags["book_digest"] == small_book.digest
    (given,) = held.inputs.dataset_inputs
    assert [(tag.key, tag.value) for tag in given.tags] == [("mlflow.data.context", "train")]


def test_a_book_is_an_input_of_the_run_by_its_digest(store: Store) -> None:
    digest = "0123456789abcdef" * 4
    with store.run("dataset") as run:
        run.log_dataset(digest, "simulated book", 20_000, "simulated, seed 7", "training")
    (given,) = store.client.get_run(run.run_id).inputs.dataset_inputs
    assert digest.startswith(given.dataset.digest)
    assert digest in given.dataset.profile
    assert given.dataset.name == "simulated book"
    assert [(tag.key, tag.value) for tag in given.tags] == [("mlflow.data.context", "training")]


def test_note_report_and_figures_are_kept_with_the_run(store: Store, tmp_path: Path) -> None:
    for name in ("report.html", "conflict_map.png"):
        (tmp_path / name).write_bytes(name.encode())
    with store.run("artifacts") as run:
        run.log_note("# Answer\n" + "x" * 9_000)
        run.log_artifact(tmp_path / "report.html")
        run.log_figure(tmp_path / "conflict_map.png")
        (tmp_path / "report.md").write_text(
            "# A\n\n![A \\[chart\\]](conflict_map.png)\n\na (b.png)\n", "utf-8"
        )
        run.log_markdown(tmp_path / "report.md")
        run.log_table(pd.DataFrame({"metric": ["auc"], "value": [0.75]}), "performance.csv")
    client = store.client
    paths = {file.path for folder in (None, "figures") for file in client.list_artifacts(run.run_id, folder)}
    kept = client.download_artifacts(run.run_id, "report.md", str(tmp_path))
    assert Path(kept).read_text("utf-8") == "# A\n\n![A \\[chart\\]](figures/conflict_map.png)\n\na (b.png)\n"
    assert paths == {"report.html", "report.md", "performance.csv", "figures", "figures/conflict_map.png"}
    assert Path(client.download_artifacts(run.run_id, "performance.csv", str(tmp_path))).read_text() == (
        "metric,value\nauc,0.75\n"
    )
    assert client.get_run(run.run_id).data.tags["mlflow.note.content"].startswith("# Answer\nxxx")
    assert run.report_url("http://host:1") == (
        f"http://host:1/#/experiments/{store.experiment_id}/runs/{run.run_id}"
        "/artifacts/report.html?workflowType=machine_learning"
    )


def test_the_latest_models_of_a_book_are_found_by_its_digest(
    store: Store, fitted: Fitted, tmp_path: Path
) -> None:
    with store.run("train all") as run:
        _log_pair(run, fitted, "a" * 64)
        newer = _fit(tmp_path, seed=2)
        latest = _log_pair(run, newer, "a" * 64)
        _log_pair(run, fitted, "b" * 64)
    found = [latest_model(store, kind, "a" * 64) for kind in ("limit", "release")]
    assert found == latest
    for uri in found:
        folder = fetch_model(store, uri)
        assert (folder / "model.json").read_text() == '{"seed": 2}'
        assert (folder / "model.txt").read_bytes() == (newer.folder / "model.txt").read_bytes()


def test_a_book_without_models_is_told_to_be_trained(home: Path, store: Store) -> None:
    with pytest.raises(CallError, match="no release model trained on this book") as raised:
        latest_model(store, "release", "c" * 64)
    assert str(home) in str(raised.value)
    assert "releasegap train all" in str(raised.value)


def test_a_logged_model_predicts_the_same_without_any_pickle(
    store: Store, fitted: Fitted, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLFLOW_ALLOW_PICKLE_DESERIALIZATION", "false")
    with store.run("train limit") as run:
        uri, _ = _log_pair(run, fitted, "d" * 64)
    expected = fitted.booster.predict(fitted.rows)
    np.testing.assert_array_equal(mlflow.lightgbm.load_model(uri).predict(fitted.rows), expected)
    served = mlflow.pyfunc.load_model(uri)
    frame = pd.DataFrame(fitted.rows.astype(float), columns=list(FEATURES))
    np.testing.assert_array_equal(served.predict(frame[frame.columns[::-1]]), expected)
    assert {column.type.name for column in served.metadata.get_input_schema()} == {"double"}
    version = store.client.get_model_version(*uri.removeprefix("models:/").split("/"))
    assert version.tags == {"book_digest": "d" * 64, "model_digest": "e" * 64}


def test_a_pickled_model_in_the_registry_is_refused_and_never_opened(tmp_path: Path) -> None:
    from sklearn.linear_model import LogisticRegression

    assert os.environ["MLFLOW_ALLOW_PICKLE_DESERIALIZATION"] == "false"
    store = open_store(tmp_path)
    with store.run("from elsewhere"), known_warnings_silenced():
        model = LogisticRegression().fit([[0.0], [1.0]], [0, 1])
        logged = mlflow.sklearn.log_model(
            model, name="limit", serialization_format="cloudpickle", pip_requirements=[]
        )
        for name in ("releasegap-limit", "releasegap-decision"):
            uri = registered(logged.model_uri, name, {})
            with pytest.raises(CallError, match=r"is no (decision )?model of releasegap: it has no"):
                (fetch_model if name == "releasegap-limit" else fetch_decision)(store, uri)
        with pytest.raises(MlflowException, match="is disallowed"):
            mlflow.sklearn.load_model(uri)


def test_a_model_is_fetched_by_version_alias_run_or_folder(store: Store, fitted: Fitted) -> None:
    with store.run("train") as run:
        uri, _ = _log_pair(run, fitted, "f" * 64)
    store.client.set_registered_model_alias("releasegap-limit", "champion", uri.rsplit("/", 1)[1])
    names = (uri, "models:/releasegap-limit@champion", f"runs:/{run.run_id}/limit", str(fitted.folder))
    texts = {(fetch_model(store, name) / "model.txt").read_bytes() for name in names}
    assert texts == {(fitted.folder / "model.txt").read_bytes()}


@pytest.mark.parametrize(
    "uri",
    [
        "models:/releasegap-limit/999",
        "models:/unknown@champion",
        "models:/",
        "runs:/0123/limit",
        "s3://bucket/model",
        "no/such/folder",
    ],
)
def test_a_model_that_is_not_there_is_named_in_the_error(store: Store, uri: str) -> None:
    with pytest.raises(CallError, match="no model") as raised:
        fetch_model(store, uri)
    assert uri in str(raised.value)
    assert "\n" not in str(raised.value)


def test_a_home_without_a_store_is_searched_in_vain_and_left_alone(tmp_path: Path) -> None:
    store = open_store(tmp_path / "home", make=False)
    with pytest.raises(CallError, match="no limit model trained on this book"):
        latest_model(store, "limit", "a" * 64)
    for uri in ("models:/releasegap-limit/1", "runs:/0123/limit", "no/such/folder"):
        with pytest.raises(CallError, match=f"no model.*{uri}|{uri} is no model"):
            fetch_model(store, uri)
    assert not (tmp_path / "home").exists()


def test_a_store_that_is_not_made_yet_comes_with_its_first_run(tmp_path: Path) -> None:
    with open_store(tmp_path / "home", make=False).run("first") as run:
        pass
    assert open_store(tmp_path / "home").client.get_run(run.run_id).info.status == "FINISHED"


def test_a_file_that_is_no_database_is_told_of(tmp_path: Path) -> None:
    (tmp_path / "mlflow.db").write_text("not a database, " * 100)
    with pytest.raises(CallError, match="file is not a database"):
        open_store(tmp_path)


def test_a_server_that_is_not_there_is_told_of_at_once_and_without_its_password(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://somebody:secret@127.0.0.1:1")
    with pytest.raises(CallError, match=r"http://127\.0\.0\.1:1") as raised:
        open_store(tmp_path)
    assert "secret" not in str(raised.value)
    assert "MLFLOW_TRACKING_URI" in str(raised.value)


def test_a_deleted_experiment_is_not_written_to(store: Store, home: Path) -> None:
    deleted = open_store(home, "deleted")
    store.client.delete_experiment(deleted.experiment_id)
    with pytest.raises(CallError, match="mlflow experiments restore"):
        open_store(home, "deleted")
