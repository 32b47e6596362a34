"""A book whose models were trained once, with its matrices."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pandas as pd
import pytest

import stages
from commandline import Console
from data.book import Book
from explanations.cohorts import Cohorts
from features.matrix import Matrix
from models.boosted import Floats
from models.limit_model import LimitModel
from models.release_model import ReleaseModel
from models.storage import load_limit_model, load_release_model
from settings import Settings
from training.registry import fetch_model
from training.tracking import Store, open_store

QUIET = Console(quiet=True)


class Done(NamedTuple):
    """What training left.

    Attributes:
        home: Its home.
        models: URIs of the models.
        decided: Decisions on every request (see `models.decisions`).
        members: Which of them are conflicts, which reference.
        limit_score: The limit model's score of each review.
        margin: The release model's score of each request.
    """

    home: Path
    models: dict[str, str]
    book: Book
    requests: Matrix
    reviews: Matrix
    limit: LimitModel
    release: ReleaseModel
    limit_score: Floats
    margin: Floats
    decided: pd.DataFrame
    members: Cohorts
    store: Store


@pytest.fixture(autouse=True, scope="session")
def _nothing_chosen() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        for name in ("MLFLOW_TRACKING_URI", "MLFLOW_RUN_ID", "MLFLOW_EXPERIMENT_ID"):
            patch.delenv(name, raising=False)
        yield


@pytest.fixture(scope="session")
def done(main_job: dict[str, Any], small_book: Book, settings: Settings, _nothing_chosen: None) -> Done:
    home, uris = main_job["home"], main_job["models"]
    store = open_store(home)
    limit = load_limit_model(fetch_model(store, uris["limit"]))
    release = load_release_model(fetch_model(store, uris["release"]))
    requests, reviews = stages.matrices(small_book, settings, QUIET)
    scores = stages.score_reviews(reviews, limit), stages.score_requests(requests, release)
    decided, members = stages.cohorts(small_book, requests, reviews, scores[0], release, scores[1], settings)
    made = (small_book, requests, reviews, limit, release, *scores, decided, members)
    return Done(home, uris, *made, store)


@pytest.fixture(scope="session")
def rows(done: Done) -> pd.DataFrame:
    """Every request of the book, then every review, as rows for the decision model.

    What a matrix does not hold is 0: the other model's columns are not looked at.
    """
    asked = pd.DataFrame(done.requests.values, columns=list(done.requests.features))
    asked = asked.assign(region=done.requests.keys["region"], requested_on=done.requests.keys["requested_on"])
    reviewed = pd.DataFrame(done.reviews.values, columns=list(done.reviews.features))
    absent = dict.fromkeys({*asked} ^ {*reviewed}, 0.0)
    reviewed = reviewed.assign(region=0, requested_on=done.requests.keys["requested_on"].iloc[0])
    both = [part.assign(**{name: 0.0 for name in absent if name not in part}) for part in (asked, reviewed)]
    return pd.concat(both, ignore_index=True)
