"""The models of a book fitted and judged, and logged with their runs: what `run` and `train` share."""

from __future__ import annotations

from contextlib import nullcontext
from dataclasses import dataclass
from typing import TYPE_CHECKING

import stages
from commandline import Console
from commands.tracked import features_digest, stage_run
from settings import Settings, flat
from stages import ScoredBook

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from contextlib import AbstractContextManager

    from data.book import Book
    from features.matrix import Matrix
    from models.limit_model import LimitModel
    from models.release_model import ReleaseModel
    from training.fitting import Grow
    from training.from_book import Judged
    from training.home import ModelKind
    from training.runs import Run
    from training.tracking import Store


@dataclass(frozen=True)
class Fits:
    """The models of a book that were fitted; None where one was not asked for.

    Attributes:
        requests: What the release model was fitted on.
        reviews: What the limit model was fitted on.
        limit: The limit model.
        release: The release model.
        scored: The book as both score it.
        judged: How well they do.
        runs: Of each fit.
        curves: The loss of each after each tree.
    """

    requests: Matrix | None
    reviews: Matrix | None
    limit: LimitModel | None
    release: ReleaseModel | None
    scored: ScoredBook | None
    judged: Judged
    runs: Mapping[ModelKind, Run]
    curves: Mapping[ModelKind, Sequence[float]]


def fit_models(
    store: Store,
    tracked: Run,
    book: Book,
    requests: Matrix | None,
    reviews: Matrix | None,
    settings: Settings,
    console: Console,
    grow: Grow,
) -> Fits:
    """Fits and judges the models of the matrices that are given.

    Of two models each fit has a run of its own under that of the command; of one, the command's run is its own.
    """
    parameters = flat(settings, book)
    digest = features_digest(book, parameters)

    def run_of(kind: ModelKind) -> AbstractContextManager[Run]:
        if requests is None or reviews is None:
            return nullcontext(tracked)
        return stage_run(store, book, f"train {kind}", parameters, digest)

    runs: dict[ModelKind, Run] = {}
    curves: dict[ModelKind, list[float]] = {"limit": [], "release": []}
    limit = limit_score = release = margin = None
    if reviews is not None:
        with run_of("limit") as runs["limit"]:
            limit = stages.fit_limit(book, reviews, settings, console, grow, curves["limit"])
            limit_score = stages.score_reviews(reviews, limit)
    if requests is not None:
        with run_of("release") as runs["release"]:
            release = stages.fit_release(book, requests, settings, console, grow, curves["release"])
            margin = stages.score_requests(requests, release)
    judged = stages.judge(book, requests, reviews, limit_score, margin, release, settings)
    scored = None
    if requests is not None and reviews is not None and limit is not None and release is not None:
        assert limit_score is not None
        assert margin is not None
        scored = stages.ScoredBook(book, requests, reviews, limit, release, limit_score, margin, settings)
    return Fits(requests, reviews, limit, release, scored, judged, runs, curves)


def log_fits(
    store: Store, tracked: Run, book: Book, fits: Fits, settings: Settings, console: Console
) -> dict[str, str]:
    """Logs and registers the models that were fitted, with their cards, and with both the decision model.

    The run of a fit keeps its model, its figures and the loss after each tree.

    Returns:
        The URIs under which they are registered.
    """
    from training.registry import log_models, registering

    fitted = (fits.requests, fits.reviews, fits.limit, fits.release, fits.scored)
    cards = stages.model_cards(book, *fitted, fits.judged, settings, console)
    with stages.decision_files(fits.scored, console) as decision, registering(store):
        uris = log_models(tracked, book, fits.judged, fits.limit, fits.release, decision, cards, fits.runs)
    for kind, run in fits.runs.items():
        run.log_steps(f"{kind}.early_stopping", fits.curves[kind])
    return uris
