"""The search for recourse: which steps of which levers, alone or in pairs, lead to a release."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from explanations.recourse.levers import LEVERS, Asked, Floats, Lever, Places
from explanations.recourse.redecision import Changed, Decider, Flags

Steps = NDArray[np.int16]

WAIT = LEVERS.index("wait")
NO_STEP = -1
"""Where a lever is left alone."""


@dataclass(frozen=True)
class Plans:
    """Ways that would lead to a release; an entry per way.

    Attributes:
        case: Place of its conflict.
        steps: By lever (in the order of `LEVERS`), which step of its grid; -1 where it is left alone.
        days: Days until all of it counts.
        cost: Costs of its steps, as a share of the amount asked for.
        pd: PD of the changed request.
    """

    case: Places
    steps: Steps
    days: Places
    cost: Floats
    pd: Floats

    def taken(self, rows: Places | Flags) -> Plans:
        """Some of them."""
        return Plans(self.case[rows], self.steps[rows], self.days[rows], self.cost[rows], self.pd[rows])


def found_plans(decider: Decider, levers: Mapping[str, Lever]) -> Plans:
    """The smallest release of each set of levers: none, one alone, and where none helps without waiting, two.

    The smallest is that with the fewest days, of these the one that costs least: no smaller step of any of its levers
    leads to a release.
    """
    as_it_is = _released(decider, levers, _unchanged(len(decider.requests)))
    open_ = np.ones(len(decider.requests), dtype=bool)
    open_[as_it_is.case] = False
    alone = [_smallest(decider, levers, (lever,), open_) for lever in range(len(LEVERS))]
    found = [as_it_is, *alone]
    for with_wait in (False, True):
        open_ = open_ & ~_helped_now(found, len(open_))
        found += [
            _smallest(decider, levers, pair, open_)
            for pair in combinations(range(len(LEVERS)), 2)
            if (WAIT in pair) == with_wait
        ]
    return _joined(found)


def _helped_now(found: Sequence[Plans], cases: int) -> Flags:
    helped = np.zeros(cases, dtype=bool)
    for plans in found:
        helped[plans.case[plans.steps[:, WAIT] == NO_STEP]] = True
    return helped


def _unchanged(cases: int) -> tuple[Places, Steps]:
    return np.arange(cases), np.full((cases, len(LEVERS)), NO_STEP, dtype=np.int16)


def _smallest(decider: Decider, levers: Mapping[str, Lever], which: tuple[int, ...], open_: Flags) -> Plans:
    """By conflict that is open the smallest release by a step of each of these levers, all combinations tried."""
    released = _released(decider, levers, combined(levers, which, np.flatnonzero(open_)))
    order = np.lexsort((released.cost, released.days, released.case))
    _, first = np.unique(released.case[order], return_index=True)
    return released.taken(order[first])


def combined(levers: Mapping[str, Lever], which: tuple[int, ...], rows: Places) -> tuple[Places, Steps]:
    """All combinations of a step of each of some levers, for some conflicts: whose each is, and its steps."""
    possible = np.ones((len(rows), *(1 for _ in which)), dtype=bool)
    for axis, lever in enumerate(which):
        there = ~np.isnan(levers[LEVERS[lever]].value[rows])
        shape = [len(rows), *(1 for _ in which)]
        shape[axis + 1] = there.shape[1]
        possible = possible & there.reshape(shape)
    row, *chosen = np.nonzero(possible)
    steps = np.full((len(row), len(LEVERS)), NO_STEP, dtype=np.int16)
    for lever, step in zip(which, chosen, strict=True):
        steps[:, lever] = step
    return rows[row], steps


def affordable(asked: Asked, changed: Changed) -> Flags:
    """Which changed requests leave money over from the draw, and are paid from what is there."""
    paid = changed.here + changed.elsewhere
    return np.asarray((paid == 0) | ((paid < changed.amount) & ~(paid > asked.liquid[changed.case])))


def _released(decider: Decider, levers: Mapping[str, Lever], tried: tuple[Places, Steps]) -> Plans:
    """The tried combinations of steps that would be released."""
    case, steps = tried
    asked = decider.can_pay
    changed = changed_requests(asked, levers, case, steps)
    rows = np.flatnonzero(affordable(asked, changed))
    decision, pd_after = decider.decide(changed.taken(rows))
    rows = rows[decision]
    case, steps = case[rows], steps[rows]
    days, cost = np.zeros(len(rows), dtype=np.int64), np.zeros(len(rows))
    for lever, name in enumerate(LEVERS):
        moved = steps[:, lever] != NO_STEP
        step = steps[moved, lever]
        days[moved] = np.maximum(days[moved], levers[name].days[step])
        cost[moved] += levers[name].cost[case[moved], step]
    return Plans(case, steps, days, cost, pd_after[decision])


def changed_requests(asked: Asked, levers: Mapping[str, Lever], case: Places, steps: Steps) -> Changed:
    """The requests after some steps."""
    value = {}
    for lever, name in enumerate(LEVERS):
        step = steps[:, lever]
        moved = levers[name].value[case, np.maximum(step, 0)]
        value[name] = np.where(step == NO_STEP, levers[name].before[case], moved)
    return Changed(
        case=case,
        amount=value["amount"],
        term=value["term"],
        here=asked.balance[case] - value["pay_down_here"],
        elsewhere=asked.elsewhere[case] - value["pay_down_elsewhere"],
        later=steps[:, WAIT].astype(np.int64) + 1,
    )


def _joined(parts: Sequence[Plans]) -> Plans:
    names = [field.name for field in fields(Plans)]
    return Plans(*(np.concatenate([getattr(part, name) for part in parts]) for name in names))
