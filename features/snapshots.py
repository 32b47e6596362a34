"""What a reader saw of borrowers on given days: the features of their snapshots.

A snapshot depends only on observations that had happened and were visible by the day as of which the
reader sees their stream (`features.readers`).
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from features.credit import agency, bureau
from features.declared import declared_features
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


@dataclass(frozen=True)
class Reading:
    """What a reader saw of one stream; every array has an entry per snapshot.

    Attributes:
        features: Values by feature.
        amounts: Amounts (RMB) that features across streams are made of, by field of `Snapshot` or as
            `recent_spending`.
    """

    features: dict[str, Values]
    amounts: dict[str, Values]


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
    return joined(readings(streams, borrowers, dates, reader, parameters, refreshed), parameters)


def readings(
    streams: Streams,
    borrowers: NDArray[np.int64],
    dates: Days,
    reader: Reader,
    parameters: FeatureParameters,
    refreshed: Mapping[str, Days] | None = None,
    of: Collection[str] | None = None,
) -> dict[str, Reading]:
    """What a reader saw of each stream, or of some alone (`of`); see `snapshot`."""
    days = read_as_of(reader, dates, streams.declared.refresh) | dict(refreshed or {})
    # A review goes on with what its last refresh brought; only a release needs the stream on that day.
    dark = {stream: (reader == "release") & streams.dark(stream, days[stream]) for stream in days}

    def lit(stream: str, values: Values) -> Values:
        return np.where(dark[stream], np.float32(np.nan), values)

    def monthly(stream: str) -> MonthlyRows:
        return MonthlyRows(streams.observed[stream], borrowers, days[stream], parameters.gap_months)

    def own_ledger() -> Reading:
        own = own_record(streams, borrowers, days["own_ledger"], reader)
        return Reading(own.features, {"balance": own.balance, "limit": own.limit})

    def of_bureau() -> Reading:
        shown = bureau(streams.observed["bureau"], borrowers, days["bureau"], parameters)
        return Reading(shown, {"balance_elsewhere": np.nan_to_num(shown["bureau_unsecured_bal"])})

    def of_agency() -> Reading:
        return Reading(agency(streams.observed["agency"], borrowers, days["agency"]), {})

    def income_assets() -> Reading:
        earned = income(monthly("income_assets"))
        return Reading(earned.features, {"income": earned.monthly})

    def consumption() -> Reading:
        spent = spending(monthly("consumption"), parameters)
        return Reading(spent.features, {"recent_spending": spent.recent})

    def device_social() -> Reading:
        return Reading(devices(monthly("device_social")), {})

    each = {
        "own_ledger": own_ledger,
        "bureau": of_bureau,
        "agency": of_agency,
        "income_assets": income_assets,
        "consumption": consumption,
        "device_social": device_social,
    }

    def shown(stream: str) -> Reading:
        read = each[stream]() if stream in each else Reading({}, {})
        declared = declared_features(
            streams.declared.of(stream), streams.observed[stream], borrowers, days[stream]
        )
        features, amounts = (
            {name: lit(stream, values) for name, values in part.items()}
            for part in (read.features | declared, read.amounts)
        )
        return Reading(features, amounts)

    return {stream: shown(stream) for stream in streams.observed if of is None or stream in of}


def taken(seen: Snapshot, at: NDArray[np.int64]) -> Snapshot:
    """Some of the snapshots, by their places."""
    features = {name: values[at] for name, values in seen.features.items()}
    amounts = (seen.balance, seen.balance_elsewhere, seen.limit, seen.income)
    return Snapshot(features, *(values[at] for values in amounts))


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


def joined(read: Mapping[str, Reading], parameters: FeatureParameters) -> Snapshot:
    """Snapshots from what was seen of each stream, with the features across streams; missing where either is.

    Args:
        read: What was seen, by stream.
        parameters: How obligations are read.
    """
    seen = {name: values for part in read.values() for name, values in part.features.items()}
    amounts = {name: values for part in read.values() for name, values in part.amounts.items()}
    balance, earned, spent = (amounts[name] for name in ("balance", "income", "recent_spending"))
    obligation = _obligation(balance + amounts["balance_elsewhere"], parameters)
    across = {
        "own_balance_to_income": ratio(balance, earned),
        "monthly_obligation": obligation,
        "dti_ratio": ratio(obligation, earned),
        "cash_buffer": ratio(seen["liquid_assets_30d"], spent),
        "spend_income_ratio_3m": ratio(spent, earned),
    }
    return Snapshot(seen | across, balance, amounts["balance_elsewhere"], amounts["limit"], earned)


def _obligation(owed: Values, parameters: FeatureParameters) -> Values:
    """Instalments a month (RMB) on what is owed here and elsewhere, interest included."""
    return owed * np.float32(parameters.interest_loading / parameters.instalment_months)
