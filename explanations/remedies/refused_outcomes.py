"""How those whom both models disagree about would have fared: bad loans avoided, good customers lost."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from explanations.intervals.bootstrap import share_interval
from explanations.json_numbers import finite
from explanations.parameters import ExplanationParameters

Floats = NDArray[np.float64]


def refused_outcomes(
    conflicts: pd.DataFrame, observed: Floats, oracle: Floats | None, parameters: ExplanationParameters
) -> dict[str, Any]:
    """Counts and amounts of the conflicts that would have gone bad, and of the good customers lost.

    Args:
        conflicts: borrower_id and, where the book has it, amount by conflict.
        observed: Outcome of each (1 bad, 0 good); NaN where nobody saw one.
        oracle: Outcome with the draw of each (simulated books).
        parameters: How the interval is taken.

    Returns:
        by (`oracle` or `observed`), known (conflicts of which the outcome is known), bad with bad_low and bad_high,
        good with good_low and good_high, bad_amount and good_amount (None where amounts are not known).
    """
    outcome = observed if oracle is None else oracle
    known = ~np.isnan(outcome)
    bad = outcome[known]
    ids = conflicts["borrower_id"].to_numpy(np.int64)[known]
    draws, level, seed = parameters.bootstrap_draws, parameters.bootstrap_level, parameters.seed
    low, high = share_interval(bad[:, None], ids, draws=draws, seed=seed, level=level)
    ends = [finite(len(bad) * end[0]) for end in (low, high)]
    told: dict[str, Any] = {
        "by": "observed" if oracle is None else "oracle",
        "known": len(bad),
        "bad": int(bad.sum()),
        "good": int((bad == 0).sum()),
        "bad_low": ends[0],
        "bad_high": ends[1],
        "good_low": None if ends[1] is None else len(bad) - ends[1],
        "good_high": None if ends[0] is None else len(bad) - ends[0],
    }
    amount = (
        conflicts["amount"].to_numpy(np.float64, na_value=np.nan)[known] if "amount" in conflicts else bad
    )
    spoken = "amount" in conflicts and len(bad) > 0 and not np.isnan(amount).any()
    for name, which in (("bad_amount", bad == 1), ("good_amount", bad == 0)):
        told[name] = float(amount[which].sum()) if spoken else None
    return told
