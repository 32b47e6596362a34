"""Shares of causes over cohorts: all conflicts, by month, by what refused them, with intervals."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from data.book import Book
from data.event_mapping import is_of_events, streams_told
from data.limit_rules import tells_rules
from data.mechanisms import CAUSES
from explanations.causes.lag_audit import by_days, by_stream
from explanations.explanation import Explanation
from explanations.intervals.bootstrap import mean_interval
from explanations.parameters import ExplanationParameters

Floats = NDArray[np.float64]

_DIGITS = 9  # shares are sixtieths, or parts of these

NOT_IDENTIFIABLE = {
    "policy": "no table of the policy versions in force",
    "data_lag": "no day on which each observation became visible",
    "competition": "no regional index of competition",
    "misread": "no history of the incomes and the spending on which limits rested",
    "error": "no record of the system's decision beside the executed one",
}
"""What an imported book without dates lacks for each cause."""

_LACKING = {
    "competition": "no regional index of competition, or nothing of the credit bureau",
    "misread": "nothing of the borrowers' income, or nothing of their spending",
    "error": "no rules by which limits in force follow from those assessed",
}
_NEEDED = {"competition": ("bureau",), "misread": ("income_assets", "consumption")}


def lacking(book: Book) -> dict[str, str]:
    """What a book lacks for each cause that it cannot tell; shares are told only where no cause lacks anything."""
    if not book.dated:
        return NOT_IDENTIFIABLE
    told = streams_told(book.manifest.mapping)
    of = {cause for cause, streams in _NEEDED.items() if not set(streams) <= set(told)}
    if is_of_events(book.manifest.mapping) and not (book.manifest.mapping or {}).get("market"):
        of.add("competition")
    if not tells_rules(book):
        of.add("error")
    return {cause: what for cause, what in _LACKING.items() if cause in of}


def with_causes(
    explanation: Explanation,
    causes: pd.DataFrame | None,
    lag_audit: pd.DataFrame | None,
    checked: dict[str, Any] | None,
    parameters: ExplanationParameters,
    lacks: Mapping[str, str] = NOT_IDENTIFIABLE,
) -> Explanation:
    """The explanation with its causes, lag audit and check, told in the summary; None says that the book has none.

    `lacks` says what the book lacks where it has no causes (`lacking`).
    """
    if causes is None or not len(causes):
        told: dict[str, Any] = {"not_identifiable": dict(lacks)} if causes is None else {}
    else:
        leading = largest(causes[list(CAUSES)].to_numpy())
        alone = leading[leading.sum(axis=1) == 1].sum(axis=0)
        table = mean_shares(causes, explanation.conflicts["borrower_id"], parameters)
        told = {
            "mean_share": dict(zip(table["cause"], table["mean"], strict=True)),
            "interval": {
                cause: [low, high]
                for cause, low, high in zip(table["cause"], table["low"], table["high"], strict=True)
                if np.isfinite(low)
            },
            "dominant": dict(zip(CAUSES, alone.tolist(), strict=True)),
        }
    if checked is not None:
        told["checked"] = checked
    summary = explanation.summary | {"causes": told}
    if lag_audit is not None and len(lag_audit):
        streams = by_stream(lag_audit, explanation.conflicts["borrower_id"], parameters)
        summary["lag_audit"] = streams.to_dict("records")
        summary["lag_audit_by_days"] = by_days(lag_audit).to_dict("records")
    return replace(explanation, causes=causes, lag_audit=lag_audit, summary=summary)


def even(shares: Floats) -> Floats:
    """Shares to so many decimals that equal ones are equal, whatever the order in which they were summed."""
    return np.asarray(np.round(shares, _DIGITS))


def largest(shares: Floats) -> NDArray[np.bool_]:
    """Which causes have the largest share of each conflict; several where they are equally large."""
    rounded = even(shares)
    return np.asarray(rounded == rounded.max(axis=1, keepdims=True, initial=-np.inf))


def mean_shares(
    causes: pd.DataFrame, borrower_id: pd.Series, parameters: ExplanationParameters
) -> pd.DataFrame:
    """Mean share of each cause with its bootstrap interval over borrowers: cause, mean, low, high."""
    values = causes[list(CAUSES)].to_numpy(np.float64)
    low, high = mean_interval(
        values,
        borrower_id.to_numpy(np.int64),
        draws=parameters.bootstrap_draws,
        seed=parameters.seed,
        level=parameters.bootstrap_level,
    )
    return pd.DataFrame({"cause": CAUSES, "mean": values.mean(axis=0), "low": low, "high": high})


def shares_by(causes: pd.DataFrame, group: pd.Series) -> pd.DataFrame:
    """Mean share of each cause by group: group, conflicts, and a column for each cause; groups in order."""
    table = causes[list(CAUSES)].reset_index(drop=True).assign(group=group.reset_index(drop=True))
    means = table.groupby("group", observed=True)[list(CAUSES)].mean()
    return means.assign(conflicts=table.groupby("group", observed=True).size()).reset_index()
