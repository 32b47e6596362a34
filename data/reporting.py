"""How what happens to a block of borrowers reaches the streams of its book, and when."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from data import household as homes
from data.block import Block, Columns, Days, Standing
from data.bureau import NEVER, Applications, reporting_lag
from data.economy import Months
from data.months import month_start
from data.randomness import Floats, Whole
from data.world import Scenario, World


def show_household(block: Block, position: int, month: int, now: homes.Household) -> None:
    """Writes the month's rows of income, consumption, devices and cards; keeps what the lender reads of them."""
    world, borrowers, draws = block.world, block.borrowers, block.draws
    season, _ = homes.season_of(month, world, block.scenario)
    income = homes.income_shown(borrowers, draws, month, now, world.income, world.spending)
    consumption = homes.spending_shown(borrowers, draws, month, now, season, world.spending)
    if block.script is not None and block.script.capacity_shown:
        stated, consumption = homes.capacity_shown(borrowers, draws, month, now, season, world)
    else:
        stated = income
    shown = {
        "income_assets": stated,
        "consumption": consumption,
        "device_social": homes.devices_shown(borrowers, draws, month, now),
    }
    for stream, columns in shown.items():
        block.record.monthly.setdefault(stream, []).append(
            {name: values.astype(np.float32) for name, values in columns.items()}
        )
    income_read = np.where(np.isnan(income["payroll"]), income["inferred_income"], income["payroll"])
    block.spend_seen.append(now.platform_spend)
    block.income_seen.append(income_read if world.mechanisms.misread else now.income)
    block.anomaly_seen.append(now.anomaly)
    _show_cards(block, position, month, now)


def _show_cards(block: Block, position: int, month: int, now: homes.Household) -> None:
    """Card use reaches the bureau once a quarter (a plain generator tied to spending, capacity and need)."""
    borrowers = block.borrowers
    rows = np.flatnonzero((borrowers.cards > 0) & ((borrowers.ids + position) % 3 == 0))
    pull = 0.5 * borrowers.spending - 0.4 * borrowers.capacity + np.minimum(now.liquidity, 2.0)
    log_odds = pull[rows] - 0.5 + 0.5 * block.draws.normal("card_use", month, rows=rows)
    on = block.first_day[position] + borrowers.cycle_day[rows] - 1
    note_bureau(
        block,
        "card_statement",
        rows,
        on,
        _fast_lag(block, "card_lag", month, rows),
        use=1 / (1 + np.exp(-log_odds)),
    )


def show_applications(block: Block, month: int, new: Applications) -> None:
    """Writes applications and loans elsewhere into bureau and agency, each with the day on which it shows."""
    reporting, draws = block.world.reporting, block.draws
    at_once = np.zeros(len(new.rows), dtype=np.int32)
    shown = note_bureau(block, "enquiry", new.rows, new.day, at_once)
    block.bureau.add_enquiries(new.rows, new.day, shown)
    loans = new.opened
    rows, day, amount = new.rows[loans], new.day[loans], new.amount[loans]
    visible = note_bureau(block, "loan_opened", rows, day, new.lag[loans], amount=amount)
    block.bureau.add(rows, visible, 1.0, amount)
    block.accounts_elsewhere.open(new, month, visible)
    first, last = reporting.agency_days if block.world.mechanisms.data_lag else (0, 0)
    lag = first + np.floor(
        (last - first + 1) * draws.uniform("agency_lag", month, new.index, new.rows)
    ).astype(np.int32)
    for kind, which in (("application", np.ones(len(loans), dtype=bool)), ("loan", loans)):
        columns: Columns = {
            "rows": new.rows[which],
            "occurred_on": new.day[which],
            "visible_on": (new.day + lag)[which],
        }
        block.record.note(f"agency/{kind}", columns)


def show_delinquency(block: Block, position: int, month: int) -> None:
    """Tells the bureau who is past due, where an account elsewhere is open."""
    rows = np.flatnonzero((block.account.status > 0) & (block.lenders > 0))
    on = block.first_day[position] + block.borrowers.cycle_day[rows] - 1
    uniform = block.draws.uniform("late_lag", month, rows=rows)
    lag = reporting_lag(uniform, block.world.reporting, not block.world.mechanisms.data_lag)
    visible = note_bureau(block, "delinquency", rows, on, lag, dpd=days_past_due(block.account.status[rows]))
    # A lender's scorecard reads it from the first month that begins after it has come on show.
    told = np.searchsorted(block.first_day, visible, side="left")
    for later in np.unique(told[told < block.months.total]).tolist():
        block.account.late_news.setdefault(later, []).append(rows[told == later])


def overdue_days(standing: Standing) -> NDArray[np.int16]:
    """Days past due with us: only who owes us something is."""
    return np.where(standing.balance > 0, days_past_due(standing.status), 0).astype(np.int16)


def days_past_due(status: NDArray[np.int16]) -> NDArray[np.int16]:
    """Days past due ten days after the payment date, for months past due."""
    return np.where(status > 0, 10 + 30 * (np.minimum(status, 60) - 1), 0).astype(np.int16)


def _fast_lag(block: Block, stream: str, month: int, rows: Whole) -> Days:
    if not block.world.mechanisms.data_lag:
        return np.zeros(len(rows), dtype=np.int32)
    first, last = block.world.reporting.bureau_fast_days
    uniform = block.draws.uniform(stream, month, rows=rows)
    return (first + np.floor(uniform * (last - first + 1))).astype(np.int32)


def _visible_on(block: Block, on: Days, lag: Days) -> Days:
    """Day on which the bureau shows an event: after its lag, and not before the end of an outage."""
    visible = np.where(lag < NEVER, on + lag, NEVER)
    outage = outage_days(block.months, block.scenario, block.world)
    if outage is not None:
        visible = np.where((visible >= outage[0]) & (visible < outage[1]), outage[1], visible)
    return visible.astype(np.int32)


def outage_days(months: Months, scenario: Scenario, world: World) -> tuple[int, int] | None:
    """First day of the scenario's bureau outage and the first day after it, if it has one."""
    if not scenario.bureau_outage_days or not world.mechanisms.data_lag:
        return None
    first = int(month_start(scenario.from_month, world.first_month))
    return first, first + scenario.bureau_outage_days


def note_bureau(
    block: Block,
    kind: str,
    rows: Whole,
    on: Days,
    lag: Days,
    amount: Floats | None = None,
    dpd: NDArray[np.int16] | None = None,
    use: Floats | None = None,
) -> Days:
    """Writes events into the bureau stream where they are ever reported; returns when each is visible."""
    visible = _visible_on(block, on, lag)
    told = visible < NEVER
    none = np.full(int(told.sum()), np.nan, dtype=np.float32)
    block.record.note(
        f"bureau/{kind}",
        {
            "rows": rows[told],
            "occurred_on": on[told],
            "visible_on": visible[told],
            "amount": none if amount is None else amount[told].astype(np.float32),
            "dpd": none if dpd is None else dpd[told].astype(np.float32),
            "card_utilization": none if use is None else use[told].astype(np.float32),
        },
    )
    return visible
