"""The ledger scored against ground truth: how often it names the right cause, and how near its shares come."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.stats import spearmanr

from data.atomic import whole_file
from data.book import Book
from data.mechanisms import CAUSES, MECHANISMS, SUBSETS, shapley_shares
from features.matrix import Matrix

Floats = NDArray[np.float64]

STRONG = 0.5
"""A conflict counts for the accuracy where its largest true share is at least this."""

BUILT_FOR = {
    "policy_shock": "policy",
    "competitor_entry": "competition",
    "bureau_outage": "data_lag",
    "marketing_push": "misread",
    "shopping_festival": "misread",
    "operator_errors": "error",
}
"""The cause that each scenario was built to make larger."""

FIGURES = ("release_margin", "pd", "cutoff", "limit_score", "limit_before", "limit_after")
"""What the decisions show of each conflict besides its snapshots."""

BINS = np.linspace(0, 1, 6)


@dataclass(frozen=True)
class Scored:
    """Conflicts of one book with the truth, the ledger's answer and what can be observed.

    Attributes:
        seed: Seed of the book.
        scenario: Its scenario.
        borrower_id: Borrower of each conflict.
        truth: True shares by conflict and cause.
        ledger: The ledger's shares.
        vanishes: By conflict and mechanism, whether the conflict vanishes when it alone is switched off.
        observed: What a lender can observe of each conflict.
    """

    seed: int
    scenario: str
    borrower_id: NDArray[np.int64]
    truth: Floats
    ledger: Floats
    vanishes: Floats
    observed: Floats


def scored(
    book: Book, conflicts: pd.DataFrame, requests: Matrix, reviews: Matrix, said: Floats, kept: Floats
) -> Scored:
    """The conflicts of a simulated book with the truth and the ledger's answer.

    Args:
        book: The book.
        conflicts: Decisions on its conflicts (see `models.decisions`), with `row`, the request's place in `requests`.
        requests: Release snapshots of all requests.
        reviews: Limit snapshots of all reviews.
        said: The ledger's K by conflict and subset of mechanisms.
        kept: The true K by conflict and subset.
    """
    review = pd.Index(reviews.keys["review_id"]).get_indexer(pd.Index(conflicts["review_id"].astype("int64")))
    observed = (
        requests.values[conflicts["row"].to_numpy()],
        reviews.values[review],
        conflicts[list(FIGURES)].to_numpy(np.float64),
    )
    return Scored(
        seed=int(book.manifest.seed or 0),
        scenario=str(book.manifest.scenario),
        borrower_id=conflicts["borrower_id"].to_numpy(),
        truth=shapley_shares(kept),
        ledger=shapley_shares(said),
        vanishes=vanishing(kept),
        observed=np.hstack(observed).astype(np.float64),
    )


def vanishing(kept: Floats) -> Floats:
    """Whether each conflict vanishes when one mechanism alone is switched off (from `true_conflicts`)."""
    off = [SUBSETS.index(frozenset(MECHANISMS) - {name}) for name in MECHANISMS]
    return np.asarray(kept[:, [-1]] - kept[:, off])


def accuracy(answer: Floats, truth: Floats) -> float:
    """Share of strong conflicts whose largest true cause has the largest share in the answer, too."""
    strong = truth.max(axis=1) >= STRONG
    if not strong.any():
        return float("nan")
    return float((answer.argmax(axis=1) == truth.argmax(axis=1))[strong].mean())


def error(answer: Floats, truth: Floats) -> float:
    """Mean absolute error of the shares."""
    return float(np.abs(answer - truth).mean()) if len(truth) else float("nan")


def rank_correlation(answer: Floats, truth: Floats) -> float:
    """Spearman's correlation of the cohort's mean shares over the causes."""
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
    tables = [
        calibration(book).assign(seed=book.seed, scenario=book.scenario) for book in books if len(book.truth)
    ]
    return pd.concat(tables, ignore_index=True)


def confusion(books: list[Scored]) -> pd.DataFrame:
    """Strong conflicts by largest true cause (rows) and the ledger's largest (columns)."""
    truth, ledger = (np.concatenate([getattr(book, name) for book in books]) for name in ("truth", "ledger"))
    strong = truth.max(axis=1) >= STRONG
    counts = np.zeros((len(CAUSES), len(CAUSES)), dtype=np.int64)
    np.add.at(counts, (truth[strong].argmax(axis=1), ledger[strong].argmax(axis=1)), 1)
    table = pd.DataFrame(counts, columns=list(CAUSES))
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


def scorecard(books: list[Scored], seed: int) -> list[dict[str, Any]]:
    """The scorecard: a list of name, value, unit, target, holds, seed and scenario (None over all)."""
    rows: list[dict[str, Any]] = []
    optimum = observable_optimum(books, seed) if len({book.seed for book in books}) > 1 else None
    for place, book in enumerate(books):
        best = None if optimum is None else optimum[place]
        rows += [row | {"seed": book.seed, "scenario": book.scenario} for row in _of_book(book, best, seed)]
    rows += [row | {"seed": None} for row in _rises(books, seed)]
    rows += [row | {"seed": None, "scenario": None} for row in _overall(books, optimum)]
    return rows


