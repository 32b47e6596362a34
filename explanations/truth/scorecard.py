"""The scorecard: how often the ledger names the right cause, how near its shares come, how true the features are."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.stats import spearmanr

from data.mechanisms import CAUSES
from explanations.causes.tables import largest
from explanations.json_numbers import finite
from explanations.truth.cause_measures import (
    accuracy,
    calibration,
    calibrations,
    confusion,
    error,
    observable_optimum,
    rank_correlation,
)
from explanations.truth.fidelity import leading_agreement, leading_signs, rank_agreement, stands_for
from explanations.truth.scored import Scored

Floats = NDArray[np.float64]
Row = dict[str, Any]
Optimum = Mapping[tuple[int, str], Floats]

BUILT_FOR = {
    "policy_shock": "policy",
    "competitor_entry": "competition",
    "bureau_outage": "data_lag",
    "marketing_push": "misread",
    "shopping_festival": "misread",
    "operator_errors": "error",
}
"""The cause that each scenario was built to make larger."""

NULL_CHANGE = "null_change"
"""The baseline with parameters changed that change nothing: a control, counted nowhere else."""


CHECKED = {
    "dominant cause, accuracy": "accuracy",
    "share, mean absolute error": "error",
    "features: 1 largest, agreement": "features_agreement_1",
    "features: 3 largest, agreement": "features_agreement_3",
    "features: 1 largest, same sign": "features_sign_1",
    "features: 3 largest, same sign": "features_sign_3",
    "features: Spearman, mean over conflicts": "features_spearman",
}
"""Rows that the check of a report tells as well, and their names there (see `explanations.truth.cause_check`)."""


def scorecard(books: list[Scored], seed: int) -> list[Row]:
    """The scorecard of books of several seeds, scenarios and fits.

    A row is name, value, unit, target, holds, seed (None: over all), scenario (None: over all), and as uncertainty
    `sd_seeds` and `sd_refits`: the standard deviation of the same figure over the seeds, and over fits of the models
    with other seeds; None where there are fewer than two, or it is not a figure of that kind.

    Args:
        books: Each seed's and scenario's book as each fit of the models decided it.
        seed: For the controls and the intervals.
    """
    lived = [book for book in books if book.scenario != NULL_CHANGE]
    first = [book for book in lived if book.refit == 0]
    optimum = _optimum(first, seed)
    rows = _rows(first, optimum, seed)
    by_seed = [_rows([book for book in first if book.seed == one], optimum, seed) for one in _seeds(first)]
    by_fit = [
        _rows([book for book in lived if book.refit == one], {}, seed)
        for one in sorted({book.refit for book in lived})
    ]
    _add_spread(rows, "sd_seeds", by_seed, lambda row: row["seed"] is None)
    _add_spread(rows, "sd_refits", by_fit, lambda row: True)
    return rows + [_row(*null) | {"sd_seeds": None, "sd_refits": None} for null in _nulls(books)]


def tables(books: list[Scored]) -> dict[str, pd.DataFrame]:
    """Tables beside the scorecard: confusion, calibration, and what groups of features stand for."""
    first = [book for book in books if book.scenario != NULL_CHANGE and book.refit == 0]
    return {
        "confusion": confusion(first),
        "calibration": calibrations(first),
        "stands_for": stands_for(*_contributions(first)),
    }


def overall(rows: list[Row]) -> dict[str, float | None]:
    """The figures over all seeds and scenarios, for a tracker: what a report's check tells too has its name there."""
    over_all = (row for row in rows if row["seed"] is None and row["scenario"] is None)
    return {CHECKED.get(str(row["name"]), str(row["name"])): row["value"] for row in over_all}


def _seeds(books: list[Scored]) -> list[int]:
    return sorted({book.seed for book in books})


def _optimum(books: list[Scored], seed: int) -> Optimum:
    if len(_seeds(books)) < 2:
        return {}
    found = observable_optimum(books, seed)
    return {(book.seed, book.scenario): best for book, best in zip(books, found, strict=True)}


def _add_spread(rows: list[Row], name: str, others: list[list[Row]], meant: Callable[[Row], bool]) -> None:
    """Adds to each row the standard deviation of its figure over other scorecards."""
    values: dict[tuple[Any, ...], list[float]] = {}
    for row in (row for other in others for row in other):
        if row["value"] is not None:
            values.setdefault(_key(row), []).append(row["value"])
    for row in rows:
        found = values.get(_key(row), []) if meant(row) else []
        row[name] = float(np.std(found, ddof=1)) if len(found) > 1 else None


