"""The models of a book fitted, judged and logged with their runs: what `run` and `train` share."""

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
        limit: The limit model.
        release: The release model.
        scored: The book as both score it.
        judged: How well they do.
        uris: Under which they are registered, and with both the decision model.
    """

    limit: LimitModel | None
    release: ReleaseModel | None
    scored: ScoredBook | None
    judged: Judged
    uris: dict[str, str]


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
    """Fits, judges, logs and registers the models of the matrices that are given.

    Of two models each fit has a run of its own under that of the command, which keeps its model, its figures and the
    loss after each tree; of one, the command's run does.
    """
    from training.registry import log_models, registering

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
    cards = stages.model_cards(book, requests, reviews, limit, release, scored, judged, settings, console)
    with stages.decision_files(scored, console) as decision, registering(store):
        uris = log_models(tracked, book, judged, limit, release, decision, cards, runs)
    for kind, run in runs.items():
        run.log_steps(f"{kind}.early_stopping", curves[kind])
    return Fits(limit, release, scored, judged, uris)
