"""Groups of state against groups of features: the true PD's game by brute force, and the agreement by hand."""

from dataclasses import fields, replace
from itertools import permutations

import numpy as np
import pytest
from scipy.special import logit

from data.states import State, pd_of
from data.world import World
from explanations.truth.fidelity import (
    GROUPS,
    group_of,
    leading_agreement,
    leading_signs,
    model_contributions,
    rank_agreement,
    stands_for,
    state_contributions,
)
from features.catalogue import own_catalogue


def states(size: int, seed: int) -> State:
    rng = np.random.default_rng(seed)
    return State(
        willingness=rng.normal(size=size),
        network=rng.normal(size=size),
        liquidity=rng.exponential(0.3, size),
        jobless=rng.random(size) < 0.2,
        macro=rng.normal(0, 0.3, size),
        income=rng.uniform(3000, 15000, size),
        lenders=rng.integers(0, 6, size).astype(float),
        debt_elsewhere=rng.uniform(0, 40000, size),
        status=rng.integers(0, 3, size).astype(np.int16),
        balance=rng.uniform(0, 10000, size),
        amount=rng.uniform(500, 10000, size),
    )


def test_the_parts_of_the_groups_are_the_state() -> None:
    parts = [part for group in GROUPS.values() for part in group]
    assert sorted(parts) == sorted(field.name for field in fields(State))


def test_every_feature_of_the_release_model_speaks_of_a_group() -> None:
    catalogue = own_catalogue()
    assert {group_of(catalogue[name]) for name in catalogue.release} == set(GROUPS)


def _by_orders(own: State, other: State, world: World) -> np.ndarray:
    """Shapley values of one state against one other: mean gain over all orders of joining."""
    players = [group for group, parts in GROUPS.items() if parts]
    values = dict.fromkeys(GROUPS, 0.0)
    orders = list(permutations(players))
    for order in orders:
        now = other
        before = logit(pd_of(now, world))[0]
        for group in order:
            now = replace(now, **{part: getattr(own, part) for part in GROUPS[group]})
            after = logit(pd_of(now, world))[0]
            values[group] += (after - before) / len(orders)
            before = after
    return np.array(list(values.values()))


@pytest.mark.parametrize("seed", range(3))
def test_contributions_are_the_mean_gain_over_all_orders(seed: int, world: World) -> None:
    own, other = states(1, seed), states(1, seed + 100)
    found = state_contributions(own, other, world)
    np.testing.assert_allclose(found[0], _by_orders(own, other, world), atol=1e-12)


def test_against_a_cohort_they_are_the_mean_against_each_and_sum_to_the_gap(world: World) -> None:
    own, cohort = states(7, 1), states(40, 2)
    found = state_contributions(own, cohort, world)
    alone = [
        state_contributions(
            own, State(**{f.name: getattr(cohort, f.name)[[at]] for f in fields(State)}), world
        )
        for at in range(40)
    ]
    np.testing.assert_allclose(found, np.mean(alone, axis=0), atol=1e-12)
    gap = logit(pd_of(own, world)) - logit(pd_of(cohort, world)).mean()
    np.testing.assert_allclose(found.sum(axis=1), gap, atol=1e-12)


def test_what_does_not_act_gets_nothing(world: World) -> None:
    found = state_contributions(states(5, 3), states(5, 4), world)
    idle = [column for column, parts in enumerate(GROUPS.values()) if not parts]
    assert (found[:, idle] == 0).all()
    assert (np.delete(found, idle, axis=1) != 0).all()


def test_features_are_summed_to_their_groups() -> None:
    catalogue = own_catalogue()
    features = [catalogue[name] for name in ("bureau_enq_1m", "mp_apps_7d", "cash_buffer")]
    summed = model_contributions(np.array([[1.0, 2.0, -0.5]]), features)
    said = dict(zip(GROUPS, summed[0], strict=True))
    assert said["enquiries"] == 3
    assert said["liquidity"] == -0.5
    assert sum(said.values()) == 2.5


def test_agreement_and_signs_by_hand() -> None:
    truth = np.array([[3.0, -2.0, 1.0, 0.1], [0.1, 0.2, -5.0, 4.0]])
    model = np.array([[2.0, 1.0, 0.5, 0.0], [9.0, 0.2, -1.0, -4.0]])
    assert leading_agreement(model, truth, 1) == 0.5
    assert leading_agreement(model, truth, 3) == pytest.approx((1 + 2 / 3) / 2)
    assert leading_signs(model, truth, 1) == 1.0
    assert leading_signs(model, truth, 3) == pytest.approx((2 / 3 + 2 / 3) / 2)
    assert rank_agreement(truth, truth) == pytest.approx(1.0)
    assert rank_agreement(-truth, truth) == pytest.approx(-1.0)


def test_a_group_that_repeats_another_stands_for_it() -> None:
    rng = np.random.default_rng(0)
    truth = rng.normal(size=(500, len(GROUPS)))
    model = rng.normal(size=truth.shape)
    names = list(GROUPS)
    model[:, names.index("enquiries")] = 2 * truth[:, names.index("liquidity")]
    table = stands_for(model, truth).set_index("group")
    assert table.loc["enquiries", "liquidity"] == pytest.approx(1.0)
    assert table.drop("enquiries").abs().max().max() < 0.2
