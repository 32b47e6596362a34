"""Reasons: up to four codes for each refusal, from grouped contributions and from the rules that it breaks.

A feature stands for the reason that the catalogue names. The push of a reason is the sum of the contributions of its
features against those favoured and released (12 CFR 1002.9, its commentary: compare with applicants who passed). A
reason states a fact, so it is given only where the fact is so: its principal feature pushes toward refusal and lies on
the worse side of the median of those released; a value that is missing speaks for a lack of records, never for debt.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from data.mechanisms import MECHANISMS
from explanations.explanation import Explanation
from explanations.parameters import ReasonParameters
from explanations.report.reason_sentences import EVENTS, NO_ASSESSMENT, with_sentences
from features.catalogue import Catalogue, Feature
from models.boosted import Floats
from models.policy import CAPS, OVERDUE, RECORD

Flags = NDArray[np.bool_]
Places = NDArray[np.int16]

MOST = 4
"""Reasons of the borrower's for one refusal: more say less."""
NONE = -1
"""Stands where there is no reason, or no feature."""
UNASSESSED = ("slip", "data_missing", RECORD)
"""Rules that refuse for an error or for want of data."""
LENDERS = {"policy": "R18", "data_lag": "R20", "competition": "C3", "misread": "C4", "error": "C5"}
"""Code of each cause on the lender's side; those of C have no reason's code and are for the lender's eyes alone."""
RULE_BREAKS = {
    "cap_debt_service": ("R04", CAPS["cap_debt_service"]),
    "cap_lenders": ("R09", CAPS["cap_lenders"]),
    "cap_enquiries": ("R08", CAPS["cap_enquiries"]),
    "overdue": ("R01", OVERDUE),
}
"""The reason that each rule of the policy stands for beside the score, and the feature that breaks it."""

_ABOVE_ANY_PUSH = 1e6
LATE = ("own_dpd_max_12m", "own_late_count_6m")
"""Features that tell of late payments with us."""
STREAK = "own_ontime_streak"
"""Of who was never late it tells of a short record, not of lateness."""
SHORT_RECORD = "R12"
UNKNOWN = {"bureau": "R12", "agency": "R12", "income_assets": "R06"}
"""Code of a missing value, by the stream that it is missing from."""


@dataclass(frozen=True)
class Groups:
    """Which features of the release model stand for which reason in each request.

    Attributes:
        codes: The reasons' codes.
        features: Names of the release model's features.
        code: Place in `codes` by request and feature; -1 where the feature stands for none.
        fact: Where a feature says something that is so and lies on the worse side of those released.
        usual: Median of each feature among those released; NaN where it has none.
    """

    codes: tuple[str, ...]
    features: tuple[str, ...]
    code: Places
    fact: Flags
    usual: NDArray[np.float32]

    def of(self, rows: NDArray[np.int64]) -> Groups:
        """The same of some of the requests."""
        return replace(self, code=self.code[rows], fact=self.fact[rows])


@dataclass(frozen=True)
class Given:
    """The borrower's reasons of each conflict, the principal one first.

    Attributes:
        code: Place among the groups' codes by conflict and rank; -1 where there are no more.
        feature: Place of the principal feature of each.
        push: Push of each (log-odds); NaN where a rule alone refuses.
    """

    code: Places
    feature: Places
    push: Floats

    def of(self, rows: NDArray[np.int64]) -> Given:
        """The same of some of the conflicts."""
        return Given(self.code[rows], self.feature[rows], self.push[rows])


@dataclass(frozen=True)
class Found:
    """The reasons of the conflicts, and from which groups of features they are."""

    groups: Groups
    given: Given


def find_reasons(
    explanation: Explanation, broken: Mapping[str, Flags], parameters: ReasonParameters
) -> Found | None:
    """The borrower's reasons of every conflict; None where the book's features stand for no reason.

    Args:
        explanation: The conflicts with their contributions.
        broken: Which conflicts break each rule of the policy (`explanations.reasons.refusals`).
        parameters: What makes a reason a principal one.
    """
    groups = groups_of_conflicts(explanation)
    if not groups.codes:
        return None
    refused_by = explanation.conflicts["refused_by"]
    pushes = contributions_of(explanation)
    return Found(groups, given_reasons(groups, pushes, refused_by, broken, parameters.least_share))


