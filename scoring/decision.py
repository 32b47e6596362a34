"""The decision on an applicant as one MLflow model: limit, PD, release or refusal, the rule that refused, reasons.

This file is logged with the model as it is, and runs where nothing else of the workbench is installed: it imports none
of it. What it reads lies in the model's folder `decision`: both boosters as LightGBM text, `decision.json` with the
policy and the reasons of each feature, and `patterns.npz`, the reference cohort as counts from which contributions to
the release score are exact interventional Shapley values (see `explanations.kernel.patterns`, which makes it).
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import product
from math import factorial
from pathlib import Path
from typing import Any

import lightgbm as lgb
import mlflow
import numpy as np
import pandas as pd
from mlflow.exceptions import MlflowException
from numpy.typing import NDArray
from scipy.special import expit

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]

FORMAT = 1
"""Of decision.json and patterns.npz; others are not read."""
LIMIT_TREES, RELEASE_TREES = "limit.txt", "release.txt"
FACTS, PATTERNS = "decision.json", "patterns.npz"
MOST_REASONS = 4
RELEASED = -1
NO_REASON = -1
DATA_MISSING = "data_missing"
_ABOVE_ANY_PUSH = 1e6
_CELLS = 1 << 18  # of a rows × bits array held at once: it stays in the cache
_LARGEST = float(np.finfo(np.float64).max)
_ZERO_BAND = float(np.float32(1e-35))  # LightGBM reads what is this near to 0 as 0


@dataclass(frozen=True)
class Decided:
    """The decision on each row.

    Attributes:
        limit: Limit that a review today would assess (the book's currency).
        pd: Calibrated probability of default (0–1).
        rule: Place among the policy's rules of the first that refuses; -1 where the draw is released.
        reason: Places among the reasons' codes, the principal one first (rows × 4); -1 where there are no more.
    """

    limit: Floats
    pd: Floats
    rule: NDArray[np.int8]
    reason: NDArray[np.int16]


@dataclass(frozen=True)
class Reference:
    """Contributions to the release score against the reference cohort, by leaf and by which of its bits a row has.

    Bit b of a leaf is set where a row passes every split on the bit's feature on the way to the leaf. A leaf of k bits
    has a table of 2^k patterns × k contributions; the tables lie end to end.
    """

    leaf_start: NDArray[np.int64]
    feature: NDArray[np.int32]
    low: Floats
    high: Floats
    missing_in: Flags
    weight: NDArray[np.int64]
    cell_start: NDArray[np.int64]
    cells: Floats

    def contributions(self, values: NDArray[np.float32]) -> Floats:
        """What each feature adds to each row's score against the reference's mean (rows × features, log-odds)."""
        found = np.zeros(values.shape)
        bits = max(len(self.feature), 1)
        width = np.diff(self.leaf_start)
        place = np.arange(bits) - np.repeat(self.leaf_start[:-1], width)
        sort = np.argsort(self.feature, kind="stable")
        named, first = np.unique(self.feature[sort], return_index=True)
        step = max(_CELLS // bits, 1)
        for begin in range(0, len(values) if len(self.feature) else 0, step):
            # Finite, so that the least value there is lies above no bound at all.
            given = np.clip(values[begin : begin + step].astype(np.float64), -_LARGEST, _LARGEST)
            given[np.abs(given) <= _ZERO_BAND] = 0.0
            at = given[:, self.feature]
            inside = np.where(np.isnan(at), self.missing_in, (at > self.low) & (at <= self.high))
            pattern = np.add.reduceat(inside * self.weight, self.leaf_start[:-1], axis=1)
            cell = self.cell_start + pattern * width
            pushed = self.cells[np.repeat(cell, width, axis=1) + place]
            found[begin : begin + step, named] = np.add.reduceat(pushed[:, sort], first, axis=1)
        return found


@dataclass(frozen=True)
class Parts:
    """What a decision is made of.

    Attributes:
        facts: decision.json.
        reference: What reasons are taken against; None where the book's features stand for no reason.
    """

    facts: Mapping[str, Any]
    reference: Reference | None

    @property
    def rules(self) -> list[str]:
        """The policy's rules in their order: of several that refuse, the first is named."""
        return list(self.facts["policy"]["rules"])

    @property
    def codes(self) -> list[str]:
        """The reasons' codes."""
        return list((self.facts["reasons"] or {"codes": []})["codes"])


def read_parts(folder: Path) -> Parts:
    """What a folder holds besides the boosters.

    Raises:
        ValueError: It was written by another version of the workbench.
    """
    facts = json.loads((folder / FACTS).read_text(encoding="utf-8"))
    if facts.get("format") != FORMAT:
        raise ValueError(f"its format is {facts.get('format')}, but {FORMAT} is read here: train again")
    if facts["reasons"] is None:
        return Parts(facts, None)
    with np.load(folder / PATTERNS, allow_pickle=False) as kept:
        return Parts(facts, reference_of({name: kept[name] for name in kept.files}))


def reference_of(patterns: Mapping[str, NDArray[Any]]) -> Reference:
    """The tables of contributions from the reference's counts of patterns.

    Args:
        patterns: leaf_start, feature, low, high, missing_in by bit; by leaf `value` (log-odds); `seen`, how many rows
            of the reference have each pattern, leaf after leaf.
    """
    start = patterns["leaf_start"].astype(np.int64)
    width = np.diff(start)
    cell_start = np.concatenate([[0], np.cumsum(width << width)])
    seen_start = np.concatenate([[0], np.cumsum(np.left_shift(1, width))])
    cells = np.zeros(cell_start[-1])
    for bits in np.unique(width).tolist():
        leaves = np.flatnonzero(width == bits)
        seen = patterns["seen"][seen_start[leaves][:, None] + np.arange(1 << bits)].astype(np.float64)
        share = seen * (patterns["value"][leaves] / seen.sum(axis=1))[:, None]
        tables = share @ _shapley_weights(bits).reshape(1 << bits, -1)
        cells[cell_start[leaves][:, None] + np.arange(bits << bits)] = tables
    place = np.arange(len(patterns["feature"])) - np.repeat(start[:-1], width)
    return Reference(
        leaf_start=start,
        feature=patterns["feature"],
        low=patterns["low"],
        high=patterns["high"],
        missing_in=patterns["missing_in"],
        weight=np.left_shift(1, place),
        cell_start=cell_start[:-1],
        cells=cells,
    )


def decide(
    parts: Parts,
    limit_score: Floats,
    margin: Floats,
    values: NDArray[np.float32],
    in_force: Mapping[str, Floats],
    *,
    reasons: bool = True,
) -> Decided:
    """The decision on each row, and its reasons if they are wanted.

    Args:
        parts: What the decision is made of.
        limit_score: Score of the limit model (log of the currency).
        margin: Score of the release model (log-odds, before calibration).
        values: The release model's features (rows × features).
        in_force: cutoff, and the caps where there are any, by row.
        reasons: Whether reasons are wanted.
    """
    line = parts.facts["calibration"]
    probability = np.asarray(expit(line["slope"] * margin + line["intercept"]))
    broken = _broken_rules(parts.facts, values, probability, in_force)
    refused = np.logical_or.reduce(broken)
    rule = np.where(refused, np.argmax(broken, axis=0), RELEASED).astype(np.int8)
    reason = np.full((len(margin), MOST_REASONS), NO_REASON, dtype=np.int16)
    rows = np.flatnonzero(refused)
    if reasons and parts.reference is not None and len(rows):
        reason[rows] = _reasons(parts, values[rows], [flags[rows] for flags in broken])
    return Decided(np.exp(limit_score), probability, rule, reason)


def in_force_at(
    facts: Mapping[str, Any],
    region: NDArray[np.int64] | None,
    asked_on: NDArray[np.datetime64] | None,
    rows: int,
) -> dict[str, Floats]:
    """cutoff, and the caps where there are any, of each row: of its region and its month.

    A row without a date, or later than the policy table, has the table's last policy, which holds until a newer one.

    Raises:
        ValueError: A region is unknown, or a date lies before the table.
    """
    policy = facts["policy"]
    if policy["table"] is None:
        return {"cutoff": np.full(rows, float(policy["cutoff"]))}
    assert region is not None
    months = np.array(policy["table"]["months"], dtype="datetime64[M]")
    at = np.full(rows, len(months) - 1)
    if asked_on is not None:
        asked = asked_on.astype("datetime64[M]")
        known = ~np.isnat(asked)
        early = known & (asked < months[0])
        if early.any():
            raise ValueError(
                f"no policy is on record for {asked[early][0]}: the table begins with {months[0]}"
            )
        at[known] = np.searchsorted(months, asked[known], side="right") - 1
    regions = np.array(policy["table"]["regions"], dtype=np.int64)
    column = np.searchsorted(regions, region)
    found = regions[np.minimum(column, len(regions) - 1)] == region
    if not found.all():
        raise ValueError(
            f"no policy is on record for region {region[~found][0]}: known are {regions.tolist()}"
        )
    found_at = {
        name: np.array(policy["table"][name], dtype=np.float64)[at, column]
        for name in ("cutoff", *policy["caps"])
    }
    gap = np.isnan(found_at["cutoff"])
    if gap.any():
        raise ValueError(f"no policy is on record for region {region[gap][0]} in {months[at[gap][0]]}")
    return found_at


def _broken_rules(
    facts: Mapping[str, Any], values: NDArray[np.float32], probability: Floats, in_force: Mapping[str, Floats]
) -> list[Flags]:
    """Which rows break each rule of the policy, in the order of its rules."""
    policy, features = facts["policy"], list(facts["release_features"])

    def read(name: str) -> Floats:
        return values[:, features.index(name)].astype(np.float64)

    caps = {cap: feature for cap, feature in policy["caps"].items() if cap in in_force}
    missing = np.isnan(values[:, policy["never_missing"]]).any(axis=1)
    if policy["bureau"]:
        missing |= np.isnan(values[:, policy["bureau"]]).all(axis=1)
    nowhere = np.zeros(len(values), dtype=bool)
    no_file = read(policy["no_file"]) == 1 if policy["no_file"] in features else nowhere
    for cap, feature in caps.items():
        lacking = np.isnan(read(feature))
        # Counts of a bureau that has no file on the borrower are known: there is nothing to count.
        missing |= lacking & ~no_file if cap in policy["counts"] else lacking
    broken = {DATA_MISSING: missing, "score": probability > in_force["cutoff"]}
    broken |= {cap: read(feature) > in_force[cap] for cap, feature in caps.items()}
    if policy["overdue"] in features:
        broken["overdue"] = read(policy["overdue"]) >= policy["overdue_days"]
    return [np.asarray(broken.get(rule, nowhere)) for rule in policy["rules"]]


def _reasons(parts: Parts, values: NDArray[np.float32], broken: list[Flags]) -> NDArray[np.int16]:
    """Places of up to four codes of each refusal (rows × 4), as `explanations.reasons` gives them.

    Rules that are broken come first, in the policy's order, then, where the score refuses, the reasons by the push of
    their features together; a refusal for want of data has that for its only reason.
    """
    assert parts.reference is not None
    told, features = parts.facts["reasons"], list(parts.facts["release_features"])
    codes, by_rule = parts.codes, dict(zip(parts.rules, broken, strict=True))
    pushes = parts.reference.contributions(values)
    code, fact = _codes_and_facts(told, features, values)
    rows = np.arange(len(values))
    sums, best = (np.zeros((len(values), len(codes) + 1)) for _ in range(2))  # the last: stands for no reason
    for column in range(len(features)):
        at = code[:, column]
        sums[rows, at] += pushes[:, column]
        speaks = np.where(fact[:, column], pushes[:, column], 0.0)
        best[rows, at] = np.maximum(best[rows, at], speaks)
    sums, best = sums[:, :-1], best[:, :-1]
    toward = np.where((sums > 0) & (best > 0), sums, 0.0)
    least = told["least_share"] * toward.sum(axis=1, keepdims=True)
    key = np.where((toward > 0) & (toward >= least), toward, -np.inf)
    key[~by_rule["score"]] = -np.inf
    for order, (rule, name) in enumerate(told["rules"].items()):
        if rule in by_rule:
            key[by_rule[rule], codes.index(name)] = _ABOVE_ANY_PUSH - order
    key[by_rule[DATA_MISSING]] = -np.inf
    key[by_rule[DATA_MISSING], codes.index(told["no_assessment"])] = 0.0
    ranked = np.argsort(-key, axis=1, kind="stable")[:, :MOST_REASONS]
    held = np.isfinite(np.take_along_axis(key, ranked, axis=1))
    found = np.full((len(values), MOST_REASONS), NO_REASON, dtype=np.int16)
    found[:, : ranked.shape[1]] = np.where(held, ranked, NO_REASON)
    return found


def _codes_and_facts(
    told: Mapping[str, Any], features: list[str], values: NDArray[np.float32]
) -> tuple[NDArray[np.int64], Flags]:
    """The reason that each feature stands for in each row (-1: none), and where it states a fact."""
    code = np.full(values.shape, NO_REASON, dtype=np.int64)
    fact = np.zeros(values.shape, dtype=bool)
    for column, feature in enumerate(told["features"]):
        if feature is None:
            continue
        value = values[:, column]
        unknown = np.isnan(value)
        code[:, column] = feature["code"]
        so = value > 0 if feature["event"] else ~unknown
        if feature["usual"] is not None and feature["sign"] != 0:
            usual = np.float32(feature["usual"])
            so = so & (value > usual if feature["sign"] > 0 else value < usual)
        fact[:, column] = so
        if feature["unknown"] is not None:
            code[unknown, column] = feature["unknown"]
            fact[unknown, column] = True
    streak = told["streak"]
    if streak is not None:
        late = (values[:, [features.index(name) for name in streak["late"]]] > 0).any(axis=1)
        code[~late, features.index(streak["feature"])] = streak["code"]
    return code, fact


def _shapley_weights(bits: int) -> NDArray[np.float64]:
    """What a row of pattern p gets for each bit from a reference row of pattern q (q × p × bit), per leaf value.

    The leaf is worth something where either row has each bit. Then the a bits of p alone share its value, and the b
    bits of q alone lose theirs.
    """
    size = 1 << bits
    both = np.arange(size)
    has = (both[:, None] >> np.arange(bits)) & 1
    weight = np.zeros((size, size, bits))
    q, p = np.nonzero((both[:, None] | both) == size - 1)
    alone_p, alone_q = has[p] & ~has[q] & 1, has[q] & ~has[p] & 1
    a, b = alone_p.sum(axis=1), alone_q.sum(axis=1)
    gain, loss = np.zeros((bits + 1, bits + 1)), np.zeros((bits + 1, bits + 1))
    for many, few in product(range(bits + 1), repeat=2):
        total = factorial(many + few)
        gain[many, few] = factorial(many - 1) * factorial(few) / total if many else 0.0
        loss[many, few] = factorial(many) * factorial(few - 1) / total if few else 0.0
    weight[q, p] = alone_p * gain[a, b][:, None] - alone_q * loss[a, b][:, None]
    return weight


class Decision(mlflow.pyfunc.PythonModel):  # type: ignore[misc, name-defined]
    """The model that MLflow loads and serves."""

    def load_context(self, context: Any) -> None:
        """Reads what the model carries."""
        folder = Path(context.artifacts["decision"])
        self.parts = read_parts(folder)
        self.limit, self.release = (
            lgb.Booster(model_file=str(folder / name)) for name in (LIMIT_TREES, RELEASE_TREES)
        )

    def predict(self, context: Any, model_input: pd.DataFrame, params: Any = None) -> pd.DataFrame:
        """limit, pd, decision (release, refuse), refused_by and reason_1 to reason_4 by row.

        Args:
            context: Unused.
            model_input: The features of both models as they are visible on the day of the request; `region` where the
                policy differs by region, and `requested_on` if the policy of another day than the last is meant.
            params: Unused.
        """
        facts = self.parts.facts
        limit_values, values = (
            np.ascontiguousarray(model_input[facts[f"{kind}_features"]].to_numpy(np.float32, na_value=np.nan))
            for kind in ("limit", "release")
        )
        region, asked_on = (model_input.get(name) for name in ("region", "requested_on"))
        try:
            in_force = in_force_at(
                facts,
                None if region is None else region.to_numpy(np.int64),
                None if asked_on is None else asked_on.to_numpy("datetime64[ns]"),
                len(model_input),
            )
        except ValueError as error:  # of which a server tells its caller
            raise MlflowException.invalid_parameter_value(str(error)) from error
        limit_score, margin = _raw(self.limit, limit_values), _raw(self.release, values)
        decided = decide(self.parts, limit_score, margin, values, in_force)
        return told(self.parts, decided, model_input.index)


def _raw(booster: lgb.Booster, values: NDArray[np.float32]) -> Floats:
    """The raw score of each row; LightGBM refuses a matrix without rows."""
    return (
        np.asarray(booster.predict(values, raw_score=True), dtype=np.float64) if len(values) else np.empty(0)
    )


def told(parts: Parts, decided: Decided, index: pd.Index[Any] | None = None) -> pd.DataFrame:
    """Decisions in words, a row each."""
    codes = np.array([*parts.codes, ""], dtype=object)
    columns: dict[str, NDArray[Any]] = {
        "limit": decided.limit,
        "pd": decided.pd,
        "decision": np.where(decided.rule == RELEASED, "release", "refuse").astype(object),
        "refused_by": np.array([*parts.rules, ""], dtype=object)[decided.rule],
    }
    columns |= {f"reason_{rank + 1}": codes[decided.reason[:, rank]] for rank in range(MOST_REASONS)}
    return pd.DataFrame(columns, index=index)


mlflow.models.set_model(Decision())
