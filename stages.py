"""The stages that commands are made of: each takes a book, models and parameters, and shows its progress."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from dataclasses import fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from commandline import Console
from data.errors import CallError
from settings import Settings, code_digest, of_world, used

if TYPE_CHECKING:
    import pandas as pd

    from data.blocks import Engine
    from data.book import Book
    from explanations.cohorts import Cohorts
    from explanations.explanation import Explanation
    from explanations.scored import Scored
    from features.matrix import Kind, Matrix
    from models.boosted import Floats
    from models.limit_model import LimitModel
    from models.release_model import ReleaseModel
    from training.from_book import Judged


def open_verified(path: Path) -> Book:
    """The book in a folder, its parts held against their digests."""
    from data.book import open_book

    book = open_book(path)
    book.verify()
    return book


def require_simulated(book: Book, why: str) -> None:
    """Raises CallError where the book is not a simulated one."""
    if book.manifest.source != "simulated":
        raise CallError(f"{book.path} is not a simulated book: {why}.")


def refuse_foreign_explanation(out: Path) -> None:
    """Raises CallError where the folder holds something that is not an explanation."""
    from data.atomic import refuse_foreign
    from explanations.files import SUMMARY

    refuse_foreign(out, SUMMARY)


def book_folder(settings: Settings, home: Path) -> Path:
    """Where the main job keeps the book that it simulates."""
    made = settings.simulation
    return home / "books" / f"{made.scenario}-{made.borrowers}x{made.months}-seed{made.seed}"


def simulate(settings: Settings, out: Path, console: Console, engine: Engine | None = None) -> Book:
    """Makes the synthetic book that the parameters describe."""
    from data.simulate import simulate_book

    made, blocks = settings.simulation, settings.blocks
    count = -(-made.borrowers // blocks.size)
    with console.step(f"Simulating {made.borrowers:,} borrowers, {made.months} months", count) as move:
        return simulate_book(
            out=out,
            borrowers=made.borrowers,
            months=made.months,
            seed=made.seed,
            scenario=made.scenario,
            world=settings.world,
            block_size=blocks.size,
            engine=engine or blocks.local,
            track=console.track(move),
        )


def matrices(
    book: Book, settings: Settings, console: Console, engine: Engine | None = None, *kinds: Kind
) -> tuple[Matrix, ...]:
    """The snapshots of all requests and of all reviews of a book, or of the kinds that are named."""
    from features.matrix import whole_matrices

    with console.step("Reading what was visible at each request and review", book.blocks) as move:
        return whole_matrices(
            book,
            kinds or ("request", "review"),
            settings.features,
            engine or settings.blocks.local,
            console.track(move),
        )


def fit_limit(book: Book, reviews: Matrix, settings: Settings, console: Console) -> LimitModel:
    """Fits the limit model on the snapshots of the reviews."""
    from training.from_book import fit_limit_on

    with console.step("Fitting the limit model", settings.training.limit.rounds) as move:
        return fit_limit_on(book, reviews, settings.training, lambda done, most, score: move(done))


def fit_release(book: Book, requests: Matrix, settings: Settings, console: Console) -> ReleaseModel:
    """Fits and calibrates the release model on the snapshots of the requests."""
    from training.from_book import fit_release_on

    with console.step("Fitting the release model", settings.training.release.rounds) as move:
        return fit_release_on(
            book, requests, settings.training, settings.models, lambda done, most, score: move(done)
        )


def score_reviews(reviews: Matrix, limit: LimitModel) -> Floats:
    """The limit model's score of each review (log-RMB), which judging, deciding and explaining share."""
    limit.require(reviews.features)
    return limit.score(reviews.values)


def judge(
    book: Book,
    requests: Matrix | None,
    reviews: Matrix | None,
    limit_score: Floats | None,
    release: ReleaseModel | None,
    settings: Settings,
) -> Judged:
    """Performance of the models that are given, out of time."""
    from training.from_book import judge

    return judge(book, requests, reviews, limit_score, release, settings.training)


