"""The explanation of a book: all its stages."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from commandline import Console
from settings import Settings, used
from stages.answers import (
    add_diagnostics,
    add_phantom,
    add_reason_tests,
    add_reasons,
    add_recourse,
    add_remedies,
    tried_requests,
)
from stages.books import excerpt_of
from stages.causes import audit_lag, ledger_of, split_causes
from stages.control import control
from stages.cross_fitting import add_cross_fitting
from stages.monitoring import baseline_of
from stages.refits import Refits
from stages.scored_book import ScoredBook
from stages.truth import checked_causes

if TYPE_CHECKING:
    from data.blocks import Engine
    from data.book import Book
    from explanations.explanation import Explanation
    from models.limit_model import LimitModel
    from models.release_model import ReleaseModel
    from training.from_book import Judged


def explain(
    both: ScoredBook,
    judged: Judged,
    refits: Refits,
    console: Console,
    engine: Engine | None = None,
) -> Explanation:
    """Conflicts, contrast, causes and all that the report tells.

    Args:
        both: The book and both models.
        judged: How well they do.
        refits: Further fits of the release model (`refits_begun`), by which its reasons are tested; there may be none.
        console: Is told of the steps.
        engine: Where blocks are worked on.
    """
    from dataclasses import replace

    import numpy as np

    from explanations.causes.tables import lacking, with_causes
    from explanations.explain import Evidence, explain
    from explanations.recourse.levers import offers_of
    from explanations.rules.surrogate import with_rules
    from features.catalogue import catalogue_of
    from training.labels import observed_bad, oracle_bad
    from training.periods import review_splits
    from training.splits import OUTSIDE

    book, requests, reviews, settings = both.book, both.requests, both.reviews, both.settings
    limit, release, limit_score = both.limit, both.release, both.limit_score
    decided, members = both.decided, both.members
    evidence = Evidence(
        decided=decided,
        requests=requests,
        reviews=reviews,
        out_of_time=members.judged,
        limit_score=limit_score,
        limit_background=review_splits(book, reviews.keys, settings.training) != OUTSIDE,
        observed_bad=observed_bad(book, requests.keys["request_id"]),
        oracle_bad=oracle_bad(book, requests.keys["request_id"]),
        limit=limit,
        release=release,
        catalogue=catalogue_of(book),
        performance=judged.performance,
        reliability=judged.reliability,
        about=_about(book, limit, release, settings),
    )
    trees = limit.booster.num_trees() + release.booster.num_trees()
    with console.step("Explaining every conflict", trees) as move:
        explanation = explain(evidence, settings.explanations, move, engine or settings.blocks.local)
    ids = explanation.conflicts["request_id"].to_numpy()
    tried = tried_requests(book, decided, members, settings)
    again = members.conflict | decided["request_id"].isin(np.concatenate(tried)).to_numpy()
    engine = engine or settings.blocks.local
    with excerpt_of(book, decided["borrower_id"].to_numpy()[again], console, engine) as part:
        ledger = ledger_of(part, reviews, limit_score, limit, release, settings)
        causes = audit = checked = None
        # The models' decisions can be taken again, those on the record can't.
        again_possible = settings.models.conflicts != "record"
        if again_possible:
            causes = split_causes(ledger, ids, console, engine)
            audit = audit_lag(part, decided, limit, release, explanation, settings, console, engine)
            checked = checked_causes(
                book, requests, decided, members, causes, limit, release, settings, console
            )
        told = with_causes(explanation, causes, audit, checked, settings.explanations, lacking(book))
        if again_possible:
            told = add_remedies(told, evidence, members, tried, ledger, settings, console, engine)
        told = with_rules(told, settings.explanations)
        told = add_phantom(told, book, decided[members.judged], reviews, release, settings, console, engine)
        told, untested = add_reasons(told, book, decided[members.conflict], release, settings, console)
        if audit is not None:
            offers = offers_of(requests.keys)
            told = add_recourse(told, part, offers, audit, limit, release, settings, console, engine)
        if book.dated:
            told = replace(told, control=control(book, requests, reviews, limit_score, settings, console))
        baseline = baseline_of(evidence, book, members, both.margin, limit, settings, console, engine)
        told = add_diagnostics(replace(told, baseline=baseline), evidence, both, console)
        told = add_cross_fitting(told, book, requests, reviews, limit, release, settings, console)
        told = add_timelines(told, part, console, engine)
    if untested is not None:  # last of all, since refits have gone on meanwhile
        told = add_reason_tests(told, untested, refits, settings, console)
    book.require_unchanged()
    return told


def add_timelines(
    explanation: Explanation, book: Book, console: Console, engine: Engine | None = None
) -> Explanation:
    """The explanation with the time lines of the conflicts that are shown one by one, where the book has dates."""
    from dataclasses import replace

    from data.blocks import HERE
    from explanations.timeline import timelines

    shown = explanation.conflicts[explanation.conflicts["place"] > 0]
    if not book.dated or not len(shown):
        return explanation
    with console.step("Reading what was visible when") as move:
        told = timelines(book, shown.sort_values("place"), engine or HERE, console.track(move))
    return replace(explanation, timelines=told)


def refuse_foreign_explanation(out: Path) -> None:
    """Raises CallError where the folder holds something that is not an explanation."""
    from data.atomic import refuse_foreign
    from explanations.explanation import SUMMARY

    refuse_foreign(out, SUMMARY)


def _about(book: Book, limit: LimitModel, release: ReleaseModel, settings: Settings) -> dict[str, Any]:
    """What the summary says of book, models, parameters and versions."""
    import platform
    from importlib.metadata import version

    packages = ("lightgbm", "mlflow", "numba", "numpy", "pandas", "scikit-learn", "shap")
    return {
        **book.facts,
        "models": {"limit": limit.digest, "release": release.digest},
        "parameters": used(settings, book, limit, release),
        "trained_on": {"limit": limit.origin.book_digest, "release": release.origin.book_digest},
        "versions": {"python": platform.python_version(), **{name: version(name) for name in packages}},
    }
