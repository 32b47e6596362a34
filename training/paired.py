"""Models on the same rows: their metrics with intervals, and how sure it is that one does better than another.

Whole borrowers are drawn, with all their rows, and every model is measured on the same draws: what a lucky draw gives
to one it gives to the other, so that the interval of a difference is narrower than two intervals side by side. The
difference of two AUCs has DeLong's test besides (doi:10.2307/2531595), with the rows of a borrower as one cluster
(Obuchowski, doi:10.2307/2533958).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.special import logit
from scipy.stats import norm

from models.boosted import Floats
from models.calibration import logistic_line
from training.metrics import equal_groups
from training.parameters import ComparisonParameters

Ids = NDArray[np.int64]
Measure = Callable[[Floats], dict[str, float]]
"""Metrics of a model's rows, each of which counts as often as its weight says."""

PAIRED_COLUMNS = (
    *("model", "metric", "value", "low", "high"),
    *("difference", "difference_low", "difference_high", "p_value"),
)
RELEASE_METRICS = ("auc", "ks", "brier", "log_loss", "bad_over_pd", "calibration_slope")
LIMIT_METRICS = ("r2", "rmse", "mae_log", "median_relative_error", "assessed_over_predicted")

_FEWEST_DRAWS = 100
# So many groups of equal PD tell the line through them as all rows do.
_GROUPS = 200
_EDGE = 1e-12


def compare_releases(
    probability: Mapping[str, Floats], bad: Floats, borrower_id: Ids, parameters: ComparisonParameters
) -> pd.DataFrame:
    """Metrics of several models' PDs on the same requests (`PAIRED_COLUMNS`).

    Args:
        probability: Calibrated PD (0–1) of each request, by model; the first is what the others are held against.
        bad: 1 bad, 0 good, by request.
        borrower_id: Who asked.
        parameters: Draws and coverage.

    Returns:
        By model and metric (`RELEASE_METRICS`; `bad_over_pd` is the bad rate over the mean PD): value with its
        interval, difference to the first model with its interval, and of AUC the p-value of DeLong's test. NaN where
        the rows do not tell; no rows where there are none, or of one class only.
    """
    if len(np.unique(bad)) < 2:
        return pd.DataFrame(columns=list(PAIRED_COLUMNS))
    table = _compared(
        {name: _release_measure(pd_, bad) for name, pd_ in probability.items()}, borrower_id, parameters
    )
    first, *others = probability
    for name in others:
        at = (table["model"] == name) & (table["metric"] == "auc")
        table.loc[at, "p_value"] = delong_p(probability[name], probability[first], bad, borrower_id)
    return table


def compare_limits(
    predicted: Mapping[str, Floats], log_limit: Floats, borrower_id: Ids, parameters: ComparisonParameters
) -> pd.DataFrame:
    """Metrics of several models' limits on the same reviews (`PAIRED_COLUMNS`), as `compare_releases` gives them.

    Args:
        predicted: Predicted limit of each review (log-RMB), by model; the first is what the others are held against.
        log_limit: Assessed limit of each (log-RMB).
        borrower_id: Whose it is.
        parameters: Draws and coverage.
    """
    if not len(log_limit):
        return pd.DataFrame(columns=list(PAIRED_COLUMNS))
    return _compared(
        {name: _limit_measure(given, log_limit) for name, given in predicted.items()}, borrower_id, parameters
    )


def delong_p(one: Floats, other: Floats, bad: Floats, borrower_id: Ids) -> float:
    """Two-sided p-value of the difference of two AUCs on the same requests; 1 where they rank alike.

    NaN where bad or good requests are of fewer than two borrowers.
    """
    _, who = np.unique(borrower_id, return_inverse=True)
    is_bad = bad > 0
    above, below = (
        one_part - other_part
        for one_part, other_part in zip(_placed(one, is_bad), _placed(other, is_bad), strict=True)
    )
    difference, borrowers = float(above.mean()), int(who.max()) + 1
    spread, rows = [], []
    for part, mask in ((above, is_bad), (below, ~is_bad)):
        within = np.bincount(who[mask], part - difference, borrowers)
        clusters = len(np.unique(who[mask]))
        if clusters < 2:
            return float("nan")
        spread.append(within)
        rows.append((int(mask.sum()), clusters))
    (bads, of_bads), (goods, of_goods) = rows
    variance = (spread[0] ** 2).sum() * of_bads / (of_bads - 1) / bads**2
    variance += (spread[1] ** 2).sum() * of_goods / (of_goods - 1) / goods**2
    variance += 2 * (spread[0] * spread[1]).sum() * borrowers / (borrowers - 1) / (bads * goods)
    if difference == 0 or not variance > 0:
        return 1.0
    return float(2 * norm.sf(abs(difference) / np.sqrt(variance)))


def _placed(score: Floats, bad: NDArray[np.bool_]) -> tuple[Floats, Floats]:
    """Of each bad row the share of the good ones below it, of each good one the share of the bad ones above it."""
    bads, goods = score[bad], score[~bad]
    parts = []
    for these, those in ((bads, np.sort(goods)), (goods, np.sort(bads))):
        low, high = (np.searchsorted(those, these, side=side) for side in ("left", "right"))
        parts.append((low + high) / (2 * len(those)))
    return parts[0], 1 - parts[1]


