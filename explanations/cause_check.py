"""What the report of a simulated book says of its own causes and features: how right they are."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from data.mechanisms import CAUSES
from explanations.cause_measures import accuracy, error, strong
from explanations.exhibits import Column, Table, table
from explanations.explanation import Explanation
from explanations.fidelity import leading_agreement, leading_signs, rank_agreement
from explanations.quantities import NOTHING, count, fixed, share
from explanations.scored import Scored
from explanations.words import Text, say

CHECKED_REFERENCE = 500
"""Reference requests against which the features of a report are checked; the scorecard takes them all."""


def spread_places(rows: int, most: int) -> NDArray[np.int64]:
    """Places of all rows, or of so many spread evenly over them."""
    return np.unique(np.linspace(0, rows - 1, min(rows, most)).round().astype(np.int64))


def check_of(book: Scored) -> dict[str, Any]:
    """Figures of a check, for the summary (JSON-ready; None where there is nothing to measure)."""
    known = ~np.isnan(book.state).any(axis=1)
    model, state = book.model[known], book.state[known]
    figures = {
        "accuracy": accuracy(book.ledger, book.truth),
        "error": error(book.ledger, book.truth),
        "features_agreement_1": leading_agreement(model, state, 1),
        "features_agreement_3": leading_agreement(model, state, 3),
        "features_sign_1": leading_signs(model, state, 1),
        "features_sign_3": leading_signs(model, state, 3),
        "features_spearman": rank_agreement(model, state),
    }
    means = {
        name: dict(zip(CAUSES, np.mean(shares, axis=0).tolist(), strict=True))
        for name, shares in (("said", book.ledger), ("true", book.truth))
    }
    return {
        "conflicts": len(book.truth),
        "strong": int(strong(book.truth).sum()),
        **{name: value if math.isfinite(value) else None for name, value in figures.items()},
        **means,
    }


def check_table(explanation: Explanation) -> Table | None:
    """Mean shares as the ledger says them beside the true ones; None where nothing was checked."""
    checked = explanation.summary.get("causes", {}).get("checked")
    if not checked:
        return None
    records = [
        {"cause": say(f"cause.{name}")} | {what: share(checked[what][name]) for what in ("said", "true")}
        for name in CAUSES
    ]
    columns = [
        Column("cause", say("column.cause"), numeric=False),
        Column("said", say("column.share_said")),
        Column("true", say("column.share_true")),
    ]
    return table(say("causes.check"), columns, records)


def _spread(rate: float | None, cases: int) -> str:
    """Two standard errors of a rate, in points."""
    return NOTHING if rate is None else fixed(200 * math.sqrt(rate * (1 - rate) / cases), 0)


def check_text(explanation: Explanation) -> list[Text]:
    """What the check found, in sentences; none where nothing was checked."""
    checked = explanation.summary.get("causes", {}).get("checked")
    if not checked:
        return []
    said = [
        say(
            "causes.check_causes",
            checked=count(checked["conflicts"]),
            strong=count(checked["strong"]),
            accuracy=share(checked["accuracy"], digits=0),
            spread=_spread(checked["accuracy"], checked["strong"]),
            error=fixed(100 * checked["error"], 1),
        )
    ]
    if checked["features_agreement_1"] is not None:
        said.append(
            say(
                "causes.check_features",
                first=share(checked["features_agreement_1"], digits=0),
                three=share(checked["features_agreement_3"], digits=0),
                sign=share(checked["features_sign_3"], digits=0),
            )
        )
    return said
