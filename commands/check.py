"""`releasegap check`: every table of a book against its schema, keys, dates and digests."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from commandline import Common
from data.errors import DataFault


def check(
    common: Common,
    book: Annotated[Path, typer.Argument(metavar="BOOK", help="Folder of the book.")],
) -> None:
    """Hold every table of a book against its schema, keys, dates and digests; one line per fault."""
    from data.book import open_book
    from data.check import faults

    console = common.console
    opened = open_book(book)
    found = []
    with console.step(f"Checking {book}"):
        for fault in faults(opened):
            found.append(fault)
            if not console.as_json:
                print(fault)
    if console.as_json:
        console.result("", book=book, faults=found)
    elif not found:
        console.result(f"{book}: no faults in {sum(opened.manifest.rows.values()):,} rows.")
    if found:
        raise DataFault(
            f"{book} has {len(found)} fault{'s' if len(found) > 1 else ''}; mend them or make the book again."
        )
