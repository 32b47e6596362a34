"""`releasegap import`: a lender's own table, or its files of events, become a book; a first mapping is suggested."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from commandline import Common
from commands.tracked import book_text
from data.errors import CallError
from settings import settings_of


def import_book(
    common: Common,
    mapping: Annotated[
        Path | None,
        typer.Argument(metavar="MAPPING.yaml", help="What the columns of the file or files mean."),
    ] = None,
    file: Annotated[
        Path | None,
        typer.Argument(
            metavar="FILE",
            help="The lender's table (CSV, Excel or Parquet); the folder of its files, for a mapping of events.",
        ),
    ] = None,
    out: Annotated[
        Path | None, typer.Option("--out", metavar="BOOK", help="Folder of the book to make.")
    ] = None,
    suggest: Annotated[
        Path | None,
        typer.Option(
            "--suggest", metavar="FILE", help="Print a first mapping of this table, and do no more."
        ),
    ] = None,
) -> None:
    """Turn a lender's own table, or its files of dated events, into a book."""
    from data import importing
    from data.event_import import import_events
    from data.event_mapping import EventMapping, read_either
    from features.catalogue import catalogue_of_events

    console = common.console
    if suggest is not None:
        if not mapping is file is out is None:
            raise CallError(
                "--suggest FILE prints a first mapping of FILE and takes nothing else; leave the rest out."
            )
        _suggest(common, suggest)
        return
    if mapping is None or file is None or out is None:
        raise CallError(
            "An import needs a mapping, a file and --out BOOK; `releasegap import --suggest FILE` prints a first "
            "mapping."
        )
    told = read_either(mapping)
    with console.step(f"Importing {file.name}") as move:
        if isinstance(told, EventMapping):
            catalogue_of_events(told.model_dump(mode="json"))
            size = settings_of(common).blocks.size
            book = import_events(told, file, out, size, console.track(move))
        else:
            book = importing.import_book(told, file, out, console.note)
    console.result(book_text(book), book=book.path, digest=book.digest, rows=book.manifest.rows)


def _suggest(common: Common, file: Path) -> None:
    from data.suggesting import suggestion_for
    from data.suggestion_text import suggestion_text

    with common.console.step(f"Looking at {file.name}"):
        text = suggestion_text(suggestion_for(file))
    common.console.result(text.rstrip("\n"), mapping=text)
