"""Levers: grids of plausible changes, the smallest first."""

from __future__ import annotations

import numpy as np
import pandas as pd
from hypothesis import given
from hypothesis import strategies as st

from explanations.parameters import RecourseParameters
from explanations.recourse.levers import LEVERS, UNITS, Asked, Offers, levers_of, offers_of
from settings import Settings

OFFERS = Offers(least=230.0, terms=(3.0, 6.0, 9.0, 12.0))


def asked(
    amount: float = 4730.0,
    term: float = 6.0,
    balance: float = 2050.0,
    elsewhere: float = 0.0,
    liquid: float = np.nan,
    apr: float = 12.0,
) -> Asked:
    return Asked(*(np.array([value]) for value in (amount, term, apr, balance, elsewhere, liquid)))


def steps(lever: str, request: Asked, parameters: RecourseParameters) -> list[float]:
    values = levers_of(request, OFFERS, parameters)[lever].value[0]
    return values[~np.isnan(values)].tolist()


def test_amounts_fall_in_round_steps_to_the_least_that_was_ever_drawn(settings: Settings) -> None:
    ten = settings.explanations.recourse.model_copy(update={"amount_steps": 10})
    assert steps("amount", asked(), ten) == [4200, 3700, 3300, 2800, 2300, 1800, 1400, 900, 400, 300]
    assert steps("amount", asked(amount=300.0), ten) == []
    assert steps("amount", asked(amount=230.0), ten) == []


def test_only_longer_terms_on_offer_are_a_change(settings: Settings) -> None:
    parameters = settings.explanations.recourse
    assert steps("term", asked(), parameters) == [9, 12]
    assert steps("term", asked(term=12.0), parameters) == []
    request = asked()
    lever = levers_of(request, OFFERS, parameters)["term"]
    # Six months more at one per cent a month on half the amount.
    np.testing.assert_allclose(lever.cost[0, -1], 0.03, atol=1e-4)


def test_payments_leave_money_over_and_do_not_exceed_savings(settings: Settings) -> None:
    parameters = settings.explanations.recourse
    assert steps("pay_down_here", asked(), parameters) == [1550, 1150, 750, 350, 0]
    assert steps("pay_down_here", asked(liquid=1000.0), parameters) == [1550, 1150]
    assert steps("pay_down_here", asked(amount=1300.0), parameters) == [1550, 1150, 750 + 0][:2]
    assert steps("pay_down_elsewhere", asked(), parameters) == []


def test_a_term_that_hardly_anybody_chose_is_no_offer() -> None:
    requests = pd.DataFrame({"amount": np.arange(500) + 100.0, "term": [3] * 250 + [12] * 247 + [48] * 3})
    assert offers_of(requests) == Offers(100.0, (3.0, 12.0))


@given(
    amount=st.floats(10, 200_000),
    balance=st.floats(0, 100_000),
    elsewhere=st.floats(0, 300_000),
    liquid=st.one_of(st.just(np.nan), st.floats(0, 100_000)),
    term=st.sampled_from([3.0, 6.0, 9.0, 12.0, 5.0]),
)
def test_every_step_goes_further_the_way_it_may_and_costs_more(
    settings: Settings, amount: float, balance: float, elsewhere: float, liquid: float, term: float
) -> None:
    request = asked(amount, term, balance, elsewhere, liquid)
    found = levers_of(request, OFFERS, settings.explanations.recourse)
    assert set(found) == set(LEVERS) == set(UNITS)
    for name, lever in found.items():
        known = ~np.isnan(lever.value[0])
        to, cost, days = lever.value[0, known], lever.cost[0, known], lever.days[known]
        way = 1 if name in ("term", "wait") else -1
        assert (way * np.diff(np.concatenate([lever.before, to])) > 0).all(), name
        assert (np.diff(cost) > 0).all() or name == "wait"
        assert (np.diff(days) >= 0).all()
        assert (to >= 0).all()
        if name.startswith("pay"):
            paid = lever.before[0] - to
            assert (paid < amount).all()
            assert not (paid > liquid).any()
