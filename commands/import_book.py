"""`releasegap import`: a lender's own table, or its files of events, become a book."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from commandline import Common
from commands.tracked import book_text
from settings import settings_of


def import_book(
    common: Common,
    mapping: Annotated[
        Path, typer.Argument(metavar="MAPPING.yaml", help="What the columns of the file or files mean.")
    ],
    file: Annotated[
        Path,
        typer.Argument(
            metavar="FILE",
            help="The lender's table (CSV or Parquet); the folder of its files, for a mapping of events.",
        ),
    ],
    out: Annotated[Path, typer.Option("--out", metavar="BOOK", help="Folder of the book to make.")],
) -> None:
    """Turn a lender's own table, or its files of dated events, into a book."""
    from data import importing
    from data.event_import import import_events
    from data.event_mapping import EventMapping, read_either

    console = common.console
    told = read_either(mapping)
    with console.step(f"Importing {file.name}") as move:
        if isinstance(told, EventMapping):
            size = settings_of(common).blocks.size
            book = import_events(told, file, out, size, console.track(move))
        else:
            book = importing.import_book(told, file, out, console.note)
    console.result(book_text(book), book=book.path, digest=book.digest, rows=book.manifest.rows)