def with_reasons(explanation: Explanation, found: Found | None, parameters: ReasonParameters) -> Explanation:
    """The explanation with the reasons of every conflict and the lender's causes, their counts told in the summary.

    Where none were found it has no reasons: nobody but the lender can say what may be told.
    """
    if found is None:
        return replace(explanation, summary=explanation.summary | {"reasons": {"codes": 0}})
    table = reasons_table(explanation, found, parameters)
    told = with_sentences(table, explanation.catalogue, str(explanation.summary["currency"]))
    return replace(
        explanation, reasons=told, summary=explanation.summary | {"reasons": counted(table, explanation)}
    )


def groups_of_conflicts(explanation: Explanation) -> Groups:
    """The groups of the explanation's conflicts."""
    return groups_of(explanation.catalogue, conflict_values(explanation), released_values(explanation))


def any_reason(catalogue: Catalogue) -> bool:
    """Whether a feature of the release model stands for a reason that may be told."""
    return any(_nameable(catalogue))


def _nameable(catalogue: Catalogue) -> list[bool]:
    features = [catalogue[name] for name in catalogue.release]
    return [bool(feature.reason_code) and feature.reason_use != "N" for feature in features]


def conflict_values(explanation: Explanation) -> NDArray[np.float32]:
    """Release snapshots of the conflicts, in their order (conflicts × features)."""
    seen = explanation.release_features
    return seen.loc[seen["cohort"] == "conflict", list(explanation.catalogue.release)].to_numpy(np.float32)


def released_values(explanation: Explanation) -> NDArray[np.float32]:
    """Release snapshots of the favoured and released (reference × features)."""
    seen = explanation.release_features
    return seen.loc[seen["cohort"] != "conflict", list(explanation.catalogue.release)].to_numpy(np.float32)


def contributions_of(explanation: Explanation) -> Floats:
    """Contributions to the release model's log-odds (conflicts × features)."""
    return explanation.release_contributions[list(explanation.catalogue.release)].to_numpy(np.float64)


def groups_of(catalogue: Catalogue, values: NDArray[np.float32], released: NDArray[np.float32]) -> Groups:
    """Which features may stand for which reason.

    Args:
        catalogue: Reason and sign of each feature.
        values: Release snapshots of the conflicts (conflicts × the release model's features).
        released: Those of the favoured and released.
    """
    features = [catalogue[name] for name in catalogue.release]
    nameable = _nameable(catalogue)
    if not any(nameable):
        empty = np.zeros((len(values), len(features)), dtype=bool)
        return Groups((), catalogue.release, np.full(empty.shape, NONE, np.int16), empty, released[:0].sum(0))
    named = {feature.reason_code for feature, may in zip(features, nameable, strict=True) if may}
    codes = tuple(sorted({*named, NO_ASSESSMENT, SHORT_RECORD, *UNKNOWN.values()}))
    place = {code: at for at, code in enumerate(codes)}
    late = _had_late_payments(catalogue.release, values)
    usual = medians(released)
    code = np.full(values.shape, NONE, dtype=np.int16)
    fact = np.zeros(values.shape, dtype=bool)
    for column, (feature, may) in enumerate(zip(features, nameable, strict=True)):
        if not may:
            continue
        value = values[:, column]
        unknown = np.isnan(value)
        code[:, column] = place[feature.reason_code]
        if feature.name == STREAK:
            code[~late, column] = place[SHORT_RECORD]
        so = value > 0 if is_event(feature) else ~unknown
        fact[:, column] = so & _worse(value, usual[column], feature.release_sign)
        if feature.stream in UNKNOWN:
            code[unknown, column] = place[UNKNOWN[feature.stream]]
            fact[unknown, column] = True
    return Groups(codes, catalogue.release, code, fact, usual)


