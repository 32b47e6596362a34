"""Figures of a whole book that was cross-fitted, with intervals that hold what other clients and other fits would give.

Each is its mean over the repeats. Drawing the clients of one fit anew tells only how other clients would have been
scored by the same models; so each draw takes a repeat first, and then draws its clients. Of how good models are and how
many are in conflict that is enough. What models say of features moves much more with those whom they were fitted on:
what trains in a repeat is a random part of the book, so the repeats differ by less than other books would, by a factor
that the delete-d jackknife gives (Shao and Wu, doi:10.1214/aos/1176347263), and a draw moves the repeat's distance from
the mean that much further out. Both were measured: docs/decisions/0017-cross-fitting.md.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from explanations.cross_fitting.fold import cohorts_of_scores
from explanations.intervals.bootstrap import drawn_times
from explanations.intervals.proportions import wilson
from features.catalogue import Catalogue

Floats = NDArray[np.float64]

FIGURES = (
    *("release.auc", "release.brier", "release.log_loss", "release.calibration_ratio"),
    *("limit.r2", "limit.mae", "limit.mae_log"),
    *("conflicts", "conflict.share", "conflict.bad_rate", "reference.bad_rate", "bad_rate_gap"),
)
"""Names of the figures: calibration_ratio is bad loans over those expected, conflict.share of the favoured."""

_PROBABILITIES = ("release.auc", "conflict.share", "conflict.bad_rate", "reference.bad_rate")
_BOUNDS = dict.fromkeys(FIGURES, (0.0, math.inf)) | {
    **dict.fromkeys(_PROBABILITIES, (0.0, 1.0)),
    "limit.r2": (-math.inf, 1.0),
    "bad_rate_gap": (-1.0, 1.0),
}
_COUNTED = {
    "conflict.share": ("conflict", "favoured"),
    "conflict.bad_rate": ("conflict_bad", "conflict_known"),
    "reference.bad_rate": ("reference_bad", "reference_known"),
}
_FEWEST = 0.5  # share of the draws that must know a figure


@dataclass(frozen=True)
class Spread:
    """How intervals are taken.

    Attributes:
        draws: Draws of the bootstrap.
        level: Coverage.
        seed: Which clients and repeats are drawn.
        train_share: Share of the clients of the other folds that trains; the rest stops and calibrates.
    """

    draws: int
    level: float
    seed: int
    train_share: float


@dataclass(frozen=True)
class _Repeat:
    """One repeat: sums are taken over its clients, a column each."""

    sums: dict[str, Floats]
    pushes: Floats
    bad: Floats
    pd: Floats


def cross_figures(
    scores: pd.DataFrame,
    contributions: pd.DataFrame,
    bad: Floats,
    log_limit: Floats,
    catalogue: Catalogue,
    spread: Spread,
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """The figures of a cross-fitted book and its contrast, with intervals.

    Args:
        scores: See `explanations.cross_fitting.fold`; every client once in each repeat, repeat by repeat in one order.
        contributions: See there.
        bad: Outcome of each client (NaN where it is not known), in that order.
        log_limit: Log of the granted limit of each.
        catalogue: The features.
        spread: How intervals are taken.

    Returns:
        figure (one of `FIGURES`), value, low, high; and by (`feature` or `family`), name, mean, low, high (log-odds):
        the mean push over the conflicts refused by score.
    """
    names, families, to_families = _of_families(catalogue)
    repeats = [
        _repeat(part, contributions[contributions["repeat"] == number], bad, log_limit, names, to_families)
        for number, part in scores.groupby("repeat", sort=True)
    ]
    ones = np.ones((1, len(bad)))
    by_repeat = np.concatenate([_figures(one, ones) for one in repeats])
    mean, low, high = _intervals(repeats, by_repeat, spread)
    count = len(FIGURES)
    figures = pd.DataFrame(
        {"figure": FIGURES, "value": mean[:count], "low": low[:count], "high": high[:count]}
    )
    contrast = pd.DataFrame(
        {
            "by": ["feature"] * len(names) + ["family"] * len(families),
            "name": [*names, *families],
            "mean": mean[count:],
            "low": low[count:],
            "high": high[count:],
        }
    )
    ordered = contrast.sort_values("mean", ascending=False, kind="stable")
    ordered = ordered.sort_values("by", ascending=False, kind="stable", ignore_index=True)
    return _bounded(figures, repeats, spread.level), ordered


def outward(train_share: float, repeats: int) -> float:
    """By which factor a repeat's distance from the mean of the repeats is multiplied in a draw.

    The variance over books is that over the repeats times q / (1 - q), for q that trains; the mean of the repeats
    adds one part of that over the repeats, and of few repeats drawn at random the variance is less by one in so many.
    """
    return math.sqrt((train_share / (1 - train_share) + 1 / repeats) * repeats / (repeats - 1))


def _of_families(catalogue: Catalogue) -> tuple[tuple[str, ...], list[str], Floats]:
    """The release model's features, their families, and the matrix that sums the ones to the others."""
    names = catalogue.release
    families = list(dict.fromkeys(catalogue[name].family for name in names))
    member = np.array([[catalogue[name].family == family for family in families] for name in names])
    return names, families, member.astype(np.float64)


