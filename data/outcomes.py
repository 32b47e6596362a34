"""What became of each request: the outcome that the lender sees, and the one that only the oracle knows."""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from data.block import Block, Columns
from data.household import permanent_income
from data.repayment import MONTHS_IN_90_DAYS, outcomes_with_draw
from data.schema import Table

MONTHS_IN_A_YEAR = 12
RUN_OF_30_DAYS, RUN_OF_90_DAYS = 2, 4
"""Months past due in a row that mean 30+ and 90+ days past due."""

ORACLE_REQUESTS = Table(
    "oracle/requests",
    {
        "request_id": pa.int64(),
        "true_pd": pa.float32(),
        "bad_with_draw": pa.int8(),
        "release_slip": pa.bool_(),
        "limit_slip": pa.bool_(),
        "marketing": pa.bool_(),
        "policy_tightened": pa.bool_(),
        "competition": pa.float32(),
        "debt_hidden": pa.float32(),
        "income_true": pa.float32(),
        "lenders_true": pa.int16(),
        "enquiries_91d": pa.int16(),
        "months_past_due": pa.int16(),
        "jobless": pa.bool_(),
        "liquidity": pa.float32(),
        "macro": pa.float32(),
        "debt_elsewhere": pa.float32(),
        "balance": pa.float32(),
    },
    ("request_id",),
    ("request_id",),
)
"""What only the simulator knows of each request: PD of the state and outcome with the draw; flags of slips and
marketing, and whether policy has tightened since the last raise; competition; debt that the bureau does not show
on that day (RMB); enquiries in 91 days as the bureau shows them. And the state that the PD follows from
(`data.states.State`), as of the end of the request's month but for the balance with us before the draw (RMB)."""

ORACLE_BORROWERS = Table(
    "oracle/borrowers",
    {
        "borrower_id": pa.int64(),
        "capacity": pa.float32(),
        "willingness": pa.float32(),
        "spending": pa.float32(),
        "network": pa.float32(),
        "income_permanent": pa.float32(),
    },
    ("borrower_id",),
    ("borrower_id",),
)
"""What only the simulator knows of each borrower: latent traits (standard deviations) and
permanent income (RMB a month)."""

ORACLE_QUARTERS = Table(
    "oracle/quarters",
    {"borrower_id": pa.int64(), "month": pa.int16(), "lenders": pa.int16(), "enquiries": pa.int16()},
    ("borrower_id", "month"),
    ("borrower_id", "month"),
)
"""Open lenders at the end of every third month of history, those that the bureau never hears of included, and
applications in the three months up to it."""

ORACLE_TABLES = {table.name: table for table in (ORACLE_REQUESTS, ORACLE_BORROWERS, ORACLE_QUARTERS)}


def outcomes_of(block: Block, requests: Columns) -> tuple[Columns, Columns]:
    """Outcomes of released requests, and the oracle's table of all requests.

    Args:
        block: A simulated block.
        requests: Its requests, one array per column, with `rows` and `position` (of the month).
    """
    refused = requests["refuse_executed"].astype(bool)
    extra = np.where(refused, requests["amount"], 0.0).astype(np.float64)
    position, rows = (requests[name].astype(np.int64) for name in ("position", "rows"))
    paths, term = block.record.paths(), requests["term"].astype(np.int8)
    run_90, run_year = (
        outcomes_with_draw(paths, position, rows, extra, term, months, block.world)
        for months in (MONTHS_IN_90_DAYS, MONTHS_IN_A_YEAR)
    )
    bad = run_90 >= RUN_OF_30_DAYS
    mature = position + MONTHS_IN_A_YEAR < block.months.total
    bad_12m = np.where(mature, run_year >= RUN_OF_90_DAYS, np.nan)
    seen = {
        "request_id": requests["request_id"][~refused],
        "bad": bad[~refused].astype(np.int8),
        "bad_12m": bad_12m[~refused],
    }
    oracle = {"bad_with_draw": bad.astype(np.int8), "release_slip": requests["slip"]}
    return seen, requests | oracle


def traits_of(block: Block) -> Columns:
    """The oracle's table of borrowers."""
    who = block.borrowers
    return {
        "borrower_id": who.ids,
        "capacity": who.capacity,
        "willingness": who.willingness,
        "spending": who.spending,
        "network": who.network,
        "income_permanent": permanent_income(who, block.world.income),
    }


def quarters_of(block: Block) -> Columns:
    """The oracle's table of quarters."""
    ends = np.flatnonzero((block.months.index >= 3) & (block.months.index <= block.months.history))[::3]
    enquiries = np.stack(block.record.applications)
    in_quarter = np.stack([enquiries[end - 2 : end + 1].sum(axis=0) for end in ends], axis=1)
    return {
        "borrower_id": np.repeat(block.borrowers.ids, len(ends)),
        "month": np.tile(block.months.index[ends].astype(np.int16), len(block.borrowers)),
        "lenders": np.stack(block.record.lenders)[ends].T.reshape(-1),
        "enquiries": in_quarter.reshape(-1).astype(np.int16),
    }
