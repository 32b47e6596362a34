"""Why: the ledger of causes, and the audit of late data."""

from __future__ import annotations

from typing import TYPE_CHECKING

from commandline import Console
from settings import Settings

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd
    from numpy.typing import NDArray

    from data.blocks import Engine
    from data.book import Book
    from explanations.causes.ledger import Ledger
    from explanations.explanation import Explanation
    from features.matrix import Matrix
    from models.boosted import Floats
    from models.limit_model import LimitModel
    from models.release_model import ReleaseModel


def ledger_of(
    book: Book,
    reviews: Matrix,
    limit_score: Floats,
    limit: LimitModel,
    release: ReleaseModel,
    settings: Settings,
) -> Ledger | None:
    """What makes the cause ledger; None where the book does not let causes be told apart."""
    from explanations.causes.ledger import Ledger
    from explanations.causes.tables import lacking

    if lacking(book):
        return None
    return Ledger(
        book, reviews, limit_score, limit, release, settings.features, settings.models, settings.explanations
    )


def split_causes(
    ledger: Ledger | None,
    request_ids: NDArray[np.int64],
    console: Console,
    engine: Engine | None = None,
) -> pd.DataFrame | None:
    """The cause ledger of some conflicts; None where the book does not let causes be told apart."""
    from data.blocks import HERE

    if ledger is None:
        return None
    with console.step("Splitting every conflict into its causes", ledger.book.blocks) as move:
        return ledger.shares(request_ids, engine or HERE, console.track(move))


def audit_lag(
    book: Book,
    decided: pd.DataFrame,
    limit: LimitModel,
    release: ReleaseModel,
    explanation: Explanation,
    settings: Settings,
    console: Console,
    engine: Engine | None = None,
) -> pd.DataFrame | None:
    """The conflicts scored again with one stream fresh at a time; None where the book has no dates."""
    from explanations.causes.lag_audit import lag_audit

    if not book.dated or not len(explanation.conflicts):
        return None
    conflicts = decided[decided["request_id"].isin(explanation.conflicts["request_id"])]
    with console.step("Scoring again on fresh data", book.blocks) as move:
        return lag_audit(
            book,
            conflicts.reset_index(drop=True),
            limit,
            release,
            settings.features,
            settings.models,
            engine or settings.blocks.local,
            console.track(move),
        )
