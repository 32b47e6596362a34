"""What a policy comes to, before and after: approvals, bad rate, loss, profit, conflicts; and the frontier."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from explanations.intervals.cluster_means import group_means
from explanations.whatif.worlds import Flags, Policy, Scored, decided
from models.boosted import Floats
from models.calibration import Calibration
from models.economics import expected_loss, profit
from models.parameters import EconomicsParameters

BEFORE, AFTER = "before", "after"
DIFFERENCES = ("released", "drawn", "expected_loss", "profit", "conflicts")
"""Figures of which the change is told with an interval."""
FRONTIER_COLUMNS = (
    *("weight", "factor", "released", "drawn", "mean_pd", "expected_loss", "profit"),
    *("favoured", "conflicts", "most_profit", "efficient"),
)


@dataclass(frozen=True)
class Yardstick:
    """What decisions are measured by.

    Attributes:
        economics: What a draw costs and earns.
        pd_12m: From the release model's margin to the probability of 90+ within 12 months; None where the book
            knows of no such outcome, so that the model's own PD stands for it.
        observed: Outcome of each judged request within 90 days; NaN where nobody saw one.
        oracle: Outcome with the draw of each (simulated books).
    """

    economics: EconomicsParameters
    pd_12m: Calibration | None
    observed: Floats
    oracle: Floats | None


def money_of(decisions: pd.DataFrame, by: Yardstick) -> tuple[Floats, Floats]:
    """Expected loss and profit of each judged request, were it released."""
    pd_12m = (
        decisions["pd"].to_numpy(np.float64)
        if by.pd_12m is None
        else by.pd_12m.pd(decisions["release_margin"].to_numpy(np.float64))
    )
    asked = decisions["asked"].to_numpy(np.float64)
    apr, term = (
        decisions[name].to_numpy(np.float64) if name in decisions else np.full(len(decisions), float(usual))
        for name, usual in (("apr", by.economics.apr), ("term", by.economics.term))
    )
    return expected_loss(pd_12m, asked, by.economics), profit(pd_12m, asked, apr, term, by.economics)


def figures(decisions: pd.DataFrame, by: Yardstick) -> dict[str, float]:
    """What the decisions of one world come to.

    Returns:
        requests, released, drawn (money paid out), mean_pd, bad_known, bad (outcomes seen of the released), oracle_bad
        (of the released; NaN where there is no oracle), expected_loss, profit, favoured, conflicts, and limit (mean
        limit on record).
    """
    released = ~decisions["refused"].to_numpy(bool)
    favoured = decisions["favoured"].to_numpy(bool)
    loss, gain = money_of(decisions, by)
    seen = by.observed[released]
    return {
        "requests": float(len(decisions)),
        "released": float(released.sum()),
        "drawn": float(decisions["drawn"].sum()),
        "mean_pd": _mean(decisions["pd"].to_numpy(np.float64)[released]),
        "bad_known": float((~np.isnan(seen)).sum()),
        "bad": float(np.nansum(seen)),
        "oracle_bad": np.nan if by.oracle is None else float(by.oracle[released].sum()),
        "expected_loss": float(loss[released].sum()),
        "profit": float(gain[released].sum()),
        "favoured": float(favoured.sum()),
        "conflicts": float((favoured & ~released).sum()),
        "limit": _mean(decisions["limit_recorded"].to_numpy(np.float64)),
    }


def differences(
    before: pd.DataFrame, after: pd.DataFrame, by: Yardstick, level: float
) -> dict[str, dict[str, float]]:
    """How the figures change from one world to the other, with intervals: how far had other borrowers asked."""
    then, now = (_by_request(side, by) for side in (before, after))
    borrower = before["borrower_id"].to_numpy(np.int64)
    everyone = np.zeros(len(before), dtype=np.int64)
    told = {}
    for name in DIFFERENCES:
        change = now[name] - then[name]
        means = group_means(change, everyone, borrower, 1, level)
        # The sum itself: a mean times a number makes 60.99999999999999 of 61 requests.
        told[name] = {
            "change": float(change.sum()),
            "low": float(means.low[0] * len(before)),
            "high": float(means.high[0] * len(before)),
        }
    return told


def frontier(
    of: Scored, by: Yardstick, worlds: Mapping[float, Policy], factors: Sequence[float]
) -> pd.DataFrame:
    """What every pair of a factor on the cut-offs and a weight of spending in limits comes to.

    Args:
        of: The requests.
        by: What they are measured by.
        worlds: The policy by its weight of spending (factor on the weight as it is).
        factors: Factors on the cut-offs.

    Returns:
        By weight and factor: released, drawn, mean_pd, expected_loss, profit, favoured, conflicts; most_profit: no
        other pair has more profit at no more expected loss; efficient: none has more profit at no more conflicts.
    """
    rows = []
    for weight, policy in worlds.items():
        decisions = decided(of, policy)
        loss, gain = money_of(decisions, by)
        probability, cutoff, asked = (
            decisions[name].to_numpy(np.float64) for name in ("pd", "cutoff", "asked")
        )
        by_score, refused, favoured = (
            decisions[name].to_numpy(bool) for name in ("score_decides", "refused", "favoured")
        )
        for factor in factors:
            released = ~np.where(by_score, probability > factor * cutoff, refused)
            rows.append(
                {
                    "weight": float(weight),
                    "factor": float(factor),
                    "released": int(released.sum()),
                    "drawn": float(asked[released].sum()),
                    "mean_pd": _mean(probability[released]),
                    "expected_loss": float(loss[released].sum()),
                    "profit": float(gain[released].sum()),
                    "favoured": int(favoured.sum()),
                    "conflicts": int((favoured & ~released).sum()),
                }
            )
    table = pd.DataFrame(rows)
    gain = table["profit"].to_numpy(np.float64)
    return table.assign(
        most_profit=undominated(table["expected_loss"].to_numpy(np.float64), gain),
        efficient=undominated(table["conflicts"].to_numpy(np.float64), gain),
    )[list(FRONTIER_COLUMNS)]


def undominated(cost: Floats, gain: Floats) -> Flags:
    """Which points no other beats: more gain at no more cost, or as much gain at less cost."""
    order = np.lexsort((-gain, cost))
    best = np.maximum.accumulate(gain[order])
    kept = np.empty(len(cost), dtype=bool)
    kept[order] = gain[order] > np.append(-np.inf, best[:-1])
    return kept


def _by_request(decisions: pd.DataFrame, by: Yardstick) -> dict[str, Floats]:
    released = ~decisions["refused"].to_numpy(bool)
    loss, gain = money_of(decisions, by)
    return {
        "released": released.astype(np.float64),
        "drawn": decisions["drawn"].to_numpy(np.float64),
        "expected_loss": np.where(released, loss, 0.0),
        "profit": np.where(released, gain, 0.0),
        "conflicts": (decisions["favoured"].to_numpy(bool) & ~released).astype(np.float64),
    }


def _mean(values: Floats) -> float:
    return float(values.mean()) if len(values) else float("nan")
