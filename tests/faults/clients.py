"""A table of clients with its mapping, and applicants to score: made by code, with a seed."""

from __future__ import annotations

from pathlib import Path

MAPPING = """
id_column: client
limit_column: limit
amount_column: asked
currency: CNY
outcome: {column: bad, bad: [1], good: [0]}
policy: {refused_top_share: 0.3}
favoured_top_share: 0.3
snapshots: {limit: [income, late_spring], release: ["*"]}
features:
  - {name: income, sign: "-"}
  - {name: late_spring, sign: "+"}
  - {name: late_autumn, sign: "+"}
  - {name: lenders, sign: "+"}
"""


def write_clients(folder: str, clients: int = 120_000, applicants: int = 60_000) -> int:
    """Writes clients.csv, mapping.yaml and applicants.csv into a folder."""
    import numpy as np
    import pandas as pd

    draws = np.random.default_rng(7)
    rows = clients + applicants
    strain = draws.normal(size=rows)
    income = np.round(np.exp(8.8 + 0.5 * draws.normal(size=rows)), 2)
    table = pd.DataFrame(
        {
            "client": np.arange(rows) + 1,
            "income": income,
            "late_spring": draws.poisson(np.exp(-1 + 0.6 * strain)),
            "late_autumn": draws.poisson(np.exp(-1 + 0.9 * strain)),
            "lenders": draws.poisson(np.exp(0.5 + 0.4 * strain)),
            "limit": np.round(income * np.exp(0.5 - 0.1 * strain), 2) + 100,
            "asked": np.round(income * 0.3, 2) + 10,
            "bad": (draws.random(rows) < 1 / (1 + np.exp(2 - strain))).astype(int),
        }
    )
    table[:clients].to_csv(Path(folder, "clients.csv"), index=False)
    table[clients:].to_csv(Path(folder, "applicants.csv"), index=False)
    Path(folder, "mapping.yaml").write_text(MAPPING, encoding="utf-8")
    return rows
