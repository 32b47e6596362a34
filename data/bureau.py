"""Borrowing elsewhere, and what the bureau has heard of it by a given day."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from data.population import Borrowers
from data.randomness import Draws, Floats, Whole, poisson, repeated
from data.world import Borrowing, Reporting

NEVER = np.int32(2**30)
"""Day on which what is never reported becomes visible."""


@dataclass(frozen=True)
class Applications:
    """Applications elsewhere of one month, one value per application.

    Attributes:
        rows: Position of the borrower in the block.
        index: Number of the application within borrower and month.
        day: Day of the application (since 1970-01-01).
        opened: Whether a loan was opened.
        amount: Size of the loan (RMB), for all applications.
        lag: Days until the bureau shows the loan; `NEVER` where it is never reported.
    """

    rows: Whole
    index: Whole
    day: NDArray[np.int32]
    opened: NDArray[np.bool_]
    amount: Floats
    lag: NDArray[np.int32]


def reporting_lag(uniform: Floats, reporting: Reporting, visible_at_once: bool) -> NDArray[np.int32]:
    """Days from a loan's event to its showing at the bureau, from one uniform number each."""
    if visible_at_once:
        return np.zeros(len(uniform), dtype=np.int32)
    fast, slow = reporting.bureau_fast_share, reporting.bureau_slow_share
    quick = _days_between(uniform / max(fast, 1e-12), reporting.bureau_fast_days)
    late = _days_between((uniform - fast) / max(slow, 1e-12), reporting.bureau_slow_days)
    return np.where(uniform < fast, quick, np.where(uniform < fast + slow, late, NEVER)).astype(np.int32)


def _days_between(uniform: Floats, days: tuple[int, int]) -> NDArray[np.int32]:
    first, last = days
    return (first + np.floor(np.clip(uniform, 0.0, 1 - 1e-12) * (last - first + 1))).astype(np.int32)


def apply_elsewhere(
    borrowers: Borrowers,
    draws: Draws,
    month: int,
    first_day: int,
    days: int,
    income: Floats,
    log_rate: Floats,
    competition: Floats,
    competition_ceiling: float,
    macro: float,
    borrowing: Borrowing,
    reporting: Reporting,
    visible_at_once: bool,
) -> Applications:
    """The applications of a month.

    Candidates arrive at the rate that the ceiling of competition would give; each is kept or dropped by
    a number of its own. So less competition takes single applications away and leaves the rest unchanged.

    Args:
        borrowers: The borrowers of the block.
        draws: Their random numbers.
        month: History month.
        first_day: First day of the month.
        days: Number of days in it.
        income: Income of the month (RMB), per borrower.
        log_rate: Log of the monthly rate without the term of competition, per borrower.
        competition: Competition index of the borrower's region.
        competition_ceiling: The most that the index can be.
        macro: Macro index.
        borrowing: Parameters.
        reporting: Lags.
        visible_at_once: Whether all lags are zero (mechanism `data_lag` switched off).
    """
    rate = np.minimum(np.exp(log_rate), borrowing.rate_ceiling) * np.exp(
        borrowing.competition * competition_ceiling
    )
    candidates = poisson(draws.uniform("applications", month), rate)
    rows, index = repeated(candidates)
    kept = draws.uniform("thinning", month, index, rows) < np.exp(
        borrowing.competition * (competition[rows] - competition_ceiling)
    )
    rows, index = rows[kept], index[kept]
    chance = (
        borrowing.open_share
        + borrowing.open_capacity * borrowers.capacity[rows]
        + borrowing.open_macro * macro
    )
    size = np.exp(
        borrowing.size_location + borrowing.size_spread * draws.normal("loan_size", month, index, rows)
    )
    return Applications(
        rows=rows,
        index=index,
        day=(first_day + np.floor(days * draws.uniform("application_day", month, index, rows))).astype(
            np.int32
        ),
        opened=draws.uniform("opened_loan", month, index, rows) < np.clip(chance, 0.0, 1.0),
        amount=borrowing.size_income * income[rows] * size,
        lag=reporting_lag(draws.uniform("loan_lag", month, index, rows), reporting, visible_at_once),
    )


