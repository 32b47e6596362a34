"""What-ifs as the workbench would hand them to the page, made up."""

from __future__ import annotations

from typing import Any

import pandas as pd

from data.mechanisms import CAUSES
from explanations.whatif.figures import AFTER, BEFORE, FRONTIER_COLUMNS
from explanations.whatif.result import WhatIf

WORLDS = (BEFORE, AFTER)


def made_whatif(
    *, undated: bool = False, changed: bool = True, edge: bool = False, whole: bool = True
) -> WhatIf:
    """A what-if with conflicts that fall and profit that rises; nothing changes where `changed` is false."""
    factors = (0.5, 1.0, 2.0)
    weights = (1.0,) if undated else (0.0, 0.5, 1.0)
    profits = dict(zip(factors, (40e3, 50e3, 90e3 if edge else 60e3), strict=True)) | {3.0: 30e3}
    rows = [
        {
            "weight": weight,
            "factor": factor,
            "released": int(900 + 30 * factor),
            "drawn": 4e6 + 1e5 * factor,
            "mean_pd": 0.01 + 0.001 * factor,
            "expected_loss": 3e4 * factor,
            "profit": profits[factor] - 5e3 * (1 - weight),
            "favoured": int(300 + 100 * weight),
            "conflicts": int((60 + 40 * weight) / factor),
            "most_profit": True,
            "efficient": factor == 2.0,
        }
        for weight in weights
        for factor in (factors if edge else (*factors, 3.0))
    ]
    step = 1 if changed else 0
    figures: dict[str, dict[str, Any]] = {
        world: {
            "requests": 1200.0,
            "released": 930.0 + 20 * place,
            "drawn": 4.1e6 + 1e5 * place,
            "mean_pd": 0.011,
            "bad_known": 800.0,
            "bad": 9.0,
            "oracle_bad": None if undated else 12.0,
            "expected_loss": 3e4 + 1e3 * place,
            "profit": 5e4 + 2e3 * place,
            "favoured": 400.0,
            "conflicts": 100.0 - 10 * place,
            "limit": 21_000.0,
        }
        for world, place in zip(WORLDS, (0, step), strict=True)
    }
    moves = {"released": 20, "drawn": 1e5, "expected_loss": 1e3, "profit": 2e3, "conflicts": -10}
    differences = {
        name: {"change": move * step, "low": move * 0.5 * step, "high": move * 1.5 * step}
        for name, move in moves.items()
    }
    counts = {world: int(figures[world]["conflicts"]) for world in WORLDS}
    named = "whatif.cutoff_factor" if undated else "world.policy.tight.cutoff"
    summary = {
        "book_digest": "b" * 64,
        "source": "imported" if undated else "simulated",
        "scenario": None if undated else "baseline",
        "seed": None if undated else 7,
        "borrowers": 2000,
        "currency": "TWD" if undated else "RMB",
        "counts": {"requests": 1200},
        "period": {} if undated else {"from": "2025-07-01", "to": "2025-12-28"},
        "models": {"limit": "l" * 64, "release": "r" * 64},
        "level": 0.95,
        "changes": [{"name": named, "before": 0.028, "after": 0.04}] if changed else [],
        "figures": figures,
        "difference": differences,
        "conflicts_by": {
            BEFORE: {"score": counts[BEFORE]},
            AFTER: {"score": counts[AFTER] - 3, "limit": 3} if changed else {"score": counts[AFTER]},
        },
        "causes": {} if undated else {w: dict.fromkeys(CAUSES, counts[w] / len(CAUSES)) for w in WORLDS},
        "causes_looked_at": {} if undated else {w: counts[w] if whole else 20 for w in WORLDS},
        "economics": {"lgd": 0.75, "funding_cost": 3.5, "servicing_cost": 2.0, "apr": 15.0, "term": 12},
        "pd_12m": {
            "known": 0 if undated else 800,
            "bad": 0 if undated else 25,
            "line": None if undated or not whole else {"slope": 0.9, "intercept": 0.3},
        },
    }
    return WhatIf(summary, pd.DataFrame(rows)[list(FRONTIER_COLUMNS)])


def made_whatifs() -> tuple[WhatIf, ...]:
    """One of each kind."""
    return (
        made_whatif(),
        made_whatif(changed=False, edge=True),
        made_whatif(whole=False),
        made_whatif(undated=True),
    )
