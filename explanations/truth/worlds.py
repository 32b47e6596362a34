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
from data.script import Script
from features.parameters import FeatureParameters
from features.reread import Reread, reread
from features.stream import Stream
from features.streams import read_streams
from models.boosted import Floats
from models.decisions import undecidable
from models.favoured import in_any_window
from models.limit_model import LimitModel
from models.parameters import ModelsParameters
from models.policy import what_is_read
from models.release_model import ReleaseModel
from models.replay import Scene, asked_of, conflicts

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
    for done, (on, shown) in enumerate(_worlds(book, request_ids, features), start=1):
        requests, reviewed = shown.requests.keys, shown.reviews.keys
        asked = asked_of(requests, reviewed, policy, models)
        near = in_any_window(asked.windows, len(reviewed))
        given = np.full(len(reviewed), np.nan)
        given[near] = limit.limit(shown.reviews.values[near])
        scene = Scene(
            read=what_is_read(shown.requests),
            probability=release.pd(shown.requests.values),
            missing=undecidable(book, shown.requests, release),
            balance=requests["balance"].to_numpy(np.float64),
            before=reviewed["limit_before"].to_numpy(np.float64),
            limit=given,
            slip=recorded_slip(reviewed, rules),
            recomputed=None if "data_lag" in on else limit.limit(shown.on_request.values),
        )
        for mechanisms in (on, on | {"policy"}):
            kept[:, at[mechanisms]] = conflicts(asked, scene, mechanisms, models)
        on_world(done)
    return kept


def _worlds(
    book: Book, request_ids: NDArray[np.int64], features: FeatureParameters
) -> Iterator[tuple[frozenset[str], Reread]]:
    """Each world, as its readers saw it.

    Where spending is not misread, streams of consumption and income show the limit reader capacity; the release
    reader goes on to see what the borrower spends.
    """
    requests = book.whole("draw_requests", ["request_id", "borrower_id"])
    who = requests.loc[requests["request_id"].isin(request_ids), "borrower_id"].unique()
    script = script_of(book, who)
    bearable = {late: _capacity(book, script, late) for late in (False, True)}
    for switches in product((False, True), repeat=len(LIVED)):
        on = frozenset(name for name, state in zip(LIVED, switches, strict=True) if state)
        late = "data_lag" in on
        with tempfile.TemporaryDirectory(prefix="releasegap-") as folder:
            lived = replay(book, script, on | {"policy"}, Path(folder) / "lived")
            shown = reread(
                lived, request_ids, features, not late, None if "misread" in on else bearable[late]
            )
        yield on, shown


def _capacity(book: Book, script: Script, late: bool) -> dict[str, Stream]:
    """Consumption and income as they would show capacity, with or without lag.

    They are those of every world, since the other mechanisms change neither what is earned nor what is spent.
    """
    on = {"policy", "data_lag"} if late else {"policy"}
    with tempfile.TemporaryDirectory(prefix="releasegap-") as folder:
        shown = read_streams(replay(book, script, on, Path(folder) / "bearable", capacity_shown=True), 0)
    return {stream: shown.observed[stream] for stream in ("income_assets", "consumption")}
