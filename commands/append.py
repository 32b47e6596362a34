"""`releasegap append`: new rows of a book's tables become part of it."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from commandline import Common


def append(
    common: Common,
    book: Annotated[Path, typer.Argument(metavar="BOOK", help="Folder of the book.")],
    from_: Annotated[
        Path,
        typer.Option("--from", metavar="DIR", help="Folder of the news: TABLE.parquet, or TABLE/*.parquet."),
    ],
    out: Annotated[
        Path,
        typer.Option("--out", metavar="BOOK", help="Folder of the grown book; BOOK itself to replace it."),
    ],
) -> None:
    """Append new observations, reviews, requests or outcomes to a book; what they do not touch is linked."""
    from data.appending import append_news
    from data.book import open_book

    console = common.console
    taken = open_book(book)
    with console.step(f"Appending {from_} to {book}"):
        grown = append_news(taken, from_, out)
    rows, before = sum(grown.rows.values()), grown.book.ancestors[0]
    console.result(
        f"Book: {grown.book.path}, digest {grown.book.digest[:12]}, grown from {before[:12]} by {rows:,} rows on "
        f"{grown.borrowers:,} borrowers; {grown.blocks} of {grown.book.blocks} blocks written, all else linked.",
        book=grown.book.path,
        digest=grown.book.digest,
        grown_from=before,
        rows=grown.rows,
        borrowers=grown.borrowers,
        blocks=grown.blocks,
    )
