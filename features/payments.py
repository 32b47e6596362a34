"""Readings as payments of the borrower would change them: balances here and elsewhere, what is overdue, savings."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from features.ratios import ratio
from features.snapshots import Reading
from features.windows import Values


@dataclass(frozen=True)
class Payments:
    """What a borrower pays; an entry per snapshot.

    Attributes:
        here: Paid on what he owes us (RMB), what is overdue not counted.
        elsewhere: Paid on loans elsewhere (RMB), the smallest loans first.
        overdue: Whether what is overdue with us is paid, too.
    """

    here: Values
    elsewhere: Values
    overdue: NDArray[np.bool_]


def after_payments(read: Mapping[str, Reading], paid: Payments) -> dict[str, Reading]:
    """Readings once the payments are on record; features across streams follow from them (`snapshots.joined`).

    The money comes out of liquid assets. Loans elsewhere are paid off from the smallest on: a share s of what is owed
    on n loans closes at least the whole part of s·n of them, since the k smallest of n hold at most k/n of the whole.
    Past lateness stays on record; only what is overdue now ends.
    """
    own, bureau, savings = read["own_ledger"], read["bureau"], read["income_assets"]
    balance = np.maximum(own.amounts["balance"] - paid.here, np.float32(0))
    owed = bureau.amounts["balance_elsewhere"]
    left = np.maximum(owed - paid.elsewhere, np.float32(0))
    share = np.divide(owed - left, owed, out=np.zeros_like(owed), where=owed > 0)
    lenders = bureau.features["bureau_lenders"]
    liquid = savings.features["liquid_assets_30d"]
    overdue = own.features["own_dpd_current"]
    changed = {
        "own_ledger": {
            "own_utilization": ratio(balance, own.amounts["limit"]),
            "own_dpd_current": np.where(paid.overdue, np.float32(0) * overdue, overdue),
        },
        "bureau": {
            "bureau_unsecured_bal": np.minimum(bureau.features["bureau_unsecured_bal"], left),
            # A hair more than the share, so that half of four loans is two of them.
            "bureau_lenders": lenders - np.floor(share * lenders + np.float32(1e-4)),
        },
        "income_assets": {
            "liquid_assets_30d": np.maximum(liquid - paid.here - paid.elsewhere, np.float32(0))
        },
    }
    amounts = {"own_ledger": {"balance": balance}, "bureau": {"balance_elsewhere": left}, "income_assets": {}}
    return dict(read) | {
        stream: Reading(read[stream].features | features, read[stream].amounts | amounts[stream])
        for stream, features in changed.items()
    }
