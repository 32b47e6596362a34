"""The contrast with names: each feature's, and each family's, mean push in both models."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from explanations.explanation import Explanation
from explanations.intervals.bootstrap import mean_interval
from explanations.report.words import Text, same
from features.catalogue import Feature

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Push:
    """A mean contribution over conflicts with its bootstrap interval; NaN bounds where there is none."""

    mean: float
    low: float
    high: float


@dataclass(frozen=True)
class ContrastRow:
    """One feature, or one family of them, in both models; None where it is not in that model.

    Attributes:
        name: The feature's column, or the family's English name.
        label: What people call it.
        definition: What it is, in a sentence.
        family: The family's name.
        release: Push toward refusal, log-odds.
        limit: Push on the limit, log money.
        top_share: Share of conflicts in which it is among the three largest pushes toward refusal.
    """

    name: str
    label: Text
    definition: Text
    family: Text
    release: Push | None
    limit: Push | None
    top_share: float


def by_score(explanation: Explanation) -> pd.Series[bool]:
    """Which conflicts the score refused, in the order of `conflicts`."""
    return explanation.conflicts["refused_by"] == "score"


def contrast_rows(explanation: Explanation) -> tuple[ContrastRow, ...]:
    """All features of either model, the largest push toward refusal first; none if no score refused."""
    contributions = score_contributions(explanation.release_contributions, explanation)
    if contributions.empty:
        return ()
    features = [name for name in explanation.catalogue.release if name in contributions]
    tops = top_shares(contributions, features)
    return tuple(
        _row(explanation.catalogue[str(record["feature"])], record, tops)
        for record in _records(explanation.contrast)
    )


def score_contributions(contributions: pd.DataFrame, explanation: Explanation) -> pd.DataFrame:
    """The contributions of the conflicts that the score refused."""
    ids = explanation.conflicts.loc[by_score(explanation), "request_id"]
    return contributions[contributions["request_id"].isin(ids)]


def top_shares(contributions: pd.DataFrame, features: Sequence[str], among: int = 3) -> dict[str, float]:
    """For each feature the share of rows in which it is among the largest pushes toward refusal."""
    values = contributions[list(features)].to_numpy(dtype=float)
    if not len(values):
        return dict.fromkeys(features, 0.0)
    order = np.argsort(-values, axis=1, kind="stable")[:, :among]
    counts = np.zeros(values.shape[1])
    for column in order.T:
        pushes = values[np.arange(len(values)), column] > 0
        np.add.at(counts, column[pushes], 1)
    return dict(zip(features, (counts / len(values)).tolist(), strict=True))


def main_rows(rows: Sequence[ContrastRow], number: int) -> tuple[tuple[ContrastRow, ...], Push | None, int]:
    """The release model's largest pushes of either sign in their order, the others' sum, and their number."""
    pushed = [row for row in rows if row.release]
    largest = sorted(pushed, key=_release_size, reverse=True)[:number]
    main = sorted(largest, key=lambda row: -row.release.mean if row.release else 0.0)
    others = [row for row in pushed if row not in largest]
    return tuple(main), Push(gap(others), np.nan, np.nan) if others else None, len(others)


def family_rows(explanation: Explanation) -> tuple[ContrastRow, ...]:
    """The contrast by family in the release model, the largest push toward refusal first."""
    summed = family_sums(score_contributions(explanation.release_contributions, explanation), explanation)
    sums = summed.to_numpy(np.float64)
    low, high = _intervals(sums, summed.index.to_series(), explanation)
    pushes = [Push(*map(float, push)) for push in zip(sums.mean(axis=0), low, high, strict=True)]
    named = {family.en: family for family in families(explanation)}
    rows = [
        ContrastRow(name, named[name], same(""), named[name], push, None, 0.0)
        for name, push in zip(summed.columns, pushes, strict=True)
    ]
    return tuple(sorted(rows, key=lambda row: -row.release.mean if row.release else 0.0))


def family_sums(contributions: pd.DataFrame, explanation: Explanation) -> pd.DataFrame:
    """Release contributions summed by family: a row per request_id, a column per family (its English name)."""
    of_family: dict[str, list[str]] = {family.en: [] for family in families(explanation)}
    for name in explanation.catalogue.release:
        of_family[family_of(explanation.catalogue[name]).en].append(name)
    sums = {
        family: contributions[names].to_numpy(dtype=float).sum(axis=1)
        for family, names in of_family.items()
        if names
    }
    return pd.DataFrame(sums, index=pd.Index(contributions["request_id"]))


def label_of(feature: Feature) -> Text:
    """A feature's label in both languages."""
    return Text(feature.label_en, feature.label_zh)


def family_of(feature: Feature) -> Text:
    """A feature's family in both languages."""
    return Text(feature.family, feature.family_zh)


def families(explanation: Explanation) -> list[Text]:
    """All families in the catalogue's order."""
    return list(dict.fromkeys(family_of(feature) for feature in explanation.catalogue.features))


def gap(rows: Sequence[ContrastRow]) -> float:
    """Mean margin of the conflicts over that of the reference: the sum of all pushes, log-odds."""
    return float(np.sum([row.release.mean for row in rows if row.release]))


def _release_size(row: ContrastRow) -> float:
    return abs(row.release.mean) if row.release else 0.0


def _intervals(sums: Floats, requests: pd.Series[int], explanation: Explanation) -> tuple[Floats, Floats]:
    """Bootstrap intervals of the columns' means, taken as the explanation took those of features.

    NaN where the explanation does not say how it took them.
    """
    parameters = explanation.summary["parameters"]
    names = ("bootstrap_draws", "seed", "bootstrap_level")
    taken = [parameters.get(f"explanations.{name}") for name in names]
    if None in taken:
        return np.full(sums.shape[1], np.nan), np.full(sums.shape[1], np.nan)
    borrower_of = explanation.conflicts.set_index("request_id")["borrower_id"]
    borrowers = borrower_of.loc[requests].to_numpy(dtype=np.int64)
    return mean_interval(sums, borrowers, int(taken[0]), int(taken[1]), float(taken[2]))


def _records(table: pd.DataFrame) -> list[dict[str, Any]]:
    return [dict(zip(table.columns, row, strict=True)) for row in table.itertuples(index=False)]


def _row(feature: Feature, record: dict[str, Any], tops: dict[str, float]) -> ContrastRow:
    return ContrastRow(
        name=feature.name,
        label=label_of(feature),
        definition=Text(feature.definition_en, feature.definition_zh),
        family=family_of(feature),
        release=_push(record, "release"),
        limit=_push(record, "limit"),
        top_share=tops.get(feature.name, 0.0),
    )


def _push(record: dict[str, Any], model: str) -> Push | None:
    mean, low, high = (float(record[f"{model}_{part}"]) for part in ("mean", "low", "high"))
    return Push(mean, low, high) if mean == mean else None
