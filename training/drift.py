"""What has moved since a model was judged, each figure with its threshold and with what chance alone gives."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from scipy.special import ndtri
from scipy.stats import chi2

from training.parameters import MonitoringParameters
from training.profile import Profile
from training.stability import stability_index

State = Literal["within", "passed", "too_few"]

CHECKS = ("psi", "csi", "calibration", "auc", "conflicts", "delay", "silence")
"""Kinds of checks: stability of scores and of features, outcomes against PDs, ranking, conflicts, lateness of data."""


@dataclass(frozen=True)
class Check:
    """One figure held against its threshold.

    Attributes:
        check: One of `CHECKS`.
        subject: Which score, feature or stream; empty where there is one alone.
        model: Which model a feature is of; empty for others.
        before: The figure in the period before; None where it has none of its own.
        now: The figure now; None where there is nothing to take it of.
        measure: By how much it has moved for the worse (as the threshold counts); None where that is not known.
        threshold: From where on it counts.
        chance: What the measure reaches by chance alone, seldom.
        rows: Rows now.
    """

    check: str
    subject: str
    model: str
    before: float | None
    now: float | None
    measure: float | None
    threshold: float
    chance: float
    rows: int

    @property
    def state(self) -> State:
        """`passed` beyond the threshold and beyond chance; `too_few` where chance alone could pass the threshold."""
        if self.measure is None:
            return "too_few"
        if self.measure > max(self.threshold, self.chance):
            return "passed"
        return "too_few" if self.chance > self.threshold else "within"


def checks_of(
    before: Profile,
    now: Profile,
    delays: tuple[Mapping[str, Any], Mapping[str, Any]] | None,
    parameters: MonitoringParameters,
) -> list[Check]:
    """All checks of a period against one before.

    Args:
        before: What was kept of the period before.
        now: The same of the period now, in the same bins.
        delays: How late streams were before and are now (`features.arrivals`); None where there are no dates.
        parameters: Thresholds.
    """
    found = list(_stability(before["scores"], now["scores"], "psi", "", parameters.psi, 1, parameters))
    kinds = [(model, before["features"][model], now["features"][model]) for model in ("release", "limit")]
    kinds = [
        (model, {name: bins for name, bins in then.items() if name not in parameters.apart}, bins_now)
        for model, then, bins_now in kinds
    ]
    several = max(sum(len(then) for _, then, _ in kinds), 1)
    for model, then, bins in kinds:
        found += _stability(then, bins, "csi", model, parameters.csi, several, parameters)
    found += [
        _calibration(before["outcomes"], now["outcomes"], parameters),
        _ranking(before["outcomes"], now["outcomes"], parameters),
        _conflicts(before["conflicts"], now["conflicts"], parameters),
    ]
    if delays is not None:
        for stream, then in delays[0].items():
            found += _delays(stream, then, delays[1][stream], parameters)
    return found


def _stability(
    before: Mapping[str, Any],
    now: Mapping[str, Any],
    check: str,
    model: str,
    threshold: float,
    several: int,
    parameters: MonitoringParameters,
) -> Iterator[Check]:
    """The index of each; with several at once the chance that any passes by chance is held."""
    for name, bins in before.items():
        expected, actual = (np.asarray(side["counts"], dtype=np.int64) for side in (bins, now[name]))
        present = (expected + actual) > 0
        rows = int(actual.sum())
        if not rows or not expected.sum():
            yield Check(check, name, model, None, None, None, threshold, math.inf, rows)
            continue
        index = float(stability_index(expected[present], actual[present]))
        seldom = 1 - (1 - parameters.level) / several
        wanted = float(chi2.ppf(seldom, int(present.sum()) - 1)) if present.sum() > 1 else 0.0
        chance = wanted * (1 / expected.sum() + 1 / rows)
        yield Check(check, name, model, None, index, index, threshold, float(chance), rows)


def _calibration(
    before: Mapping[str, Any], now: Mapping[str, Any], parameters: MonitoringParameters
) -> Check:
    """Bad loans over those expected, now against before; counts are Poisson's, and ratios compared in logarithms."""
    then, ratio = (side["bad"] / side["expected"] if side["expected"] else None for side in (before, now))
    threshold = parameters.calibration_ratio
    rows = int(now["known"])
    if not then or ratio is None:
        return Check("calibration", "", "", then, ratio, None, threshold, math.inf, rows)
    # None at all counts as half a bad loan: where many were expected that is a finding, where few were it is not.
    bad = max(now["bad"], 0.5)
    moved = abs(math.log(bad / now["expected"] / then))
    chance = _reach(parameters, sides=2) * math.sqrt(1 / before["bad"] + 1 / bad)
    return Check("calibration", "", "", then, ratio, math.exp(moved), threshold, math.exp(chance), rows)


def _ranking(before: Mapping[str, Any], now: Mapping[str, Any], parameters: MonitoringParameters) -> Check:
    rows = int(now["known"])
    if before["auc"] is None or now["auc"] is None:
        return Check("auc", "", "", before["auc"], now["auc"], None, parameters.auc_drop, math.inf, rows)
    chance = _reach(parameters) * math.sqrt(before["auc_variance"] + now["auc_variance"])
    fall = before["auc"] - now["auc"]
    return Check("auc", "", "", before["auc"], now["auc"], max(fall, 0.0), parameters.auc_drop, chance, rows)


def _conflicts(before: Mapping[str, Any], now: Mapping[str, Any], parameters: MonitoringParameters) -> Check:
    """Share of the favoured who are refused."""
    rows, then = now["favoured"], before["favoured"]
    shares = [side["conflicts"] / side["favoured"] if side["favoured"] else None for side in (before, now)]
    if shares[0] is None or shares[1] is None:
        threshold = parameters.conflict_rise
        return Check("conflicts", "", "", shares[0], shares[1], None, threshold, math.inf, rows)
    pooled = (before["conflicts"] + now["conflicts"]) / (then + rows)
    chance = _reach(parameters) * math.sqrt(pooled * (1 - pooled) * (1 / then + 1 / rows))
    rise = max(shares[1] - shares[0], 0.0)
    return Check("conflicts", "", "", shares[0], shares[1], rise, parameters.conflict_rise, chance, rows)


def _delays(
    stream: str, before: Mapping[str, Any], now: Mapping[str, Any], parameters: MonitoringParameters
) -> Iterator[Check]:
    """How much later a stream arrives, and for how long nothing of it has."""
    rows = int(now["rows"])
    means = (before["mean_days"], now["mean_days"])
    if None in means:
        yield Check("delay", stream, "", *means, None, parameters.delay_days, math.inf, rows)
    else:
        spread = before["variance_days"] / before["rows"] + now["variance_days"] / rows
        later = max(means[1] - means[0], 0.0)
        chance = _reach(parameters) * math.sqrt(spread)
        yield Check("delay", stream, "", *means, later, parameters.delay_days, chance, rows)
    silent = (before["silent_days"], now["silent_days"])
    # A stream that never brought anything is not silent; it is not there.
    measure = silent[1] if before["rows"] else None
    if before["rows"] and silent[1] is None:
        measure = math.inf
    yield Check("silence", stream, "", *silent, measure, parameters.silent_days, 0.0, rows)


def _reach(parameters: MonitoringParameters, sides: int = 1) -> float:
    """Standard deviations that chance reaches seldom, on one side or on either of two."""
    return float(ndtri(1 - (1 - parameters.level) / sides))
