"""Two small models on four features, one of which (`assets`) is missing at times."""

import lightgbm as lgb
import numpy as np
import pytest

from models.boosted import Origin, booster_of
from models.calibration import Calibration
from models.limit_model import LimitModel
from models.release_model import ReleaseModel

FEATURES = ("income", "enquiries", "assets", "tenure")
ORIGIN = Origin(book_digest="b" * 64, catalogue_digest="c" * 64)
FIT = {"learning_rate": 0.1, "num_leaves": 7, "min_data_in_leaf": 10}


@pytest.fixture(scope="session")
def matrix_values() -> np.ndarray:
    rng = np.random.default_rng(3)
    values = rng.normal(size=(2_000, 4)).astype(np.float32)
    values[rng.random(2_000) < 0.2, 2] = np.nan
    return values


def boosted_on(values: np.ndarray, label: np.ndarray, objective: str) -> lgb.Booster:
    settings = {
        "objective": objective,
        "num_leaves": 7,
        "num_threads": 2,
        "deterministic": True,
        "verbosity": -1,
    }
    rows = lgb.Dataset(values, np.ascontiguousarray(label), feature_name=list(FEATURES), params=settings)
    return booster_of(lgb.train(settings, rows, 20).model_to_string())


@pytest.fixture(scope="session")
def limit_model(matrix_values) -> LimitModel:
    label = (
        9.5 + 0.4 * matrix_values[:, 0] - 0.2 * matrix_values[:, 1] + 0.1 * np.nan_to_num(matrix_values[:, 2])
    )
    return LimitModel(boosted_on(matrix_values, label, "regression"), FEATURES, FIT, ORIGIN)


@pytest.fixture(scope="session")
def release_model(matrix_values) -> ReleaseModel:
    bad = matrix_values[:, 1] - matrix_values[:, 0] + np.nan_to_num(matrix_values[:, 2]) > 1.5
    booster = boosted_on(matrix_values, bad.astype(float), "binary")
    return ReleaseModel(booster, FEATURES, FIT, ORIGIN, Calibration(0.9, -0.3))
