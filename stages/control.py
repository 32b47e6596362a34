"""Internal control: what a book records, held against the lender's own rules, policy and agreements."""

from __future__ import annotations

from typing import TYPE_CHECKING

from commandline import Console
from settings import Settings

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd
    from numpy.typing import NDArray

    from data.book import Book
    from features.matrix import Matrix
    from models.boosted import Floats

BLOCKS = 10
"""Blocks of borrowers whose arrivals tell when a stream delivered: of 100,000 borrowers something comes every day."""


def control(
    book: Book,
    requests: Matrix,
    reviews: Matrix,
    limit_score: Floats | None,
    settings: Settings,
    console: Console,
) -> pd.DataFrame:
    """All checks on a dated book (see `explanations.control.findings`).

    Args:
        book: The book.
        requests: Release snapshots of its requests.
        reviews: Limit snapshots of its reviews.
        limit_score: The limit model's score of each review (log-RMB); None without a limit model.
        settings: What was agreed.
        console: Where progress is shown.
    """
    from explanations.control.findings import Kept, control_findings
    from models.overrides import unrecorded_override

    override = None
    if limit_score is not None:
        override = unrecorded_override(reviews.keys, limit_score, settings.models.overrides)
    parameters = settings.explanations.control
    with console.step("Holding the record against rules and policy"):
        kept = Kept(
            requests=requests,
            reviews=reviews,
            override=override,
            policy=book.table("policy"),
            arrivals=_arrivals(book, tuple(parameters.feed_days)),
        )
        return control_findings(kept, settings.models, parameters)


def _arrivals(book: Book, streams: tuple[str, ...]) -> dict[str, NDArray[np.int64]]:
    """By stream the days on which anything became visible, of the first blocks of borrowers."""
    import numpy as np

    found = {}
    for stream in streams:
        table = f"observations/{stream}"
        if not book.has(table):
            continue
        days = [
            np.unique(
                book.table(table, block, ["visible_on"])["visible_on"].to_numpy().astype("datetime64[D]")
            )
            for block in range(min(book.blocks, BLOCKS))
        ]
        found[stream] = np.unique(np.concatenate(days)).astype(np.int64)
    return found
