"""The contrast kernel against two other engines of the same values, and how its cost grows, on made-up data.

Processor seconds are those of the whole process, all its threads.
"""

from __future__ import annotations

import time
import warnings
from collections.abc import Callable
from functools import partial
from typing import Any, Final, NamedTuple

import lightgbm as lgb
import numpy as np
from numpy.typing import NDArray

from data.measurement import Measurement
from explanations.kernel.contrast import contributions

Values = NDArray[np.float32]
Contributions = NDArray[np.float64]

FEATURES: Final = 40
TREES: Final = 300
ROWS: Final = 20_000
BACKGROUNDS: Final = (100, 1_000, 10_000)
MILLION: Final = 1_000_000
SHAP_CELLS: Final = 30_000  # rows times background that shap is timed on: two or three seconds of its work
_GRID: Final = np.float32(1024)  # steps of a unit
_REPEATS: Final = 2  # the least of so many times is taken, of every engine but shap
_SETTINGS: Final = {
    "objective": "regression",
    "num_leaves": 31,
    "max_depth": 8,
    "seed": 1,
    "deterministic": True,
    "force_row_wise": True,
    "verbosity": -1,
}


class Timed(NamedTuple):
    """What an engine gave, and what it took (seconds)."""

    values: Contributions
    processor: float
    wall: float


def made_up(rows: int, seed: int) -> Values:
    """Independent normal values (rows × features) on a grid, none of them missing.

    There all engines agree on what is right: the others round thresholds to 32 bits, which sends a value in between
    the wrong way (without the grid one comparison of 20,000 rows, and .01 of that row's raw score).
    """
    values = np.random.default_rng(seed).standard_normal((rows, FEATURES), dtype=np.float32)
    values *= _GRID
    np.rint(values, out=values)
    values /= _GRID
    return values


def made_up_model(trees: int = TREES, rows: int = ROWS) -> lgb.Booster:
    """A regression on sums and products of made-up values, with leaves and depth as our models have them."""
    values = made_up(rows, 1)
    label = values @ np.random.default_rng(2).normal(size=FEATURES) + values[:, 0] * values[:, 1]
    return lgb.train(_SETTINGS, lgb.Dataset(values, label, params=_SETTINGS), trees)


def against_other_engines(
    booster: lgb.Booster, rows: int = ROWS, backgrounds: tuple[int, ...] = BACKGROUNDS
) -> tuple[list[Measurement], list[str]]:
    """The kernel against shap and woodelf-explainer on the same model, rows and backgrounds.

    The target of the ratio to shap is the background's size: shap's cost is rows × background.

    Returns:
        The measures, and a note where an engine is not installed.
    """
    made = made_up(rows, 3)
    first = _timed(lambda: _kernel(booster, made_up(2, 3), made_up(2, 4)))
    measures: list[Measurement] = [("kernel, first call, on two rows", first.processor, "CPU s", None)]
    woodelf = _woodelf(booster)
    for size in backgrounds:
        background = made_up(size, 4)
        kernel = _best(partial(_kernel, booster, made, background))
        what = f"{rows:,} rows, background {size:,}"
        measures.append((f"kernel, {what}", kernel.processor, "CPU s", None))
        measures += _against_shap(booster, made, background, kernel, what)
        if woodelf is not None:
            measures += _against_woodelf(woodelf, made, background, kernel, what)
    missing = "woodelf-explainer is not installed, so its rows are left out: `make bench` installs it."
    return measures, [] if woodelf is not None else [missing]


def additive_cost(
    booster: lgb.Booster, rows: int = ROWS, background: int = BACKGROUNDS[-1]
) -> list[Measurement]:
    """Processor seconds of ten times the rows, and of ten times the background, against an additive model.

    The model is a + rows · b + background · c, its parts measured with the other size at 100.
    """
    few = 100
    least = _cost(booster, few, few)
    of_rows, of_background = (_cost(booster, *sizes) - least for sizes in ((rows, few), (few, background)))
    measures: list[Measurement] = []
    for by_rows, by_background in ((10, 1), (1, 10)):
        sizes = rows * by_rows, background * by_background
        what = f"kernel, {sizes[0]:,} rows, background {sizes[1]:,}"
        took = _cost(booster, *sizes, repeats=1)
        expected = least + by_rows * of_rows + by_background * of_background
        measures += [
            (what, took, "CPU s", None),
            (f"{what}: of what an additive cost would be", took / expected, "times", "≤ 1.2"),
        ]
    return measures


