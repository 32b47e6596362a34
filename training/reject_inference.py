"""Reject inference: rows that stand for the requests refused by score, whose outcomes nobody saw.

Three published ways besides doing without. *Fuzzy augmentation* takes each refused row twice, bad with the weight of
its PD and good with the rest. *Parcelling* does the same with a bad rate by band of score: that of the released in the
band, times a factor. *Re-weighting* takes no refused row; the draws released at random despite their score count for
all that were refused so. (Siddiqi, Credit Risk Scorecards, 2006; Ehrhardt and others,
doi:10.1080/02664763.2021.1929090.) What a cap refuses is policy, not score, and stays out.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

from data.book import Book
from data.errors import CallError
from features.matrix import Matrix
from models.boosted import Floats
from models.parameters import PolicyParameters
from models.policy import decide, policy_in_force
from training.fitting import Labelled
from training.parameters import RejectInference

Flags = NDArray[np.bool_]
Rows = NDArray[np.float32]

BANDS: Final = 10
"""Bands of score in parcelling: with a tenth of the bad outcomes each, their rates are equally well known."""

FACTOR: Final = 1.0
"""How many times as bad the refused are as the released of their band, unless told: nothing says that they are."""

RECORDED: Final = frozenset({"decision_system", "decision_executed", "random_release"})
"""Columns of the record that tell what the score refused and what chance released."""


@dataclass(frozen=True)
class Period:
    """What a period tells of its requests.

    Attributes:
        released: Released draws with known outcomes.
        at_random: Which of these the score had refused and chance released.
        refused: Features of the requests refused by score alone (rows × features).
    """

    released: Labelled
    at_random: Flags
    refused: Rows


def inferred(
    method: RejectInference, periods: Sequence[Period], pd_of: Callable[[Rows], Floats]
) -> list[Labelled]:
    """The rows of each period from which the model is fitted, the refused represented in them.

    Args:
        method: How.
        periods: What is known.
        pd_of: PD (0–1) by row of a matrix, of a model fitted on released draws.
    """
    if method == "fuzzy":
        return [fuzzy(period.released, period.refused, pd_of(period.refused)) for period in periods]
    if method == "parcelling":
        scored = np.concatenate([pd_of(period.released.values) for period in periods])
        bad = np.concatenate([period.released.label for period in periods])
        return [
            fuzzy(period.released, period.refused, parcel_rates(scored, bad, pd_of(period.refused)))
            for period in periods
        ]
    if method == "reweight":
        share = random_share(periods)
        return [reweighted(period.released, period.at_random, share) for period in periods]
    return [period.released for period in periods]


def fuzzy(released: Labelled, refused: Rows, bad_rate: Floats) -> Labelled:
    """The released, and each refused row twice: bad with the weight `bad_rate` (0–1 by row), good with the rest."""
    return Labelled(
        np.concatenate([released.values, refused, refused]),
        np.concatenate([released.label, np.ones(len(refused)), np.zeros(len(refused))]),
        np.concatenate([np.ones(len(released.label)), bad_rate, 1.0 - bad_rate]),
    )


def parcel_rates(
    pd_released: Floats, bad: Floats, pd_refused: Floats, factor: float = FACTOR, bands: int = BANDS
) -> Floats:
    """The bad rate (0–1) of each refused row: that of the released in its band of PD, times the factor.

    Args:
        pd_released: PD of each released draw.
        bad: 1 bad, 0 good, of each; some must be bad.
        pd_refused: PD of each refused request.
        factor: How many times as bad the refused are.
        bands: Number of bands, each with as many bad released draws.
    """
    of_bad = pd_released[bad == 1]
    # Each edge is the PD of a bad draw and the last band holds the worst of them, so no band is empty.
    edges = np.unique(np.quantile(of_bad, np.arange(1, bands) / bands, method="lower"))
    edges = edges[edges < of_bad.max()]
    band = np.searchsorted(edges, pd_released)
    rate = np.minimum(factor * np.bincount(band, bad) / np.bincount(band), 1.0)
    return np.asarray(rate[np.searchsorted(edges, pd_refused)])


def random_share(periods: Sequence[Period]) -> float:
    """The share of requests refused by score that chance released; NaN where there are none.

    Taken over all periods, since a single one may hold a few dozen.
    """
    chance = sum(int(period.at_random.sum()) for period in periods)
    refused = sum(len(period.refused) for period in periods)
    return chance / (chance + refused) if chance + refused else float("nan")


def reweighted(released: Labelled, at_random: Flags, share: float) -> Labelled:
    """The released, those at random counted 1/share times, so that they stand for all refused by score.

    Raises:
        CallError: Nothing was released at random.
    """
    if not share > 0:
        raise CallError(
            "Re-weighting needs draws released at random, and this book holds none in its fitting periods; "
            "set training.release.reject_inference to none."
        )
    return replace(released, weight=np.where(at_random, 1.0 / share, 1.0))


def refused_by_score(book: Book, requests: Matrix, parameters: PolicyParameters) -> Flags:
    """Requests that the lender's system refused by score alone, those released at random among them.

    The record does not name the rule. It was the score where no cap is broken and no payment overdue in what the
    release reader saw, which is nearly what the lender's system saw.

    Raises:
        CallError: The book records no decisions.
    """
    keys = requests.keys
    if not RECORDED.issubset(keys):
        raise CallError(
            f"{book.path} does not record decisions and random releases, so nobody can say whom the score "
            "refused; set training.release.reject_inference to none."
        )
    nothing = np.zeros(len(keys))
    asked, in_force = keys.drop(columns=sorted(RECORDED)), policy_in_force(keys, book.whole("policy"))
    by_rule = decide(asked, requests, nothing, in_force, nothing.astype(bool), parameters)["refused"]
    by_system = keys["decision_system"].astype(str) == "refuse"
    return np.asarray(by_system & (~by_rule.astype(bool) | keys["random_release"].astype(bool)))
