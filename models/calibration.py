"""Calibration: a logistic line from the release model's margin to a probability of default, and back."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit, logit

from data.errors import DataFault
from models.parameters import CalibrationParameters

Floats = NDArray[np.float64]

_STEPS = 100
_TOLERANCE = 1e-10


@dataclass(frozen=True)
class Calibration:
    """pd = σ(slope · margin + intercept), with a positive slope, so that it can be inverted.

    Attributes:
        slope: Log-odds of the PD per log-odds of the margin.
        intercept: Log-odds of the PD at margin 0.
    """

    slope: float
    intercept: float

    def pd(self, margin: Floats) -> Floats:
        """Probability of default (0–1) at each margin (log-odds)."""
        return np.asarray(expit(self.slope * margin + self.intercept))

    def margin_at(self, pd: Floats) -> Floats:
        """Margin (log-odds) at which the calibrated probability is `pd`; infinite at 0 and 1."""
        return np.asarray((logit(pd) - self.intercept) / self.slope)


def fit_calibration(
    margin: Floats, bad: Floats, parameters: CalibrationParameters, weight: Floats | None = None
) -> Calibration:
    """Calibrates margins (log-odds) on outcomes (1 bad, 0 good) of a period that the model has not seen.

    The intercept is free, so that the mean PD is the observed bad rate; the slope has a normal prior
    around 1, which holds it where few bad outcomes are known and gives way where many are. A row of weight 2
    counts as two rows.

    Raises:
        DataFault: One class only, or the margins rank the outcomes backwards (slope not above 0).
    """
    if len(np.unique(bad)) < 2:
        raise DataFault(
            f"The {len(bad)} labelled requests of the calibration period hold one class only; "
            "take a larger book or a longer calibration period."
        )
    slope, intercept = logistic_line(margin, bad, 1.0 / parameters.slope_spread**2, weight)
    if not slope > 0:
        raise DataFault(
            f"The release model ranks the calibration period backwards (slope {slope:.3f} of bad on margin); "
            "take a larger book, or look for a change of the book between the periods."
        )
    return Calibration(slope, intercept)


def logistic_line(
    margin: Floats, bad: Floats, pull_to_one: float = 0.0, weight: Floats | None = None
) -> tuple[float, float]:
    """Slope and intercept of the logistic regression of `bad` on `margin`, by damped Newton steps.

    Args:
        margin: Log-odds by row.
        bad: 1 bad, 0 good, by row; both must occur.
        pull_to_one: Weight of the penalty ½·weight·(slope − 1)²; 0 is the unpenalised regression.
        weight: How many rows each row counts for; 1 unless given.

    Returns:
        Slope and intercept; both NaN where there is no finite solution (the classes are separated).
    """
    weight = np.ones_like(margin) if weight is None else weight
    centre = margin.mean()
    design = np.column_stack([margin - centre, np.ones_like(margin)])
    pull = np.array([pull_to_one, 0.0])
    line = np.array([1.0, logit(np.average(bad, weights=weight))])
    for _ in range(_STEPS):
        step = _newton_step(design, bad, weight, line, pull)
        if step is None or np.abs(line).max() > 1 / _TOLERANCE:
            break
        line = line + step
        if np.abs(step).max() < _TOLERANCE:
            return float(line[0]), float(line[1] - line[0] * centre)
    return float("nan"), float("nan")


def _newton_step(design: Floats, bad: Floats, weight: Floats, line: Floats, pull: Floats) -> Floats | None:
    """The step that raises the penalised likelihood, halved until it does; None at a flat likelihood."""
    pd = expit(design @ line)
    gradient = design.T @ (weight * (bad - pd)) - pull * (line - 1.0)
    curvature = (design * (weight * pd * (1 - pd))[:, None]).T @ design + np.diag(pull)
    if not np.linalg.cond(curvature) < 1 / _TOLERANCE:
        return None
    step: Floats = np.linalg.solve(curvature, gradient)
    here = _penalised_likelihood(design, bad, weight, line, pull)
    while _penalised_likelihood(design, bad, weight, line + step, pull) < here - abs(here) * _TOLERANCE:
        step = step / 2
    return step


def _penalised_likelihood(design: Floats, bad: Floats, weight: Floats, line: Floats, pull: Floats) -> float:
    margin = design @ line
    # log σ(z) and log σ(−z) without overflow.
    likelihood = -(weight * np.logaddexp(0.0, np.where(bad > 0.5, -margin, margin))).sum()
    return float(likelihood - 0.5 * (pull * (line - 1.0) ** 2).sum())
