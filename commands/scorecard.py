"""`releasegap scorecard`: causes and features against the truth, over worlds, scenarios and fits."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from dataclasses import fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

import stages
from commandline import BorrowersOption, Common, Console
from commands.tracked import store_of
from data.errors import DataFault
from settings import Settings, code_digest, of_world, settings_of, simulation_changes

if TYPE_CHECKING:
    from data.book import Book
    from explanations.truth.scored import Scored
    from features.matrix import Matrix
    from models.limit_model import LimitModel
    from models.release_model import ReleaseModel


def scorecard(
    common: Common,
    out: Annotated[Path, typer.Option("--out", metavar="DIR", help="Folder for tables; resumed by book.")],
    seeds: Annotated[int, typer.Option("--seeds", min=1, help="How many worlds.")] = 5,
    first_seed: Annotated[int, typer.Option("--first-seed", min=0, help="Seed of the first.")] = 1001,
    scenarios: Annotated[
        str, typer.Option("--scenarios", metavar="NAMES", help="Names with commas between them, or all.")
    ] = "all",
    borrowers: BorrowersOption = 5000,
    refits: Annotated[
        int,
        typer.Option("--refits", min=0, help="Fits with other seeds, for the uncertainty of every figure."),
    ] = 2,
) -> None:
    """Score causes and features against the truth, over seeds, scenarios and fits."""
    from data.atomic import whole_file
    from data.spreadsheets import frame_csv
    from explanations.truth.scorecard import as_text, overall, tables
    from explanations.truth.scorecard import scorecard as scorecard_of

    console = common.console
    settings = settings_of(common, *simulation_changes(borrowers, None, None, None))
    stages.require_conflicts_of_models(settings)
    known = list(settings.world.scenarios)
    names = known if scenarios == "all" else list(dict.fromkeys(map(str.strip, scenarios.split(","))))
    settings.world.require_scenarios(*names)
    store = store_of(common, or_home=True)  # first, so that one that cannot be reached costs no work
    books: list[Scored] = []
    for seed in range(first_seed, first_seed + seeds):
        books += scored_books(settings, seed, names, refits, out, console)
    rows = scorecard_of(books, settings.explanations.seed)
    written = tables(books)
    with whole_file(out / "scorecard.json") as aside:
        aside.write_text(json.dumps(rows, indent=1, allow_nan=False) + "\n", encoding="utf-8")
    for name, table in written.items():
        with whole_file(out / f"{name}.csv") as aside:
            aside.write_text(frame_csv(table), encoding="utf-8", newline="\n")
    with store.run(f"scorecard {len(books)} books", {"source": "simulated"}) as tracked:
        tracked.log_measures("fidelity", overall(rows))
        tracked.log_artifact(out / "scorecard.json")
        for name in written:
            tracked.log_artifact(out / f"{name}.csv")
    console.result(f"{as_text(rows)}\nWritten: {out / 'scorecard.json'}", scorecard=rows)


def scored_books(
    settings: Settings, seed: int, scenarios: list[str], refits: int, out: Path, console: Console
) -> Iterator[Scored]:
    """Each scenario of one world as each fit of the models decides it, kept in a file each, and the null change.

    All are explained with models of the baseline: those that the lender had when the scenario began.
    """
    import tempfile

    from explanations.truth.scorecard import NULL_CHANGE
    from explanations.truth.scored import load, save

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
                book = stages.simulate(world, Path(folder) / "book", console)
                requests, reviews = stages.matrices(book, world, console)
                for fit, path in enumerate(paths):
                    if not path.is_file():
                        models = _fit_both(book, requests, reviews, world, console) if null else fits[fit]
                        place = (seed, name, fit)
                        both = stages.scored_book(book, requests, reviews, *models, world)
                        save(_score_book(place, both, console), path)
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
        book = stages.simulate(settings, Path(folder) / "book", console)
        requests, reviews = stages.matrices(book, settings, console)
        fits = []
        for refit in range(refits + 1):
            training = settings.training.model_copy(update={"seed": settings.training.seed + refit})
            refitted = replace(settings, training=training)
            fits.append(_fit_both(book, requests, reviews, refitted, console))
    return fits


def _fit_both(
    book: Book, requests: Matrix, reviews: Matrix, settings: Settings, console: Console
) -> tuple[LimitModel, ReleaseModel]:
    return stages.fit_limit(book, reviews, settings, console), stages.fit_release(
        book, requests, settings, console
    )


def _score_book(place: tuple[int, str, int], both: stages.ScoredBook, console: Console) -> Scored:
    """The conflicts of a simulated book with the truth, the ledger's answer and the features'."""
    from data.mechanisms import CAUSES
    from explanations.truth.scored import observables, scored

    book, requests, reviews, settings = both.book, both.requests, both.reviews, both.settings
    limit, release = both.limit, both.release
    conflicts = both.decided[both.members.conflict].reset_index(drop=True)
    ids = conflicts["request_id"].to_numpy()
    ledger = stages.ledger_of(book, reviews, both.limit_score, limit, release, settings)
    causes = stages.split_causes(ledger, ids, console, settings.blocks.local)
    if causes is None:
        raise DataFault(f"{book.path} has no dates, so there are no causes to score; take a simulated book.")
    kept = stages.true_conflicts_of(book, conflicts, limit, release, settings, console)
    contributions = stages.group_contributions(
        book, requests, conflicts, both.decided[both.members.reference], release, console
    )
    observed = observables(conflicts, requests, reviews)
    return scored(place, conflicts, causes[list(CAUSES)].to_numpy(), kept, contributions, observed)
