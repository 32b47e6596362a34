"""The gates between a challenger and the place of the champion: what each demands, what was found, whether it holds."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import pandas as pd

from models.monotone import Monotone
from training.parameters import GateParameters

CHAMPION, CHALLENGER, BENCHMARK = "champion", "challenger", "benchmark"
GATES = (
    "performance",
    "benchmark",
    "calibration",
    "stability",
    "monotonicity",
    "fairness",
    "additive",
    "reproducible",
)
"""The gates in their order; `benchmark` is of release models alone."""


@dataclass(frozen=True)
class Gate:
    """One gate.

    Attributes:
        name: One of `GATES`.
        held: Whether the model passes.
        found: What was found, with its figures, in a sentence.
        demanded: What the gate demands, in a sentence.
    """

    name: str
    held: bool
    found: str
    demanded: str

    def told(self) -> dict[str, Any]:
        """The gate, JSON-ready."""
        return asdict(self)


def release_performance(metrics: pd.DataFrame, parameters: GateParameters) -> list[Gate]:
    """AUC on known outcomes out of time against the champion's and the benchmark's.

    Args:
        metrics: As `training.paired.compare_releases` gives them; the candidate is the first model, the champion (where
            there is one) and the benchmark are held against it.
        parameters: How much may be lost.
    """
    auc = _by_model(metrics, "auc")
    gates = []
    for name, other, most in (
        ("performance", CHAMPION, parameters.auc_loss),
        ("benchmark", BENCHMARK, parameters.benchmark_loss),
    ):
        demanded = f"AUC at most {most:g} below that of the {'champion' if other == CHAMPION else 'logistic scorecard'}"
        if CHALLENGER not in auc:
            gates.append(Gate(name, False, "the known outcomes out of time are of one kind only", demanded))
            continue
        mine = auc[CHALLENGER]["value"]
        if other not in auc:
            gates.append(Gate(name, True, f"AUC {mine:.4f}; there is no champion yet", demanded))
            continue
        row = auc[other]
        # Differences are those of the others to the candidate: the sign is turned.
        gain = -row["difference"]
        found = (
            f"AUC {mine:.4f} against {row['value']:.4f}, difference {gain:+.4f} "
            f"({-row['difference_high']:+.4f} … {-row['difference_low']:+.4f})"
        )
        gates.append(Gate(name, gain >= -most, found, demanded))
    return gates


def limit_performance(metrics: pd.DataFrame, parameters: GateParameters) -> Gate:
    """Mean absolute error (log-RMB) out of time against the champion's; `metrics` as in `release_performance`."""
    error = _by_model(metrics, "mae_log")
    demanded = f"mean absolute error at most {parameters.error_growth:.0%} above the champion's"
    if CHALLENGER not in error:
        return Gate("performance", False, "there are no reviews out of time", demanded)
    mine = error[CHALLENGER]["value"]
    if CHAMPION not in error:
        return Gate(
            "performance", True, f"mean absolute error {mine:.4f}; there is no champion yet", demanded
        )
    theirs = error[CHAMPION]["value"]
    growth = mine / theirs - 1 if theirs else math.inf
    found = f"mean absolute error {mine:.4f} against {theirs:.4f} (log), {growth:+.1%}"
    return Gate("performance", growth <= parameters.error_growth, found, demanded)


def _by_model(metrics: pd.DataFrame, metric: str) -> dict[str, dict[str, float]]:
    """Value and difference of a metric, by model."""
    rows = metrics.loc[metrics["metric"] == metric]
    names = ("value", "difference", "difference_low", "difference_high")
    return {str(row["model"]): {name: float(row[name]) for name in names} for row in rows.to_dict("records")}


def calibration(metrics: pd.DataFrame, parameters: GateParameters) -> Gate:
    """Bad rate over mean PD, or assessed over predicted limits, of the candidate."""
    names = {
        "bad_over_pd": "bad rate over mean PD",
        "assessed_over_predicted": "assessed over predicted limits",
    }
    rows = metrics[(metrics["model"] == CHALLENGER) & metrics["metric"].isin(list(names))]
    low, high = parameters.calibration
    if not len(rows):
        return Gate("calibration", False, "no outcomes tell it", f"between {low:g} and {high:g}")
    row = rows.iloc[0]
    name, value = names[str(row["metric"])], float(row["value"])
    found = f"{name} {value:.3f} ({row['low']:.3f} … {row['high']:.3f})"
    return Gate("calibration", low <= value <= high, found, f"{name} between {low:g} and {high:g}")


def stability(index: float, parameters: GateParameters) -> Gate:
    """Population stability index of the score out of time against the training period."""
    found = f"population stability index {index:.4f}"
    return Gate("stability", index <= parameters.psi, found, f"at most {parameters.psi:g}")


def monotonicity(tried: Monotone) -> Gate:
    """Each feature with a sign moved over its values, all else as it is."""
    found = f"{tried.against:,} of {tried.comparisons:,} steps on {tried.rows:,} rows against their sign"
    if tried.against:
        found += f", by {tried.worst:.1e} at most"
    return Gate("monotonicity", not tried.against, found, "no step of a feature against its sign")


def fairness(disparity: Mapping[str, tuple[float, str, str]], parameters: GateParameters) -> Gate:
    """Lowest over highest rate of approval (of being favoured) by protected attribute.

    Args:
        disparity: By attribute the ratio, and the groups with the lowest and the highest rate.
        parameters: The lowest ratio.
    """
    exempt = [name for name in disparity if name in parameters.fairness_exempt]
    counted = [ratio for name, (ratio, _, _) in disparity.items() if name not in exempt]
    demanded = f"ratio of the lowest to the highest rate of every protected attribute at least {parameters.fairness:g}"
    if exempt:
        demanded += f" ({', '.join(exempt)}: told, not counted)"
    if not disparity:
        return Gate(
            "fairness", True, "the book records no protected attribute with two groups large enough", demanded
        )
    told = [
        f"{name} {ratio:.3f} ({lowest} against {highest}{', not counted' if name in exempt else ''})"
        for name, (ratio, lowest, highest) in disparity.items()
    ]
    return Gate("fairness", all(ratio >= parameters.fairness for ratio in counted), "; ".join(told), demanded)


def additive(furthest: float, rows: int, parameters: GateParameters) -> Gate:
    """Most by which base and contributions miss the score."""
    found = f"largest gap between base plus contributions and score {furthest:.1e} on {rows:,} rows"
    return Gate("additive", furthest <= parameters.additive, found, f"at most {parameters.additive:g}")


def reproducible(digest: str, again: str | None, why: str = "") -> Gate:
    """Whether the fit, done again as the model's card says, gives the same model.

    Args:
        digest: Of all that the model decides with.
        again: The same of the second fit; None where there can be none.
        why: Why there can be none.
    """
    demanded = "the same model to the bit when fitted again on its book"
    if again is None:
        return Gate("reproducible", False, f"it cannot be fitted again: {why}", demanded)
    found = "the same" if again == digest else "another model"
    return Gate("reproducible", again == digest, f"fitted again as its card says: {found}", demanded)
