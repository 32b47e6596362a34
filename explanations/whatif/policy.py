"""The policy table of a book with values of the policy's parameters replaced."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from data.economy import LEVELS
from data.months import month_index, to_days
from data.world import ReleasePolicy
from models.boosted import Floats
from models.policy import CAPS
from models.replay import CUTOFF


def changed_policy(
    policy: pd.DataFrame, market: pd.DataFrame, own: ReleasePolicy, other: ReleasePolicy, first_month: str
) -> pd.DataFrame:
    """The policy table if some parameters of the policy had been others; values that did not change stay as recorded.

    Args:
        policy: The policy table of a book, by month and region.
        market: Its market table, which holds the competition index.
        own: The parameters that the book's policy was made with.
        other: The parameters to look at.
        first_month: Month 1 of history (`YYYY-MM`).

    Returns:
        The table with cutoff, cutoff_without_competition and the caps of the other policy.
    """
    month = month_index(to_days(policy["month_start"]), first_month).astype(np.int64)
    level = policy["tightness"].to_numpy(np.int64)
    # A level that the schedule does not give was ordered from above (a scenario), and stays.
    now = np.where(level == _scheduled(own, month), _scheduled(other, month), level)
    changed: dict[str, Floats] = {}
    for name, column in (("cutoff", CUTOFF), *((cap, cap) for cap in CAPS)):
        before, after = (
            np.array([getattr(getattr(side, one), name) for one in LEVELS], dtype=np.float64)[at]
            for side, at in ((own, level), (other, now))
        )
        recorded = policy[column].to_numpy(np.float64)
        changed[column] = np.where((before == after) & (now == level), recorded, after)
    recorded, alone = (policy[name].to_numpy(np.float64) for name in ("cutoff", CUTOFF))
    if own.competition == other.competition:
        changed["cutoff"] = np.where(changed[CUTOFF] == alone, recorded, changed[CUTOFF] * recorded / alone)
    else:
        index = market.set_index(["month_start", "region"])["competition_index"]
        around = index.reindex(pd.MultiIndex.from_frame(policy[["month_start", "region"]]))
        changed["cutoff"] = changed[CUTOFF] * (1 - other.competition * around.to_numpy(np.float64))
    return policy.assign(tightness=now, **changed)


def scaled(policy: pd.DataFrame, factor: float) -> pd.DataFrame:
    """The policy table with every cut-off times a factor."""
    return policy.assign(cutoff=policy["cutoff"] * factor, **{CUTOFF: policy[CUTOFF] * factor})


def _scheduled(policy: ReleasePolicy, month: NDArray[np.int64]) -> NDArray[np.int64]:
    """Place of the level in `LEVELS` that the schedule gives each month of history."""
    levels = [LEVELS.index(regime.level) for regime in policy.schedule for _ in range(regime.months)]
    return np.where(month < 1, LEVELS.index("neutral"), np.array(levels)[(month - 1) % len(levels)])
