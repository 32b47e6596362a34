"""`releasegap train`: the models of a book."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal

import typer

import stages
from commandline import BookOption, Common, DistributedOption, EngineOption, SchedulerOption
from commands.tracked import metrics, store_of
from settings import flat, settings_of

if TYPE_CHECKING:
    from features.matrix import Kind


def train(
    common: Common,
    what: Annotated[Literal["limit", "release", "all"], typer.Argument(help="Which model to train.")],
    book: BookOption,
    engine: EngineOption = "local",
    scheduler: SchedulerOption = None,
    distributed_training: DistributedOption = False,
) -> None:
    """Fit, calibrate, score out of time, log and register the models of a book."""
    from data.blocks import engine_of
    from training.headline import headline
    from training.registry import log_models

    console = common.console
    settings = settings_of(common)
    taken = stages.open_verified(book)
    with engine_of(settings.blocks, engine, scheduler) as workers:
        grow = stages.way_to_grow(workers, distributed_training, settings)
        store = store_of(common)
        with store.run_on(taken, f"train {what}", flat(settings, taken)) as tracked:
            wanted: dict[str, tuple[Kind, ...]] = {"limit": ("review",), "release": ("request",)}
            kinds = wanted.get(what, ("request", "review"))
            made = dict(zip(kinds, stages.matrices(taken, settings, console, workers, kinds), strict=True))
            requests, reviews = made.get("request"), made.get("review")
            limit = stages.fit_limit(taken, reviews, settings, console, grow) if reviews is not None else None
            release = (
                stages.fit_release(taken, requests, settings, console, grow) if requests is not None else None
            )
            limit_score = None if reviews is None or limit is None else stages.score_reviews(reviews, limit)
            margin = None if requests is None or release is None else stages.score_requests(requests, release)
            judged = stages.judge(taken, requests, reviews, limit_score, margin, release, settings)
            fitted = (requests, reviews, limit, limit_score, release, margin)
            cards = stages.model_cards(taken, *fitted, judged, settings, console)
            with stages.decision_files(taken, *fitted, settings, console) as decision:
                uris = log_models(tracked, taken, judged, limit, release, decision, cards)
    found = metrics(judged.performance)
    console.result(
        f"{headline(found, taken.manifest.rows['borrowers'])}\nModels: {', '.join(uris.values())}\n"
        f"Run: {tracked.run_id} in {store.place}",
        models=uris,
        run=tracked.run_id,
        store=store.place,
        metrics=found,
    )
