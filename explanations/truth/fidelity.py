"""The release model's reasons held against the world's own: contributions of groups of state to the true PD.

The true PD is a function of the state of the world, not of features, and some of that state no feature shows. So
both are split into the same few groups, against the same reference cohort, on the scale of log-odds, and compared.
For the evaluation of explanations alone; nothing that explains reads it.
"""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import fields
from itertools import combinations
from math import factorial

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.special import logit

from data.states import State, pd_of
from data.world import World
from features.catalogue import Feature
from models.threads import processors

Floats = NDArray[np.float64]

GROUPS: dict[str, tuple[str, ...]] = {
    "income and job": ("income", "jobless", "macro"),
    "debt elsewhere": ("debt_elsewhere", "lenders"),
    "enquiries": (),
    "own repayment": ("status", "willingness", "balance"),
    "spending": (),
    "liquidity": ("liquidity",),
    "network": ("network",),
    "request": ("amount",),
}
"""Groups of state and their parts. Enquiries and spending cause no default by themselves in the simulated world:
where the model speaks of them, they stand for something else."""

FAMILIES = {
    "own record": "own repayment",
    "bureau debt": "debt elsewhere",
    "enquiries": "enquiries",
    "income": "income and job",
    "spending": "spending",
    "device & identity": "network",
    "request": "request",
}
"""The group of state that a family of features speaks of."""

EXCEPTIONS = {
    "bureau_dpd_max_24m": "own repayment",
    "bureau_m2_count_24m": "own repayment",
    "card_utilization": "liquidity",
    "liquid_assets_30d": "liquidity",
    "cash_buffer": "liquidity",
}
"""Features that speak of another group than their family: late payments elsewhere, and cash at hand."""

_EDGE = 1e-12
"""Chances nearer to 0 and 1 than this count as this near."""

_CELLS = 1 << 15
"""Pairs of a conflict and a reference request that are worked on at a time: their arrays stay in the cache."""


def group_of(feature: Feature) -> str:
    """The group of state that a feature speaks of."""
    return EXCEPTIONS.get(feature.name) or FAMILIES[feature.family]


def model_contributions(contributions: Floats, features: list[Feature]) -> Floats:
    """Contributions of features (rows × features) summed to groups (rows × `GROUPS`)."""
    names = list(GROUPS)
    summed = np.zeros((len(contributions), len(names)))
    for column, feature in enumerate(features):
        summed[:, names.index(group_of(feature))] += contributions[:, column]
    return summed


def state_contributions(states: State, reference: State, world: World) -> Floats:
    """Exact Shapley values of the groups of state in the log-odds of the true PD.

    A set of groups is worth the mean log-odds over the reference with the borrower's own state in these groups, the
    same game that the contrast plays with features.

    Args:
        states: States at the conflicts.
        reference: States at the reference requests, all of which are used.
        world: Parameters of the world.

    Returns:
        Conflicts × `GROUPS`; a row sums to its log-odds less their mean over the reference.
    """
    size = len(states.amount)
    stretch = max(_CELLS // max(len(reference.amount), 1), 1)
    starts = range(0, size, stretch)
    with ThreadPoolExecutor(processors()) as pool:
        parts = pool.map(
            lambda first: _stretch(_taken(states, slice(first, first + stretch)), reference, world), starts
        )
        return np.concatenate([np.zeros((0, len(GROUPS))), *parts])


def _stretch(states: State, reference: State, world: World) -> Floats:
    players = [group for group, parts in GROUPS.items() if parts]
    worth = {
        subset: _log_odds(pd_of(_mixed(states, reference, subset), world)).mean(axis=1)
        for subset in _subsets(players)
    }
    values = np.zeros((len(states.amount), len(GROUPS)))
    for column, group in enumerate(GROUPS):
        for subset in _subsets([player for player in players if player != group]) if GROUPS[group] else ():
            share = factorial(len(subset)) * factorial(len(players) - len(subset) - 1)
            gain = worth[subset | {group}] - worth[subset]
            values[:, column] += share / factorial(len(players)) * gain
    return values


def _log_odds(probability: Floats) -> Floats:
    # Under a load of debt without income the chance rounds to 1.
    return np.asarray(logit(np.clip(probability, _EDGE, 1 - _EDGE)))


def _subsets(players: list[str]) -> Iterator[frozenset[str]]:
    for size in range(len(players) + 1):
        yield from map(frozenset, combinations(players, size))


def _mixed(states: State, reference: State, own: frozenset[str]) -> State:
    """States of every conflict with every reference request: own in some groups, the reference's in the others."""
    owned = {part for group in own for part in GROUPS[group]}
    shape = (len(states.amount), len(reference.amount))
    parts = {
        field.name: getattr(states, field.name)[:, None]
        if field.name in owned
        else getattr(reference, field.name)[None, :]
        for field in fields(State)
    }
    # The months past due give the chain of payments its shape.
    return State(**parts | {"status": np.broadcast_to(parts["status"], shape)})


def _taken(states: State, rows: slice) -> State:
    return State(**{field.name: getattr(states, field.name)[rows] for field in fields(State)})


def leading_agreement(model: Floats, truth: Floats, top: int) -> float:
    """Mean share of the `top` largest true contributions (by size) that are among the model's `top` largest."""
    most = [_largest(values, top) for values in (model, truth)]
    return float((most[0] & most[1]).sum(axis=1).mean() / top) if len(truth) else float("nan")


def leading_signs(model: Floats, truth: Floats, top: int) -> float:
    """Mean share of the `top` largest true contributions to which the model gives the same sign."""
    if not len(truth):
        return float("nan")
    same = (np.sign(model) == np.sign(truth)) & _largest(truth, top)
    return float(same.sum(axis=1).mean() / top)


def rank_agreement(model: Floats, truth: Floats) -> float:
    """Mean over conflicts of Spearman's correlation of the groups' contributions."""
    ranks = [pd.DataFrame(values).rank(axis=1).to_numpy() for values in (model, truth)]
    centred = [rank - rank.mean(axis=1, keepdims=True) for rank in ranks]
    norms = np.sqrt((centred[0] ** 2).sum(axis=1) * (centred[1] ** 2).sum(axis=1))
    return float(((centred[0] * centred[1]).sum(axis=1) / norms).mean()) if len(truth) else float("nan")


def stands_for(model: Floats, truth: Floats) -> pd.DataFrame:
    """Correlation over conflicts of each group's contribution in the model with each group's true one.

    Off the diagonal: what a group of features speaks of besides, or instead of, its own state. Columns: group (of
    the model), then one for each group of state that acts; NaN where a contribution does not vary.
    """
    active = [column for column, parts in enumerate(GROUPS.values()) if parts]
    names = list(GROUPS)
    table = pd.DataFrame({"group": names})
    for column in active:
        table[names[column]] = [_correlation(model[:, row], truth[:, column]) for row in range(len(names))]
    return table


def _largest(values: Floats, top: int) -> NDArray[np.bool_]:
    order = np.argsort(-np.abs(values), axis=1, kind="stable")[:, :top]
    chosen = np.zeros(values.shape, dtype=bool)
    np.put_along_axis(chosen, order, True, axis=1)
    return chosen


def _correlation(one: Floats, other: Floats) -> float:
    if len(one) < 2 or np.ptp(one) == 0 or np.ptp(other) == 0:
        return float("nan")
    return float(np.corrcoef(one, other)[0, 1])
