"""`releasegap simulate`: a synthetic book."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import typer

import stages
from commandline import (
    BorrowersOption,
    Common,
    EngineOption,
    MonthsOption,
    ResumeOption,
    ScenarioOption,
    SchedulerOption,
    SeedOption,
)
from commands.tracked import book_text, store_of
from settings import flat, settings_of, simulation_changes


def simulate(
    common: Common,
    out: Annotated[Path, typer.Option("--out", metavar="BOOK", help="Folder of the book to make.")],
    borrowers: BorrowersOption = None,
    months: MonthsOption = None,
    seed: SeedOption = None,
    scenario: ScenarioOption = None,
    engine: EngineOption = "local",
    scheduler: SchedulerOption = None,
    resume: ResumeOption = True,
) -> None:
    """Make a synthetic book, and show how near it comes to the figures of a real one."""
    from data.blocks import engine_of
    from data.targets import TELLING, as_text, target_table

    console = common.console
    settings = settings_of(common, *simulation_changes(borrowers, months, seed, scenario))
    with engine_of(settings.blocks, engine, scheduler) as workers:
        book = stages.simulate(settings, out, console, workers, resume)
    table = target_table(book) if book.manifest.rows["borrowers"] >= TELLING else None
    if os.environ.get("MLFLOW_RUN_ID"):
        with store_of(common, or_home=True).run_on(book, "simulate", flat(settings, book)) as tracked:
            if table is not None:
                tracked.log_measures("book", dict(table[["name", "reached"]].values))
    few = f"With fewer than {TELLING:,} borrowers chance alone moves figures: none are held against a real lender's."
    console.result(
        f"{few if table is None else as_text(table)}\n{book_text(book)}",
        book=book.path,
        digest=book.digest,
        rows=book.manifest.rows,
        targets=[] if table is None else table.to_dict("records"),
    )
