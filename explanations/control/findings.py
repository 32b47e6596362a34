"""All checks of internal control on a dated book, as one table of findings."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from explanations.control.batches import jumped_batches
from explanations.parameters import ControlParameters
from features.matrix import Matrix
from models.parameters import ModelsParameters
from models.policy import CAPS, OVERDUE, policy_where_known, recorded_slips, what_is_read

Flags = NDArray[np.bool_]
Floats = NDArray[np.float64]

SEVERITIES: Final = ("critical", "high", "medium", "low")
CHECKS: Final = {
    "limit_above_rules": "critical",
    "released_against_system": "critical",
    "limit_overwritten": "high",
    "released_above_cap": "high",
    "refused_against_system": "high",
    "policy_version": "high",
    "limit_below_rules": "medium",
    "limit_stale": "medium",
    "feed_silent": "medium",
    "review_twice": "medium",
    "batch_jump": "low",
}
"""Every check and how grave what it finds is: money granted against rules and record first, what may have an innocent
reason last."""

COLUMNS: Final = ("check", "severity", "count", "looked_at", "examples")


@dataclass(frozen=True)
class Kept:
    """What a book keeps that is held against rules and policy.

    Attributes:
        requests: Release snapshots of all requests.
        reviews: Limit snapshots of the reviews; their keys hold `slip` where the book tells the rules of its limits.
        override: Factor by which each assessed limit was overwritten (`models.overrides`); None without a limit model.
        policy: The policy table.
        arrivals: By stream the days (since 1970, rising) on which anything of it became visible.
    """

    requests: Matrix
    reviews: Matrix
    override: Floats | None
    policy: pd.DataFrame
    arrivals: dict[str, NDArray[np.int64]]


def control_findings(kept: Kept, models: ModelsParameters, parameters: ControlParameters) -> pd.DataFrame:
    """A row per check, the gravest first.

    Args:
        kept: What the book keeps.
        models: What the policy holds besides its table.
        parameters: What was agreed.

    Returns:
        check, severity, count, looked_at (0 where the book does not tell what the check needs) and examples: the first
        few, the largest departure first, with commas between them.
    """
    most = parameters.examples
    found = {
        **_limits(kept, most),
        **_releases(kept, models, parameters),
        **_policy_versions(kept, most),
        **_ages(kept, parameters),
        **_twice(kept, most),
        **_batches(kept, parameters),
    }
    rows = []
    for check, severity in CHECKS.items():
        one = found.get(check, Found(0, 0, []))
        rows.append((check, severity, one.count, one.looked_at, ", ".join(one.examples)))
    return pd.DataFrame(rows, columns=list(COLUMNS))


@dataclass(frozen=True)
class Found:
    """What a check found.

    Attributes:
        looked_at: How many rows (or batches) were looked at.
        count: How many of them are found.
        examples: The first few, the worst first.
    """

    looked_at: int
    count: int
    examples: list[str]


def _limits(kept: Kept, most: int) -> dict[str, Found]:
    """Limits that are not what the rules give, or were assessed far above what the model does."""
    reviews, found = kept.reviews.keys, dict[str, Found]()
    ids = reviews["review_id"].to_numpy()
    if "slip" in reviews:
        slip = reviews["slip"].to_numpy(np.float64)
        found["limit_above_rules"] = _factors(len(ids), ids, slip, slip > 1, most)
        found["limit_below_rules"] = _factors(len(ids), ids, slip, slip < 1, most)
    if kept.override is not None:
        judged = int((reviews["month"] >= 1).sum())
        found["limit_overwritten"] = _factors(judged, ids, kept.override, kept.override != 1, most)
    return found


def _releases(kept: Kept, models: ModelsParameters, parameters: ControlParameters) -> dict[str, Found]:
    """Decisions that were not carried out, and releases above a cap or with a payment overdue."""
    requests, most = kept.requests.keys, parameters.examples
    ids, amount = requests["request_id"].to_numpy(), requests["amount"].to_numpy(np.float64)
    slip, refused = recorded_slips(requests)
    sound = ~refused & (requests["decision_system"].astype(str) == "release").to_numpy()
    excess = _over_caps(kept, models)
    above = sound & (excess > parameters.cap_slack)
    return {
        "released_against_system": _named(
            len(ids), ids, amount, slip & ~refused, "{id} ({value:,.0f})", most
        ),
        "refused_against_system": _named(len(ids), ids, amount, slip & refused, "{id} ({value:,.0f})", most),
        "released_above_cap": _factors(int(sound.sum()), ids, 1 + excess, above, most),
    }


def _over_caps(kept: Kept, models: ModelsParameters) -> Floats:
    """By how much each request lies above the cap that it exceeds most (share of the cap; 0 where above none)."""
    read = what_is_read(kept.requests)
    in_force = _in_force(kept)
    excess = np.zeros(len(kept.requests.keys))
    with np.errstate(divide="ignore", invalid="ignore"):
        for cap, feature in CAPS.items():
            if feature in read:
                over = read[feature] / in_force[cap].to_numpy(np.float64) - 1
                excess = np.fmax(excess, over)
    if OVERDUE in read:
        excess = np.where(read[OVERDUE] >= models.policy.overdue_days, np.inf, excess)
    return excess


def _in_force(kept: Kept) -> pd.DataFrame:
    """The row of the policy table for each request; missing where there is none."""
    return policy_where_known(kept.requests.keys, kept.policy.drop_duplicates(["month_start", "region"]))


def _policy_versions(kept: Kept, most: int) -> dict[str, Found]:
    """Requests that name a policy which the table does not have, or not in their month and region."""
    said = kept.requests.keys["policy_version"].astype(str)
    other = np.flatnonzero(said.to_numpy() != _in_force(kept)["policy_version"].astype(str).to_numpy())
    ids = kept.requests.keys["request_id"]
    first = [f"{ids.iloc[place]} ({said.iloc[place]})" for place in other[:most].tolist()]
    return {"policy_version": Found(len(said), len(other), first)}


def _ages(kept: Kept, parameters: ControlParameters) -> dict[str, Found]:
    """Requests decided on a limit that was reviewed too long ago, or while a stream had been silent too long."""
    requests, most = kept.requests.keys, parameters.examples
    asked = requests["requested_on"].to_numpy().astype("datetime64[D]").astype(np.int64)
    age = asked - requests["reviewed_on"].to_numpy().astype("datetime64[D]").astype(np.int64)
    ids = requests["request_id"].to_numpy()
    silent, worst = np.zeros(len(asked), dtype=np.int64), np.full(len(asked), "", dtype=object)
    for stream, days in parameters.feed_days.items():
        if len(kept.arrivals.get(stream, ())):
            arrivals = kept.arrivals[stream]
            last = arrivals[np.maximum(np.searchsorted(arrivals, asked, side="right") - 1, 0)]
            over = np.maximum(asked - last - days, 0)
            worst = np.where(over > silent, stream, worst)
            silent = np.maximum(silent, over)
    late = np.argsort(-silent, kind="stable")[: min(int((silent > 0).sum()), most)]
    named = [f"{ids[place]} ({worst[place]})" for place in late.tolist()]
    return {
        "limit_stale": _named(len(ids), ids, age, age > parameters.review_days, "{id} ({value} d)", most),
        "feed_silent": Found(len(ids) if kept.arrivals else 0, int((silent > 0).sum()), named),
    }


def _twice(kept: Kept, most: int) -> dict[str, Found]:
    """Reviews of a borrower on a day on which he was reviewed already."""
    reviews = kept.reviews.keys
    again = (reviews.duplicated(["borrower_id", "reviewed_on"]) | reviews.duplicated("review_id")).to_numpy()
    first = reviews["review_id"].to_numpy()[again][:most].astype(str).tolist()
    return {"review_twice": Found(len(reviews), int(again.sum()), first)}


def _batches(kept: Kept, parameters: ControlParameters) -> dict[str, Found]:
    """Months of a region that jumped."""
    looked_at, jumps = jumped_batches(kept.requests.keys, kept.reviews.keys, parameters.batches)
    return {"batch_jump": Found(looked_at, len(jumps), jumps[: parameters.examples])}


def _factors(looked_at: int, ids: NDArray[Any], factor: Floats, flagged: Flags, most: int) -> Found:
    """Flagged ids with the factor by which they depart, the largest departure first."""
    places = np.flatnonzero(flagged)
    with np.errstate(divide="ignore"):
        departure = np.abs(np.log(factor[places]))
    order = places[np.argsort(-departure, kind="stable")[:most]].tolist()
    return Found(looked_at, len(places), [f"{ids[place]} (×{factor[place]:.2f})" for place in order])


def _named(
    looked_at: int, ids: NDArray[Any], values: NDArray[Any], flagged: Flags, form: str, most: int
) -> Found:
    """Flagged ids with a value, the largest first."""
    places = np.flatnonzero(flagged)
    order = places[np.argsort(-values[places], kind="stable")[:most]].tolist()
    return Found(looked_at, len(places), [form.format(id=ids[place], value=values[place]) for place in order])
