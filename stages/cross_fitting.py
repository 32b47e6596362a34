"""A small book without dates as a whole: each client by models that have not seen him."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from commandline import Console
from settings import Settings
from stages.models import as_fitted

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from data.book import Book
    from explanations.cross_fitting.fold import ScoredFold
    from explanations.explanation import Explanation
    from features.matrix import Matrix
    from models.limit_model import LimitModel
    from models.release_model import ReleaseModel
    from training.cross_fitting import Clients, Fold


def add_cross_fitting(
    explanation: Explanation,
    book: Book,
    requests: Matrix,
    reviews: Matrix,
    limit: LimitModel,
    release: ReleaseModel,
    settings: Settings,
    console: Console,
) -> Explanation:
    """The explanation with the whole book by cross-fitting, of a small one without dates that both models are of.

    Fits are made as the models' cards say.
    """
    from explanations.cross_fitting.figures import Spread
    from explanations.cross_fitting.whole_book import with_cross_fitting
    from training.cross_fitting import clients_of, folds_of, is_cross_fitted

    parameters, shares = settings.training.cross_fitting, settings.training.shares
    fitted_here = {limit.origin.book_digest, release.origin.book_digest} == {book.digest}
    if not (is_cross_fitted(book, parameters) and fitted_here):
        return explanation
    settings = replace(settings, training=as_fitted(settings.training, limit, release))
    clients = clients_of(book, requests, reviews)
    folds = folds_of(clients.ids, parameters, shares)
    with console.step("Scoring every client by models that have not seen him", len(folds)) as move:
        found = scored_folds(book, clients, folds, settings, move)
        chosen = settings.explanations
        others = shares.train + shares.early_stopping + shares.calibration
        return with_cross_fitting(
            explanation,
            found,
            parameters.repeats,
            parameters.folds,
            clients.requests.keys["request_id"],
            clients.bad,
            clients.log_limit,
            Spread(chosen.bootstrap_draws, chosen.bootstrap_level, chosen.seed, shares.train / others),
        )


def scored_folds(
    book: Book, clients: Clients, folds: Sequence[Fold], settings: Settings, move: Callable[[int], None]
) -> list[ScoredFold]:
    """All folds of those repeats in which every fold could be fitted, scored, decided and explained."""
    from concurrent.futures import ThreadPoolExecutor

    from models.threads import processors

    found: list[ScoredFold | None] = []
    # Each fold takes one thread, so as many as there are processors go side by side.
    with ThreadPoolExecutor(min(processors(), len(folds))) as pool:
        for done, one in enumerate(pool.map(lambda fold: _scored(book, clients, fold, settings), folds), 1):
            found.append(one)
            move(done)
    incomplete = {fold.repeat for fold, one in zip(folds, found, strict=True) if one is None}
    return [one for fold, one in zip(folds, found, strict=True) if one and fold.repeat not in incomplete]


def _scored(book: Book, clients: Clients, fold: Fold, settings: Settings) -> ScoredFold | None:
    """The clients of a fold, scored, decided and explained by models fitted on the others; None if these cannot be."""
    import numpy as np

    from data.errors import DataFault
    from explanations.cross_fitting.fold import scored_fold
    from models.decisions import decide_requests
    from models.record import as_told
    from training.cross_fitting import fit_fold, lightgbm_score, rows_of

    try:
        limit, release = fit_fold(clients, fold, settings.training, settings.models)
    except DataFault:
        return None
    requests, reviews = rows_of(clients.requests, fold.held), rows_of(clients.reviews, fold.held)
    # The mapping's shares are of the fold itself: its clients had no part in the fits, and outcomes none in the shares.
    limit_score = lightgbm_score(limit, reviews.values)
    decided = decide_requests(
        book,
        requests,
        reviews,
        limit_score,
        release,
        lightgbm_score(release, requests.values),
        np.ones(len(fold.held), dtype=bool),
        settings.models,
    )
    decided = as_told(decided, book, requests, reviews, limit_score, settings.models)
    return scored_fold(fold.repeat, fold.fold, decided, requests.values, release)
