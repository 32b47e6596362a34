"""Diagnostics as the workbench would hand them to the report, computed from made-up requests."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from explanations.cohorts import cohorts_of
from explanations.cutoff_sweep import cutoff_sweep
from explanations.diagnostics import (
    ORACLE,
    RELEASED,
    Diagnostics,
    intervals_by_population,
    lift_with_intervals,
)
from explanations.fairness import fairness
from explanations.parameters import ExplanationParameters
from features.catalogue import Catalogue
from training.ranking import lift_by_decile, limit_by_decile, ranking_curve
from training.vintages import vintages

MAPPED: dict[str, Any] = {
    "labels": {"SEX": ["Sex", "性别"]},
    "groups": {"SEX": {"1": ["men", "男"], "2": ["women", "女"]}},
}
"""What a mapping says of its protected attributes."""
UNMAPPED: dict[str, Any] = {"labels": {}, "groups": {}}


def made_diagnostics(
    catalogue: Catalogue, parameters: ExplanationParameters, imported: bool, seed: int
) -> Diagnostics:
    """Diagnostics of 3,000 requests of 1,500 borrowers, whose scores mean something and whose groups hardly differ."""
    rng = np.random.default_rng(seed)
    rows = 3_000
    who = np.resize(np.arange(1_500), rows)
    pd_ = np.exp(rng.normal(-4, 1, rows)).clip(0.0005, 0.6)
    truth = (rng.random(rows) < pd_).astype(float)
    by_rule = (rng.random(rows) < 0.1) & (not imported)
    refused = by_rule | (pd_ > 0.06)
    favoured = rng.random(rows) < 0.4
    decided = pd.DataFrame(
        {
            "borrower_id": who,
            "pd": pd_,
            "cutoff": 0.06,
            "refused": refused,
            "refused_by": np.where(by_rule, "cap_lenders", np.where(refused, "score", "")),
            "score_decides": ~by_rule,
            "favoured": favoured,
        }
    )
    observed = truth if imported else np.where(rng.random(rows) < 0.85, truth, np.nan)
    oracle = None if imported else truth
    cohorts = cohorts_of(decided, np.ones(rows, dtype=bool))
    rates, disparity = fairness(decided, cohorts, observed, oracle, _people(rng, imported), parameters)
    seen = ~np.isnan(observed)
    populations = {RELEASED: (observed[seen], pd_[seen])} | ({} if imported else {ORACLE: (truth, pd_)})
    known = {RELEASED: observed} | ({} if oracle is None else {ORACLE: oracle})
    sure = intervals_by_population(known, cohorts.judged, pd_, who, parameters.bootstrap_level)
    limit = rng.normal(9.5, 0.6, rows)
    month = np.array([f"2025-{m:02d}" for m in rng.integers(1, 13, rows)])
    year = np.where(month < "2025-04", observed, np.nan)
    return Diagnostics(
        ranking=_joined({name: ranking_curve(*both) for name, both in populations.items()}),
        lift=lift_with_intervals(
            _joined({name: lift_by_decile(*both) for name, both in populations.items()}), sure
        ),
        limit_deciles=limit_by_decile(limit + rng.normal(0, 0.1, rows), limit),
        sweep=cutoff_sweep(decided, cohorts, observed, oracle, parameters.cutoff_factors),
        fairness=rates,
        disparity=disparity,
        stability=None if imported else _stability(rng, catalogue),
        vintages=None if imported else vintages(month, observed, year, pd_),
    )


def _people(rng: np.random.Generator, imported: bool) -> pd.DataFrame:
    borrowers = pd.DataFrame({"borrower_id": np.arange(1_500)})
    if imported:
        # A group of three is too small to be told, and of some nothing is known.
        sex = np.where(np.arange(1_500) < 3, None, rng.choice(["1", "2"], 1_500))
        return borrowers.assign(SEX=pd.Series(sex, dtype="str"))
    return borrowers.assign(
        gender=rng.choice(["female", "male"], 1_500),
        age=rng.integers(20, 61, 1_500),
        marital_status=rng.choice(["single", "married", "divorced"], 1_500),
        region=np.where(np.arange(1_500) % 5 == 0, "1", "0"),
    )


def _stability(rng: np.random.Generator, catalogue: Catalogue) -> pd.DataFrame:
    """An index of every level."""
    whats = ["release_score", "limit_score", *catalogue.release[:3]]
    months = [f"2025-{month:02d}" for month in range(1, 13)]
    table = pd.DataFrame([(what, month) for what in whats for month in months], columns=["what", "month"])
    return table.assign(rows=400, psi=rng.choice([0.01, 0.06, 0.15, 0.3], len(table)), chance=0.03)


def _joined(tables: dict[str, pd.DataFrame]) -> pd.DataFrame:
    parts = [table.assign(population=name) for name, table in tables.items()]
    return pd.concat(parts, ignore_index=True)
