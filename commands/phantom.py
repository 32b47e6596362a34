"""`releasegap phantom`: limits on show that would be refused on a day."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

import stages
from commandline import BookOption, Common, EngineOption, ReleaseModelOption, SchedulerOption
from commands.tracked import store_of
from data.errors import CallError
from data.markdown import plain_lines
from settings import settings_of

if TYPE_CHECKING:
    from training.runs import Run


def phantom(
    common: Common,
    book: BookOption,
    on: Annotated[
        str | None,
        typer.Option("--on", metavar="DATE", help="Day as YYYY-MM-DD; else the last of the book's history."),
    ] = None,
    out: Annotated[
        Path | None, typer.Option("--out", metavar="DIR", help="Folder of the result; else one in the home.")
    ] = None,
    release_model: ReleaseModelOption = None,
    since: Annotated[
        Path | None,
        typer.Option(
            "--since",
            metavar="DIR",
            help="An earlier result: only whom news has touched since is asked again.",
        ),
    ] = None,
    engine: EngineOption = "local",
    scheduler: SchedulerOption = None,
) -> None:
    """List the limits on show that would be refused if every borrower asked on one day, with cause and remedy."""
    import numpy as np

    from data.atomic import refuse_foreign, whole_folder
    from data.blocks import engine_of
    from data.book import open_book
    from explanations.remedies.phantom_files import TOTALS, read_phantom, renewed, totals, write_phantom
    from training.registry import load_release

    console = common.console
    settings = settings_of(common)
    taken = open_book(book)
    if not taken.dated:
        raise CallError(
            f"{taken.path} has no dates, so nobody can be asked on a day: the report's remedies tell its phantom limit."
        )
    before = None if since is None else read_phantom(since)
    day = stages.day_of(taken, on if on is not None or before is None else str(before[1].get("on")), "--on")
    out = out or common.home / "phantom" / f"{taken.name}-{day:%Y-%m-%d}"
    refuse_foreign(out, TOTALS)
    store = store_of(common)
    release, uri = load_release(store, taken, release_model)
    about = stages.about_limits(taken, day, release, settings)
    again = None if before is None or since is None else stages.to_ask_again(taken, before[1], about, since)
    everyone = again is None
    wanted = again if again is not None else [(block, None) for block in range(taken.blocks)]
    taken.verify(None if everyone else [block for block, _ in wanted])
    with (
        engine_of(settings.blocks, engine, scheduler) as workers,
        store.run_on(taken, "phantom", about["parameters"] | {"on": about["on"]}) as tracked,
    ):
        shown, read = stages.ask_for_limits(taken, day, wanted, release, settings, console, workers)
        if before is not None and not everyone:
            asked = [ids for _, ids in wanted if ids is not None]
            shown = renewed(before[0], shown, np.concatenate([*asked, np.empty(0, dtype=np.int64)]))
        told = totals(shown, about, settings.explanations.bootstrap_level)
        found = {"run": tracked.run_id, "store": store.place, "models": {"release": uri}, "asked": read}
        with console.step("Writing the limits on show"), whole_folder(out, TOTALS) as folder:
            write_phantom(shown, told, folder)
            (folder / "run.json").write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
        said = _said(told)
        _keep(told, said, out, tracked)
    console.result(
        f"{said}\nWritten: {out}\nRun: {tracked.run_id} in {store.place}", folder=out, **told, **found
    )


def _said(told: dict[str, Any]) -> str:
    """The finding in a few sentences."""
    from explanations.report.quantities import count, large_money, share
    from explanations.report.words import say

    if not told["totals"]:
        return f"On {told['on']} no borrower sees anything that he could draw."
    everyone = told["totals"][0]
    available, amount = (
        large_money(everyone[name], told["currency"]).en for name in ("available", "phantom")
    )
    lines = [
        f"On {told['on']} {count(told['on_show'])} borrowers see {available}; {count(everyone['refused'])} of them "
        f"would be refused, and hold {amount} ({share(everyone['share'])} of all on show)."
    ]
    for row in told["causes"]:
        size = large_money(row["available"], told["currency"]).en
        cause, remedy = (say(f"{group}.{row['cause']}").en for group in ("phantom_cause", "phantom_remedy"))
        lines.append(f"{count(row['borrowers'])} ({size}): {cause} {remedy}")
    return "\n".join(lines)


def _keep(told: dict[str, Any], said: str, folder: Path, tracked: Run) -> None:
    """Keeps the totals with the run; no borrower's row leaves the folder."""
    from explanations.remedies.phantom_files import TOTALS

    tracked.log_artifact(folder / TOTALS)
    tracked.log_note(plain_lines(said))
    if told["totals"]:
        kept = {
            name: told["totals"][0][name]
            for name in ("borrowers", "available", "refused", "phantom", "share")
        }
        tracked.log_measures("phantom", kept)
    tracked.log_measures("phantom.cause", {row["cause"]: row["borrowers"] for row in told["causes"]})
