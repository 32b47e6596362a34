"""Fitting: the limit model on log-limits, the release model on outcomes, both monotone and reproducible."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import lightgbm as lgb
import numpy as np
from lightgbm.callback import CallbackEnv
from numpy.typing import NDArray

from data.errors import DataFault
from data.sampling import spread_places
from models.boosted import Floats, Origin, booster_of
from models.calibration import fit_calibration
from models.codes import scorer_of
from models.limit_model import LimitModel
from models.parameters import CalibrationParameters
from models.release_model import ReleaseModel
from models.threads import LIGHTGBM
from models.trees import trees_of
from training.parameters import BoosterParameters

Progress = Callable[[int, int, float], None]
"""Told after each round: rounds done, most rounds, score on the early-stopping period (lower is better)."""


@dataclass(frozen=True)
class Labelled:
    """Rows of a matrix with their labels.

    Attributes:
        values: Features (rows × features).
        label: Log-limit (log-RMB) or outcome (1 bad, 0 good) by row.
        weight: How many rows each row counts for; None where each counts for itself.
    """

    values: NDArray[np.float32]
    label: Floats
    weight: Floats | None = None


@dataclass(frozen=True)
class Columns:
    """The columns of a model's matrix: their names and which way each may push (1 up, -1 down, 0 either)."""

    names: tuple[str, ...]
    signs: tuple[int, ...]


@dataclass(frozen=True)
class Grown:
    """Trees as they were grown.

    Attributes:
        booster: All of them.
        rounds: How many of them serve the early-stopping period best.
        told: What the model keeps of where they were grown, JSON-ready.
    """

    booster: lgb.Booster
    rounds: int
    told: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Task:
    """Trees to grow on training rows until more of them serve the early-stopping rows no better.

    Attributes:
        settings: As `lightgbm_settings` gives them.
        train: Rows to grow on.
        early_stopping: Rows to choose the number of trees on.
        names: Of the columns.
        parameters: Most rounds, and the patience.
        progress: Follows the rounds.
    """

    settings: Mapping[str, Any]
    train: Labelled
    early_stopping: Labelled
    names: tuple[str, ...]
    parameters: BoosterParameters
    progress: Progress


Grow = Callable[[Task], Grown]
"""How trees are grown: in this program, or elsewhere."""


def untold(done: int, most: int, score: float) -> None:
    """No progress shown."""


def grown_here(task: Task) -> Grown:
    """Trees grown in this program."""
    rows = _dataset(task.train, task.settings, feature_name=list(task.names))
    later = _dataset(task.early_stopping, task.settings, reference=rows)

    def tell(state: CallbackEnv) -> None:
        for _, _, score, *_ in state.evaluation_result_list or ():
            task.progress(state.iteration + 1, state.end_iteration, score)

    booster = lgb.train(
        dict(task.settings),
        rows,
        num_boost_round=task.parameters.rounds,
        valid_sets=[later],
        callbacks=[tell, lgb.early_stopping(task.parameters.patience, verbose=False)],
    )
    return Grown(booster, booster.best_iteration)


def grown_on_one_thread(task: Task) -> Grown:
    """The same trees, grown on one thread: of few rows, threads mostly wait for each other."""
    return grown_here(replace(task, settings={**task.settings, "num_threads": 1}))


def fit_limit(
    train: Labelled,
    early_stopping: Labelled,
    columns: Columns,
    origin: Origin,
    parameters: BoosterParameters,
    seed: int,
    threads: int = 0,
    progress: Progress = untold,
    grow: Grow = grown_here,
) -> LimitModel:
    """Fits the limit model on log-limits (log-RMB).

    The same rows and parameters give the same text, whatever the number of threads (0: as many as cores); trees that
    are grown elsewhere may be others.

    Raises:
        DataFault: A split is empty, a limit is not a positive amount, or nothing could be split.
    """
    for name, rows in (("training", train), ("early-stopping", early_stopping)):
        _refuse_empty(name, "limit reviews", rows)
        if not np.isfinite(rows.label).all():
            raise DataFault(
                f"{int((~np.isfinite(rows.label)).sum())} limits of the {name} period are missing or not "
                "above 0, so they have no logarithm; correct the column limit_assessed."
            )
    settings = lightgbm_settings("regression", "l2", columns.signs, parameters, seed, threads)
    task = Task(settings, train, early_stopping, columns.names, parameters, progress)
    booster, told = _fit("limit", task, grow)
    said = parameters.model_dump() | {"seed": seed} | told
    return LimitModel(booster, columns.names, said, origin)


