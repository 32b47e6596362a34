"""Curves and deciles are what one counts by hand, and agree with the metrics of the same scores."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import expit

from training.metrics import classification_metrics
from training.ranking import STEPS, lift_by_decile, limit_by_decile, ranking_curve


def scored(rows: int, seed: int = 5) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    pd_ = expit(rng.normal(-2, 1, rows))
    return (rng.random(rows) < pd_).astype(float), pd_


def test_a_curve_counts_who_is_at_or_above_each_pd():
    bad, pd_ = scored(3_000)
    curve = ranking_curve(bad, pd_)
    for row in curve.iloc[1:].itertuples():
        refused = pd_ >= row.pd
        assert row.share == pytest.approx(refused.mean())
        assert row.bad_share == pytest.approx(bad[refused].sum() / bad.sum())
        assert row.good_share == pytest.approx((1 - bad[refused]).sum() / (1 - bad).sum())


def test_a_curve_goes_from_nobody_to_all_in_at_most_a_step_a_hundredth():
    curve = ranking_curve(*scored(50_000))
    assert tuple(curve[["share", "bad_share", "good_share"]].iloc[0]) == (0, 0, 0)
    assert tuple(curve[["share", "bad_share", "good_share"]].iloc[-1]) == (1, 1, 1)
    assert len(curve) <= STEPS + 2
    assert curve["share"].diff().iloc[1:].between(0, 1.001 / STEPS, inclusive="right").all()


@settings(deadline=None, max_examples=40)
@given(st.integers(0, 10_000), st.integers(20, 400))
def test_the_largest_gap_of_a_curve_is_the_ks_of_the_metrics(seed, rows):
    rng = np.random.default_rng(seed)
    pd_ = rng.integers(1, 30, rows) / 40  # with many ties
    bad = (rng.random(rows) < pd_).astype(float)
    bad[:2] = (0, 1)
    gap = ranking_curve(bad, pd_).query("largest_gap")
    assert len(gap) == 1
    assert float((gap["bad_share"] - gap["good_share"]).iloc[0]) == pytest.approx(
        classification_metrics(bad, pd_)["ks"]
    )


def test_equal_pds_are_refused_together():
    curve = ranking_curve(np.array([1.0, 0, 0, 1]), np.array([0.2, 0.2, 0.2, 0.1]))
    assert curve["share"].tolist() == [0, 0.75, 1]


def test_one_class_alone_makes_no_curve():
    assert ranking_curve(np.zeros(5), np.full(5, 0.1)).empty


def test_lift_is_the_rate_of_each_decile_over_that_of_all():
    bad, pd_ = scored(4_000)
    lift = lift_by_decile(bad, pd_)
    riskiest = np.sort(pd_)[-400]
    assert lift["decile"].tolist() == list(range(1, 11))
    assert lift["requests"].tolist() == [400] * 10
    assert lift["lift"].iloc[0] == pytest.approx(bad[pd_ >= riskiest].mean() / bad.mean())
    assert lift["captured"].iloc[0] == pytest.approx(bad[pd_ >= riskiest].sum() / bad.sum())
    assert lift["captured"].iloc[-1] == 1
    assert (lift["lift"] * lift["requests"]).sum() == pytest.approx(4_000)
    assert lift["bad"].sum() == bad.sum()


def test_few_requests_leave_deciles_out_and_no_bad_one_leaves_lift_unsaid():
    lift = lift_by_decile(np.zeros(3), np.array([0.1, 0.2, 0.3]))
    assert lift["requests"].tolist() == [1, 1, 1]
    assert lift["lift"].isna().all()
    assert lift_by_decile(np.zeros(0), np.zeros(0)).empty


def test_limits_are_told_by_decile_of_the_predicted_one():
    rng = np.random.default_rng(3)
    predicted = rng.normal(9.5, 0.6, 10_000)
    limit = predicted + rng.normal(0.02, 0.1, 10_000)
    deciles = limit_by_decile(limit, predicted)
    assert deciles["reviews"].tolist() == [1_000] * 10
    assert deciles["predicted"].is_monotonic_increasing
    lowest = predicted <= np.sort(predicted)[999]
    ratio = np.exp(limit - predicted)[lowest]
    assert deciles["p25"].iloc[0] == pytest.approx(np.quantile(ratio, 0.25), rel=1e-4)
    assert deciles["p90"].iloc[0] == pytest.approx(np.quantile(ratio, 0.9), rel=1e-4)
    assert deciles["mae_log"].iloc[0] == pytest.approx(np.abs(limit - predicted)[lowest].mean())
    assert deciles["assessed"].iloc[0] == pytest.approx(np.median(np.exp(limit[lowest])), rel=1e-3)