def _compared(
    measures: Mapping[str, Measure], borrower_id: Ids, parameters: ComparisonParameters
) -> pd.DataFrame:
    everyone = np.ones(len(borrower_id))
    first = next(iter(measures))
    values = {name: measure(everyone) for name, measure in measures.items()}
    drawn: dict[tuple[str, str], list[float]] = {
        (name, metric): [] for name, told in values.items() for metric in told
    }
    for weight in drawn_weights(borrower_id, parameters):
        for name, measure in measures.items():
            for metric, value in measure(weight).items():
                drawn[name, metric].append(value)
    ends = ((1 - parameters.level) / 2, (1 + parameters.level) / 2)
    rows = []
    for (name, metric), told in drawn.items():
        value = values[name][metric]
        low, high = _ends(np.array(told), ends)
        row: dict[str, Any] = {"model": name, "metric": metric, "value": value, "low": low, "high": high}
        if name != first:
            apart = np.array(told) - np.array(drawn[first, metric])
            row["difference"] = value - values[first][metric]
            row["difference_low"], row["difference_high"] = _ends(apart, ends)
        rows.append(row)
    return pd.DataFrame(rows).reindex(columns=list(PAIRED_COLUMNS))


def drawn_weights(borrower_id: Ids, parameters: ComparisonParameters) -> Iterator[Floats]:
    """How often each row is there when as many borrowers as there are are drawn with replacement."""
    generator = np.random.default_rng(parameters.seed)
    _, who = np.unique(borrower_id, return_inverse=True)
    borrowers = int(who.max()) + 1
    affordable = max(parameters.row_draws // len(who), _FEWEST_DRAWS)
    for _ in range(min(parameters.draws, affordable)):
        times = np.bincount(generator.integers(borrowers, size=borrowers), minlength=borrowers)
        yield times[who].astype(np.float64)


def _ends(drawn: Floats, ends: tuple[float, float]) -> tuple[float, float]:
    """Ends of a percentile interval; draws that tell nothing are left out."""
    known = drawn[np.isfinite(drawn)]
    if not len(known):
        return float("nan"), float("nan")
    low, high = np.quantile(known, ends)
    return float(low), float(high)


@dataclass(frozen=True)
class _Ranked:
    """Rows in the order of their PD.

    Attributes:
        order: Places of the rows, the lowest PD first.
        last: Where in that order the last row of each PD stands.
    """

    order: Ids
    last: Ids


def _release_measure(probability: Floats, bad: Floats) -> Measure:
    order = np.argsort(probability, kind="stable")
    sorted_ = probability[order]
    last = np.flatnonzero(np.append(np.diff(sorted_) > 0, True))
    held = np.clip(probability, _EDGE, 1 - _EDGE)
    group = equal_groups(probability, min(_GROUPS, len(bad))) - 1
    log_odds = logit(held)
    return partial(
        _release_metrics,
        ranked=_Ranked(order, last),
        bad=bad,
        probability=probability,
        surprise=-np.where(bad > 0, np.log(held), np.log1p(-held)),
        group=group,
        line=np.bincount(group, log_odds) / np.bincount(group),
    )


def _release_metrics(
    weight: Floats,
    ranked: _Ranked,
    bad: Floats,
    probability: Floats,
    surprise: Floats,
    group: Ids,
    line: Floats,
) -> dict[str, float]:
    total, bads = weight.sum(), (weight * bad).sum()
    goods = total - bads
    metrics = {
        "brier": float((weight * (probability - bad) ** 2).sum() / total),
        "log_loss": float((weight * surprise).sum() / total),
        "bad_over_pd": float(bads / (weight * probability).sum()),
    }
    nothing = float("nan")
    if not bads or not goods:
        return {name: metrics.get(name, nothing) for name in RELEASE_METRICS}
    in_order, bad_there = weight[ranked.order], (weight * bad)[ranked.order]
    below_bad = np.cumsum(bad_there)[ranked.last]
    below_good = np.cumsum(in_order - bad_there)[ranked.last]
    step = np.diff(below_bad, prepend=0.0)
    middle = below_good - np.diff(below_good, prepend=0.0) / 2
    of_bad, of_good = (np.bincount(group, part, len(line)) for part in (weight * bad, weight * (1 - bad)))
    outcome = np.repeat([1.0, 0.0], len(line))
    pooled = np.concatenate([of_bad, of_good])
    slope, _ = logistic_line(np.tile(line, 2)[pooled > 0], outcome[pooled > 0], weight=pooled[pooled > 0])
    metrics |= {
        "auc": float((step * middle).sum() / (bads * goods)),
        "ks": float(np.max(below_good / goods - below_bad / bads, initial=0.0)),
        "calibration_slope": slope,
    }
    return {name: metrics[name] for name in RELEASE_METRICS}


def _limit_measure(predicted: Floats, log_limit: Floats) -> Measure:
    off = log_limit - predicted
    relative = np.abs(np.expm1(-off))
    order = np.argsort(relative, kind="stable")
    return partial(_limit_metrics, log_limit=log_limit, off=off, relative=relative, order=order)


def _limit_metrics(
    weight: Floats, log_limit: Floats, off: Floats, relative: Floats, order: Ids
) -> dict[str, float]:
    total = weight.sum()
    centre = (weight * log_limit).sum() / total
    squares, spread = (weight * off**2).sum(), (weight * (log_limit - centre) ** 2).sum()
    half = np.searchsorted(np.cumsum(weight[order]), total / 2)
    return {
        "r2": float(1 - squares / spread) if spread > 0 else float("nan"),
        "rmse": float(np.sqrt(squares / total)),
        "mae_log": float((weight * np.abs(off)).sum() / total),
        "median_relative_error": float(relative[order[half]]),
        "assessed_over_predicted": float(np.exp((weight * off).sum() / total)),
    }
