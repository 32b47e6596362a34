"""`releasegap audit record`: the decisions that a book records, appended to the decision ledger."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

import stages
from commandline import Common
from commands.audit_verify import LedgerOption, ledger_of
from commands.tracked import store_of
from data.errors import CallError
from settings import settings_of


def audit_record(
    common: Common,
    book: Annotated[Path, typer.Argument(metavar="BOOK", help="Folder of the book.")],
    ledger: LedgerOption = None,
    decided_at: Annotated[
        str | None,
        typer.Option("--decided-at", metavar="TIME", help="When all were decided, of a book without dates."),
    ] = None,
) -> None:
    """Append the decisions that a book records to the decision ledger; those that it holds already are left out."""
    from data.decision_ledger.appending import appending
    from data.decision_ledger.rows import moment
    from training.ledger_checkpoints import LedgerCheckpoints

    console = common.console
    settings = settings_of(common)
    taken = stages.open_verified(book)
    stages.require_decisions(taken)
    if taken.dated is (decided_at is not None):
        raise CallError(
            f"{taken.path} dates its decisions itself: leave out --decided-at."
            if taken.dated
            else f"{taken.path} has no dates: say with --decided-at when its decisions were taken."
        )
    time = None if decided_at is None else moment(decided_at, "--decided-at")
    folder = ledger_of(common, ledger)
    store = store_of(common, or_home=True)
    [requests] = stages.matrices(taken, settings, console, kinds=("request",))
    rows = stages.recorded_decisions(taken, requests, time)
    with console.step(f"Appending to {folder}"), appending(folder, LedgerCheckpoints(store, folder)) as made:
        new = stages.not_yet_recorded(rows, folder, taken)
        made.add(new)
    known = len(rows) - len(new)
    console.result(
        f"{len(new):,} decisions of {taken.name} appended to {folder}"
        f"{f'; {known:,} were recorded already' if known else ''}.",
        ledger=folder,
        appended=len(new),
        recorded_before=known,
        book_digest=taken.digest,
    )
