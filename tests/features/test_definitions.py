"""Snapshots of one borrower made by hand: every feature worked out from its rows, by its definition."""

import math
from datetime import date

import numpy as np
import pytest

from data.months import to_days
from features.catalogue import own_catalogue
from features.snapshots import request_features, snapshot
from features.streams import read_streams

MONTH = 365.25 / 12
RELEASE_DAY, LIMIT_DAY = "2024-11-20", "2024-11-14"  # a Wednesday and a Thursday
AMOUNT, TERM = 4000.0, 12.0

OWN_LEDGER = """
2023-11-10 2023-11-10 45 2500    0
2023-12-25 2023-12-25 15 3000    0
2024-05-25 2024-05-25  0 2800    0
2024-06-25 2024-06-25  5 2600    0
2024-07-25 2024-07-25  0 2400    0
2024-08-25 2024-08-25  0 3000    0
2024-09-01 2024-09-01  0 4000 1000
2024-09-25 2024-09-25  0 3800    0
2024-10-25 2024-10-25  0 3500    0
2024-10-28 2024-10-28  0 5500 2000
2024-11-19 2024-11-19  3 5000    0
2024-11-20 2024-11-20  3 9000 4000
"""
BUREAU = """
2019-11-20 2019-11-20 file_opened    nan nan nan
2022-12-01 2022-12-03 delinquency    nan  70 nan
2024-01-10 2024-01-12 loan_opened   6000 nan nan
2024-03-01 2024-03-02 delinquency    nan  20 nan
2024-04-01 2024-04-02 delinquency    nan  31 nan
2024-05-20 2024-05-20 enquiry        nan nan nan
2024-06-01 2024-06-01 enquiry        nan nan nan
2024-06-05 2024-06-06 card_statement nan nan 0.3
2024-08-01 2024-08-05 loan_closed   6000 nan nan
2024-09-15 2024-09-15 enquiry        nan nan nan
2024-09-15 2024-09-16 loan_opened   4000 nan nan
2024-10-05 2024-10-06 card_statement nan nan 0.5
2024-10-30 2024-10-30 enquiry        nan nan nan
2024-10-30 2024-11-19 loan_opened   5000 nan nan
2024-11-10 2024-11-10 enquiry        nan nan nan
2024-11-10 2024-12-01 loan_opened   9000 nan nan
"""
AGENCY = """
2024-08-25 2024-08-30 loan
2024-10-25 2024-10-30 application
2024-10-30 2024-11-02 loan
2024-11-12 2024-11-13 application
2024-11-16 2024-11-18 application
2024-11-18 2024-11-25 application
"""
INCOME_ASSETS = """
2024-05-15 2024-05-16 8000 8200 20000
2024-06-15 2024-06-16 8000 8400 21000
2024-07-15 2024-07-16 9000 8600 19000
2024-08-15 2024-08-16  nan 8800 18000
2024-09-15 2024-09-16 9000 9000 16000
2024-10-15 2024-10-16 6000 9200 15000
2024-11-15 2024-11-16  nan 9400 12000
"""
CONSUMPTION = """
2024-04-10 2024-04-10  500 300 100  50  50 1
2024-05-10 2024-05-10  600 300  50  50   0 0
2024-06-10 2024-06-10  700 300   0 100   0 0
2024-07-10 2024-07-10  500 200 200 100   0 2
2024-08-10 2024-08-10  600 300   0 100   0 0
2024-09-10 2024-09-10  600 200 100  50  50 1
2024-10-10 2024-10-10  800 400 200  50  50 1
2024-11-10 2024-11-10 1000 800 600 200 100 3
"""
DEVICE_SOCIAL = """
2024-08-19 2024-08-19 1 0.1 20 0 0.01
2024-09-19 2024-09-19 4 0.2 21 1 0.02
2024-10-19 2024-10-19 2 0.3 22 0 0.03
2024-11-19 2024-11-19 3 0.4 23 2 0.04
"""
ROWS = {
    "own_ledger": (OWN_LEDGER, "dpd balance draw_amount"),
    "bureau": (BUREAU, "kind amount dpd card_utilization"),
    "agency": (AGENCY, "kind"),
    "income_assets": (INCOME_ASSETS, "payroll inferred_income liquid_assets"),
    "consumption": (
        CONSUMPTION,
        "necessities discretionary high_ticket virtual_topup cashout_suspect high_ticket_count",
    ),
    "device_social": (
        DEVICE_SOCIAL,
        "devices shared_device_risk phone_tenure profile_changes contact_change",
    ),
}
REVIEWS = [("2023-10-20", 8000), ("2024-08-20", 10000), ("2024-11-14", 12000)]


