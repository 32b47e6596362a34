"""Directions are tried on rows: what keeps to them passes, what does not is counted and measured."""

import numpy as np

from models.boosted import Boosted, Origin
from models.monotone import monotone
from tests.models.boosters import drawn_values, fitted

NAMES = ("Column_0", "Column_1", "Column_2", "Column_3")


def model_of(parameters: dict) -> Boosted:
    booster = fitted(np.random.default_rng(3), parameters, missing=True, trees=20)
    return Boosted(booster, NAMES, {}, Origin("b", "c"))


def test_a_constrained_model_keeps_to_its_directions():
    values = drawn_values(np.random.default_rng(4), 300, 4, 0.1)
    values[~np.isfinite(values)] = np.nan
    found = monotone(model_of({"monotone_constraints": [1, -1, 0, 0]}), (1, -1, 0, 0), values, 50, 5)
    assert (found.features, found.rows, found.against, found.worst) == (2, 50, 0, 0.0)
    assert found.comparisons == 2 * 50 * 4


def test_what_goes_against_its_direction_is_counted_and_the_worst_is_told():
    # The label falls with the square of the second column, so that it rises up to 0 and falls from there.
    model = model_of({})
    rows = np.zeros((2, 4), dtype=np.float32)
    steps = np.array([-2, -1, 0, 1, 2], dtype=np.float32)
    values = np.concatenate([rows, np.column_stack([np.zeros((5, 1)), steps, np.zeros((5, 2))])]).astype(
        np.float32
    )
    found = monotone(model, (0, 1, 0, 0), values, 7, 7)
    tried = np.unique(np.quantile(values[:, 1], np.linspace(0, 1, 7), method="nearest"))
    grid = np.zeros((len(tried), 4), dtype=np.float32)
    grid[:, 1] = tried
    moved = np.diff(model.booster.predict(grid, raw_score=True))
    assert found.against == 7 * (moved < -1e-12).sum() > 0
    assert found.worst == -moved.min()


def test_nothing_is_tried_of_no_rows_and_of_a_feature_without_values():
    model = model_of({})
    assert monotone(model, (1, 0, 0, 0), np.zeros((0, 4), dtype=np.float32), 5, 5).comparisons == 0
    missing = np.full((3, 4), np.nan, dtype=np.float32)
    assert monotone(model, (1, 0, 0, 0), missing, 5, 5).comparisons == 0
