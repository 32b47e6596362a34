"""What the report of a simulated book says of its own causes and features: how right they are."""

from __future__ import annotations

from typing import Any

import numpy as np

from data.mechanisms import CAUSES
from explanations.json_numbers import finite_row
from explanations.truth.cause_measures import accuracy, error, strong
from explanations.truth.fidelity import leading_agreement, leading_signs, rank_agreement
from explanations.truth.scored import Scored

CHECKED_REFERENCE = 500
"""Reference requests against which the features of a report are checked; the scorecard takes them all."""


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
        **finite_row(figures),
        **means,
    }
