"""Cut-off sweep: how many would be approved, go bad and be in conflict, were all cut-offs higher or lower.

Each cut-off in force is multiplied by one factor; caps, missing data and recorded slips decide as they did. At a factor
of 1 the counts are those of the explanation (a test).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from explanations.cohorts import Cohorts

Floats = NDArray[np.float64]

SWEEP_COLUMNS = (
    *("factor", "cutoff", "requests", "released", "favoured", "conflicts"),
    *("bad_known", "bad", "oracle_bad", "oracle_bad_conflicts"),
)


def cutoff_sweep(
    decided: pd.DataFrame,
    cohorts: Cohorts,
    observed: Floats,
    oracle: Floats | None,
    factors: Sequence[float],
) -> pd.DataFrame:
    """What each factor on the cut-offs would do to the judged requests.

    Args:
        decided: Decisions on all requests (see `models.decisions`).
        cohorts: Which of them are judged.
        observed: Outcome of each request; NaN where nobody saw one.
        oracle: Outcome with the draw of each (simulated books).
        factors: Factors on the cut-offs in force.

    Returns:
        By factor: cutoff (mean over the judged requests), requests, released, favoured, conflicts (favoured and
        refused), bad_known (outcomes seen of the released), bad (bad among these), oracle_bad (of the released, as the
        oracle knows), oracle_bad_conflicts (of the conflicts); NaN where there is no oracle.
    """
    rows = cohorts.judged
    probability, cutoff = (decided[name].to_numpy(np.float64)[rows] for name in ("pd", "cutoff"))
    by_score, refused, favoured = (
        decided[name].to_numpy(bool)[rows] for name in ("score_decides", "refused", "favoured")
    )
    seen = observed[rows]
    known, bad = ~np.isnan(seen), np.nan_to_num(seen)
    truth = None if oracle is None else oracle[rows]
    found = []
    for factor in factors:
        released = ~np.where(by_score, probability > factor * cutoff, refused)
        conflict = favoured & ~released
        found.append(
            {
                "factor": float(factor),
                "cutoff": float(factor * cutoff.mean()) if len(cutoff) else np.nan,
                "requests": len(released),
                "released": int(released.sum()),
                "favoured": int(favoured.sum()),
                "conflicts": int(conflict.sum()),
                "bad_known": int((released & known).sum()),
                "bad": int(bad[released].sum()),
                "oracle_bad": np.nan if truth is None else float(truth[released].sum()),
                "oracle_bad_conflicts": np.nan if truth is None else float(truth[conflict].sum()),
            }
        )
    return pd.DataFrame(found, columns=list(SWEEP_COLUMNS))
