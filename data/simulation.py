"""One block of borrowers, lived through month by month."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from data import household as homes
from data.block import PAID, REVIEWED, Block, Days, Standing, moved_on, standing_of, start_block, still_open
from data.bureau import NEVER, apply_elsewhere, reporting_lag
from data.economy import Climate, Months
from data.randomness import Floats
from data.repayment import debt_service, next_status, strain
from data.reporting import (
    days_past_due,
    note_bureau,
    overdue_days,
    show_applications,
    show_delinquency,
    show_household,
)
from data.requesting import decide_requests, who_asks
from data.reviewing import review_limits
from data.script import Script
from data.world import Scenario, World


def simulate_block(
    ids: NDArray[np.int64],
    months: Months,
    climate: Climate,
    seed: int,
    world: World,
    scenario: Scenario,
    script: Script | None = None,
) -> Block:
    """Lives a block of borrowers through all months; what happened stands in its `record`."""
    block = start_block(ids, months, climate, seed, world, scenario, script)
    now = homes.at_rest(len(ids))
    for position in range(months.total):
        now = _live_month(block, position, now)
    return block


def _live_month(block: Block, position: int, before: homes.Household) -> homes.Household:
    month, macro = int(block.months.index[position]), float(block.climate.macro[position])
    world, account = block.world, block.account
    now = homes.next_month(before, block.borrowers, block.draws, month, macro, world, block.scenario)
    show_household(block, position, month, now)
    owed = account.balance + block.debt_elsewhere
    short = now.spend + owed / world.borrowing.instalment_months - now.income
    gap = np.clip(short / now.income, 0.0, world.borrowing.gap_ceiling)
    _borrow_elsewhere(block, position, month, now, gap)
    _hear_of_lateness(block, position)
    at_first = standing_of(account)
    _repay(block, position, month, now, owed)
    after = standing_of(account)
    first_day, cycle_day = block.first_day[position], block.borrowers.cycle_day

    def standing_on(day: Days) -> Standing:
        """The accounts on a day of this month: payments count from the day after their date."""
        return moved_on(at_first, after, day >= first_day + cycle_day, PAID)

    request_day = first_day + np.floor(28 * block.draws.uniform("request_day", month)).astype(np.int32)
    then = standing_on(request_day)
    # Whether to ask is settled before the review, so that a switched-off lag can move the review to that day.
    asks = who_asks(block, position, month, now, gap, then)
    review_day = review_limits(block, position, month, asks, request_day, standing_on)
    reviewed = (review_day >= 0) & (review_day <= request_day)
    then = moved_on(then, standing_of(account), reviewed, REVIEWED)
    drawn = decide_requests(block, position, month, now, asks, request_day, then)
    _keep_ledger(block, position, request_day, drawn, then)
    return now


def _hear_of_lateness(block: Block, position: int) -> None:
    """Puts on show what the bureau has told of late payments by the first day of the month."""
    for rows in block.account.late_news.pop(position, []):
        block.account.late_shown[rows] = position


def _borrow_elsewhere(block: Block, position: int, month: int, now: homes.Household, gap: Floats) -> None:
    world, borrowers, draws = block.world, block.borrowers, block.draws
    b, at_once = world.borrowing, not world.mechanisms.data_lag
    first_day = int(block.first_day[position])
    days = int(block.first_day[position + 1]) - first_day
    block.bureau.turn_month(first_day)
    rows, key, amount, opening_visible = block.accounts_elsewhere.close_some(draws, month, b.close_rate)
    closed_on = (first_day + np.floor(days * draws.uniform("closing_day", month, key, rows))).astype(np.int32)
    lag = reporting_lag(draws.uniform("closing_lag", month, key, rows), world.reporting, at_once)
    # An account that the bureau knows is reported closed sooner or later, and never before it is reported open.
    lag = np.minimum(lag, world.reporting.bureau_slow_days[1])
    lag = np.where(opening_visible < NEVER, np.maximum(lag, opening_visible - closed_on), NEVER)
    visible = note_bureau(block, "loan_closed", rows, closed_on, lag.astype(np.int32), amount=amount)
    block.bureau.add(rows, visible, -1.0, np.zeros(len(rows)))
    log_rate = (
        b.intercept
        + b.spending * borrowers.spending
        + b.willingness * borrowers.willingness
        + b.liquidity * now.liquidity
        + b.gap * gap
        + b.refused * block.account.refused
        - b.competition * world.economy.competition_mean
    )
    new = apply_elsewhere(
        borrowers,
        draws,
        month,
        first_day,
        days,
        now.income,
        log_rate,
        block.climate.competition[position, borrowers.region],
        world.economy.competition_ceiling,
        float(block.climate.macro[position]),
        b,
        world.reporting,
        at_once,
    )
    show_applications(block, month, new)
    opened = np.bincount(new.rows[new.opened], new.amount[new.opened], len(borrowers))
    block.debt_elsewhere = b.balance_decay * block.debt_elsewhere + opened
    block.lenders = block.accounts_elsewhere.count(len(borrowers))
    block.record.lenders.append(block.lenders.astype(np.int16))
    block.record.applications.append(np.bincount(new.rows, minlength=len(borrowers)).astype(np.int16))


def _repay(block: Block, position: int, month: int, now: homes.Household, owed: Floats) -> None:
    world, account, draws = block.world, block.account, block.draws
    pressed = strain(
        block.borrowers.willingness,
        block.borrowers.network,
        now.liquidity,
        now.jobless,
        block.lenders,
        float(block.climate.macro[position]),
        world.repayment,
    )
    uniform = draws.uniform("repayment", month)
    service = debt_service(owed, now.income, world.borrowing)
    account.status = next_status(account.status, pressed, service, owed > 0, uniform, world.repayment)
    with_us = account.balance > 0
    late = account.status > 0
    account.late = np.where(late & with_us, position, account.late)
    account.late_shown = np.where(late & with_us, position, account.late_shown)
    falls_due = account.due[position]
    account.arrears = np.where(late, account.arrears + falls_due, 0.0) * with_us
    unpaid = account.due[position + 1 :].sum(axis=0) + account.arrears
    account.balance = np.maximum(unpaid, 0.0)
    record = block.record
    record.status.append(account.status)
    record.strains.append(pressed)
    record.balance.append(owed)
    record.income.append(now.income)
    record.repayment.append(uniform)
    show_delinquency(block, position, month)


def _keep_ledger(block: Block, position: int, request_day: Days, drawn: Floats, then: Standing) -> None:
    """Writes our ledger's rows of the month: a statement on the payment date, and each draw on its day."""
    account, borrowers = block.account, block.borrowers
    pay_day = block.first_day[position] + borrowers.cycle_day - 1
    rows = np.flatnonzero(still_open(block, int(block.months.index[position]), account.status))
    balance = account.balance - np.where(request_day > pay_day, drawn, 0.0)
    block.record.note(
        "own_ledger/statement",
        {
            "rows": rows,
            "occurred_on": pay_day[rows],
            "dpd": np.where(balance > 0, days_past_due(account.status), 0)[rows].astype(np.int16),
            "balance": balance[rows].astype(np.float32),
            "draw_amount": np.zeros(len(rows), dtype=np.float32),
        },
    )
    rows = np.flatnonzero(drawn)
    block.record.note(
        "own_ledger/draw",
        {
            "rows": rows,
            "occurred_on": request_day[rows],
            "dpd": overdue_days(then)[rows],
            "balance": (then.balance + drawn)[rows].astype(np.float32),
            "draw_amount": drawn[rows].astype(np.float32),
        },
    )
