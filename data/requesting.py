"""Draw requests and the historical lender's decisions on them, month by month."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from data.block import OUR_ID_MONTHS, Block, Columns, Days, Flags, Standing, still_open
from data.economy import Climate
from data.household import Household
from data.lender import ReleaseInputs, refusals
from data.randomness import Floats, Whole
from data.repayment import debt_service
from data.reporting import outage_days, overdue_days
from data.states import State, pd_of


def who_asks(block: Block, position: int, month: int, now: Household, gap: Floats, then: Standing) -> Flags:
    """Who wants a draw this month."""
    if block.script is not None:
        return np.isin(block.borrowers.ids, block.script.at(position).borrower_id)
    requests = block.world.requests
    raised_lately = position - then.raised <= requests.raised_months
    log_odds = (
        requests.intercept
        + requests.spending * block.borrowers.spending
        + requests.liquidity * now.liquidity
        + requests.gap * gap
        + requests.raised * raised_lately
        + requests.past_due * (then.status > 0)
    )
    wants = block.draws.uniform("request", month) < 1 / (1 + np.exp(-log_odds))
    in_history = 1 <= month <= block.months.history
    return np.asarray(wants & still_open(block, month - 1, then.status) & in_history)


def decide_requests(
    block: Block,
    position: int,
    month: int,
    now: Household,
    asks: Flags,
    request_day: Days,
    then: Standing,
) -> Floats:
    """Takes this month's requests and decides on them; returns what each borrower has drawn (RMB)."""
    world, account, borrowers = block.world, block.account, block.borrowers
    size = len(borrowers)
    drawn = np.zeros(size)
    account.refused = np.zeros(size, dtype=bool)
    rows, amount, term, apr = _asked(block, position, month, now, asks, then)
    day = request_day[rows]
    inputs, hidden = _release_inputs(block, position, month, now, rows, day, amount, then)
    refuse, random_release, slip = _decided(block, position, month, rows, inputs)
    executed = (refuse & ~random_release) ^ slip
    released = ~executed
    drawn[rows] = np.where(released, amount, 0.0)
    account.balance += drawn
    account.refused[rows] = executed
    for ahead in range(1, max(world.requests.terms) + 1):
        paying = released & (term >= ahead)
        account.due[position + ahead, rows[paying]] += (amount / term)[paying]
    block.record.note(
        "draw_requests",
        {
            "rows": rows,
            "request_id": borrowers.ids[rows] * OUR_ID_MONTHS + position,
            "requested_on": day,
            "amount": amount.astype(np.float32),
            "term": term,
            "apr": apr.astype(np.float32),
            "review_id": borrowers.ids[rows] * OUR_ID_MONTHS + then.review[rows],
            "position": np.full(len(rows), position, dtype=np.int16),
            "refuse_system": refuse,
            "refuse_executed": executed,
            "random_release": random_release,
            "slip": slip,
            **hidden,
        },
    )
    return drawn


def _asked(
    block: Block, position: int, month: int, now: Household, asks: Flags, then: Standing
) -> tuple[Whole, Floats, NDArray[np.int8], Floats]:
    """Who asks this month (position in the block), for what amount (RMB), term (months) and APR (percent)."""
    if block.script is not None:
        said = block.script.at(position)
        rows = np.searchsorted(block.borrowers.ids, said.borrower_id)
        return rows, said.amount, said.term, said.apr
    wanted, draws = block.world.requests, block.draws
    available = np.nan_to_num(then.limit - then.balance)
    rows = np.flatnonzero(asks & (available >= wanted.least))
    desired = now.income[rows] * np.exp(
        wanted.size_location + wanted.size_spread * draws.normal("request_size", month, rows=rows)
    )
    amount = np.maximum(np.floor(np.minimum(available[rows], desired) / 10) * 10, 100.0)
    term = np.asarray(wanted.terms, dtype=np.int8)[
        np.searchsorted(
            np.cumsum(wanted.term_shares)[:-1], draws.uniform("term", month, rows=rows), side="right"
        )
    ]
    apr = wanted.apr_median * np.exp(wanted.apr_spread * draws.normal("apr", month, rows=rows))
    return rows, amount, term, np.clip(apr, wanted.apr_least, wanted.apr_most)


