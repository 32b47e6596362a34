"""The nearest trials that failed: where nothing helps a borrower now, how far the changes that were tried come.

Of each lever alone the step that comes nearest to a release: fewest refusals left, then the lowest PD, then the smaller
step; and the nearest pair, where it leaves fewer refusals than these. The nearest three are told. Where time helps,
trials that wait are left out.
"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import combinations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from explanations.recourse.levers import LEVERS, UNITS, Lever, Places
from explanations.recourse.redecision import REFUSALS, Decider
from explanations.recourse.search import NO_STEP, WAIT, affordable, changed_requests, combined

COLUMNS = (
    *("request_id", "trial", "step", "kind", "from_value", "to_value", "unit"),
    *("pd_after", "cutoff", "refused_by"),
)
MOST = 3
"""Trials that are told of a conflict at most."""

_SINGLE = [(lever,) for lever in range(len(LEVERS))]
_PAIRS = list(combinations(range(len(LEVERS)), 2))
_STEPS = [f"step_{lever}" for lever in range(len(LEVERS))]
_NEAREST = ["left", "pd_after", *_STEPS]


def nearest_trials(
    decider: Decider, levers: Mapping[str, Lever], helps: Places, time_helps: NDArray[np.bool_]
) -> pd.DataFrame:
    """What comes nearest to a release, for conflicts that nothing helps now.

    Args:
        decider: The conflicts of a block.
        levers: What their borrowers can change.
        helps: Places of the conflicts in question.
        time_helps: Which of these are released after a wait.

    Returns:
        case (place of the conflict), then `COLUMNS` from trial to pd_after, and refused_by (`REFUSALS`, joined by `;`);
        a row per step of each trial, the nearest trial first.
    """
    alone, pairs = (
        pd.concat([_nearest(decider, levers, which, helps, time_helps) for which in sets])
        for sets in (_SINGLE, _PAIRS)
    )
    pair = pairs.sort_values(["case", *_NEAREST], kind="stable").drop_duplicates("case")
    least = alone.groupby("case")["left"].min().reindex(pair["case"], fill_value=len(REFUSALS))
    nearer = pair[pair["left"].to_numpy() < least.to_numpy()]
    told = pd.concat([alone, nearer]).sort_values(["case", *_NEAREST], kind="stable", ignore_index=True)
    told["trial"] = told.groupby("case").cumcount() + 1
    told = told[told["trial"] <= MOST]
    parts = []
    for lever, name in enumerate(LEVERS):
        moved = told[told[_STEPS[lever]] != NO_STEP]
        case, step = moved["case"].to_numpy(np.int64), moved[_STEPS[lever]].to_numpy(np.int64)
        values = {"from_value": levers[name].before[case], "to_value": levers[name].value[case, step]}
        parts.append(moved.assign(order=lever, kind=name, unit=UNITS[name], **values))
    steps = pd.concat(parts).sort_values(["case", "trial", "order"], kind="stable", ignore_index=True)
    return steps.assign(step=steps.groupby(["case", "trial"]).cumcount() + 1)


def _nearest(
    decider: Decider,
    levers: Mapping[str, Lever],
    which: tuple[int, ...],
    helps: Places,
    time_helps: NDArray[np.bool_],
) -> pd.DataFrame:
    """Of each conflict the nearest trial by a step of each of these levers."""
    rows = helps[~time_helps] if WAIT in which else helps
    case, steps = combined(levers, which, rows)
    changed = changed_requests(decider.can_pay, levers, case, steps)
    possible = np.flatnonzero(affordable(decider.can_pay, changed))
    refused, probability = decider.judge(changed.taken(possible))
    found = pd.DataFrame(steps[possible].astype(np.int64), columns=_STEPS).assign(
        case=case[possible], left=refused.sum(axis=1), pd_after=probability, place=np.arange(len(possible))
    )
    first = found.sort_values(["case", *_NEAREST], kind="stable").drop_duplicates("case")
    why = refused[first["place"].to_numpy(np.int64)]
    names = [";".join(rule for rule, flag in zip(REFUSALS, flags, strict=True) if flag) for flags in why]
    return first.drop(columns="place").assign(refused_by=pd.array(names, dtype=object))
