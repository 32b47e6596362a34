"""Tuning: other parameters of a fit tried on the last months before calibration, never on those that are judged.

Trials are Optuna's, of one study in a database of the home: what a killed tuning has tried it need not try again.
"""

from __future__ import annotations

import hashlib
import json
import sqlite3
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from data.book import Book
from data.errors import CallError, DataFault
from data.lock import alone
from features.catalogue import catalogue_of
from features.matrix import Matrix
from models.boosted import Floats
from training.fitting import Columns, Labelled, Task, grown_here, lightgbm_settings
from training.from_book import log_limit
from training.home import ModelKind
from training.labels import observed_bad
from training.metrics import classification_metrics, limit_metrics
from training.parameters import BoosterParameters, RangeParameters, TrainingParameters
from training.periods import labels_old_enough, request_splits, review_splits, tuning_folds
from training.splits import CALIBRATION, EARLY_STOPPING, TRAIN

if TYPE_CHECKING:
    import optuna

Flags = NDArray[np.bool_]
Judge = Callable[[Sequence[Floats]], dict[str, float]]
"""From the scores of the validation rows of each fold (log-odds or log-RMB) to metrics by name."""

COMPLETE, PRUNED = "complete", "pruned"
_FEW_ROWS = 50_000  # of fewer, threads mostly wait for each other
_LEARNT = 0.25
"""After each so much of learning rate times rounds trials are compared: who learns slowly is not bad for that."""
_WAIT = 4
"""So many of these steps a trial gets in any case."""


@dataclass(frozen=True)
class Fold:
    """Rows of one fold, in the order of time: to grow on, to choose the number of trees on, to validate on.

    Attributes:
        fit: Rows to grow on.
        stop: Rows to choose the number of trees on.
        validate: Rows to validate on.
        rows: Places of the latter in the matrix.
    """

    fit: Labelled
    stop: Labelled
    validate: Labelled
    rows: NDArray[np.int64]


@dataclass(frozen=True)
class Search:
    """What is tuned on what.

    Attributes:
        kind: limit or release.
        folds: The folds, the latest first.
        columns: Columns of the matrix.
        fixed: The parameters as they are, of which those of the space are tried.
        space: The range of each parameter that is tried.
        objective: The metric that decides.
        judge: What the trial's scores come to.
        seed: Of the trials and of the fits.
        named: What makes it another study: the book and all of the above, by digest.
    """

    kind: ModelKind
    folds: tuple[Fold, ...]
    columns: Columns
    fixed: BoosterParameters
    space: Mapping[str, RangeParameters]
    objective: str
    judge: Judge
    seed: int
    named: str


@dataclass(frozen=True)
class Trial:
    """One trial that has ended.

    Attributes:
        number: From 0, which has the parameters as they are.
        state: `complete` or `pruned`.
        parameters: What was tried, by name.
        metrics: What came of it on the validation months; empty where it was pruned.
        curve: Loss on the early-stopping months of the latest fold by rounds.
        seconds: How long it took.
    """

    number: int
    state: str
    parameters: Mapping[str, float]
    metrics: Mapping[str, float]
    curve: Mapping[int, float]
    seconds: float


def search_of(
    kind: ModelKind,
    book: Book,
    matrix: Matrix,
    parameters: TrainingParameters,
    beside: Callable[[NDArray[np.int64], Floats], dict[str, float]] | None = None,
) -> Search:
    """What to tune a model of a book on.

    Args:
        kind: limit or release.
        book: The book.
        matrix: Its reviews, or its requests.
        parameters: Splits, the fit as it is, and the space.
        beside: Further metrics from rows of the matrix and their scores, of the latest fold.

    Raises:
        DataFault: No fold has rows, and of a release model both outcomes, in all of its parts.
    """
    release = kind == "release"
    label = observed_bad(book, matrix.keys["request_id"]) if release else log_limit(matrix.keys)
    known = np.isfinite(label)
    if release:
        known &= labels_old_enough(book, matrix.keys, parameters)
    told = [_fold(matrix, label, known, parts) for parts in _parts(kind, book, matrix, parameters)]
    folds = tuple(fold for fold in told if _usable(fold, both=release))
    if not folds:
        raise DataFault(
            f"{book.path}: no {'draw requests with both outcomes' if release else 'limit reviews'} in all parts of a "
            "fold to tune on; take a larger book, or longer training.tuning.months."
        )
    tuning, catalogue = parameters.tuning, catalogue_of(book)
    fixed = parameters.release if release else parameters.limit
    space = tuning.release if release else tuning.limit
    objective = tuning.release_objective if release else tuning.limit_objective
    columns = (
        Columns(catalogue.release, catalogue.release_signs)
        if release
        else Columns(catalogue.limit, catalogue.limit_signs)
    )
    facts = {
        "book": book.digest,
        "matrix": hashlib.sha256(np.ascontiguousarray(matrix.values).data).hexdigest(),
        "kind": kind,
        "objective": objective,
        "space": {name: one.model_dump() for name, one in space.items()},
        "fixed": fixed.model_dump(),
        "splits": [parameters.periods.model_dump(), parameters.shares.model_dump()],
        "folds": [tuning.folds, tuning.months],
        "random": [parameters.seed, tuning.random_trials],
    }
    named = hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()
    judge = _judge_release(folds, beside) if release else _judge_limit(folds)
    return Search(
        kind,
        folds,
        columns,
        fixed,
        space,
        objective,
        judge,
        parameters.seed,
        f"{kind}-{book.digest[:12]}-{named[:12]}",
    )


