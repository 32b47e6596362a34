"""The release policy: from a calibrated PD, the policy in force and the record to a decision and its rule."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from data.errors import DataFault
from data.schema import NO_CAP
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

RECORD = "record"
"""Refused on the lender's record, and by no rule above (`models.record`)."""


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
        cutoff, refused, refused_by (one of `REFUSED_BY`, or empty) and score_decides by row: whether another cut-off
        could change the decision, since no other rule refuses and no slip is recorded.
    """
    values = {name: in_force[name].to_numpy(np.float64) for name in ("cutoff", *CAPS) if name in in_force}
    broken = broken_rules(what_is_read(matrix), probability, values, missing, parameters)
    rule = np.select(list(broken.values()), list(broken), default="").astype(object)
    slip, slipped_refusal = recorded_slips(requests)
    refused = np.where(slip, slipped_refusal, rule != "")
    rule = np.where(~refused, "", np.where(rule == "", "slip", rule))
    decided = {
        "cutoff": values["cutoff"],
        "refused": refused,
        "refused_by": rule,
        "score_decides": ~np.logical_or.reduce(
            [slip, *(flags for name, flags in broken.items() if name != "score")]
        ),
    }
    return pd.DataFrame(decided, index=requests.index)


def what_is_read(matrix: Matrix) -> dict[str, Floats]:
    """The features of release snapshots that the policy reads, those of them that there are."""
    return {
        name: matrix.values[:, matrix.features.index(name)].astype(np.float64)
        for name in (*CAPS.values(), NO_FILE, OVERDUE)
        if name in matrix.features
    }


def broken_rules(
    read: Mapping[str, Floats],
    probability: Floats,
    in_force: Mapping[str, Floats],
    missing: Flags,
    parameters: PolicyParameters,
) -> dict[str, Flags]:
    """Which requests break each rule, by rule in their order; arrays are of one shape.

    Args:
        read: What the policy reads of the snapshots (`what_is_read`).
        probability: Calibrated PD.
        in_force: cutoff, and the caps where the book has them.
        missing: Requests on which the data do not allow a decision.
        parameters: What the policy holds besides.
    """
    missing = missing | _unknown_to_caps(read, in_force)
    broken = {"data_missing": missing, "score": probability > in_force["cutoff"]}
    broken |= {
        cap: read[feature] > in_force[cap]
        for cap, feature in CAPS.items()
        if cap in in_force and feature in read
    }
    if OVERDUE in read:
        broken["overdue"] = read[OVERDUE] >= parameters.overdue_days
    return broken


def _unknown_to_caps(read: Mapping[str, Floats], in_force: Mapping[str, Floats]) -> Flags:
    """Requests of which a capped feature is missing, so that nobody can say whether the cap holds.

    Counts of a bureau that has no file on the borrower are known: there is nothing to count.
    """
    unknown = np.zeros(in_force["cutoff"].shape, dtype=bool)
    no_file = read[NO_FILE] == 1 if NO_FILE in read else unknown
    for cap, feature in CAPS.items():
        if cap in in_force and feature in read:
            lacking = np.isnan(read[feature]) & (in_force[cap] < NO_CAP)
            unknown = unknown | (lacking & ~no_file if cap in COUNTS else lacking)
    return unknown


def policy_in_force(requests: pd.DataFrame, policy: pd.DataFrame) -> pd.DataFrame:
    """The row of the policy table for the month and region of each request.

    Args:
        requests: requested_on and region by request.
        policy: The policy table of the book.

    Raises:
        DataFault: The table has no policy for the month and region of a request.
    """
    found = policy_where_known(requests, policy)
    lost = found["cutoff"].isna().to_numpy()
    if lost.any():
        first = found[lost].iloc[0]
        raise _no_policy(f"{first['month_start']:%Y-%m}", first["region"], int(lost.sum()))
    return found


def policy_where_known(requests: pd.DataFrame, policy: pd.DataFrame) -> pd.DataFrame:
    """As `policy_in_force`; missing where the table has no policy for the month and region of a request."""
    asked = pd.DataFrame({"month_start": _month_of(requests["requested_on"]), "region": requests["region"]})
    table = policy.assign(month_start=_month_of(policy["month_start"]))
    found = asked.merge(table, on=["month_start", "region"], how="left", validate="many_to_one")
    return found.set_index(requests.index)


@dataclass(frozen=True)
class PolicyTable:
    """The policy table by month and region, laid out for many look-ups.

    Attributes:
        first: First month of the table (since 1970).
        values: By column, a value for each month and region; NaN where the table has no policy.
    """

    first: int
    values: dict[str, Floats]

    def in_force(self, months: NDArray[np.int64], regions: NDArray[np.int64]) -> dict[str, Floats]:
        """The policy of each month (since 1970) and region, by column.

        Raises:
            DataFault: The table has no policy for one of them.
        """
        known = next(iter(self.values.values()))
        row, column = months - self.first, regions
        inside = (row >= 0) & (row < known.shape[0]) & (column >= 0) & (column < known.shape[1])
        row, column = np.where(inside, row, 0), np.where(inside, column, 0)
        lost = ~inside | np.isnan(known[row, column])
        if lost.any():
            at = np.unravel_index(np.argmax(lost), lost.shape)
            month = np.broadcast_to(months, lost.shape)[at].astype("datetime64[M]")
            raise _no_policy(f"{month}", np.broadcast_to(regions, lost.shape)[at], int(lost.sum()))
        return {name: table[row, column] for name, table in self.values.items()}


def policy_table(policy: pd.DataFrame, columns: Sequence[str]) -> PolicyTable:
    """Some columns of the policy table of a book, laid out for many look-ups."""
    month = month_number(policy["month_start"])
    region = policy["region"].to_numpy(np.int64)
    first, shape = int(month.min()), (int(np.ptp(month)) + 1, int(region.max()) + 1)
    values = {}
    for name in columns:
        values[name] = np.full(shape, np.nan)
        values[name][month - first, region] = policy[name].to_numpy(np.float64)
    return PolicyTable(first, values)


def month_number(dates: pd.Series) -> NDArray[np.int64]:
    """Months since January 1970 of dates."""
    return _month_of(dates).astype("datetime64[M]").astype(np.int64)


def _no_policy(month: str, region: object, requests: int) -> DataFault:
    return DataFault(
        f"The policy table has no row for {month} in region {region}, but "
        f"{requests} draw requests fall there or in other gaps; complete the table `policy`."
    )


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


def recorded_slips(requests: pd.DataFrame) -> tuple[Flags, Flags]:
    """Where the record shows that what was done is not what the lender's system had decided, and where it refused."""
    if "decision_system" not in requests:
        nowhere = np.zeros(len(requests), dtype=bool)
        return nowhere, nowhere
    system, executed = (requests[f"decision_{name}"].astype(str) for name in ("system", "executed"))
    slip = (system != executed) & ~requests["random_release"].astype(bool)
    return np.asarray(slip), np.asarray(executed == "refuse")


def _month_of(dates: pd.Series) -> NDArray[np.datetime64]:
    return dates.to_numpy().astype("datetime64[M]").astype("datetime64[s]")
