"""The command line as a user meets it: the main job end to end, the files it leaves, and what bad calls get."""

import json
import shutil
from pathlib import Path
from typing import Any

import lightgbm as lgb
import numpy as np
import pandas as pd
import pytest

import settings
from data import targets
from data.book import Book
from data.mechanisms import CAUSES
from explanations.explain import CONFLICT_COLUMNS, REFERENCE_COLUMNS
from tests.commands.calls import CALL_WRONG, CHECKED, SMALL, WORK_WRONG, answer, call, refused
from training.tracking import open_store


@pytest.fixture(scope="module")
def home(main_job: dict[str, Any]) -> Path:
    return Path(main_job["home"])


@pytest.fixture(scope="module")
def done(main_job: dict[str, Any]) -> dict[str, Any]:
    return main_job


@pytest.fixture(scope="module")
def folder(done: dict[str, Any]) -> Path:
    return Path(str(done["folder"]))


def test_the_main_job_finds_conflicts_and_names_the_run_and_the_models(done: dict[str, Any]) -> None:
    counts = done["counts"]
    assert isinstance(counts, dict)
    assert counts["conflicts"] + counts["reference"] == counts["favoured"] < counts["requests"]
    assert sum(counts["conflicts_by"].values()) == counts["conflicts"] > 0
    assert done["models"] == {
        "limit": "models:/releasegap-limit/1",
        "release": "models:/releasegap-release/1",
        "decision": "models:/releasegap-decision/1",
    }


def test_a_run_has_a_child_for_each_stage_that_can_be_read_without_the_code(
    done: dict[str, Any], home: Path, small_book: Book
) -> None:
    store = open_store(home)
    parent = store.client.get_run(str(done["run"]))
    children = {
        run.data.tags["stage"]: run
        for run in store.client.search_runs([store.experiment_id])
        if run.data.tags.get("mlflow.parentRunId") == parent.info.run_id
    }
    assert set(children) == {"features", "train limit", "train release", "explain"}
    for run in (parent, *children.values()):
        assert run.info.status == "FINISHED"
        assert run.data.tags["book_digest"] == small_book.digest
        assert run.data.tags["scenario"] == "baseline"
        assert run.data.tags["seed"] == "5"
        assert len(run.data.tags["code_digest"]) == 64
    for kind in ("limit", "release"):
        run = children[f"train {kind}"]
        assert not [
            name for name in run.data.params if not name.startswith(("training.", "models.", "book."))
        ]
        curve = store.client.get_metric_history(run.info.run_id, f"{kind}.early_stopping")
        assert [point.step for point in curve] == list(range(1, 41))
        assert curve[-1].value < curve[0].value
        name, version = done["models"][kind].removeprefix("models:/").split("/")  # type: ignore[index]
        assert store.client.get_model_version(name, version).run_id == run.info.run_id
        assert (
            run.data.metrics.items()
            <= parent.data.metrics.items() | {f"{kind}.early_stopping": curve[-1].value}.items()
        )
    digest = children["features"].data.tags["features_digest"]
    for stage in ("train limit", "train release", "explain"):
        inputs = [given.dataset.digest for given in children[stage].inputs.dataset_inputs]
        assert sorted(inputs) == sorted([small_book.digest[:36], digest[:36]])
    explain = store.client.get_run(children["explain"].info.run_id)  # a search leaves models out
    assert len(explain.inputs.model_inputs) == 2
    note = parent.data.tags["mlflow.note.content"]
    assert "favoured requests are refused" in note
    assert "[releasegap-limit/1](#/models/releasegap-limit/versions/1)" in note


def test_the_files_keep_their_contract(folder: Path) -> None:
    conflicts, reference = (
        pd.read_parquet(folder / f"{name}.parquet") for name in ("conflicts", "reference")
    )
    assert list(conflicts) == list(CONFLICT_COLUMNS)
    assert list(reference) == list(REFERENCE_COLUMNS)
    summary = json.loads((folder / "summary.json").read_text())
    assert summary["counts"]["conflicts"] == len(conflicts)
    assert summary["counts"]["reference"] == len(reference)
    for model in ("release", "limit"):
        features = pd.read_parquet(folder / f"{model}_features.parquet")
        booster = lgb.Booster(model_file=str(folder / f"{model}_model.txt"))
        assert list(features)[2:] == booster.feature_name()
        assert set(features.loc[features["cohort"] == "conflict", "request_id"]) == set(
            conflicts["request_id"]
        )
        assert set(features.loc[features["cohort"] == "reference", "request_id"]) == set(
            reference["request_id"]
        )


