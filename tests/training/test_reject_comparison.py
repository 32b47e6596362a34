"""Methods are compared on what truly became of the requests, with the error that chance leaves."""

import dataclasses

import numpy as np
import pytest
from scipy.special import expit
from sklearn.metrics import roc_auc_score

from data.errors import CallError
from training import reject_comparison
from training.metrics import classification_metrics
from training.reject_comparison import (
    ALL,
    METHODS,
    RANDOM_RELEASES,
    REFUSED,
    compare_reject_inference,
    compared,
    measures,
)


def world(count: int = 3_000):
    """PDs of a good and a poor method, outcomes, who was refused, who released at random, who asked."""
    rng = np.random.default_rng(3)
    odds = rng.normal(-2, 1.2, count)
    bad = (rng.random(count) < expit(odds)).astype(float)
    poor = expit(odds + rng.normal(0, 3, count))
    refused = odds > -1
    return {"none": poor, "better": expit(odds)}, bad, refused, refused & (rng.random(count) < 0.2)


@pytest.fixture(scope="module")
def table():
    probability, bad, refused, at_random = world()
    made = compared(probability, bad, refused, at_random, np.arange(len(bad)) // 2, seed=1)
    return made.set_index(["method", "population", "metric"])


def test_unweighted_measures_are_those_of_every_other_report():
    probability, bad, _, _ = world()
    told = measures(bad, probability["none"], np.ones(len(bad)))
    usual = classification_metrics(bad, probability["none"])
    names = {"auc", "ks", "calibration_slope", "calibration_intercept"}
    assert {name: told[name] for name in names} == pytest.approx({name: usual[name] for name in names})
    assert told["estimated_bad_rate"] == pytest.approx(usual["mean_pd"])
    assert told["true_bad_rate"] == pytest.approx(usual["bad_rate"])


def test_a_row_of_weight_two_is_two_rows_and_one_of_weight_zero_none():
    probability, bad, _, _ = world(400)
    times = np.random.default_rng(1).integers(0, 3, 400)
    weighted = measures(bad, probability["none"], times.astype(float))
    repeated = measures(np.repeat(bad, times), np.repeat(probability["none"], times), np.ones(times.sum()))
    assert weighted == pytest.approx(repeated)


def test_rows_of_one_outcome_have_rates_and_no_ranking():
    told = measures(np.zeros(4), np.full(4, 0.1), np.ones(4))
    assert np.isnan(told["auc"])
    assert told["bad_rate_error"] == pytest.approx(0.1)


def test_no_rows_have_no_rate():
    assert all(np.isnan(value) for value in measures(np.empty(0), np.empty(0), np.empty(0)).values())


def test_each_method_is_judged_on_all_and_on_those_refused_by_score(table):
    probability, bad, refused, at_random = world()
    for method, pd_ in probability.items():
        assert table.loc[(method, ALL, "auc"), "value"] == pytest.approx(roc_auc_score(bad, pd_))
        error = pd_[refused].mean() - bad[refused].mean()
        assert table.loc[(method, REFUSED, "bad_rate_error"), "value"] == pytest.approx(error)
    seen = table.loc[(RANDOM_RELEASES, REFUSED, "estimated_bad_rate")]
    assert seen["value"] == pytest.approx(bad[at_random].mean())


def test_intervals_hold_the_value_and_the_difference_to_none_is_told_with_its_own(table):
    assert (table["low"] <= table["value"]).all()
    assert (table["value"] <= table["high"]).all()
    assert (table.loc["none", ["difference", "difference_low", "difference_high"]] == 0).all(axis=None)
    better = table.loc[("better", ALL, "auc")]
    assert better["difference"] == pytest.approx(better["value"] - table.loc[("none", ALL, "auc"), "value"])
    assert better["difference_low"] > 0


def test_the_interval_of_a_bad_rate_is_as_wide_as_theory_says(table):
    row = table.loc[("none", ALL, "true_bad_rate")]
    error = np.sqrt(row["value"] * (1 - row["value"]) / 3_000)
    assert row["high"] - row["low"] == pytest.approx(2 * 1.96 * error, rel=0.25)


def test_a_simulated_book_compares_all_four_methods(small_book, fitted, settings, monkeypatch):
    monkeypatch.setattr(reject_comparison, "_DRAWS", 3)
    made = compare_reject_inference(small_book, fitted.requests, settings.training, settings.models)
    assert set(made["method"]) == {*METHODS, RANDOM_RELEASES}
    assert made.groupby("method").size().drop(RANDOM_RELEASES).nunique() == 1
    assert len(made[made["metric"] == "true_bad_rate"].groupby("population")["value"].unique().explode()) == 2


def test_a_book_without_true_outcomes_is_refused(small_book, fitted, settings):
    rows = {name: count for name, count in small_book.manifest.rows.items() if "oracle" not in name}
    real = dataclasses.replace(small_book, manifest=dataclasses.replace(small_book.manifest, rows=rows))
    with pytest.raises(CallError, match="take a simulated book"):
        compare_reject_inference(real, fitted.requests, settings.training, settings.models)