def explain(
    book: Book,
    requests: Matrix,
    reviews: Matrix,
    limit: LimitModel,
    limit_score: Floats,
    release: ReleaseModel,
    judged: Judged,
    settings: Settings,
    console: Console,
    engine: Engine | None = None,
) -> Explanation:
    """Conflicts, contrast, causes and all that the report tells."""
    from explanations.cause_tables import with_causes
    from explanations.explain import Evidence, explain
    from features.catalogue import catalogue_of
    from training.labels import observed_bad, oracle_bad
    from training.periods import review_splits
    from training.splits import OUTSIDE

    decided, members = cohorts(book, requests, reviews, limit_score, release, settings)
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
    causes = split_causes(book, reviews, limit_score, limit, release, explanation, settings, console)
    audit = audit_lag(book, decided, limit, release, explanation, settings, console)
    checked = _check(book, requests, decided, members, causes, limit, release, settings, console)
    return with_causes(explanation, causes, audit, checked, settings.explanations)


def _check(
    book: Book,
    requests: Matrix,
    decided: pd.DataFrame,
    members: Cohorts,
    causes: pd.DataFrame | None,
    limit: LimitModel,
    release: ReleaseModel,
    settings: Settings,
    console: Console,
) -> dict[str, Any] | None:
    """How right causes and features are on a simulated book; None where there is no truth to be held against."""
    from data.mechanisms import CAUSES
    from explanations.cause_check import CHECKED_REFERENCE, check_of, spread_places
    from explanations.scored import scored

    most = settings.explanations.checked_conflicts
    if book.manifest.source != "simulated" or causes is None or not len(causes) or not most:
        return None
    places = spread_places(len(causes), most)
    conflicts = decided[members.conflict].iloc[places].reset_index(drop=True)
    kept = true_conflicts_of(book, conflicts, limit, release, settings, console)
    reference = decided[members.reference]
    reference = reference.iloc[spread_places(len(reference), CHECKED_REFERENCE)]
    contributions = _group_contributions(book, requests, conflicts, reference, release, console)
    said = causes[list(CAUSES)].to_numpy()[places]
    place = (int(book.manifest.seed or 0), str(book.manifest.scenario), 0)
    return check_of(scored(place, conflicts, said, kept, contributions))


def split_causes(
    book: Book,
    reviews: Matrix,
    limit_score: Floats,
    limit: LimitModel,
    release: ReleaseModel,
    explanation: Explanation,
    settings: Settings,
    console: Console,
) -> pd.DataFrame | None:
    """The cause ledger of the conflicts; None where the book does not let causes be told apart."""
    from explanations.causes import SCENES, Ledger

    if not book.dated:
        return None
    ledger = Ledger(
        book, reviews, limit_score, limit, release, settings.features, settings.models, settings.explanations
    )
    with console.step("Splitting every conflict into its causes", SCENES) as move:
        return ledger.shares(explanation.conflicts["request_id"].to_numpy(), move)


def audit_lag(
    book: Book,
    decided: pd.DataFrame,
    limit: LimitModel,
    release: ReleaseModel,
    explanation: Explanation,
    settings: Settings,
    console: Console,
) -> pd.DataFrame | None:
    """The conflicts scored again with one stream fresh at a time; None where the book has no dates."""
    from data.schema import STREAMS
    from explanations.lag_audit import lag_audit

    if not book.dated or not len(explanation.conflicts):
        return None
    conflicts = decided[decided["request_id"].isin(explanation.conflicts["request_id"])]
    with console.step("Scoring again on fresh data", len(STREAMS)) as move:
        return lag_audit(
            book,
            conflicts.reset_index(drop=True),
            limit,
            release,
            settings.features,
            settings.models,
            move,
        )


