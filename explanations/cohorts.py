"""The cohorts: conflicts (favoured, yet refused) and their reference (favoured and released), out of time."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

Flags = NDArray[np.bool_]

DECILES = 10


@dataclass(frozen=True)
class Cohorts:
    """Which of the decided requests belong to which cohort; one flag per request.

    Attributes:
        judged: Out-of-time requests, the only ones that are explained.
        conflict: Judged, favoured by the limit model and refused.
        by_score: Conflicts that the score refuses.
        reference: Judged, favoured and released.
    """

    judged: Flags
    conflict: Flags
    by_score: Flags
    reference: Flags


def cohorts_of(decided: pd.DataFrame, out_of_time: Flags) -> Cohorts:
    """The cohorts among decided requests (see `models.decisions`)."""
    favoured = decided["favoured"].to_numpy(bool) & out_of_time
    refused = decided["refused"].to_numpy(bool)
    conflict = favoured & refused
    by_score = conflict & (decided["refused_by"] == "score").to_numpy()
    return Cohorts(out_of_time, conflict, by_score, favoured & ~refused)


def funnel(decided: pd.DataFrame, cohorts: Cohorts) -> pd.DataFrame:
    """From all out-of-time requests to the cohorts: stage, count."""
    favoured = int((cohorts.conflict | cohorts.reference).sum())
    stages = [("requests", int(cohorts.judged.sum())), ("favoured", favoured)]
    stages.append(("favoured_refused", int(cohorts.conflict.sum())))
    stages += [(f"by_{rule}", count) for rule, count in refused_by(decided, cohorts).items()]
    stages.append(("reference", int(cohorts.reference.sum())))
    return pd.DataFrame(stages, columns=["stage", "count"])


def refused_by(decided: pd.DataFrame, cohorts: Cohorts) -> dict[str, int]:
    """Conflicts by the rule that refuses them, most frequent first."""
    rules = decided.loc[cohorts.conflict, "refused_by"].value_counts()
    return {
        str(rule): int(count) for rule, count in sorted(rules.items(), key=lambda item: (-item[1], item[0]))
    }


def decision_matrix(
    decided: pd.DataFrame, cohorts: Cohorts, observed: NDArray[np.float64], oracle: NDArray[np.float64] | None
) -> pd.DataFrame:
    """Limit decile × release decision of out-of-time requests, with bad rates.

    Columns: limit_decile (1 the lowest predicted limits), decision, favoured, requests, bad_known, bad,
    oracle_bad (NaN where there is no oracle).
    """
    limit_score = decided["limit_score"].to_numpy(np.float64)
    rows = cohorts.judged & np.isfinite(limit_score)
    table = pd.DataFrame(
        {
            "limit_decile": deciles(limit_score[rows]),
            "decision": np.where(decided["refused"].to_numpy(bool)[rows], "refuse", "release"),
            "favoured": decided["favoured"].to_numpy(bool)[rows],
            "bad_known": ~np.isnan(observed[rows]),
            "bad": np.nan_to_num(observed[rows]),
            "oracle_bad": np.full(int(rows.sum()), np.nan) if oracle is None else oracle[rows],
        }
    )
    grouped = table.groupby(["limit_decile", "decision", "favoured"], as_index=False)
    return grouped.agg(
        requests=("bad_known", "size"),
        bad_known=("bad_known", "sum"),
        bad=("bad", "sum"),
        oracle_bad=("oracle_bad", lambda bad: bad.sum(min_count=1)),
    )


def bad_rates(
    decided: pd.DataFrame, cohorts: Cohorts, observed: NDArray[np.float64], oracle: NDArray[np.float64] | None
) -> dict[str, dict[str, Any]]:
    """Bad rates of the cohorts and of all released and refused: as observed, and as the oracle knows them."""
    refused = decided["refused"].to_numpy(bool)
    groups = {
        "conflict": cohorts.conflict,
        "reference": cohorts.reference,
        "released": cohorts.judged & ~refused,
        "refused": cohorts.judged & refused,
    }
    rates = {}
    for name, rows in groups.items():
        known = observed[rows & ~np.isnan(observed)]
        rates[name] = {
            "known": len(known),
            "bad": int(known.sum()),
            "rate": float(known.mean()) if len(known) else None,
            "oracle_rate": float(oracle[rows].mean()) if oracle is not None and rows.any() else None,
        }
    return rates


def deciles(score: NDArray[np.float64]) -> NDArray[np.int64]:
    """Decile of each score, 1 the lowest; equal scores are told apart by their place."""
    decile = np.empty(len(score), dtype=np.int64)
    decile[np.argsort(score, kind="stable")] = np.arange(len(score)) * DECILES // max(len(score), 1) + 1
    return decile
