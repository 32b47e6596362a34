"""Trees grown by all workers of a Dask cluster together: rows dealt to parts, the number of trees chosen afterwards."""

from __future__ import annotations

import io
import math
import warnings
from contextlib import redirect_stdout
from typing import Any

import dask.array
import lightgbm as lgb
import numpy as np
from dask.delayed import delayed
from lightgbm.dask import DaskLGBMRegressor
from numpy.typing import NDArray

from data.cluster import Cluster
from data.placed_client import PlacedClient
from models.boosted import Floats
from models.trees import trees_of
from training.fitting import Grow, Grown, Labelled, Task
from training.parameters import DistributedParameters

AS_SCIKIT_LEARN = {
    "min_data_in_leaf": "min_child_samples",
    "min_sum_hessian_in_leaf": "min_child_weight",
    "lambda_l2": "reg_lambda",
    "feature_fraction": "colsample_bytree",
    "bagging_fraction": "subsample",
    "bagging_freq": "subsample_freq",
    "seed": "random_state",
}
"""Settings whose names are others where LightGBM is called as an estimator."""

CELLS_AT_ONCE = 10_000_000
"""Rows × trees whose scores are held at once while the number of trees is chosen: some 300 MB."""


def grown_by(cluster: Cluster, how: DistributedParameters) -> Grow:
    """How trees are grown by the workers of a cluster.

    The rows, the parameters, the parts and the number of workers decide the trees: workers bin the features on
    their own rows and add up their histograms in their order, so that trees of other numbers are a little different.
    """

    def grow(task: Task) -> Grown:
        parts = min(how.parts, len(task.train.label))

        def fitted(client: PlacedClient) -> tuple[lgb.Booster, int]:
            return _fitted(client, task, parts, how.minutes), min(len(client.places), parts)

        # LightGBM tells on standard output which ports it looks for, and warns of a parameter that nobody gave.
        with warnings.catch_warnings(), redirect_stdout(io.StringIO()):
            warnings.simplefilter("ignore")
            booster, workers = cluster.together(fitted, how.minutes, (lgb.basic.LightGBMError,))
        losses = losses_by_round(booster, task.early_stopping, str(task.settings["objective"]))
        rounds = rounds_served_best(losses, task.parameters.patience)
        task.progress(len(losses), task.parameters.rounds, float(losses[rounds - 1]))
        return Grown(booster, rounds, {"distributed_workers": workers, "distributed_parts": parts})

    return grow


def dealt(rows: NDArray[Any], parts: int) -> list[NDArray[Any]]:
    """Rows in parts as cards are dealt: each part is a sample of the whole book, in the order of the book."""
    return [np.ascontiguousarray(rows[part::parts]) for part in range(parts)]


def losses_by_round(booster: lgb.Booster, rows: Labelled, objective: str) -> Floats:
    """Mean loss on rows of the first tree, the first two, and so on: squared error, or log-loss of an outcome."""
    trees = trees_of(booster)
    stretch = max(1, CELLS_AT_ONCE // trees.count)
    weight = np.ones(len(rows.label)) if rows.weight is None else rows.weight
    total = np.zeros(trees.count)
    for begin in range(0, len(rows.label), stretch):
        here = slice(begin, begin + stretch)
        leaf = np.asarray(booster.predict(rows.values[here], pred_leaf=True), dtype=np.int64)
        score = trees.leaf_value[trees.leaf_start[:-1] + leaf.reshape(-1, trees.count)].cumsum(axis=1)
        label = rows.label[here, np.newaxis]
        loss = np.logaddexp(0, score) - label * score if objective == "binary" else (label - score) ** 2
        total += weight[here] @ loss
    return np.asarray(total / weight.sum())


def rounds_served_best(losses: Floats, patience: int) -> int:
    """Rounds up to the least loss before `patience` rounds without a lesser one; what follows is not looked at."""
    before = np.concatenate([[np.inf], np.minimum.accumulate(losses)[:-1]])
    lesser = np.flatnonzero(losses < before)
    waited = np.diff(lesser, append=len(losses) + patience + 1)
    return int(lesser[np.argmax(waited > patience)]) + 1


def _fitted(client: PlacedClient, task: Task, parts: int, minutes: float) -> lgb.Booster:
    """All rounds on all workers; without early stopping, which lightgbm.dask does not have."""
    # An outcome is fitted as a regressor, too: a classifier would look for both classes among each worker's own rows.
    model = DaskLGBMRegressor(
        client=client,
        n_estimators=task.parameters.rounds,
        time_out=math.ceil(minutes),  # for others that never begin; two hours, unless told
        **{
            AS_SCIKIT_LEARN.get(name, name): value
            for name, value in task.settings.items()
            if name != "num_threads"
        },
    )
    train = task.train
    weight = None if train.weight is None else _kept(client, train.weight, parts)
    ended = [client.submit(_disconnect, workers=[place], pure=False) for place in client.places]
    client.gather(ended)  # type: ignore[no-untyped-call]
    with client.as_current():
        model.fit(
            _kept(client, train.values, parts),
            _kept(client, train.label, parts),
            sample_weight=weight,
            feature_name=list(task.names),
        )
    return model.booster_


def _disconnect() -> None:
    """Ends what LightGBM in a worker has kept of connections: after a fit that failed it closes none by itself."""
    lgb.basic._safe_call(lgb.basic._LIB.LGBM_NetworkFree())  # type: ignore[attr-defined]


def _kept(client: PlacedClient, rows: NDArray[Any], parts: int) -> Any:
    """The rows as a Dask array of parts that the workers keep."""
    hands = dealt(rows, parts)
    return dask.array.concatenate(
        [
            dask.array.from_delayed(delayed(future), hand.shape, hand.dtype)
            for future, hand in zip(client.keep(hands), hands, strict=True)
        ]
    )
