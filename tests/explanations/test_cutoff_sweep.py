"""At the policy's own cut-off the sweep gives the counts of the explanation; elsewhere what one counts by hand."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from explanations.cohorts import bad_rates, cohorts_of
from explanations.cutoff_sweep import cutoff_sweep

FACTORS = (0.25, 0.5, 1.0, 2.0, 4.0)


def requests(rows: int, seed: int) -> tuple[pd.DataFrame, np.ndarray, np.ndarray, np.ndarray]:
    """Decided requests, which of them are judged, their observed and their true outcomes."""
    rng = np.random.default_rng(seed)
    pd_, cutoff = (
        rng.integers(1, 12, rows) / 100,
        rng.integers(2, 8, rows) / 100,
    )  # some exactly at the cut-off
    by_rule = rng.random(rows) < 0.2
    slip = rng.random(rows) < 0.1
    refused = np.where(slip, rng.random(rows) < 0.5, by_rule | (pd_ > cutoff))
    decided = pd.DataFrame(
        {
            "pd": pd_,
            "cutoff": cutoff,
            "refused": refused,
            "refused_by": np.where(refused, np.where(pd_ > cutoff, "score", "cap_lenders"), ""),
            "score_decides": ~(by_rule | slip),
            "favoured": rng.random(rows) < 0.4,
        }
    )
    truth = (rng.random(rows) < 0.3).astype(float)
    observed = np.where(rng.random(rows) < 0.6, truth, np.nan)
    return decided, rng.random(rows) < 0.7, observed, truth


@settings(deadline=None, max_examples=50)
@given(st.integers(1, 300), st.integers(0, 10_000))
def test_the_policy_as_it_is_gives_the_counts_of_the_explanation(rows, seed):
    decided, judged, observed, truth = requests(rows, seed)
    cohorts = cohorts_of(decided, judged)
    at_one = cutoff_sweep(decided, cohorts, observed, truth, FACTORS).set_index("factor").loc[1.0]
    rates = bad_rates(decided, cohorts, observed, truth)
    refused = judged & decided["refused"].to_numpy()
    assert at_one["requests"] == judged.sum()
    assert at_one["released"] == judged.sum() - refused.sum()
    assert at_one["favoured"] == (cohorts.conflict | cohorts.reference).sum()
    assert at_one["conflicts"] == cohorts.conflict.sum()
    assert (at_one["bad_known"], at_one["bad"]) == (rates["released"]["known"], rates["released"]["bad"])
    if at_one["released"]:
        assert at_one["oracle_bad"] / at_one["released"] == pytest.approx(rates["released"]["oracle_rate"])
    assert at_one["oracle_bad_conflicts"] == truth[cohorts.conflict].sum()


@settings(deadline=None, max_examples=30)
@given(st.integers(1, 300), st.integers(0, 10_000))
def test_a_higher_cutoff_never_refuses_more(rows, seed):
    decided, judged, observed, _ = requests(rows, seed)
    sweep = cutoff_sweep(decided, cohorts_of(decided, judged), observed, None, FACTORS)
    assert sweep["released"].is_monotonic_increasing
    assert sweep["conflicts"].is_monotonic_decreasing
    assert sweep["oracle_bad"].isna().all()


def test_only_what_the_score_decides_moves():
    decided = pd.DataFrame(
        {
            "pd": [0.05, 0.05, 0.05],
            "cutoff": 0.04,
            "refused": [True, True, False],
            "refused_by": ["score", "score", ""],
            "score_decides": [
                True,
                False,
                False,
            ],  # the second breaks a cap, too; the third was released by a slip
            "favoured": True,
        }
    )
    judged, unseen = np.ones(3, dtype=bool), np.full(3, np.nan)
    sweep = cutoff_sweep(decided, cohorts_of(decided, judged), unseen, None, (0.5, 1, 2))
    assert sweep["released"].tolist() == [1, 1, 2]
    assert sweep["conflicts"].tolist() == [2, 2, 1]
    assert sweep["cutoff"].tolist() == [0.02, 0.04, 0.08]
