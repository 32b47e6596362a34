"""The stages that commands are made of: each takes a book, models and parameters, and shows its progress."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from commandline import Console
from data.errors import CallError
from settings import Settings, used

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd
    from numpy.typing import NDArray

    from data.blocks import Engine
    from data.book import Book
    from explanations.cohorts import Cohorts
    from explanations.explanation import Explanation
    from features.matrix import Kind, Matrix
    from models.boosted import Floats
    from models.limit_model import LimitModel
    from models.release_model import ReleaseModel
    from training.fitting import Grow
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
    book: Book,
    settings: Settings,
    console: Console,
    engine: Engine | None = None,
    kinds: tuple[Kind, ...] = ("request", "review"),
) -> tuple[Matrix, ...]:
    """The snapshots of all requests and reviews of a book, a matrix for each kind that is asked for.

    Reviews of a dated book that have a part in nothing (before history begins) are left out.
    """
    from features.matrix import whole_matrices
    from training.periods import first_month_of_reviews

    with console.step(f"Reading what was visible at each {' and '.join(kinds)}", book.blocks) as move:
        return whole_matrices(
            book,
            kinds,
            settings.features,
            engine or settings.blocks.local,
            console.track(move),
            first_month_of_reviews(settings.training.periods, settings.models.favoured.window_days),
        )


def way_to_grow(engine: Engine, distributed: bool, settings: Settings) -> Grow:
    """How trees are grown: in this program, or where the call asks for it by the workers of its Dask cluster.

    Raises:
        CallError: It asks for it without such a cluster.
    """
    from data.cluster import Cluster
    from training.fitting import grown_here

    if not distributed:
        return grown_here
    if not isinstance(engine, Cluster):
        raise CallError("--distributed-training is for --engine dask: name this engine, too.")
    from training.distributed import grown_by

    return grown_by(engine, settings.training.distributed)


def fit_limit(
    book: Book, reviews: Matrix, settings: Settings, console: Console, grow: Grow | None = None
) -> LimitModel:
    """Fits the limit model on the snapshots of the reviews."""
    from training.fitting import grown_here
    from training.from_book import fit_limit_on

    with console.step("Fitting the limit model", settings.training.limit.rounds) as move:
        return fit_limit_on(
            book, reviews, settings.training, lambda done, most, score: move(done), grow or grown_here
        )


def fit_release(
    book: Book, requests: Matrix, settings: Settings, console: Console, grow: Grow | None = None
) -> ReleaseModel:
    """Fits and calibrates the release model on the snapshots of the requests."""
    from training.fitting import grown_here
    from training.from_book import fit_release_on

    with console.step("Fitting the release model", settings.training.release.rounds) as move:
        return fit_release_on(
            book,
            requests,
            settings.training,
            settings.models,
            lambda done, most, score: move(done),
            grow=grow or grown_here,
        )


def score_reviews(reviews: Matrix, limit: LimitModel) -> Floats:
    """The limit model's score of each review (log-RMB), which judging, deciding and explaining share."""
    limit.require(reviews.features)
    return limit.score(reviews.values)


def score_requests(requests: Matrix, release: ReleaseModel) -> Floats:
    """The release model's score of each request (log-odds, before calibration), which the same stages share."""
    release.require(requests.features)
    return release.margin(requests.values)


def judge(
    book: Book,
    requests: Matrix | None,
    reviews: Matrix | None,
    limit_score: Floats | None,
    margin: Floats | None,
    release: ReleaseModel | None,
    settings: Settings,
) -> Judged:
    """Performance of the models that are given, out of time."""
    from training.from_book import judge

    probability = None if release is None or margin is None else release.calibration.pd(margin)
    return judge(book, requests, reviews, limit_score, probability, settings.training)


