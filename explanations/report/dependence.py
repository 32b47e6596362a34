"""How both models depend on a feature, and how many are refused, by bins of its value."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from explanations.explanation import Explanation
from explanations.intervals.cluster_means import GroupMeans, group_means
from explanations.intervals.proportions import wilson
from explanations.report.contrast_table import ContrastRow, by_score
from explanations.report.exhibits import Record
from explanations.report.quantities import (
    NOTHING,
    count,
    limit_effect,
    number,
    push,
    share,
    unit_name,
    value_text,
)
from explanations.report.words import Text, joined, same, say
from features.catalogue import Feature

BINS = 8
FEWEST = 5
"""Conflicts below which a bin shows no mean push."""

Floats = NDArray[np.float64]
Places = NDArray[np.int64]


@dataclass(frozen=True)
class Dependence:
    """One feature in both models.

    Attributes:
        row: Its row of the contrast.
        records: A record per bin in ascending order, unknown values last.
        base: Share refused of all favoured.
        in_limit: Whether the limit model has it.
        unit: What its values are in; empty for counts and ratios.
        joined_up: Whether a line may join the bins: not those of categories without an order.
    """

    row: ContrastRow
    records: tuple[Record, ...]
    base: float
    in_limit: bool
    unit: Text
    joined_up: bool = True

    @property
    def unit_note(self) -> Text | None:
        """The unit in a sentence of its own; None where there is none."""
        return say("dependence.unit", unit=self.unit) if self.unit.en else None


def dependences(
    explanation: Explanation, rows: Sequence[ContrastRow], features: int, level: float
) -> tuple[Dependence, ...]:
    """The release model's features with the largest pushes of either sign; none where none has two values."""
    pushes = [row for row in rows if row.release]
    main = sorted(pushes, key=lambda row: -abs(row.release.mean if row.release else 0.0))[:features]
    return tuple(_dependence(explanation, row, level) for row in main)


