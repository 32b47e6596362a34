"""Features of income and assets."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from features.catalogue import own_catalogue
from features.monthly_rows import MonthlyRows
from features.ratios import ratio
from features.windows import Values


@dataclass(frozen=True)
class Income:
    """Income and assets at each reading.

    Attributes:
        features: Values by feature.
        monthly: Income that amounts are measured against (RMB a month): verified where payroll is seen,
            otherwise inferred.
    """

    features: dict[str, Values]
    monthly: Values


def income(rows: MonthlyRows) -> Income:
    """What income and assets showed (rows of `income_assets`)."""
    catalogue = own_catalogue()
    verified = rows.latest("payroll", catalogue["income_verified"].months).mean
    inferred = rows.latest("inferred_income", catalogue["income_proxy"].months).mean
    payroll = rows.latest("payroll", catalogue["payroll_gap"].months)
    features = {
        "income_verified": verified,
        "income_proxy": inferred,
        "income_cv_6m": _variability(rows),
        "income_drop_3m": _drop(rows),
        "payroll_gap": np.where(payroll.rows > 0, payroll.rows - payroll.count, np.float32(np.nan)),
        "liquid_assets_30d": rows.latest("liquid_assets", catalogue["liquid_assets_30d"].months).last,
    }
    return Income(features, np.where(np.isnan(verified), inferred, verified))


def _variability(rows: MonthlyRows) -> Values:
    """Spread over mean of payroll where two months show it, otherwise of inferred income."""
    months = own_catalogue()["income_cv_6m"].months
    payroll, inferred = (rows.latest(column, months) for column in ("payroll", "inferred_income"))
    return np.where(
        payroll.count > 1, ratio(payroll.spread, payroll.mean), ratio(inferred.spread, inferred.mean)
    )


def _drop(rows: MonthlyRows) -> Values:
    """Fall of mean income against the months before: of payroll where both spans show it, else inferred."""
    months = own_catalogue()["income_drop_3m"].months
    payroll, inferred = (
        1 - ratio(rows.latest(column, months).mean, rows.latest(column, months, skipped=months).mean)
        for column in ("payroll", "inferred_income")
    )
    return np.where(np.isnan(payroll), inferred, payroll)
