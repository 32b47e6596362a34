"""Metrics: how well a model ranks and how true its probabilities and limits are, by split and population."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.special import logit
from sklearn.metrics import (
    auc,
    brier_score_loss,
    log_loss,
    mean_absolute_error,
    r2_score,
    roc_curve,
)

from models.boosted import Floats
from models.calibration import logistic_line
from training.splits import OUT_OF_TIME, SPLITS

RELEASED = "released"
ORACLE = "all (oracle)"
REVIEWS = "reviews"

COLUMNS = ("model", "split", "population", "metric", "value")

# A PD of exactly 0 or 1 has no finite log-odds; none of our models gives one, a foreign one may.
_EDGE = 1e-12


def classification_metrics(bad: Floats, probability: Floats) -> dict[str, float]:
    """Metrics of probabilities of default against outcomes.

    Args:
        bad: 1 bad, 0 good, by request.
        probability: Calibrated PD (0–1) by request.

    Returns:
        requests, bad_rate, mean_pd, auc, gini (2·AUC − 1), ks (largest gap between the classes'
        distributions of PD), brier, log_loss, calibration_slope and calibration_intercept (logistic
        regression of the outcome on logit PD; 1 and 0 are perfect). NaN where the rows do not define it:
        ranking and the regression need both classes.
    """
    metrics = {"requests": float(len(bad))}
    if not len(bad):
        return metrics
    metrics |= {"bad_rate": float(bad.mean()), "mean_pd": float(probability.mean())}
    metrics |= {
        "brier": float(brier_score_loss(bad, probability, pos_label=1)),
        "log_loss": float(log_loss(bad, probability, labels=[0, 1])),
    }
    if len(np.unique(bad)) < 2:
        return metrics | dict.fromkeys(
            ("auc", "gini", "ks", "calibration_slope", "calibration_intercept"), np.nan
        )
    false_share, true_share, _ = roc_curve(bad, probability, drop_intermediate=False)
    area = float(auc(false_share, true_share))
    slope, intercept = logistic_line(logit(np.clip(probability, _EDGE, 1 - _EDGE)), bad)
    return metrics | {
        "auc": area,
        "gini": 2 * area - 1,
        "ks": float((true_share - false_share).max()),
        "calibration_slope": slope,
        "calibration_intercept": intercept,
    }


def limit_metrics(log_limit: Floats, log_predicted: Floats) -> dict[str, float]:
    """Metrics of predicted limits against assessed ones (both log-RMB).

    Returns:
        reviews, r2 (share of the variance of log-limits explained), rmse and mae_log (log-RMB), mae (RMB) and
        median_relative_error (of the limit); NaN where the rows do not define it.
    """
    metrics = {"reviews": float(len(log_limit))}
    if not len(log_limit):
        return metrics
    limit, predicted = np.exp(log_limit), np.exp(log_predicted)
    varied = len(np.unique(log_limit)) > 1
    return metrics | {
        "r2": float(r2_score(log_limit, log_predicted)) if varied else np.nan,
        "rmse": float(np.sqrt(np.mean((log_limit - log_predicted) ** 2))),
        "mae_log": float(mean_absolute_error(log_limit, log_predicted)),
        "mae": float(mean_absolute_error(limit, predicted)),
        "median_relative_error": float(np.median(np.abs(predicted / limit - 1))),
    }


def release_performance(
    split: pd.Categorical[str], probability: Floats, bad: Floats, oracle_bad: Floats | None
) -> pd.DataFrame:
    """Performance of the release model, tidy (`COLUMNS`).

    Args:
        split: Split of each request.
        probability: Calibrated PD of each request.
        bad: Outcome of each request; NaN where it is not known (refused, or too young).
        oracle_bad: Simulated books only: outcome with the draw of every request.
    """
    populations = {RELEASED: bad} | ({} if oracle_bad is None else {ORACLE: oracle_bad})
    tables = []
    for population, outcome in populations.items():
        for name in SPLITS:
            rows = (split == name) & ~np.isnan(outcome)
            tables.append(
                _tidy("release", name, population, classification_metrics(outcome[rows], probability[rows]))
            )
    return pd.concat(tables, ignore_index=True)


def limit_performance(split: pd.Categorical[str], log_limit: Floats, log_predicted: Floats) -> pd.DataFrame:
    """Performance of the limit model on reviews (log-RMB), tidy (`COLUMNS`)."""
    tables = []
    for name in SPLITS:
        rows = split == name
        tables.append(_tidy("limit", name, REVIEWS, limit_metrics(log_limit[rows], log_predicted[rows])))
    return pd.concat(tables, ignore_index=True)


def reliability(bad: Floats, probability: Floats, groups: int = 10) -> pd.DataFrame:
    """Bad rate by group of PD: decile (1 the lowest PDs), requests, mean_pd, bad_rate.

    Groups are those of `equal_groups`.
    """
    decile = equal_groups(probability, groups)
    rows = pd.DataFrame({"decile": decile, "mean_pd": probability, "bad_rate": bad})
    by_decile = rows.groupby("decile", as_index=False)
    return by_decile.agg(
        requests=("mean_pd", "size"), mean_pd=("mean_pd", "mean"), bad_rate=("bad_rate", "mean")
    )


def equal_groups(values: Floats, groups: int = 10) -> NDArray[np.int64]:
    """The group of each value, 1 the lowest: of equal size to one row; equal values are told apart by their place."""
    order = np.argsort(values, kind="stable")
    group = np.empty(len(values), dtype=np.int64)
    group[order] = np.arange(len(values)) * groups // max(len(values), 1) + 1
    return group


def reliability_by_split(split: pd.Categorical[str], probability: Floats, bad: Floats) -> pd.DataFrame:
    """Split, then as `reliability`: bad rate by decile of the requests with a known outcome in each split."""
    tables = []
    for name in SPLITS:
        rows = (split == name) & ~np.isnan(bad)
        tables.append(reliability(bad[rows], probability[rows]).assign(split=name))
    together = pd.concat(tables, ignore_index=True)
    return together[["split", "decile", "requests", "mean_pd", "bad_rate"]]


def metric_names(performance: pd.DataFrame) -> dict[str, float]:
    """The defined values of a tidy table under names for a tracker.

    `release.out_of_time.auc`, `release.out_of_time.oracle.auc`, `limit.train.mae`, and for what was
    observed out of time also the short name `release.auc`.
    """
    named: dict[str, float] = {}
    for model, split, population, metric, value in performance[list(COLUMNS)].itertuples(index=False):
        if np.isnan(value):
            continue
        if population == ORACLE:
            named[f"{model}.{split}.oracle.{metric}"] = value
            continue
        named[f"{model}.{split}.{metric}"] = value
        if split == OUT_OF_TIME:
            named[f"{model}.{metric}"] = value
    return named


def _tidy(model: str, split: str, population: str, metrics: dict[str, float]) -> pd.DataFrame:
    rows = [(model, split, population, metric, value) for metric, value in metrics.items()]
    return pd.DataFrame(rows, columns=list(COLUMNS))
