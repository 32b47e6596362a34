"""Limit reviews of the historical lender, month by month."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from data.block import OUR_ID_MONTHS, Block, Days, Flags, Standing, still_open
from data.lender import LimitInputs, assessed_limit
from data.limit_rules import rounded, ruled_limit
from data.randomness import Whole
from data.repayment import debt_service


def review_limits(
    block: Block,
    position: int,
    month: int,
    asks: Flags,
    request_day: Days,
    standing_on: Callable[[Days], Standing],
) -> Days:
    """Holds this month's limit reviews; returns the day of each borrower's review, −1 where none was."""
    world, account, borrowers, draws = block.world, block.account, block.borrowers, block.draws
    rules, scenario, mechanisms = world.limit_reviews, block.scenario, world.mechanisms
    day = np.full(len(borrowers), -1, dtype=np.int32)
    if month > block.months.history:
        return day
    usual = block.first_day[position] + np.floor(28 * draws.uniform("review_day", month)).astype(np.int32)
    # Where requests follow a script, whoever replays them recomputes the limit on their day himself.
    on_request = asks & (not mechanisms.data_lag and block.script is None)
    usual = np.where(on_request, request_day, usual)
    then = standing_on(usual)
    is_open = still_open(block, month, then.status)
    opening = is_open & np.isnan(account.limit)
    due = is_open & ((borrowers.ids + position) % rules.every_months == 0)
    regular = opening | due
    rows = np.flatnonzero(regular | on_request)
    day[rows] = usual[rows]
    shocked = month >= scenario.from_month
    share = (
        scenario.marketing_share
        if shocked and scenario.marketing_share is not None
        else rules.marketing_share
    )
    drawn = (draws.uniform("marketing", month) < share) & mechanisms.misread
    # A review that only a request brought on is the last regular one held again: its incentive and its slip stay.
    account.marketing = np.where(regular, drawn, account.marketing)
    rate = scenario.slip_rate if shocked and scenario.slip_rate is not None else rules.slip_rate
    drawn = (draws.uniform("limit_slip", month) < rate) & mechanisms.error
    account.slip = np.where(regular, drawn, account.slip)
    marketing, slip = account.marketing[rows], account.slip[rows]
    inputs = _limit_inputs(block, position, month, rows, day[rows], marketing, then)
    assessed = assessed_limit(inputs, rules)
    before = account.limit[rows]
    after = ruled_limit(assessed, before, position - account.raised[rows], rules)
    slipped = np.clip(after * np.exp(rules.slip_log_factor), rules.floor, rules.ceiling)
    after = np.where(slip, rounded(slipped, rules), after)
    account.limit[rows] = after
    account.review[rows] = position
    account.raised[rows] = np.where(after > before, position, account.raised[rows])
    block.record.note(
        "limit_reviews",
        {
            "rows": rows,
            "review_id": borrowers.ids[rows] * OUR_ID_MONTHS + position,
            "reviewed_on": day[rows],
            "limit_before": before.astype(np.float32),
            "limit_assessed": assessed.astype(np.float32),
            "limit_after": after.astype(np.float32),
            "marketing": marketing,
            "slip": slip,
        },
    )
    return day


def _limit_inputs(
    block: Block, position: int, month: int, rows: Whole, day: Days, marketing: Flags, then: Standing
) -> LimitInputs:
    """What the limit reader sees: consumption and income as of the month before, the bureau as of the day.

    With the mechanism `data_lag` off it sees this month's rows from the day after the statement.
    """
    world = block.world
    fresh = np.zeros(len(rows), dtype=bool)
    if not world.mechanisms.data_lag:
        fresh = day >= block.first_day[position] + block.borrowers.cycle_day[rows]
    before = max(position - 1, 0)
    income, anomaly, spend = (
        np.where(fresh, seen(position), seen(before))
        for seen in (
            lambda month: block.income_seen[month][rows],
            lambda month: block.anomaly_seen[month][rows],
            lambda month: np.mean(
                [s[rows] for s in block.spend_seen[max(month - 11, 0) : month + 1]], axis=0
            ),
        )
    )
    if not world.mechanisms.misread:
        spend = block.permanent_spend[rows]
    lenders, balance, enquiries = block.bureau.shown(rows, day)
    return LimitInputs(
        income=income,
        platform_spend=spend,
        tenure=np.maximum(month - block.borrowers.opened[rows], 0).astype(np.float64),
        lenders=lenders,
        enquiries=enquiries,
        debt_service=debt_service(balance + then.balance[rows], income, world.borrowing),
        late=(position - then.late[rows] < 6).astype(np.float64),
        anomaly=anomaly,
        competition=block.climate.competition[position, block.borrowers.region[rows]],
        marketing=marketing,
        noise=block.draws.normal("limit_noise", month, rows=rows),
    )
