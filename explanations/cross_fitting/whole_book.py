"""A small book as a whole: scores out of fold of all clients, its figures, and its contrast."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import pandas as pd

from explanations.cross_fitting.figures import Floats, Spread, cross_figures
from explanations.cross_fitting.fold import ScoredFold, cohorts_of_scores
from explanations.explanation import Explanation
from explanations.json_numbers import finite

FEWEST_REPEATS = 2
"""Whole repeats; from one alone it does not show how far fits differ."""


@dataclass(frozen=True)
class CrossFitting:
    """A book without dates that was cross-fitted; the names are those of the files.

    Attributes:
        cross_fitting: figure (see `explanations.cross_fitting.figures`), value, low, high.
        cross_fitting_contrast: by (`feature` or `family`), name, mean, low, high: mean push toward refusal over the
            conflicts refused by score (log-odds).
        cross_fitting_clients: A row per client: request_id, borrower_id, limit_score (log money), release_margin
            (log-odds) and pd, each the mean over the repeats, pd_low and pd_high (least and largest PD), repeats,
            favoured, refused and conflict (in how many repeats), observed_bad (NaN where nobody saw the outcome).
        cross_fitting_scores: A row per client and repeat (see `explanations.cross_fitting.fold`).
        cross_fitting_contributions: A row per conflict and repeat (see there).
    """

    cross_fitting: pd.DataFrame
    cross_fitting_contrast: pd.DataFrame
    cross_fitting_clients: pd.DataFrame
    cross_fitting_scores: pd.DataFrame
    cross_fitting_contributions: pd.DataFrame


def with_cross_fitting(
    explanation: Explanation,
    folds: Sequence[ScoredFold],
    repeats: int,
    per_repeat: int,
    request_id: pd.Series,
    bad: Floats,
    log_limit: Floats,
    spread: Spread,
) -> Explanation:
    """The explanation with the whole book, in its summary the figures; where too little could be fitted, only that.

    Args:
        explanation: That of the clients held out.
        folds: All folds of the repeats in which every fold could be fitted.
        repeats: How many repeats were tried.
        per_repeat: Into how many folds.
        request_id: The clients, in one order.
        bad: Outcome of each (NaN where it is not known).
        log_limit: Log of the granted limit of each.
        spread: How intervals are taken.
    """
    scores = pd.concat([fold.scores for fold in folds], ignore_index=True) if folds else pd.DataFrame()
    complete = int(scores["repeat"].nunique()) if len(scores) else 0
    told: dict[str, Any] = {
        "clients": len(request_id),
        "folds": per_repeat,
        "repeats": repeats,
        "complete": complete,
    }
    if complete < FEWEST_REPEATS:
        return replace(explanation, summary=explanation.summary | {"cross_fitting": told})
    place = pd.Index(request_id).get_indexer(scores["request_id"])
    scores = scores.assign(place=place).sort_values(["repeat", "place"], ignore_index=True)
    scores = scores.drop(columns="place")
    given = [fold.contributions for fold in folds if fold.contributions is not None]
    head = ["repeat", "request_id", "base"]
    empty = pd.DataFrame(columns=[*head, *explanation.catalogue.release], dtype="float64")
    contributions = pd.concat(given, ignore_index=True) if given else empty
    figures, contrast = cross_figures(scores, contributions, bad, log_limit, explanation.catalogue, spread)
    outcome = pd.Series(bad, index=request_id.to_numpy())
    clients = _clients(scores, outcome)
    held = clients["conflict"]
    told |= {
        "figures": {
            row["figure"]: {part: finite(row[part]) for part in ("value", "low", "high")}
            for row in figures.to_dict("records")
        },
        "in_conflict": {
            "ever": int((held > 0).sum()),
            "mostly": int((2 * held > complete).sum()),
            "always": int((held == complete).sum()),
        },
    }
    by = ["repeat", "request_id"]
    found = CrossFitting(
        cross_fitting=figures,
        cross_fitting_contrast=contrast,
        cross_fitting_clients=clients,
        cross_fitting_scores=scores.sort_values(by, ignore_index=True),
        cross_fitting_contributions=contributions.sort_values(by, ignore_index=True),
    )
    summary = explanation.summary | {"cross_fitting": told}
    return replace(explanation, cross_fitting=found, summary=summary)


def _clients(scores: pd.DataFrame, bad: pd.Series) -> pd.DataFrame:
    """A row per client, by request_id."""
    conflict, _ = cohorts_of_scores(scores)
    by_client = scores.assign(conflict=conflict).groupby(["request_id", "borrower_id"], as_index=False)
    found = by_client.agg(
        limit_score=("limit_score", "mean"),
        release_margin=("release_margin", "mean"),
        pd=("pd", "mean"),
        pd_low=("pd", "min"),
        pd_high=("pd", "max"),
        repeats=("repeat", "size"),
        favoured=("favoured", "sum"),
        refused=("refused", "sum"),
        conflict=("conflict", "sum"),
    )
    return found.assign(observed_bad=found["request_id"].map(bad))
