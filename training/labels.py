"""Labels: the outcome of each draw request as the lender saw it, and (simulated books) as it would have been."""

from __future__ import annotations

import numpy as np
import pandas as pd

from data.book import Book
from models.boosted import Floats


def observed_bad(book: Book, request_id: pd.Series) -> Floats:
    """Outcome of each request (1 bad, 0 good); NaN where nobody saw one."""
    return _by_request(book.whole("outcomes", ["request_id", "bad"]), "bad", request_id)


def observed_bad_12m(book: Book, request_id: pd.Series) -> Floats:
    """Whether each request was 90 days past due within 12 months; NaN where nobody saw it or it is younger."""
    return _by_request(book.whole("outcomes", ["request_id", "bad_12m"]), "bad_12m", request_id)


def oracle_bad(book: Book, request_id: pd.Series) -> Floats | None:
    """Outcome with the draw of each request, released or not; None where no simulator knows it."""
    if not book.has("oracle/requests"):
        return None
    return _by_request(
        book.whole("oracle/requests", ["request_id", "bad_with_draw"]), "bad_with_draw", request_id
    )


def _by_request(table: pd.DataFrame, column: str, request_id: pd.Series) -> Floats:
    known = pd.Series(table[column].to_numpy(np.float64), index=table["request_id"].to_numpy())
    return known.reindex(request_id.to_numpy()).to_numpy()
