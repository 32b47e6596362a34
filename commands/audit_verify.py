"""`releasegap audit verify`: a decision ledger held against its chain and its checkpoint."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from commandline import Common
from commands.tracked import store_of
from data.errors import CallError, DataFault

LedgerOption = Annotated[
    Path | None, typer.Option("--ledger", metavar="DIR", help="Folder of the ledger; else the home's own.")
]
MOST_TOLD = 100
"""Lines of findings that are printed; the rest is counted."""


def audit_verify(
    common: Common,
    ledger: LedgerOption = None,
    head: Annotated[
        str | None,
        typer.Option("--head", metavar="HASH", help="A head that you know of it; it must be in the chain."),
    ] = None,
) -> None:
    """Find any row, block or end of a decision ledger that is not as it was appended, and name it."""
    from data.decision_ledger.chain import CHAIN, read_lines
    from data.decision_ledger.verifying import verify
    from training.ledger_checkpoints import LedgerCheckpoints

    console = common.console
    folder = ledger_of(common, ledger)
    checkpoint = LedgerCheckpoints(store_of(common), folder).read()
    if checkpoint is None and not (folder / CHAIN).is_file():
        raise CallError(
            f"No ledger at {folder}: it has no {CHAIN}; name one with --ledger, or begin one with `releasegap score "
            "--ledger` or `releasegap audit record`."
        )
    found = []
    with console.step(f"Verifying {folder}", len(read_lines(folder))) as move:
        verified, tampered = verify(folder, checkpoint, head, move)
        for tampering in tampered:
            found.append(tampering)
            if not console.as_json and len(found) <= MOST_TOLD:
                print(tampering)
    if len(found) > MOST_TOLD and not console.as_json:
        print(f"{len(found) - MOST_TOLD:,} more of the kind")
    rows, blocks = verified.head.rows, verified.head.blocks
    if console.as_json or not found:
        known = (
            "No checkpoint of it is in MLflow, so nobody could tell if its end were cut off."
            if checkpoint is None
            else f"The checkpoint in MLflow holds{_behind(verified.unchecked)}."
        )
        console.result(
            f"{folder}: {rows:,} rows in {blocks:,} blocks are as they were appended. {known}\n"
            f"Head: {verified.head.head}",
            ledger=folder,
            rows=rows,
            blocks=blocks,
            head=verified.head.head,
            checkpoint=None if checkpoint is None else asdict(checkpoint),
            found=[asdict(tampering) for tampering in found],
        )
    if found:
        raise DataFault(
            f"{folder} is not as it was appended ({len(found):,} finding{'s' if len(found) > 1 else ''}); put back "
            "what was there from a copy, and find who changed it."
        )


def ledger_of(common: Common, ledger: Path | None) -> Path:
    """The ledger of a call: the one that is named, else the home's."""
    return ledger if ledger is not None else common.home / "ledger"


def _behind(unchecked: int) -> str:
    if not unchecked:
        return ""
    return f", and {unchecked} block{'s' if unchecked > 1 else ''} came after it"