def _repeat(
    scores: pd.DataFrame,
    contributions: pd.DataFrame,
    bad: Floats,
    log_limit: Floats,
    names: Sequence[str],
    to_families: Floats,
) -> _Repeat:
    probability, predicted = (scores[name].to_numpy(np.float64) for name in ("pd", "limit_score"))
    conflict, reference = cohorts_of_scores(scores)
    known = ~np.isnan(bad)
    is_bad = np.nan_to_num(bad)
    likelihood = np.where(is_bad > 0, probability, 1 - probability).clip(np.finfo(np.float64).eps)
    error = np.abs(log_limit - predicted)
    by_score = conflict & (scores["refused_by"] == "score").to_numpy()
    at = pd.Index(contributions["request_id"]).get_indexer(scores["request_id"])
    pushed = by_score & (at >= 0)
    pushes = np.zeros((len(scores), len(names)))
    pushes[pushed] = contributions[list(names)].to_numpy(np.float64)[at[pushed]]
    middle = log_limit.mean()  # of all; variances are then taken without loss of digits
    sums = {
        "clients": np.ones(len(scores)),
        "known": known,
        "bad": is_bad,
        "pd": probability * known,
        "brier": np.square(probability - is_bad) * known,
        "log_loss": -np.log(likelihood) * known,
        "limit": log_limit - middle,
        "limit_squared": np.square(log_limit - middle),
        "limit_error": error,
        "limit_error_squared": np.square(error),
        "limit_money": np.abs(np.exp(log_limit) - np.exp(predicted)),
        "favoured": conflict | reference,
        "conflict": conflict,
        "conflict_known": conflict & known,
        "conflict_bad": conflict * is_bad,
        "reference_known": reference & known,
        "reference_bad": reference * is_bad,
        "pushed": pushed,
    }
    floats = {name: np.asarray(values, dtype=np.float64) for name, values in sums.items()}
    return _Repeat(floats, np.column_stack([pushes, pushes @ to_families]), bad, probability)


def _figures(repeat: _Repeat, times: Floats) -> Floats:
    """The figures and mean pushes where each client counts so many times (draws × clients); NaN where undefined."""
    columns = np.column_stack([*repeat.sums.values(), repeat.pushes])
    summed = _product(times, columns)
    s = dict(zip(repeat.sums, summed.T, strict=False))
    with np.errstate(divide="ignore", invalid="ignore"):
        spread = s["limit_squared"] - np.square(s["limit"]) / s["clients"]
        refused, usual = (s[f"{name}_bad"] / s[f"{name}_known"] for name in ("conflict", "reference"))
        found = {
            "release.auc": _auc(repeat, times),
            "release.brier": s["brier"] / s["known"],
            "release.log_loss": s["log_loss"] / s["known"],
            "release.calibration_ratio": s["bad"] / s["pd"],
            "limit.r2": 1 - s["limit_error_squared"] / spread,
            "limit.mae": s["limit_money"] / s["clients"],
            "limit.mae_log": s["limit_error"] / s["clients"],
            "conflicts": s["conflict"],
            "conflict.share": s["conflict"] / s["favoured"],
            "conflict.bad_rate": refused,
            "reference.bad_rate": usual,
            "bad_rate_gap": refused - usual,
        }
        pushes = summed[:, len(repeat.sums) :] / s["pushed"][:, None]
    told = np.column_stack([*(found[name] for name in FIGURES), pushes])
    return np.where(np.isfinite(told), told, np.nan)


