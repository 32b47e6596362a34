"""The story on the first screen: the features that separate most, the causes as one bar."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from data.mechanisms import CAUSES
from explanations.explanation import Explanation
from explanations.report.contrast_table import ContrastRow, by_score, gap
from explanations.report.palette import CAUSE_COLOURS
from explanations.report.quantities import share, usual_value, value_text
from explanations.report.section import Subject
from explanations.report.words import Text, say

TOP = 3


@dataclass(frozen=True)
class TopFeature:
    """A feature, its share of the gap between the groups, how that is drawn (per cent), and what is usual in both."""

    name: Text
    share: str
    width: float
    typical: Text


@dataclass(frozen=True)
class CausePart:
    """A cause, its mean share, its part of the bar (per cent) and its colour."""

    name: Text
    share: str
    width: float
    colour: str


def top_features(subject: Subject) -> tuple[TopFeature, ...]:
    """The three features that push most toward refusal; none where the score is not what refuses."""
    rows, total = leading(subject.rows), gap(subject.rows)
    if not rows:
        return ()
    medians = _medians(subject.explanation, [row.name for row in rows])
    largest = max(_push(row) for row in rows)
    return tuple(
        TopFeature(
            row.label,
            share(_push(row), total, digits=0),
            round(100 * _push(row) / largest, 1),
            _typical(subject, row.name, *medians[row.name]),
        )
        for row in rows
    )


def leading(rows: tuple[ContrastRow, ...]) -> list[ContrastRow]:
    """The three largest pushes toward refusal; none where there are fewer, or no gap to have a share of."""
    pushing = sorted((row for row in rows if row.release), key=lambda row: -_push(row))[:TOP]
    return pushing if len(pushing) == TOP and gap(rows) > 0 and _push(pushing[-1]) > 0 else []


def cause_parts(subject: Subject) -> tuple[CausePart, ...]:
    """The mean share of each cause, largest first; a negative one has no part of the bar."""
    means = subject.summary.get("causes", {}).get("mean_share", {})
    whole = sum(max(value, 0.0) for value in means.values())
    ordered = sorted(means, key=lambda name: (-means[name], CAUSES.index(name)))
    return tuple(
        CausePart(
            say(f"cause.{name}"),
            share(means[name], digits=0),
            round(100 * max(means[name], 0.0) / whole, 2),
            CAUSE_COLOURS[name],
        )
        for name in ordered
    )


def competition_text(subject: Subject) -> Text | None:
    """What competition means and why no remedy is told for it; None where it has no part in the conflicts."""
    means = subject.summary.get("causes", {}).get("mean_share", {})
    return say("story.competition") if means.get("competition", 0.0) > 0 else None


def _push(row: ContrastRow) -> float:
    return row.release.mean if row.release else 0.0


def _medians(explanation: Explanation, names: list[str]) -> dict[str, tuple[float, float]]:
    """What is usual of each feature among the conflicts refused by score and in the reference."""
    table = explanation.release_features
    refused = table["request_id"].isin(explanation.conflicts.loc[by_score(explanation), "request_id"])
    reference = table["cohort"] == "reference"
    found = {}
    for name in names:
        feature, values = explanation.catalogue[name], table[name].to_numpy(np.float64)
        found[name] = usual_value(values[refused], feature), usual_value(values[reference], feature)
    return found


def _typical(subject: Subject, name: str, conflict: float, reference: float) -> Text:
    feature = subject.explanation.catalogue[name]
    values = [value_text(value, feature, subject.currency) for value in (conflict, reference)]
    key = "story.typical_common" if feature.unordered else "story.typical"
    return say(key, conflict=values[0], reference=values[1])
