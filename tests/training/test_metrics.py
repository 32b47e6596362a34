"""Metrics are what practitioners compute by hand, and say nothing where the rows do not define them."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from scipy.special import expit, logit
from scipy.stats import ks_2samp, mannwhitneyu

from training.metrics import (
    ORACLE,
    RELEASED,
    classification_metrics,
    limit_metrics,
    limit_performance,
    metric_names,
    release_performance,
    reliability,
    reliability_by_split,
)
from training.splits import SPLITS


def scored(rows: int = 4_000, seed: int = 5):
    rng = np.random.default_rng(seed)
    pd_ = expit(rng.normal(-2, 1, rows))
    return (rng.random(rows) < pd_).astype(float), pd_


SCORES = st.lists(st.tuples(st.booleans(), st.floats(0.01, 0.99)), min_size=2, max_size=60)


def both_classes(rows):
    bad = np.array([row[0] for row in rows], dtype=float)
    assume(0 < bad.sum() < len(bad))
    return bad, np.array([row[1] for row in rows])


@settings(deadline=None, max_examples=40)
@given(SCORES)
def test_auc_counts_pairs_and_ks_is_the_largest_gap_of_two_distributions(rows):
    bad, pd_ = both_classes(rows)
    metrics = classification_metrics(bad, pd_)
    pairs = mannwhitneyu(pd_[bad == 1], pd_[bad == 0]).statistic / (bad.sum() * (1 - bad).sum())
    assert metrics["auc"] == pytest.approx(pairs)
    assert metrics["gini"] == pytest.approx(2 * pairs - 1)
    assert -1 <= metrics["gini"] <= 1
    # Bad above good only: the same statistic, one-sided.
    assert metrics["ks"] == pytest.approx(
        ks_2samp(pd_[bad == 1], pd_[bad == 0], alternative="less").statistic
    )
    assert 0 <= metrics["ks"] <= 1


@settings(deadline=None, max_examples=40)
@given(SCORES, st.floats(0.2, 3), st.floats(-2, 2))
def test_ranking_does_not_change_under_a_rising_transformation(rows, slope, shift):
    bad, pd_ = both_classes(rows)
    moved = expit(slope * logit(pd_) + shift)
    assume(len(np.unique(moved)) == len(np.unique(pd_)))
    for metric in ("auc", "gini", "ks"):
        assert classification_metrics(bad, moved)[metric] == pytest.approx(
            classification_metrics(bad, pd_)[metric]
        )


def test_brier_and_log_loss_are_the_means_of_their_terms():
    bad, pd_ = scored()
    metrics = classification_metrics(bad, pd_)
    assert metrics["brier"] == pytest.approx(np.mean((bad - pd_) ** 2))
    assert metrics["log_loss"] == pytest.approx(-np.mean(np.where(bad == 1, np.log(pd_), np.log(1 - pd_))))
    assert (metrics["requests"], metrics["bad_rate"]) == (4_000, bad.mean())


def test_true_probabilities_are_calibrated_and_stretched_ones_tell_by_how_much():
    bad, pd_ = scored(60_000)
    perfect = classification_metrics(bad, pd_)
    assert perfect["calibration_slope"] == pytest.approx(1, abs=0.05)
    assert perfect["calibration_intercept"] == pytest.approx(0, abs=0.1)
    stretched = classification_metrics(bad, expit(2 * logit(pd_) + 1))
    # logit true = (logit stretched - 1) / 2
    assert stretched["calibration_slope"] == pytest.approx(perfect["calibration_slope"] / 2, rel=1e-6)
    expected = perfect["calibration_intercept"] - perfect["calibration_slope"] / 2
    assert stretched["calibration_intercept"] == pytest.approx(expected, abs=1e-6)


def test_one_class_has_no_ranking_but_still_a_brier_score():
    metrics = classification_metrics(np.zeros(5), np.full(5, 0.1))
    assert np.isnan(metrics["auc"])
    assert np.isnan(metrics["ks"])
    assert np.isnan(metrics["calibration_slope"])
    assert metrics["brier"] == pytest.approx(0.01)


def test_certain_probabilities_that_are_right_cost_nothing():
    metrics = classification_metrics(np.array([1.0, 0.0]), np.array([1.0, 0.0]))
    assert metrics["log_loss"] == pytest.approx(0, abs=1e-9)
    assert (metrics["auc"], metrics["ks"]) == (1.0, 1.0)


def test_no_rows_have_no_metrics_but_their_number():
    assert classification_metrics(np.empty(0), np.empty(0)) == {"requests": 0.0}
    assert limit_metrics(np.empty(0), np.empty(0)) == {"reviews": 0.0}


def test_limit_errors_are_in_log_and_in_money():
    limit, predicted = np.array([1_000.0, 10_000.0, 20_000.0]), np.array([1_100.0, 10_000.0, 15_000.0])
    metrics = limit_metrics(np.log(limit), np.log(predicted))
    assert metrics["mae"] == pytest.approx((100 + 0 + 5_000) / 3)
    assert metrics["median_relative_error"] == pytest.approx(0.1)
    residual = np.log(limit) - np.log(predicted)
    assert metrics["rmse"] == pytest.approx(np.sqrt((residual**2).mean()))
    assert metrics["r2"] == pytest.approx(
        1 - residual.var() / np.log(limit).var() - residual.mean() ** 2 / np.log(limit).var()
    )


def test_limits_that_are_all_the_same_have_no_explained_variance():
    assert np.isnan(limit_metrics(np.full(3, 9.0), np.full(3, 9.1))["r2"])


@settings(deadline=None)
@given(st.integers(1, 400), st.integers(0, 5))
def test_score_deciles_are_of_equal_size_and_in_order_of_pd(rows, seed):
    bad, pd_ = scored(rows, seed)
    table = reliability(bad, pd_)
    assert table["requests"].sum() == rows
    assert table["requests"].max() - table["requests"].min() <= 1
    assert table["mean_pd"].is_monotonic_increasing
    assert (table["requests"] * table["bad_rate"]).sum() == pytest.approx(bad.sum())


def test_score_deciles_are_those_of_pandas():
    bad, pd_ = scored(1_000)
    groups = pd.qcut(pd.Series(pd_), 10, labels=False)
    table = reliability(bad, pd_)
    assert table["decile"].tolist() == list(range(1, 11))
    np.testing.assert_allclose(table["bad_rate"], pd.Series(bad).groupby(groups).mean())
    np.testing.assert_allclose(table["mean_pd"], pd.Series(pd_).groupby(groups).mean())


def splits_and_scores():
    bad, pd_ = scored(800)
    split = np.resize(np.array([*SPLITS, "outside"]), 800)
    return split, pd_, bad


def test_each_split_is_judged_on_its_own_rows_and_unknown_outcomes_on_none():
    split, pd_, oracle = splits_and_scores()
    bad = np.where(pd_ > 0.3, np.nan, oracle)  # the refused
    table = release_performance(split, pd_, bad, oracle)
    assert set(table["population"]) == {RELEASED, ORACLE}
    for name in SPLITS:
        for population, known in ((RELEASED, pd_ <= 0.3), (ORACLE, np.full(800, True))):
            rows = (split == name) & known
            mine = table[(table["split"] == name) & (table["population"] == population)]
            expected = classification_metrics(oracle[rows], pd_[rows])
            assert dict(zip(mine["metric"], mine["value"], strict=True)) == expected


def test_a_book_without_an_oracle_has_released_requests_alone():
    split, pd_, bad = splits_and_scores()
    assert set(release_performance(split, pd_, bad, None)["population"]) == {RELEASED}


def test_deciles_are_given_for_every_split():
    split, pd_, bad = splits_and_scores()
    table = reliability_by_split(split, pd_, bad)
    assert table.groupby("split")["requests"].sum().to_dict() == dict.fromkeys(SPLITS, 160)


def test_metric_names_tell_model_split_and_population_and_leave_out_what_is_undefined():
    split, pd_, bad = splits_and_scores()
    bad[split == "calibration"] = 0.0
    log_limit = np.linspace(8, 11, 800)
    tables = [release_performance(split, pd_, bad, bad), limit_performance(split, log_limit, log_limit + 0.1)]
    named = metric_names(pd.concat(tables))
    assert named["release.auc"] == named["release.out_of_time.auc"] == named["release.out_of_time.oracle.auc"]
    assert named["limit.median_relative_error"] == pytest.approx(np.expm1(0.1))
    assert "release.calibration.auc" not in named
    assert "release.calibration.brier" in named
    assert not any(np.isnan(value) for value in named.values())
