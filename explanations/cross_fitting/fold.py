"""A fold's clients as the models of the other folds score them, and why these refuse some whom they favour."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from explanations.kernel.contrast import contributions
from models.release_model import ReleaseModel

SCORED = (
    *("request_id", "borrower_id", "limit_score", "release_margin", "pd", "cutoff"),
    *("favoured", "refused", "refused_by"),
)


@dataclass(frozen=True)
class ScoredFold:
    """What the models of the other folds say of a fold's clients.

    Attributes:
        scores: A row per client: repeat, fold, then `SCORED` (limit_score in log money, release_margin in log-odds).
        contributions: A row per conflict: repeat, request_id, base, one column per feature of the release model
            (log-odds); base + Σ is the client's release_margin. None where nobody of the fold is in conflict, or
            nobody favoured and released to be compared with.
    """

    scores: pd.DataFrame
    contributions: pd.DataFrame | None


def scored_fold(
    repeat: int, fold: int, decided: pd.DataFrame, values: NDArray[np.float32], release: ReleaseModel
) -> ScoredFold:
    """The scores of a fold's clients, and the contributions of its conflicts against its own reference.

    Args:
        repeat: Which repeat, from 1.
        fold: Which of its folds, from 1.
        decided: Decisions on the fold's clients (see `models.decisions`).
        values: Their release snapshots.
        release: The model that has not seen them.

    Raises:
        DataFault: Contributions do not add up to the model's own score.
    """
    scores = decided[list(SCORED)].reset_index(drop=True).astype({"limit_score": np.float64})
    scores = pd.concat([pd.DataFrame({"repeat": repeat, "fold": fold}, index=scores.index), scores], axis=1)
    conflict, reference = cohorts_of_scores(scores)
    if not conflict.any() or not reference.any():
        return ScoredFold(scores, None)
    margin = scores["release_margin"].to_numpy(np.float64)
    given, base = contributions(
        release.booster, values[conflict], values[reference], margin[reference], threads=1
    )
    head = {"repeat": repeat, "request_id": scores["request_id"].to_numpy()[conflict], "base": base}
    table = pd.DataFrame(given, columns=list(release.features))
    return ScoredFold(scores, pd.concat([pd.DataFrame(head, index=table.index), table], axis=1))


def cohorts_of_scores(scores: pd.DataFrame) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Which scored clients are in conflict, and which are the reference."""
    favoured, refused = scores["favoured"].to_numpy(bool), scores["refused"].to_numpy(bool)
    return favoured & refused, favoured & ~refused
