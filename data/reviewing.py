"""Limit reviews of the historical lender, month by month."""

from __future__ import annotations

import numpy as np

from data.block import OUR_ID_MONTHS, Block, Days, Flags, still_open
from data.lender import LimitInputs, assessed_limit
from data.limit_rules import rounded, ruled_limit
from data.randomness import Whole
from data.repayment import debt_service


def review_limits(block: Block, position: int, month: int, asks: Flags, request_day: Days) -> Days:
    """Holds this month's limit reviews; returns the day of each borrower's review, −1 where none was."""
    world, account, borrowers, draws = block.world, block.account, block.borrowers, block.draws
    rules, scenario, mechanisms = world.limit_reviews, block.scenario, world.mechanisms
    day = np.full(len(borrowers), -1, dtype=np.int32)
    if month > block.months.history:
        return day
    is_open = still_open(block, month)
    opening = is_open & np.isnan(account.limit)
    due = is_open & ((borrowers.ids + position) % rules.every_months == 0)
    chosen = opening | due
    usual = block.first_day[position] + np.floor(28 * draws.uniform("review_day", month)).astype(np.int32)
    if not mechanisms.data_lag:
        chosen |= asks
        usual = np.where(asks, request_day, usual)
    rows = np.flatnonzero(chosen)
    day[rows] = usual[rows]
    shocked = month >= scenario.from_month
    share = (
        scenario.marketing_share
        if shocked and scenario.marketing_share is not None
        else rules.marketing_share
    )
    marketing = (draws.uniform("marketing", month)[rows] < share) & mechanisms.misread
    rate = scenario.slip_rate if shocked and scenario.slip_rate is not None else rules.slip_rate
    slip = (draws.uniform("limit_slip", month)[rows] < rate) & mechanisms.error
    inputs = _limit_inputs(block, position, month, rows, day[rows], marketing)
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
    block: Block, position: int, month: int, rows: Whole, day: Days, marketing: Flags
) -> LimitInputs:
    """What the limit reader sees: consumption and income as of the month before, the bureau as of the day."""
    world, account = block.world, block.account
    refreshed = max(position - 1, 0) if world.mechanisms.data_lag else position
    spend = np.mean([seen[rows] for seen in block.spend_seen[max(refreshed - 11, 0) : refreshed + 1]], axis=0)
    if not world.mechanisms.misread:
        spend = block.permanent_spend[rows]
    income = block.income_seen[refreshed][rows]
    lenders, balance, enquiries = block.bureau.shown(rows, day)
    return LimitInputs(
        income=income,
        platform_spend=spend,
        tenure=np.maximum(month - block.borrowers.opened[rows], 0).astype(np.float64),
        lenders=lenders,
        enquiries=enquiries,
        debt_service=debt_service(balance + account.balance[rows], income, world.borrowing),
        late=(position - account.late[rows] < 6).astype(np.float64),
        anomaly=block.anomaly_seen[refreshed][rows],
        competition=block.climate.competition[position, block.borrowers.region[rows]],
        marketing=marketing,
        noise=block.draws.normal("limit_noise", month, rows=rows),
    )
