"""The stages that commands are made of: each takes a book, models and parameters, and shows its progress."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

from commandline import Console
from settings import Settings, of_world, used

if TYPE_CHECKING:
    import pandas as pd

    from data.book import Book
    from explanations.explanation import Explanation
    from explanations.scorecard import Scored
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


def refuse_foreign_explanation(out: Path) -> None:
    """Raises CallError where the folder holds something that is not an explanation."""
    from data.atomic import refuse_foreign
    from explanations.files import SUMMARY

    refuse_foreign(out, SUMMARY)


def book_folder(settings: Settings, home: Path) -> Path:
    """Where the main job keeps the book that it simulates."""
    made = settings.simulation
    return home / "books" / f"{made.scenario}-{made.borrowers}x{made.months}-seed{made.seed}"


def simulate(settings: Settings, out: Path, console: Console) -> Book:
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
            processes=blocks.processes_for(count),
            track=console.track(move),
        )


def matrix(book: Book, kind: Kind, settings: Settings, console: Console) -> Matrix:
    """The snapshots of all requests or reviews of a book."""
    from features.matrix import whole_matrix

    with console.step(f"Reading what was visible at each {kind}", book.blocks) as move:
        processes = settings.blocks.processes_for(book.blocks)
        return whole_matrix(book, kind, settings.features, processes, console.track(move))


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


def judge(
    book: Book,
    requests: Matrix | None,
    reviews: Matrix | None,
    limit: LimitModel | None,
    release: ReleaseModel | None,
    settings: Settings,
) -> Judged:
    """Performance of the models that are given, out of time."""
    from training.from_book import judge

    return judge(book, requests, reviews, limit, release, settings.training)


def explain(
    book: Book,
    requests: Matrix,
    reviews: Matrix,
    limit: LimitModel,
    release: ReleaseModel,
    judged: Judged,
    settings: Settings,
    console: Console,
) -> Explanation:
    """Conflicts, contrast, causes and all that the report tells."""
    from explanations.cause_tables import with_causes
    from explanations.explain import Evidence, explain
    from features.catalogue import catalogue_of
    from models.decisions import decide_requests
    from training.labels import observed_bad, oracle_bad
    from training.periods import request_splits, review_splits
    from training.splits import CALIBRATION, OUT_OF_TIME, OUTSIDE

    split = request_splits(book, requests.keys, settings.training)
    decided = decide_requests(book, requests, reviews, limit, release, split == CALIBRATION, settings.models)
    evidence = Evidence(
        decided=decided,
        requests=requests,
        reviews=reviews,
        out_of_time=split == OUT_OF_TIME,
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
        explanation = explain(evidence, settings.explanations, move)
    causes = split_causes(book, reviews, limit, release, explanation, settings, console)
    audit = audit_lag(book, decided, limit, release, explanation, settings, console)
    return with_causes(explanation, causes, audit, settings.explanations)


def split_causes(
    book: Book,
    reviews: Matrix,
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
    ledger = Ledger(book, reviews, limit, release, settings.features, settings.models, settings.explanations)
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


def conflicts_of(
    book: Book,
    requests: Matrix,
    reviews: Matrix,
    limit: LimitModel,
    release: ReleaseModel,
    settings: Settings,
) -> pd.DataFrame:
    """Decisions of both models on the conflicts of a book, out of time; `row` is the request's place."""
    from explanations.cohorts import cohorts_of
    from models.decisions import decide_requests
    from training.periods import request_splits
    from training.splits import CALIBRATION, OUT_OF_TIME

    split = request_splits(book, requests.keys, settings.training)
    decided = decide_requests(book, requests, reviews, limit, release, split == CALIBRATION, settings.models)
    conflict = cohorts_of(decided, split == OUT_OF_TIME).conflict
    return decided.assign(row=range(len(decided)))[conflict].reset_index(drop=True)


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
    settings: Settings, seed: int, scenarios: list[str], out: Path, console: Console
) -> Iterator[Scored]:
    """Each scenario of one world with the truth and the ledger's answer, kept in a file each.

    All are explained with the models of the baseline: those that the lender had when the scenario began.
    """
    import tempfile

    from explanations import scorecard as scoring

    made = of_world(settings, seed, "baseline")
    # Books of other parameters are not taken for these.
    groups = {part.name: getattr(made, part.name).model_dump(mode="json") for part in fields(Settings)}
    key = hashlib.sha256(json.dumps(groups, sort_keys=True).encode()).hexdigest()[:12]
    paths = {name: out / "books" / f"{name}-seed{seed}-{key}.parquet" for name in scenarios}
    models = None
    for name, path in paths.items():
        if not path.is_file():
            with tempfile.TemporaryDirectory(prefix="releasegap-") as folder:
                world = of_world(settings, seed, name)
                book = simulate(world, Path(folder) / "book", console)
                requests, reviews = (matrix(book, kind, world, console) for kind in ("request", "review"))
                if models is None:
                    models = _baseline_models(world, seed, book, requests, reviews, Path(folder), console)
                path.parent.mkdir(parents=True, exist_ok=True)
                scoring.save(_score_book(book, requests, reviews, *models, world, console), path)
        yield scoring.load(path, seed, name)


def _baseline_models(
    settings: Settings,
    seed: int,
    book: Book,
    requests: Matrix,
    reviews: Matrix,
    folder: Path,
    console: Console,
) -> tuple[LimitModel, ReleaseModel]:
    """The models of a world's baseline; from the book at hand where that is it."""
    if settings.simulation.scenario != "baseline":
        settings = of_world(settings, seed, "baseline")
        book = simulate(settings, folder / "baseline", console)
        requests, reviews = (matrix(book, kind, settings, console) for kind in ("request", "review"))
    return fit_limit(book, reviews, settings, console), fit_release(book, requests, settings, console)


def _score_book(
    book: Book,
    requests: Matrix,
    reviews: Matrix,
    limit: LimitModel,
    release: ReleaseModel,
    settings: Settings,
    console: Console,
) -> Scored:
    """The conflicts of a simulated book with the truth and the ledger's answer."""
    from explanations import scorecard as scoring
    from explanations.causes import SCENES, Ledger

    conflicts = conflicts_of(book, requests, reviews, limit, release, settings)
    ids = conflicts["request_id"].to_numpy()
    ledger = Ledger(book, reviews, limit, release, settings.features, settings.models, settings.explanations)
    with console.step("Splitting every conflict into its causes", SCENES) as move:
        said = ledger.conflicts(ids, move)
    kept = true_conflicts_of(book, conflicts, limit, release, settings, console)
    return scoring.scored(book, conflicts, requests, reviews, said, kept)


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
