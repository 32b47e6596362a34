"""A feature's distribution in conflict against reference, in bins whose number is fixed whatever the book."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from explanations.explanation import Explanation
from explanations.report.contrast_table import ContrastRow, by_score, label_of
from explanations.report.exhibits import Record
from explanations.report.headline import is_undated
from explanations.report.quantities import share, unit_name, usual_value, value_text
from explanations.report.words import Text, joined, say
from features.catalogue import Feature

COHORTS = ("conflict", "reference")
_BINS = 24
_SINGLE_VALUES = 14

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Distribution:
    """One feature in both cohorts.

    Attributes:
        label: The feature's label.
        unit: Its unit; empty for counts and ratios.
        currency: The book's currency.
        feature: The feature.
        whole: Whether all its values are whole numbers.
        edges: Edges of the bins, ascending; the first and last bin hold what lies beyond.
        records: A record per bin: low, high, range, and each cohort's share of its known values.
        medians: Median (of categories without an order the most common) of `conflict`, `reference`, and of the
            conflicts at their limit `review`; NaN where no value is known, the limit model has no such feature, or the
            book no dates.
        missing: Share of missing values of the same three.
    """

    label: Text
    unit: Text
    currency: str
    feature: Feature
    whole: bool
    edges: tuple[float, ...]
    records: tuple[Record, ...]
    medians: Mapping[str, float]
    missing: Mapping[str, float]

    def median_text(self, cohort: str) -> Text:
        """A median with its unit."""
        return value_text(self.medians[cohort], self.feature, self.currency)


def main_distributions(
    explanation: Explanation, rows: Sequence[ContrastRow], features: int
) -> tuple[Distribution, ...]:
    """The release model's features with the largest pushes of either sign, as the release saw them.

    The conflicts are those refused by score, as in the contrast.
    """
    pushes = [row for row in rows if row.release]
    main = sorted(pushes, key=lambda row: -abs(row.release.mean if row.release else 0.0))[:features]
    found = (_distribution(explanation, explanation.catalogue[row.name]) for row in main)
    return tuple(distribution for distribution in found if distribution)


def bin_edges(values: Sequence[Floats]) -> Floats:
    """Edges of bins for several samples of one feature.

    A bin per value for few whole numbers, otherwise bins of equal width (a whole one for whole numbers)
    between the samples' outer percentiles.

    Returns:
        Ascending edges, at least two; none where no sample holds a value.
    """
    held = [sample for sample in values if len(sample)]
    if not held:
        return np.empty(0)
    low = min(np.percentile(sample, 1) for sample in held)
    high = max(np.percentile(sample, 99) for sample in held)
    everything = np.concatenate(held)
    if not _whole(everything):
        if low == high:
            low, high = everything.min(), everything.max()
        room = 0.5 * max(abs(low), 1e-6) if low == high else 0.0
        return np.linspace(low - room, high + room, _BINS + 1)
    low, high = np.floor(low), np.ceil(high)
    width = np.ceil((high - low + 1) / _BINS) if high - low >= _SINGLE_VALUES else 1.0
    return np.asarray(np.arange(low - 0.5, high + 0.5 + width, width))


def _distribution(explanation: Explanation, feature: Feature) -> Distribution | None:
    score = explanation.conflicts.loc[by_score(explanation), "request_id"]
    samples = {
        "conflict": _values(explanation.release_features, feature.name, "conflict", score),
        "reference": _values(explanation.release_features, feature.name, "reference"),
        "review": _at_review(explanation, feature.name, score),
    }
    known = {cohort: sample[np.isfinite(sample)] for cohort, sample in samples.items()}
    edges = _edges(known, feature)
    if not len(edges):
        return None
    currency = str(explanation.summary["currency"])
    return Distribution(
        label=label_of(feature),
        unit=unit_name(feature.unit, currency),
        currency=currency,
        feature=feature,
        whole=_whole(np.concatenate([known[cohort] for cohort in COHORTS])),
        edges=tuple(edges.tolist()),
        records=_bins(known, edges, feature, currency),
        medians={cohort: usual_value(sample, feature) for cohort, sample in known.items()},
        missing={
            cohort: 1 - len(known[cohort]) / len(sample) if len(sample) else np.nan
            for cohort, sample in samples.items()
        },
    )


def _edges(known: Mapping[str, Floats], feature: Feature) -> Floats:
    """Edges of the bins: a bin for each category there is, of other features as the values lie."""
    held = [known[cohort] for cohort in COHORTS]
    if not feature.levels or not any(len(sample) for sample in held):
        return bin_edges(held)
    return np.arange(max(sample.max() for sample in held if len(sample)) + 2) - 0.5


def _at_review(explanation: Explanation, name: str, requests: pd.Series[int]) -> Floats:
    """Values at the limit review; none in an undated book, whose only values the release saw."""
    if is_undated(explanation.summary):
        return np.empty(0)
    return _values(explanation.limit_features, name, "conflict", requests)


def _whole(values: Floats) -> bool:
    return bool(np.all(values == np.round(values)))


def _values(table: pd.DataFrame, name: str, cohort: str, requests: pd.Series[int] | None = None) -> Floats:
    """A cohort's values of a feature, or those of some of its requests; none without the feature."""
    if name not in table:
        return np.empty(0)
    rows = table["cohort"] == cohort
    if requests is not None:
        rows &= table["request_id"].isin(requests)
    return table.loc[rows, name].to_numpy(dtype=np.float64)


def _bins(known: Mapping[str, Floats], edges: Floats, feature: Feature, currency: str) -> tuple[Record, ...]:
    shares = {cohort: _shares(known[cohort], edges) for cohort in COHORTS}
    together = np.concatenate([known[cohort] for cohort in COHORTS])
    return tuple(
        {
            "low": float(edges[i]),
            "high": float(edges[i + 1]),
            "range": _range(edges, i, feature, currency, together),
            **{cohort: round(float(shares[cohort][i]), 6) for cohort in COHORTS},
            **{f"{cohort}_text": share(float(shares[cohort][i])) for cohort in COHORTS},
        }
        for i in range(len(edges) - 1)
    )


def _shares(values: Floats, edges: Floats) -> Floats:
    """Share of the values in each bin; what lies beyond the edges counts in the outer bins."""
    if not len(values):
        return np.zeros(len(edges) - 1)
    counts, _ = np.histogram(np.clip(values, edges[0], edges[-1]), edges)
    return np.asarray(counts / len(values))


def _range(edges: Floats, i: int, feature: Feature, currency: str, values: Floats) -> Text:
    """What a bin holds, in words; whole numbers are named as such, not by the edges between them."""
    whole = _whole(values)
    low, high = (np.ceil(edges[i]), np.floor(edges[i + 1])) if whole else (edges[i], edges[i + 1])
    first, last = (value_text(float(end), feature, currency) for end in (low, high))
    if i == len(edges) - 2 and values.max() > edges[-1]:
        return say("range.above", value=first)
    if i == 0 and values.min() < edges[0]:
        return say("range.below", value=last)
    return first if whole and low == high else joined([first, last], en=" – ", zh=" – ")
