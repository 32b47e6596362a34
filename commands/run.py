"""`releasegap run`: the main job in one process."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

import stages
from commandline import (
    BorrowersOption,
    Common,
    DistributedOption,
    EngineOption,
    MonthsOption,
    ScenarioOption,
    SchedulerOption,
    SeedOption,
)
from commands.tracked import finish, store_of
from data.errors import CallError
from settings import flat, settings_of, simulation_changes


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
    distributed_training: DistributedOption = False,
) -> None:
    """The main job: simulate (or take a book), train both models, explain, report, track."""
    from data.blocks import engine_of
    from training.registry import log_models

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
            else stages.simulate(settings, stages.book_folder(settings, common.home), console, workers)
        )
        out = out or common.home / "explanations" / taken.path.name
        stages.refuse_foreign_explanation(out)
        store = store_of(common)
        with store.run_on(taken, "run", flat(settings, taken)) as tracked:
            requests, reviews = stages.matrices(taken, settings, console, workers)
            limit = stages.fit_limit(taken, reviews, settings, console, grow)
            release = stages.fit_release(taken, requests, settings, console, grow)
            limit_score = stages.score_reviews(reviews, limit)
            margin = stages.score_requests(requests, release)
            judged = stages.judge(taken, requests, reviews, limit_score, margin, release, settings)
            fitted = (requests, reviews, limit, limit_score, release, margin)
            cards = stages.model_cards(taken, *fitted, judged, settings, console)
            with stages.decision_files(taken, *fitted, settings, console) as decision:
                uris = log_models(tracked, taken, judged, limit, release, decision, cards)
            explanation = stages.explain(
                taken,
                requests,
                reviews,
                limit,
                limit_score,
                release,
                margin,
                judged,
                settings,
                console,
                workers,
            )
            finish(explanation, limit, release, out, tracked, store, uris, common.home, console)
