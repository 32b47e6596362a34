"""Measures of an answer about causes against the truth, and what an answer from observables could reach."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.stats import spearmanr

from data.mechanisms import CAUSES, MECHANISMS
from explanations.causes.tables import even, largest
from explanations.truth.scored import Scored

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]

STRONG = 0.5
"""A conflict counts for the accuracy where its largest true share is at least this."""

BINS = np.linspace(0, 1, 6)


def strong(truth: Floats) -> Flags:
    """Conflicts whose largest true share is at least one half."""
    return np.asarray(even(truth).max(axis=1) >= STRONG)


def accuracy(answer: Floats, truth: Floats, alone: bool = False) -> float:
    """Share of strong conflicts of which the answer's largest cause is (one of) the truly largest.

    Two true causes that need each other have one half each, and either is right. Where the answer has several largest,
    it counts as drawing one of them. With `alone`, only conflicts count in which one true cause leads.
    """
    said, true = largest(answer), largest(truth)
    counted = strong(truth) & (true.sum(axis=1) == 1) if alone else strong(truth)
    if not counted.any():
        return float("nan")
    return float(((said & true).sum(axis=1) / said.sum(axis=1))[counted].mean())


def error(answer: Floats, truth: Floats) -> float:
    """Mean absolute error of the shares."""
    return float(np.abs(answer - truth).mean()) if len(truth) else float("nan")


def rank_correlation(answer: Floats, truth: Floats) -> float:
    """Spearman's correlation of the cohort's mean shares over the causes."""
    if not len(truth):
        return float("nan")
    return float(spearmanr(answer.mean(axis=0), truth.mean(axis=0)).statistic)


def calibration(book: Scored) -> pd.DataFrame:
    """Of conflicts to which the ledger gives a mechanism some share, how many vanish without it.

    Columns: cause, share_from, conflicts, said (mean share), vanish (share that truly vanishes).
    """
    rows = []
    for place, cause in enumerate(MECHANISMS):
        said = book.ledger[:, place]
        where = np.digitize(said, BINS[1:-1])
        for number in np.unique(where):
            chosen = where == number
            vanish = book.vanishes[chosen, place]
            rows.append((cause, BINS[number], int(chosen.sum()), said[chosen].mean(), vanish.mean()))
    return pd.DataFrame(rows, columns=["cause", "share_from", "conflicts", "said", "vanish"])


def calibrations(books: list[Scored]) -> pd.DataFrame:
    """The calibration of all books, with their seeds and scenarios."""
    return pd.concat(
        [calibration(book).assign(seed=book.seed, scenario=book.scenario) for book in books],
        ignore_index=True,
    )


def confusion(books: list[Scored]) -> pd.DataFrame:
    """Strong conflicts by largest true cause (rows) and the ledger's largest (columns).

    A conflict with several largest in either counts in parts, so that neither depends on the order of the causes.
    """
    truth, ledger = (np.concatenate([getattr(book, name) for book in books]) for name in ("truth", "ledger"))
    counted = strong(truth)
    said, true = largest(ledger[counted]), largest(truth[counted])
    # Each of the answer's largest has an equal part; where it is right it meets itself, else all the true ones.
    part = said / said.sum(axis=1, keepdims=True)
    right, wrong = part * true, part * ~true
    counts = np.diag(right.sum(axis=0)) + (true / true.sum(axis=1, keepdims=True)).T @ wrong
    table = pd.DataFrame(counts.round(1), columns=list(CAUSES))
    table.insert(0, "true_cause", list(CAUSES))
    return table


def observable_optimum(books: list[Scored], seed: int) -> list[Floats]:
    """Shares that a flexible model gives which learned the true ones from all observables on other seeds.

    What an answer can reach that is made from what a lender sees. The ledger's own shares are among the inputs.
    """
    import lightgbm

    parameters = {
        "objective": "l2",
        "learning_rate": 0.05,
        "num_leaves": 15,
        "min_data_in_leaf": 20,
        "feature_fraction": 0.5,
        "deterministic": True,
        "force_row_wise": True,
        "seed": seed,
        "verbosity": -1,
    }
    fitted = {}
    for held_out in sorted({book.seed for book in books}):
        others = [book for book in books if book.seed != held_out]
        inputs = np.concatenate([_observables(book) for book in others])
        target = np.concatenate([book.truth for book in others])
        fitted[held_out] = [
            lightgbm.train(parameters, lightgbm.Dataset(inputs, target[:, cause]), 150)
            for cause in range(len(CAUSES))
        ]
    return [
        np.column_stack([model.predict(_observables(book)) for model in fitted[book.seed]]) for book in books
    ]


def _observables(book: Scored) -> Floats:
    return np.hstack([book.observed, book.ledger])
