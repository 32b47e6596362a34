"""What another policy would do, without fitting the models anew."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from commandline import Console
from data.errors import CallError, DataFault
from settings import Settings, resolved

if TYPE_CHECKING:
    import pandas as pd

    from data.book import Book
    from explanations.causes.estimates import Neutral
    from explanations.whatif.changes import Change
    from explanations.whatif.figures import Yardstick
    from explanations.whatif.result import WhatIf
    from explanations.whatif.worlds import Policy
    from features.matrix import Matrix
    from models.boosted import Floats
    from models.limit_model import LimitModel
    from models.release_model import ReleaseModel
    from stages.scored_book import ScoredBook


def changes_of(book: Book, given: Mapping[str, Any], settings: Settings) -> tuple[Change, ...]:
    """What a call changes of the policy of a book.

    Args:
        book: The book.
        given: The parameters that the call gives a value (`settings.given`).
        settings: The parameters with these.

    Raises:
        CallError: One cannot be changed.
    """
    from data.parameters import flatten_tree
    from explanations.whatif.changes import changes

    plain = resolved(None, [])
    before = flatten_tree({"models": plain.models.model_dump(mode="json")})
    before |= flatten_tree({"whatif": plain.whatif.model_dump(mode="json")})
    after = flatten_tree({"models": settings.models.model_dump(mode="json")})
    after |= flatten_tree({"whatif": settings.whatif.model_dump(mode="json")})
    if book.manifest.parameters:  # a simulated book's, or one's that has grown from it
        before |= flatten_tree({"world": book.manifest.parameters})
    after |= flatten_tree({"world": settings.world.model_dump(mode="json")})
    named = list(flatten_tree(given))
    # What is given as part of a list or of a whole group stands under the names of its values.
    told = {name: after[name] for name in after if any(_within(name, one) for one in named)}
    return changes(before, told, book.dated)


def what_if(
    both: ScoredBook, changed: tuple[Change, ...], given: Mapping[str, Any], console: Console
) -> WhatIf:
    """Approvals, bad rate, expected loss and profit, and conflicts by cause, before and after; and the frontier."""
    from explanations.causes.estimates import estimate
    from explanations.causes.tables import lacking
    from explanations.whatif.figures import AFTER, BEFORE, differences, figures, frontier
    from explanations.whatif.result import WhatIf, of_book, summary_of
    from explanations.whatif.worlds import decided, scored
    from training.periods import request_splits
    from training.splits import CALIBRATION, OUT_OF_TIME

    book, requests, reviews, settings = both.book, both.requests, both.reviews, both.settings
    limit, release, limit_score, margin = both.limit, both.release, both.limit_score, both.margin
    split = request_splits(book, requests.keys, settings.training)
    judged = split == OUT_OF_TIME
    if not judged.any():
        raise DataFault(f"{book.path} has no requests out of time to decide on; take a larger book.")
    by, matured = _yardstick(book, requests, margin, release, split, settings)
    of = scored(book, requests, reviews, limit_score, margin, release, judged, split == CALIBRATION)
    neutral = estimate(reviews, book.whole("market"), str(book.manifest.first_month)) if book.dated else None
    before, after = (
        _policy(book, reviews, neutral, given, settings, changed=changed) for changed in (False, True)
    )
    with console.step("Deciding under both policies"):
        worlds = {BEFORE: decided(of, before), AFTER: decided(of, after)}
        told = {name: figures(world, by) for name, world in worlds.items()}
        change = differences(worlds[BEFORE], worlds[AFTER], by, settings.explanations.bootstrap_level)
    weights = (1.0,) if lacking(book) else settings.whatif.spending_weights
    with console.step("Looking for the frontier"):
        tried = {weight: _weighted(before, reviews, neutral, weight) for weight in weights}
        found = frontier(of, by, tried, settings.explanations.cutoff_factors)
    causes = {
        name: _causes(book, reviews, limit_score, limit, release, policy, worlds[name], settings, console)
        for name, policy in ((BEFORE, before), (AFTER, after))
        if not lacking(book)
    }
    about = of_book(book, worlds[BEFORE]) | {
        "models": {"limit": limit.digest, "release": release.digest},
        "level": settings.explanations.bootstrap_level,
    }
    return WhatIf(summary_of(about, changed, worlds, told, change, causes, by, matured), found)


def _yardstick(
    book: Book,
    requests: Matrix,
    margin: Floats,
    release: ReleaseModel,
    split: pd.Categorical[str],
    settings: Settings,
) -> tuple[Yardstick, dict[str, int]]:
    """What the judged requests are measured by, and how many matured outcomes tell the PD of 90+ within 12 months."""
    import numpy as np

    from explanations.whatif.figures import Yardstick
    from models.economics import fit_pd_12m
    from training.labels import observed_bad, observed_bad_12m, oracle_bad
    from training.splits import OUT_OF_TIME, TRAIN

    ids, judged = requests.keys["request_id"], split == OUT_OF_TIME
    line, matured = None, {"known": 0, "bad": 0}
    if book.dated:
        bad_12m = observed_bad_12m(book, ids)
        # What the trees were grown on they rank too well.
        rows = ~np.isnan(bad_12m) & (split != TRAIN) & (requests.keys["month"].to_numpy() >= 1)
        matured = {"known": int(rows.sum()), "bad": int(bad_12m[rows].sum())}
        try:
            line = fit_pd_12m(margin[rows], bad_12m[rows], settings.models.calibration)
        except DataFault:
            line = None  # too few to tell: the model's own PD stands for it, which the report says
    oracle = oracle_bad(book, ids)
    seen = observed_bad(book, ids)[judged]
    return Yardstick(settings.economics, line, seen, None if oracle is None else oracle[judged]), matured


def _policy(
    book: Book,
    reviews: Matrix,
    neutral: Neutral | None,
    given: Mapping[str, Any],
    settings: Settings,
    *,
    changed: bool,
) -> Policy:
    """How decisions are taken before (as the book and params.yaml have it), or with what the call changes."""
    from data.parameters import merge, read_parameters
    from data.world import ReleasePolicy
    from explanations.whatif.policy import changed_policy, scaled
    from explanations.whatif.worlds import Policy

    if not changed:
        plain = resolved(None, []).models
        same = {"policy": plain.policy, "favoured": plain.favoured}
        return Policy(settings.models.model_copy(update=same))
    factor = settings.whatif.cutoff_factor
    if neutral is None:
        return Policy(settings.models, cutoff_factor=factor)
    told = book.manifest.parameters
    if "policy" not in told:  # a lender's own: its table is what is in force, whatever made it
        return _weighted(
            Policy(settings.models, scaled(book.whole("policy"), factor)),
            reviews,
            neutral,
            settings.whatif.spending_weight,
        )
    own = read_parameters(ReleasePolicy, told["policy"], (), str(book.path))
    other = merge(told["policy"], given.get("world", {}).get("policy", {}))
    table = changed_policy(
        book.whole("policy"),
        book.whole("market"),
        own,
        read_parameters(ReleasePolicy, other, (), "the call"),
        str(book.manifest.first_month),
    )
    weight = float(told["limit_reviews"]["spending"])
    asked = float(given.get("world", {}).get("limit_reviews", {}).get("spending", weight))
    if asked != weight and weight == 0:
        raise CallError("--set world.limit_reviews.spending: the limits of this book do not read spending.")
    plain_weight = settings.whatif.spending_weight * (asked / weight if weight else 1.0)
    return _weighted(Policy(settings.models, scaled(table, factor)), reviews, neutral, plain_weight)


def _weighted(policy: Policy, reviews: Matrix, neutral: Neutral | None, factor: float) -> Policy:
    """The policy with the weight of spending in limits times a factor."""
    from explanations.causes.spending import spending_weight

    if neutral is None or factor == 1:
        return policy
    return replace(policy, spending=spending_weight(reviews, neutral, factor))


def _causes(
    book: Book,
    reviews: Matrix,
    limit_score: Floats,
    limit: LimitModel,
    release: ReleaseModel,
    policy: Policy,
    decisions: pd.DataFrame,
    settings: Settings,
    console: Console,
) -> tuple[dict[str, float], int]:
    """Conflicts by cause in one world, and how many of them were looked at."""
    from data.mechanisms import CAUSES
    from explanations.causes.ledger import Ledger
    from explanations.remedies.trials import looked_at
    from stages.causes import split_causes

    ids = decisions.loc[decisions["favoured"] & decisions["refused"], "request_id"].to_numpy()
    some = looked_at(book, ids, settings.whatif.conflicts)
    ledger = Ledger(
        book,
        reviews,
        limit_score,
        limit,
        release,
        settings.features,
        policy.models,
        settings.explanations,
        policy.table,
        policy.spending,
    )
    shares = split_causes(ledger, some, console, settings.blocks.local)
    if shares is None or not len(shares):
        return dict.fromkeys(CAUSES, 0.0), 0
    return {name: float(shares[name].mean()) * len(ids) for name in CAUSES}, len(some)


def _within(name: str, given: str) -> bool:
    """Whether a parameter is the one that was given, or a part of it."""
    return name == given or name.startswith(f"{given}.")
