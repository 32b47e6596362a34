"""`releasegap run`: the main job in one process."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

import stages
from commandline import (
    BorrowersOption,
    Common,
    DistributedOption,
    EngineOption,
    MonthsOption,
    ResumeOption,
    ScenarioOption,
    SchedulerOption,
    SeedOption,
)
from commands.fits import fit_models, log_fits
from commands.tracked import features_digest, finish, stage_run, store_of
from data.errors import CallError
from settings import flat, settings_of, simulation_changes

if TYPE_CHECKING:
    from features.matrix import Kind, Matrix


def run(
    common: Common,
    book: Annotated[
        Path | None, typer.Option("--book", metavar="BOOK", help="A book to take instead of simulating.")
    ] = None,
    borrowers: BorrowersOption = None,
    months: MonthsOption = None,
    seed: SeedOption = None,
    scenario: ScenarioOption = None,
    out: Annotated[
        Path | None, typer.Option("--out", metavar="DIR", help="Where the explanation goes.")
    ] = None,
    engine: EngineOption = "local",
    scheduler: SchedulerOption = None,
    resume: ResumeOption = True,
    distributed_training: DistributedOption = False,
) -> None:
    """The main job: simulate (or take a book), train both models, explain, report, track."""
    from data.blocks import engine_of
    from training.run_record import digests_of, record_digests

    console = common.console
    changes = simulation_changes(borrowers, months, seed, scenario)
    if book is not None and changes:
        raise CallError(
            "--book takes a book as it is: leave out --borrowers, --months, --seed and --scenario."
        )
    settings = settings_of(common, *changes)
    with engine_of(settings.blocks, engine, scheduler) as workers:
        grow = stages.way_to_grow(workers, distributed_training, settings)
        taken = (
            stages.open_verified(book)
            if book is not None
            else stages.simulate(
                settings, stages.book_folder(settings, common.home), console, workers, resume
            )
        )
        out = out or common.home / "explanations" / taken.name
        stages.refuse_foreign_explanation(out)
        store = store_of(common, or_home=True)
        parameters = flat(settings, taken)
        digest = features_digest(taken, parameters)
        with store.run_on(taken, "run", parameters) as tracked:
            if book is None:
                with stage_run(store, taken, "simulate", parameters) as stage:
                    stage.log_measures("book.rows", taken.manifest.rows)
            with stage_run(store, taken, "features", parameters) as stage:
                requests, reviews = stages.matrices(taken, settings, console, workers)
                stage.log_matrices(digest, {"requests": requests, "reviews": reviews})
            workers.rest()  # the fits want the memory
            both = fit_models(store, tracked, taken, requests, reviews, settings, console, grow)
            scored = both.scored
            assert scored is not None
            with stages.refits_begun(scored) as refits:  # they go on while models are logged
                uris = log_fits(store, tracked, taken, both, settings, console)
                made: dict[Kind, Matrix] = {"request": requests, "review": reviews}
                record_digests(tracked, digests_of(made, both.limit, both.release))
                with stage_run(store, taken, "explain", parameters, digest) as stage:
                    explanation = stages.explain(scored, both.judged, refits, console, workers)
                    from explanations.finding import finding_metrics  # charts and all: not before the fits

                    stage.log_metrics(finding_metrics(explanation))
                    stage.log_models_used((uris["limit"], uris["release"]))
            finish(
                explanation,
                scored.limit,
                scored.release,
                out,
                tracked,
                store,
                uris,
                common.home,
                console,
            )
