"""The historical lender: how it assessed limits and decided on releases before there were our models."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from data.randomness import Floats
from data.world import LimitReviews, Scorecard


@dataclass(frozen=True)
class LimitInputs:
    """What the historical limit formula reads of each borrower under review.

    Attributes:
        income: Income on show, payroll or inferred (RMB a month).
        platform_spend: Spending on the platform, mean of twelve months (RMB a month).
        tenure: Months since the opening of the account.
        lenders: Open lenders at the bureau.
        enquiries: Enquiries in three months.
        debt_service: Obligations on show relative to income on show.
        late: 1 where a payment to us was late in the last six months.
        anomaly: Abnormal device and social behaviour.
        competition: Competition index of the region.
        marketing: Whether the review is an incentive.
        noise: Standard normal noise.
    """

    income: Floats
    platform_spend: Floats
    tenure: Floats
    lenders: Floats
    enquiries: Floats
    debt_service: Floats
    late: Floats
    anomaly: Floats
    competition: Floats
    marketing: NDArray[np.bool_]
    noise: Floats


def assessed_limit(inputs: LimitInputs, formula: LimitReviews) -> Floats:
    """The limit that the lender's system computes (RMB), before hysteresis, cool-down and slips."""
    f = formula
    risk = (
        f.risk_lenders * inputs.lenders
        + f.risk_enquiries * inputs.enquiries
        + f.risk_debt_service * inputs.debt_service
        + f.risk_late * inputs.late
        + f.risk_anomaly * inputs.anomaly
    )
    log_limit = (
        f.intercept
        + f.income * (np.log(inputs.income) - f.income_centre) / f.income_scale
        + f.spending * (np.log(inputs.platform_spend) - f.spending_centre) / f.spending_scale
        + f.tenure * np.minimum(inputs.tenure, f.tenure_ceiling) / f.tenure_scale
        - f.risk * risk
        + f.competition * inputs.competition
        + f.marketing * inputs.marketing
        + f.noise * inputs.noise
    )
    return np.clip(np.exp(log_limit), f.floor, f.ceiling)


@dataclass(frozen=True)
class ReleaseInputs:
    """What the historical release decision reads of each request.

    Attributes:
        debt_service: Obligations on show, relative to income on show.
        debt_service_with_draw: The same with the draw asked for.
        lenders: Open lenders at the bureau.
        enquiries: Enquiries in three months.
        late: 1 where a late payment, to us or elsewhere, came on show in the last twelve months.
        late_lately: 1 where that was in the last two months.
        anomaly: Abnormal device and social behaviour.
        tenure: Months since the opening of the account.
        overdue: Whether a payment to us is past due.
        bureau_missing: Whether the bureau does not deliver.
        cutoff: Cut-off on the PD in force.
        cap_debt_service: Cap in force.
        cap_lenders: Cap in force.
        cap_enquiries: Cap in force.
    """

    debt_service: Floats
    debt_service_with_draw: Floats
    lenders: Floats
    enquiries: Floats
    late: Floats
    late_lately: Floats
    anomaly: Floats
    tenure: Floats
    overdue: NDArray[np.bool_]
    bureau_missing: NDArray[np.bool_]
    cutoff: Floats
    cap_debt_service: Floats
    cap_lenders: Floats
    cap_enquiries: Floats


def refusals(inputs: ReleaseInputs, scorecard: Scorecard) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Which requests the lender's system refuses, and which of these it refuses by score alone."""
    s = scorecard
    log_odds = (
        s.intercept
        + s.debt_service * inputs.debt_service_with_draw
        + s.lenders * inputs.lenders
        + s.enquiries * inputs.enquiries
        + s.late * inputs.late
        + s.late_lately * inputs.late_lately
        + s.anomaly * inputs.anomaly
        + s.tenure * np.minimum(inputs.tenure, 60.0)
    )
    by_score = 1 / (1 + np.exp(-log_odds)) > inputs.cutoff
    by_rule = (
        (inputs.debt_service > inputs.cap_debt_service)
        | (inputs.lenders > inputs.cap_lenders)
        | (inputs.enquiries > inputs.cap_enquiries)
        | inputs.overdue
        | inputs.bureau_missing
    )
    return by_score | by_rule, by_score & ~by_rule