@contextmanager
def open_study(database: Path, search: Search, random_trials: int) -> Iterator[optuna.Study]:
    """The study of a search, made where there is none; held by one process at a time.

    Trials that a killed process left unfinished count for nothing.

    Raises:
        CallError: Another process is at this study.
    """
    import optuna

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    database.parent.mkdir(parents=True, exist_ok=True)
    lock = database.with_name(f".{search.named}.lock")
    with ExitStack() as held:
        try:
            held.enter_context(alone(lock, patience=0))
        except sqlite3.OperationalError:
            raise CallError(
                f"another process is tuning this model on this book with the same space in {database.parent}, or that "
                "folder cannot be written; wait for it, or give another --home."
            ) from None
        # Two processes that make its tables at once would break it.
        with alone(database.with_name(f".{database.name}.lock")):
            storage = optuna.storages.RDBStorage(f"sqlite:///{database.as_posix()}")
        study = optuna.create_study(
            study_name=search.named,
            storage=storage,
            load_if_exists=True,
            direction="minimize",
            pruner=optuna.pruners.MedianPruner(n_startup_trials=random_trials, n_warmup_steps=_WAIT),
        )
        try:
            for left in study.get_trials(deepcopy=False, states=(optuna.trial.TrialState.RUNNING,)):
                study.tell(left.number, state=optuna.trial.TrialState.FAIL)
            yield study
        finally:
            storage.remove_session()
            storage.engine.dispose()


def trials_of(study: optuna.Study) -> list[Trial]:
    """The trials of a study that have ended, in their order."""
    from optuna.trial import TrialState

    ended = study.get_trials(deepcopy=False, states=(TrialState.COMPLETE, TrialState.PRUNED))
    return [
        Trial(
            number=place,
            state=COMPLETE if one.state == TrialState.COMPLETE else PRUNED,
            parameters=one.user_attrs["parameters"],
            metrics=one.user_attrs.get("metrics", {}),
            curve={int(rounds): loss for rounds, loss in one.user_attrs.get("curve", {}).items()},
            seconds=one.user_attrs["seconds"],
        )
        for place, one in enumerate(ended)
    ]


def tune(
    search: Search,
    study: optuna.Study,
    trials: int,
    random_trials: int,
    seconds: float | None = None,
    ended: Callable[[Trial], None] = lambda trial: None,
) -> None:
    """Tries parameters until so many trials have ended, earlier calls' among them, or the time is over.

    The first trial has the parameters as they are, some are drawn, and the others are chosen by what was seen. What a
    trial draws follows from the seed and from the trials before it, so that a study that was killed and taken up again
    is the same as one that was not.

    Args:
        search: What is tuned.
        study: Its study.
        trials: How many trials in all.
        random_trials: How many of them are drawn, before others are chosen or pruned.
        seconds: After how long no further one begins; None for no limit.
        ended: Told of each trial.
    """
    import optuna

    began = time.monotonic()
    distributions = {name: _distribution(one) for name, one in search.space.items()}
    while (done := len(trials_of(study))) < trials:
        if seconds is not None and time.monotonic() - began >= seconds:
            return
        study.sampler = optuna.samplers.TPESampler(
            seed=(search.seed + 1) * 10_007 + done, n_startup_trials=random_trials
        )
        if not done:
            study.enqueue_trial(as_they_are(search))
        trial = study.ask(distributions)
        _try(
            search, study, trial
        )  # one that is cut off, by whatever, is cleared away when the study is opened again
        ended(trials_of(study)[-1])


def as_they_are(search: Search) -> dict[str, Any]:
    """The parameters of the space as they are, the nearest of the range where they lie outside."""
    found = {}
    for name, one in search.space.items():
        value = min(max(getattr(search.fixed, name), one.low), one.high)
        found[name] = int(value) if one.whole else float(value)
    return found


def best_of(trials: Sequence[Trial], objective: str) -> Trial | None:
    """The trial that serves the objective best, the earliest of several; None where none has ended whole."""
    whole = [trial for trial in trials if trial.state == COMPLETE]
    return min(whole, key=lambda trial: loss_of(trial.metrics, objective), default=None)


def loss_of(metrics: Mapping[str, float], objective: str) -> float:
    """What is made small: the metric, or what it lacks of 1 where more is better."""
    return 1 - metrics[objective] if objective == "auc" else metrics[objective]


