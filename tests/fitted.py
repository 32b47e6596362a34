"""The models that the default parameters fit on a book, with the matrices that they are fitted on."""

from __future__ import annotations

from typing import NamedTuple

from data.book import Book
from features.matrix import Matrix, whole_matrix
from models.limit_model import LimitModel
from models.release_model import ReleaseModel
from settings import Settings
from training.from_book import fit_limit_on, fit_release_on


class Fitted(NamedTuple):
    """Both matrices of a book, all months, and both models."""

    requests: Matrix
    reviews: Matrix
    limit: LimitModel
    release: ReleaseModel


def fitted_on(book: Book, settings: Settings) -> Fitted:
    requests, reviews = (whole_matrix(book, kind, settings.features) for kind in ("request", "review"))
    limit = fit_limit_on(book, reviews, settings.training)
    release = fit_release_on(book, requests, settings.training, settings.models)
    return Fitted(requests, reviews, limit, release)