def given_reasons(
    groups: Groups, pushes: Floats, refused_by: pd.Series, broken: Mapping[str, Flags], least_share: float
) -> Given:
    """The principal reasons of each conflict.

    Rules that are broken come first, in the policy's order, then, where the score refuses, the reasons by their push. A
    refusal that rests on an error or on want of data has that for its only reason.

    Args:
        groups: Which features stand for what.
        pushes: Contributions to the log-odds (conflicts × features).
        refused_by: The rule that refuses each conflict.
        broken: Which conflicts break each rule.
        least_share: Share of all pushes toward refusal that a reason needs.
    """
    sums = group_sums(groups, pushes)
    best, lead = _principal(groups, pushes, groups.fact)
    by_score = np.asarray(broken["score"])
    key = _principal_pushes(sums, best, least_share)
    key[~by_score] = -np.inf
    told = np.where(by_score[:, None], sums, np.nan)
    for order, (name, (code, feature)) in enumerate(RULE_BREAKS.items()):
        if name not in broken or code not in groups.codes or feature not in groups.features:
            continue
        hit, at = np.asarray(broken[name]), groups.codes.index(code)
        key[hit, at] = _ABOVE_ANY_PUSH - order
        lead[hit, at] = groups.features.index(feature)
    unassessed = refused_by.isin(UNASSESSED).to_numpy()
    key[unassessed] = -np.inf
    at = groups.codes.index(NO_ASSESSMENT)
    key[unassessed, at], lead[unassessed, at], told[unassessed, at] = 0.0, NONE, np.nan
    return _ranked(key, lead, told)


def group_sums(groups: Groups, pushes: Floats) -> Floats:
    """Push of each reason's features together (conflicts × codes)."""
    rows = np.arange(len(pushes))
    sums = np.zeros((len(pushes), len(groups.codes) + 1))  # the last is of what stands for none
    for column in range(pushes.shape[1]):
        sums[rows, groups.code[:, column]] += pushes[:, column]
    return sums[:, :-1]


def reasons_table(explanation: Explanation, found: Found, parameters: ReasonParameters) -> pd.DataFrame:
    """A row per conflict and reason, without its sentences.

    Columns: request_id, rank, side, code, feature, push (log-odds), value and usual (of the feature, in the conflict
    and as the median of those released), share (of the cause, on the lender's side), first (code of the borrower's
    first reason), first_feature (its principal feature), refused_by.
    """
    groups, given, conflicts = found.groups, found.given, explanation.conflicts
    row, rank = np.nonzero(given.code != NONE)
    code, feature = given.code[row, rank], given.feature[row, rank]
    names = np.array([*groups.features, ""], dtype=object)
    values = conflict_values(explanation)
    known = feature != NONE
    borrowers = {
        "row": row,
        "rank": rank + 1,
        "side": "borrower",
        "code": np.array(groups.codes, dtype=object)[code],
        "feature": names[feature],
        "push": given.push[row, rank],
        "value": np.where(known, values[row, feature], np.float32(np.nan)),
        "usual": np.where(known, np.append(groups.usual, np.float32(np.nan))[feature], np.float32(np.nan)),
        "share": np.nan,
    }
    parts = [pd.DataFrame(borrowers), _lenders(explanation, parameters.least_cause)]
    table = pd.concat(parts, ignore_index=True)
    first = np.full(len(conflicts), "", dtype=object)
    has = given.code[:, 0] != NONE
    first[has] = np.array(groups.codes, dtype=object)[given.code[has, 0]]
    first_feature = names[given.feature[:, 0]]
    table = table.sort_values(["row", "side", "rank"], kind="stable", ignore_index=True)
    at = table.pop("row").to_numpy()
    table.insert(0, "request_id", conflicts["request_id"].to_numpy()[at])
    table = table.assign(
        first=first[at], first_feature=first_feature[at], refused_by=conflicts["refused_by"].to_numpy()[at]
    )
    told = {
        name: table[name].astype("category")
        for name in ("side", "code", "feature", "first", "first_feature", "refused_by")
    }
    return table.assign(rank=table["rank"].astype(np.int8), **told)


def counted(table: pd.DataFrame, explanation: Explanation) -> dict[str, Any]:
    """How often each code is given, at all and first, and how many conflicts have how many reasons; JSON-ready."""
    conflicts = len(explanation.conflicts)
    borrowers = table[table["side"] == "borrower"]
    lenders = table[table["side"] == "lender"]
    any_place = _sizes(borrowers["code"])
    first = _sizes(borrowers.loc[borrowers["rank"] == 1, "code"])
    with_one = int((borrowers["rank"] == 1).sum())
    return {
        "codes": len(any_place),
        "conflicts": conflicts,
        "without": conflicts - with_one,
        "mean": len(borrowers) / with_one if with_one else None,
        "given": {code: {"any": any_place[code], "first": first.get(code, 0)} for code in sorted(any_place)},
        "lender": dict(sorted(_sizes(lenders["code"]).items())),
    }


