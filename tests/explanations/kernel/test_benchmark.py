"""The engines that are timed give the same values, so that speed is that of the right answer."""

import sys

import lightgbm as lgb
import numpy as np
import pytest

from explanations.kernel.benchmark import additive_cost, against_other_engines, made_up, made_up_model
from models.trees import trees_of


@pytest.fixture(scope="module")
def booster() -> lgb.Booster:
    return made_up_model(trees=5, rows=500)


def test_no_made_up_value_is_missing_or_passes_a_threshold_by_rounding_it(booster: lgb.Booster) -> None:
    values, thresholds = made_up(500, 3).reshape(-1, 1), trees_of(booster).threshold
    assert values.dtype == np.float32
    assert np.isfinite(values).all()
    assert ((values <= thresholds) == (values <= thresholds.astype(np.float32))).all()


def test_every_engine_at_hand_agrees_with_the_kernel(booster: lgb.Booster) -> None:
    measures, notes = against_other_engines(booster, rows=30, backgrounds=(20, 60))
    differences = [(value, target) for name, value, _, target in measures if "difference" in name]
    engines = 1 if notes else 2
    assert len(differences) == 2 * engines
    assert all(value <= 1e-6 and target == "≤ 1e-6" for value, target in differences)


def test_shap_is_to_be_beaten_by_the_size_of_the_background(booster: lgb.Booster) -> None:
    measures, _ = against_other_engines(booster, rows=30, backgrounds=(20, 60))
    targets = [target for name, _, _, target in measures if name.startswith("shap / kernel")]
    assert targets == ["≥ 20", "≥ 60"]
    assert all(value >= 0 for _, value, *_ in measures)
    assert len({name for name, *_ in measures}) == len(measures)


def test_an_engine_that_is_not_installed_is_left_out_with_a_note(
    booster: lgb.Booster, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "woodelf", None)
    measures, [note] = against_other_engines(booster, rows=10, backgrounds=(20,))
    assert "woodelf-explainer is not installed" in note
    assert not any("woodelf" in name for name, *_ in measures)


def test_cost_is_held_against_an_additive_model_in_rows_and_in_background(booster: lgb.Booster) -> None:
    measures = additive_cost(booster, rows=200, background=150)
    assert [name for name, _, _, target in measures if target == "≤ 1.2"] == [
        "kernel, 2,000 rows, background 150: of what an additive cost would be",
        "kernel, 200 rows, background 1,500: of what an additive cost would be",
    ]
