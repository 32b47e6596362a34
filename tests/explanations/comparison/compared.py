"""Comparisons as they might come out, for the pages that tell them."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pandas as pd

from explanations.comparison.result import Comparison

MODELS = ("champion", "challenger", "benchmark")
SUMMARY: dict[str, Any] = {
    "kind": "release",
    "book_digest": "b" * 64,
    "source": "simulated",
    "scenario": "baseline",
    "seed": 1,
    "borrowers": 2_000,
    "currency": "RMB",
    "period": {"from": "2025-07-01", "to": "2025-12-28"},
    "models": {
        "champion": {"named": "models:/releasegap-release/1", "digest": "1" * 64, "book_digest": "b" * 64},
        "challenger": {"named": "scorecard", "digest": "2" * 64, "book_digest": "c" * 64},
    },
    "counts": {
        "requests": 100,
        "released": {"champion": 80, "challenger": 78},
        "favoured": {"champion": 40, "challenger": 40},
        "conflicts": {"champion": 12, "challenger": 14, "both": 10},
    },
    "parameters": {"economics": {"lgd": 0.75}},
    "outcomes_12m": {"known": 500, "bad": 9},
    "same_reason": {"same": 8, "of": 10},
}


def _metrics(low: float, high: float, difference: float, oracle: bool) -> pd.DataFrame:
    populations = ("released", *(["all (oracle)"] if oracle else []))
    rows = []
    for population, model, metric in itertools.product(populations, MODELS, ("auc", "bad_over_pd")):
        told = {"difference": difference, "difference_low": low, "difference_high": high, "p_value": 0.0004}
        if metric != "auc":
            told["p_value"] = math.nan
        if model == "champion":
            told = dict.fromkeys(told, math.nan)
        rows.append(
            {
                "population": population,
                "model": model,
                "metric": metric,
                "value": 0.7,
                "low": 0.6,
                "high": 0.8,
            }
            | told
        )
    return pd.DataFrame(rows)


def _swaps(oracle: bool) -> pd.DataFrame:
    sets = {"both": 70, "in": 8, "out": 10, "neither": 12}
    rows = [
        {
            "cut": cut,
            "factor": 1.1,
            "set": name,
            "requests": requests,
            "known": requests // 2,
            "bad": 1,
            "bad_oracle": 2.0 if oracle else math.nan,
            "mean_limit": 9_000.0,
            "amount": 1_000.0,
            "expected_loss": 100.0,
            "profit": -50.0 if name == "in" else 80.0,
        }
        for cut in ("policy", "equal_approval")
        for name, requests in sets.items()
    ]
    return pd.DataFrame(rows)


def comparison(
    low: float = 0.01, high: float = 0.03, oracle: bool = True, difference: float = 0.02
) -> Comparison:
    """Two release models, whose AUCs differ by so much."""
    calibration = [
        {
            "population": "released",
            "model": model,
            "decile": 1,
            "requests": 10,
            "mean_pd": 0.01,
            "bad_rate": 0.02,
        }
        for model in MODELS[:2]
    ]
    stability = [
        {"model": model, "month": month, "rows": 50, "psi": 0.01 * (month + 1), "chance": 0.05}
        for model in MODELS
        for month in (0, 19)
    ]
    conflict = {
        "refused_by": "score",
        "requests": 10,
        "known": 4,
        "bad": 1,
        "bad_oracle": 2 if oracle else math.nan,
    }
    tables = {
        "metrics": _metrics(low, high, difference, oracle),
        "swap_sets": _swaps(oracle),
        "trade_off": pd.DataFrame(
            {"model": ["champion", "challenger"], "approval": [0.8, 0.8], "bad_rate": [0.01, 0.02]}
        ),
        "conflicts": pd.DataFrame([conflict | {"change": change} for change in ("both", "new")]),
        "reasons": pd.DataFrame(
            [("R04", 7, 8, 6), ("", 1, 0, 0)], columns=["reason", "champion", "challenger", "same"]
        ),
        "calibration": pd.DataFrame(calibration),
        "stability": pd.DataFrame(stability),
    }
    return Comparison(SUMMARY, tables)


def undated(made: Comparison) -> Comparison:
    """The same of a book without dates."""
    period = {"period": {"from": None, "to": None}, "source": "imported", "scenario": None}
    return replace(made, summary=made.summary | period)


def limits(difference: float, low: float, high: float) -> Comparison:
    """Two limit models, whose mean errors differ by so much."""
    rows = [
        {"population": "reviews", "model": model, "metric": metric, "value": 0.1, "low": 0.09, "high": 0.12}
        | (
            {"difference": difference, "difference_low": low, "difference_high": high}
            if model == "challenger"
            else {}
        )
        for model in MODELS[:2]
        for metric in ("mae_log", "assessed_over_predicted", "r2", "rmse", "median_relative_error")
    ]
    columns = ["difference", "difference_low", "difference_high", "p_value"]
    metrics = pd.DataFrame(rows).reindex(columns=[*rows[0], *columns])
    release = comparison()
    tables = {name: release.tables[name] for name in ("conflicts", "stability")} | {"metrics": metrics}
    return Comparison(release.summary | {"kind": "limit"}, tables)


def made_comparisons() -> Iterator[Comparison]:
    """Comparisons of every kind and verdict, with dates and without."""
    better, unknown = comparison(), comparison()
    unknown = replace(unknown, tables={**unknown.tables, "metrics": unknown.tables["metrics"][:0]})
    same = comparison(oracle=False)
    swaps = same.tables["swap_sets"]
    swaps = swaps.assign(requests=swaps["requests"].where(~swaps["set"].isin(["in", "out"]), 0))
    more = pd.concat([swaps, swaps[swaps["cut"] == "policy"].assign(cut="equal_bad_rate")], ignore_index=True)
    same = replace(
        same,
        summary=same.summary | {"outcomes_12m": {"known": 0, "bad": 0}},
        tables={**same.tables, "swap_sets": more},
    )
    errors = ((-0.02, -0.03, -0.01), (0.02, 0.01, 0.03), (0.01, -0.01, 0.02))
    for made in (
        better,
        comparison(-0.01, 0.05),
        comparison(-0.03, -0.01, difference=-0.02),
        unknown,
        same,
        *(limits(*error) for error in errors),
    ):
        yield from (made, undated(made))
