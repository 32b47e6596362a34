"""A month in a household: income, sudden needs of cash, spending, and what shows of the three."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from data.population import Borrowers
from data.randomness import Draws, Floats, poisson
from data.world import Anomaly, Income, Liquidity, Scenario, Spending, World


@dataclass(frozen=True)
class Household:
    """The state of the households of a block in one month; one value per borrower.

    Attributes:
        income_shock: Slow shock on log income.
        jobless: Whether the job is lost.
        income: Income of the month (RMB).
        liquidity: Sudden need of cash, as a share of income.
        spend: Spending of the month (RMB).
        platform_spend: What the platform sees of it (RMB).
        anomaly: Abnormal device and social behaviour (standard deviations).
    """

    income_shock: Floats
    jobless: NDArray[np.bool_]
    income: Floats
    liquidity: Floats
    spend: Floats
    platform_spend: Floats
    anomaly: Floats


def permanent_income(borrowers: Borrowers, income: Income) -> Floats:
    """Income without shocks (RMB a month)."""
    return np.exp(borrowers.tier_income + income.capacity * borrowers.capacity)


def at_rest(size: int) -> Household:
    """The state before the first month: no shock, a job, no need of cash."""
    zero = np.zeros(size)
    return Household(zero, np.zeros(size, dtype=bool), zero, zero, zero, zero, zero)


def next_month(
    before: Household,
    borrowers: Borrowers,
    draws: Draws,
    month: int,
    macro: float,
    world: World,
    scenario: Scenario,
) -> Household:
    """The next month of the households of a block."""
    shock, jobless, income = _income(before, borrowers, draws, month, macro, world.income, scenario)
    liquidity = _liquidity(before, draws, month, world.liquidity)
    spend = _spend(borrowers, draws, month, income, liquidity, world, scenario)
    seen = 1 / (
        1
        + np.exp(
            -(world.spending.platform_intercept + world.spending.platform_propensity * borrowers.spending)
        )
    )
    return Household(
        income_shock=shock,
        jobless=jobless,
        income=income,
        liquidity=liquidity,
        spend=spend,
        platform_spend=spend * seen,
        anomaly=_anomaly(borrowers, draws, month, liquidity, world.anomaly),
    )


def _income(
    before: Household,
    borrowers: Borrowers,
    draws: Draws,
    month: int,
    macro: float,
    income: Income,
    scenario: Scenario,
) -> tuple[Floats, NDArray[np.bool_], Floats]:
    shock = income.shock_persistence * before.income_shock + income.shock_innovation * draws.normal(
        "income", month
    )
    factor = scenario.job_loss_factor if month >= scenario.from_month else 1.0
    loss = (
        factor
        * income.job_loss_rate
        * np.exp(income.job_loss_macro * macro + income.job_loss_capacity * borrowers.capacity)
    )
    uniform = draws.uniform("job", month)
    jobless = np.where(before.jobless, uniform >= income.job_found_rate, uniform < loss)
    log_income = borrowers.tier_income + income.capacity * borrowers.capacity + shock + income.macro * macro
    log_income += np.log(income.jobless_share_kept) * jobless
    return shock, jobless, np.exp(log_income)


def _liquidity(before: Household, draws: Draws, month: int, liquidity: Liquidity) -> Floats:
    need = liquidity.persistence * before.liquidity
    hit = np.flatnonzero(draws.uniform("cash_need", month) < liquidity.rate)
    need[hit] += np.exp(liquidity.spread * draws.normal("cash_need_size", month, rows=hit))
    return need


def _spend(
    borrowers: Borrowers,
    draws: Draws,
    month: int,
    income: Floats,
    liquidity: Floats,
    world: World,
    scenario: Scenario,
) -> Floats:
    spending = world.spending
    usual = permanent_income(borrowers, world.income)
    season, festival = season_of(month, world, scenario)
    taste = (spending.propensity + festival) * borrowers.spending + spending.noise * draws.normal(
        "spending", month
    )
    blend = income**spending.income_share * usual ** (1 - spending.income_share)
    return blend * spending.level * season * np.exp(taste) + spending.liquidity * liquidity * income


def season_of(month: int, world: World, scenario: Scenario) -> tuple[float, float]:
    """Factor on spending of a history month, and the weight of the propensity to spend that comes on top."""
    spending = world.spending
    calendar = (int(world.first_month[5:]) - 1 + month - 1) % 12 + 1
    factor = spending.season.get(calendar, 1.0)
    festival = calendar == spending.festival_month
    if month >= scenario.from_month and scenario.festival_season is not None:
        festival = festival or month == scenario.festival_also_in_month
        factor = scenario.festival_season if festival else factor
    return factor, spending.festival_propensity if festival else 0.0


def _anomaly(borrowers: Borrowers, draws: Draws, month: int, liquidity: Floats, anomaly: Anomaly) -> Floats:
    return (
        anomaly.network * borrowers.network
        + anomaly.noise * draws.normal("anomaly", month)
        + anomaly.liquidity * (liquidity > anomaly.liquidity_threshold)
    )


def income_shown(
    borrowers: Borrowers, draws: Draws, month: int, now: Household, income: Income, spending: Spending
) -> dict[str, Floats]:
    """What income and assets show of a month: payroll (NaN where none came), inferred income, assets."""
    payroll = np.where(borrowers.payroll & ~now.jobless, now.income, np.nan)
    lively = income.proxy_spending_weight * np.log(now.spend / (spending.level * now.income))
    inferred = now.income * np.exp(lively + income.proxy_noise * draws.normal("inferred_income", month))
    cushion = (
        0.5 * borrowers.capacity
        - 0.35 * borrowers.spending
        + income.liquid_assets_spread * draws.normal("assets")
    )
    drained = np.exp(
        -0.5 * np.minimum(now.liquidity, 2.0) - 0.6 * now.jobless + 0.1 * draws.normal("assets", month)
    )
    return {
        "payroll": payroll,
        "inferred_income": inferred,
        "liquid_assets": income.liquid_assets_months * now.income * np.exp(cushion) * drained,
    }


def spending_shown(
    borrowers: Borrowers, draws: Draws, month: int, now: Household, season: float, spending: Spending
) -> dict[str, Floats]:
    """What the consumption stream shows of a month, by category; these sum to the platform's spending."""
    taste = np.exp(0.3 * borrowers.spending)
    count = poisson(draws.uniform("high_ticket", month), spending.high_ticket_rate * season * taste)
    uniform = draws.uniform("cashout", month)
    suspicious = uniform < spending.cashout_rate * np.exp(
        0.6 * borrowers.network + 0.8 * np.minimum(now.liquidity, 2.0)
    )
    cashout = np.where(suspicious, 0.1 + 0.3 * draws.uniform("cashout_size", month), 0.0)
    high_ticket = np.minimum(0.12 * count, 0.4)
    virtual = np.minimum(spending.virtual_share * taste * np.exp(0.4 * draws.normal("virtual", month)), 0.3)
    rest = (1 - cashout) * (1 - high_ticket) * (1 - virtual)
    discretionary = 1 / (1 + np.exp(0.8 - 0.4 * borrowers.spending))
    seen = now.platform_spend
    return {
        "necessities": seen * rest * (1 - discretionary),
        "discretionary": seen * rest * discretionary,
        "high_ticket": seen * (1 - cashout) * high_ticket,
        "virtual_topup": seen * (1 - cashout) * (1 - high_ticket) * virtual,
        "cashout_suspect": seen * cashout,
        "high_ticket_count": count.astype(np.float64),
    }


