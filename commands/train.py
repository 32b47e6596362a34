"""`releasegap train`: the models of a book."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal

import typer

import stages
from commandline import BookOption, Common, DistributedOption, EngineOption, SchedulerOption
from commands.fits import fit_models, log_fits
from commands.tracked import features_digest, metrics, store_of
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
    from training.run_record import digests_of, record_digests

    console = common.console
    settings = settings_of(common)
    taken = stages.open_verified(book)
    with engine_of(settings.blocks, engine, scheduler) as workers:
        grow = stages.way_to_grow(workers, distributed_training, settings)
        store = store_of(common, or_home=True)
        parameters = flat(settings, taken)
        with store.run_on(taken, f"train {what}", parameters) as tracked:
            wanted: dict[str, tuple[Kind, ...]] = {"limit": ("review",), "release": ("request",)}
            kinds = wanted.get(what, ("request", "review"))
            made = dict(zip(kinds, stages.matrices(taken, settings, console, workers, kinds), strict=True))
            workers.rest()  # the fits want the memory
            tracked.log_matrices(
                features_digest(taken, parameters), {f"{kind}s": matrix for kind, matrix in made.items()}
            )
            requests, reviews = made.get("request"), made.get("review")
            fitted = fit_models(store, tracked, taken, requests, reviews, settings, console, grow)
            uris = log_fits(store, tracked, taken, fitted, settings, console)
            record_digests(tracked, digests_of(made, fitted.limit, fitted.release))
    found = metrics(fitted.judged.performance)
    console.result(
        f"{headline(found, taken.manifest.rows['borrowers'])}\nModels: {', '.join(uris.values())}\n"
        f"Run: {tracked.run_id} in {store.place}",
        models=uris,
        run=tracked.run_id,
        store=store.place,
        metrics=found,
    )
