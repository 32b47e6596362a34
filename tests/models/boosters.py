"""Small boosters of every kind of missing value, and values about the borders of their decisions."""

import lightgbm as lgb
import numpy as np

from models.trees import ZERO_BAND

QUIET = {
    "verbosity": -1,
    "num_threads": 1,
    "deterministic": True,
    "min_data_in_leaf": 3,
    "min_data_in_bin": 1,
}
MISSING = {
    "none": {"use_missing": False},
    "zero": {"zero_as_missing": True},
    "nan": {},
}
# Values about the borders of LightGBM's decisions, the zero band's edges in float32 among them.
AWKWARD = np.array(
    [0.0, -0.0, ZERO_BAND, -ZERO_BAND, 1e-36, -1e-36, 2e-35, -2e-35, np.nan, np.inf, -np.inf],
    dtype=np.float32,
)


def drawn_values(rng: np.random.Generator, rows: int, features: int, awkward: float) -> np.ndarray:
    values = rng.normal(size=(rows, features)).round(1).astype(np.float32)
    odd = rng.random(values.shape) < awkward
    values[odd] = rng.choice(AWKWARD, odd.sum())
    return values


def fitted(rng: np.random.Generator, parameters: dict, *, missing: bool, trees: int = 6) -> lgb.Booster:
    values = drawn_values(rng, 250, 4, 0.3)
    values[~np.isfinite(values)] = np.nan if missing else 1.5
    label = np.nan_to_num(values[:, 0]) - values[:, 1] ** 2 + rng.normal(size=len(values))
    label[np.isnan(label)] = 2.0
    settings = QUIET | {"objective": "regression", "num_leaves": 9} | parameters
    if settings["objective"] == "binary":
        label = (label > 0).astype(float)
    return lgb.train(settings, lgb.Dataset(values, label, params=settings), trees)
