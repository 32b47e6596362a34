"""Features of the context: policy in force, competition, macro index. They enter the limit model alone."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from data.book import Book
from features.catalogue import own_catalogue
from features.windows import Days, Events, Values, latest

KEYS = ("region", "month_start")


def context(book: Book, region: NDArray[np.int8], dates: Days) -> dict[str, Values]:
    """The context of each date in each region."""
    months = dates.astype("datetime64[D]").astype("datetime64[M]").astype(np.int32)
    macro_months = own_catalogue()["macro_index"].months
    policy = book.table("policy", columns=[*KEYS, "tightness"])
    market = book.table("market", columns=[*KEYS, "competition_index", "macro_index"])
    return {
        "policy_regime": _mean(policy, "tightness", region, months, 1),
        "competition_index": _mean(market, "competition_index", region, months, 1),
        "macro_index": _mean(market, "macro_index", region, months, macro_months),
    }


def _mean(
    table: pd.DataFrame, column: str, region: NDArray[np.int8], months: NDArray[np.int32], span: int
) -> Values:
    """Mean of a column over `span` months up to each given one; NaN where the table has none of them."""
    frame = table.sort_values(list(KEYS))
    month = frame["month_start"].to_numpy().astype("datetime64[M]").astype(np.int32)
    offsets = np.searchsorted(frame["region"].to_numpy(), np.arange(np.max(region, initial=0) + 2))
    by_region = Events(offsets, occurred=month, visible=month)
    values = frame[column].to_numpy(np.float32)
    return latest(by_region, region.astype(np.int64), months, values, rows=span, oldest=span).mean