def devices_shown(borrowers: Borrowers, draws: Draws, month: int, now: Household) -> dict[str, Floats]:
    """What the device and social stream shows of a month (plain generators tied to the anomaly)."""
    heat = np.exp(0.6 * now.anomaly)
    return {
        "devices": 1.0 + poisson(draws.uniform("devices", month), 0.25 * heat),
        "shared_device_risk": 1
        / (1 + np.exp(2.5 - 1.2 * now.anomaly - 0.3 * draws.normal("shared_device", month))),
        "phone_tenure": np.maximum(borrowers.phone_tenure + month, 0.0),
        "profile_changes": poisson(draws.uniform("profile_changes", month), 0.08 * heat).astype(np.float64),
        "contact_change": np.clip(0.04 * heat * np.exp(0.3 * draws.normal("contacts", month)), 0.0, 1.0),
    }


def capacity_shown(
    borrowers: Borrowers, draws: Draws, month: int, now: Household, season: float, world: World
) -> tuple[dict[str, Floats], dict[str, Floats]]:
    """What income and consumption would show of a borrower of the same means and no taste for spending.

    The inferred income is the true one; spending is that of the permanent income at the usual share, with no
    sudden need in it. This is what a limit reads when spending is not misread as capacity.

    Returns:
        Columns of `income_shown` and of `spending_shown`.
    """
    usual = permanent_income(borrowers, world.income) * world.spending.level
    seen = usual / (1 + np.exp(-world.spending.platform_intercept))
    neutral = replace(borrowers, spending=np.zeros(len(borrowers)))
    plain = replace(now, liquidity=np.zeros(len(borrowers)), platform_spend=seen * season)
    income = income_shown(borrowers, draws, month, now, world.income, world.spending)
    return (
        income | {"inferred_income": now.income},
        spending_shown(neutral, draws, month, plain, season, world.spending),
    )
