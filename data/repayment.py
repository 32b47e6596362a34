"""Missed payments, cures and rolls; the PD that the state of the world implies; outcomes of draws.

A borrower is 0 (current), 1 (1-30 days past due), 2 (31-60), and so on. A draw counts the months in a row
in which its borrower is past due: two in a row are 30+ days past due, four in a row 90+.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit

from data.randomness import Floats
from data.world import Borrowing, Repayment, World

MONTHS_IN_90_DAYS = 3


@dataclass(frozen=True)
class Strain:
    """What repayment depends on besides obligations; arrays of one shape (borrowers, or months × borrowers).

    Attributes:
        miss: Log-odds of a missed payment without the term of debt service.
        cure_early: Log-odds of a cure from 1-30 days past due without the term of debt service.
        cure_late: Log-odds of a cure from later stages.
    """

    miss: Floats
    cure_early: Floats
    cure_late: Floats


def strain(
    willingness: Floats,
    network: Floats,
    liquidity: Floats,
    jobless: Floats | NDArray[np.bool_],
    lenders: Floats,
    macro: Floats | float,
    repayment: Repayment,
) -> Strain:
    """The strain on borrowers in one month."""
    p = repayment
    miss = p.miss_intercept + p.miss_willingness * willingness + p.miss_network * network
    miss = (
        miss
        + p.miss_liquidity * liquidity
        + p.miss_jobless * jobless
        + p.miss_macro * macro
        + p.miss_lenders * lenders
    )
    early = (
        p.cure_early_intercept + p.cure_early_willingness * willingness + p.cure_early_liquidity * liquidity
    )
    late = p.cure_late_intercept + p.cure_late_willingness * willingness
    return Strain(miss, early, late)


def debt_service(balance: Floats, income: Floats, borrowing: Borrowing) -> Floats:
    """Monthly obligations relative to income: balances with interest, paid over a number of months."""
    return borrowing.interest_loading * balance / (borrowing.instalment_months * income)


def miss_probability(strain: Strain, service: Floats, repayment: Repayment) -> Floats:
    """Chance that a current borrower misses this month's payment."""
    return np.asarray(expit(strain.miss + repayment.miss_debt_service * service))


def cure_probabilities(strain: Strain, service: Floats, repayment: Repayment) -> tuple[Floats, Floats]:
    """Chance of a cure this month from 1-30 days past due, and from later stages."""
    p = repayment
    early = strain.cure_early + p.cure_early_debt_service * (service - p.cure_early_debt_service_centre)
    return np.asarray(expit(early)), np.asarray(expit(strain.cure_late))


def next_status(
    status: NDArray[np.int16],
    strain: Strain,
    service: Floats,
    owes: NDArray[np.bool_],
    uniform: Floats,
    repayment: Repayment,
) -> NDArray[np.int16]:
    """Months past due after this month's payment date, from one uniform number per borrower."""
    early, late = cure_probabilities(strain, service, repayment)
    # The lower the number, the worse: an extra balance can then only make more payments be missed.
    cured = uniform >= 1 - np.where(status == 1, early, late)
    missed = owes & (uniform < miss_probability(strain, service, repayment))
    return np.where(
        status == 0, missed, np.where(cured & (status <= repayment.write_off_months), 0, status + 1)
    ).astype(np.int16)


def true_pd(
    status: Floats | NDArray[np.int16], strain: Strain, liquidity: Floats, service: Floats, world: World
) -> Floats:
    """PD of a draw (30+ days past due within 90 days) implied by the state of the world at its release.

    The chain of three payment dates is summed over all its paths; the need of cash decays and may be hit
    again, everything else stays as it is. Shares of borrowers are followed by stage (current, 1-30, later)
    and by the draw's own months past due (0 or 1); two in a row are bad and leave.

    Args:
        status: Months past due at the release.
        strain: Strain at the release.
        liquidity: Need of cash at the release.
        service: Debt service with the draw.
        world: Parameters of the world.
    """
    current, early, late = (status == 0) * 1.0, (status == 1) * 1.0, (status >= 2) * 1.0
    early_due, late_due = np.zeros_like(current), np.zeros_like(current)
    bad: Floats = np.zeros_like(current)
    for month in range(1, MONTHS_IN_90_DAYS + 1):
        miss, cure_early, cure_late = _expected_chances(month, strain, liquidity, service, world)
        bad += early_due * (1 - cure_early) + late_due * (1 - cure_late)
        cured = (early + early_due) * cure_early + (late + late_due) * cure_late
        rolled = early * (1 - cure_early) + late * (1 - cure_late)
        current, missed = current * (1 - miss) + cured, current * miss
        early, late = np.zeros_like(current), np.zeros_like(current)
        early_due, late_due = missed, rolled
    return bad


