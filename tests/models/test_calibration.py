"""Calibration is a rising, invertible line that keeps the mean PD at the observed bad rate."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import minimize
from scipy.special import expit
from sklearn.linear_model import LogisticRegression

from data.errors import DataFault
from models.calibration import Calibration, fit_calibration, logistic_line
from models.parameters import CalibrationParameters

SPREAD = CalibrationParameters(slope_spread=0.5)
MARGINS = st.floats(-12, 12)


def outcomes(rows: int, slope: float = 1.0, intercept: float = 0.0, seed: int = 1):
    rng = np.random.default_rng(seed)
    margin = rng.normal(-3.5, 1.0, rows)
    return margin, (rng.random(rows) < expit(slope * margin + intercept)).astype(float)


@given(st.floats(0.05, 5), st.floats(-5, 5), MARGINS)
def test_the_margin_at_a_pd_is_the_margin_that_gives_it(slope, intercept, margin):
    calibration = Calibration(slope, intercept)
    pd = calibration.pd(np.array([margin]))
    # Near 1 a PD holds few digits of its complement, so the round trip is judged on the PD.
    np.testing.assert_allclose(calibration.pd(calibration.margin_at(pd)), pd, rtol=1e-9)
    if pd[0] < 0.999:
        np.testing.assert_allclose(calibration.margin_at(pd), [margin], rtol=1e-6, atol=1e-6)


@given(st.floats(0.05, 5), st.floats(-5, 5), st.lists(MARGINS, min_size=2, max_size=20))
def test_calibration_keeps_the_order_of_margins(slope, intercept, margins):
    pd = Calibration(slope, intercept).pd(np.sort(np.array(margins)))
    assert (np.diff(pd) >= 0).all()
    assert ((pd >= 0) & (pd <= 1)).all()


def test_a_cutoff_of_zero_or_one_lies_at_infinity():
    margins = Calibration(0.8, -0.2).margin_at(np.array([0.0, 1.0]))
    assert margins.tolist() == [-np.inf, np.inf]


def test_the_mean_pd_on_the_calibration_period_is_its_bad_rate():
    margin, bad = outcomes(4000, slope=0.7, intercept=0.5)
    pd = fit_calibration(margin, bad, SPREAD).pd(margin)
    assert pd.mean() == pytest.approx(bad.mean(), rel=1e-9)


def test_a_row_of_weight_two_counts_as_two_rows():
    margin, bad = outcomes(2000, slope=0.7)
    times = np.random.default_rng(2).integers(0, 3, len(bad))
    weighted = fit_calibration(margin, bad, SPREAD, times.astype(float))
    repeated = fit_calibration(np.repeat(margin, times), np.repeat(bad, times), SPREAD)
    assert (weighted.slope, weighted.intercept) == pytest.approx((repeated.slope, repeated.intercept))


def test_the_fit_is_the_best_of_its_penalised_likelihood():
    margin, bad = outcomes(3000, slope=0.6)

    def loss(line):
        pd = expit(line[0] * margin + line[1])
        return -np.where(bad == 1, np.log(pd), np.log1p(-pd)).sum() + 0.5 * ((line[0] - 1) / 0.5) ** 2

    best = minimize(
        loss, [1.0, 0.0], method="Nelder-Mead", options={"xatol": 1e-9, "fatol": 1e-12, "maxiter": 4000}
    )
    fitted = fit_calibration(margin, bad, SPREAD)
    np.testing.assert_allclose([fitted.slope, fitted.intercept], best.x, atol=1e-5)


def test_with_many_outcomes_the_slope_is_the_data_s_and_with_few_it_stays_near_one():
    margin, bad = outcomes(200_000, slope=0.6)
    assert fit_calibration(margin, bad, SPREAD).slope == pytest.approx(0.6, abs=0.05)
    few_margin, few_bad = np.array([-4.0, -3.5, -3.0, -2.9]), np.array([0.0, 1.0, 0.0, 0.0])
    assert fit_calibration(
        few_margin, few_bad, CalibrationParameters(slope_spread=0.1)
    ).slope == pytest.approx(1.0, abs=0.1)


@settings(deadline=None, max_examples=20)
@given(st.integers(0, 50))
def test_the_unpenalised_line_is_scikit_learn_s(seed):
    margin, bad = outcomes(600, seed=seed)
    if 0 < bad.sum() < 600:
        theirs = LogisticRegression(C=np.inf, tol=1e-10, max_iter=10_000).fit(margin[:, None], bad)
        expected = [theirs.coef_[0, 0], theirs.intercept_[0]]
        np.testing.assert_allclose(logistic_line(margin, bad), expected, atol=2e-3)


def test_separated_classes_have_no_finite_line():
    assert np.isnan(logistic_line(np.array([-2.0, -1.0, 1.0, 2.0]), np.array([0.0, 0.0, 1.0, 1.0]))).all()


def test_even_separated_classes_calibrate_under_the_prior():
    fitted = fit_calibration(np.array([-2.0, -1.0, 1.0, 2.0]), np.array([0.0, 0.0, 1.0, 1.0]), SPREAD)
    assert 0 < fitted.slope < 3


def test_a_model_that_cannot_tell_rows_apart_gets_the_bad_rate():
    fitted = fit_calibration(np.full(10, -2.0), np.array([1.0] + [0.0] * 9), SPREAD)
    np.testing.assert_allclose(fitted.pd(np.array([-2.0])), [0.1])


def test_a_ranking_that_is_backwards_is_refused():
    margin, bad = outcomes(20_000)
    with pytest.raises(DataFault, match="backwards"):
        fit_calibration(-margin, bad, SPREAD)


@pytest.mark.parametrize("bad", [[0.0, 0.0, 0.0], [1.0, 1.0, 1.0]])
def test_one_class_alone_is_refused(bad):
    with pytest.raises(DataFault, match="one class only"):
        fit_calibration(np.zeros(3), np.array(bad), SPREAD)
