"""Tuning: folds in the order of time, trials that can be taken up again, and nothing of the months that are judged."""

import dataclasses
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from data.book import Book
from data.errors import CallError, DataFault
from features.matrix import Matrix, whole_matrices
from settings import Settings, resolved
from training import tuning
from training.parameters import BoosterParameters, TrainingParameters
from training.periods import tuning_folds
from training.tuning import (
    Fold,
    Search,
    Trial,
    as_they_are,
    best_of,
    loss_of,
    open_study,
    search_of,
    trials_of,
    tune,
)

RANDOM = 2


@pytest.fixture(scope="module")
def quick(settings: Settings) -> TrainingParameters:
    rounds = {
        name: getattr(settings.training, name).model_copy(update={"rounds": 20, "patience": 20})
        for name in ("limit", "release")
    }
    return settings.training.model_copy(update=rounds)


@pytest.fixture(scope="module")
def matrices(small_book: Book, settings: Settings) -> tuple[Matrix, ...]:
    return whole_matrices(small_book, ("request", "review"), settings.features, since=1)


@pytest.fixture(scope="module")
def search(small_book: Book, matrices: tuple[Matrix, ...], quick: TrainingParameters) -> Search:
    return search_of("release", small_book, matrices[0], quick)


def tried(search: Search, home: Path, trials: int, seconds: float | None = None) -> list[Trial]:
    with open_study(home / "tuning.db", search, RANDOM) as study:
        tune(search, study, trials, RANDOM, seconds)
        return trials_of(study)


def without_time(trials: list[Trial]) -> list[Trial]:
    return [dataclasses.replace(trial, seconds=0.0) for trial in trials]


def test_folds_follow_time_and_end_before_calibration(settings: Settings) -> None:
    month = np.arange(-3, 25)
    folds = tuning_folds(month, settings.training.periods, 2, 3)
    told = [[(int(month[part].min()), int(month[part].max())) for part in fold] for fold in folds]
    assert told == [[(1, 9), (10, 12), (13, 15)], [(1, 6), (7, 9), (10, 12)]]
    assert len(tuning_folds(month, settings.training.periods, 12, 3)) == 3
    assert tuning_folds(month, settings.training.periods, 2, 8) == []


@pytest.mark.parametrize("kind", ["release", "limit"])
def test_no_month_that_calibrates_or_is_judged_has_a_part(
    kind: str, small_book: Book, matrices: tuple[Matrix, ...], quick: TrainingParameters
) -> None:
    matrix = matrices[0 if kind == "release" else 1]
    hidden = matrix.keys["month"].to_numpy() > quick.periods.early_stopping_until
    assert hidden.any()
    spoilt = Matrix(
        matrix.keys, np.where(hidden[:, None], 1e9, matrix.values).astype(np.float32), matrix.features
    )
    for one, other in zip(
        search_of(kind, small_book, matrix, quick).folds,  # type: ignore[arg-type]
        search_of(kind, small_book, spoilt, quick).folds,  # type: ignore[arg-type]
        strict=True,
    ):
        assert not hidden[one.rows].any()
        for part in ("fit", "stop", "validate"):
            np.testing.assert_array_equal(getattr(one, part).values, getattr(other, part).values)


def test_the_parameters_as_they_are_lie_in_the_space(search: Search, settings: Settings) -> None:
    found = as_they_are(search)
    assert found == {
        name: getattr(settings.training.release, name) for name in settings.training.tuning.release
    }
    limit = dataclasses.replace(search, fixed=settings.training.limit, space=settings.training.tuning.limit)
    assert as_they_are(limit) == {
        name: getattr(settings.training.limit, name) for name in settings.training.tuning.limit
    }


def test_a_study_that_is_taken_up_again_is_the_same_as_one_that_was_not(
    search: Search, tmp_path: Path
) -> None:
    whole = tried(search, tmp_path / "a", 5)
    assert [trial.number for trial in whole] == [0, 1, 2, 3, 4]
    assert whole[0].parameters == as_they_are(search)
    assert {tuple(trial.parameters.items()) for trial in whole[1:]} != {tuple(whole[0].parameters.items())}
    assert len(tried(search, tmp_path / "b", 2)) == 2
    again = tried(search, tmp_path / "b", 5)
    assert without_time(again) == without_time(whole)
    assert without_time(tried(search, tmp_path / "b", 5)) == without_time(whole)


