"""Limits on show, held against the release on one day."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from commandline import Console
from data.errors import CallError
from settings import Settings

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np
    import pandas as pd
    from numpy.typing import NDArray

    from data.blocks import Engine
    from data.book import Book
    from models.release_model import ReleaseModel


def day_of(book: Book, said: str | None, option: str) -> pd.Timestamp:
    """The day that a call names, or the last of the book's history.

    Args:
        book: The book.
        said: The day as the call gives it; None for the last.
        option: The option that gives it, for messages.

    Raises:
        CallError: The book has no dates, or the day is none of its history.
    """
    import numpy as np
    import pandas as pd

    from data.months import month_start

    first_month, months = book.manifest.first_month, book.manifest.months
    if first_month is None or months is None:
        raise CallError(f"{book.path} has no dates, so that {option} can name no day of it; leave it out.")
    first, end = (int(month_start(month, first_month)) for month in (1, months + 1))
    span = [f"{np.datetime64(day, 'D')}" for day in (first, end - 1)]
    try:
        day = int(np.datetime64(said or span[1], "D").astype(np.int64))
    except ValueError:
        day = end
    if not first <= day < end:
        raise CallError(
            f"{option} {said} is no day of this book; name one from {span[0]} to {span[1]}, written so."
        )
    return pd.Timestamp(np.datetime64(day, "D"))


def ask_for_limits(
    book: Book,
    day: pd.Timestamp,
    wanted: Sequence[tuple[int, NDArray[np.int64] | None]],
    release: ReleaseModel,
    settings: Settings,
    console: Console,
    engine: Engine | None = None,
) -> tuple[pd.DataFrame, int]:
    """The limits on show of some blocks' borrowers (all, where None), with the cause of each refusal."""
    from explanations.remedies.phantom import Asking
    from explanations.remedies.phantom_causes import limits_with_causes

    chosen = settings.explanations.phantom
    asking = Asking(book, day, release, settings.features, settings.models, chosen)
    with console.step("Asking for every limit on show", len(wanted)) as move:
        return limits_with_causes(asking, wanted, engine or settings.blocks.local, console.track(move))


def about_limits(book: Book, day: pd.Timestamp, release: ReleaseModel, settings: Settings) -> dict[str, Any]:
    """What a result says of its day, book, model and parameters: all that it depends on."""
    from data.parameters import flatten
    from settings import flat

    kept = ("features.", "models.policy.", "models.favoured.")
    named = {name: value for name, value in flat(settings, book).items() if name.startswith(kept)}
    phantom = {
        name: value for name, value in flatten(settings.explanations.phantom).items() if name != "borrowers"
    }
    return {
        "on": f"{day:%Y-%m-%d}",
        "book_digest": book.digest,
        "borrowers": book.manifest.rows["borrowers"],
        "currency": book.currency,
        "release_model": release.digest,
        "parameters": named | {f"explanations.phantom.{name}": value for name, value in phantom.items()},
    }


def to_ask_again(
    book: Book, before: dict[str, Any], about: dict[str, Any], folder: Path
) -> list[tuple[int, NDArray[np.int64] | None]] | None:
    """Whom to ask again so that an earlier result holds for the book as it is: blocks with borrowers; None for all.

    Args:
        book: The book, which may have grown since.
        before: What the earlier result says of itself.
        about: What this one would.
        folder: Where the earlier one lies, for messages.

    Raises:
        CallError: It is of another book, day, model or of other parameters, so that nothing of it can stay.
    """
    from data.appending import blocks_of

    for name, what in (
        ("on", "another day"),
        ("release_model", "another model"),
        ("parameters", "other parameters"),
    ):
        if before.get(name) != json.loads(json.dumps(about[name])):
            raise CallError(
                f"{folder} was made for {what}, so that everybody has to be asked again: leave out --since, or "
                "give the same."
            )
    touched = book.touched_since(str(before["book_digest"]))
    return None if touched is None else list(blocks_of(book, touched))
