"""What a draw is expected to cost and to earn: expected loss = PD of 90+ within 12 months × LGD × EAD, and profit."""

from __future__ import annotations

import numpy as np

from models.boosted import Floats
from models.calibration import Calibration, fit_calibration
from models.parameters import CalibrationParameters, EconomicsParameters

MONTHS_A_YEAR = 12
PER_CENT = 0.01


def expected_loss(pd_12m: Floats, amount: Floats, parameters: EconomicsParameters) -> Floats:
    """Loss expected of each draw, in the currency of the amounts.

    Args:
        pd_12m: Probability of 90+ days past due within 12 months (0–1) by draw.
        amount: What is drawn, which stands for the exposure at default (EAD).
        parameters: LGD.
    """
    return pd_12m * parameters.lgd * amount


def profit(
    pd_12m: Floats, amount: Floats, apr: Floats, term: Floats, parameters: EconomicsParameters
) -> Floats:
    """Profit expected of each draw over its term: interest of who pays, less funding, servicing and expected loss.

    Who goes bad is taken to pay no interest, and costs funding and servicing as the others do.

    Args:
        pd_12m: Probability of 90+ days past due within 12 months (0–1) by draw.
        amount: What is drawn.
        apr: Price (percent a year).
        term: Equal monthly instalments (months).
        parameters: LGD and costs.
    """
    lent = amount * mean_years(term)
    interest = (1 - pd_12m) * lent * apr * PER_CENT
    costs = lent * (parameters.funding_cost + parameters.servicing_cost) * PER_CENT
    return interest - costs - expected_loss(pd_12m, amount, parameters)


def mean_years(term: Floats) -> Floats:
    """Years for which the whole amount is lent on average, when it is paid back in so many equal monthly parts."""
    return np.asarray((term + 1) / (2 * MONTHS_A_YEAR))


def fit_pd_12m(margin: Floats, bad_12m: Floats, parameters: CalibrationParameters) -> Calibration:
    """The line from the release model's margin (log-odds) to the probability of 90+ within 12 months.

    The release model tells 30+ within 90 days, the earlier sign of the same thing, so that one line joins them.

    Args:
        margin: Of requests that the model was not fitted on.
        bad_12m: Whether each was 90+ days past due within 12 months (1 or 0).
        parameters: As for the PD itself.

    Raises:
        DataFault: One class only, or the margins rank the outcomes backwards.
    """
    return fit_calibration(margin, bad_12m, parameters)