def test_a_killed_trial_counts_for_nothing(
    search: Search, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    scores, calls = tuning._scores, []

    def killed(
        search: Search,
        fold: Fold,
        fitted: BoosterParameters,
        follow: Callable[[int, int, float], None] | None,
    ) -> np.ndarray:
        calls.append(fitted)
        if len(calls) == 4:
            raise KeyboardInterrupt
        return scores(search, fold, fitted, follow)

    whole = tried(search, tmp_path / "a", 4)
    with monkeypatch.context() as patched:
        patched.setattr(tuning, "_scores", killed)
        with pytest.raises(KeyboardInterrupt):
            tried(search, tmp_path / "b", 4)
    with open_study(tmp_path / "b" / "tuning.db", search, RANDOM) as study:
        kept = trials_of(study)
        study.ask()  # as a process leaves it that is killed outright
    assert 0 < len(kept) < 4
    assert without_time(kept) == without_time(whole[: len(kept)])
    assert without_time(tried(search, tmp_path / "b", 4)) == without_time(whole)


def test_two_processes_cannot_be_at_one_study(search: Search, tmp_path: Path) -> None:
    with (
        open_study(tmp_path / "tuning.db", search, RANDOM),
        pytest.raises(CallError, match="another process is tuning"),
        open_study(tmp_path / "tuning.db", search, RANDOM),
    ):
        pass


def test_another_space_objective_or_matrix_is_another_study(
    small_book: Book, matrices: tuple[Matrix, ...], quick: TrainingParameters, search: Search
) -> None:
    names = {search.named}
    for change in ("tuning.release_objective=auc", "tuning.release.l2.high=50", "seed=8"):
        other = resolved(None, [f"training.{change}"]).training.model_copy(
            update={"limit": quick.limit, "release": quick.release}
        )
        names.add(search_of("release", small_book, matrices[0], other).named)
    # Features that are read otherwise: their values are others.
    values = matrices[0].values.copy()
    values[0, 0] += 1
    changed = dataclasses.replace(matrices[0], values=values)
    names.add(search_of("release", small_book, changed, quick).named)
    assert len(names) == 5


def test_no_trial_begins_when_the_time_is_over(search: Search, tmp_path: Path) -> None:
    assert tried(search, tmp_path, 3, seconds=0) == []


def test_a_trial_that_lags_behind_is_ended_early(search: Search, tmp_path: Path) -> None:
    # The defaults learn; with a step that adds next to nothing the loss stays where it was at every comparison.
    slow = {
        "learning_rate": search.space["learning_rate"].model_copy(update={"low": 0.01, "high": 1.0}),
        "min_sum_hessian": search.space["min_sum_hessian"].model_copy(update={"high": 1000.0}),
    }
    fixed = search.fixed.model_copy(update={"rounds": 120, "learning_rate": 0.05, "patience": 120})
    trials = tried(dataclasses.replace(search, space=slow, fixed=fixed), tmp_path, 10)
    pruned = [trial for trial in trials if trial.state == "pruned"]
    assert pruned
    for trial in pruned:
        assert trial.metrics == {}
        assert trial.curve
    best = best_of(trials, "log_loss")
    assert best is not None
    assert best.metrics["log_loss"] == min(t.metrics["log_loss"] for t in trials if t.metrics)


def test_what_is_made_small_is_the_objective() -> None:
    metrics = {"auc": 0.7, "log_loss": 0.1, "mae": 900.0}
    assert [loss_of(metrics, name) for name in metrics] == pytest.approx([0.3, 0.1, 900.0])
    assert best_of([], "auc") is None


def test_the_limit_model_is_tuned_on_its_reviews(
    small_book: Book, matrices: tuple[Matrix, ...], quick: TrainingParameters, tmp_path: Path
) -> None:
    search = search_of("limit", small_book, matrices[1], quick)
    [as_is, other] = tried(search, tmp_path, 2)
    assert set(as_is.parameters) == set(quick.tuning.limit)
    for trial in (as_is, other):
        assert 0 < trial.metrics["mae_log"] < 1
        assert trial.metrics["mae"] > 10


def test_a_book_too_small_to_tune_on_is_refused(
    small_book: Book, matrices: tuple[Matrix, ...], quick: TrainingParameters
) -> None:
    few = Matrix(matrices[0].keys[:20], matrices[0].values[:20], matrices[0].features)
    with pytest.raises(DataFault, match="both outcomes"):
        search_of("release", small_book, few, quick)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ("training.tuning.release.rounds={low: 1, high: 9, whole: true}", "no parameter that can be tuned"),
        ("training.tuning.release.l2={low: 0, high: 9, log: true}", "begin above 0"),
        ("training.tuning.release.l2={low: 9, high: 1}", "low must be below high"),
        ("training.tuning.limit.num_leaves={whole: false}", "must be whole"),
        ("training.tuning.limit.max_depth={low: 4.5, high: 8, whole: true}", "must be whole"),
    ],
)
def test_a_space_that_makes_no_sense_is_refused(change: str, said: str) -> None:
    with pytest.raises(CallError, match=said):
        resolved(None, [change])
