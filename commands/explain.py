"""`releasegap explain`: why the release model refuses those whom the limit model favoured."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

import stages
from commandline import (
    BookOption,
    Common,
    EngineOption,
    LimitModelOption,
    ReleaseModelOption,
    SchedulerOption,
)
from commands.tracked import finish, metrics, store_of
from settings import settings_of, used

if TYPE_CHECKING:
    from features.matrix import Kind, Matrix


def explain(
    common: Common,
    book: BookOption,
    out: Annotated[Path, typer.Option("--out", metavar="DIR", help="Folder for the tables and the report.")],
    limit_model: LimitModelOption = None,
    release_model: ReleaseModelOption = None,
    engine: EngineOption = "local",
    scheduler: SchedulerOption = None,
) -> None:
    """Explain why the release model refuses those whom the limit model favoured; write tables and report."""
    from data.blocks import engine_of
    from training.registry import load_models
    from training.run_record import digests_of, record_digests

    console = common.console
    settings = settings_of(common)
    taken = stages.open_verified(book)
    stages.refuse_foreign_explanation(out)
    store = store_of(common)
    limit, release, uris = load_models(store, taken, limit_model, release_model, settings.training)
    with (
        engine_of(settings.blocks, engine, scheduler) as workers,
        store.run_on(taken, "explain", used(settings, taken, limit, release)) as tracked,
    ):
        requests, reviews = stages.matrices(taken, settings, console, workers)
        made: dict[Kind, Matrix] = {"request": requests, "review": reviews}
        record_digests(tracked, digests_of(made, limit, release))
        scored = stages.scored_book(taken, requests, reviews, limit, release, settings)
        judged = stages.judge(taken, requests, reviews, scored.limit_score, scored.margin, release, settings)
        tracked.log_metrics(metrics(judged.performance))
        with stages.refits_begun(scored) as refits:
            explanation = stages.explain(scored, judged, refits, console, workers)
        tracked.log_models_used(tuple(uris.values()))
        finish(explanation, limit, release, out, tracked, store, uris, common.home, console)
