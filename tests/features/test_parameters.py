"""Parameters of features refuse what makes no sense."""

import pytest
from pydantic import ValidationError

from features.parameters import FeatureParameters


@pytest.mark.parametrize(
    "wrong",
    [
        {"bureau_balance_decay": 0.0},
        {"bureau_balance_decay": 1.1},
        {"instalment_months": 0.0},
        {"interest_loading": 0.9},
        {"spending_season": (1.0,) * 11},
        {"spending_season": (1.0,) * 11 + (0.0,)},
        {"gap_months": -1},
        {"second_stage_days": 0},
        {"unknown": 1},
    ],
)
def test_a_value_out_of_bounds_is_refused(wrong, parameters):
    with pytest.raises(ValidationError):
        FeatureParameters(**(parameters.model_dump() | wrong))


def test_parameters_read_back_as_they_were_written(parameters):
    assert FeatureParameters.model_validate_json(parameters.model_dump_json()) == parameters
