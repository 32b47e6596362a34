"""Rules of missed payments, against a world walked through one path at a time."""

import itertools

import numpy as np
import pytest
from scipy.special import expit

from data.repayment import Paths, Strain, debt_service, next_status, outcomes_with_draw, true_pd
from data.world import World

CALM = Strain(np.full(1, -3.0), np.full(1, 1.0), np.full(1, -0.5))


def test_debt_service_spreads_balances_with_interest_over_months(world: World) -> None:
    assert debt_service(np.array([8000.0]), np.array([1000.0]), world.borrowing)[0] == pytest.approx(1.08)


@pytest.mark.parametrize(
    ("status", "uniform", "owes", "expected"),
    [
        (0, 0.0, True, 1),  # a missed payment
        (0, 0.0, False, 0),  # nothing owed, nothing missed
        (0, 0.999, True, 0),
        (1, 0.999, True, 0),  # cured
        (1, 0.0, True, 2),  # rolled on
        (3, 0.999, True, 0),
        (3, 0.0, True, 4),
        (5, 0.999, True, 6),  # written off: no way back
    ],
)
def test_a_payment_is_met_missed_cured_or_rolled(
    status: int, uniform: float, owes: bool, expected: int, world: World
) -> None:
    found = next_status(
        np.array([status], dtype=np.int16),
        CALM,
        np.zeros(1),
        np.array([owes]),
        np.array([uniform]),
        world.repayment,
    )
    assert found[0] == expected


@pytest.mark.parametrize("status", [0, 1, 2, 3])
def test_the_true_pd_is_the_sum_over_all_paths_of_three_months(status: int, world: World) -> None:
    still = world.model_copy(update={"liquidity": world.liquidity.model_copy(update={"rate": 0.0})})
    service = np.array([0.4])
    found = true_pd(np.array([status], dtype=np.int16), CALM, np.zeros(1), service, still)[0]
    assert found == pytest.approx(_by_paths(status, 0.4, still), abs=1e-12)


def _by_paths(status: int, service: float, world: World) -> float:
    """Every sequence of three good or bad months with its chance."""
    p = world.repayment
    miss = expit(-3.0 + p.miss_debt_service * service)
    early = expit(1.0 + p.cure_early_debt_service * (service - p.cure_early_debt_service_centre))
    late = expit(-0.5)
    total = 0.0
    for path in itertools.product((False, True), repeat=3):
        chance, now, run, longest = 1.0, status, 0, 0
        for late_month in path:
            stays = miss if now == 0 else 1 - (early if now == 1 else late)
            chance *= stays if late_month else 1 - stays
            now = now + 1 if late_month else 0
            run = run + 1 if late_month else 0
            longest = max(longest, run)
        total += chance * (longest >= 2)
    return total


@pytest.mark.parametrize("seed", range(5))
def test_an_extra_balance_can_only_make_more_payments_be_missed(seed: int, world: World) -> None:
    """Where a payment is likelier met than a missed one cured, as for all but the most strained."""
    rng = np.random.default_rng(seed)
    months, borrowers = 6, 20_000
    shape = (months, borrowers)
    paths = Paths(
        status=np.zeros(shape, dtype=np.int16),
        strain=Strain(rng.uniform(-6, -2.5, shape), rng.uniform(-1, 1.5, shape), rng.uniform(-2, 0, shape)),
        balance=np.full(shape, 5000.0),
        income=np.full(shape, 6000.0),
        uniform=rng.random(shape),
    )
    at, rows, term = (
        np.zeros(borrowers, dtype=int),
        np.arange(borrowers),
        np.full(borrowers, 12, dtype=np.int8),
    )
    runs = [
        outcomes_with_draw(paths, at, rows, np.full(borrowers, extra), term, 3, world)
        for extra in (0.0, 8000.0)
    ]
    assert (runs[1] >= runs[0]).all()
    assert (runs[1] > runs[0]).any()
