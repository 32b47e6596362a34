"""The scorecard's fit: bins go the one way that they may, what tells nothing is left out."""

import numpy as np
import pytest

from data.errors import DataFault
from models.boosted import Floats
from models.logistic_scorecard import UNUSED, LogisticScorecard
from settings import Settings
from tests.training.small_fit import CALIBRATE, ORIGIN
from training.fitting import Columns, Labelled
from training.logistic_fit import binned, fit_scorecard

ROWS = 6_000


def _sample(seed: int) -> Labelled:
    generator = np.random.default_rng(seed)
    values = generator.normal(size=(ROWS, 3)).astype(np.float32)
    odds = -2.5 + 1.2 * values[:, 0] - 0.8 * values[:, 1]
    bad = (generator.random(ROWS) < 1 / (1 + np.exp(-odds))).astype(np.float64)
    values[::7, 1] = np.nan
    return Labelled(values, bad)


def _fitted(settings: Settings, signs: tuple[int, ...] = (1, -1, 0)) -> LogisticScorecard:
    columns = Columns(("debt", "income", "noise"), signs)
    benchmark = settings.governance.benchmark
    return fit_scorecard(_sample(1), _sample(2), columns, ORIGIN, CALIBRATE, benchmark, {"splits": 1})


def test_it_finds_what_drives_the_outcome_and_leaves_out_what_does_not(settings: Settings) -> None:
    card = _fitted(settings)
    assert card.used == ("debt", "income")
    sample = _sample(3)
    margin = card.margin(sample.values)
    truth = -2.5 + 1.2 * sample.values[:, 0] - 0.8 * np.nan_to_num(sample.values[:, 1])
    assert np.corrcoef(margin, truth)[0, 1] > 0.95
    assert card.pd(sample.values).mean() == pytest.approx(sample.label.mean(), rel=0.1)


def test_points_never_go_against_the_sign(settings: Settings) -> None:
    debt, income, _ = _fitted(settings).bins
    assert (np.diff(debt.points[:-1]) > 0).all()
    assert (np.diff(income.points[:-1]) < 0).all()
    wrong_way = _fitted(settings, (-1, -1, 0))
    assert "debt" not in wrong_way.used


def test_the_same_rows_give_the_same_text(settings: Settings) -> None:
    assert _fitted(settings).text == _fitted(settings).text


@pytest.mark.parametrize("values", [np.full(50, np.nan), np.full(50, 2.0)])
def test_what_is_never_known_or_never_differs_has_no_bins(values: Floats, settings: Settings) -> None:
    bad = np.tile([0.0, 1.0], 25)
    assert binned(values.astype(np.float32), bad, 0, settings.governance.benchmark) == UNUSED


def test_a_missing_value_has_points_where_some_were_missing_and_none_elsewhere(settings: Settings) -> None:
    sample = _sample(1)
    debt, income, _ = _fitted(settings).bins
    assert debt.points[-1] == 0.0
    assert income.points[-1] != 0.0
    assert np.isnan(sample.values[:, 1]).any()


def test_outcomes_of_one_kind_are_refused(settings: Settings) -> None:
    sample = _sample(1)
    same = Labelled(sample.values, np.zeros(ROWS))
    columns = Columns(("debt", "income", "noise"), (1, -1, 0))
    with pytest.raises(DataFault, match="one class only"):
        fit_scorecard(same, sample, columns, ORIGIN, CALIBRATE, settings.governance.benchmark, {})
