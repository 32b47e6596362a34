"""A tracking server elsewhere: it works as the home's own store does, and what it misses is uploaded later."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from mlflow import MlflowClient

from data.book import Book
from tests.commands.calls import CALL_WRONG, answer, call, refused
from tests.served import served
from training.champions import champion_of
from training.registry import fetch_decision, fetch_model
from training.sync import COPY_OF, SENT, pending
from training.tracking import PENDING, open_store
from training.ui import LEAN

TINY = ["--set", "training.limit.rounds=5", "--set", "training.release.rounds=5", "--json"]
NOWHERE = "http://somebody:secret@127.0.0.1:1"


def _place(uri: str) -> tuple[str, str]:
    """Name and number of a version."""
    name, _, version = uri.removeprefix("models:/").partition("/")
    return name, version


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of an MLflow server with a database and files of its own."""
    folder = tmp_path_factory.mktemp("server")
    words = ["server", "--workers", "1", "--backend-store-uri", f"sqlite:///{folder}/mlflow.db"]
    words += ["--artifacts-destination", str(folder / "files")]
    with served(words, "health", folder, {**os.environ, **LEAN}) as address:
        yield address


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("home")


@pytest.fixture(scope="module")
def kept(home: Path, small_book: Book) -> dict[str, Any]:
    """What a training told whose server did not answer."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MLFLOW_TRACKING_URI", NOWHERE)
        result = call("train", "all", "--book", small_book.path, "--home", home, *TINY)
    assert f"kept in {home} until `releasegap sync`" in result.stderr
    assert "secret" not in result.output
    return answer(result)


def test_without_its_server_a_run_is_kept_at_home_and_says_for_whom(kept: dict[str, Any], home: Path) -> None:
    assert kept["store"] == str(home)
    run = open_store(home, at_home=True).client.get_run(str(kept["run"]))
    assert run.data.tags[PENDING] == "http://127.0.0.1:1"
    assert run.info.status == "FINISHED"


def test_without_its_server_nothing_is_taken_from_the_home_in_its_place(
    kept: dict[str, Any], home: Path, small_book: Book, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", NOWHERE)
    here = open_store(home, at_home=True)
    before = len(here.client.search_runs([here.experiment_id]))
    (rows := tmp_path / "rows.csv").write_text("a\n1\n", encoding="utf-8")
    model, on = kept["models"]["release"], ("--book", small_book.path)
    for words in (
        ("score", "--input", rows, "--out", tmp_path / "scored.csv", "--model", kept["models"]["decision"]),
        ("compare", model, "scorecard", *on),
        ("promote", "release", *on),
        ("promote", "release", "--rollback"),
        ("explain", *on, "--out", tmp_path / "explained"),
    ):
        refused(
            call(*words, "--home", home), CALL_WRONG, "cannot open the MLflow store of http://127.0.0.1:1"
        )
    assert champion_of(here, "release") is None
    assert len(here.client.search_runs([here.experiment_id])) == before


def test_what_was_kept_is_uploaded_whole_and_once(
    kept: dict[str, Any], home: Path, server: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", server)
    here, there = open_store(home, at_home=True).client, MlflowClient(server)
    # An upload that was cut off leaves half a run, which the next one takes away.
    store = open_store(tmp_path / "h")
    half = there.create_run(store.experiment_id, tags={COPY_OF: str(kept["run"])}).info.run_id
    model = there.create_logged_model(store.experiment_id, "limit", half).model_id
    there.finalize_logged_model(model, "READY")
    there.create_registered_model("releasegap-limit")
    there.create_model_version("releasegap-limit", f"models:/{model}", half, model_id=model)
    assert len(there.search_model_versions(f"run_id = '{half}'")) == 1
    told = answer(call("sync", "--home", home, "--json"))
    sent: Any = told["runs"]
    assert set(sent) >= {kept["run"]}
    assert there.get_run(half).info.lifecycle_stage == "deleted"
    assert not list(there.search_model_versions(f"run_id = '{half}'"))
    for source, copy in sent.items():
        before, after = here.get_run(source), there.get_run(copy)
        assert after.data.params == before.data.params
        assert after.data.metrics == before.data.metrics
        for name in before.data.metrics:
            steps = [
                [(one.step, one.value) for one in client.get_metric_history(run, name)]
                for client, run in ((here, source), (there, copy))
            ]
            assert steps[0] == steps[1]
        assert before.data.tags[SENT] == copy
        assert (after.info.status, after.info.start_time) == (before.info.status, before.info.start_time)
        assert PENDING not in after.data.tags
        names = [
            {file.path for file in client.list_artifacts(run)}
            for client, run in ((here, source), (there, copy))
        ]
        assert names[0] == names[1]
        assert [given.dataset.digest for given in after.inputs.dataset_inputs] == [
            given.dataset.digest for given in before.inputs.dataset_inputs
        ]
    versions: Any = told["models"]
    assert set(versions) == set(kept["models"].values())
    decision = there.get_model_version(*_place(versions[kept["models"]["decision"]]))
    for kind in ("limit", "release"):
        # Both are uploaded after the decision model, whose run is the parent of theirs.
        assert decision.tags[f"{kind}_model"] == versions[kept["models"][kind]]
    for uri_here, uri_there in versions.items():
        fetch = fetch_decision if "decision" in uri_here else fetch_model
        folders = [fetch(open_store(home, at_home=True), uri_here), fetch(open_store(home), uri_there)]
        texts = [{path.name: path.read_bytes() for path in folder.iterdir()} for folder in folders]
        assert len(texts[0]) > 1
        assert texts[0] == texts[1]
        described = [
            client.get_model_version(*_place(uri)).description
            for client, uri in ((here, uri_here), (there, uri_there))
        ]
        assert described[0] == described[1] != ""
    assert answer(call("sync", "--home", home, "--json"))["runs"] == {}


def test_models_used_and_trials_are_uploaded_with_their_run(
    kept: dict[str, Any], home: Path, server: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", server)
    store = open_store(home, at_home=True, tags={PENDING: server, "code_digest": "0123"})
    answer(call("sync", "--home", home, "--json"))
    uris = [kept["models"][kind] for kind in ("limit", "release")]
    with store.run("explain") as run:
        run.log_models_used(uris)
        run.log_trial("trial 0", {"a": 1}, {"b": 2.0}, {}, {"trial": "0"}, 1.0)
    sent: Any = answer(call("sync", "--home", home, "--json"))["runs"]
    there, copy = MlflowClient(server), sent[run.run_id]
    used = {f"models:/{given.model_id}" for given in there.get_run(copy).inputs.model_inputs}
    assert len(used) == 2
    assert sorted(
        one.tags["model_digest"] for one in there.search_model_versions() if one.source in used
    ) == sorted(store.client.get_model_version(*_place(uri)).tags["model_digest"] for uri in uris)
    assert len(sent) == 2
    (trial,) = (there.get_run(one) for one in sent.values() if one != copy)
    assert trial.data.tags["mlflow.parentRunId"] == copy
    assert trial.data.tags["code_digest"] == "0123"
    assert (trial.data.params, trial.data.metrics) == ({"a": "1"}, {"b": 2.0})


def test_a_stage_waits_for_its_command_to_end(tmp_path: Path) -> None:
    store = open_store(tmp_path, at_home=True, tags={PENDING: NOWHERE})
    with store.run("train all") as command:
        with store.run("train limit") as stage:
            pass
        assert store.client.get_run(stage.run_id).info.status == "FINISHED"
        assert pending(store) == []
    assert [run.info.run_id for run in pending(store)] == [command.run_id, stage.run_id]


def test_a_server_elsewhere_serves_as_the_homes_own_store_does(
    server: str, small_book: Book, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", server)
    told: Any = answer(call("train", "all", "--book", small_book.path, "--home", tmp_path / "h", *TINY))
    assert told["store"] == server
    client = MlflowClient(server)
    run = client.get_run(told["run"])
    assert run.info.status == "FINISHED"
    assert not (tmp_path / "h" / "mlflow.db").exists()
    for uri in told["models"].values():
        name, version = _place(uri)
        assert client.get_model_version(name, version).tags["book_digest"] == small_book.digest


def test_sync_says_what_it_lacks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    refused(call("sync", "--home", tmp_path), CALL_WRONG, "Set MLFLOW_TRACKING_URI")
    monkeypatch.setenv("MLFLOW_TRACKING_URI", NOWHERE)
    refused(call("sync", "--home", tmp_path), CALL_WRONG, "holds no runs")
    assert not list(tmp_path.iterdir())
