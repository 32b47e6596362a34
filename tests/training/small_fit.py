"""A fit small enough for a test."""

from models.boosted import Origin
from models.parameters import CalibrationParameters
from training.parameters import BoosterParameters

ORIGIN = Origin("b" * 64, "c" * 64)
CALIBRATE = CalibrationParameters(slope_spread=0.5)
SMALL = BoosterParameters(
    rounds=40,
    patience=10,
    stopping_rows=1_000_000,
    learning_rate=0.1,
    num_leaves=15,
    max_depth=5,
    min_data_in_leaf=20,
    min_sum_hessian=0.01,
    l2=1.0,
    feature_share=0.8,
    row_share=0.8,
    max_bin=63,
)