def _auc(repeat: _Repeat, times: Floats) -> Floats:
    """Area under the ROC curve of each draw; equal PDs count half."""
    known = np.flatnonzero(~np.isnan(repeat.bad))
    order = known[np.argsort(repeat.pd[known], kind="stable")]
    ordered = repeat.pd[order]
    starts = np.flatnonzero(np.r_[True, ordered[1:] != ordered[:-1]])
    bads = np.add.reduceat(times[:, order] * repeat.bad[order], starts, axis=1)
    goods = np.add.reduceat(times[:, order] * (1 - repeat.bad[order]), starts, axis=1)
    below = np.cumsum(goods, axis=1) - goods / 2
    found: Floats = (bads * below).sum(axis=1) / (bads.sum(axis=1) * goods.sum(axis=1))
    return found


def _product(times: Floats, columns: Floats) -> Floats:
    """Times × columns; as a sparse product, since a dense one's last bits change with the number of BLAS threads."""
    from scipy.sparse import csr_array

    return np.asarray(csr_array(times) @ columns)


def _intervals(
    repeats: Sequence[_Repeat], by_repeat: Floats, spread: Spread
) -> tuple[Floats, Floats, Floats]:
    """Mean over the repeats, and the ends of the interval, of each figure."""
    generator = np.random.default_rng(spread.seed)
    drawn_repeat = generator.integers(len(repeats), size=spread.draws)
    with np.errstate(invalid="ignore"):
        mean = _mean(by_repeat)
        out = np.ones(len(mean))
        out[len(FIGURES) :] = outward(spread.train_share, len(repeats))
        values = []
        for place, repeat in enumerate(repeats):
            count = int((drawn_repeat == place).sum())
            if not count:
                continue
            times = drawn_times(len(repeat.bad), count, generator)
            own = by_repeat[place]
            values.append(mean + (_figures(repeat, times) - own) + out * (own - mean))
    drawn = np.concatenate(values)
    ends = ((1 - spread.level) / 2, (1 + spread.level) / 2)
    low, high = np.full((2, len(mean)), np.nan)
    told = (~np.isnan(drawn)).mean(axis=0) >= _FEWEST
    low[told], high[told] = np.nanquantile(drawn[:, told], ends, axis=0)
    return mean, low, high


def _mean(by_repeat: Floats) -> Floats:
    """Mean over the repeats that know a figure; NaN where none does."""
    known = ~np.isnan(by_repeat)
    with np.errstate(invalid="ignore"):
        found: Floats = np.where(known, by_repeat, 0.0).sum(axis=0) / known.sum(axis=0)
    return found


def _bounded(figures: pd.DataFrame, repeats: Sequence[_Repeat], level: float) -> pd.DataFrame:
    """The figures with ends within what they can be; where all are alike, to draw tells nothing, and Wilson's stand."""
    told = figures.set_index("figure")
    for name, (least, most) in _BOUNDS.items():
        told.loc[name, ["low", "high"]] = told.loc[name, ["low", "high"]].clip(least, most)
    for name, (part, whole) in _COUNTED.items():
        some, all_ = (np.mean([one.sums[column].sum() for one in repeats]) for column in (part, whole))
        if all_ and some in (0, all_):
            told.loc[name, ["low", "high"]] = wilson(round(some), round(all_), level)
    return told.reset_index()
