"""What the scorecard keeps of one book: its conflicts with the truth, the answers, and what a lender observes."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from data.atomic import whole_file
from data.mechanisms import CAUSES, MECHANISMS, SUBSETS, shapley_shares
from explanations.truth.fidelity import GROUPS
from features.matrix import Matrix

Floats = NDArray[np.float64]

FIGURES = ("release_margin", "pd", "cutoff", "limit_score", "limit_before", "limit_after")
"""What the decisions show of each conflict besides its snapshots."""


@dataclass(frozen=True)
class Scored:
    """Conflicts of one book with the truth, the answers and what can be observed.

    Attributes:
        seed: Seed of the book.
        scenario: Its scenario.
        refit: Which fit of the models decided: 0 for that of the parameters, others for other seeds of the fit.
        request_id: The conflicts.
        borrower_id: Their borrowers.
        truth: True shares by conflict and cause.
        ledger: The ledger's shares.
        vanishes: By conflict and mechanism, whether the conflict vanishes when it alone is switched off.
        state: True contributions by conflict and group of state (log-odds); NaN where the score does not refuse.
        model: The release model's contributions, summed to the same groups.
        observed: What a lender can observe of each conflict.
    """

    seed: int
    scenario: str
    refit: int
    request_id: NDArray[np.int64]
    borrower_id: NDArray[np.int64]
    truth: Floats
    ledger: Floats
    vanishes: Floats
    state: Floats
    model: Floats
    observed: Floats


COLUMNS = {
    "truth": CAUSES,
    "ledger": CAUSES,
    "vanishes": MECHANISMS,
    "state": tuple(GROUPS),
    "model": tuple(GROUPS),
}


def vanishing(kept: Floats) -> Floats:
    """Whether each conflict vanishes when one mechanism alone is switched off (from `true_conflicts`)."""
    off = [SUBSETS.index(frozenset(MECHANISMS) - {name}) for name in MECHANISMS]
    return np.asarray(kept[:, [-1]] - kept[:, off])


def observables(conflicts: pd.DataFrame, requests: Matrix, reviews: Matrix) -> Floats:
    """What a lender can observe of each conflict: both snapshots and the decisions' figures.

    Args:
        conflicts: Decisions on the conflicts (see `models.decisions`), with `row`, the place in `requests`.
        requests: Release snapshots of all requests.
        reviews: Limit snapshots of the reviews, those before history left out.
    """
    review = pd.Index(reviews.keys["review_id"]).get_indexer(pd.Index(conflicts["review_id"].astype("int64")))
    seen = (
        requests.values[conflicts["row"].to_numpy()],
        reviews.values[review],
        conflicts[list(FIGURES)].to_numpy(np.float64),
    )
    return np.hstack(seen).astype(np.float64)


def scored(
    place: tuple[int, str, int],
    conflicts: pd.DataFrame,
    said: Floats,
    kept: Floats,
    contributions: tuple[Floats, Floats],
    observed: Floats | None = None,
) -> Scored:
    """The conflicts of a simulated book with truth and answers.

    Args:
        place: Seed, scenario and fit.
        conflicts: Decisions on the conflicts.
        said: The ledger's shares by conflict and cause.
        kept: The true K by conflict and subset.
        contributions: The true ones and the model's, by conflict and group of state.
        observed: What a lender observes (`observables`), where that is asked for.
    """
    state, model = contributions
    return Scored(
        *place,
        request_id=conflicts["request_id"].to_numpy(np.int64),
        borrower_id=conflicts["borrower_id"].to_numpy(np.int64),
        truth=shapley_shares(kept),
        ledger=said,
        vanishes=vanishing(kept),
        state=state,
        model=model,
        observed=np.zeros((len(said), 0)) if observed is None else observed,
    )


def save(book: Scored, path: Path) -> None:
    """Writes one book's conflicts with truth, answers and observables; whole or not at all."""
    columns: dict[str, Any] = {name: getattr(book, name) for name in ("request_id", "borrower_id")}
    for name, names in COLUMNS.items():
        columns |= {f"{name}.{column}": getattr(book, name)[:, at] for at, column in enumerate(names)}
    columns |= {f"observed.{at}": book.observed[:, at] for at in range(book.observed.shape[1])}
    path.parent.mkdir(parents=True, exist_ok=True)
    with whole_file(path) as aside:
        pd.DataFrame(columns).to_parquet(aside, index=False, compression="zstd")


def load(path: Path, seed: int, scenario: str, refit: int) -> Scored:
    """Reads what `save` wrote."""
    table = pd.read_parquet(path)
    ids = (table[name].to_numpy(np.int64) for name in ("request_id", "borrower_id"))
    parts = {
        name: table[[column for column in map(str, table) if column.startswith(f"{name}.")]].to_numpy(
            np.float64
        )
        for name in (*COLUMNS, "observed")
    }
    return Scored(seed, scenario, refit, *ids, **parts)