def cohorts(
    book: Book,
    requests: Matrix,
    reviews: Matrix,
    limit_score: Floats,
    release: ReleaseModel,
    settings: Settings,
) -> tuple[pd.DataFrame, Cohorts]:
    """Decisions of both models on every request of a book (`row`: its place), and who is in which cohort."""
    from explanations.cohorts import cohorts_of
    from models.decisions import decide_requests
    from training.periods import request_splits
    from training.splits import CALIBRATION, OUT_OF_TIME

    split = request_splits(book, requests.keys, settings.training)
    decided = decide_requests(
        book, requests, reviews, limit_score, release, split == CALIBRATION, settings.models
    )
    return decided.assign(row=range(len(decided))), cohorts_of(decided, split == OUT_OF_TIME)


def true_conflicts_of(
    book: Book,
    conflicts: pd.DataFrame,
    limit: LimitModel,
    release: ReleaseModel,
    settings: Settings,
    console: Console,
) -> Floats:
    """K of each conflict in the worlds of every subset of mechanisms."""
    from explanations.truth import WORLDS, true_conflicts

    ids = conflicts["request_id"].to_numpy()
    with console.step("Living the world through again", WORLDS) as move:
        return true_conflicts(book, ids, limit, release, settings.features, settings.models, move)


def scored_books(
    settings: Settings, seed: int, scenarios: list[str], refits: int, out: Path, console: Console
) -> Iterator[Scored]:
    """Each scenario of one world as each fit of the models decides it, kept in a file each, and the null change.

    All are explained with models of the baseline: those that the lender had when the scenario began.
    """
    import tempfile

    from explanations.scorecard import NULL_CHANGE
    from explanations.scored import load, save

    made = of_world(settings, seed, "baseline")
    # Books of other parameters, or of other code, are not taken for these.
    groups = {"code": code_digest()} | {
        part.name: getattr(made, part.name).model_dump(mode="json") for part in fields(Settings)
    }
    key = hashlib.sha256(json.dumps(groups, sort_keys=True).encode()).hexdigest()[:12]
    fits: list[tuple[LimitModel, ReleaseModel]] = []
    for name in [*scenarios, NULL_CHANGE] if "baseline" in scenarios else scenarios:
        null = name == NULL_CHANGE
        paths = [
            out / "books" / f"{name}-seed{seed}-fit{fit}-{key}.parquet"
            for fit in range(1 if null else refits + 1)
        ]
        if not all(path.is_file() for path in paths):
            world = _null_changed(made) if null else of_world(settings, seed, name)
            fits = fits or _baseline_fits(made, refits, console)
            with tempfile.TemporaryDirectory(prefix="releasegap-") as folder:
                book = simulate(world, Path(folder) / "book", console)
                requests, reviews = matrices(book, world, console)
                for fit, path in enumerate(paths):
                    if not path.is_file():
                        models = _fit_both(book, requests, reviews, world, console) if null else fits[fit]
                        place = (seed, name, fit)
                        save(_score_book(place, book, requests, reviews, *models, world, console), path)
        for fit, path in enumerate(paths):
            yield load(path, seed, name, fit)


