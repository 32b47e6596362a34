"""The stages that commands share."""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor, wait
from dataclasses import replace
from threading import Event

import numpy as np
import pandas as pd
import pytest

import stages
from commandline import Console
from data.book import Book
from explanations.kernel.contrast import contributions
from features.matrix import Matrix, whole_matrices
from models.boosted import booster_of
from models.limit_model import LimitModel
from models.release_model import ReleaseModel
from models.threads import LIGHTGBM
from settings import Settings, resolved
from stages.refits import GivenUp
from training.fitting import Grown, Labelled, Task, grown_here, untold
from training.periods import first_month_of_reviews

FAST = ["training.limit.rounds=40", "training.release.rounds=40"]
QUIET = Console(quiet=True)


@pytest.fixture(scope="module")
def fast() -> Settings:
    return resolved(None, FAST)


@pytest.fixture(scope="module")
def everything(small_book: Book, fast: Settings) -> tuple[Matrix, ...]:
    return whole_matrices(small_book, ("request", "review"), fast.features)


@pytest.fixture(scope="module")
def models(
    small_book: Book, fast: Settings, everything: tuple[Matrix, ...]
) -> tuple[LimitModel, ReleaseModel]:
    requests, reviews = everything
    return stages.fit_limit(small_book, reviews, fast, QUIET), stages.fit_release(
        small_book, requests, fast, QUIET
    )


def test_reviews_before_history_are_left_out_and_the_others_are_as_ever(
    small_book: Book, fast: Settings, everything: tuple[Matrix, ...]
) -> None:
    _, reviews = everything
    requests, shorter = stages.matrices(small_book, fast, QUIET)
    later = (reviews.keys["month"] >= 1).to_numpy()
    assert 0.2 < 1 - later.mean() < 0.5
    np.testing.assert_array_equal(shorter.values, reviews.values[later])
    # Slips among them: whether a limit follows the rules is told by reviews before history, too.
    assert (shorter.keys["slip"] != 1).any()
    pd.testing.assert_frame_equal(shorter.keys, reviews.keys[later].reset_index(drop=True))
    np.testing.assert_array_equal(requests.values, everything[0].values)


def test_no_decision_that_is_judged_misses_them(
    small_book: Book,
    fast: Settings,
    everything: tuple[Matrix, ...],
    models: tuple[LimitModel, ReleaseModel],
) -> None:
    limit, release = models
    found = []
    for requests, reviews in (everything, stages.matrices(small_book, fast, QUIET)):
        assert stages.fit_limit(small_book, reviews, fast, QUIET).text == limit.text
        scores = stages.score_reviews(reviews, limit), release, stages.score_requests(requests, release)
        decided, cohorts = stages.cohorts(small_book, requests, reviews, *scores, fast)
        found.append(decided[cohorts.judged])
    assert found[0]["favoured"].any()
    pd.testing.assert_frame_equal(*found)


def test_a_recorded_slip_moves_the_limit_that_favours(
    small_book: Book,
    fast: Settings,
    everything: tuple[Matrix, ...],
    models: tuple[LimitModel, ReleaseModel],
) -> None:
    requests, reviews = everything
    limit, release = models
    scores = stages.score_reviews(reviews, limit), release, stages.score_requests(requests, release)
    before, _ = stages.cohorts(small_book, requests, reviews, *scores, fast)
    favouring = before.loc[before["favoured"], "review_id"].astype("int64")
    slip = np.where(reviews.keys["review_id"].isin(favouring), 0.01, reviews.keys["slip"])
    slipped = replace(reviews, keys=reviews.keys.assign(slip=slip))
    after, _ = stages.cohorts(small_book, requests, slipped, *scores, fast)
    still = after["favoured"] & after["review_id"].isin(favouring)
    assert before["favoured"].any()
    assert not still.any()


