"""How good the two models are, what the cut-off does, and whom it touches: aggregates of bounded size."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from explanations.cohorts import DECILES, deciles
from explanations.fairness import APPROVAL
from explanations.intervals.ranking import RankingIntervals, ranking_intervals
from models.boosted import Floats

RELEASED = "released"
"""The population of those whose outcome the lender saw."""
ORACLE = "all (oracle)"
"""The population of all, whose outcome with the draw the simulator alone knows."""
_NAMED = {RELEASED: "", ORACLE: "oracle_"}


@dataclass(frozen=True)
class Diagnostics:
    """Aggregates on both models, all out of time where nothing else is said.

    Attributes:
        ranking: population (`RELEASED`, or `ORACLE`), share (of the requests with the highest PDs), pd (the
            lowest of them), bad_share and good_share (of all bad and of all good ones that are among them),
            largest_gap (the step at which these lie furthest apart: KS).
        lift: population, decile (1 the riskiest), requests, bad, bad_rate, lift (over the rate of all, with
            lift_low and lift_high), captured (share of all bad ones in this decile and the riskier ones).
        limit_deciles: decile (1 the lowest predicted limits), reviews, predicted and assessed (medians, RMB), mae_log
            (log-RMB), and quantiles of assessed over predicted limits (p10, p25, p50, p75, p90).
        sweep: What other cut-offs would do (see `explanations.cutoff_sweep`).
        fairness: Rates by protected group (see `explanations.fairness`).
        disparity: Lowest over highest rate by protected attribute, with its interval (see there).
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


def intervals_by_population(
    outcomes: Mapping[str, Floats],
    judged: NDArray[np.bool_],
    probability: Floats,
    borrower_id: NDArray[np.int64],
    level: float,
) -> dict[str, RankingIntervals]:
    """How sure the ranking of each population is, by deciles of PD from the riskiest on.

    Args:
        outcomes: Outcome of each request (NaN where it is not known), by population.
        judged: Which requests are judged.
        probability: Calibrated PD of each request.
        borrower_id: The request's borrower.
        level: Coverage of the intervals.
    """
    found = {}
    for name, outcome in outcomes.items():
        rows = judged & ~np.isnan(outcome)
        told = probability[rows]
        found[name] = ranking_intervals(
            outcome[rows], told, DECILES - deciles(told), DECILES, borrower_id[rows], level
        )
    return found


def lift_with_intervals(lift: pd.DataFrame, found: Mapping[str, RankingIntervals]) -> pd.DataFrame:
    """Lift by population and decile, with the interval of each: lift_low, lift_high."""
    ends = [
        found[population].lift[decile - 1]
        for population, decile in zip(lift["population"], lift["decile"], strict=True)
    ]
    low, high = np.reshape(ends, (-1, 2)).T
    return lift.assign(lift_low=low, lift_high=high)


def performance_with_intervals(
    performance: pd.DataFrame, found: Mapping[str, RankingIntervals]
) -> pd.DataFrame:
    """Performance of both models with low and high: of the release model's AUC and KS out of time, NaN for the rest."""
    ends: dict[tuple[str, str], tuple[float, float]] = {}
    for population, one in found.items():
        ends |= {(population, "auc"): one.auc, (population, "ks"): one.ks}
    unknown = (float("nan"), float("nan"))
    held_out = (performance["model"] == "release") & (performance["split"] == "out_of_time")
    told = [
        ends.get((population, metric), unknown) if here else unknown
        for here, population, metric in zip(
            held_out, performance["population"], performance["metric"], strict=True
        )
    ]
    lows, highs = np.reshape(told, (-1, 2)).T
    return performance.assign(low=lows, high=highs)


def diagnostics_summary(found: Diagnostics) -> dict[str, Any]:
    """The headline figures; what the book does not tell is left out."""
    told: dict[str, float] = {}
    for population, rows in found.lift.groupby("population", sort=False):
        key, first = _NAMED[str(population)], rows.iloc[0]
        for end in ("", "_low", "_high"):
            told[f"{key}lift_top_decile{end}"] = float(first[f"lift{end}"])
        told[f"{key}captured_top_decile"] = float(first["captured"])
    if found.stability is not None:
        for what in ("release_score", "limit_score"):
            of_it = found.stability.loc[found.stability["what"] == what, "psi"]
            if len(of_it):
                told[f"psi_max_{what}"] = float(of_it.max())
    approval = found.disparity.loc[found.disparity["measure"] == APPROVAL]
    for row in approval.to_dict("records"):
        for end in ("", "_low", "_high"):
            told[f"approval_ratio_{row['attribute']}{end}"] = float(row[f"ratio{end}"])
    return {name: value for name, value in told.items() if np.isfinite(value)}
