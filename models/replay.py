"""Both decisions on requests taken again in a world where causes of a conflict are switched off."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from models.boosted import Floats
from models.favoured import Positions, Windows, favouring, windows_of
from models.parameters import ModelsParameters
from models.policy import CAPS, PolicyTable, broken_rules, month_number, policy_table, recorded_slips

Flags = NDArray[np.bool_]

CUTOFF = "cutoff_without_competition"
"""The cut-off before competition lowers it, which a policy sets as it sets the caps."""


@dataclass(frozen=True)
class Asked:
    """Some requests and what no scene changes of the decisions on them.

    Attributes:
        windows: The reviews that may favour each request.
        reviewed: Month of each review (since 1970).
        requested: Month of each request (since 1970).
        region: Region of each request.
        amount: Amount of each request (RMB).
        slip: Whether its recorded decision is a slip.
        slipped_refusal: Whether that decision refused.
        policy: The policy table.
        today: The policy in force at each request, by column.
    """

    windows: Windows
    reviewed: NDArray[np.int64]
    requested: NDArray[np.int64]
    region: NDArray[np.int64]
    amount: Floats
    slip: Flags
    slipped_refusal: Flags
    policy: PolicyTable
    today: dict[str, Floats]


@dataclass(frozen=True)
class Scene:
    """What both decisions on some requests rest on in one world, or in several: axes before the last are worlds.

    Attributes:
        read: What the policy reads of the release snapshots (`models.policy.what_is_read`), by request.
        probability: Calibrated PD of each request.
        missing: Requests on which the data do not allow a decision.
        balance: Balance at each request (RMB), the same in all worlds.
        before: Limit before each review (RMB).
        limit: Limit that the model gives at each review (RMB), before slips; NaN outside of any window.
        slip: Factor of recorded slips and unrecorded overrides of each review, the same in all worlds.
        recomputed: Limit (RMB) that the limit model gives on the day of each request, where that one counts.
    """

    read: Mapping[str, Floats]
    probability: Floats
    missing: Flags
    balance: Floats
    before: Floats
    limit: Floats
    slip: Floats
    recomputed: Floats | None


def asked_of(
    requests: pd.DataFrame, reviews: pd.DataFrame, policy: pd.DataFrame, parameters: ModelsParameters
) -> Asked:
    """What no scene changes.

    Args:
        requests: Keys of the requests (see `features.matrix.request_matrix`).
        reviews: borrower_id and reviewed_on of every review of their borrowers, sorted by both.
        policy: The policy table of the book.
        parameters: Policy and favour.

    Raises:
        DataFault: The table has no policy for the month and region of a request.
    """
    months, region = month_number(requests["requested_on"]), requests["region"].to_numpy(np.int64)
    slip, slipped_refusal = recorded_slips(requests)
    table = policy_table(policy, ("cutoff", CUTOFF, *CAPS))
    return Asked(
        windows=windows_of(requests, reviews, parameters.favoured),
        reviewed=month_number(reviews["reviewed_on"]),
        requested=months,
        region=region,
        amount=requests["amount"].to_numpy(np.float64),
        slip=slip,
        slipped_refusal=slipped_refusal,
        policy=table,
        today=table.in_force(months, region),
    )


def conflicts(asked: Asked, scene: Scene, mechanisms: Collection[str], parameters: ModelsParameters) -> Flags:
    """Which requests are favoured and refused, as executed, when only some mechanisms are on; in each world."""
    favoured, refused = decisions(asked, scene, mechanisms, parameters)
    return np.asarray(favoured & refused)


def decisions(
    asked: Asked, scene: Scene, mechanisms: Collection[str], parameters: ModelsParameters
) -> tuple[Flags, Flags]:
    """Which requests are favoured, and which refused, as executed, when only some mechanisms are on; in each world.

    The scene holds what data lag, competition and misreading change in snapshots and limits; what is left to
    switch here are the policy (off: the looser of today's and that at the raise), the competition's part in the
    cut-off, and the slips.
    """
    slips = "error" in mechanisms
    raised = raises(asked, scene, slips, parameters)
    in_force = _in_force(asked, raised, mechanisms)
    broken = broken_rules(scene.read, scene.probability, in_force, scene.missing, parameters.policy)
    refused = np.logical_or.reduce(list(broken.values()))
    if slips:
        refused = np.where(asked.slip, asked.slipped_refusal, refused)
    return np.asarray(raised >= 0), np.broadcast_to(refused, raised.shape)


def raises(asked: Asked, scene: Scene, slips: bool, parameters: ModelsParameters) -> Positions:
    """Place of the latest review that favours each request (see `models.favoured`), -1 where none does."""
    needed = asked.amount + scene.balance
    slip = scene.slip if slips else np.ones(len(scene.slip))
    counts = scene.limit * slip if scene.recomputed is None else np.broadcast_to(slip, scene.before.shape)
    return favouring(asked.windows, counts, scene.before, needed, parameters.favoured, scene.recomputed)


def _in_force(asked: Asked, raised: Positions, mechanisms: Collection[str]) -> dict[str, Floats]:
    today = asked.today
    chosen = {name: np.broadcast_to(today[name], raised.shape) for name in (CUTOFF, *CAPS)}
    if "policy" not in mechanisms:
        since = np.where(raised < 0, asked.requested, np.append(asked.reviewed, 0)[raised])
        then = asked.policy.in_force(since, np.broadcast_to(asked.region, since.shape))
        looser = then[CUTOFF] > today[CUTOFF]
        chosen = {name: np.where(looser, then[name], today[name]) for name in chosen}
    factor = today["cutoff"] / today[CUTOFF] if "competition" in mechanisms else 1.0
    return {name: chosen[name] for name in CAPS} | {"cutoff": chosen[CUTOFF] * factor}
