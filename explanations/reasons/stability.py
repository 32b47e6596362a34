"""Whether another fit would give the same reasons: the release model fitted again with other seeds.

Two fits of the same data differ in which rows and columns each tree saw. Reasons that change with the seed say more of
the fit than of the borrower. The conflicts refused by score get their reasons once more from each further fit, against
the same released requests. Rules that are broken are broken whatever the fit, so agreement is told without them, too.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from data.sampling import spread_places
from explanations.explanation import Explanation
from explanations.kernel.contrast import contributions
from explanations.parameters import ExplanationParameters
from explanations.reasons.deletion_test import shares_of
from explanations.reasons.principal_reasons import (
    NONE,
    RULE_BREAKS,
    Found,
    Given,
    conflict_values,
    given_reasons,
    released_values,
)
from explanations.reasons.refusals import Flags, Refusals
from models.boosted import Floats
from models.release_model import ReleaseModel

MEASURES = ("first", "first_always", "overlap", "refused")
"""The same first reason (mean over fits, in all fits), shared reasons of all (Jaccard), refused by that score, too."""


def reason_stability(
    explanation: Explanation,
    found: Found,
    refusals: Refusals,
    refits: Iterable[ReleaseModel],
    parameters: ExplanationParameters,
) -> dict[str, Any]:
    """How far the reasons of conflicts refused by score agree with those that other fits give; JSON-ready.

    Args:
        explanation: The conflicts.
        found: Their reasons.
        refusals: What refuses the conflicts.
        refits: The same model fitted with other seeds, one at a time.
        parameters: How many conflicts are compared, and how intervals are taken.

    Returns:
        fits, compared (conflicts), of (from how many), without_rules (conflicts among them that break no rule besides),
        by measure (see `MEASURES`) share, low and high (bootstrap over borrowers), and `first_without_rules`: the first
        measure of those that break no rule.
    """
    values = conflict_values(explanation)
    by_score = np.flatnonzero((explanation.conflicts["refused_by"] == "score").to_numpy())
    rows = by_score[spread_places(len(by_score), parameters.reasons.tested)]
    told: dict[str, Any] = {"fits": 0, "compared": len(rows), "of": len(by_score)}
    if not len(rows):
        return told
    broken = refusals.broken(values[rows], rows)
    ruled = np.logical_or.reduce(
        [broken[name] for name in broken if name in RULE_BREAKS] or [broken["score"] & False]
    )
    given = found.given.of(rows)
    agreed = []
    for refit in refits:
        pushes, _ = contributions(refit.booster, values[rows], released_values(explanation))
        refused_by = explanation.conflicts["refused_by"].iloc[rows]
        other = given_reasons(
            found.groups.of(rows),
            pushes,
            refused_by,
            broken,
            parameters.reasons.least_share,
        )
        refused = replace(refusals, release=refit).broken(values[rows], rows)["score"]
        agreed.append(np.column_stack([_same_first(given, other), _overlap(given, other), refused]))
    if not agreed:
        return told
    return (
        told
        | {"fits": len(agreed), "without_rules": int((~ruled).sum())}
        | _told(
            np.stack(agreed), ruled, explanation.conflicts["borrower_id"].to_numpy(np.int64)[rows], parameters
        )
    )


def _told(
    agreed: Floats, ruled: Flags, borrower_id: NDArray[np.int64], parameters: ExplanationParameters
) -> dict[str, Any]:
    """Shares with intervals of agreement by fit, conflict and measure."""
    first, overlap, refused = (agreed[:, :, at].mean(axis=0) for at in range(3))
    always = agreed[:, :, 0].min(axis=0)
    measures = dict(
        zip(
            MEASURES,
            shares_of(np.column_stack([first, always, overlap, refused]), borrower_id, parameters),
            strict=True,
        )
    )
    if ruled.all():
        return measures
    [alone] = shares_of(first[~ruled, None], borrower_id[~ruled], parameters)
    return measures | {"first_without_rules": alone}


def _same_first(one: Given, other: Given) -> Flags:
    return np.asarray(one.code[:, 0] == other.code[:, 0])


def _overlap(one: Given, other: Given) -> Floats:
    """Jaccard's index of both sets of reasons: those in both over those in either; 1 where both are empty."""
    equal = (one.code[:, :, None] == other.code[:, None, :]) & (one.code != NONE)[:, :, None]
    both = equal.any(axis=2).sum(axis=1)
    either = (one.code != NONE).sum(axis=1) + (other.code != NONE).sum(axis=1) - both
    return np.where(either > 0, both / np.maximum(either, 1), 1.0)
