"""Files of realistic shape, made by code with a seed: a credit bureau's with special codes, a lender's applications."""

import numpy as np
import pandas as pd
from numpy.typing import NDArray

Floats = NDArray[np.float64]


def _classes(draws: np.random.Generator, log_odds: Floats) -> NDArray[np.bool_]:
    return np.asarray(draws.random(len(log_odds)) < 1 / (1 + np.exp(-log_odds)))


def bureau_file(rows: int, seed: int) -> pd.DataFrame:
    """Accounts as a bureau counts them; −9 no record, −8 no usable accounts, −7 the condition was never met.

    Columns ending in _old are those of the report at the limit; the others of the one at the draw.
    """
    draws = np.random.default_rng(seed)
    risk, thick = draws.normal(size=rows), draws.normal(size=rows)
    newer = risk + draws.normal(0, 0.6, rows)  # what has changed since the limit
    no_record, no_accounts = draws.random(rows) < 0.04, draws.random(rows) < 0.06

    def reported(values: Floats, never: NDArray[np.bool_] | None = None) -> Floats:
        found = np.round(values)
        if never is not None:
            found = np.where(never, -7, found)
        return np.where(no_record, -9, np.where(no_accounts, -8, found))

    columns: dict[str, object] = {"report_id": [f"B{seed}{row:07d}" for row in range(rows)]}
    for suffix, now in (("_old", risk), ("", newer)):
        late = np.maximum(now + draws.normal(0, 0.7, rows) - 0.8, 0)
        columns |= {
            f"score{suffix}": reported(np.clip(690 - 55 * now + draws.normal(0, 25, rows), 300, 850)),
            f"months_since_late{suffix}": reported(
                draws.exponential(18, rows) / (0.4 + late), never=late == 0
            ),
            f"late_12m{suffix}": reported(late * 3),
            f"enquiries_6m{suffix}": reported(draws.poisson(np.exp(0.4 + 0.35 * now))),
            f"accounts_open{suffix}": reported(draws.poisson(np.exp(1.2 + 0.3 * thick))),
            f"card_utilization_pct{suffix}": reported(
                np.clip(38 + 22 * now + draws.normal(0, 18, rows), 0, 130)
            ),
            f"balance_total{suffix}": reported(
                np.exp(9 + 0.6 * thick + 0.1 * now + draws.normal(0, 0.5, rows))
            ),
            f"months_oldest_account{suffix}": reported(np.exp(4 + 0.5 * thick - 0.1 * now)),
        }
    limit = np.exp(9.4 - 0.22 * risk + 0.25 * thick + draws.normal(0, 0.25, rows))
    columns |= {
        "consumer_age": np.clip(np.round(40 + 9 * thick + draws.normal(0, 8, rows)), 18, 85),
        "province": draws.choice(["Anhui", "Fujian", "Hunan", "Sichuan"], rows),
        "credit_limit": np.round(limit, -2) + 100,
        "collections_amount": np.zeros(rows),
        "bad_flag": _classes(draws, -2.4 + 1.1 * newer + 0.2 * no_record).astype(int),
    }
    table = pd.DataFrame(columns)
    table["collections_amount"] = np.where(table["bad_flag"] == 1, draws.integers(100, 9_000, rows), 0)
    return table


def application_file(rows: int, seed: int) -> pd.DataFrame:
    """Applications for a loan: dates, codes and many missing values, since few fields are compulsory."""
    draws = np.random.default_rng(seed)
    strain, income_level = draws.normal(size=rows), draws.normal(size=rows)
    income = np.round(np.exp(8.8 + 0.5 * income_level), -1)
    amount = np.round(income * np.exp(0.3 + 0.35 * draws.normal(size=rows)), -2) + 500
    asked = np.datetime64("2024-01-01") + draws.integers(0, 360, rows)
    job = draws.choice(["clerk", "worker", "driver", "self-employed", "teacher", "none"], rows)
    bad = _classes(draws, -2.3 + 0.9 * strain - 0.4 * income_level + 0.7 * (job == "none"))

    def given(values: object, share: float) -> pd.Series:
        """A field that only some fill in."""
        return pd.Series(values).mask(draws.random(rows) > share)

    return pd.DataFrame(
        {
            "application_id": np.arange(rows) + 700_001,
            "application_date": asked.astype(str),
            "birth_date": (asked - draws.integers(20 * 365, 65 * 365, rows)).astype(str),
            "employed_since": given((asked - draws.integers(0, 9_000, rows)).astype(str), 0.7),
            "gender": draws.choice(["F", "M", "X"], rows, p=[0.48, 0.5, 0.02]),
            "marital_status": given(draws.choice(["single", "married", "divorced"], rows), 0.9),
            "job": given(job, 0.85),
            "housing": given(draws.choice(["own", "rent", "parents"], rows), 0.8),
            "monthly_income": given(income, 0.75),
            "other_debt": given(np.round(np.exp(8 + 0.8 * strain + draws.normal(0, 0.6, rows)), -1), 0.6),
            "existing_loans_count": given(draws.poisson(np.exp(0.2 + 0.4 * strain)), 0.9),
            "enquiries_3m_count": draws.poisson(np.exp(0.1 + 0.5 * strain)),
            "returned_payments_count": given(draws.poisson(np.exp(-1 + 0.8 * strain)), 0.65),
            "bank_balance_avg": given(np.round(np.exp(7.5 + 0.6 * income_level - 0.4 * strain)), 0.5),
            "overdraft_days": given(np.maximum(np.round(6 * strain + draws.normal(0, 3, rows)), 0), 0.5),
            "requested_amount": amount,
            "approved_limit": np.round(amount * np.exp(0.15 * income_level - 0.12 * strain), -2) + 300,
            "comment": given([f"call {row} back" for row in range(rows)], 0.1),
            "loan_status": np.where(bad, "default", "paid"),
        }
    )