def test_the_causes_of_every_conflict_sum_to_one(folder: Path) -> None:
    causes, conflicts, audit = (
        pd.read_parquet(folder / f"{name}.parquet") for name in ("causes", "conflicts", "lag_audit")
    )
    assert list(causes) == ["request_id", *CAUSES]
    assert list(causes["request_id"]) == list(conflicts["request_id"])
    np.testing.assert_allclose(causes[list(CAUSES)].sum(axis=1), 1, atol=1e-12)
    assert set(audit["request_id"]) == set(conflicts["request_id"])
    summary = json.loads((folder / "summary.json").read_text())
    np.testing.assert_allclose(sum(summary["causes"]["mean_share"].values()), 1, atol=1e-12)


def test_every_refusal_has_its_reasons_and_they_hold_better_than_others(folder: Path) -> None:
    conflicts, reasons = (pd.read_parquet(folder / f"{name}.parquet") for name in ("conflicts", "reasons"))
    assert list(reasons) == ["request_id", "rank", "side", "code", "feature", "push", "en", "zh"]
    first = reasons[(reasons["side"] == "borrower") & (reasons["rank"] == 1)].set_index("request_id")["code"]
    slips = conflicts.loc[conflicts["refused_by"] == "slip", "request_id"]
    assert (first.reindex(slips) == "R19").all()
    told = json.loads((folder / "summary.json").read_text())["reasons"]
    assert set(conflicts["request_id"]) == set(first.index)
    assert told["without"] == 0
    deletion, stability = told["deletion"], told["stability"]
    assert deletion["named"]["share"] > deletion["first"]["share"] > deletion["random"]["share"]
    assert deletion["named"]["share"] > 0.8
    assert stability["fits"] == 2
    assert 0.5 < stability["first_always"]["share"] <= stability["first"]["share"] <= 1


def test_truth_tells_the_causes_of_the_same_conflicts(
    folder: Path, home: Path, small_book: Book, tmp_path: Path
) -> None:
    told = answer(
        call("truth", "--book", small_book.path, "--out", tmp_path, "--home", home, "--json", *SMALL)
    )
    truth = pd.read_parquet(str(told["table"]))
    conflicts = pd.read_parquet(folder / "conflicts.parquet")
    assert list(truth["request_id"]) == list(conflicts["request_id"])
    np.testing.assert_allclose(truth[list(CAUSES)].sum(axis=1), 1, atol=1e-12)


def test_truth_into_a_file_is_refused_before_any_work(home: Path, small_book: Book, tmp_path: Path) -> None:
    taken = tmp_path / "taken"
    taken.write_text("mine")
    result = call("truth", "--book", small_book.path, "--out", taken, "--home", home)
    refused(result, CALL_WRONG, "taken is a file", "--out")
    assert taken.read_text() == "mine"


@pytest.mark.parametrize(("model", "score"), [("release", "release_margin"), ("limit", "limit_score")])
def test_contributions_add_up_to_the_score_of_the_model_that_was_written(
    model: str, score: str, folder: Path
) -> None:
    given = pd.read_parquet(folder / f"{model}_contributions.parquet").set_index("request_id")
    features = pd.read_parquet(folder / f"{model}_features.parquet").set_index("request_id").loc[given.index]
    booster = lgb.Booster(model_file=str(folder / f"{model}_model.txt"))
    raw = booster.predict(features.drop(columns="cohort").to_numpy(np.float32), raw_score=True)
    assert np.abs(given.sum(axis=1) - raw).max() < 1e-6
    conflicts = pd.read_parquet(folder / "conflicts.parquet").set_index("request_id").loc[given.index]
    assert np.abs(conflicts[score] - raw).max() < 1e-9


def test_the_release_base_is_the_mean_margin_of_the_whole_reference_cohort(folder: Path) -> None:
    base = pd.read_parquet(folder / "release_contributions.parquet")["base"]
    reference = pd.read_parquet(folder / "reference.parquet")["release_margin"]
    assert base.nunique() == 1
    assert base.iloc[0] == pytest.approx(reference.mean(), abs=1e-9)


def test_conflicts_are_favoured_and_refused_by_the_policy_of_their_month(folder: Path) -> None:
    conflicts = pd.read_parquet(folder / "conflicts.parquet")
    by_score = conflicts[conflicts["refused_by"] == "score"]
    assert (by_score["pd"] > by_score["cutoff"]).all()
    others = conflicts[~conflicts["refused_by"].isin(["score", "data_missing"])]
    assert (others["pd"] <= others["cutoff"]).all()
    assert (conflicts["limit_after"] >= 1.15 * conflicts["limit_before"]).all()
    assert (conflicts["amount"] <= conflicts["limit_after"]).all()
    assert conflicts["requested_on"].min() >= pd.Timestamp("2025-07-01").date()