def fit_release(
    train: Labelled,
    early_stopping: Labelled,
    calibration: Labelled,
    columns: Columns,
    origin: Origin,
    parameters: BoosterParameters,
    calibrate: CalibrationParameters,
    seed: int,
    threads: int = 0,
    progress: Progress = untold,
    grow: Grow = grown_here,
) -> ReleaseModel:
    """Fits the release model on the outcomes of released draws and calibrates it on a period of its own.

    The same rows and parameters give the same text, whatever the number of threads (0: as many as cores); trees that
    are grown elsewhere may be others.

    Raises:
        DataFault: A split is empty or holds one class only, nothing could be split, or the calibration
            period is ranked backwards.
    """
    for name, rows in (("training", train), ("early-stopping", early_stopping), ("calibration", calibration)):
        _refuse_empty(name, "labelled draw requests", rows)
        _refuse_one_class(name, rows.label)
    settings = lightgbm_settings("binary", "binary_logloss", columns.signs, parameters, seed, threads)
    task = Task(settings, train, early_stopping, columns.names, parameters, progress)
    booster, told = _fit("release", task, grow)
    margin = scorer_of(trees_of(booster)).raw(calibration.values)
    line = fit_calibration(margin, calibration.label, calibrate, calibration.weight)
    said = parameters.model_dump() | {"seed": seed} | calibrate.model_dump() | told
    return ReleaseModel(booster, columns.names, said, origin, line)


def lightgbm_settings(
    objective: str, metric: str, signs: Sequence[int], parameters: BoosterParameters, seed: int, threads: int
) -> dict[str, Any]:
    """What `lightgbm.train` is told; `signs` are the monotone constraints by column, `threads` 0 for all cores."""
    return {
        "objective": objective,
        "metric": metric,
        "learning_rate": parameters.learning_rate,
        "num_leaves": parameters.num_leaves,
        "max_depth": parameters.max_depth,
        "min_data_in_leaf": parameters.min_data_in_leaf,
        "min_sum_hessian_in_leaf": parameters.min_sum_hessian,
        "lambda_l2": parameters.l2,
        "feature_fraction": parameters.feature_share,
        "bagging_fraction": parameters.row_share,
        "bagging_freq": 1,
        "max_bin": parameters.max_bin,
        "monotone_constraints": list(signs),
        # LightGBM's other two methods break the constraints where values are missing (measured with 4.7:
        # `intermediate` by up to .04, `advanced` by up to .09 of log-odds or log-RMB).
        "monotone_constraints_method": "basic",
        "seed": seed,
        "deterministic": True,
        # Row-wise histograms and bundled features are summed thread by thread, so that the last digits, and after some
        # dozen trees the splits, depend on the number of threads (measured with 4.7 and 780,000 rows). By columns and
        # unbundled they don't, at three quarters of the cost.
        "force_col_wise": True,
        "enable_bundle": False,
        "num_threads": threads,
        "verbosity": -1,
    }


def _fit(model: str, task: Task, grow: Grow) -> tuple[lgb.Booster, dict[str, Any]]:
    """The trees that serve the early-stopping period best, and what is told of where they were grown."""
    grown = grow(replace(task, early_stopping=_spread(task.early_stopping, task.parameters.stopping_rows)))
    if not grown.booster.feature_importance("split").any():
        raise DataFault(
            f"The {model} model found nothing to split on in {len(task.train.label)} training rows; take a larger "
            f"book, or lower training.{model}.min_data_in_leaf and training.{model}.min_sum_hessian."
        )
    return booster_of(grown.booster.model_to_string(num_iteration=grown.rounds)), dict(grown.told)


def _spread(rows: Labelled, most: int) -> Labelled:
    """So many of the rows, spread evenly over all; all of them, if they are no more."""
    if len(rows.label) <= most:
        return rows
    at = spread_places(len(rows.label), most)
    return Labelled(rows.values[at], rows.label[at], None if rows.weight is None else rows.weight[at])


def _dataset(rows: Labelled, settings: Mapping[str, Any], **how: Any) -> lgb.Dataset:
    # LightGBM copies strided arrays with a warning; here they are copied without one.
    values, label = np.ascontiguousarray(rows.values), np.ascontiguousarray(rows.label)
    with LIGHTGBM:
        return lgb.Dataset(values, label, weight=rows.weight, params=dict(settings), **how).construct()


def _refuse_empty(period: str, what: str, rows: Labelled) -> None:
    if not len(rows.label):
        raise DataFault(f"The {period} period holds no {what}; take a book of more borrowers or months.")


def _refuse_one_class(period: str, label: Floats) -> None:
    if len(np.unique(label)) < 2:
        raise DataFault(
            f"All {len(label)} labelled draw requests of the {period} period are "
            f"{'bad' if label[0] else 'good'}, but a model needs both; take a book of more borrowers or months."
        )
