"""`releasegap export`: a dated book as files of events, with the mapping that reads them."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from commandline import Common


def export(
    common: Common,
    book: Annotated[Path, typer.Argument(metavar="BOOK", help="Folder of the book.")],
    out: Annotated[Path, typer.Option("--out", metavar="FOLDER", help="Folder of the files to make.")],
) -> None:
    """Write a dated book as CSV files of events, with the mapping by which `import` makes a book of them."""
    from data.book import open_book
    from data.event_export import export_events

    console = common.console
    taken = open_book(book)
    with console.step(f"Exporting {book}") as move:
        mapping = export_events(taken, out, console.track(move))
    console.result(
        f"Files: {out}, with the mapping {mapping.name}, which is a template for files of your own.",
        folder=out,
        mapping=mapping,
    )
