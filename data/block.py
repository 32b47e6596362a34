"""The state of a block of borrowers while it is simulated, and the record of what happened to it."""

from __future__ import annotations

from dataclasses import dataclass, field, fields, replace

import numpy as np
from numpy.typing import NDArray

from data.bureau import BureauFile, OpenAccounts
from data.economy import Climate, Months
from data.household import permanent_income
from data.months import month_start
from data.population import Borrowers, draw_borrowers
from data.randomness import Draws, Floats, Whole
from data.repayment import Paths, Strain
from data.script import Script
from data.world import Scenario, World

Days = NDArray[np.int32]
Flags = NDArray[np.bool_]
Columns = dict[str, NDArray[np.generic]]

OUR_ID_MONTHS = 1000
"""Ids of reviews and requests are borrower × 1000 + month position: the same in a book of any size."""


@dataclass
class Account:
    """The state of the accounts with us; one value per borrower.

    Attributes:
        limit: Limit in force (RMB); NaN before the opening.
        review: Month position of the review in force.
        raised: Month position of the last raise.
        balance: Outstanding principal (RMB).
        arrears: Principal that fell due and was not paid (RMB).
        marketing: Whether the last regular review was an incentive.
        slip: Whether the last regular review slipped.
        late_news: Borrowers whose lateness elsewhere comes on show, by month position.
        due: Principal that falls due, by month position and borrower (RMB).
        status: Months past due.
        late: Month position of the last month past due with us.
        late_shown: Month position from which the last late payment, with us or elsewhere, is on show.
        refused: Whether a request was refused last month.
    """

    limit: Floats
    review: Whole
    raised: Whole
    balance: Floats
    arrears: Floats
    marketing: Flags
    slip: Flags
    late_news: dict[int, list[Whole]]
    due: Floats
    status: NDArray[np.int16]
    late: Whole
    late_shown: Whole
    refused: Flags


@dataclass(frozen=True)
class Standing:
    """How the accounts of a block stand on the day that a reader looks; fields as in `Account`."""

    limit: Floats
    review: Whole
    raised: Whole
    balance: Floats
    status: NDArray[np.int16]
    late: Whole
    late_shown: Whole


PAID = ("balance", "status", "late", "late_shown")
"""What a payment date changes of a standing."""

REVIEWED = ("limit", "review", "raised")
"""What a review changes of a standing."""


def standing_of(account: Account) -> Standing:
    """The accounts as they stand now."""
    return Standing(*(getattr(account, part.name).copy() for part in fields(Standing)))


def moved_on(before: Standing, after: Standing, happened: Flags, parts: tuple[str, ...]) -> Standing:
    """The standing before, with these parts of the standing after where the event has happened."""
    changed = {part: np.where(happened, getattr(after, part), getattr(before, part)) for part in parts}
    return replace(before, **changed)


@dataclass
class Record:
    """What is written down of a block: tables in the making, a list of monthly columns each.

    Attributes:
        monthly: Streams with a row per borrower and month.
        events: Other tables; `rows` is the position of the borrower.
        status: Months past due after each month's payment date.
        strains: Strain by month.
        balance: Balances on which each month's obligations rest (RMB).
        income: Income by month (RMB).
        repayment: The uniform number that decided each month's payment.
        lenders: Accounts open elsewhere after each month.
        applications: Applications elsewhere in each month.
    """

    monthly: dict[str, list[Columns]] = field(default_factory=dict)
    events: dict[str, list[Columns]] = field(default_factory=dict)
    status: list[NDArray[np.int16]] = field(default_factory=list)
    strains: list[Strain] = field(default_factory=list)
    balance: list[Floats] = field(default_factory=list)
    income: list[Floats] = field(default_factory=list)
    repayment: list[Floats] = field(default_factory=list)
    lenders: list[NDArray[np.int16]] = field(default_factory=list)
    applications: list[NDArray[np.int16]] = field(default_factory=list)

    def note(self, table: str, columns: Columns) -> None:
        """Adds rows to a table of events."""
        self.events.setdefault(table, []).append(columns)

    def paths(self) -> Paths:
        """What befell the borrowers, as arrays of months × borrowers."""
        parts = ("miss", "cure_early", "cure_late")
        return Paths(
            status=np.stack(self.status),
            strain=Strain(*(np.stack([getattr(month, part) for month in self.strains]) for part in parts)),
            balance=np.stack(self.balance),
            income=np.stack(self.income),
            uniform=np.stack(self.repayment),
        )


@dataclass
class Block:
    """A block of borrowers and the world around it, while it is simulated."""

    world: World
    scenario: Scenario
    script: Script | None
    months: Months
    climate: Climate
    borrowers: Borrowers
    draws: Draws
    first_day: Days
    record: Record
    account: Account
    accounts_elsewhere: OpenAccounts
    bureau: BureauFile
    debt_elsewhere: Floats
    lenders: Floats
    spend_seen: list[Floats]
    income_seen: list[Floats]
    anomaly_seen: list[Floats]
    permanent_spend: Floats


def start_block(
    ids: NDArray[np.int64],
    months: Months,
    climate: Climate,
    seed: int,
    world: World,
    scenario: Scenario,
    script: Script | None = None,
) -> Block:
    """A block before its first month; with a script its borrowers ask for what it says."""
    size, draws = len(ids), Draws(seed, ids)
    borrowers = draw_borrowers(ids, draws, world.population)
    longest_term = max(world.requests.terms)
    account = Account(
        limit=np.full(size, np.nan),
        review=np.full(size, -1),
        raised=np.full(size, -999),
        balance=np.zeros(size),
        arrears=np.zeros(size),
        marketing=np.zeros(size, dtype=bool),
        slip=np.zeros(size, dtype=bool),
        late_news={},
        due=np.zeros((months.total + longest_term + 1, size)),
        status=np.zeros(size, dtype=np.int16),
        late=np.full(size, -999),
        late_shown=np.full(size, -999),
        refused=np.zeros(size, dtype=bool),
    )
    seen = 1 / (1 + np.exp(-world.spending.platform_intercept))
    return Block(
        world=world,
        scenario=scenario,
        script=None if script is None else script.of(ids),
        months=months,
        climate=climate,
        borrowers=borrowers,
        draws=draws,
        first_day=month_start(
            np.append(months.index, months.index[-1] + 1).astype(np.int32), world.first_month
        ),
        record=Record(),
        account=account,
        accounts_elsewhere=OpenAccounts(),
        bureau=BureauFile(size, world.borrowing.balance_decay),
        debt_elsewhere=np.zeros(size),
        lenders=np.zeros(size),
        spend_seen=[],
        income_seen=[],
        anomaly_seen=[],
        permanent_spend=permanent_income(borrowers, world.income) * world.spending.level * seen,
    )


def still_open(block: Block, month: int, status: NDArray[np.int16]) -> Flags:
    """Whose account was opened by a history month and, at these months past due, is not written off."""
    return (block.borrowers.opened <= month) & (status <= block.world.repayment.write_off_months)