def _decided(
    block: Block, position: int, month: int, rows: Whole, inputs: ReleaseInputs
) -> tuple[Flags, Flags, Flags]:
    """Which of this month's requests the system refuses, which are released at random, and which slip."""
    if block.script is not None:
        said = block.script.at(position)
        return said.refuse_system, said.random_release, said.slip
    world, draws = block.world, block.draws
    refuse, score_only = refusals(inputs, world.scorecard)
    random_release = score_only & (
        draws.uniform("random_release", month, rows=rows) < world.scorecard.random_release_share
    )
    rate = block.scenario.slip_rate if month >= block.scenario.from_month else None
    rate = world.scorecard.error_rate if rate is None else rate
    slip = (draws.uniform("release_slip", month, rows=rows) < rate) & world.mechanisms.error & ~random_release
    return refuse, random_release, slip


def _release_inputs(
    block: Block,
    position: int,
    month: int,
    now: Household,
    rows: Whole,
    day: Days,
    amount: Floats,
    then: Standing,
) -> tuple[ReleaseInputs, Columns]:
    """What the release reader sees on the day of the request, and for the oracle what it does not see."""
    world, climate, borrowers = block.world, block.climate, block.borrowers
    balance = then.balance[rows]
    # This month's rows show from the day after the statement, last month's before.
    fresh = day >= block.first_day[position] + borrowers.cycle_day[rows]
    income, anomaly = (
        np.where(fresh, seen[position][rows], seen[max(position - 1, 0)][rows])
        for seen in (block.income_seen, block.anomaly_seen)
    )
    lenders, reported, enquiries = block.bureau.shown(rows, day)
    competition = climate.competition[position, borrowers.region[rows]]
    since_late = position - then.late_shown[rows]
    at_raise = np.where(then.raised[rows] >= 0, then.raised[rows], position)
    in_force = np.full(len(rows), position)
    if not world.mechanisms.policy:
        in_force = _looser(climate, position, at_raise)
    outage = outage_days(block.months, block.scenario, world)
    missing = np.zeros(len(rows), dtype=bool) if outage is None else (day >= outage[0]) & (day < outage[1])
    inputs = ReleaseInputs(
        debt_service=debt_service(balance + reported, income, world.borrowing),
        debt_service_with_draw=debt_service(balance + amount + reported, income, world.borrowing),
        lenders=lenders,
        enquiries=enquiries,
        late=((since_late >= 0) & (since_late < 12)).astype(np.float64),
        late_lately=((since_late >= 0) & (since_late < 2)).astype(np.float64),
        anomaly=anomaly,
        tenure=(month - borrowers.opened[rows]).astype(np.float64),
        overdue=overdue_days(then)[rows] > 0,
        bureau_missing=missing,
        cutoff=climate.cutoff[in_force] * (1 - world.policy.competition * competition),
        cap_debt_service=climate.cap_debt_service[in_force],
        cap_lenders=climate.cap_lenders[in_force].astype(np.float64),
        cap_enquiries=climate.cap_enquiries[in_force].astype(np.float64),
    )
    state = _state(block, position, now, rows, balance, amount)
    hidden: Columns = {
        "debt_hidden": (state.debt_elsewhere - reported).astype(np.float32),
        "enquiries_91d": enquiries.astype(np.int16),
        "competition": competition.astype(np.float32),
        "policy_tightened": climate.level[position] > climate.level[at_raise],
        "true_pd": pd_of(state, world),
        "income_true": state.income.astype(np.float32),
        "lenders_true": state.lenders.astype(np.int16),
        "months_past_due": state.status,
        "jobless": state.jobless,
        **{
            name: getattr(state, name).astype(np.float32)
            for name in ("liquidity", "macro", "debt_elsewhere", "balance")
        },
    }
    return inputs, hidden


def _state(
    block: Block, position: int, now: Household, rows: Whole, balance: Floats, amount: Floats
) -> State:
    who = block.borrowers
    return State(
        willingness=who.willingness[rows],
        network=who.network[rows],
        liquidity=now.liquidity[rows],
        jobless=now.jobless[rows],
        macro=np.full(len(rows), block.climate.macro[position]),
        income=block.record.income[position][rows],
        lenders=block.lenders[rows],
        debt_elsewhere=block.debt_elsewhere[rows],
        status=block.account.status[rows],
        balance=balance,
        amount=amount,
    )


def _looser(climate: Climate, position: int, raised: Whole) -> Whole:
    """Month position of the looser of today's policy and the policy at the last raise."""
    return np.where(climate.cutoff[raised] > climate.cutoff[position], raised, position)
