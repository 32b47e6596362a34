"""Both models: fitted, scored, judged, and put to every request."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from commandline import Console
from data.errors import CallError
from settings import Settings

if TYPE_CHECKING:
    from collections.abc import Callable

    import pandas as pd

    from data.blocks import Engine
    from data.book import Book
    from explanations.cohorts import Cohorts
    from features.matrix import Matrix
    from models.boosted import Floats
    from models.limit_model import LimitModel
    from models.release_model import ReleaseModel, Releasing
    from training.fitting import Grow, Progress
    from training.from_book import Judged
    from training.parameters import TrainingParameters


def way_to_grow(engine: Engine, distributed: bool, settings: Settings) -> Grow:
    """How trees are grown: in this program, or where the call asks for it by the workers of its Dask cluster.

    Raises:
        CallError: It asks for it without such a cluster.
    """
    from data.cluster import Cluster
    from training.fitting import grown_here

    if not distributed:
        return grown_here
    if not isinstance(engine, Cluster):
        raise CallError("--distributed-training is for --engine dask: name this engine, too.")
    from training.distributed import grown_by

    return grown_by(engine, settings.training.distributed)


def fit_limit(
    book: Book,
    reviews: Matrix,
    settings: Settings,
    console: Console,
    grow: Grow | None = None,
    curve: list[float] | None = None,
) -> LimitModel:
    """Fits the limit model on the snapshots of the reviews; the curve gets the loss by tree."""
    from training.fitting import grown_here
    from training.from_book import fit_limit_on

    with console.step("Fitting the limit model", settings.training.limit.rounds) as move:
        return fit_limit_on(book, reviews, settings.training, _followed(move, curve), grow or grown_here)


def fit_release(
    book: Book,
    requests: Matrix,
    settings: Settings,
    console: Console,
    grow: Grow | None = None,
    curve: list[float] | None = None,
) -> ReleaseModel:
    """Fits and calibrates the release model on the snapshots of the requests; the curve gets the loss by tree."""
    from training.fitting import grown_here
    from training.from_book import fit_release_on

    with console.step("Fitting the release model", settings.training.release.rounds) as move:
        return fit_release_on(
            book,
            requests,
            settings.training,
            settings.models,
            _followed(move, curve),
            grow=grow or grown_here,
        )


def _followed(move: Callable[[int], None], curve: list[float] | None) -> Progress:
    """Moves a bar and keeps the losses; a fit that begins anew (reject inference) begins its curve anew."""

    def follow(done: int, most: int, score: float) -> None:
        move(done)
        if curve is not None:
            curve[done - 1 :] = [score]

    return follow


def as_fitted(
    training: TrainingParameters, limit: LimitModel | None, release: ReleaseModel
) -> TrainingParameters:
    """The parameters of fits as the cards of models tell them: further fits are then made alike."""
    changes: dict[str, Any] = {"seed": int(release.parameters.get("seed", training.seed))}
    for name, model in (("limit", limit), ("release", release)):
        if model is not None:
            own, told = getattr(training, name), model.parameters
            known = {field: told[field] for field in type(own).model_fields if field in told}
            changes[name] = own.model_copy(update=known)
    return training.model_copy(update=changes)


def score_reviews(reviews: Matrix, limit: LimitModel) -> Floats:
    """The limit model's score of each review (log-RMB), which judging, deciding and explaining share."""
    limit.require(reviews.features)
    return limit.score(reviews.values)


def score_requests(requests: Matrix, release: ReleaseModel) -> Floats:
    """The release model's score of each request (log-odds, before calibration), which the same stages share."""
    release.require(requests.features)
    return release.margin(requests.values)


def judge(
    book: Book,
    requests: Matrix | None,
    reviews: Matrix | None,
    limit_score: Floats | None,
    margin: Floats | None,
    release: ReleaseModel | None,
    settings: Settings,
) -> Judged:
    """Performance of the models that are given, out of time."""
    from training.from_book import judge

    probability = None if release is None or margin is None else release.calibration.pd(margin)
    return judge(book, requests, reviews, limit_score, probability, settings.training)


def cohorts(
    book: Book,
    requests: Matrix,
    reviews: Matrix,
    limit_score: Floats,
    release: Releasing,
    margin: Floats,
    settings: Settings,
) -> tuple[pd.DataFrame, Cohorts]:
    """Decisions of both models on every request of a book (`row`: its place), and who is in which cohort."""
    from explanations.cohorts import cohorts_of
    from models.decisions import decide_requests
    from models.record import as_told
    from training.periods import request_splits
    from training.splits import CALIBRATION, OUT_OF_TIME

    split = request_splits(book, requests.keys, settings.training)
    decided = decide_requests(
        book, requests, reviews, limit_score, release, margin, split == CALIBRATION, settings.models
    )
    decided = as_told(decided, book, requests, reviews, limit_score, settings.models)
    return decided.assign(row=range(len(decided))), cohorts_of(decided, split == OUT_OF_TIME)
