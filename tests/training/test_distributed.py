"""Fits on a cluster: as good as one here, the same each time, and never without an end."""

from __future__ import annotations

import json
import os
import signal
import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from distributed import Client
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import expit
from typer.testing import CliRunner, Result

import stages
import workbench
from commandline import Console
from data.blocks import HERE, Processes
from data.book import Book
from data.cluster import Cluster
from data.errors import CallError, DataFault
from models.release_model import ReleaseModel
from models.storage import load_release_model, save_model
from settings import Settings, resolved
from tests.copied_processes import copied_workers
from tests.training.small_fit import CALIBRATE, ORIGIN, SMALL
from training.distributed import dealt, grown_by, losses_by_round, rounds_served_best
from training.fitting import Columns, Grow, Labelled, Task, fit_limit, fit_release, grown_here
from training.parameters import BoosterParameters, DistributedParameters

COLUMNS = Columns(("income", "enquiries", "surge", "noise"), (-1, 1, 1, 0))
LONGER = SMALL.model_copy(update={"rounds": 60})
FAST = ["training.limit.rounds=60", "training.release.rounds=60", "training.distributed.parts=6"]


def rows(count: int, seed: int, weighed: bool = False) -> Labelled:
    """Outcomes of a logistic law, `surge` missing at times."""
    rng = np.random.default_rng(seed)
    values = rng.normal(size=(count, 4)).astype(np.float32)
    odds = -1.5 - values[:, 0] + 0.8 * values[:, 1] + 0.5 * np.maximum(values[:, 2], 0)
    values[rng.random(count) < 0.1, 2] = np.nan
    label = (rng.random(count) < expit(odds)).astype(float)
    return Labelled(values, label, rng.integers(1, 4, count).astype(float) if weighed else None)


def release(grow: Grow, parameters: BoosterParameters = LONGER, weighed: bool = False) -> ReleaseModel:
    periods = [rows(6_000 >> period, period, weighed) for period in range(3)]
    return fit_release(*periods, COLUMNS, ORIGIN, parameters, CALIBRATE, 4, 1, grow=grow)


def how(parts: int = 6, minutes: float = 5) -> DistributedParameters:
    return DistributedParameters(parts=parts, minutes=minutes)


def call(*words: object) -> Result:
    return CliRunner().invoke(workbench.app, [str(word) for word in words])


@dataclass(frozen=True)
class Struck(Cluster):
    """Workers of which one gets a signal while all grow trees, so many times."""

    signals: tuple[signal.Signals, ...] = ()

    def together(self, work: Callable[[Any], Any], *limits: Any) -> Any:
        waiting = list(self.signals)

        def struck(client: Any) -> Any:
            if waiting:
                threading.Thread(target=_strike, args=(self.client, waiting.pop()), daemon=True).start()
            return work(client)

        return super().together(struck, *limits)


def _strike(client: Client, sent: signal.Signals) -> None:
    """Sends a signal to one worker as soon as all of them are growing trees, if the client lives to see it."""
    workers = client.nthreads()
    with suppress(Exception):
        while any(not any("_train_part" in key for key in client.processing()[worker]) for worker in workers):
            pass
        os.kill(sorted(client.run(os.getpid).values())[0], sent)


@pytest.mark.parametrize("weighed", [False, True])
def test_one_worker_with_all_rows_grows_the_trees_of_a_fit_here(weighed: bool, workers: Cluster) -> None:
    here = release(grown_here, weighed=weighed)
    alone = release(grown_by(workers, how(parts=1)), weighed=weighed)
    assert 1 < here.booster.num_trees() < LONGER.rounds, "it must have stopped early"
    assert alone.text == here.text
    assert alone.calibration == here.calibration


def test_a_fit_on_two_workers_is_nearly_as_good_as_one_here(
    workers: Cluster, small_book: Book, settings: Settings
) -> None:
    quiet, parameters = Console(quiet=True), resolved(None, FAST)
    requests, reviews = stages.matrices(small_book, parameters, quiet, HERE)
    reached = []
    for grow in (grown_here, stages.way_to_grow(workers, True, parameters)):
        limit = stages.fit_limit(small_book, reviews, parameters, quiet, grow)
        release = stages.fit_release(small_book, requests, parameters, quiet, grow)
        score = stages.score_reviews(reviews, limit)
        margin = stages.score_requests(requests, release)
        judged = stages.judge(small_book, requests, reviews, score, margin, release, parameters)
        found = judged.performance
        later = found[found["split"] == "out_of_time"]
        reached.append(later.set_index(["population", "metric"])["value"])
        assert ("distributed_workers" in limit.parameters) == (grow is not grown_here)
    here, there = reached
    assert there["all (oracle)", "auc"] == pytest.approx(here["all (oracle)", "auc"], abs=0.03)
    assert there["reviews", "r2"] == pytest.approx(here["reviews", "r2"], abs=0.01)


def test_the_same_rows_parts_and_number_of_workers_give_the_same_text(workers: Cluster) -> None:
    first = release(grown_by(workers, how()))
    with copied_workers(2) as others:
        assert release(grown_by(others, how())).text == first.text
    assert release(grown_here).text != first.text


def test_a_model_of_a_cluster_keeps_where_it_was_grown(workers: Cluster, tmp_path: Path) -> None:
    model = release(grown_by(workers, how()))
    save_model(model, tmp_path)
    kept = load_release_model(tmp_path)
    assert kept.text == model.text
    assert kept.booster.feature_name() == list(COLUMNS.names)
    assert kept.parameters == {
        **LONGER.model_dump(),
        **{"seed": 4, "slope_spread": 0.5, "distributed_workers": 2, "distributed_parts": 6},
    }


