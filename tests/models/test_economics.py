"""What a draw is expected to cost and to earn, held against sums by hand."""

import numpy as np
import pytest

from models.economics import expected_loss, fit_pd_12m, mean_years, profit
from models.parameters import EconomicsParameters
from settings import Settings

PARAMETERS = EconomicsParameters(lgd=0.75, funding_cost=4.0, servicing_cost=2.0, apr=15.0, term=12)


def test_the_expected_loss_is_pd_times_lgd_times_exposure() -> None:
    found = expected_loss(np.array([0.0, 0.02, 1.0]), np.array([1000.0, 5000.0, 200.0]), PARAMETERS)
    np.testing.assert_allclose(found, [0.0, 75.0, 150.0])


def test_a_sure_payer_earns_the_margin_on_what_is_lent_on_average() -> None:
    # 1,200 in twelve parts: 1,200, 1,100, … 100 are lent for a month each.
    lent = sum(range(100, 1300, 100)) / 12
    assert lent == pytest.approx(1200 * mean_years(np.array([12.0]))[0])
    found = profit(np.zeros(1), np.array([1200.0]), np.array([16.0]), np.array([12.0]), PARAMETERS)
    np.testing.assert_allclose(found, [lent * 0.10])


def test_a_sure_defaulter_costs_funding_servicing_and_the_loss() -> None:
    found = profit(np.ones(1), np.array([1200.0]), np.array([16.0]), np.array([12.0]), PARAMETERS)
    np.testing.assert_allclose(found, [-(650 * 0.06) - 900])


def test_profit_falls_with_the_pd_and_rises_with_the_price() -> None:
    amount, term = np.full(5, 4000.0), np.full(5, 9.0)
    by_pd = profit(np.linspace(0, 0.3, 5), amount, np.full(5, 15.0), term, PARAMETERS)
    by_price = profit(np.full(5, 0.02), amount, np.linspace(7, 24, 5), term, PARAMETERS)
    assert (np.diff(by_pd) < 0).all()
    assert (np.diff(by_price) > 0).all()


def test_the_mean_of_the_line_to_twelve_months_is_the_rate_that_was_seen(settings: Settings) -> None:
    generator = np.random.default_rng(3)
    margin = generator.normal(-4.0, 1.0, 20_000)
    bad = (generator.random(20_000) < 1 / (1 + np.exp(-(0.8 * margin + 0.4)))).astype(np.float64)
    line = fit_pd_12m(margin, bad, settings.models.calibration)
    assert line.pd(margin).mean() == pytest.approx(bad.mean(), rel=1e-6)
    assert line.slope == pytest.approx(0.8, abs=0.06)
