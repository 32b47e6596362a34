"""An explanation for other eyes: what it tells of a person in bands, by the month, or not at all."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from explanations.explanation import Explanation
from features.catalogue import Catalogue
from models.policy import CAPS, NO_FILE, OVERDUE

DIGITS = {"amount": 1, "limit_before": 2, "limit_after": 2, "limit_recorded": 2}
"""Columns of conflicts that are sums of money, and digits that are told; a raise of 15 % needs two to be seen."""
STEP = 0.1
"""To whole steps of this the models' pushes are rounded (log-odds, log of the currency: a tenth is some 10 %)."""


def redacted(explanation: Explanation) -> Explanation:
    """The explanation with a case's figures in bands: by their first digit, sums by `DIGITS`, dates by month.

    Pushes are rounded, too, and still add up to the outputs that are shown. Of what could be done only whether anything
    helps is kept: its figures are the borrower's own. Ids give way to names (see `explanations.pseudonyms`).
    """
    conflicts, timelines = explanation.conflicts, explanation.timelines
    banded = {
        name: by_digits(conflicts[name].to_numpy(np.float64), digits)
        for name, digits in DIGITS.items()
        if name in conflicts
    }
    told = conflicts.assign(
        **banded,
        pd=_beyond(conflicts["pd"].to_numpy(np.float64), conflicts["cutoff"].to_numpy(np.float64)),
        requested_on=_month(conflicts["requested_on"]),
    )
    catalogue = explanation.catalogue
    return replace(
        explanation,
        summary=explanation.summary | {"redacted": True},
        conflicts=told,
        release_features=_banded(explanation.release_features, catalogue),
        limit_features=_banded(explanation.limit_features, catalogue),
        release_contributions=_rounded(explanation.release_contributions),
        limit_contributions=_rounded(explanation.limit_contributions),
        recourse=None,
        recourse_trials=None,
        timelines=None
        if timelines is None
        else timelines.assign(
            since=_month(timelines["since"]),
            on=_month(timelines["on"]),
            days=by_digits(timelines["days"].to_numpy(np.float64)).astype(np.int64),
        ),
    )


def by_digits(values: NDArray[np.float64], digits: int = 1) -> NDArray[np.float64]:
    """Values rounded to so many digits: 18,233 to 20,000, 0.0314 to 0.03; zeros and missing ones stay."""
    with np.errstate(divide="ignore", invalid="ignore"):
        size = np.floor(np.log10(np.abs(values))) - (digits - 1)
    known = np.isfinite(size)
    unit = np.power(10.0, np.where(known, size, 0.0))
    return np.where(known, np.round(values / unit) * unit, values)


def _beyond(values: NDArray[np.float64], line: NDArray[np.float64]) -> NDArray[np.float64]:
    """Values by their first digit that stay on their side of a line, which the verdict rests on."""
    told = by_digits(values)
    with np.errstate(divide="ignore", invalid="ignore"):
        unit = np.power(10.0, np.floor(np.log10(np.abs(values))))
    told = np.where((values > line) & ~(told > line), np.ceil(values / unit) * unit, told)
    return np.where(~(values > line) & (told > line), np.floor(values / unit) * unit, told)


def _banded(table: pd.DataFrame, catalogue: Catalogue) -> pd.DataFrame:
    """Features in bands; categories, which may name an employer, are left out, and what a rule reads stays as it is."""
    told = {
        feature.name: np.full(len(table), np.nan)
        if feature.levels
        else by_digits(table[feature.name].to_numpy(np.float64))
        for feature in catalogue.features
        if feature.name in table and feature.name not in (*CAPS.values(), NO_FILE, OVERDUE)
    }
    return table.assign(**told)


def _rounded(contributions: pd.DataFrame) -> pd.DataFrame:
    pushes = contributions.drop(columns="request_id")
    return contributions.assign(**{str(name): (pushes[name] / STEP).round() * STEP for name in pushes})


def _month(days: pd.Series) -> pd.Series:
    """The first of the month of each day."""
    if days.isna().all():  # of a book without dates
        return days
    begun = days.astype("datetime64[ns]").dt.to_period("M").dt.to_timestamp()
    return pd.Series(begun, index=days.index)
