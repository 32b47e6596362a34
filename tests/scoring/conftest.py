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
        scored: The book as both models score it.
        store: The home's store.
    """

    home: Path
    models: dict[str, str]
    scored: stages.ScoredBook
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
    scored = stages.scored_book(small_book, requests, reviews, limit, release, settings)
    return Done(home, uris, scored, store)


@pytest.fixture(scope="session")
def rows(done: Done) -> pd.DataFrame:
    """Every request of the book, then every review, as rows for the decision model.

    What a matrix does not hold is 0: the other model's columns are not looked at.
    """
    asked = pd.DataFrame(done.scored.requests.values, columns=list(done.scored.requests.features))
    asked = asked.assign(
        region=done.scored.requests.keys["region"], requested_on=done.scored.requests.keys["requested_on"]
    )
    reviewed = pd.DataFrame(done.scored.reviews.values, columns=list(done.scored.reviews.features))
    absent = dict.fromkeys({*asked} ^ {*reviewed}, 0.0)
    reviewed = reviewed.assign(region=0, requested_on=done.scored.requests.keys["requested_on"].iloc[0])
    both = [part.assign(**{name: 0.0 for name in absent if name not in part}) for part in (asked, reviewed)]
    return pd.concat(both, ignore_index=True)
