"""`releasegap tune`: parameters that `train` takes, a nested run for each trial, the best kept on Ctrl-C."""

from pathlib import Path

import pytest
import yaml

from data.book import Book
from tests.commands.calls import CALL_WRONG, answer, call, refused
from training import tuning

QUICK = ["--set", "training.limit.rounds=20", "--set", "training.release.rounds=20"]


def test_what_is_found_is_taken_by_train_and_every_trial_is_a_run(small_book: Book, tmp_path: Path) -> None:
    words = ["--book", small_book.path, "--home", tmp_path, "--json", *QUICK]
    first = answer(call("tune", "release", "--trials", 2, *words))
    assert (first["trials"], first["interrupted"], first["objective"]) == (2, False, "log_loss")
    told = answer(call("tune", "release", "--trials", 3, *words))
    assert told["trials"] == 3
    found = Path(str(told["parameters"]))
    best = told["best"]
    assert isinstance(best, dict)
    assert yaml.safe_load(found.read_text(encoding="utf-8")) == {"training": {"release": best["parameters"]}}
    assert {"log_loss", "auc", "calibration_slope", "conflicts", "favoured"} <= set(best["metrics"])
    from training.tracking import open_store

    client = (store := open_store(tmp_path)).client
    nested = {
        run: client.search_runs([store.experiment_id], f"tags.`mlflow.parentRunId` = '{run}'")
        for run in (str(first["run"]), str(told["run"]))
    }
    assert [len(runs) for runs in nested.values()] == [2, 1]
    trial = nested[str(told["run"])][0]
    assert trial.data.tags["trial"] == "2"
    assert trial.info.status == "FINISHED"
    assert "training.release.learning_rate" in trial.data.params
    names = {one.path for one in client.list_artifacts(str(told["run"]))}
    assert {found.name, "trials.csv"} <= names
    fitted = answer(call("train", "release", *words, "--params", found))
    params = client.get_run(str(fitted["run"])).data.params
    for name, value in best["parameters"].items():
        assert float(params[f"training.release.{name}"]) == pytest.approx(value)
    # What belongs to the tuning alone stands in its own runs.
    assert not any(name.startswith("training.tuning") for name in params)
    assert "training.tuning.trials" in client.get_run(str(told["run"])).data.params


def test_an_interrupted_tuning_leaves_the_best_so_far_and_goes_on_when_called_again(
    small_book: Book, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    words = ["tune", "limit", "--book", small_book.path, "--home", tmp_path, "--trials", 3, *QUICK]
    scores, calls = tuning._scores, []

    def interrupted(*given: object) -> object:
        calls.append(given)
        if len(calls) > 2:  # two folds make a trial
            raise KeyboardInterrupt
        return scores(*given)  # type: ignore[arg-type]

    with monkeypatch.context() as patched:
        patched.setattr(tuning, "_scores", interrupted)
        result = call(*words)
    assert result.exit_code == 130
    assert "Stopped; the best so far is kept. 1 trials" in result.stdout
    found = tmp_path / "tuning" / f"limit-{small_book.path.name}.yaml"
    assert set(yaml.safe_load(found.read_text(encoding="utf-8"))["training"]["limit"]) >= {"num_leaves", "l2"}
    result = call(*words)
    assert result.exit_code == 0, result.output
    assert "Going on after 1 trials" in result.stderr
    assert "3 trials" in result.stdout


def test_an_interruption_before_any_trial_leaves_nothing(
    small_book: Book, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(*given: object) -> object:
        raise KeyboardInterrupt

    monkeypatch.setattr(tuning, "_scores", interrupted)
    result = call("tune", "limit", "--book", small_book.path, "--home", tmp_path, "--trials", 1, *QUICK)
    assert result.exit_code == 130
    assert list((tmp_path / "tuning").glob("*.yaml")) == []


def test_a_bad_call_is_refused(small_book: Book, tmp_path: Path) -> None:
    words = ["tune", "release", "--book", small_book.path, "--home", tmp_path]
    refused(call(*words, "--set", "training.tuning.release_objective=gini"), CALL_WRONG, "release_objective")
    refused(call(*words, "--minutes", 0, *QUICK), CALL_WRONG, "give more --minutes")
    assert call("tune", "both", "--book", small_book.path).exit_code == CALL_WRONG
