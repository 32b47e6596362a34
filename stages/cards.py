"""Model cards: what is measured for them, and what they say."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from commandline import Console
from settings import Settings
from stages.answers import disparity_of
from stages.scored_book import ScoredBook

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd
    from numpy.typing import NDArray

    from data.book import Book
    from features.matrix import Matrix
    from models.boosted import Boosted
    from models.limit_model import LimitModel
    from models.release_model import ReleaseModel
    from training.from_book import Judged
    from training.home import ModelKind
    from training.model_cards import Card, Explained


def model_cards(
    book: Book,
    requests: Matrix | None,
    reviews: Matrix | None,
    limit: LimitModel | None,
    release: ReleaseModel | None,
    both: ScoredBook | None,
    judged: Judged,
    settings: Settings,
    console: Console,
) -> dict[ModelKind, Card]:
    """The card of each model that is given, by language; fairness and stability need both."""
    import numpy as np

    from features.catalogue import catalogue_of
    from models.monotone import monotone
    from training.labels import observed_bad
    from training.model_cards import Measured, model_card
    from training.periods import request_splits, review_splits
    from training.splits import OUT_OF_TIME

    catalogue, chosen = catalogue_of(book), settings.training.cards
    cards: dict[ModelKind, Card] = {}
    with console.step("Writing model cards"):
        stability: pd.DataFrame | None = None
        disparity: list[dict[str, Any]] | None = None
        if both is not None:
            disparity = disparity_of(book, both.decided, both.members, settings)
            stability = both.diagnosed.stability
        given: list[tuple[ModelKind, Boosted, tuple[int, ...], NDArray[np.float32], float]] = []
        if limit is not None and reviews is not None:
            held_out = review_splits(book, reviews.keys, settings.training) == OUT_OF_TIME
            given.append(
                ("limit", limit, catalogue.limit_signs, _spread(reviews, held_out, chosen.rows), np.nan)
            )
        if release is not None and requests is not None:
            held_out = request_splits(book, requests.keys, settings.training) == OUT_OF_TIME
            unseen = np.isnan(observed_bad(book, requests.keys["request_id"])[held_out])
            share = float(unseen.mean()) if len(unseen) else np.nan
            given.append(
                ("release", release, catalogue.release_signs, _spread(requests, held_out, chosen.rows), share)
            )
        for kind, model, signs, values, share in given:
            measured = Measured(
                performance=judged.performance,
                by_decile=judged.by_decile,
                monotone=monotone(model, signs, values, chosen.rows, chosen.values),
                explained=_explained(model, values, chosen.rows),
                stability=stability,
                disparity=disparity,
                unseen=share,
            )
            cards[kind] = model_card(kind, model, book, catalogue, measured)
    return cards


def _spread(matrix: Matrix, held_out: NDArray[np.bool_], rows: int) -> NDArray[np.float32]:
    """Rows that are held out, spread evenly: ten times as many as are tried."""
    import numpy as np

    from data.sampling import spread_places

    places = np.flatnonzero(held_out)
    return matrix.values[places[spread_places(len(places), 10 * rows)] if len(places) else places]


def _explained(model: Boosted, values: NDArray[np.float32], most: int) -> Explained:
    """How exactly the contributions of some rows add up, against all of these."""
    import numpy as np

    from data.sampling import spread_places
    from explanations.kernel.contrast import contributions
    from models.threads import LIGHTGBM
    from training.model_cards import Explained

    if not len(values):
        return Explained(0, 0, np.nan)
    rows = values[spread_places(len(values), most)]
    found, base = contributions(model.booster, rows, values)
    with LIGHTGBM:
        score = model.booster.predict(rows, raw_score=True)
    gap = np.abs(base + found.sum(axis=1) - score).max()
    return Explained(len(rows), len(values), float(gap))