def million_by_million(booster: lgb.Booster) -> list[Measurement]:
    """Processor seconds of a million rows against a million of background."""
    _kernel(booster, made_up(2, 3), made_up(2, 4))  # compiles, or reads the compiled code
    took = _cost(booster, MILLION, MILLION, repeats=1)
    return [(f"kernel, {MILLION:,} rows, background {MILLION:,}", took, "CPU s", "≤ 100")]


def _against_shap(
    booster: lgb.Booster, made: Values, background: Values, kernel: Timed, what: str
) -> list[Measurement]:
    with warnings.catch_warnings():
        # Importing shap draws colour maps in a way that matplotlib has deprecated.
        warnings.simplefilter("ignore")
        import shap
    few = made[: max(SHAP_CELLS // len(background), 1)]
    masker = shap.maskers.Independent(background, max_samples=len(background))
    explainer = shap.TreeExplainer(booster, masker, feature_perturbation="interventional")
    found = _timed(lambda: np.asarray(explainer.shap_values(few, check_additivity=False)))
    seconds = found.processor / len(few) * len(made)
    return [
        (f"shap, {what} (extrapolated from {len(few)} rows)", seconds, "CPU s", None),
        (f"shap / kernel, {what}", seconds / kernel.processor, "times", f"≥ {len(background):,}"),
        _difference("shap", what, found.values, kernel.values[: len(few)]),
    ]


def _against_woodelf(
    explain: Callable[[Values, Values], Contributions],
    made: Values,
    background: Values,
    kernel: Timed,
    what: str,
) -> list[Measurement]:
    found = _best(lambda: explain(made, background))
    return [
        (f"woodelf, {what}", found.processor, "CPU s", None),
        (f"woodelf / kernel, {what}", found.processor / kernel.processor, "times", "≥ 3"),
        (f"woodelf / kernel, {what}, wall", found.wall / kernel.wall, "times", "≥ 5"),
        _difference("woodelf", what, found.values, kernel.values),
    ]


def _difference(engine: str, what: str, theirs: Contributions, ours: Contributions) -> Measurement:
    gap = float(np.abs(theirs - ours).max())
    return f"{engine} − kernel, {what}: largest difference", gap, "raw score", "≤ 1e-6"


def _woodelf(booster: lgb.Booster) -> Callable[[Values, Values], Contributions] | None:
    """woodelf-explainer's values of rows against a background, warmed up; None where it is not installed."""
    try:
        from woodelf import WoodelfExplainer
    except ImportError:
        return None
    import pandas as pd

    names = booster.feature_name()

    def explain(rows: Values, background: Values) -> Contributions:
        explainer: Any = WoodelfExplainer(booster, pd.DataFrame(background, columns=names))
        return np.asarray(explainer.shap_values(pd.DataFrame(rows, columns=names), verbose=False))

    explain(made_up(2, 3), made_up(2, 4))
    return explain


def _kernel(booster: lgb.Booster, rows: Values, background: Values) -> Contributions:
    return contributions(booster, rows, background)[0]


def _cost(booster: lgb.Booster, rows: int, background: int, repeats: int = _REPEATS) -> float:
    """Processor seconds of the kernel."""
    made, against = made_up(rows, 3), made_up(background, 4)
    return _best(lambda: _kernel(booster, made, against), repeats).processor


def _best(work: Callable[[], Contributions], repeats: int = _REPEATS) -> Timed:
    """The work done some times over: the values, the least processor seconds and the least wall seconds."""
    found = [_timed(work) for _ in range(repeats)]
    return Timed(found[0].values, min(run.processor for run in found), min(run.wall for run in found))


def _timed(work: Callable[[], Contributions]) -> Timed:
    processor, wall = time.process_time(), time.perf_counter()
    values = work()
    return Timed(values, time.process_time() - processor, time.perf_counter() - wall)
