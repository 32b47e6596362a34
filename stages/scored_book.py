"""A book that both models have scored, and what several stages need of it."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from data.errors import CallError
from settings import Settings
from stages.models import cohorts, score_requests, score_reviews

if TYPE_CHECKING:
    import pandas as pd

    from data.book import Book
    from explanations.cohorts import Cohorts
    from features.matrix import Matrix
    from models.boosted import Floats
    from models.limit_model import LimitModel
    from models.release_model import ReleaseModel
    from training.diagnostics import Diagnosed


@dataclass(frozen=True)
class ScoredBook:
    """A book with the scores of both models; what follows from these is computed once, when it is first asked for.

    Attributes:
        book: The book.
        requests: Release snapshots of all requests.
        reviews: Limit snapshots of the reviews.
        limit: The limit model.
        release: The release model.
        limit_score: The limit model's score of each review (log-RMB).
        margin: The release model's score of each request (log-odds, before calibration).
        settings: All parameters.
    """

    book: Book
    requests: Matrix
    reviews: Matrix
    limit: LimitModel
    release: ReleaseModel
    limit_score: Floats
    margin: Floats
    settings: Settings

    @property
    def decided(self) -> pd.DataFrame:
        """Decisions of both models on every request (`row`: its place)."""
        return self._decided[0]

    @property
    def members(self) -> Cohorts:
        """Which requests are in which cohort."""
        return self._decided[1]

    @cached_property
    def diagnosed(self) -> Diagnosed:
        """How both models do on the book."""
        from training.diagnostics import diagnose

        return diagnose(
            self.book,
            self.requests,
            self.reviews,
            self.limit_score,
            self.margin,
            self.release,
            self.settings.explanations.stability_features,
            self.settings.training,
        )

    @cached_property
    def _decided(self) -> tuple[pd.DataFrame, Cohorts]:
        return cohorts(
            self.book,
            self.requests,
            self.reviews,
            self.limit_score,
            self.release,
            self.margin,
            self.settings,
        )


def scored_book(
    book: Book,
    requests: Matrix,
    reviews: Matrix,
    limit: LimitModel,
    release: ReleaseModel,
    settings: Settings,
) -> ScoredBook:
    """The book with both models' scores of its matrices."""
    scores = score_reviews(reviews, limit), score_requests(requests, release)
    return ScoredBook(book, requests, reviews, limit, release, *scores, settings)


def require_conflicts_of_models(settings: Settings) -> None:
    """Raises CallError where conflicts are told on the record, for commands that take the models' decisions again."""
    if settings.models.conflicts != "models":
        raise CallError(
            f"models.conflicts is {settings.models.conflicts}, but this command takes the models' decisions again, and "
            "those on the record cannot be; leave models.conflicts as it is by default."
        )