def _of_book(book: Scored, best: Floats | None, seed: int) -> Iterator[dict[str, Any]]:
    said, truth = book.ledger, book.truth
    yield _row("conflicts", len(truth), "count")
    yield _row("dominant cause, accuracy", accuracy(said, truth), "share")
    yield _row("share, mean absolute error", error(said, truth), "share")
    yield _row("cohort means, rank correlation", rank_correlation(said, truth), "correlation", ">= 0.8", 0.8)
    if best is not None:
        yield _row("observable optimum, accuracy", accuracy(best, truth), "share")
        yield _row("observable optimum, mean absolute error", error(best, truth), "share")
    curve = calibration(book)
    gap = np.average(np.abs(curve["said"] - curve["vanish"]), weights=curve["conflicts"])
    yield _row("calibration, mean gap", float(gap), "share")
    random = np.random.default_rng(seed).dirichlet(np.ones(len(CAUSES)), len(truth))
    yield _row("control: random shares, accuracy", accuracy(random, truth), "share")
    yield _row("control: random shares, mean absolute error", error(random, truth), "share")
    yield _row("control: the truth itself, accuracy", accuracy(truth, truth), "share", ">= 1", 1.0)


def _rises(books: list[Scored], seed: int) -> Iterator[dict[str, Any]]:
    """Rise of the cause that each scenario was built for against the same seed's baseline, by bootstrap."""
    at = {(book.seed, book.scenario): book for book in books}
    for scenario, cause in BUILT_FOR.items():
        seeds = sorted(one for one, name in at if name == scenario and (one, "baseline") in at)
        if not seeds:
            continue
        for what in ("truth", "ledger"):
            pairs = [(at[one, scenario], at[one, "baseline"]) for one in seeds]
            mean, low = _rise(pairs, what, CAUSES.index(cause), seed)
            name = f"{what}: rise of {cause}"
            yield _row(name, mean, "share", "interval above 0", 0.0, low) | {"scenario": scenario}


def _rise(
    pairs: list[tuple[Scored, Scored]], what: str, cause: int, seed: int, draws: int = 1000
) -> tuple[float, float]:
    """Mean rise over seeds and the lower end of its 95 % interval; borrowers are drawn, alike in both books."""
    rng = np.random.default_rng(seed)
    drawn = np.zeros(draws)
    mean = 0.0
    for shocked, baseline in pairs:
        who = np.union1d(shocked.borrower_id, baseline.borrower_id)
        weight = rng.poisson(1.0, (draws, len(who))).astype(np.float64)
        parts = []
        for book in (shocked, baseline):
            value = getattr(book, what)[:, cause]
            at = np.searchsorted(who, book.borrower_id)
            given = weight[:, at]
            parts.append((value.mean(), given @ value / np.maximum(given.sum(axis=1), 1.0)))
        mean += (parts[0][0] - parts[1][0]) / len(pairs)
        drawn += (parts[0][1] - parts[1][1]) / len(pairs)
    return mean, float(np.quantile(drawn, 0.025))


def _overall(books: list[Scored], optimum: list[Floats] | None) -> Iterator[dict[str, Any]]:
    truth, said = (np.concatenate([getattr(book, name) for book in books]) for name in ("truth", "ledger"))
    yield _row("dominant cause, accuracy", accuracy(said, truth), "share")
    yield _row("share, mean absolute error", error(said, truth), "share")
    if optimum is None:
        return
    best = np.concatenate(optimum)
    most, least = accuracy(best, truth), error(best, truth)
    yield _row("observable optimum, accuracy", most, "share")
    yield _row("observable optimum, mean absolute error", least, "share")
    yield _row("accuracy against the optimum", accuracy(said, truth) / most, "ratio", ">= 0.9", 0.9)
    yield _row("error above the optimum", error(said, truth) - least, "share", "<= 0.02", 0.02, at_most=True)


def _row(
    name: str,
    value: float,
    unit: str,
    target: str | None = None,
    bound: float | None = None,
    compared: float | None = None,
    at_most: bool = False,
) -> dict[str, Any]:
    measured = value if compared is None else compared
    holds = None if bound is None else bool(measured <= bound if at_most else measured >= bound)
    if target == "interval above 0":
        holds = measured > 0
    known = float(value) if np.isfinite(value) else None
    return {"name": name, "value": known, "unit": unit, "target": target, "holds": holds}


def save(book: Scored, path: Path) -> None:
    """Writes one book's conflicts with truth, answer and observables; whole or not at all."""
    columns: dict[str, Any] = {"borrower_id": book.borrower_id}
    for name, names in (("truth", CAUSES), ("ledger", CAUSES), ("vanishes", MECHANISMS)):
        columns |= {f"{name}.{cause}": getattr(book, name)[:, at] for at, cause in enumerate(names)}
    columns |= {f"observed.{at}": book.observed[:, at] for at in range(book.observed.shape[1])}
    with whole_file(path) as aside:
        pd.DataFrame(columns).to_parquet(aside, index=False, compression="zstd")


def load(path: Path, seed: int, scenario: str) -> Scored:
    """Reads what `save` wrote."""
    table = pd.read_parquet(path)
    parts = {
        name: table[[column for column in map(str, table) if column.startswith(f"{name}.")]].to_numpy(
            np.float64
        )
        for name in ("truth", "ledger", "vanishes", "observed")
    }
    return Scored(seed, scenario, table["borrower_id"].to_numpy(np.int64), **parts)


def as_text(rows: list[dict[str, Any]]) -> str:
    """The overall rows and the rises of the scorecard as lines of text."""
    lines = [f"{'figure':<44}{'scenario':<20}{'value':>8}  target"]
    for row in rows:
        if row["seed"] is None:
            value = "–" if row["value"] is None else f"{row['value']:.3f}"
            held = "" if row["holds"] is None else ("  holds" if row["holds"] else "  MISSED")
            lines.append(
                f"{row['name']:<44}{row['scenario'] or 'all':<20}{value:>8}  {row['target'] or ''}{held}"
            )
    return "\n".join(lines)