def _null_changed(settings: Settings) -> Settings:
    """Parameters that say the same in other words: other blocks, a policy renewed unchanged, an unused scenario."""
    world, borrowers = settings.world, settings.simulation.borrowers
    halves = [
        regime.model_copy(update={"months": months})
        for regime in world.policy.schedule
        for months in (1, regime.months - 1)
        if months
    ]
    policy = world.policy.model_copy(update={"schedule": tuple(halves)})
    unused = {name: said for name, said in world.scenarios.items() if name == settings.simulation.scenario}
    return replace(
        settings,
        blocks=settings.blocks.model_copy(update={"size": max(min(settings.blocks.size, borrowers) // 3, 1)}),
        world=world.model_copy(update={"policy": policy, "scenarios": unused}),
    )


def _baseline_fits(
    settings: Settings, refits: int, console: Console
) -> list[tuple[LimitModel, ReleaseModel]]:
    """The models of a world's baseline: those of the parameters, and as other seeds of the fit give them."""
    import tempfile

    with tempfile.TemporaryDirectory(prefix="releasegap-") as folder:
        book = simulate(settings, Path(folder) / "book", console)
        requests, reviews = matrices(book, settings, console)
        fits = []
        for refit in range(refits + 1):
            training = settings.training.model_copy(update={"seed": settings.training.seed + refit})
            refitted = replace(settings, training=training)
            fits.append(_fit_both(book, requests, reviews, refitted, console))
    return fits


def _fit_both(
    book: Book, requests: Matrix, reviews: Matrix, settings: Settings, console: Console
) -> tuple[LimitModel, ReleaseModel]:
    return fit_limit(book, reviews, settings, console), fit_release(book, requests, settings, console)


def _score_book(
    place: tuple[int, str, int],
    book: Book,
    requests: Matrix,
    reviews: Matrix,
    limit: LimitModel,
    release: ReleaseModel,
    settings: Settings,
    console: Console,
) -> Scored:
    """The conflicts of a simulated book with the truth, the ledger's answer and the features'."""
    from data.mechanisms import shapley_shares
    from explanations.causes import SCENES, Ledger
    from explanations.scored import observables, scored

    limit_score = score_reviews(reviews, limit)
    decided, members = cohorts(book, requests, reviews, limit_score, release, settings)
    conflicts = decided[members.conflict].reset_index(drop=True)
    ids = conflicts["request_id"].to_numpy()
    ledger = Ledger(
        book, reviews, limit_score, limit, release, settings.features, settings.models, settings.explanations
    )
    with console.step("Splitting every conflict into its causes", SCENES) as move:
        said = ledger.conflicts(ids, move)
    kept = true_conflicts_of(book, conflicts, limit, release, settings, console)
    contributions = _group_contributions(
        book, requests, conflicts, decided[members.reference], release, console
    )
    observed = observables(conflicts, requests, reviews)
    return scored(place, conflicts, shapley_shares(said), kept, contributions, observed)


def _group_contributions(
    book: Book,
    requests: Matrix,
    conflicts: pd.DataFrame,
    reference: pd.DataFrame,
    release: ReleaseModel,
    console: Console,
) -> tuple[Floats, Floats]:
    """True contributions of groups of state to each conflict, and the model's; NaN where the score does not refuse."""
    import numpy as np

    from data.states import states_of, world_of
    from explanations.contrast import contributions
    from explanations.fidelity import GROUPS, model_contributions, state_contributions
    from features.catalogue import catalogue_of

    by_score = (conflicts["refused_by"] == "score").to_numpy()
    state, model = (np.full((len(conflicts), len(GROUPS)), np.nan) for _ in range(2))
    if not by_score.any() or not len(reference):
        return state, model
    catalogue = catalogue_of(book)
    refused = conflicts[by_score]
    with console.step("Holding the features against the state of the world"):
        states = [states_of(book, part["request_id"].to_numpy()) for part in (refused, reference)]
        state[by_score] = state_contributions(states[0], states[1], world_of(book))
        rows = [requests.values[part["row"].to_numpy()] for part in (refused, reference)]
        pushes, _ = contributions(release.booster, rows[0], rows[1])
        model[by_score] = model_contributions(pushes, [catalogue[name] for name in catalogue.release])
    return state, model


def _about(book: Book, limit: LimitModel, release: ReleaseModel, settings: Settings) -> dict[str, Any]:
    """What the summary says of book, models, parameters and versions."""
    import platform
    from importlib.metadata import version

    packages = ("lightgbm", "mlflow", "numba", "numpy", "pandas", "scikit-learn", "shap")
    manifest = book.manifest
    return {
        "source": manifest.source,
        "seed": manifest.seed,
        "scenario": manifest.scenario,
        "borrowers": manifest.rows["borrowers"],
        "currency": (manifest.mapping or {}).get("currency", "RMB"),
        "book_digest": book.digest,
        "models": {"limit": limit.digest, "release": release.digest},
        "parameters": used(settings, book, limit, release),
        "trained_on": {"limit": limit.origin.book_digest, "release": release.origin.book_digest},
        "versions": {"python": platform.python_version(), **{name: version(name) for name in packages}},
    }
