"""`releasegap check`: every table of a book against its schema, keys, dates and digests."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

import stages
from commandline import Common
from data.errors import DataFault
from settings import settings_of


def check(
    common: Common,
    book: Annotated[Path, typer.Argument(metavar="BOOK", help="Folder of the book.")],
) -> None:
    """Hold every table of a book against its schema, keys, dates and digests, then look for what spoils models."""
    from data.book import open_book
    from data.check import faults

    console = common.console
    settings = settings_of(common)
    opened = open_book(book, as_it_is=True)
    found = []
    with console.step(f"Checking {book}"):
        for fault in faults(opened):
            found.append(fault)
            if not console.as_json:
                print(fault)
    notes = [] if found else stages.notes_of(opened, settings, console)
    if console.as_json:
        console.result("", book=book, faults=found, notes=[asdict(note) for note in notes])
    elif not found:
        rows = sum(opened.manifest.rows.values())
        told = "\n".join(f"{note.kind}: {note.said}." for note in notes)
        head = f"{book}: no faults in {rows:,} rows"
        console.result(f"{head}; to know before training:\n{told}" if notes else f"{head}.")
    if found:
        raise DataFault(
            f"{book} has {len(found)} fault{'s' if len(found) > 1 else ''}; mend them or make the book again."
        )
