"""`releasegap truth`: the true causes of a simulated book's conflicts."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

import stages
from commandline import BookOption, Common, LimitModelOption, ReleaseModelOption
from commands.tracked import store_of
from data.errors import CallError
from settings import settings_of, used


def truth(
    common: Common,
    book: BookOption,
    out: Annotated[Path, typer.Option("--out", metavar="DIR", help="Folder for the table.")],
    limit_model: LimitModelOption = None,
    release_model: ReleaseModelOption = None,
) -> None:
    """Find the true causes of a simulated book's conflicts by living its world through again."""
    from data.atomic import whole_file
    from data.mechanisms import CAUSES, shapley_shares
    from training.registry import load_models

    console = common.console
    settings = settings_of(common)
    stages.require_conflicts_of_models(settings)
    taken = stages.open_verified(book)
    stages.require_simulated(taken, "only a simulator can live its world through again")
    if out.is_file():
        raise CallError(f"{out} is a file: --out names the folder of the table.")
    store = store_of(common)
    limit, release, _ = load_models(store, taken, limit_model, release_model, settings.training)
    with store.run_on(taken, "truth", used(settings, taken, limit, release)) as tracked:
        requests, reviews = stages.matrices(taken, settings, console)
        scored = stages.scored_book(taken, requests, reviews, limit, release, settings)
        conflicts = scored.decided[scored.members.conflict].reset_index(drop=True)
        kept = stages.true_conflicts_of(taken, conflicts, limit, release, settings, console)
        shares = conflicts[["request_id"]].assign(**dict(zip(CAUSES, shapley_shares(kept).T, strict=True)))
        path = out / "true_causes.parquet"
        path.parent.mkdir(parents=True, exist_ok=True)
        with whole_file(path) as aside:
            shares.to_parquet(aside, index=False, compression="zstd")
        means = {name: float(shares[name].mean()) for name in CAUSES} if len(shares) else {}
        tracked.log_metrics({f"truth.{name}": value for name, value in means.items()})
        tracked.log_artifact(path)
    said = ", ".join(f"{name.replace('_', ' ')} {value:.0%}" for name, value in means.items())
    console.result(
        f"{len(shares):,} conflicts; mean true shares: {said or 'none'}.\nWritten: {path}",
        conflicts=len(shares),
        mean_share=means,
        table=path,
    )