def test_the_limit_is_explained_against_the_reviews_of_the_periods_alone(
    small_book: Book, everything: tuple[Matrix, ...]
) -> None:
    shorter = resolved(
        None, [*FAST, "training.periods.out_of_time_until=22", "explanations.checked_conflicts=0"]
    )
    requests, reviews = everything
    limit = stages.fit_limit(small_book, reviews, shorter, QUIET)
    release = stages.fit_release(small_book, requests, shorter, QUIET)
    scored = stages.scored_book(small_book, requests, reviews, limit, release, shorter)
    judged = stages.judge(small_book, requests, reviews, scored.limit_score, scored.margin, release, shorter)
    made = stages.explain(scored, judged, (), QUIET)
    within = reviews.keys["month"].between(1, 22).to_numpy()
    assert not within.all()
    np.testing.assert_allclose(made.limit_contributions["base"], scored.limit_score[within].mean(), atol=1e-9)


@pytest.mark.parametrize(
    ("calibration_until", "window_days", "month"),
    [(18, 182, 1), (6, 182, 0), (6, 168, 1), (6, 169, 0), (3, 182, -3), (18, 28 * 18, 1)],
)
def test_reviews_reach_back_as_far_as_one_may_favour_a_request_that_is_judged(
    calibration_until: int, window_days: int, month: int, settings: Settings
) -> None:
    periods = settings.training.periods.model_copy(update={"calibration_until": calibration_until})
    assert first_month_of_reviews(periods, window_days) == month


@pytest.fixture(scope="module")
def scored(
    small_book: Book,
    fast: Settings,
    everything: tuple[Matrix, ...],
    models: tuple[LimitModel, ReleaseModel],
) -> stages.ScoredBook:
    return stages.scored_book(small_book, *everything, *models, fast)


def test_refits_are_the_release_model_with_other_seeds(scored: stages.ScoredBook, fast: Settings) -> None:
    with stages.refits_begun(scored) as begun:
        found = [fit.result() for fit in begun]
    assert len(found) == fast.explanations.reasons.refits == 3
    for seed, model in enumerate(found, start=fast.training.seed + 1):
        other = resolved(None, [*FAST, f"training.seed={seed}"])
        expected = stages.fit_release(scored.book, scored.requests, other, QUIET)
        assert model is not None
        assert model.text == expected.text


def test_refits_that_nobody_waits_for_are_given_up(
    scored: stages.ScoredBook, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun_one = Event()

    def endless(task: Task) -> Grown:
        begun_one.set()
        until = time.monotonic() + 60
        while time.monotonic() < until:
            task.progress(1, 2, 0.5)
        raise AssertionError("nobody gave it up")

    monkeypatch.setattr("training.fitting.grown_on_one_thread", endless)
    with stages.refits_begun(scored) as begun:
        assert begun_one.wait(60)
    for fit in begun:
        assert fit.cancelled() or isinstance(fit.exception(), GivenUp)


def test_a_model_of_another_book_is_not_fitted_again(scored: stages.ScoredBook) -> None:
    origin = replace(scored.release.origin, book_digest="0" * 64)
    foreign = replace(scored, release=replace(scored.release, origin=origin))
    with stages.refits_begun(foreign) as begun:
        assert not begun


def test_nothing_is_fitted_again_where_no_reason_may_be_told(
    scored: stages.ScoredBook, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("explanations.reasons.principal_reasons.any_reason", lambda catalogue: False)
    with stages.refits_begun(scored) as begun:
        assert not begun


def test_lightgbm_makes_no_dataset_and_scores_nothing_while_another_does(scored: stages.ScoredBook) -> None:
    """It keeps its number of threads for the whole program, and writes past its buffers when that grows meanwhile."""
    rows = scored.requests.values[:100]
    labelled = Labelled(rows, np.arange(len(rows)) % 2.0)
    settings = {"objective": "binary", "metric": "binary_logloss", "verbosity": -1, "num_threads": 1}
    few = scored.settings.training.release.model_copy(update={"rounds": 1})
    work: tuple[Callable[[], object], ...] = (
        lambda: grown_here(Task(settings, labelled, labelled, scored.requests.features, few, untold)),
        lambda: contributions(scored.release.booster, rows, rows),
        lambda: booster_of(scored.release.text),
    )
    with ThreadPoolExecutor(len(work)) as pool:
        with LIGHTGBM:
            begun = [pool.submit(one) for one in work]
            done, _ = wait(begun, timeout=2)
            assert not done
        for one in begun:
            one.result(timeout=60)