def test_the_same_work_in_another_home_gives_the_same_bytes(
    folder: Path, small_book: Book, tmp_path: Path
) -> None:
    answer(
        call(
            "run",
            "--book",
            small_book.path,
            "--home",
            tmp_path,
            "--out",
            tmp_path / "again",
            "--json",
            *SMALL,
            CHECKED,
        )
    )
    first, again = (
        sorted(path.relative_to(there) for path in there.rglob("*") if path.is_file())
        for there in (folder, tmp_path / "again")
    )
    assert first == again
    for name in first:
        if name.name == "run.json":
            continue
        assert (folder / name).read_bytes() == (tmp_path / "again" / name).read_bytes(), name


def test_explain_takes_the_latest_models_of_the_book_and_says_the_same(
    done: dict[str, Any], folder: Path, home: Path, small_book: Book, tmp_path: Path
) -> None:
    explained = answer(
        call("explain", "--book", small_book.path, "--home", home, "--out", tmp_path / "e", "--json", *SMALL)
    )
    models = done["models"]
    assert isinstance(models, dict)
    assert explained["models"] == {kind: models[kind] for kind in ("limit", "release")}
    assert explained["counts"] == done["counts"]
    tables = [pd.read_parquet(path / "release_contributions.parquet") for path in (folder, tmp_path / "e")]
    pd.testing.assert_frame_equal(*tables)


def test_an_unknown_scenario_is_refused_and_leaves_nothing(tmp_path: Path) -> None:
    result = call("simulate", "--scenario", "boom", "--borrowers", 5, "--out", tmp_path / "b")
    refused(result, CALL_WRONG, "Unknown scenario 'boom'", "baseline")
    run = call("run", "--scenario", "boom", "--home", tmp_path / "h")
    refused(run, CALL_WRONG, "Unknown scenario 'boom'", "baseline")
    for tried in (result, run):
        assert "Simulating" not in tried.stderr, "no work is begun"
    assert not list(tmp_path.iterdir())


