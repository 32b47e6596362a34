"""Vintages: how the draws released in each month have ended, against what the release model expects of them."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from models.boosted import Floats

VINTAGE_COLUMNS = ("month", "released", "bad", "mean_pd", "mature", "bad_12m")


def vintages(month: NDArray[np.str_], bad: Floats, bad_12m: Floats, probability: Floats) -> pd.DataFrame:
    """Outcomes by month of release, as they are known by now.

    Args:
        month: Month of each request (`YYYY-MM`).
        bad: Whether it went bad within 90 days; NaN where it was not released.
        bad_12m: Whether it was 90 days past due within 12 months; NaN where it was not released or is younger.
        probability: Calibrated PD of each request.

    Returns:
        month, released, bad, mean_pd (of these), mature (draws of which twelve months are known), bad_12m.
    """
    known = ~np.isnan(bad)
    rows = pd.DataFrame(
        {
            "month": month[known],
            "bad": bad[known],
            "mean_pd": probability[known],
            "bad_12m": bad_12m[known],
        }
    )
    table = rows.groupby("month", as_index=False, sort=True).agg(
        released=("bad", "size"),
        bad=("bad", "sum"),
        mean_pd=("mean_pd", "mean"),
        mature=("bad_12m", "count"),
        bad_12m=("bad_12m", "sum"),
    )
    return table.astype({"bad": np.int64, "bad_12m": np.int64})[list(VINTAGE_COLUMNS)]
