"""What a reader saw of borrowers on given days: the features of their snapshots.

A snapshot depends only on observations that had happened and were visible by the day as of which the
reader sees their stream (`features.readers`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from features.credit import agency, bureau
from features.devices import devices
from features.income import income
from features.monthly_rows import MonthlyRows
from features.own_record import own_record, request_to_available
from features.parameters import FeatureParameters
from features.ratios import ratio
from features.readers import Reader, read_as_of
from features.spending import spending
from features.streams import Streams
from features.windows import Days, Values


@dataclass(frozen=True)
class Snapshot:
    """Snapshots of borrowers; every array has an entry per snapshot.

    Attributes:
        features: Values by feature, without those of a request and of the context.
        balance: Principal outstanding with us (RMB).
        balance_elsewhere: Balance with other lenders (RMB).
        limit: Limit in force (RMB).
        income: Monthly income (RMB): verified where payroll is seen, otherwise inferred.
    """

    features: dict[str, Values]
    balance: Values
    balance_elsewhere: Values
    limit: Values
    income: Values


def snapshot(
    streams: Streams,
    borrowers: NDArray[np.int64],
    dates: Days,
    reader: Reader,
    parameters: FeatureParameters,
    refreshed: Mapping[str, Days] | None = None,
) -> Snapshot:
    """The snapshots that a reader saw. To the release reader, a stream in a known outage is missing.

    Args:
        streams: The block.
        borrowers: Position in the block of the borrower of each snapshot.
        dates: Day of each snapshot.
        reader: Who looks: the limit reader at a review, or the release reader at a request.
        parameters: How obligations, spending and gaps are read.
        refreshed: Day of each snapshot as of which a stream is read instead, by stream (for replays).
    """
    days = read_as_of(reader, dates) | dict(refreshed or {})
    # A review goes on with what its last refresh brought; only a release needs the stream on that day.
    dark = {stream: (reader == "release") & streams.dark(stream, days[stream]) for stream in days}

    def lit(stream: str, values: Values) -> Values:
        return np.where(dark[stream], np.float32(np.nan), values)

    def monthly(stream: str) -> MonthlyRows:
        return MonthlyRows(streams.observed[stream], borrowers, days[stream], parameters.gap_months)

    own = own_record(streams, borrowers, days["own_ledger"], reader)
    earned = income(monthly("income_assets"))
    spent = spending(monthly("consumption"), parameters)
    by_stream = {
        "own_ledger": own.features,
        "bureau": bureau(streams.observed["bureau"], borrowers, days["bureau"], parameters),
        "agency": agency(streams.observed["agency"], borrowers, days["agency"]),
        "income_assets": earned.features,
        "consumption": spent.features,
        "device_social": devices(monthly("device_social")),
    }
    seen = {name: lit(stream, values) for stream, part in by_stream.items() for name, values in part.items()}
    return _joined(
        seen,
        balance=lit("own_ledger", own.balance),
        balance_elsewhere=lit("bureau", np.nan_to_num(seen["bureau_unsecured_bal"])),
        limit=lit("own_ledger", own.limit),
        monthly_income=lit("income_assets", earned.monthly),
        recent_spending=lit("consumption", spent.recent),
        parameters=parameters,
    )


def request_features(
    seen: Snapshot, amount: Values, term: Values, parameters: FeatureParameters
) -> dict[str, Values]:
    """The features of requests, each made by the borrower of one snapshot of the release reader.

    Args:
        seen: The snapshots.
        amount: Amounts asked for (RMB).
        term: Terms asked for (months).
        parameters: How obligations are read.
    """
    owed = seen.balance + seen.balance_elsewhere + amount
    return {
        "requested_amount": amount,
        "requested_term": term,
        "requested_to_available": request_to_available(amount, seen.limit, seen.balance),
        "amount_to_income": ratio(amount, seen.income),
        "dti_after_draw": ratio(_obligation(owed, parameters), seen.income),
    }


def _joined(
    seen: dict[str, Values],
    balance: Values,
    balance_elsewhere: Values,
    limit: Values,
    monthly_income: Values,
    recent_spending: Values,
    parameters: FeatureParameters,
) -> Snapshot:
    """Snapshots with the features that are read from two streams; missing where either is."""
    obligation = _obligation(balance + balance_elsewhere, parameters)
    across = {
        "own_balance_to_income": ratio(balance, monthly_income),
        "monthly_obligation": obligation,
        "dti_ratio": ratio(obligation, monthly_income),
        "cash_buffer": ratio(seen["liquid_assets_30d"], recent_spending),
        "spend_income_ratio_3m": ratio(recent_spending, monthly_income),
    }
    return Snapshot(seen | across, balance, balance_elsewhere, limit, monthly_income)


def _obligation(owed: Values, parameters: FeatureParameters) -> Values:
    """Instalments a month (RMB) on what is owed here and elsewhere, interest included."""
    return owed * np.float32(parameters.interest_loading / parameters.instalment_months)