def days_between(first: str, last: str) -> int:
    return (date.fromisoformat(last) - date.fromisoformat(first)).days


def still_owed(as_of: str, *loans: tuple[str, float]) -> float:
    return sum(amount * 0.88 ** (days_between(opened, as_of) / MONTH) for opened, amount in loans)


BALANCE_ELSEWHERE = still_owed(RELEASE_DAY, ("2024-01-10", 6000), ("2024-09-15", 4000), ("2024-10-30", 5000))
AT_RELEASE = {
    "own_dpd_current": 3,
    "own_dpd_max_12m": 15,
    "own_late_count_6m": 2,
    "own_ontime_streak": 0,
    "own_utilization": 5000 / 12000,
    "own_balance_to_income": 5000 / 7500,
    "own_draws_30d": 1,  # of 28 October; that of the day itself is what the request asks for
    "requested_to_available": 4000 / (12000 - 5000),
    "account_age": days_between("2023-10-20", RELEASE_DAY) / MONTH,
    "days_since_limit_review": 6,
    "limit_change_90d": 12000 / 10000 - 1,
    "bureau_lenders": 3 - 1,
    "bureau_unsecured_bal": BALANCE_ELSEWHERE,
    "bureau_new_loans_3m": 2,
    "bureau_enq_1m": 2,
    "bureau_enq_3m": 3,
    "bureau_enq_6m": 4,
    "bureau_dpd_max_24m": 70,
    "bureau_m2_count_24m": 2,
    "card_utilization": 0.5,
    "oldest_account_age": days_between("2019-11-20", RELEASE_DAY) / MONTH,
    "monthly_obligation": 1.08 * (5000 + BALANCE_ELSEWHERE) / 8,
    "dti_ratio": 1.08 * (5000 + BALANCE_ELSEWHERE) / 8 / 7500,
    "thin_file": 0,
    "bureau_data_age": 10,
    "mp_apps_7d": 1,
    "mp_apps_30d": 3,
    "mp_lenders_90d": 2,
    "income_verified": (9000 + 6000) / 2,
    "income_proxy": (8400 + 8600 + 8800 + 9000 + 9200 + 9400) / 6,
    "income_cv_6m": math.sqrt((0**2 + 1000**2 + 1000**2 + 2000**2) / 3) / 8000,
    "income_drop_3m": 1 - 7500 / 8500,
    "payroll_gap": 2,
    "liquid_assets_30d": 12000,
    "cash_buffer": 12000 / (5200 / 3),
    "spend_avg_12m": (1000 + 1000 + 1100 + 1000 + 1000 + 1000 + 1500 + 2700) / 8,
    "spend_surge_1m": 2700 / ((1000 + 1100 + 1000 + 1000 + 1000 + 1500) / 6) - 1,
    "spend_income_ratio_3m": (5200 / 3) / 7500,
    "discretionary_share_3m": (200 + 400 + 800) / 5200,
    "high_ticket_30d": 3,
    "virtual_recharge_share_3m": (50 + 50 + 200) / 5200,
    "cashout_suspect_30d": 100,
    "festival_adj_spend": 2700 / 1.35,
    "device_count_90d": 4,
    "shared_device_risk": (0.2 + 0.3 + 0.4) / 3,
    "phone_tenure": 23,
    "profile_changes_30d": 2,
    "contact_change_30d": 0.04,
    "requested_amount": 4000,
    "requested_term": 12,
    "amount_to_income": 4000 / 7500,
    "dti_after_draw": 1.08 * (5000 + 4000 + BALANCE_ELSEWHERE) / 8 / 7500,
}
ELSEWHERE_AT_REVIEW = still_owed(LIMIT_DAY, ("2024-01-10", 6000), ("2024-09-15", 4000))
AT_REVIEW = {
    "own_dpd_current": 0,
    "own_dpd_max_12m": 15,
    "own_late_count_6m": 1,
    "own_ontime_streak": 4,
    "own_utilization": 5500 / 10000,
    "own_balance_to_income": 5500 / 7500,
    "own_draws_30d": 1,
    "requested_to_available": 2000 / (10000 - 3500),  # the draw of 28 October
    "account_age": days_between("2023-10-20", LIMIT_DAY) / MONTH,
    "days_since_limit_review": days_between("2024-08-20", LIMIT_DAY),
    "limit_change_90d": 10000 / 8000 - 1,
    "bureau_lenders": 2 - 1,
    "bureau_unsecured_bal": ELSEWHERE_AT_REVIEW,
    "bureau_new_loans_3m": 1,
    "bureau_enq_1m": 2,
    "bureau_enq_3m": 3,
    "bureau_enq_6m": 5,
    "bureau_dpd_max_24m": 70,
    "bureau_m2_count_24m": 2,
    "card_utilization": 0.5,
    "oldest_account_age": days_between("2019-11-20", LIMIT_DAY) / MONTH,
    "monthly_obligation": 1.08 * (5500 + ELSEWHERE_AT_REVIEW) / 8,
    "dti_ratio": 1.08 * (5500 + ELSEWHERE_AT_REVIEW) / 8 / 7500,
    "thin_file": 0,
    "bureau_data_age": 4,
    "mp_apps_7d": 1,
    "mp_apps_30d": 2,
    "mp_lenders_90d": 2,
    "income_verified": (9000 + 6000) / 2,
    "income_proxy": (8200 + 8400 + 8600 + 8800 + 9000 + 9200) / 6,
    "income_cv_6m": math.sqrt((0**2 + 0**2 + 1000**2 + 1000**2 + 2000**2) / 4) / 8000,
    "income_drop_3m": 1 - 7500 / ((8000 + 8000 + 9000) / 3),
    "payroll_gap": 1,
    "liquid_assets_30d": 15000,
    "cash_buffer": 15000 / (3500 / 3),
    "spend_avg_12m": (1000 + 1000 + 1100 + 1000 + 1000 + 1000 + 1500) / 7,
    "spend_surge_1m": 1500 / ((1000 + 1000 + 1100 + 1000 + 1000 + 1000) / 6) - 1,
    "spend_income_ratio_3m": (3500 / 3) / 7500,
    "discretionary_share_3m": (300 + 200 + 400) / 3500,
    "high_ticket_30d": 1,
    "virtual_recharge_share_3m": (100 + 50 + 50) / 3500,
    "cashout_suspect_30d": 50,
    "festival_adj_spend": 1500 / 1.0,
    "device_count_90d": 4,
    "shared_device_risk": (0.1 + 0.2 + 0.3) / 3,
    "phone_tenure": 22,
    "profile_changes_30d": 0,
    "contact_change_30d": 0.03,
}


