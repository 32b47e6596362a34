"""Swap sets: the four sets partition the requests, and what is to be equal is equal."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from training.swap_sets import (
    CUTS,
    SETS,
    Decisions,
    Worth,
    equal_approval,
    equal_bad_rate,
    swap_sets,
    trade_off,
)


def _decisions(ratio: list[float], fixed: dict[int, bool] | None = None) -> Decisions:
    fixed = fixed or {}
    given_ = np.array(ratio)
    free = np.array([place not in fixed for place in range(len(ratio))])
    refused = np.array([fixed.get(place, value > 1) for place, value in enumerate(ratio)])
    return Decisions(refused, free, given_)


def _worth(bad: list[float], oracle: list[float] | None = None) -> Worth:
    ones = np.ones(len(bad))
    truth = None if oracle is None else np.array(oracle)
    return Worth(np.array(bad), truth, 1_000 * ones, 10 * ones, 2 * ones, 3 * ones)


def test_the_sets_are_counted_with_their_bad_loans_and_their_worth() -> None:
    champion, challenger = _decisions([0.5, 0.9, 1.2, 1.5]), _decisions([0.5, 1.1, 0.8, 1.5])
    table = swap_sets(champion, challenger, _worth([0, 1, np.nan, np.nan], [0, 1, 0, 1]))
    here = table[table["cut"] == "policy"].set_index("set")
    assert here["requests"].to_dict() == dict.fromkeys(SETS, 1)
    assert here.loc["out", ["known", "bad", "bad_oracle"]].tolist() == [1, 1, 1]
    assert here.loc["in", ["known", "bad", "bad_oracle"]].tolist() == [0, 0, 0]
    assert here.loc["in", ["mean_limit", "amount", "expected_loss", "profit"]].tolist() == [1_000, 10, 2, 3]


def test_rules_and_recorded_slips_decide_whatever_the_cutoff() -> None:
    challenger = _decisions([0.1, 0.2, 0.3], {0: True, 2: False})
    assert challenger.refused_at(100).tolist() == [True, False, False]
    assert challenger.refused_at(0.01).tolist() == [True, True, False]


def test_at_equal_approval_as_many_are_released() -> None:
    champion = _decisions([0.5, 0.9, 1.2, 1.5, 0.7])
    challenger = _decisions([2.5, 3.0, 2.0, 9.0, 1.5])
    factor = equal_approval(champion.refused, challenger)
    assert (~challenger.refused_at(factor)).sum() == 3
    assert equal_approval(np.ones(5, dtype=bool), challenger) == 0.0


def test_at_an_equal_bad_rate_no_more_go_bad_and_no_further_step_would_do() -> None:
    champion = _decisions([0.5, 0.6, 0.7, 2.0, 2.0, 2.0])
    challenger = _decisions([0.1, 0.2, 0.3, 0.4, 0.5, 0.6])
    outcome = np.array([1.0, 0, 0, 0, 1, 1])
    factor = equal_bad_rate(champion.refused, challenger, outcome)
    assert factor == 0.4  # one of four; with the next it would be two of five
    assert np.isnan(equal_bad_rate(champion.refused, challenger, np.full(6, np.nan)))
    table = swap_sets(champion, challenger, _worth([np.nan] * 6))
    assert set(table["cut"]) == {"policy", "equal_approval"}


ratios = st.lists(st.sampled_from([0.2, 0.5, 0.9, 1.1, 1.5, 4.0]), min_size=8, max_size=8)


@given(ratios, ratios, st.lists(st.sampled_from([0.0, 1.0]), min_size=8, max_size=8))
def test_the_sets_partition_the_requests_at_every_cut(
    one: list[float], other: list[float], bad: list[float]
) -> None:
    table = swap_sets(_decisions(one), _decisions(other, {3: True}), _worth(bad, bad))
    for cut, rows in table.groupby("cut"):
        assert cut in CUTS
        assert rows["requests"].sum() == 8
        assert rows["bad_oracle"].sum() == sum(bad)
        assert tuple(rows["set"]) == SETS


@given(ratios, st.lists(st.sampled_from([0.0, 1.0, np.nan]), min_size=8, max_size=8))
def test_an_equal_bad_rate_is_never_above(one: list[float], bad: list[float]) -> None:
    champion, challenger, outcome = _decisions(one), _decisions(one[::-1]), np.array(bad)
    factor = equal_bad_rate(champion.refused, challenger, outcome)
    if np.isnan(factor):
        return
    theirs, mine = outcome[~champion.refused], outcome[~challenger.refused_at(factor)]
    assert np.nanmean(mine) <= np.nanmean(theirs) + 1e-12


def test_the_trade_off_rises_to_all_that_no_rule_refuses() -> None:
    curve = trade_off(_decisions([0.1, 0.2, 0.3, 9.0], {3: True}), np.array([0.0, 0, 1, 1]), 3)
    assert curve["approval"].tolist() == [0.5, 0.75]
    assert curve["bad_rate"].tolist() == [0.0, pytest.approx(1 / 3)]
    nobody = Decisions(np.ones(2, dtype=bool), np.zeros(2, dtype=bool), np.ones(2))
    assert isinstance(trade_off(nobody, np.zeros(2), 3), pd.DataFrame)
    assert trade_off(nobody, np.zeros(2), 3).empty
