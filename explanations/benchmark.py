"""The contrast kernel against `shap.TreeExplainer`, on the same model and rows, in one run."""

from __future__ import annotations

import time
import warnings
from collections.abc import Callable

import lightgbm as lgb
import numpy as np
from numpy.typing import NDArray

from explanations.contrast import contributions

ROWS = 200
BACKGROUND = 100


def contrast_against_shap(booster: lgb.Booster, values: NDArray[np.float32]) -> list[dict[str, object]]:
    """Processor seconds of both for 200 rows against 100 background rows, their ratio and largest difference.

    Both know the missing values of the model here, so their values agree; shap's time is what limits the size.
    """
    with warnings.catch_warnings():
        # Importing shap draws colour maps in a way that matplotlib has deprecated.
        warnings.simplefilter("ignore")
        import shap
    rows, background = values[:ROWS], values[ROWS : ROWS + BACKGROUND]
    contributions(booster, rows[:2], background)  # compiles, or reads the compiled code
    ours, seconds = _timed(lambda: contributions(booster, rows, background)[0])
    masker = shap.maskers.Independent(background, max_samples=len(background))
    explainer = shap.TreeExplainer(booster, masker, feature_perturbation="interventional")
    theirs, shap_seconds = _timed(lambda: np.asarray(explainer.shap_values(rows, check_additivity=False)))
    size = f"{len(rows)} rows, {len(background)} background"
    return [
        {"name": f"contrast, {size}", "value": round(seconds, 3), "unit": "processor s"},
        {"name": f"shap, {size}", "value": round(shap_seconds, 3), "unit": "processor s"},
        {"name": "contrast against shap", "value": round(shap_seconds / seconds, 1), "unit": "times less"},
        {"name": "largest difference", "value": float(np.abs(ours - theirs).max()), "unit": "log-odds"},
    ]


def _timed(work: Callable[[], NDArray[np.float64]]) -> tuple[NDArray[np.float64], float]:
    start = time.process_time()
    result = work()
    return result, time.process_time() - start
