"""A small book without dates, by import: 240 clients of five columns."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from data.book import Book, open_book
from tests.commands.calls import answer, call

MAPPING = """
id_column: client
outcome: {column: result, bad: [bad], good: [good]}
limit_column: limit
currency: CNY
policy: {refused_top_share: 0.3}
favoured_top_share: 0.5
snapshots: {limit: [income, savings], release: ["*"]}
features:
  - {name: income, unit: currency, limit_sign: "+", sign: "-"}
  - {name: savings, unit: currency, limit_sign: "+", sign: "-"}
  - {name: enquiries, unit: n, sign: "+"}
  - {name: late_days, unit: d, sign: "+"}
"""
FITTED_SMALL = (
    "training.limit.rounds=12",
    "training.limit.min_data_in_leaf=5",
    "training.release.rounds=15",
    "training.release.min_data_in_leaf=5",
    "training.release.min_sum_hessian=0.1",
    "training.cross_fitting.folds=3",
    "training.cross_fitting.repeats=2",
)


def small_clients(rows: int = 240, seed: int = 3) -> pd.DataFrame:
    """Clients as a lender's file has them."""
    draws = np.random.default_rng(seed)
    income, strain = draws.normal(size=rows), draws.normal(size=rows)
    late = np.round(np.maximum(4 * strain + draws.normal(0, 2, rows), 0))
    odds = np.exp(-0.6 - 0.8 * income + 1.1 * strain)
    return pd.DataFrame(
        {
            "client": [f"c{number}" for number in draws.permutation(rows) + 500],
            "income": np.round(np.exp(8 + 0.5 * income), -1),
            "savings": np.round(np.exp(6 + 0.4 * income + draws.normal(0, 0.8, rows))),
            "enquiries": draws.poisson(np.exp(0.4 + 0.5 * strain)),
            "late_days": late,
            "limit": np.round(np.exp(9 + 0.5 * income + draws.normal(0, 0.3, rows)), -2) + 100,
            "result": np.where(draws.random(rows) < odds / (1 + odds), "bad", "good"),
        }
    )


def imported_book(table: pd.DataFrame, folder: Path) -> Book:
    """The book that an import makes of such a file."""
    folder.mkdir(parents=True)
    table.to_csv(folder / "clients.csv", index=False)
    (folder / "mapping.yaml").write_text(MAPPING, "utf-8")
    answer(
        call("import", folder / "mapping.yaml", folder / "clients.csv", "--out", folder / "book", "--json")
    )
    return open_book(folder / "book")
