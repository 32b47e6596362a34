"""Features of spending on the platform."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from features.catalogue import own_catalogue
from features.monthly_rows import MonthlyRows
from features.parameters import FeatureParameters
from features.ratios import ratio
from features.windows import Latest, Values

CATEGORIES = ("necessities", "discretionary", "high_ticket", "virtual_topup", "cashout_suspect")
"""Columns of `consumption` that sum to a month's spending (RMB)."""

MONTHS_BEFORE_SURGE = 6


@dataclass(frozen=True)
class Spending:
    """Spending at each reading.

    Attributes:
        features: Values by feature.
        recent: Mean spending over 3 months (RMB a month).
    """

    features: dict[str, Values]
    recent: Values


def spending(rows: MonthlyRows, parameters: FeatureParameters) -> Spending:
    """What consumption showed (rows of `consumption`)."""
    catalogue = own_catalogue()
    total = np.sum([rows.stream.values[category] for category in CATEGORIES], axis=0)
    last = rows.latest(total, 1)
    before = rows.latest(total, MONTHS_BEFORE_SURGE, skipped=1).mean
    recent = rows.latest(total, catalogue["spend_income_ratio_3m"].months).mean
    features = {
        "spend_avg_12m": rows.latest(total, catalogue["spend_avg_12m"].months).mean,
        "spend_surge_1m": ratio(last.last, before) - 1,
        "high_ticket_30d": rows.latest("high_ticket_count", catalogue["high_ticket_30d"].months).last,
        "cashout_suspect_30d": rows.latest("cashout_suspect", catalogue["cashout_suspect_30d"].months).last,
        "festival_adj_spend": last.last / _season(last, parameters),
    }
    for name, category in (
        ("discretionary_share_3m", "discretionary"),
        ("virtual_recharge_share_3m", "virtual_topup"),
    ):
        months = catalogue[name].months
        features[name] = ratio(rows.latest(category, months).mean, rows.latest(total, months).mean)
    return Spending(features, recent)


def _season(last: Latest, parameters: FeatureParameters) -> Values:
    """Usual factor on spending of the calendar month in which the latest row lies (1 where there is none)."""
    days = np.nan_to_num(last.last_day).astype(np.int32).astype("datetime64[D]")
    month = days.astype("datetime64[M]").astype(np.int64) % 12
    return np.asarray(parameters.spending_season, dtype=np.float32)[month]
