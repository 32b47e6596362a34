"""The rules of a single case: what the policy of that month and region allowed, and what the borrower had."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np
import pandas as pd

from data.schema import NO_CAP
from explanations.explanation import Explanation
from explanations.report.contrast_table import label_of
from explanations.report.phrases import Phrases
from explanations.report.quantities import NOTHING, fixed, known, share, with_unit
from explanations.report.words import Text, same, say
from models.parameters import PolicyParameters
from models.policy import CAPS, NO_FILE, OVERDUE, RECORD, broken_rules

_OVERDUE_DAYS = "models.policy.overdue_days"


def rules_of(explanation: Explanation, shown: pd.DataFrame, phrases: Phrases) -> list[list[Any]] | None:
    """By case its rules as name, what was allowed, what was there, and whether it refuses; None of undated books."""
    parameters = explanation.summary["parameters"]
    caps = [cap for cap, feature in CAPS.items() if feature in explanation.release_features]
    if not len(shown) or _OVERDUE_DAYS not in parameters or shown[caps].isna().all(axis=None) or not caps:
        return None
    policy = PolicyParameters(overdue_days=int(parameters[_OVERDUE_DAYS]))
    features = explanation.release_features.set_index("request_id").loc[shown["request_id"]]
    read = {
        name: features[name].to_numpy(np.float64)
        for name in (*CAPS.values(), NO_FILE, OVERDUE)
        if name in features
    }
    in_force = {name: shown[name].to_numpy(np.float64) for name in ("cutoff", *caps)}
    probability = shown["pd"].to_numpy(np.float64)
    nowhere = np.zeros(len(shown), dtype=bool)
    broken = broken_rules(read, probability, in_force, nowhere, policy)
    told: list[list[Any]] = []
    for place, refused_by in enumerate(shown["refused_by"]):
        rows: list[tuple[Text, Text, Text, bool]] = []
        if refused_by == "data_missing":
            rows.append(
                (say("caserules.data_missing"), say("caserules.complete"), say("caserules.lacking"), True)
            )
        percent = partial(share, digits=2)
        cutoff, here = (same(percent(float(value[place]))) for value in (in_force["cutoff"], probability))
        rows.append((say("caserules.score"), cutoff, here, bool(broken["score"][place])))
        for cap in caps:
            most, here = (_figure(cap, float(value[place])) for value in (in_force[cap], read[CAPS[cap]]))
            label = label_of(explanation.catalogue[CAPS[cap]])
            rows.append((label, most, here, bool(broken[cap][place])))
        if OVERDUE in read:
            days = (policy.overdue_days - 1, float(read[OVERDUE][place]))
            most, here = (with_unit(value, "d", "") for value in days)
            rows.append(
                (label_of(explanation.catalogue[OVERDUE]), most, here, bool(broken["overdue"][place]))
            )
        if refused_by in ("slip", RECORD):
            rows.append((say("caserules.slip"), say("caserules.release"), say("caserules.refusal"), True))
        told.append(
            [
                [phrases.place(name), phrases.put(allowed), phrases.put(here), refuses]
                for name, allowed, here, refuses in rows
            ]
        )
    return told


def _figure(cap: str, value: float) -> Text:
    if not known(value) or value >= NO_CAP:
        return same(NOTHING)
    return same(share(value, digits=1) if cap == "cap_debt_service" else fixed(value, 0))
