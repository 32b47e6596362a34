"""Features of what other lenders report: the credit bureau, and the licensed agency for loan applications."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from features.catalogue import DAYS_A_MONTH, days_of, own_catalogue
from features.parameters import FeatureParameters
from features.stream import Stream
from features.windows import EVER, Days, Events, Values, latest, window


def bureau(
    stream: Stream, borrowers: NDArray[np.int64], days: Days, parameters: FeatureParameters
) -> dict[str, Values]:
    """What the credit bureau shows as of each day.

    Where the bureau shows anything of a borrower, that it shows none of a kind is knowledge, so a zero;
    where it shows nothing at all, its counts and balances are missing and the file is thin.
    """
    nothing = np.zeros(len(stream.events.occurred), dtype=np.float32)
    last_day = latest(stream.events, borrowers, days, nothing).last_day
    counts = _loans(stream, borrowers, days, parameters) | _trouble(stream, borrowers, days, parameters)
    enquiries = stream.events_of("enquiry")
    for name in ("bureau_enq_1m", "bureau_enq_3m", "bureau_enq_6m"):
        counts[name] = _count(enquiries, borrowers, days, name)
    known = np.where(np.isnan(last_day), np.float32(np.nan), np.float32(1))
    return {name: values * known for name, values in counts.items()} | {
        "bureau_data_age": (days - last_day).astype(np.float32),
        "card_utilization": _card_utilization(
            stream.of("card_statement", columns=("card_utilization",)), borrowers, days, parameters
        ),
        **_file(stream.events_of("file_opened", "loan_opened"), borrowers, days, parameters),
    }


def agency(stream: Stream, borrowers: NDArray[np.int64], days: Days) -> dict[str, Values]:
    """What the licensed agency shows as of each day; it answers for everyone, so nothing shown is zero."""
    applications, loans = stream.events_of("application"), stream.events_of("loan")
    return {
        "mp_apps_7d": _count(applications, borrowers, days, "mp_apps_7d"),
        "mp_apps_30d": _count(applications, borrowers, days, "mp_apps_30d"),
        "mp_lenders_90d": _count(loans, borrowers, days, "mp_lenders_90d"),
    }


def _count(events: Events, borrowers: NDArray[np.int64], days: Days, name: str) -> Values:
    """Events in the window of the feature of this name."""
    return window(events, borrowers, days, own_catalogue()[name].days).count


def _loans(
    stream: Stream, borrowers: NDArray[np.int64], days: Days, parameters: FeatureParameters
) -> dict[str, Values]:
    opened = stream.of("loan_opened", columns=("amount",))
    kept_per_day = parameters.bureau_balance_decay ** (1 / DAYS_A_MONTH)
    all_opened = window(opened.events, borrowers, days, EVER, opened.values["amount"], kept_per_day)
    closed = window(stream.events_of("loan_closed"), borrowers, days, EVER)
    return {
        "bureau_lenders": np.maximum(all_opened.count - closed.count, np.float32(0)),
        "bureau_unsecured_bal": all_opened.total,
        "bureau_new_loans_3m": _count(opened.events, borrowers, days, "bureau_new_loans_3m"),
    }


def _trouble(
    stream: Stream, borrowers: NDArray[np.int64], days: Days, parameters: FeatureParameters
) -> dict[str, Values]:
    overdue = stream.of("delinquency", columns=("dpd",))
    two_years = own_catalogue()["bureau_dpd_max_24m"].days
    worst = window(overdue.events, borrowers, days, two_years, overdue.values["dpd"]).most
    second_stage = overdue.events.only(overdue.values["dpd"] >= parameters.second_stage_days)
    return {
        "bureau_dpd_max_24m": np.nan_to_num(worst),
        "bureau_m2_count_24m": _count(second_stage, borrowers, days, "bureau_m2_count_24m"),
    }


def _card_utilization(
    statements: Stream, borrowers: NDArray[np.int64], days: Days, parameters: FeatureParameters
) -> Values:
    use = statements.values["card_utilization"]
    oldest = days_of(parameters.card_statement_months)
    return latest(statements.events, borrowers, days, use, oldest=oldest).last


def _file(
    openings: Events, borrowers: NDArray[np.int64], days: Days, parameters: FeatureParameters
) -> dict[str, Values]:
    age = ((days - window(openings, borrowers, days, EVER).first_day) / DAYS_A_MONTH).astype(np.float32)
    # A comparison with NaN is false: no opening, no file.
    return {
        "oldest_account_age": age,
        "thin_file": np.float32(1) - (age >= parameters.thin_file_months).astype(np.float32),
    }
