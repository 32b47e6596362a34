"""What is monitored of a period: how scores and features lie, how outcomes compare with PDs, how many conflicts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.stats import rankdata

from data.sampling import spread_places
from features.matrix import Matrix
from models.boosted import Boosted, Floats
from training.diagnostics import LIMIT_SCORE, RELEASE_SCORE
from training.stability import bin_counts, bin_edges

Flags = NDArray[np.bool_]
Profile = dict[str, Any]
"""JSON-ready; see `profile_of`."""


@dataclass(frozen=True)
class Seen:
    """Both models on the requests and reviews of a period.

    Attributes:
        requests: Release snapshots.
        margin: The release model's score of each (log-odds, before calibration).
        probability: Calibrated PD of each.
        asked: Requests of the period.
        favoured: Requests that the limit model favours.
        refused: Requests that are refused.
        bad: Outcome of each request (1 bad, 0 good); NaN where it is not known, or must not be judged by.
        reviews: Limit snapshots.
        limit_score: The limit model's score of each (log-RMB).
        reviewed: Reviews of the period.
    """

    requests: Matrix
    margin: Floats
    probability: Floats
    asked: Flags
    favoured: Flags
    refused: Flags
    bad: Floats
    reviews: Matrix
    limit_score: Floats
    reviewed: Flags


def profile_of(
    seen: Seen, monitored: Mapping[str, Sequence[str]], most: int, before: Profile | None = None
) -> Profile:
    """What is kept of a period, so that a later one can be held against it without its rows.

    Args:
        seen: The period.
        monitored: Features that are monitored, by model (`release` on requests, `limit` on reviews).
        most: Requests, and as many reviews, that are binned at most, evenly spread.
        before: The profile whose bins are taken; tenths of this period where there is none.

    Returns:
        requests and reviews (of the period); scores and features (by model): edges of the bins and rows in each, the
        last bin of missing values; outcomes: known, bad, expected (sum of PDs), auc and auc_variance (None where
        one class has fewer than two); conflicts: favoured and conflicts.
    """
    asked, reviewed = (_spread(rows, most) for rows in (seen.asked, seen.reviewed))
    scores = {RELEASE_SCORE: seen.margin[asked], LIMIT_SCORE: seen.limit_score[reviewed]}
    columns = {
        model: {name: matrix.values[rows, matrix.features.index(name)] for name in monitored[model]}
        for model, matrix, rows in (("release", seen.requests, asked), ("limit", seen.reviews, reviewed))
    }
    known = ~np.isnan(seen.bad)
    favoured = seen.asked & seen.favoured
    return {
        "requests": int(seen.asked.sum()),
        "reviews": int(seen.reviewed.sum()),
        "scores": _binned(scores, None if before is None else before["scores"]),
        "features": {
            model: _binned(values, None if before is None else before["features"][model])
            for model, values in columns.items()
        },
        "outcomes": _outcomes(seen.bad[known], seen.probability[known]),
        "conflicts": {
            "favoured": int(favoured.sum()),
            "conflicts": int((favoured & seen.refused).sum()),
        },
    }


def monitored_features(model: Boosted, context: Sequence[str]) -> list[str]:
    """The features by which a model splits, but for those of the context: these are the same for a whole region."""
    gain = model.booster.feature_importance("gain")
    return [name for name, used in zip(model.features, gain, strict=True) if used > 0 and name not in context]


def auc_with_variance(bad: Floats, probability: Floats) -> tuple[float, float] | None:
    """AUC and its variance (DeLong and others, doi:10.2307/2531595); None where a class has fewer than two rows."""
    one, other = probability[bad == 1], probability[bad == 0]
    if min(len(one), len(other)) < 2:
        return None
    ranks = rankdata(np.concatenate([one, other]))
    above = (ranks[: len(one)] - rankdata(one)) / len(other)
    below = 1 - (ranks[len(one) :] - rankdata(other)) / len(one)
    variance = above.var(ddof=1) / len(one) + below.var(ddof=1) / len(other)
    return float(above.mean()), float(variance)


def _outcomes(bad: Floats, probability: Floats) -> dict[str, float | None]:
    ranked = auc_with_variance(bad, probability)
    return {
        "known": float(len(bad)),
        "bad": float(bad.sum()),
        "expected": float(probability.sum()),
        "auc": None if ranked is None else ranked[0],
        "auc_variance": None if ranked is None else ranked[1],
    }


def _spread(rows: Flags, most: int) -> NDArray[np.int64]:
    """Places of the rows of a period, at most so many of them."""
    at = np.flatnonzero(rows)
    return at[spread_places(len(at), most)] if len(at) > most else at


def _binned(
    values: Mapping[str, NDArray[np.float32] | Floats], before: Mapping[str, Any] | None
) -> dict[str, dict[str, Any]]:
    binned: dict[str, dict[str, Any]] = {}
    for name, column in values.items():
        edges = bin_edges(column) if before is None else np.asarray(before[name]["edges"], dtype=np.float64)
        counts = bin_counts(edges, column)
        binned[name] = {"edges": [float(edge) for edge in edges], "counts": [int(n) for n in counts]}
    return binned
