"""A book of a dozen borrowers made by hand: each has one conflict, and what made it is known."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pandas as pd

from data.book import Book, Manifest, open_book
from data.book_writer import BookWriter
from data.schema import DATED_TABLES, NO_CAP, STREAMS
from features.catalogue import own_catalogue
from models.limit_model import LimitModel
from models.release_model import ReleaseModel
from tests.features.conftest import frame_of

RULES = {
    "raise_from": 1.15,
    "cut_below": 0.75,
    "cool_down_months": 6,
    "floor": 500.0,
    "ceiling": 200_000.0,
    "round_to": 100.0,
}
REVIEWED, ASKED = "2024-06-10", "2024-07-15"
LATER = "2024-12-01"  # what becomes visible then, no reader saw

# By region the cut-off in June, in July, and both before competition lowered them; the PD is 0.05 at first.
CUTOFFS = {
    "tightened": (0.10, 0.03, 0.10, 0.03),
    "courted": (0.03, 0.03, 0.10, 0.10),
    "both": (0.06, 0.04, 0.12, 0.08),  # without either alone the cut-off lies above the PD
    "strict": (0.03, 0.03, 0.03, 0.03),
    "loose": (0.10, 0.10, 0.10, 0.10),
}
REGIONS = list(CUTOFFS)


@dataclass(frozen=True)
class Case:
    """A borrower: a raise on 10 June, and a refused request on 15 July.

    He earns five times what he spends, which is usual. The limit model gives ten times what he spends, but four times
    to whom it sees with two lenders or more.
    """

    region: str
    shares: dict[str, float]
    spent: float = 1000.0
    earned: float = 5000.0
    before: float = 5000.0
    assessed: float | None = None
    after: float | None = None
    balance: float = 0.0
    executed: str | None = None
    bureau: Sequence[tuple[str, str, str]] = ()


OPENED = [("loan_opened", "2024-05-01", LATER)] * 3
TAKEN = [("loan_opened", "2024-07-01", "2024-07-02")] * 3
CASES = {
    "policy": Case("tightened", {"policy": 1.0}),
    "competition": Case("courted", {"competition": 1.0}),
    "policy and competition": Case("both", {"policy": 0.5, "competition": 0.5}),
    "nothing": Case("strict", {"residual": 1.0}),
    # The limit saw none of three loans that he had.
    "late for the limit": Case("strict", {"data_lag": 1.0}, bureau=OPENED),
    # He took three loans between the raise and the request.
    "changed since the raise": Case("strict", {"data_lag": 1.0}, bureau=TAKEN),
    # His only loan was paid back, but the release did not see it.
    "late for the release": Case(
        "loose",
        {"data_lag": 1.0},
        bureau=[("loan_opened", "2023-03-01", "2023-03-02"), ("loan_closed", "2024-05-01", LATER)],
    ),
    # He spends all that he earns; of usual spending his limit would be 2,000.
    "misread": Case("strict", {"misread": 1.0}, earned=1000.0),
    "slip of the decision": Case("loose", {"error": 1.0}, executed="refuse"),
    # The rules leave 9,500 as it is; on record it was doubled.
    "slip of the limit": Case("strict", {"error": 1.0}, before=9500.0, assessed=9900.0, after=19_000.0),
    # The model gives 4,000; somebody made it 12,000 without a record.
    "override": Case("strict", {"error": 1.0}, spent=400.0, earned=2000.0, assessed=12_000.0),
    # Refused by a slip; but for the override he would have been by his use of the limit, 40 % of 10,000.
    "two errors": Case("loose", {"residual": 1.0}, assessed=30_000.0, balance=4000.0, executed="refuse"),
    # On record half of the 10,000 that the rules gave, so that he uses 40 % of his limit.
    "used up by a slip": Case(
        "loose", {"error": 1.0}, before=4000.0, assessed=10_000.0, after=5000.0, balance=2000.0
    ),
}
IDS = {name: 11 + 7 * (at * 5 % len(CASES)) for at, name in enumerate(CASES)}
REQUESTS = {name: 1000 + borrower for name, borrower in IDS.items()}

_LIMIT, _RELEASE = own_catalogue().limit, own_catalogue().release


def limit_of(values: np.ndarray) -> np.ndarray:
    """The limit (RMB) by row of a matrix of limit snapshots: see `Case`."""
    spent, lenders = (
        values[:, _LIMIT.index(name)].astype(float) for name in ("spend_avg_12m", "bureau_lenders")
    )
    return np.asarray(np.where(lenders >= 2, 4.0, 10.0) * spent)


def pd_of(values: np.ndarray) -> np.ndarray:
    """The PD by row of a matrix of release snapshots: 0.05, but 0.5 with a single lender, or 30 % of the limit used."""
    used, lenders = (
        values[:, _RELEASE.index(name)].astype(float) for name in ("own_utilization", "bureau_lenders")
    )
    return np.where((lenders == 1) | (used > 0.3), 0.5, 0.05)


LIMIT = cast(LimitModel, SimpleNamespace(limit=limit_of, score=lambda values: np.log(limit_of(values))))
RELEASE = cast(
    ReleaseModel,
    SimpleNamespace(features=_RELEASE, pd=pd_of, unreadable=lambda values: np.zeros(len(values), dtype=bool)),
)


def policy_table(cutoffs: dict[str, tuple[float, float, float, float]] | None = None) -> pd.DataFrame:
    """The policy table: June as all months before it, July as all after."""
    rows = []
    for month in pd.date_range("2023-01-01", periods=24, freq="MS"):
        for region, (june, july, june_alone, july_alone) in enumerate((cutoffs or CUTOFFS).values()):
            cutoff, alone = (june, june_alone) if month <= pd.Timestamp("2024-06-01") else (july, july_alone)
            rows.append((month, region, 1, cutoff, alone, NO_CAP, NO_CAP, NO_CAP))
    columns = "month_start region tightness cutoff cutoff_without_competition"
    return frame_of("policy", rows, f"{columns} cap_debt_service cap_lenders cap_enquiries")


def hand_book(path: Path, blocks: int = 2) -> Book:
    """The book, written to a folder."""
    months = pd.date_range("2023-01-01", periods=19, freq="MS")
    rows: dict[str, list[tuple[Any, ...]]] = {name: [] for name in STREAMS}
    borrowers, reviews, requests = [], [], []
    for at, (name, case) in enumerate(CASES.items()):
        who = IDS[name]
        borrowers.append((who, "2022-01-01", 1, REGIONS.index(case.region), "female", 30, "single"))
        rows["own_ledger"].append((who, "2024-01-01", "2024-01-01", 0, case.balance, 0))
        rows["bureau"].append((who, "2015-01-01", "2015-01-01", "file_opened"))
        rows["bureau"] += [(who, on, seen, kind) for kind, on, seen in case.bureau]
        for month in months:
            rows["income_assets"].append((who, month, month, case.earned, case.earned, 1000))
            rows["consumption"].append((who, month, month, case.spent))
            rows["device_social"].append((who, month, month, 1))
        # A limit model never meets every limit; what is far off is so for a reason.
        assessed = case.assessed or 10 * case.spent * (1.01 if at % 2 else 0.99)
        after = case.after or np.round(assessed / 100) * 100
        reviews.append((who * 10, who, REVIEWED, case.before, assessed, after))
        system = "release" if case.executed else "refuse"
        asked = (REQUESTS[name], who, ASKED, 1000, 12, who * 10, "v", system, case.executed or "refuse")
        requests.append(asked)
    columns = {
        "own_ledger": "dpd balance draw_amount",
        "bureau": "kind",
        "agency": "kind",
        "income_assets": "payroll inferred_income liquid_assets",
        "consumption": "necessities",
        "device_social": "devices",
    }
    streams = {
        f"observations/{name}": frame_of(
            f"observations/{name}", found, f"borrower_id occurred_on visible_on {columns[name]}"
        )
        for name, found in ((name, dated(found, 1, 2)) for name, found in rows.items())
    }
    tables = {
        "borrowers": frame_of(
            "borrowers",
            dated(borrowers, 1),
            "borrower_id opened_on city_tier region gender age marital_status",
        ),
        **streams,
        "limit_reviews": frame_of(
            "limit_reviews",
            dated(reviews, 2),
            "review_id borrower_id reviewed_on limit_before limit_assessed limit_after",
        ),
        "draw_requests": frame_of(
            "draw_requests",
            dated(requests, 2),
            "request_id borrower_id requested_on amount term review_id policy_version"
            " decision_system decision_executed",
        ),
        "policy": policy_table(),
        "market": frame_of(
            "market",
            [
                (month, region)
                for month in pd.date_range("2023-01-01", periods=24, freq="MS")
                for region in range(len(REGIONS))
            ],
            "month_start region",
        ),
        "outages": frame_of("outages", [], "stream from_on until_on"),
    }
    ids = np.sort(list(IDS.values()))
    with BookWriter(path) as writer:
        for name, frame in tables.items():
            table = DATED_TABLES[name]
            for block, members in enumerate(np.array_split(ids, blocks) if table.partitioned else [None]):
                part = frame if members is None else frame[frame["borrower_id"].isin(members)]
                writer.write(table, block, part.reset_index(drop=True))
        told = {"limit_reviews": RULES}
        writer.finish(Manifest(1, "simulated", blocks, first_month="2023-01", months=24, parameters=told))
    return open_book(path)


def dated(rows: list[tuple[Any, ...]], *places: int) -> list[tuple[Any, ...]]:
    """The rows with dates at some places."""
    return [
        tuple(pd.Timestamp(value) if at in places else value for at, value in enumerate(row)) for row in rows
    ]