def _key(row: Row) -> tuple[Any, ...]:
    return row["name"], row["seed"], row["scenario"]


def _rows(books: list[Scored], optimum: Optimum, seed: int) -> list[Row]:
    """Every figure of books that one fit of the models decided."""
    rows: list[Row] = []
    for book in books:
        where = {"seed": book.seed, "scenario": book.scenario}
        rows += [row | where for row in _of([book], optimum)]
        rows += [row | where for row in _controls(book, seed)]
    for scenario in dict.fromkeys(book.scenario for book in books):
        of_it = [book for book in books if book.scenario == scenario]
        rows += [row | {"scenario": scenario} for row in _of(of_it, optimum)]
        rows += [row | {"scenario": scenario} for row in _of_scenario(of_it)]
    rows += _rises(books, seed)
    rows += _of(books, optimum)
    return rows + list(_against_optimum(books, optimum))


def _of(books: list[Scored], optimum: Optimum) -> Iterator[Row]:
    """Figures of the conflicts of some books together."""
    truth, said = _joined(books, "truth"), _joined(books, "ledger")
    yield _row("conflicts", len(truth), "count")
    yield _row("dominant cause, accuracy", accuracy(said, truth), "share")
    yield _row("dominant cause alone, accuracy", accuracy(said, truth, alone=True), "share")
    yield _row("share, mean absolute error", error(said, truth), "share")
    if all((book.seed, book.scenario) in optimum for book in books):
        best = np.concatenate([optimum[book.seed, book.scenario] for book in books])
        yield _row("observable optimum, accuracy", accuracy(best, truth), "share")
        yield _row("observable optimum, mean absolute error", error(best, truth), "share")
    for column, cause in enumerate(CAUSES):
        for what, shares in (("true", truth), ("said", said)):
            yield _row(f"mean share of {cause}, {what}", _mean(shares[:, column]), "share")
    model, state = _contributions(books)
    for top in (1, 3):
        yield _row(f"features: {top} largest, agreement", leading_agreement(model, state, top), "share")
        yield _row(f"features: {top} largest, same sign", leading_signs(model, state, top), "share")
    constant = np.tile(state.mean(axis=0), (len(state), 1)) if len(state) else state
    for top in (1, 3):
        always = leading_agreement(constant, state, top), leading_signs(constant, state, top)
        yield _row(
            f"control: the cohort's mean for all, features: {top} largest, agreement", always[0], "share"
        )
        yield _row(
            f"control: the cohort's mean for all, features: {top} largest, same sign", always[1], "share"
        )
    yield _row("features: Spearman, mean over conflicts", rank_agreement(model, state), "correlation")
    yield _row("features: Spearman of cohort means", _cohort_agreement(model, state), "correlation")


def _of_scenario(books: list[Scored]) -> Iterator[Row]:
    truth, said = _joined(books, "truth"), _joined(books, "ledger")
    correlation = rank_correlation(said, truth)
    yield _row("cohort means, rank correlation", correlation, "correlation", ">= 0.8", correlation >= 0.8)


def _controls(book: Scored, seed: int) -> Iterator[Row]:
    said, truth = book.ledger, book.truth
    yield _row("cohort means, rank correlation", rank_correlation(said, truth), "correlation")
    apart = [abs(_mean(said[:, cause]) - _mean(truth[:, cause])) for cause in range(len(CAUSES))]
    yield _row("cohort means, largest gap", max(apart), "share")
    curve = calibration(book)
    if len(curve):
        gap = np.average(np.abs(curve["said"] - curve["vanish"]), weights=curve["conflicts"])
        yield _row("calibration, mean gap", float(gap), "share")
    random = np.random.default_rng(seed).dirichlet(np.ones(len(CAUSES)), len(truth))
    yield _row("control: random shares, accuracy", accuracy(random, truth), "share")
    yield _row("control: random shares, mean absolute error", error(random, truth), "share")
    itself = accuracy(truth, truth)
    yield _row("control: the truth itself, accuracy", itself, "share", ">= 1", itself >= 1)


