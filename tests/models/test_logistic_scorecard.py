"""The scorecard: points by bin, read again as they were written, additive without sampling."""

import numpy as np
import pytest

from data.errors import DataFault
from models.calibration import Calibration
from models.logistic_scorecard import UNUSED, Bins, LogisticScorecard, scorecard_of
from tests.training.small_fit import ORIGIN

CARD = LogisticScorecard(
    ("debt", "age", "idle"),
    (Bins((1.0, 2.5), (-0.5, 0.25, 1.0, 0.75)), Bins((30.0,), (0.5, -0.5, 0.0)), UNUSED),
    -3.0,
    {"bins": 10},
    ORIGIN,
    Calibration(0.9, 0.1),
)
ROWS = np.array([[1, 30, 7], [2.5, 31, 7], [9, 0, np.nan], [np.nan, np.nan, 7]], dtype=np.float32)


def test_a_value_gets_the_points_of_its_bin_the_edge_included_and_a_missing_one_its_own() -> None:
    np.testing.assert_allclose(CARD.margin(ROWS), [-3 - 0.5 + 0.5, -3 + 0.25 - 0.5, -3 + 1 + 0.5, -3 + 0.75])
    np.testing.assert_allclose(CARD.pd(ROWS), CARD.calibration.pd(CARD.margin(ROWS)))
    assert not CARD.unreadable(ROWS).any()
    assert CARD.used == ("debt", "age")


def test_contributions_and_the_mean_of_the_background_sum_to_the_score() -> None:
    found = CARD.contributions(ROWS, ROWS[1:3])
    np.testing.assert_allclose(CARD.margin(ROWS[1:3]).mean() + found.sum(axis=1), CARD.margin(ROWS))
    assert not found[:, 2].any()


def test_it_travels_as_text() -> None:
    read = scorecard_of(CARD.text)
    assert read == CARD
    assert read.digest == CARD.digest


@pytest.mark.parametrize("text", ["", "[]", "{}", CARD.text.replace("intercept", "slope", 1)])
def test_a_damaged_text_is_refused(text: str) -> None:
    with pytest.raises(DataFault, match="damaged"):
        scorecard_of(text)


def test_another_matrix_is_refused() -> None:
    with pytest.raises(DataFault, match="does not fit"):
        CARD.require(("debt", "age"))
