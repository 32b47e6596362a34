"""Tuning a model of a book, and what is told beside its objective."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Literal

from commandline import Console
from data.errors import DataFault
from settings import Settings

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from data.book import Book
    from features.matrix import Matrix
    from models.boosted import Floats
    from training.tuning import Search


def search_of(
    kind: Literal["limit", "release"],
    book: Book,
    requests: Matrix | None,
    reviews: Matrix,
    settings: Settings,
    console: Console,
) -> Search:
    """What to tune a model on; beside a release model's objective stand the conflicts that it would make."""
    from training.tuning import search_of

    if kind == "limit" or requests is None:
        return search_of("limit", book, reviews, settings.training)
    beside = _conflicts(book, requests, reviews, settings, console)
    return search_of("release", book, requests, settings.training, beside)


def _conflicts(
    book: Book, requests: Matrix, reviews: Matrix, settings: Settings, console: Console
) -> Callable[[NDArray[np.int64], Floats], dict[str, float]] | None:
    """Conflicts among some requests, from their log-odds, all else as the parameters are; None where nothing fits."""
    import numpy as np

    from models.decisions import decide_requests
    from stages.models import fit_limit, fit_release, score_requests, score_reviews
    from training.periods import request_splits
    from training.splits import CALIBRATION

    try:
        limit, release = (
            fit_limit(book, reviews, settings, console),
            fit_release(book, requests, settings, console),
        )
    except DataFault:
        return None
    decided = decide_requests(
        book,
        requests,
        reviews,
        score_reviews(reviews, limit),
        release,
        score_requests(requests, release),
        request_splits(book, requests.keys, settings.training) == CALIBRATION,
        settings.models,
    )
    favoured, refused, by_score = (
        decided[name].to_numpy(bool) for name in ("favoured", "refused", "score_decides")
    )
    cutoff = decided["cutoff"].to_numpy(np.float64)

    def beside(rows: NDArray[np.int64], score: Floats) -> dict[str, float]:
        above = 1 / (1 + np.exp(-score)) > cutoff[rows]
        conflict = favoured[rows] & np.where(by_score[rows], above, refused[rows])
        return {"favoured": float(favoured[rows].sum()), "conflicts": float(conflict.sum())}

    return beside