def _nulls(books: list[Scored]) -> Iterator[tuple[Any, ...]]:
    """Each seed's null change against its baseline: the same conflicts, causes and shares."""
    at = {(book.seed, book.scenario): book for book in books if book.refit == 0}
    for seed in _seeds(books):
        if not {(seed, NULL_CHANGE), (seed, "baseline")} <= set(at):
            continue
        null, base = at[seed, NULL_CHANGE], at[seed, "baseline"]
        same = np.array_equal(null.request_id, base.request_id)
        agree = float((largest(null.ledger) == largest(base.ledger)).all(axis=1).mean()) if same else 0.0
        moved = max(
            (
                float(np.abs(getattr(null, one) - getattr(base, one)).max(initial=0))
                for one in ("ledger", "truth")
            )
            if same
            else [1.0]
        )
        where = (seed, NULL_CHANGE)
        yield "control: null change, agreement", agree, "share", ">= 1", agree >= 1, *where
        yield "control: null change, largest change of a share", moved, "share", "<= 0", moved <= 0, *where


def _rises(books: list[Scored], seed: int) -> Iterator[Row]:
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
            yield _row(name, mean, "share", "interval above 0", low > 0, scenario=scenario)


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
            parts.append((_mean(value), given @ value / np.maximum(given.sum(axis=1), 1.0)))
        mean += (parts[0][0] - parts[1][0]) / len(pairs)
        drawn += (parts[0][1] - parts[1][1]) / len(pairs)
    return mean, float(np.quantile(drawn, 0.025))


def _against_optimum(books: list[Scored], optimum: Optimum) -> Iterator[Row]:
    if not optimum:
        return
    truth, said = _joined(books, "truth"), _joined(books, "ledger")
    best = np.concatenate([optimum[book.seed, book.scenario] for book in books])
    ratio = accuracy(said, truth) / accuracy(best, truth)
    above = error(said, truth) - error(best, truth)
    yield _row("accuracy against the optimum", ratio, "ratio", ">= 0.9", ratio >= 0.9)
    yield _row("error above the optimum", above, "share", "<= 0.02", above <= 0.02)


def _joined(books: list[Scored], name: str) -> Floats:
    return np.concatenate([getattr(book, name) for book in books])


def _contributions(books: list[Scored]) -> tuple[Floats, Floats]:
    """The model's contributions and the true ones of conflicts that the score refuses."""
    model, state = _joined(books, "model"), _joined(books, "state")
    known = ~np.isnan(state).any(axis=1)
    return model[known], state[known]


def _cohort_agreement(model: Floats, state: Floats) -> float:
    if not len(model):
        return float("nan")
    return float(spearmanr(model.mean(axis=0), state.mean(axis=0)).statistic)


def _mean(values: Floats) -> float:
    return float(values.mean()) if len(values) else float("nan")


def _row(
    name: str,
    value: float,
    unit: str,
    target: str | None = None,
    holds: bool | None = None,
    seed: int | None = None,
    scenario: str | None = None,
) -> Row:
    known = finite(value)
    # What could not be measured neither holds nor fails.
    held = None if holds is None or known is None else bool(holds)
    return {
        "name": name,
        "value": known,
        "unit": unit,
        "target": target,
        "holds": held,
        "seed": seed,
        "scenario": scenario,
    }


def as_text(rows: list[Row]) -> str:
    """The figures over all, the targets and the controls as lines of text."""
    lines = [f"{'figure':<48}{'scenario':<20}{'value':>8}{'sd seeds':>10}{'sd fits':>9}  target"]
    for row in rows:
        if (row["seed"] is None and row["scenario"] is None) or (row["seed"] is None and row["target"]):
            figures = (row["value"], row["sd_seeds"], row["sd_refits"])
            value, seeds, fits = ("–" if one is None else f"{one:.3f}" for one in figures)
            held = "" if row["holds"] is None else ("  holds" if row["holds"] else "  MISSED")
            lines.append(
                f"{row['name']:<48}{row['scenario'] or 'all':<20}{value:>8}{seeds:>10}{fits:>9}"
                f"  {row['target'] or ''}{held}"
            )
    nulls = [row for row in rows if row["scenario"] == NULL_CHANGE]
    if nulls:
        held = sum(row["holds"] for row in nulls)
        lines.append(f"Null change: {held} of {len(nulls)} controls hold.")
    return "\n".join(lines)