def explain(
    book: Book,
    requests: Matrix,
    reviews: Matrix,
    limit: LimitModel,
    limit_score: Floats,
    release: ReleaseModel,
    margin: Floats,
    judged: Judged,
    settings: Settings,
    console: Console,
    engine: Engine | None = None,
) -> Explanation:
    """Conflicts, contrast, causes and all that the report tells."""
    from explanations.cause_tables import with_causes
    from explanations.explain import Evidence, explain
    from explanations.rules import with_rules
    from features.catalogue import catalogue_of
    from training.labels import observed_bad, oracle_bad
    from training.periods import review_splits
    from training.splits import OUTSIDE

    decided, members = cohorts(book, requests, reviews, limit_score, release, margin, settings)
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
    causes = split_causes(book, reviews, limit_score, limit, release, ids, settings, console, engine)
    audit = audit_lag(book, decided, limit, release, explanation, settings, console, engine)
    checked = _check(book, requests, decided, members, causes, limit, release, settings, console)
    told = with_causes(explanation, causes, audit, checked, settings.explanations)
    told = with_rules(told, settings.explanations)
    return with_timelines(told, book, console, engine or settings.blocks.local)


def with_timelines(
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


def kept_explanation(folder: Path | None, home: Path) -> Explanation:
    """The explanation in a folder, or the one that was written last into the home."""
    from explanations.files import latest_explanation, read_explanation

    return read_explanation(folder or latest_explanation(home))


def explained_book(explanation: Explanation, book: Path | None, home: Path) -> Book | None:
    """The book that an explanation was made from: the one in a folder, else one of the home's; None where it has none.

    Raises:
        CallError: The book in the folder is another one.
    """
    from data.book import MANIFEST, open_book

    digest = explanation.summary["book_digest"]
    if book is not None:
        opened = open_book(book)
        if opened.digest != digest:
            raise CallError(
                f"{book} (digest {opened.digest[:12]}) is not the book of this explanation (digest {digest[:12]}); "
                "name that one."
            )
        return opened
    kept = (open_book(path.parent) for path in sorted((home / "books").glob(f"*/{MANIFEST}")))
    return next((one for one in kept if one.digest == digest), None)


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
    contributions = group_contributions(book, requests, conflicts, reference, release, console)
    said = causes[list(CAUSES)].to_numpy()[places]
    place = (int(book.manifest.seed or 0), str(book.manifest.scenario), 0)
    return check_of(scored(place, conflicts, said, kept, contributions))


def split_causes(
    book: Book,
    reviews: Matrix,
    limit_score: Floats,
    limit: LimitModel,
    release: ReleaseModel,
    request_ids: NDArray[np.int64],
    settings: Settings,
    console: Console,
    engine: Engine | None = None,
) -> pd.DataFrame | None:
    """The cause ledger of some conflicts; None where the book does not let causes be told apart."""
    from explanations.causes import Ledger

    if not book.dated:
        return None
    ledger = Ledger(
        book, reviews, limit_score, limit, release, settings.features, settings.models, settings.explanations
    )
    with console.step("Splitting every conflict into its causes", book.blocks) as move:
        return ledger.shares(request_ids, engine or settings.blocks.local, console.track(move))


def audit_lag(
    book: Book,
    decided: pd.DataFrame,
    limit: LimitModel,
    release: ReleaseModel,
    explanation: Explanation,
    settings: Settings,
    console: Console,
    engine: Engine | None = None,
) -> pd.DataFrame | None:
    """The conflicts scored again with one stream fresh at a time; None where the book has no dates."""
    from explanations.lag_audit import lag_audit

    if not book.dated or not len(explanation.conflicts):
        return None
    conflicts = decided[decided["request_id"].isin(explanation.conflicts["request_id"])]
    with console.step("Scoring again on fresh data", book.blocks) as move:
        return lag_audit(
            book,
            conflicts.reset_index(drop=True),
            limit,
            release,
            settings.features,
            settings.models,
            engine or settings.blocks.local,
            console.track(move),
        )


def cohorts(
    book: Book,
    requests: Matrix,
    reviews: Matrix,
    limit_score: Floats,
    release: ReleaseModel,
    margin: Floats,
    settings: Settings,
) -> tuple[pd.DataFrame, Cohorts]:
    """Decisions of both models on every request of a book (`row`: its place), and who is in which cohort."""
    from explanations.cohorts import cohorts_of
    from models.decisions import decide_requests
    from training.periods import request_splits
    from training.splits import CALIBRATION, OUT_OF_TIME

    split = request_splits(book, requests.keys, settings.training)
    decided = decide_requests(
        book, requests, reviews, limit_score, release, margin, split == CALIBRATION, settings.models
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


def group_contributions(
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
