"""Swap sets: whom two models both release, whom only one does, whom neither; what each set costs and earns.

Two models that rank differently release different requests even where they release as many. Whether the exchange is a
good one is seen in those swapped in against those swapped out. The challenger's cut-offs are held against the
champion's decisions in three ways: as the policy has them, at equal approval, and at an equal bad rate.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from models.boosted import Floats

Flags = NDArray[np.bool_]

CUTS = ("policy", "equal_approval", "equal_bad_rate")
SETS = ("both", "in", "out", "neither")
SWAP_COLUMNS = (
    *("cut", "factor", "set", "requests", "known", "bad", "bad_oracle"),
    *("mean_limit", "amount", "expected_loss", "profit"),
)


@dataclass(frozen=True)
class Decisions:
    """One model's decisions on the judged requests.

    Attributes:
        refused: Under the policy.
        score_decides: Where another cut-off could change the decision.
        ratio: PD over the cut-off in force.
    """

    refused: Flags
    score_decides: Flags
    ratio: Floats

    @classmethod
    def of(cls, decided: pd.DataFrame) -> Decisions:
        """Those of a table of `models.decisions`."""
        return cls(
            decided["refused"].to_numpy(bool),
            decided["score_decides"].to_numpy(bool),
            decided["pd"].to_numpy(np.float64) / decided["cutoff"].to_numpy(np.float64),
        )

    def refused_at(self, factor: float) -> Flags:
        """Who is refused when all cut-offs are so many times those in force."""
        return np.where(self.score_decides, self.ratio > factor, self.refused)


@dataclass(frozen=True)
class Worth:
    """What each judged request comes to.

    Attributes:
        observed: Outcome; NaN where nobody saw one.
        oracle: Outcome with the draw of each (simulated books).
        limit: Limit in force (the book's currency).
        amount: What is asked for.
        expected_loss: Expected loss, were it released.
        profit: Expected profit, were it released.
    """

    observed: Floats
    oracle: Floats | None
    limit: Floats
    amount: Floats
    expected_loss: Floats
    profit: Floats


def swap_sets(champion: Decisions, challenger: Decisions, worth: Worth) -> pd.DataFrame:
    """The four sets of the judged requests at each of the three cuts (`SWAP_COLUMNS`).

    Args:
        champion: Its decisions under the policy, which stand at every cut.
        challenger: Its decisions; at equal approval and equal bad rate its cut-offs are multiplied with one factor.
        worth: What each request comes to.

    Returns:
        By cut and set (`in`: released by the challenger alone, `out`: by the champion alone): factor on the
        challenger's cut-offs, requests, known (outcomes seen), bad (of them), bad_oracle (of all; NaN without an
        oracle), mean_limit, and sums of amount, expected_loss and profit. An equal bad rate that no factor gives is
        left out.
    """
    outcome = worth.observed if worth.oracle is None else worth.oracle
    factors = {
        "policy": 1.0,
        "equal_approval": equal_approval(champion.refused, challenger),
        "equal_bad_rate": equal_bad_rate(champion.refused, challenger, outcome),
    }
    rows = []
    for cut in CUTS:
        factor = factors[cut]
        refused = challenger.refused if cut == "policy" else challenger.refused_at(factor)
        sets = {
            "both": ~champion.refused & ~refused,
            "in": champion.refused & ~refused,
            "out": ~champion.refused & refused,
            "neither": champion.refused & refused,
        }
        if not np.isnan(factor):
            rows += [{"cut": cut, "factor": factor, "set": name} | _told(sets[name], worth) for name in SETS]
    return pd.DataFrame(rows, columns=list(SWAP_COLUMNS))


def equal_approval(refused: Flags, challenger: Decisions) -> float:
    """Factor on the challenger's cut-offs at which it releases as many as are not refused, or nearly, with ties."""
    ratio, released = _steps(challenger)
    wanted = int((~refused).sum())
    return float(ratio[np.argmin(np.abs(released - wanted))])


def equal_bad_rate(refused: Flags, challenger: Decisions, outcome: Floats) -> float:
    """Largest factor on the challenger's cut-offs at which no more of its released go bad than of those not refused.

    NaN where there is none, or no outcome is known.
    """
    known = ~np.isnan(outcome)
    seen = outcome[~refused & known]
    if not len(seen):
        return float("nan")
    free = challenger.score_decides
    fixed = ~free & ~challenger.refused & known
    order = np.argsort(challenger.ratio[free], kind="stable")
    ratio = challenger.ratio[free][order]
    bad = np.where(known, outcome, 0.0)[free][order].cumsum() + outcome[fixed].sum()
    counted = known[free][order].cumsum() + fixed.sum()
    last = np.append(np.diff(ratio) > 0, True)[: len(ratio)]
    good_enough = np.flatnonzero(last & (counted > 0) & (bad <= seen.mean() * counted))
    return float(ratio[good_enough[-1]]) if len(good_enough) else float("nan")


def trade_off(decisions: Decisions, outcome: Floats, steps: int) -> pd.DataFrame:
    """What approving more costs: approval (share of the requests) and bad_rate of those released, at even steps.

    Only factors on the cut-offs that another rule does not forestall are there; `outcome` is NaN where it is unknown.
    """
    known = ~np.isnan(outcome)
    free = decisions.score_decides
    fixed = ~free & ~decisions.refused
    order = np.argsort(decisions.ratio[free], kind="stable")
    bad = np.where(known, outcome, 0.0)
    bads = bad[free][order].cumsum() + bad[fixed].sum()
    counted = known[free][order].cumsum() + (fixed & known).sum()
    if not len(order):
        return pd.DataFrame(columns=["approval", "bad_rate"])
    at = np.unique(np.linspace(0, len(order) - 1, steps + 1).round().astype(np.int64)[1:])
    with np.errstate(invalid="ignore", divide="ignore"):
        rate = bads[at] / counted[at]
    return pd.DataFrame({"approval": (at + 1 + fixed.sum()) / len(outcome), "bad_rate": rate})


def _steps(decisions: Decisions) -> tuple[Floats, Floats]:
    """Each factor on the cut-offs at which something changes, none released first, and how many it releases."""
    free = np.sort(decisions.ratio[decisions.score_decides])
    ratio, counts = np.unique(free, return_counts=True)
    fixed = int((~decisions.score_decides & ~decisions.refused).sum())
    return np.append(0.0, ratio), fixed + np.append(0, counts.cumsum()).astype(np.float64)


def _told(rows: Flags, worth: Worth) -> dict[str, float]:
    seen = worth.observed[rows]
    limit = worth.limit[rows]
    return {
        "requests": int(rows.sum()),
        "known": int((~np.isnan(seen)).sum()),
        "bad": float(np.nansum(seen)),
        "bad_oracle": float("nan") if worth.oracle is None else float(worth.oracle[rows].sum()),
        "mean_limit": float(np.nanmean(limit)) if (~np.isnan(limit)).any() else float("nan"),
        **{
            name: float(np.nansum(values[rows]))
            for name, values in (
                ("amount", worth.amount),
                ("expected_loss", worth.expected_loss),
                ("profit", worth.profit),
            )
        },
    }
