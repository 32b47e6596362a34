"""Both decisions on requests taken again in a world where causes of a conflict are switched off."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from features.matrix import Matrix
from models.boosted import Floats
from models.favoured import favoured
from models.parameters import ModelsParameters
from models.policy import decide, policy_in_force

Flags = NDArray[np.bool_]

POLICY_VALUES = ("cutoff_without_competition", "cap_debt_service", "cap_lenders", "cap_enquiries")


@dataclass(frozen=True)
class Scene:
    """What both decisions on some requests rest on in one world.

    Attributes:
        requests: Release snapshots, with the keys of `features.matrix.request_matrix`.
        probability: Calibrated PD of each request.
        missing: Requests on which the data do not allow a decision.
        reviews: Every review of these borrowers, as `models.favoured.favoured` reads them.
        recomputed: Limit (RMB) that the limit model gives on the day of each request, where that one counts.
        policy: The policy table of the book.
    """

    requests: Matrix
    probability: Floats
    missing: Flags
    reviews: pd.DataFrame
    recomputed: Floats | None
    policy: pd.DataFrame


def conflicts(scene: Scene, mechanisms: Collection[str], parameters: ModelsParameters) -> Flags:
    """Which requests are favoured and refused, as executed, when only some mechanisms are on.

    The scene holds what data lag, competition and misreading change in snapshots and limits; what is left to
    switch here are the policy (off: the looser of today's and that at the raise), the competition's part in the
    cut-off, and the slips.
    """
    keys = scene.requests.keys
    slips = "error" in mechanisms
    raised_on = raises(scene, slips, parameters)
    in_force = _in_force(scene, raised_on, mechanisms)
    recorded = ["decision_system", "decision_executed", "random_release"]
    asked = keys if slips else keys.drop(columns=recorded, errors="ignore")
    decided = decide(asked, scene.requests, scene.probability, in_force, scene.missing, parameters.policy)
    return np.asarray(~np.isnat(raised_on) & decided["refused"].to_numpy(bool))


def raises(scene: Scene, slips: bool, parameters: ModelsParameters) -> NDArray[np.datetime64]:
    """Day of the latest review that favours each request (see `models.favoured`), NaT where none does."""
    reviews = scene.reviews if slips else scene.reviews.assign(slip=1.0)
    found = favoured(scene.requests.keys, reviews, parameters.favoured, scene.recomputed)
    days = reviews.set_index("review_id")["reviewed_on"]
    raised_on = days.reindex(found["review_id"].where(found["favoured"]).astype("Float64")).to_numpy()
    return np.asarray(raised_on, dtype="datetime64[s]")


def _in_force(scene: Scene, raised_on: NDArray[np.datetime64], mechanisms: Collection[str]) -> pd.DataFrame:
    keys = scene.requests.keys
    today = policy_in_force(keys, scene.policy)
    base = today["cutoff_without_competition"].to_numpy(np.float64)
    factor = today["cutoff"].to_numpy(np.float64) / base if "competition" in mechanisms else 1.0
    chosen = today[list(POLICY_VALUES)].reset_index(drop=True).astype(np.float64)
    if "policy" not in mechanisms:
        since = np.where(
            np.isnat(raised_on), keys["requested_on"].to_numpy().astype("datetime64[s]"), raised_on
        )
        then = policy_in_force(keys.assign(requested_on=since), scene.policy)[list(POLICY_VALUES)]
        looser = then["cutoff_without_competition"].to_numpy(np.float64) > base
        chosen = pd.DataFrame(
            np.where(looser[:, None], then.to_numpy(np.float64), chosen.to_numpy()), columns=chosen.columns
        )
    cutoff = chosen.pop("cutoff_without_competition") * factor
    return chosen.assign(cutoff=cutoff).set_index(keys.index)
