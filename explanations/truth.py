"""The true causes of conflicts in a simulated world: lived through again with every subset of mechanisms on.

For the evaluation of explanations alone: a real lender cannot do this, and nothing that explains reads it.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from itertools import product
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from data.book import Book
from data.limit_rules import recorded_slip, rules_of
from data.mechanisms import SUBSETS
from data.replay import replay, script_of
from features.parameters import FeatureParameters
from features.reread import Reread, reread
from models.boosted import Floats
from models.decisions import undecidable
from models.limit_model import LimitModel
from models.parameters import ModelsParameters
from models.release_model import ReleaseModel
from models.replay import Scene, conflicts

LIVED = ("data_lag", "competition", "misread", "error")
"""Mechanisms that change what happens or what is seen; the policy acts on the decision alone."""

WORLDS = 2 ** len(LIVED)
"""Worlds that are lived through again: each combination of these."""

OnWorld = Callable[[int], None]


def true_conflicts(
    book: Book,
    request_ids: NDArray[np.int64],
    limit: LimitModel,
    release: ReleaseModel,
    features: FeatureParameters,
    models: ModelsParameters,
    on_world: OnWorld = lambda done: None,
) -> Floats:
    """Whether conflicts of a simulated book are still there in the worlds of every subset of mechanisms.

    The decisions are those of the models that are handed in, executed with the recorded slips; requests and
    amounts are held fixed, previous limits are those of the same world.

    Args:
        book: A simulated book.
        request_ids: The conflicts.
        limit: The limit model.
        release: The release model.
        features: How features are read.
        models: Policy and favour.
        on_world: Told how many of the worlds are done.

    Returns:
        K by request and subset of mechanisms (in the order of `SUBSETS`), for `data.mechanisms.shapley_shares`.
    """
    at = {subset: column for column, subset in enumerate(SUBSETS)}
    kept = np.zeros((len(request_ids), len(SUBSETS)))
    policy, rules = book.whole("policy"), rules_of(book)
    for done, (on, shown, to_review) in enumerate(_worlds(book, request_ids, features), start=1):
        reviews = shown.reviews.keys[["review_id", "borrower_id", "reviewed_on", "limit_before"]].assign(
            limit_score=limit.score(to_review.reviews.values),
            slip=recorded_slip(shown.reviews.keys, rules),
        )
        scene = Scene(
            requests=shown.requests,
            probability=release.pd(shown.requests.values),
            missing=undecidable(book, shown.requests, release),
            reviews=reviews,
            recomputed=None if "data_lag" in on else np.exp(limit.score(to_review.on_request.values)),
            policy=policy,
        )
        for mechanisms in (on, on | {"policy"}):
            kept[:, at[mechanisms]] = conflicts(scene, mechanisms, models)
        on_world(done)
    return kept


def _worlds(
    book: Book, request_ids: NDArray[np.int64], features: FeatureParameters
) -> Iterator[tuple[frozenset[str], Reread, Reread]]:
    """Each world, as shown to the release reader and as shown to the limit reader.

    Where spending is not misread, streams of consumption and income show the limit reader capacity; the release
    reader goes on to see what the borrower spends.
    """
    requests = book.whole("draw_requests", ["request_id", "borrower_id"])
    who = requests.loc[requests["request_id"].isin(request_ids), "borrower_id"].unique()
    script = script_of(book, who)
    for switches in product((False, True), repeat=len(LIVED)):
        on = frozenset(name for name, state in zip(LIVED, switches, strict=True) if state)
        fresh = "data_lag" not in on
        with tempfile.TemporaryDirectory(prefix="releasegap-") as folder:
            lived = replay(book, script, on | {"policy"}, Path(folder) / "lived")
            shown = to_review = reread(lived, request_ids, features, fresh)
            if "misread" not in on:
                bearable = replay(
                    book, script, on | {"policy"}, Path(folder) / "bearable", capacity_shown=True
                )
                to_review = reread(bearable, request_ids, features, fresh)
        yield on, shown, to_review
