"""What rules may speak of: what the release saw, how it had changed since the limit review, the cut-off in force."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from explanations.explanation import Explanation
from features.catalogue import ABSENT, Catalogue, Feature

Flags = NDArray[np.bool_]

CUTOFF = "cutoff"
"""Name under which rules speak of the cut-off in force, which is no feature."""

FLAT = "flat"
"""Stream of the features of an imported book."""

_SIGNS = {"+": 1, "-": -1}
# Differences of these say nothing: a name is no quantity, and a flag's change is told by its value.
_NO_CHANGE = ("id", "0/1", "flag")


@dataclass(frozen=True)
class Measure:
    """One column that rules may speak of.

    Attributes:
        feature: The feature's name, or `cutoff`.
        kind: `value` at the release; since the limit review `difference` (in the feature's unit) or relative `growth`;
            whether it `is` a category.
        unit: Unit of the column: the catalogue's, `r` of a growth, `PD` of the cut-off.
        sign: 1 where a higher value may only push toward refusal, -1 where a lower one may, 0 where either.
        whole: Whether all its values are whole numbers.
        level: Number of the category of which it tells whether the feature is it; -1 where it is missing.
    """

    feature: str
    kind: Literal["value", "difference", "growth", "is"]
    unit: str
    sign: int
    whole: bool
    level: int | None = None


@dataclass(frozen=True)
class Candidates:
    """The cohorts as rules see them.

    Attributes:
        measures: What each column is.
        values: Requests × measures; NaN where a value is unknown.
        conflict: Which requests are conflicts.
        early: Which belong to the earlier part, on which rules are fitted.
        boundary: First day of the later part; None in a book without dates, whose parts are split by hash.
    """

    measures: tuple[Measure, ...]
    values: NDArray[np.float32]
    conflict: Flags
    early: Flags
    boundary: pd.Timestamp | None


def candidates_of(explanation: Explanation, fit_share: float) -> Candidates:
    """The columns for all requests of both cohorts, in the order of their features.

    Args:
        explanation: The explained cohorts.
        fit_share: Share of the requests that makes the earlier part.
    """
    seen = explanation.release_features
    ids = seen["request_id"]
    decisions = pd.concat(
        [
            cohort[["request_id", "requested_on", CUTOFF]]
            for cohort in (explanation.conflicts, explanation.reference)
        ]
    )
    decisions = decisions.set_index("request_id").loc[ids]
    dates = pd.to_datetime(decisions["requested_on"])
    dated = bool(len(dates)) and bool(dates.notna().all())
    columns = list(_columns(explanation, dated))
    if dated:
        columns.append((Measure(CUTOFF, "value", "PD", -1, False), decisions[CUTOFF].to_numpy(np.float32)))
        boundary = dates.sort_values().iloc[min(int(fit_share * len(dates)), len(dates) - 1)]
        early = (dates < boundary).to_numpy()
    else:
        boundary, early = None, _hashed(ids) < fit_share
    columns_known = [np.where(np.isfinite(column), column, np.float32(np.nan)) for _, column in columns]
    return Candidates(
        tuple(measure for measure, _ in columns),
        np.column_stack(columns_known) if columns else np.zeros((len(ids), 0), np.float32),
        (seen["cohort"] == "conflict").to_numpy(),
        early,
        boundary,
    )


def _columns(explanation: Explanation, dated: bool) -> Iterator[tuple[Measure, NDArray[np.float32]]]:
    """Values of the release model's features, and of dated books their changes since the limit review."""
    seen = explanation.release_features
    reviewed = explanation.limit_features.set_index("request_id").loc[seen["request_id"]] if dated else None
    for feature in _speakable(explanation.catalogue):
        now = seen[feature.name].to_numpy(np.float32)
        sign = _SIGNS.get(feature.release_sign, 0)
        if feature.unordered:
            numbered = np.where(np.isnan(now), -1, now)
            for level in np.unique(numbered):
                is_it = (numbered == level).astype(np.float32)
                yield Measure(feature.name, "is", "0/1", 0, True, int(level)), is_it
            continue
        yield Measure(feature.name, "value", feature.unit, sign, _whole(now)), now
        if reviewed is None or feature.name not in reviewed or not _changes(feature):
            continue
        before = reviewed[feature.name].to_numpy(np.float32)
        if feature.unit == "RMB":
            growth = np.divide(now, before, out=np.full_like(now, np.nan), where=before > 0) - 1
            yield Measure(feature.name, "growth", "r", sign, False), growth
        else:
            difference = now - before
            yield Measure(feature.name, "difference", feature.unit, sign, _whole(difference)), difference


def _speakable(catalogue: Catalogue) -> list[Feature]:
    """The release model's features that may be named as reasons; of an imported book all, whatever a client is told."""
    held = [feature for feature in catalogue.features if feature.release_sign != ABSENT]
    return [feature for feature in held if feature.reason_use != "N" or feature.stream == FLAT]


def _changes(feature: Feature) -> bool:
    """Whether a change since the review is news: a length of life only tells how long ago it was."""
    return feature.unit not in _NO_CHANGE and feature.window != "life" and feature.stream != "request"


def _whole(values: NDArray[np.float32]) -> bool:
    known = values[np.isfinite(values)]
    return bool(np.all(known == np.round(known)))


def _hashed(ids: pd.Series[int]) -> NDArray[np.float64]:
    """A number from 0 to 1 for each id, the same in every order and extract."""
    return np.asarray(pd.util.hash_array(ids.to_numpy(np.int64)).astype(np.float64) / 2.0**64)