def test_figures_are_held_against_their_targets_only_where_a_book_can_tell(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    words = ("simulate", "--borrowers", 60, "--months", 12, "--out", tmp_path / "b")
    small = call(*words, "--quiet")
    assert small.exit_code == 0
    assert small.stdout.startswith("With fewer than 2,000 borrowers")
    assert "limit median" not in small.stdout
    monkeypatch.setattr(targets, "TELLING", 60)
    shown = [row["name"] for row in answer(call(*words, "--json"))["targets"]]  # type: ignore[attr-defined]
    assert shown == [target.name for target in targets.TARGETS]


def test_an_unknown_parameter_is_refused_with_the_nearest_known_name(tmp_path: Path) -> None:
    result = call("simulate", "--set", "world.income.capacitee=1", "--out", tmp_path / "b")
    refused(result, CALL_WRONG, "world.income.capacitee", "capacity")


def test_a_missing_book_is_refused(tmp_path: Path) -> None:
    refused(call("train", "all", "--book", tmp_path / "no", "--home", tmp_path), CALL_WRONG, "No book at")


def test_options_of_the_simulation_do_not_go_with_a_book(small_book: Book, tmp_path: Path) -> None:
    refused(call("run", "--book", small_book.path, "--seed", 3, "--home", tmp_path), CALL_WRONG, "--book")


def test_a_book_without_a_model_is_refused(small_book: Book, tmp_path: Path) -> None:
    result = call("explain", "--book", small_book.path, "--home", tmp_path, "--out", tmp_path / "out")
    refused(result, CALL_WRONG, "no limit model trained on this book")
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("model", ["models:/releasegap-limit/7", "runs:/0123/limit", "no/such/folder"])
def test_a_wrong_explain_call_leaves_no_home(model: str, small_book: Book, tmp_path: Path) -> None:
    result = call(
        *("explain", "--book", small_book.path, "--home", tmp_path / "home", "--out", tmp_path / "out"),
        *("--limit-model", model, "--release-model", model),
    )
    refused(result, CALL_WRONG, model)
    assert not list(tmp_path.iterdir())


def test_a_model_of_the_other_kind_is_named_as_the_call_named_it(
    done: dict[str, Any], home: Path, small_book: Book, tmp_path: Path
) -> None:
    release = done["models"]["release"]  # type: ignore[index]
    result = call(
        *("explain", "--book", small_book.path, "--home", home, "--out", tmp_path / "out"),
        *("--limit-model", release),
    )
    refused(result, CALL_WRONG, f"{release} holds a release model, but a limit model was asked for")


def test_parameters_that_cannot_be_read_are_named_once(tmp_path: Path) -> None:
    missing = tmp_path / "mine.yaml"
    result = call("simulate", "--params", missing, "--out", tmp_path / "b")
    refused(result, CALL_WRONG, f"Cannot read the parameters {missing}: No such file or directory")
    assert result.stderr.count("mine.yaml") == 1


def test_a_folder_with_other_files_is_never_written_over(small_book: Book, tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.txt").write_text("dear")
    result = call("explain", "--book", small_book.path, "--home", tmp_path, "--out", tmp_path / "mine")
    refused(result, CALL_WRONG, "holds other files")
    assert (tmp_path / "mine" / "thesis.txt").read_text() == "dear"


def test_a_model_of_another_kind_of_book_is_refused(
    done: dict[str, Any], home: Path, real_data: Path, tmp_path: Path
) -> None:
    mapping = settings.BESIDE.parent / "data" / "mappings" / "german_credit.yaml"
    answer(
        call(
            "import",
            mapping,
            real_data / "german_credit" / "german_credit.csv",
            "--out",
            tmp_path / "b",
            "--json",
        )
    )
    models = done["models"]
    assert isinstance(models, dict)
    result = call(
        *("explain", "--book", tmp_path / "b", "--home", home, "--out", tmp_path / "out"),
        *("--limit-model", models["limit"], "--release-model", models["release"]),
    )
    refused(result, WORK_WRONG, "does not fit this book's features")
    assert not (tmp_path / "out").exists()


def test_a_book_too_small_to_train_on_is_refused_by_name(tmp_path: Path) -> None:
    result = call("run", "--borrowers", 3, "--home", tmp_path)
    refused(result, WORK_WRONG, "larger book")


def test_check_names_a_damaged_part_and_ends_with_status_1(small_book: Book, tmp_path: Path) -> None:
    shutil.copytree(small_book.path, tmp_path / "b")
    part = tmp_path / "b" / "outcomes" / "part-00001.parquet"
    part.write_bytes(part.read_bytes()[:-1])
    result = call("check", tmp_path / "b")
    refused(result, WORK_WRONG, "fault")
    assert "outcomes" in result.stdout
    assert call("check", small_book.path).exit_code == 0


def test_models_are_not_judged_on_what_they_were_trained_on(
    done: dict[str, Any], home: Path, small_book: Book, tmp_path: Path
) -> None:
    earlier = ["--set", "training.periods.train_until=6", "--set", "training.periods.early_stopping_until=8"]
    out = tmp_path / "out"
    result = call("explain", "--book", small_book.path, "--home", home, "--out", out, *earlier)
    refused(result, CALL_WRONG, "fitted with other periods")
    assert not out.exists()


def test_an_explanation_tells_what_its_models_were_fitted_with(folder: Path) -> None:
    parameters = json.loads((folder / "summary.json").read_text())["parameters"]
    assert parameters["fit.release.rounds"] == parameters["fit.limit.rounds"] == 40


def test_a_place_that_cannot_be_written_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    refused(
        call("simulate", "--borrowers", 5, "--out", tmp_path / "file" / "b"), CALL_WRONG, "name another place"
    )


@pytest.mark.parametrize(
    "change",
    [
        "world.population.tier_shares=[0.5, 0.5, 0.5, 0.5]",
        "world.requests.terms=[3, 6]",
        "world.reporting.bureau_slow_days=[40, 5]",
        "world.policy.schedule=[]",
        "world.population.capacity_network=0.9",
        "simulation.months=2",
    ],
)
def test_a_world_that_cannot_be_is_refused(change: str, tmp_path: Path) -> None:
    refused(
        call("simulate", "--set", change, "--out", tmp_path / "b"),
        CALL_WRONG,
        change.partition("=")[0].split(".")[1],
    )
    assert not list(tmp_path.iterdir())


def test_a_book_gives_way_to_no_result_of_another_kind_or_source(
    done: dict[str, Any], home: Path, small_book: Book, real_data: Path, tmp_path: Path
) -> None:
    mapping = settings.BESIDE.parent / "data" / "mappings" / "german_credit.yaml"
    file = real_data / "german_credit" / "german_credit.csv"
    answer(call("import", mapping, file, "--out", tmp_path / "b", "--json"))
    before = {path: path.read_bytes() for path in (tmp_path / "b").rglob("*") if path.is_file()}
    refused(call("simulate", "--borrowers", 5, "--out", tmp_path / "b"), CALL_WRONG, "from another source")
    explain = call("explain", "--book", small_book.path, "--home", home, "--out", tmp_path / "b")
    refused(explain, CALL_WRONG, "holds other files")
    assert {path: path.read_bytes() for path in before} == before


def test_a_book_whose_bytes_were_changed_is_not_worked_on(
    small_book: Book, home: Path, tmp_path: Path
) -> None:
    shutil.copytree(small_book.path, tmp_path / "b")
    part = tmp_path / "b" / "draw_requests" / "part-00000.parquet"
    held = bytearray(part.read_bytes())
    held[len(held) // 2] ^= 0xFF
    part.write_bytes(bytes(held))
    result = call("explain", "--book", tmp_path / "b", "--home", home, "--out", tmp_path / "out")
    refused(result, WORK_WRONG, "draw_requests/part-00000.parquet was changed")
