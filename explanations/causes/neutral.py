"""Snapshots as they would be without misread spending, or without what competition brought."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from data.randomness import Draws, binomial
from explanations.causes.estimates import Neutral, columns_of, income_of, kept_share
from explanations.causes.outcomes import Outcomes, distinct
from features.matrix import Matrix, replaced
from features.parameters import FeatureParameters
from models.boosted import Floats

APPLICATIONS = (("bureau_enq_1m", 1), ("bureau_enq_3m", 3), ("bureau_enq_6m", 6))
"""Counts of applications, each in the next, with the months over which competition brought them."""

LOAN_MONTHS = 9
"""Months over which competition brought the loans that are open: as long as one stays open on average."""


def without_misreading(matrix: Matrix, date: str, neutral: Neutral, lasting: pd.Series) -> Matrix:
    """Limit snapshots as they would be if income were known and spending that of the income.

    Args:
        matrix: Limit snapshots.
        date: Key with their date.
        neutral: Estimates from the book.
        lasting: What the borrowers earn in the long run (`lasting_income`).
    """
    column = columns_of(matrix)
    changed: dict[str, Floats | float] = {}
    verified, proxy = column("income_verified"), column("income_proxy")
    income = income_of(matrix, neutral)
    with np.errstate(divide="ignore", invalid="ignore"):
        read = np.where(np.isnan(verified), proxy, verified)
        usual = np.exp(neutral.spending + lasting.reindex(matrix.keys["borrower_id"]).to_numpy())
        ratio = read / income
        calendar = matrix.keys[date].dt.month.to_numpy() - 1
        changed["income_proxy"] = income
        changed["spend_avg_12m"] = usual
        changed["festival_adj_spend"] = usual
        changed["spend_surge_1m"] = neutral.surge[calendar]
        changed["spend_income_ratio_3m"] = usual / income
        changed["cash_buffer"] = column("liquid_assets_30d") / usual
        for name in ("dti_ratio", "own_balance_to_income"):
            changed[name] = column(name) * ratio
    return replaced(matrix, changed | neutral.usual)


def without_competition(
    matrix: Matrix, neutral: Neutral, features: FeatureParameters, numbers: Draws, draws: int
) -> Outcomes:
    """Snapshots without the applications and loans that competition brought, and with its index at zero.

    Which of them it brought nobody can see: each is dropped with the chance that the estimated pull gives it.

    Args:
        matrix: Snapshots of the limit or the release reader.
        neutral: Estimates from the book.
        features: How obligations are read.
        numbers: Random numbers of the borrowers of the rows.
        draws: How many draws of what competition brought.
    """
    column = columns_of(matrix)
    month = matrix.keys["month"].to_numpy(np.int64)
    region = matrix.keys["region"].to_numpy(np.int64)
    kept = {months: kept_share(neutral, month, region, months) for months in (1, 3, 6, LOAN_MONTHS)}

    def uniform(stream: str) -> Floats:
        return np.stack(
            [numbers.uniform(f"without_competition/{stream}", index=draw) for draw in range(draws)]
        )

    def thinned(stream: str, count: Floats, months: int) -> Floats:
        known = np.nan_to_num(np.maximum(count, 0.0))
        return np.where(np.isnan(count), np.nan, binomial(uniform(stream), known, kept[months]))

    counted = np.zeros(len(month))
    drawn, left = {}, np.zeros((draws, len(month)))
    for name, months in APPLICATIONS:
        drawn[name] = left = left + thinned(name, column(name) - counted, months)
        counted = column(name)
    drawn["bureau_lenders"] = thinned("bureau_lenders", column("bureau_lenders"), LOAN_MONTHS)
    told = uniform("late") < kept[LOAN_MONTHS]
    rows = np.broadcast_to(np.arange(len(month)), told.shape)
    first, place = distinct(rows, *drawn.values(), told)
    row = rows.ravel()[first]
    counts = {name: left.ravel()[first] for name, left in drawn.items()}
    shares = {months: share[row] for months, share in kept.items()}
    outcome = Matrix(matrix.keys[_keys_of(matrix)].iloc[row], matrix.values[row], matrix.features)
    return Outcomes(_thinned(outcome, counts, told.ravel()[first], shares, features), row, place)


def _keys_of(matrix: Matrix) -> list[str]:
    """The keys that outcomes go on to need: whose they are, and of which day."""
    return [name for name in ("borrower_id", "reviewed_on", "requested_on") if name in matrix.keys]


def _thinned(
    matrix: Matrix,
    counts: Mapping[str, Floats],
    told: NDArray[np.bool_],
    kept: Mapping[int, Floats],
    features: FeatureParameters,
) -> Matrix:
    """Snapshots with what is left of applications and lenders, and all that goes with them.

    Args:
        matrix: Snapshots, one for each row of the others.
        counts: What is left, by feature.
        told: Whether what came late is still told.
        kept: Share that would have come without competition, by months.
        features: How obligations are read.
    """
    column = columns_of(matrix)
    changed: dict[str, Floats | float] = dict(counts)
    latest = _ratio(counts["bureau_enq_1m"], column("bureau_enq_1m"), kept[1])
    for name in ("mp_apps_7d", "mp_apps_30d"):
        changed[name] = np.round(column(name) * latest)
    lenders = column("bureau_lenders")
    stay = counts["bureau_lenders"]
    share = _ratio(stay, lenders, kept[LOAN_MONTHS])
    for name in ("bureau_new_loans_3m", "mp_lenders_90d"):
        changed[name] = np.round(column(name) * _ratio(stay, lenders, kept[3]))
    changed["bureau_data_age"] = column("bureau_data_age") / kept[LOAN_MONTHS]
    for name in ("bureau_dpd_max_24m", "bureau_m2_count_24m"):
        changed[name] = np.where(told, column(name), 0.0 * column(name))
    balance = column("bureau_unsecured_bal")
    changed["bureau_unsecured_bal"] = balance * share
    relief = np.nan_to_num(balance * (1 - share)) * features.interest_loading / features.instalment_months
    obligation, dti = column("monthly_obligation"), column("dti_ratio")
    changed["monthly_obligation"] = obligation - relief
    with np.errstate(divide="ignore", invalid="ignore"):
        income = obligation / dti
        eased = np.where(obligation > 0, relief / income, 0.0)
    changed["dti_ratio"] = dti - eased
    changed["dti_after_draw"] = column("dti_after_draw") - eased
    changed["competition_index"] = 0.0
    return replaced(matrix, changed)


def _ratio(part: Floats, whole: Floats, otherwise: Floats) -> Floats:
    """Part / whole, and the expected share where there is nothing to divide."""
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(whole > 0, part / whole, otherwise)
