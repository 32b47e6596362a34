"""How good the two models are, what the cut-off does, and whom it touches: aggregates of bounded size."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from explanations.fairness import APPROVAL


@dataclass(frozen=True)
class Diagnostics:
    """Aggregates on both models, all out of time where nothing else is said.

    Attributes:
        ranking: population (`released`, or `all (oracle)`), share (of the requests with the highest PDs), pd (the
            lowest of them), bad_share and good_share (of all bad and of all good ones that are among them),
            largest_gap (the step at which these lie furthest apart: KS).
        lift: population, decile (1 the riskiest), requests, bad, bad_rate, lift (over the rate of all), captured (share
            of all bad ones in this decile and the riskier ones).
        limit_deciles: decile (1 the lowest predicted limits), reviews, predicted and assessed (medians, RMB), mae_log
            (log-RMB), and quantiles of assessed over predicted limits (p10, p25, p50, p75, p90).
        sweep: What other cut-offs would do (see `explanations.cutoff_sweep`).
        fairness: Rates by protected group (see `explanations.fairness`).
        disparity: Lowest over highest rate by protected attribute (see there).
        stability: what (`release_score`, `limit_score` or a feature), month, rows, psi, chance (which the index exceeds
            by chance alone in one of twenty months); None where the book has no dates.
        vintages: month of release, released, bad, mean_pd, mature (draws of which 12 months are known), bad_12m; None
            where the book has no dates.
    """

    ranking: pd.DataFrame
    lift: pd.DataFrame
    limit_deciles: pd.DataFrame
    sweep: pd.DataFrame
    fairness: pd.DataFrame
    disparity: pd.DataFrame
    stability: pd.DataFrame | None = None
    vintages: pd.DataFrame | None = None


def diagnostics_summary(found: Diagnostics) -> dict[str, Any]:
    """The headline figures; what the book does not tell is left out."""
    told: dict[str, float] = {}
    for population, rows in found.lift.groupby("population", sort=False):
        key = "oracle_" if "oracle" in str(population) else ""
        told[f"{key}lift_top_decile"] = float(rows["lift"].iloc[0])
        told[f"{key}captured_top_decile"] = float(rows["captured"].iloc[0])
    if found.stability is not None:
        for what in ("release_score", "limit_score"):
            of_it = found.stability.loc[found.stability["what"] == what, "psi"]
            if len(of_it):
                told[f"psi_max_{what}"] = float(of_it.max())
    approval = found.disparity.loc[found.disparity["measure"] == APPROVAL]
    for attribute, ratio in zip(approval["attribute"], approval["ratio"], strict=True):
        told[f"approval_ratio_{attribute}"] = float(ratio)
    return {name: value for name, value in told.items() if np.isfinite(value)}
