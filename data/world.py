"""The parameters of the simulated world; `params.yaml` sets each with its unit and its reason."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Literal, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, model_validator

from data.errors import CallError
from data.parameters import Parameters

Share = Annotated[float, Field(ge=0, le=1)]
Positive = Annotated[float, Field(gt=0)]
NotNegative = Annotated[float, Field(ge=0)]
Correlation = Annotated[float, Field(gt=-1, lt=1)]
Level = Literal["easy", "neutral", "tight"]


def _sum_to_one(name: str, shares: Sequence[float]) -> None:
    if abs(sum(shares) - 1) > 1e-9:
        raise ValueError(f"{name} must sum to 1")


class Simulation(Parameters):
    """What `releasegap simulate` makes when the call says nothing else."""

    borrowers: Annotated[int, Field(ge=1, le=2**40)]
    months: Annotated[int, Field(ge=3, le=240)]
    seed: Annotated[int, Field(ge=0, le=2**63 - 1)]
    scenario: str


class Population(Parameters):
    """Who the borrowers are: latent traits, places, incomes."""

    capacity_willingness: Correlation
    capacity_spending: Correlation
    capacity_network: Correlation
    willingness_spending: Correlation
    willingness_network: Correlation
    spending_network: Correlation
    tier_shares: tuple[Share, Share, Share, Share]
    tier_median_income: tuple[Positive, Positive, Positive, Positive]
    regions: Annotated[int, Field(ge=1, le=100)]
    opened_earliest: int
    opened_latest: int
    payroll_share: Share

    @model_validator(mode="after")
    def _sound(self) -> Self:
        _sum_to_one("tier_shares", self.tier_shares)
        if self.opened_earliest > self.opened_latest:
            raise ValueError("opened_earliest must not be later than opened_latest")
        if not np.linalg.eigvalsh(self.correlations()).min() > 0:
            raise ValueError("the correlations of the traits contradict each other; bring them nearer to 0")
        return self

    def correlations(self) -> NDArray[np.float64]:
        """Correlation matrix of capacity, willingness, spending and network."""
        return np.array(
            [
                [1.0, self.capacity_willingness, self.capacity_spending, self.capacity_network],
                [self.capacity_willingness, 1.0, self.willingness_spending, self.willingness_network],
                [self.capacity_spending, self.willingness_spending, 1.0, self.spending_network],
                [self.capacity_network, self.willingness_network, self.spending_network, 1.0],
            ]
        )


class Economy(Parameters):
    """Macro index and competition by region."""

    macro_persistence: Share
    macro_innovation: NotNegative
    slump_depth: float
    slump_months: tuple[int, int]
    competition_mean: NotNegative
    competition_persistence: Share
    competition_innovation: NotNegative
    entry_rate: Share
    entry_jump: NotNegative
    entry_persistence: Share
    competition_ceiling: Positive


class Income(Parameters):
    """Monthly income and the loss of a job."""

    capacity: float
    shock_persistence: Share
    shock_innovation: NotNegative
    macro: float
    jobless_share_kept: Positive
    job_loss_rate: Share
    job_loss_macro: float
    job_loss_capacity: float
    job_found_rate: Share
    proxy_spending_weight: Share
    proxy_noise: NotNegative
    liquid_assets_months: Positive
    liquid_assets_spread: NotNegative


class Liquidity(Parameters):
    """Sudden needs of cash."""

    persistence: Share
    rate: Share
    spread: NotNegative


class Spending(Parameters):
    """Monthly spending and what the platform sees of it."""

    level: Positive
    income_share: Share
    propensity: float
    noise: NotNegative
    liquidity: NotNegative
    season: dict[int, Positive]
    festival_month: Annotated[int, Field(ge=1, le=12)]
    festival_propensity: float
    platform_intercept: float
    platform_propensity: float
    high_ticket_rate: NotNegative
    virtual_share: Share
    cashout_rate: Share


class Borrowing(Parameters):
    """Loans applied for and opened elsewhere."""

    intercept: float
    spending: float
    willingness: float
    liquidity: float
    competition: float
    gap: float
    gap_ceiling: NotNegative
    rate_ceiling: Positive
    refused: float
    open_share: Share
    open_capacity: float
    open_macro: float
    size_income: Positive
    size_location: float
    size_spread: NotNegative
    balance_decay: Share
    close_rate: Share
    instalment_months: Positive
    interest_loading: Positive


class Repayment(Parameters):
    """Missed payments, cures and rolls."""

    miss_intercept: float
    miss_debt_service: float
    miss_willingness: float
    miss_liquidity: float
    miss_jobless: float
    miss_network: float
    miss_macro: float
    miss_lenders: float
    cure_early_intercept: float
    cure_early_willingness: float
    cure_early_liquidity: float
    cure_early_debt_service: float
    cure_early_debt_service_centre: float
    cure_late_intercept: float
    cure_late_willingness: float
    write_off_months: Annotated[int, Field(ge=4, le=60)]


class Anomaly(Parameters):
    """Abnormal device and social behaviour."""

    network: float
    noise: NotNegative
    liquidity: float
    liquidity_threshold: NotNegative


class Reporting(Parameters):
    """When an observation becomes visible."""

    bureau_fast_share: Share
    bureau_fast_days: tuple[int, int]
    bureau_slow_share: Share
    bureau_slow_days: tuple[int, int]
    agency_days: tuple[int, int]
    income_days: Annotated[int, Field(ge=0)]

    @model_validator(mode="after")
    def _sound(self) -> Self:
        for name in ("bureau_fast_days", "bureau_slow_days", "agency_days"):
            first, last = getattr(self, name)
            if not 0 <= first <= last:
                raise ValueError(f"{name} must be two numbers of days, the first not above the second")
        if self.bureau_fast_share + self.bureau_slow_share > 1:
            raise ValueError("bureau_fast_share and bureau_slow_share must not exceed 1 together")
        return self


class LimitReviews(Parameters):
    """The historical lender's limit: formula, hysteresis and slips."""

    intercept: float
    income: float
    income_centre: float
    income_scale: Positive
    spending: float
    spending_centre: float
    spending_scale: Positive
    tenure: float
    tenure_ceiling: Positive
    tenure_scale: Positive
    risk: float
    risk_lenders: float
    risk_enquiries: float
    risk_debt_service: float
    risk_late: float
    risk_anomaly: float
    competition: float
    marketing: float
    marketing_share: Share
    noise: NotNegative
    every_months: Annotated[int, Field(ge=1)]
    raise_from: Positive
    cut_below: Positive
    cool_down_months: Annotated[int, Field(ge=0)]
    floor: Positive
    ceiling: Positive
    round_to: Positive
    slip_rate: Share
    slip_log_factor: float