def _expected_chances(
    month: int, strain: Strain, liquidity: Floats, service: Floats, world: World
) -> tuple[Floats, Floats, Floats]:
    """Chances in the `month`-th month ahead, averaged over a new need of cash hitting or not."""
    repayment, shock = world.repayment, world.liquidity
    size = np.exp(0.5 * shock.spread**2)
    faded = liquidity * (shock.persistence**month - 1)
    chances = []
    for need in (0.0, size):
        change = faded + need
        moved = Strain(
            strain.miss + repayment.miss_liquidity * change,
            strain.cure_early + repayment.cure_early_liquidity * change,
            strain.cure_late,
        )
        chances.append(
            (miss_probability(moved, service, repayment), *cure_probabilities(moved, service, repayment))
        )
    # A need may have hit in any of the months so far and halves in each; one half-faded hit stands for all.
    hit = 1 - (1 - shock.rate) ** (1 + shock.persistence * (month - 1))
    calm, struck = chances
    miss, early, late = ((1 - hit) * a + hit * b for a, b in zip(calm, struck, strict=True))
    return miss, early, late


@dataclass(frozen=True)
class Paths:
    """What befell the borrowers of a block, month by month; arrays of months × borrowers.

    Attributes:
        status: Months past due after the month's payment date.
        strain: Strain of the month.
        balance: Balances here and elsewhere on which the month's obligations rest (RMB).
        income: Income (RMB).
        uniform: The uniform number that decided.
    """

    status: NDArray[np.int16]
    strain: Strain
    balance: Floats
    income: Floats
    uniform: Floats


def outcomes_with_draw(
    paths: Paths,
    position: NDArray[np.int64],
    rows: NDArray[np.int64],
    extra: Floats,
    term: NDArray[np.int8],
    months: int,
    world: World,
) -> NDArray[np.int16]:
    """The longest run of months past due that each draw sees in the months after its release.

    The same uniform numbers decide as in the world that was simulated; only the extra balance of a draw
    that was refused there comes on top (zero for a draw that was released).
    Borrowing elsewhere is held fixed.

    Args:
        paths: What befell the borrowers.
        position: Month of the release of each draw (position in `paths`).
        rows: Its borrower (position in the block).
        extra: Balance that comes on top (RMB).
        term: Months over which it is paid down.
        months: How many months to follow; months after the end of `paths` are not followed.
        world: Parameters of the world.
    """
    last = len(paths.status) - 1
    # Taken from flat arrays by one place each: two indices take twice as long.
    size = paths.status.shape[1]
    flat = [np.ravel(part) for part in (paths.balance, paths.income, paths.uniform)]
    strains = [
        np.ravel(part) for part in (paths.strain.miss, paths.strain.cure_early, paths.strain.cure_late)
    ]
    status = paths.status[position, rows]
    run = np.zeros(len(rows), dtype=np.int16)
    longest = run.copy()
    for month in range(1, months + 1):
        at = np.minimum(position + month, last)
        followed = position + month <= last
        left = extra * np.maximum(1 - (month - 1) / term, 0.0)
        place = at * size + rows
        balance, income, uniform = (part.take(place) for part in flat)
        service = debt_service(balance + left, income, world.borrowing)
        now = Strain(*(part.take(place) for part in strains))
        status = next_status(status, now, service, balance + left > 0, uniform, world.repayment)
        run = np.where(followed & (status > 0), run + 1, 0).astype(np.int16)
        longest = np.maximum(longest, run)
    return longest
