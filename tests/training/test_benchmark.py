"""Bare training is LightGBM's part of our own fits: the same rows, labels and settings give the same trees."""

from pathlib import Path

import lightgbm as lgb
import numpy as np
import pytest

from data.book import Book
from features.matrix import Matrix
from models.boosted import booster_of
from settings import Settings
from tests.fitted import Fitted
from training.benchmark import Bare, bare_training, cost_of_tracking, rounds_of, scoring_rate
from training.from_book import fit_limit_on, fit_release_on
from training.parameters import TrainingParameters

ROUNDS = 25


@pytest.fixture(scope="module")
def training(settings: Settings) -> TrainingParameters:
    fits = settings.training
    limit, release = (part.model_copy(update={"rounds": ROUNDS}) for part in (fits.limit, fits.release))
    return fits.model_copy(update={"limit": limit, "release": release})


@pytest.fixture(scope="module")
def matrices(fitted: Fitted) -> tuple[Matrix, Matrix]:
    return fitted.requests, fitted.reviews


@pytest.fixture(scope="module")
def bare(small_book: Book, matrices: tuple[Matrix, Matrix], training: TrainingParameters) -> Bare:
    return bare_training(small_book, *matrices, training, (ROUNDS, ROUNDS))


def first_trees(booster: lgb.Booster, count: int) -> str:
    return booster_of(booster.model_to_string(num_iteration=count)).model_to_string()


def test_bare_training_grows_the_trees_of_our_fits(
    small_book: Book,
    matrices: tuple[Matrix, Matrix],
    training: TrainingParameters,
    settings: Settings,
    bare: Bare,
) -> None:
    requests, reviews = matrices
    limit = fit_limit_on(small_book, reviews, training)
    release = fit_release_on(small_book, requests, training, settings.models)
    for ours, theirs in ((limit, bare.limit), (release, bare.release)):
        assert theirs.num_trees() == ROUNDS
        assert first_trees(theirs, ours.booster.num_trees()) == ours.text
    assert rounds_of(limit, training.limit) == ROUNDS
    assert bare.seconds > 0


def test_the_rounds_of_a_fit_count_those_that_were_waited_in_vain(
    small_book: Book, matrices: tuple[Matrix, Matrix], settings: Settings
) -> None:
    told: list[int] = []
    fits = settings.training
    hasty = fits.limit.model_copy(update={"learning_rate": 1.0, "patience": 3})
    parameters = fits.model_copy(update={"limit": hasty})
    model = fit_limit_on(small_book, matrices[1], parameters, lambda done, most, score: told.append(done))
    assert rounds_of(model, hasty) == told[-1] < hasty.rounds


def test_scores_are_told_as_rows_a_second(
    bare: Bare, matrices: tuple[Matrix, Matrix], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("training.benchmark.SCORED_ROWS", 3_000)
    assert np.isfinite(scoring_rate(bare, *matrices))


def test_tracking_costs_a_store_and_a_run(tmp_path: Path) -> None:
    [(_, seconds, unit, target)] = cost_of_tracking(tmp_path)
    assert (unit, target) == ("CPU s", "≤ 6")
    assert seconds > 0
    assert (tmp_path / "mlflow.db").is_file()
