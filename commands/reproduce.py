"""`releasegap reproduce`: a run made again from what it says of itself, and every difference named."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

import stages
from commandline import Common, EngineOption, SchedulerOption
from commands.tracked import code_tags, store_of
from data.errors import DataFault
from settings import flat

if TYPE_CHECKING:
    from data.book import Book
    from settings import Settings
    from training.run_record import RunRecord

SHOWN = 8
"""Differing parameters that are named one by one."""


def reproduce(
    common: Common,
    run: Annotated[str, typer.Argument(metavar="RUN", help="Id of a run of `run`, `train` or `explain`.")],
    book: Annotated[
        Path | None,
        typer.Option(
            "--book", metavar="BOOK", help="The run's book; a simulated one is made again without it."
        ),
    ] = None,
    engine: EngineOption = "local",
    scheduler: SchedulerOption = None,
) -> None:
    """Make a run again from its parameters, and compare book, features, models and report; name each difference."""
    from data.blocks import engine_of
    from training.registry import load_models
    from training.run_record import models_of, record_of

    console = common.console
    store = store_of(common)
    record = record_of(store, run)
    settings = stages.settings_as_run(record.parameters, list(common.overrides))
    with (
        engine_of(settings.blocks, engine, scheduler) as workers,
        tempfile.TemporaryDirectory(prefix="releasegap-") as folder,
    ):
        taken = stages.book_again(record.book, record.source, book, Path(folder), settings, console, workers)
        given = None
        if taken.digest == record.digests["book"] or record.work != "explain":
            if record.work == "explain":
                uris = models_of(store, record)
                given = load_models(store, taken, uris["limit"], uris["release"], settings.training)[:2]
            made = stages.made_again(record.work, taken, settings, console, workers, given)
        else:  # the models of another book would not be these
            made = {"book": taken.digest}
        causes = _differences(record, settings, taken, book is not None)
    rows = [
        {"name": name, "was": was, "is": made.get(name), "same": was == made.get(name)}
        for name, was in record.digests.items()
    ]
    differing = [row["name"] for row in rows if not row["same"]]
    told = "\n".join(
        f"{str(row['name']).ljust(24)}{'same   ' if row['same'] else 'DIFFERS'}  {str(row['was'])[:12]}"
        + ("" if row["same"] else f" was, {str(row['is'] or 'not made')[:12]} is")
        for row in rows
    )
    other = "\n".join(f"Different: {cause}" for cause in causes)
    console.result(
        f"Run {run} ({record.work} {record.book}), made again:\n{told}" + (f"\n{other}" if causes else ""),
        run=run,
        work=record.work,
        results=rows,
        differences=causes,
        same=not differing,
    )
    if differing:
        why = (
            f"; what else is different: {'; '.join(causes)}"
            if causes
            else (
                "; code, parameters, libraries and processor are the same, so something in the work is not: report it"
            )
        )
        raise DataFault(
            f"made again, {' and '.join(map(str, differing))} of run {run} came out otherwise{why}."
        )


def _differences(record: RunRecord, settings: Settings, book: Book, given: bool) -> list[str]:
    """What was different when the run was made, a sentence each: code, parameters, machine, book."""
    from training.run_record import machine

    found = []
    now = code_tags()
    if record.code != now["code_digest"]:
        commit = f", commit {record.commit[:12]}" if record.commit else ""
        found.append(
            f"the code (digest {record.code[:12] or 'unknown'}{commit} then, {now['code_digest'][:12]} now)"
        )
    if given and book.digest != record.digests["book"]:
        found.append(f"the book (digest {record.digests['book'][:12]} then, {book.digest[:12]} now)")
    present = {name: str(value) for name, value in flat(settings, book).items()}
    # Of models that a run did not fit itself its parameters tell nothing.
    known = {name: value for name, value in record.parameters.items() if name in present}
    changed = [name for name, value in known.items() if present[name] != value]
    found += [f"{name} ({known[name]} then, {present[name]} now)" for name in changed[:SHOWN]]
    if len(changed) > SHOWN:
        found.append(f"{len(changed) - SHOWN} further parameters")
    here = machine()
    found += [
        f"{name} {was} then, {here.get(name, 'unknown')} now"
        for name, was in record.machine.items()
        if here.get(name) != was
    ]
    return found