class OpenAccounts:
    """The accounts open elsewhere of a block: who, which, and whether the bureau hears of them."""

    def __init__(self) -> None:
        """No account is open yet."""
        self.rows: Whole = np.zeros(0, dtype=np.int64)
        self._key: Whole = np.zeros(0, dtype=np.int64)
        self._amount: Floats = np.zeros(0)
        self._visible: NDArray[np.int32] = np.zeros(0, dtype=np.int32)

    def close_some(
        self, draws: Draws, month: int, rate: float
    ) -> tuple[Whole, Whole, Floats, NDArray[np.int32]]:
        """Closes accounts at a monthly rate; returns borrower, key, amount, and when each opening shows."""
        closing = draws.uniform("closing", month, self._key, self.rows) < rate
        closed = self.rows[closing], self._key[closing], self._amount[closing], self._visible[closing]
        stays = ~closing
        self.rows, self._key = self.rows[stays], self._key[stays]
        self._amount, self._visible = self._amount[stays], self._visible[stays]
        return closed

    def open(self, applications: Applications, month: int, visible_on: NDArray[np.int32]) -> None:
        """Opens the loans that this month's applications brought, each with the day on which it shows."""
        new = applications.opened
        key = (month + 1000) * 4096 + applications.index[new]
        self.rows = np.concatenate([self.rows, applications.rows[new]])
        self._key = np.concatenate([self._key, key])
        self._amount = np.concatenate([self._amount, applications.amount[new]])
        self._visible = np.concatenate([self._visible, visible_on])

    def count(self, size: int) -> Floats:
        """Open accounts per borrower."""
        return np.bincount(self.rows, minlength=size).astype(np.float64)


class BureauFile:
    """What the bureau shows of each borrower of a block by a given day: lenders, balance, enquiries."""

    def __init__(self, size: int, balance_decay: float) -> None:
        """An empty file for `size` borrowers."""
        self._size = size
        self._decay = balance_decay
        self._lenders = np.zeros(size)
        self._balance = np.zeros(size)
        self._pending_rows: Whole = np.zeros(0, dtype=np.int64)
        self._pending_day: NDArray[np.int32] = np.zeros(0, dtype=np.int32)
        self._pending_lenders: Floats = np.zeros(0)
        self._pending_balance: Floats = np.zeros(0)
        self._enquiries: list[tuple[Whole, NDArray[np.int32], NDArray[np.int32]]] = []

    def turn_month(self, first_day: int) -> None:
        """Pays balances down by a month and books what became visible before the month's first day."""
        self._balance *= self._decay
        self._pending_balance *= self._decay
        known = self._pending_day < first_day
        self._lenders += np.bincount(self._pending_rows[known], self._pending_lenders[known], self._size)
        self._balance += np.bincount(self._pending_rows[known], self._pending_balance[known], self._size)
        waiting = ~known
        self._pending_rows, self._pending_day = self._pending_rows[waiting], self._pending_day[waiting]
        self._pending_lenders = self._pending_lenders[waiting]
        self._pending_balance = self._pending_balance[waiting]
        self._enquiries = self._enquiries[-3:]

    def add(self, rows: Whole, visible_on: NDArray[np.int32], lenders: float, amount: Floats) -> None:
        """Files openings (`lenders` +1) or closings (−1, no amount) that show from `visible_on`."""
        reported = visible_on < NEVER
        self._pending_rows = np.concatenate([self._pending_rows, rows[reported]])
        self._pending_day = np.concatenate([self._pending_day, visible_on[reported]])
        self._pending_lenders = np.concatenate([self._pending_lenders, np.full(reported.sum(), lenders)])
        self._pending_balance = np.concatenate([self._pending_balance, amount[reported]])

    def add_enquiries(self, rows: Whole, day: NDArray[np.int32], visible_on: NDArray[np.int32]) -> None:
        """Files a month's enquiries."""
        self._enquiries.append((rows, day, visible_on))

    def shown(self, rows: Whole, day: NDArray[np.int32]) -> tuple[Floats, Floats, Floats]:
        """Lenders, balance (RMB) and enquiries in 91 days of borrowers, each as of a day of this month."""
        as_of = np.full(self._size, np.iinfo(np.int32).min, dtype=np.int32)
        as_of[rows] = day
        known = self._pending_day <= as_of[self._pending_rows]
        who = self._pending_rows[known]
        lenders = self._lenders + np.bincount(who, self._pending_lenders[known], self._size)
        balance = self._balance + np.bincount(who, self._pending_balance[known], self._size)
        enquiries = np.zeros(self._size)
        for asked, on, visible_on in self._enquiries:
            fresh = (on > as_of[asked] - 91) & (visible_on <= as_of[asked])
            enquiries += np.bincount(asked[fresh], minlength=self._size)
        return np.maximum(lenders[rows], 0.0), balance[rows], enquiries[rows]
