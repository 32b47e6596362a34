"""The release policy: from a calibrated PD, the policy in force and the record to a decision and its rule."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from data.errors import DataFault
from features.matrix import Matrix
from models.boosted import Floats
from models.parameters import PolicyParameters

Flags = NDArray[np.bool_]

CAPS = {
    "cap_debt_service": "dti_ratio",
    "cap_lenders": "bureau_lenders",
    "cap_enquiries": "bureau_enq_3m",
}
"""Each cap of the policy table and the feature of the release snapshot that must not exceed it."""

COUNTS = ("cap_lenders", "cap_enquiries")
"""The caps on counts of the bureau."""

NO_FILE = "thin_file"
"""1 where the bureau has no file on the borrower, or a young one."""

OVERDUE = "own_dpd_current"

REFUSED_BY = ("data_missing", "score", *CAPS, "overdue", "slip")
"""The rules that refuse, in their order: of several, the first is named."""


def decide(
    requests: pd.DataFrame,
    matrix: Matrix,
    probability: Floats,
    in_force: pd.DataFrame,
    missing: Flags,
    parameters: PolicyParameters,
) -> pd.DataFrame:
    """The executed decision on each draw request: the policy's, with the recorded slips applied.

    Args:
        requests: A row per request, with decision_system, decision_executed and random_release where the
            book records decisions.
        matrix: Release snapshots of the same rows.
        probability: Calibrated PD of the same rows.
        in_force: cutoff of the same rows, and the caps where the book has them (see `policy_in_force`).
        missing: Rows on which the data do not allow a decision (see `data_missing`); they are refused.
        parameters: What the policy holds besides.

    Returns:
        cutoff, refused and refused_by (one of `REFUSED_BY`, or empty) by row.
    """
    missing = missing | _unknown_to_caps(matrix, in_force)
    broken = {"data_missing": missing, "score": probability > in_force["cutoff"].to_numpy(dtype=np.float64)}
    for cap, feature in CAPS.items():
        if cap in in_force:
            broken[cap] = _column(matrix, feature) > in_force[cap].to_numpy(dtype=np.float64)
    if OVERDUE in matrix.features:
        broken["overdue"] = _column(matrix, OVERDUE) >= parameters.overdue_days
    rule = np.select(list(broken.values()), list(broken), default="").astype(object)
    slip = _recorded_slip(requests)
    refused = np.where(slip, _recorded_refusal(requests), rule != "")
    rule = np.where(~refused, "", np.where(rule == "", "slip", rule))
    decided = {
        "cutoff": in_force["cutoff"].to_numpy(dtype=np.float64),
        "refused": refused,
        "refused_by": rule,
    }
    return pd.DataFrame(decided, index=requests.index)


def _unknown_to_caps(matrix: Matrix, in_force: pd.DataFrame) -> Flags:
    """Rows in which a capped feature is missing, so that nobody can say whether the cap holds.

    Counts of a bureau that has no file on the borrower are known: there is nothing to count.
    """
    unknown = np.zeros(len(matrix.values), dtype=bool)
    no_file = _column(matrix, NO_FILE) == 1 if NO_FILE in matrix.features else unknown
    for cap, feature in CAPS.items():
        if cap in in_force:
            counted = no_file if cap in COUNTS else np.zeros(len(unknown), dtype=bool)
            unknown |= np.isnan(_column(matrix, feature)) & ~counted
    return unknown


def policy_in_force(requests: pd.DataFrame, policy: pd.DataFrame) -> pd.DataFrame:
    """The row of the policy table for the month and region of each request.

    Args:
        requests: requested_on and region by request.
        policy: The policy table of the book.

    Raises:
        DataFault: The table has no policy for the month and region of a request.
    """
    asked = pd.DataFrame({"month_start": _month_of(requests["requested_on"]), "region": requests["region"]})
    table = policy.assign(month_start=_month_of(policy["month_start"]))
    found = asked.merge(table, on=["month_start", "region"], how="left", validate="many_to_one")
    lost = found["cutoff"].isna().to_numpy()
    if lost.any():
        first = found[lost].iloc[0]
        raise DataFault(
            f"The policy table has no row for {first['month_start']:%Y-%m} in region {first['region']}, but "
            f"{int(lost.sum())} draw requests fall there or in other gaps; complete the table `policy`."
        )
    return found.set_index(requests.index)


def one_cutoff(requests: pd.DataFrame, cutoff: float) -> pd.DataFrame:
    """The policy of a book without a policy table: one cut-off on the PD for all, and no caps."""
    return pd.DataFrame({"cutoff": cutoff}, index=requests.index)


def data_missing(matrix: Matrix, bureau: Sequence[str], unreadable: Flags) -> Flags:
    """Requests on which the data do not allow a decision, so that they fail safe.

    Args:
        matrix: Release snapshots.
        bureau: Features of the bureau's stream; where all of them are missing, the bureau delivered nothing.
        unreadable: Rows that the release model cannot read (`ReleaseModel.unreadable`).
    """
    columns = [position for position, name in enumerate(matrix.features) if name in frozenset(bureau)]
    if not columns:
        return unreadable
    return np.asarray(unreadable | np.isnan(matrix.values[:, columns]).all(axis=1))


def _recorded_slip(requests: pd.DataFrame) -> Flags:
    """Where the record shows that what was done is not what the lender's system had decided."""
    if "decision_system" not in requests:
        return np.zeros(len(requests), dtype=bool)
    differs = requests["decision_system"].astype(str) != requests["decision_executed"].astype(str)
    return np.asarray(differs & ~requests["random_release"].astype(bool))


def _recorded_refusal(requests: pd.DataFrame) -> Flags:
    if "decision_executed" not in requests:
        return np.zeros(len(requests), dtype=bool)
    return np.asarray(requests["decision_executed"].astype(str) == "refuse")


def _column(matrix: Matrix, feature: str) -> Floats:
    return matrix.values[:, matrix.features.index(feature)].astype(np.float64)


def _month_of(dates: pd.Series) -> NDArray[np.datetime64]:
    return dates.to_numpy().astype("datetime64[M]").astype("datetime64[s]")