def _try(search: Search, study: optuna.Study, trial: optuna.Trial) -> None:
    """One trial from its parameters to what is told of it."""
    import optuna

    began = time.monotonic()
    tried = {name: _rounded(value) for name, value in trial.params.items()}
    trial.set_user_attr("parameters", tried)
    fitted = search.fixed.model_copy(update=tried)
    curve: dict[int, float] = {}

    def follow(done: int, most: int, score: float) -> None:
        learnt = int(fitted.learning_rate * done / _LEARNT)
        if learnt == int(fitted.learning_rate * (done - 1) / _LEARNT):
            return
        curve[done] = score
        trial.report(score, learnt)
        if trial.should_prune():
            raise optuna.TrialPruned

    try:
        scores = [
            _scores(search, fold, fitted, None if place else follow)
            for place, fold in enumerate(search.folds)
        ]
    except optuna.TrialPruned:
        trial.set_user_attr("curve", curve)
        trial.set_user_attr("seconds", time.monotonic() - began)
        study.tell(trial, state=optuna.trial.TrialState.PRUNED)
        return
    metrics = search.judge(scores)
    for name, value in (("curve", curve), ("metrics", metrics), ("seconds", time.monotonic() - began)):
        trial.set_user_attr(name, value)
    study.tell(trial, loss_of(metrics, search.objective))


def _scores(
    search: Search, fold: Fold, fitted: BoosterParameters, follow: Callable[[int, int, float], None] | None
) -> Floats:
    """Scores of the validation rows by trees grown on the fold."""
    objective, metric = ("binary", "binary_logloss") if search.kind == "release" else ("regression", "l2")
    threads = 1 if len(fold.fit.label) < _FEW_ROWS else 0
    settings = lightgbm_settings(objective, metric, search.columns.signs, fitted, search.seed, threads)
    task = Task(
        settings,
        fold.fit,
        fold.stop,
        search.columns.names,
        fitted,
        follow or (lambda done, most, score: None),
    )
    grown = grown_here(task)
    found = grown.booster.predict(fold.validate.values, num_iteration=grown.rounds, raw_score=True)
    return np.asarray(found, dtype=np.float64)


def _judge_release(
    folds: tuple[Fold, ...], beside: Callable[[NDArray[np.int64], Floats], dict[str, float]] | None
) -> Judge:
    bad = np.concatenate([fold.validate.label for fold in folds])

    def judge(scores: Sequence[Floats]) -> dict[str, float]:
        probability = 1 / (1 + np.exp(-np.concatenate(scores)))
        metrics = classification_metrics(bad, probability)
        # Folds rank apart: a fit on more months has another level, which is not the ranking's fault.
        ranked = [
            classification_metrics(fold.validate.label, 1 / (1 + np.exp(-score)))["auc"]
            for fold, score in zip(folds, scores, strict=True)
        ]
        metrics["auc"] = float(np.mean(ranked))
        chosen = (
            "log_loss",
            "auc",
            "brier",
            "bad_rate",
            "mean_pd",
            "calibration_slope",
            "calibration_intercept",
        )
        told = {name: metrics[name] for name in chosen}
        return _finite(told | (beside(folds[0].rows, scores[0]) if beside else {}))

    return judge


def _judge_limit(folds: tuple[Fold, ...]) -> Judge:
    label = np.concatenate([fold.validate.label for fold in folds])

    def judge(scores: Sequence[Floats]) -> dict[str, float]:
        metrics = limit_metrics(label, np.concatenate(scores))
        return _finite({name: value for name, value in metrics.items() if name != "reviews"})

    return judge


def _finite(metrics: Mapping[str, float]) -> dict[str, float]:
    return {name: float(value) for name, value in metrics.items() if np.isfinite(value)}


def _parts(
    kind: ModelKind, book: Book, matrix: Matrix, parameters: TrainingParameters
) -> list[tuple[Flags, Flags, Flags]]:
    """Rows to grow on, to stop on and to validate on of each fold, the latest first."""
    if book.dated:
        month = matrix.keys["month"].to_numpy()
        tuning = parameters.tuning
        return tuning_folds(month, parameters.periods, tuning.folds, tuning.months)
    split = (request_splits if kind == "release" else review_splits)(book, matrix.keys, parameters)
    return [(split == TRAIN, split == EARLY_STOPPING, split == CALIBRATION)]


def _fold(matrix: Matrix, label: Floats, known: Flags, parts: tuple[Flags, Flags, Flags]) -> Fold:
    places = [np.flatnonzero(part & known) for part in parts]
    fit, stop, validate = (Labelled(matrix.values[rows], label[rows]) for rows in places)
    return Fold(fit, stop, validate, places[-1])


def _usable(fold: Fold, *, both: bool) -> bool:
    """Whether every part of a fold has rows, and both outcomes where it takes both."""
    least = 2 if both else 1
    return all(len(np.unique(part.label)) >= least for part in (fold.fit, fold.stop, fold.validate))


def _distribution(one: RangeParameters) -> optuna.distributions.BaseDistribution:
    import optuna

    if one.whole:
        return optuna.distributions.IntDistribution(int(one.low), int(one.high), log=one.log)
    return optuna.distributions.FloatDistribution(one.low, one.high, log=one.log)


def _rounded(value: float) -> float:
    """Three significant digits, as people write parameters; whole numbers as they are."""
    return value if isinstance(value, int) else float(f"{value:.3g}")
