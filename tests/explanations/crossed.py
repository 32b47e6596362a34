"""Made-up scores of a small book that was cross-fitted."""

from __future__ import annotations

import numpy as np
import pandas as pd

from explanations.cross_fitting.figures import Floats, Spread
from explanations.cross_fitting.fold import ScoredFold, cohorts_of_scores
from explanations.cross_fitting.whole_book import with_cross_fitting
from explanations.explanation import Explanation

SPREAD = Spread(draws=200, level=0.95, seed=5, train_share=0.75)
FOLDS = 4


def made_folds(
    names: tuple[str, ...], clients: int = 200, repeats: int = 3, seed: int = 1, noise: float = 0.5
) -> tuple[list[ScoredFold], pd.Series, Floats, Floats]:
    """Scored folds of made-up clients, their request_id, outcomes (some unknown) and log-limits."""
    draws = np.random.default_rng(seed)
    risk, wealth = draws.normal(-1.2, 1, clients), draws.normal(9, 0.6, clients)
    bad = (draws.random(clients) < 1 / (1 + np.exp(-risk))).astype(float)
    bad[draws.random(clients) < 0.05] = np.nan
    request_id = pd.Series(draws.permutation(clients) + 1)
    folds = []
    for repeat in range(1, repeats + 1):
        dealt = draws.integers(FOLDS, size=clients)
        margin = risk + draws.normal(0, noise, clients)
        limit = wealth + draws.normal(0, noise / 2, clients)
        for fold in range(FOLDS):
            held = dealt == fold
            probability = 1 / (1 + np.exp(-margin[held]))
            refused = probability > np.quantile(probability, 0.7)
            scores = pd.DataFrame(
                {
                    "repeat": repeat,
                    "fold": fold + 1,
                    "request_id": request_id[held],
                    "borrower_id": request_id[held] + 1_000,
                    "limit_score": limit[held],
                    "release_margin": margin[held],
                    "pd": probability,
                    "cutoff": np.quantile(probability, 0.7),
                    "favoured": limit[held] > np.quantile(limit[held], 0.5),
                    "refused": refused,
                    "refused_by": np.where(refused, "score", ""),
                }
            ).reset_index(drop=True)
            conflict, _ = cohorts_of_scores(scores)
            given = draws.normal(np.linspace(0.5, -0.1, len(names)), noise, (conflict.sum(), len(names)))
            head = pd.DataFrame(
                {"repeat": repeat, "request_id": scores["request_id"][conflict].to_numpy(), "base": -1.5}
            )
            table = pd.DataFrame(given, columns=list(names))
            folds.append(ScoredFold(scores, pd.concat([head, table], axis=1)))
    return folds, request_id, bad, wealth


def with_made_cross_fitting(explanation: Explanation) -> Explanation:
    """The explanation with such a book."""
    folds, request_id, bad, log_limit = made_folds(explanation.catalogue.release)
    return with_cross_fitting(explanation, folds, 3, FOLDS, request_id, bad, log_limit, SPREAD)