def value_edges(values: Floats) -> Floats:
    """Edges of about equally full bins, ascending; a bin per value where there are few.

    A value belongs to the last bin whose lower edge it reaches; the first edge is the lowest value.
    """
    known = np.sort(values[np.isfinite(values)])
    if not len(known):
        return np.empty(0)
    each, counts = np.unique(known, return_counts=True)
    if len(each) <= BINS:
        return each
    if np.all(each == np.round(each)):
        # The tail of a count is where refusals are: what is rarer than a bin is put together upwards.
        heavy = each[np.cumsum(counts[::-1])[::-1] >= len(known) / (2.5 * BINS)]
        if len(heavy) <= BINS:
            return np.asarray(heavy, dtype=np.float64)
    return np.unique(known[(np.arange(BINS) * len(known)) // BINS])


def bin_of(values: Floats, edges: Floats) -> Places:
    """The bin of each value: from 0, below the first edge too; the last is that of unknown values."""
    found = np.clip(np.searchsorted(edges, values, side="right") - 1, 0, max(len(edges) - 1, 0))
    return np.asarray(np.where(np.isfinite(values), found, len(edges)), dtype=np.int64)


def cutoff_margin(explanation: Explanation) -> Floats:
    """The margin (log-odds) at which each conflict would just be released."""
    with np.errstate(divide="ignore"):
        return explanation.calibration.margin_at(explanation.conflicts["cutoff"].to_numpy(np.float64))


def _dependence(explanation: Explanation, row: ContrastRow, level: float) -> Dependence:
    feature = explanation.catalogue[row.name]
    seen = explanation.release_features
    values = seen[row.name].to_numpy(np.float64)
    refused = (seen["cohort"] == "conflict").to_numpy()
    # Each category stands by itself, however many there are.
    edges = np.unique(values[np.isfinite(values)]) if feature.levels else value_edges(values)
    bins = len(edges) + 1
    place = bin_of(values, edges)
    requests, conflicts = np.bincount(place, minlength=bins), np.bincount(place[refused], minlength=bins)
    release, room, limit = _pushes(explanation, row.name, edges, level)
    currency = str(explanation.summary["currency"])
    whole = bool(np.all(values[np.isfinite(values)] == np.round(values[np.isfinite(values)])))
    records = tuple(
        _record(at, edges, whole, feature, currency, int(requests[at]), int(conflicts[at]), level)
        | _pushed("release", release, at)
        | {key: value for key, value in _pushed("room", room, at).items() if key in ("room", "room_text")}
        | (_pushed("limit", limit, at) if limit else {"limit_text": NOTHING})
        for at in range(bins)
        if requests[at]
    )
    return Dependence(
        row,
        records,
        float(refused.mean()),
        limit is not None,
        unit_name(feature.unit, currency),
        joined_up=not feature.unordered,
    )


def _pushes(
    explanation: Explanation, name: str, edges: Floats, level: float
) -> tuple[GroupMeans, GroupMeans, GroupMeans | None]:
    """By bin over the conflicts refused by score: the release push, what the cut-off leaves it, the limit push."""
    score = by_score(explanation).to_numpy()
    chosen = explanation.conflicts[score]
    ids, who = chosen["request_id"], chosen["borrower_id"].to_numpy(np.int64)

    def column(table: pd.DataFrame) -> Floats:
        return table[["request_id", name]].set_index("request_id")[name].loc[ids].to_numpy(np.float64)

    place = bin_of(column(explanation.release_features), edges)
    own = column(explanation.release_contributions)
    over = chosen["release_margin"].to_numpy(np.float64) - cutoff_margin(explanation)[score]
    release, room = (group_means(values, place, who, len(edges) + 1, level) for values in (own, own - over))
    if name not in explanation.limit_contributions:
        return release, room, None
    reviewed = bin_of(column(explanation.limit_features), edges)
    limit = group_means(column(explanation.limit_contributions), reviewed, who, len(edges) + 1, level)
    return release, room, limit


def _record(
    at: int,
    edges: Floats,
    whole: bool,
    feature: Feature,
    currency: str,
    requests: int,
    refused: int,
    level: float,
) -> dict[str, object]:
    low, high = wilson(refused, requests, level)
    return {
        "at": at,
        "range": (held := _range(at, edges, whole, feature, currency)),
        "short": held
        if feature.levels or feature.unit in ("0/1", "flag")
        else _range(at, edges, whole, None, currency),
        "favoured": count(requests),
        "share": round(refused / requests, 5),
        "share_low": round(low, 5),
        "share_high": round(high, 5),
        "share_text": f"{share(refused, requests)} ({share(low, digits=0)} … {share(high, digits=0)})",
    }


def _pushed(name: str, means: GroupMeans, at: int) -> dict[str, object]:
    """A mean push with its ends and its text: log-odds toward refusal, or the change of the limit."""
    ends = tuple(float(end[at]) for end in (means.low, means.high))
    text = (limit_effect if name == "limit" else push)(float(means.mean[at]))
    if np.isfinite(ends).all():
        low, high = map(limit_effect, ends) if name == "limit" else map(push, ends)
        text = f"{text} ({low} … {high})"
    figures = {name: float(means.mean[at]), f"{name}_low": ends[0], f"{name}_high": ends[1]}
    enough = bool(means.rows[at] >= FEWEST)
    shown = {
        key: _shown(np.expm1(value) if name == "limit" else value, enough) for key, value in figures.items()
    }
    return {**shown, f"{name}_text": text if enough else NOTHING}


def _shown(value: float, enough: bool) -> float | None:
    return round(float(value), 5) if enough and np.isfinite(value) else None


def _range(at: int, edges: Floats, whole: bool, feature: Feature | None, currency: str) -> Text:
    """What a bin holds, in words; without a feature in figures alone."""
    if at == len(edges):
        return say("dependence.unknown")
    first, last = float(edges[at]), float(edges[min(at + 1, len(edges) - 1)]) - (1 if whole else 0)
    first, last = (first, last) if whole else (rough(first), rough(last))
    if feature is None:
        low, high = short(first), short(last)
        if at == len(edges) - 1:
            return same(low if at == 0 else f"{low}+")
        return same(low if whole and last == first else f"{low}–{high}")
    named = [value_text(value, feature, currency) for value in (first, last)]
    if feature.levels or feature.unit in ("0/1", "flag") or (whole and last == first and at < len(edges) - 1):
        return named[0]
    return say("range.above", value=named[0]) if at == len(edges) - 1 else joined(named, en=" – ", zh=" – ")


def rough(value: float) -> float:
    """A value with two digits that count, which is enough for the edge of a bin."""
    return float(f"{value:.2g}")


def short(value: float) -> str:
    """A number that takes little room: thousands as k."""
    return f"{number(value / 1000)}k" if abs(value) >= 10_000 else number(value)