@pytest.fixture
def frames(make_frame, make_random_frames):
    """The borrower made by hand, 7, between two neighbours of many random rows."""
    others = make_random_frames(2, 5)
    shift = {100: 5, 101: 9}

    def with_neighbours(table, frame):
        moved = others[table].assign(borrower_id=others[table]["borrower_id"].map(shift))
        return make_frame(table, [*moved.to_numpy(object), *frame.to_numpy(object)], " ".join(frame.columns))

    made = {
        "borrowers": make_frame("borrowers", [(7, "2023-10-20", 2)], "borrower_id opened_on region"),
        "limit_reviews": make_frame(
            "limit_reviews", [(7, *review) for review in REVIEWS], "borrower_id reviewed_on limit_after"
        ),
    }
    for stream, (text, columns) in ROWS.items():
        rows = [(7, *line.split()) for line in text.strip().splitlines()]
        made[f"observations/{stream}"] = make_frame(
            f"observations/{stream}", rows, f"borrower_id occurred_on visible_on {columns}"
        )
    return {table: with_neighbours(table, frame) for table, frame in made.items()} | {
        "outages": make_frame("outages", [], "stream from_on until_on")
    }


def values_of(book, parameters, day: str, reader: str) -> dict[str, float]:
    streams = read_streams(book, 0)
    at = streams.positions(np.array([7]))
    seen = snapshot(streams, at, to_days([np.datetime64(day)]), reader, parameters)
    features = dict(seen.features)
    if reader == "release":
        asked = (np.array([value], dtype=np.float32) for value in (AMOUNT, TERM))
        features |= request_features(seen, *asked, parameters)
    assert {values.dtype for values in features.values()} == {np.dtype(np.float32)}
    return {name: float(values[0]) for name, values in features.items()}


@pytest.mark.parametrize(
    ("reader", "day", "expected"),
    [("release", RELEASE_DAY, AT_RELEASE), ("limit", LIMIT_DAY, AT_REVIEW)],
    ids=["release", "limit"],
)
def test_every_feature_is_what_its_definition_gives(reader, day, expected, frames, memory_book, parameters):
    got = values_of(memory_book(frames), parameters, day, reader)
    assert got == {name: pytest.approx(value, rel=1e-5) for name, value in expected.items()}


def test_the_features_worked_out_here_are_all_there_are():
    catalogue = own_catalogue()
    context = {feature.name for feature in catalogue.features if feature.stream == "context"}
    assert set(AT_RELEASE) == set(catalogue.release)
    assert set(AT_REVIEW) == set(catalogue.limit) - context
