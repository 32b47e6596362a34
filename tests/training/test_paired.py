"""Models on the same rows: metrics as elsewhere, intervals that pair, DeLong's test."""

import numpy as np
import pytest

from models.boosted import Floats
from settings import Settings
from training.metrics import classification_metrics, limit_metrics
from training.paired import (
    LIMIT_METRICS,
    PAIRED_COLUMNS,
    RELEASE_METRICS,
    compare_limits,
    compare_releases,
    delong_p,
)
from training.parameters import ComparisonParameters

ROWS = 3_000


@pytest.fixture(scope="module")
def parameters(settings: Settings) -> ComparisonParameters:
    return settings.governance.comparison.model_copy(update={"draws": 60})


@pytest.fixture(scope="module")
def rows() -> tuple[Floats, Floats, Floats, np.ndarray]:
    """A good PD, one with noise, the outcome, and who asked (two requests each)."""
    generator = np.random.default_rng(4)
    odds = generator.normal(-2, 1.2, ROWS)
    good = 1 / (1 + np.exp(-odds))
    bad = (generator.random(ROWS) < good).astype(np.float64)
    noisy = 1 / (1 + np.exp(-(odds + generator.normal(0, 1.5, ROWS))))
    return good, np.round(noisy, 2).clip(0.005, 0.995), bad, np.repeat(np.arange(ROWS // 2), 2)


def test_the_values_are_those_that_the_metrics_give(rows: tuple, parameters: ComparisonParameters) -> None:
    good, noisy, bad, who = rows
    table = compare_releases({"one": good, "other": noisy}, bad, who, parameters)
    assert tuple(table) == PAIRED_COLUMNS
    for name, probability in (("one", good), ("other", noisy)):
        told = table[table["model"] == name].set_index("metric")["value"]
        assert tuple(told.index) == RELEASE_METRICS
        expected = classification_metrics(bad, probability)
        for metric in ("auc", "ks", "brier", "log_loss"):
            assert told[metric] == pytest.approx(expected[metric], abs=1e-12), metric
        assert told["calibration_slope"] == pytest.approx(expected["calibration_slope"], rel=0.02)
        assert told["bad_over_pd"] == pytest.approx(expected["bad_rate"] / expected["mean_pd"])


def test_a_difference_is_surer_than_either_value(rows: tuple, parameters: ComparisonParameters) -> None:
    good, noisy, bad, who = rows
    table = compare_releases({"one": good, "other": noisy}, bad, who, parameters)
    auc = table[table["metric"] == "auc"].set_index("model")
    other = auc.loc["other"]
    assert other["difference"] == pytest.approx(other["value"] - auc.loc["one", "value"])
    assert other["difference_low"] <= other["difference"] <= other["difference_high"] < 0
    assert other["difference_high"] - other["difference_low"] < other["high"] - other["low"]
    assert other["p_value"] < 1e-6
    assert auc.loc["one", ["difference", "p_value"]].isna().all()


def test_a_model_does_not_differ_from_itself(rows: tuple, parameters: ComparisonParameters) -> None:
    good, _, bad, who = rows
    table = compare_releases({"one": good, "other": good}, bad, who, parameters)
    mine = table[table["model"] == "other"]
    assert (mine[["difference", "difference_low", "difference_high"]].to_numpy() == 0).all()
    assert mine["p_value"].dropna().tolist() == [1.0]


def test_delongs_test_holds_its_level_with_borrowers_of_several_requests() -> None:
    generator = np.random.default_rng(8)
    found = []
    for _ in range(400):
        person = np.repeat(generator.normal(size=(150, 3)), 4, axis=0)
        bad = (generator.random(600) < 1 / (1 + np.exp(1.5 - person[:, 0]))).astype(np.float64)
        one, other = (person[:, 0] + person[:, at] for at in (1, 2))
        found.append(delong_p(one, other, bad, np.repeat(np.arange(150), 4)))
    assert 0.02 < np.mean(np.array(found) < 0.05) < 0.09


def test_of_one_outcome_nothing_is_told(parameters: ComparisonParameters) -> None:
    half = np.full(10, 0.5)
    assert compare_releases({"one": half}, np.zeros(10), np.arange(10), parameters).empty
    assert np.isnan(delong_p(half, half, np.array([1.0, *np.zeros(9)]), np.arange(10)))


def test_limits_are_measured_as_elsewhere(parameters: ComparisonParameters) -> None:
    generator = np.random.default_rng(2)
    assessed = generator.normal(9, 0.5, 800)
    near, far = assessed + generator.normal(0, 0.1, 800), assessed + generator.normal(0.05, 0.3, 800)
    table = compare_limits({"one": near, "other": far}, assessed, np.repeat(np.arange(400), 2), parameters)
    for name, predicted in (("one", near), ("other", far)):
        told = table[table["model"] == name].set_index("metric")["value"]
        assert tuple(told.index) == LIMIT_METRICS
        expected = limit_metrics(assessed, predicted)
        for metric in ("r2", "rmse", "mae_log"):
            assert told[metric] == pytest.approx(expected[metric])
        assert told["median_relative_error"] == pytest.approx(expected["median_relative_error"], rel=0.01)
    worse = table[(table["model"] == "other") & (table["metric"] == "mae_log")].iloc[0]
    assert worse["difference_low"] > 0


def test_large_books_take_fewer_draws(rows: tuple, parameters: ComparisonParameters) -> None:
    from training.paired import drawn_weights

    who = rows[3]
    few = parameters.model_copy(update={"draws": 1_000, "row_draws": 150 * ROWS})
    weights = list(drawn_weights(who, few))
    assert len(weights) == 150
    assert all(weight.sum() == ROWS for weight in weights)
    assert (weights[0][::2] == weights[0][1::2]).all(), "a borrower comes with all his requests"