def test_scores_of_a_model_of_a_cluster_move_with_a_feature_only_as_its_sign_allows(workers: Cluster) -> None:
    model = release(grown_by(workers, how()))
    some, grid = rows(40, 12).values, np.linspace(-3, 3, 41, dtype=np.float32)
    for position, sign in enumerate(COLUMNS.signs):
        moved = np.repeat(some[:, None, :], len(grid), axis=1)
        moved[:, :, position] = grid
        scores = model.raw(np.ascontiguousarray(moved.reshape(-1, 4))).reshape(len(some), -1)
        assert (sign * np.diff(scores, axis=1) >= -1e-12).all()


def test_what_a_fit_finds_wrong_is_told_as_here(workers: Cluster) -> None:
    few = Labelled(*(part[:30] for part in (rows(60, 1).values, rows(60, 1).label)))
    with pytest.raises(DataFault, match="nothing to split on in 30 training rows"):
        fit_limit(few, few, COLUMNS, ORIGIN, SMALL, 4, 1, grow=grown_by(workers, how(parts=2)))


LONG = SMALL.model_copy(update={"rounds": 500})


def test_a_worker_that_dies_in_a_fit_costs_a_second_try_and_changes_nothing(workers: Cluster) -> None:
    untouched = release(grown_by(workers, how()), LONG)
    with copied_workers(2) as made:
        struck = Struck(made.client, made.own, (signal.SIGKILL,))
        assert release(grown_by(struck, how()), LONG).text == untouched.text


def test_where_the_workers_are_not_ours_the_second_try_takes_those_that_are_left() -> None:
    with copied_workers(2) as made:
        model = release(grown_by(Struck(made.client, False, (signal.SIGKILL,)), how()), LONG)
    assert 1 < model.booster.num_trees() < LONG.rounds
    assert model.parameters["distributed_workers"] in (1, 2)


def test_a_fit_in_which_workers_die_again_is_given_up() -> None:
    with (
        copied_workers(2) as made,
        pytest.raises(CallError, match=r"at once failed twice .*: see that none of them dies"),
    ):
        release(grown_by(Struck(made.client, made.own, (signal.SIGKILL,) * 2), how()), LONG)


def test_a_worker_that_answers_no_more_ends_the_fit_at_its_limit() -> None:
    with copied_workers(2) as made:
        release(grown_by(made, how()))  # so that all that they need is loaded
        struck = Struck(made.client, made.own, (signal.SIGSTOP,))
        with pytest.raises(CallError, match=r"did not end within 0\.1 minutes: give it more time"):
            release(grown_by(struck, how(minutes=0.1)), LONG)


def test_the_losses_by_round_are_those_that_a_fit_here_hears(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("training.distributed.CELLS_AT_ONCE", 5_000)
    for objective, loss in (("binary", "binary_logloss"), ("regression", "l2")):
        heard: list[float] = []
        settings = {"objective": objective, "metric": loss, "verbosity": -1, "seed": 1, "num_threads": 1}
        task = Task(
            settings,
            rows(2_000, 1, True),
            rows(500, 2, True),
            COLUMNS.names,
            SMALL,
            lambda done, most, score, heard=heard: heard.append(score),
        )
        grown = grown_here(task)
        losses = losses_by_round(grown.booster, rows(500, 2, True), objective)
        assert losses == pytest.approx(heard[: len(losses)], rel=1e-9)
        assert rounds_served_best(np.array(heard), SMALL.patience) == grown.rounds


@given(st.lists(st.integers(0, 9), min_size=1, max_size=40), st.integers(1, 12))
def test_the_rounds_are_those_at_which_one_would_have_stopped(losses: list[int], patience: int) -> None:
    best = 0
    for round_, loss in enumerate(losses):
        if loss < losses[best]:
            best = round_
        elif round_ - best >= patience:
            break
    assert rounds_served_best(np.array(losses, dtype=float), patience) == best + 1


@given(st.integers(1, 50), st.integers(1, 50))
def test_rows_are_dealt_to_parts_of_nearly_one_size(count: int, parts: int) -> None:
    hands = dealt(np.arange(count), min(parts, count))
    assert sorted(np.concatenate(hands)) == list(range(count))
    assert max(map(len, hands)) - min(map(len, hands)) <= 1


@pytest.mark.parametrize("command", [["train", "all"], ["run"]])
def test_distributed_training_needs_the_engine_that_it_is_for(
    command: list[str], small_book: Book, tmp_path: Path
) -> None:
    said = call(*command, "--book", small_book.path, "--home", tmp_path / "home", "--distributed-training")
    assert said.exit_code == 2
    assert said.stderr.endswith(
        "releasegap: --distributed-training is for --engine dask: name this engine, too.\n"
    )
    assert not (tmp_path / "home").exists()


def test_other_engines_are_refused_whatever_they_are(settings: Settings) -> None:
    with pytest.raises(CallError, match="--distributed-training is for --engine dask"):
        stages.way_to_grow(Processes(2), True, settings)


def test_a_call_fits_on_the_workers_of_a_scheduler_and_says_so(
    workers: Cluster, small_book: Book, tmp_path: Path
) -> None:
    where = ["--engine", "dask", "--scheduler", workers.client.scheduler_info(n_workers=0)["address"]]
    changes = [word for change in FAST for word in ("--set", change)]
    common = ["--book", small_book.path, "--home", tmp_path, "--json", *changes]
    trained = call("train", "release", "--distributed-training", *where, *common)
    assert trained.exit_code == 0, trained.output
    (line,) = trained.stdout.splitlines()
    assert set(json.loads(line)["models"]) == {"release"}
    (card,) = tmp_path.rglob("model.json")
    assert json.loads(card.read_text())["parameters"]["distributed_workers"] == 2