def _sizes(codes: pd.Series) -> dict[str, int]:
    counts = codes.value_counts()
    return {str(code): int(size) for code, size in counts.items() if size}


def _had_late_payments(features: Sequence[str], values: NDArray[np.float32]) -> Flags:
    """Whose record with us shows any payment past due."""
    columns = [features.index(name) for name in LATE if name in features]
    return np.asarray((values[:, columns] > 0).any(axis=1))


def is_event(feature: Feature) -> bool:
    """Whether a feature counts what happened, so that only a value above 0 states a fact."""
    return feature.reason_code in EVENTS and feature.release_sign == "+"


def _worse(value: NDArray[np.float32], usual: np.float32, sign: str) -> Flags:
    """Which values lie on the worse side of the usual one; all where the sign or the usual one is unknown."""
    if sign not in ("+", "-") or np.isnan(usual):
        return np.ones(len(value), dtype=bool)
    return np.asarray(value > usual if sign == "+" else value < usual)


def medians(released: NDArray[np.float32]) -> NDArray[np.float32]:
    """Median of the known values of each column; NaN where none is known."""
    found = np.full(released.shape[1], np.nan, dtype=np.float32)
    for column in range(released.shape[1]):
        known = released[:, column][~np.isnan(released[:, column])]
        if len(known):
            found[column] = np.median(known)
    return found


def _principal(groups: Groups, pushes: Floats, may: Flags) -> tuple[Floats, Places]:
    """The largest push toward refusal of a feature that may speak, and which it is, by conflict and code."""
    rows = np.arange(len(pushes))
    best = np.zeros((len(pushes), len(groups.codes) + 1))
    lead = np.full(best.shape, NONE, dtype=np.int16)
    for column in range(pushes.shape[1]):
        at = groups.code[:, column]
        larger = may[:, column] & (pushes[:, column] > best[rows, at])
        best[rows[larger], at[larger]] = pushes[larger, column]
        lead[rows[larger], at[larger]] = column
    return best[:, :-1], lead[:, :-1]


def _principal_pushes(sums: Floats, best: Floats, least_share: float) -> Floats:
    """Pushes of the reasons that are principal; -inf of the others."""
    toward = np.where((sums > 0) & (best > 0), sums, 0.0)
    least = least_share * toward.sum(axis=1, keepdims=True)
    return np.where((toward > 0) & (toward >= least), toward, -np.inf)


def _ranked(key: Floats, lead: Places, told: Floats) -> Given:
    order = np.argsort(-key, axis=1, kind="stable")[:, :MOST].astype(np.int16)
    rows = np.arange(len(key))[:, None]
    held = np.isfinite(key[rows, order])
    return Given(
        code=np.where(held, order, NONE).astype(np.int16),
        feature=np.where(held, lead[rows, order], NONE).astype(np.int16),
        push=np.where(held, told[rows, order], np.nan),
    )


def _lenders(explanation: Explanation, least: float) -> pd.DataFrame:
    """The lender's own causes with a share of some weight, the largest first."""
    causes = explanation.causes
    if causes is None or not len(causes):
        return pd.DataFrame({"row": np.zeros(0, np.int64)})
    shares = causes[list(MECHANISMS)].to_numpy(np.float64)
    order = np.argsort(-shares, axis=1, kind="stable")
    ranked = np.take_along_axis(shares, order, axis=1)
    row, rank = np.nonzero(ranked >= least)
    codes = np.array([LENDERS[name] for name in MECHANISMS], dtype=object)
    return pd.DataFrame(
        {
            "row": row,
            "rank": rank + 1,
            "side": "lender",
            "code": codes[order[row, rank]],
            "feature": "",
            "push": np.nan,
            "value": np.float32(np.nan),
            "usual": np.float32(np.nan),
            "share": ranked[row, rank],
        }
    )