class PolicyLevel(Parameters):
    """Cut-off and caps of one level of the release policy."""

    cutoff: Share
    cap_debt_service: Positive
    cap_lenders: Annotated[int, Field(ge=1)]
    cap_enquiries: Annotated[int, Field(ge=1)]


class Regime(Parameters):
    """A level of policy and for how many months it holds."""

    level: Level
    months: Annotated[int, Field(ge=1)]


class ReleasePolicy(Parameters):
    """The release policy by month."""

    easy: PolicyLevel
    neutral: PolicyLevel
    tight: PolicyLevel
    schedule: Annotated[tuple[Regime, ...], Field(min_length=1)]
    competition: NotNegative


class Scorecard(Parameters):
    """The historical lender's release scorecard (log-odds of bad) and its errors."""

    intercept: float
    debt_service: float
    lenders: float
    enquiries: float
    late: float
    late_lately: float
    anomaly: float
    tenure: float
    error_rate: Share
    random_release_share: Share


class Requests(Parameters):
    """When borrowers ask for a draw, and for how much."""

    intercept: float
    spending: float
    liquidity: float
    gap: float
    raised: float
    raised_months: Annotated[int, Field(ge=1)]
    past_due: float
    size_location: float
    size_spread: NotNegative
    least: Positive
    terms: tuple[int, ...]
    term_shares: tuple[Share, ...]
    apr_median: Positive
    apr_spread: NotNegative
    apr_least: Positive
    apr_most: Positive

    @model_validator(mode="after")
    def _sound(self) -> Self:
        if not self.terms or len(self.terms) != len(self.term_shares):
            raise ValueError("terms and term_shares must be lists of the same length, at least one each")
        if min(self.terms) < 1 or max(self.terms) > 60:
            raise ValueError("terms must be between 1 and 60 months")
        _sum_to_one("term_shares", self.term_shares)
        if not self.apr_least <= self.apr_median <= self.apr_most:
            raise ValueError("apr_median must lie between apr_least and apr_most")
        return self


class Mechanisms(Parameters):
    """The five causes of the domain, each with its switch."""

    policy: bool
    data_lag: bool
    competition: bool
    misread: bool
    error: bool


class Scenario(Parameters):
    """What is different from `from_month` on; a value that is not named stays as it is."""

    from_month: Annotated[int, Field(ge=1)] = 19
    policy_level: Level | None = None
    cutoff: Share | None = None
    bureau_outage_days: Annotated[int, Field(ge=0)] = 0
    competition_jump: NotNegative = 0.0
    competition_regions: tuple[int, ...] = ()
    festival_season: Positive | None = None
    festival_also_in_month: int | None = None
    macro_shift: float = 0.0
    job_loss_factor: NotNegative = 1.0
    marketing_share: Share | None = None
    slip_rate: Share | None = None


class World(Parameters):
    """Everything that the simulated world is made of."""

    first_month: Annotated[str, Field(pattern=r"^\d{4}-(0[1-9]|1[0-2])$")]
    burn_in_months: Annotated[int, Field(ge=12, le=48)]
    run_off_months: Annotated[int, Field(ge=3, le=24)]
    mechanisms: Mechanisms
    population: Population
    economy: Economy
    income: Income
    liquidity: Liquidity
    spending: Spending
    borrowing: Borrowing
    repayment: Repayment
    anomaly: Anomaly
    reporting: Reporting
    limit_reviews: LimitReviews
    policy: ReleasePolicy
    scorecard: Scorecard
    requests: Requests
    scenarios: dict[str, Scenario]

    def require_scenarios(self, *names: str) -> None:
        """Raises CallError where a scenario is not known."""
        unknown = [name for name in names if name not in self.scenarios]
        if unknown:
            raise CallError(f"Unknown scenario {unknown[0]!r}; known: {', '.join(self.scenarios)}.")
