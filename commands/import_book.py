"""`releasegap import`: a lender's own table becomes a book."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from commandline import Common
from commands.tracked import book_text


def import_book(
    common: Common,
    mapping: Annotated[
        Path, typer.Argument(metavar="MAPPING.yaml", help="What the columns of the file mean.")
    ],
    file: Annotated[Path, typer.Argument(metavar="FILE", help="The lender's table (CSV or Parquet).")],
    out: Annotated[Path, typer.Option("--out", metavar="BOOK", help="Folder of the book to make.")],
) -> None:
    """Turn a lender's own table into a book."""
    from data import importing
    from data.mapping import read_mapping

    console = common.console
    with console.step(f"Importing {file.name}"):
        book = importing.import_book(read_mapping(mapping), file, out, console.note)
    console.result(book_text(book), book=book.path, digest=book.digest, rows=book.manifest.rows)
