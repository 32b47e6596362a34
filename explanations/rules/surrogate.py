"""Rules: a few plain conditions that separate conflicts from the reference, found on the earlier requests.

A surrogate tree (CART) is grown on both cohorts; each leaf in which most are refused is read as a rule. Thresholds are
rounded to what one says; conditions against the catalogue's sign and conditions that gain nothing are left out (after
Quinlan, C4.5, ISBN 1-55860-238-0, but by Wilson's lower bound). All figures are counted with the rounded thresholds: on
the earlier part, and on the later part that nothing was fitted on.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from sklearn.tree import DecisionTreeClassifier

from data.sampling import spread_places
from explanations.explanation import Explanation
from explanations.intervals.proportions import wilson
from explanations.json_numbers import finite_row
from explanations.parameters import ExplanationParameters, RuleParameters
from explanations.rules.candidates import Candidates, Flags, Measure, candidates_of

_FEWEST = 10  # requests; below that a share says nothing
_GAIN = 0.01  # share of the conflicts; what a further rule must catch to be worth its line


@dataclass(frozen=True)
class Condition:
    """One condition: a measure at least (`>=`), at most (`<=`) or below (`<`) a value.

    Attributes:
        measure: Of what.
        operator: How it is compared.
        value: The threshold, in the measure's unit.
        or_unknown: Whether an unknown value fulfils it, too.
    """

    measure: Measure
    operator: Literal[">=", "<=", "<"]
    value: float
    or_unknown: bool


@dataclass(frozen=True)
class Figures:
    """How some requests of a part were decided.

    Attributes:
        support: The requests that are meant.
        refused: The conflicts among them.
        requests: All requests of the part.
        conflicts: All its conflicts.
        interval: Wilson's interval of the precision.
    """

    support: int
    refused: int
    requests: int
    conflicts: int
    interval: tuple[float, float]

    @property
    def precision(self) -> float:
        """Share of those meant that were refused."""
        return self.refused / self.support if self.support else float("nan")

    @property
    def recall(self) -> float:
        """Share of the conflicts that are meant."""
        return self.refused / self.conflicts if self.conflicts else float("nan")

    @property
    def base(self) -> float:
        """Share of all requests of the part that were refused."""
        return self.conflicts / self.requests if self.requests else float("nan")


@dataclass(frozen=True)
class Rule:
    """Conditions that together mean refusal, with their figures on the earlier and on the later part."""

    conditions: tuple[Condition, ...]
    fitted: Figures
    later: Figures


@dataclass(frozen=True)
class RuleSet:
    """All rules that hold, the one that catches most first.

    Attributes:
        rules: The rules.
        dropped: How many more were found on the earlier part, but did not hold on the later one.
        boundary: First day of the later part (`YYYY-MM-DD`); None where parts are split by hash.
        any_fitted: The requests of the earlier part to which any rule applies.
        any_later: Those of the later part.
        none_fitted: The requests of the earlier part to which none applies.
        none_later: Those of the later part.
        rows: Requests on which the tree was grown.
    """

    rules: tuple[Rule, ...]
    dropped: int
    boundary: str | None
    any_fitted: Figures
    any_later: Figures
    none_fitted: Figures
    none_later: Figures
    rows: int


def with_rules(explanation: Explanation, parameters: ExplanationParameters) -> Explanation:
    """The explanation with the rules of its cohorts, their whole told in the summary."""
    found = find_rules(
        candidates_of(explanation, parameters.rules.fit_share), parameters.rules, parameters.bootstrap_level
    )
    told = {
        "rules": len(found.rules),
        "dropped": found.dropped,
        "boundary": found.boundary,
        "rows": found.rows,
        "any": {"fitted": told_of(found.any_fitted), "later": told_of(found.any_later)},
        "none": {"fitted": told_of(found.none_fitted), "later": told_of(found.none_later)},
    }
    return replace(explanation, rules=found, summary=explanation.summary | {"rules": told})


def rules_read(told: Sequence[dict[str, Any]], whole: dict[str, Any]) -> RuleSet:
    """The rules as they were written.

    Args:
        told: The rules of `rules.json`.
        whole: What `with_rules` added to the summary.
    """
    rules = tuple(
        Rule(
            tuple(map(_condition_read, rule["conditions"])),
            _figures_read(rule),
            _figures_read(rule["validated"]),
        )
        for rule in told
    )
    figures = {
        f"{which}_{part}": _figures_read(whole[which][part])
        for which in ("any", "none")
        for part in ("fitted", "later")
    }
    return RuleSet(rules, whole["dropped"], whole["boundary"], rows=whole["rows"], **figures)


def find_rules(candidates: Candidates, parameters: RuleParameters, level: float = 0.95) -> RuleSet:
    """The rules that the earlier part shows and the later part confirms.

    Args:
        candidates: What rules may speak of.
        parameters: How large a tree is grown, and what makes a rule.
        level: Coverage of the intervals.
    """
    early, rows = candidates.early, _sample(candidates.early, parameters.rows)
    found = _covering(_found(candidates, rows, parameters, level), candidates)
    judged = [
        Rule(conditions, *(_figures(applies, candidates, part, level) for part in (early, ~early)))
        for conditions in found
        for applies in [all_hold(conditions, candidates)]
    ]
    holding = (rule for rule in judged if _holds_later(rule, parameters.precision))
    held = tuple(sorted(holding, key=lambda rule: -rule.later.refused))
    meant = np.zeros(len(early), dtype=bool)
    for rule in held:
        meant |= all_hold(rule.conditions, candidates)
    boundary = None if candidates.boundary is None else f"{candidates.boundary:%Y-%m-%d}"
    return RuleSet(
        rules=held,
        dropped=len(judged) - len(held),
        boundary=boundary,
        any_fitted=_figures(meant, candidates, early, level),
        any_later=_figures(meant, candidates, ~early, level),
        none_fitted=_figures(~meant, candidates, early, level),
        none_later=_figures(~meant, candidates, ~early, level),
        rows=len(rows),
    )


def all_hold(conditions: Sequence[Condition], candidates: Candidates) -> Flags:
    """Which requests fulfil all conditions."""
    fulfilled = np.ones(len(candidates.values), dtype=bool)
    for condition in conditions:
        column = candidates.values[:, candidates.measures.index(condition.measure)]
        fulfilled &= holds(condition, column)
    return fulfilled


def holds(condition: Condition, column: NDArray[np.float32]) -> Flags:
    """Which values fulfil a condition."""
    value = np.float32(condition.value)
    compared = {">=": np.greater_equal, "<=": np.less_equal, "<": np.less}[condition.operator](column, value)
    return np.asarray(compared | np.isnan(column) if condition.or_unknown else compared)


def rounded(threshold: float, above: bool, whole: bool) -> float:
    """A threshold as one says it: the next whole number of what is counted, otherwise two digits that count."""
    if whole:
        return float(np.floor(threshold) + 1 if above else np.floor(threshold))
    return float(f"{threshold:.2g}")


def told_of(figures: Figures) -> dict[str, Any]:
    """Figures ready for JSON; None for what nothing tells."""
    low, high = figures.interval
    told = {
        "precision": figures.precision,
        "precision_low": low,
        "precision_high": high,
        "recall": figures.recall,
        "base_rate": figures.base,
    }
    counts = {name: getattr(figures, name) for name in ("support", "refused", "requests", "conflicts")}
    return counts | finite_row(told)


def _figures_read(told: dict[str, Any]) -> Figures:
    """What `told_of` told."""
    bounds = (told[f"precision_{end}"] for end in ("low", "high"))
    low, high = (float("nan") if bound is None else float(bound) for bound in bounds)
    return Figures(told["support"], told["refused"], told["requests"], told["conflicts"], (low, high))


def _condition_read(told: dict[str, Any]) -> Condition:
    measure = Measure(
        told["feature"], told["measure"], told["unit"], told["sign"], told["whole"], told.get("level")
    )
    return Condition(measure, told["operator"], told["value"], told["or_unknown"])


def _sample(early: Flags, most: int) -> NDArray[np.int64]:
    """Rows to grow the tree on: those of the earlier part, evenly spread where there are too many."""
    rows = np.flatnonzero(early)
    return rows[spread_places(len(rows), most)]


def _found(
    candidates: Candidates, rows: NDArray[np.int64], parameters: RuleParameters, level: float
) -> list[tuple[Condition, ...]]:
    """Conditions of each leaf in which most are refused, pruned; each once."""
    refused = candidates.conflict[rows]
    if len(rows) < 2 * _FEWEST or refused.all() or not refused.any() or not candidates.measures:
        return []
    leaf = max(_FEWEST, int(np.ceil(parameters.leaf * len(rows))))
    tree = DecisionTreeClassifier(max_depth=parameters.depth, min_samples_leaf=leaf, random_state=0)
    tree.fit(candidates.values[rows], refused)
    paths = dict.fromkeys(
        _pruned(_merged(path), candidates, level)
        for path, precision in _leaves(tree, candidates.measures)
        if precision >= parameters.precision
    )
    kept = []
    for conditions in paths:
        figures = _figures(all_hold(conditions, candidates), candidates, candidates.early, level)
        if conditions and figures.support >= _FEWEST and figures.precision >= parameters.precision:
            kept.append(conditions)
    return kept


def _leaves(
    grown: DecisionTreeClassifier, measures: Sequence[Measure]
) -> Iterator[tuple[tuple[Condition, ...], float]]:
    """The conditions on the way to each leaf, from left to right, and the share refused in it."""
    tree = grown.tree_
    waiting: list[tuple[int, tuple[Condition, ...]]] = [(0, ())]
    while waiting:
        node, path = waiting.pop()
        if tree.children_left[node] == tree.children_right[node]:
            yield path, float(tree.value[node, 0, 1] / tree.value[node, 0].sum())
            continue
        measure = measures[tree.feature[node]]
        for above in (True, False):
            value = rounded(float(tree.threshold[node]), above, measure.whole)
            operator: Literal[">=", "<=", "<"] = ">=" if above else "<=" if measure.whole else "<"
            unknown = bool(tree.missing_go_to_left[node]) != above
            child = (tree.children_right if above else tree.children_left)[node]
            waiting.append((int(child), (*path, Condition(measure, operator, value, unknown))))


def _merged(path: Sequence[Condition]) -> tuple[Condition, ...]:
    """The tightest of the conditions on each measure and side; those against the measure's sign left out.

    Left out, too, is whether a value is known at all, for which a tree splits at infinity.
    """
    tightest: dict[tuple[Measure, bool], Condition] = {}
    for condition in path:
        above = condition.operator == ">="
        if condition.measure.sign == (-1 if above else 1) or not np.isfinite(condition.value):
            continue
        key = condition.measure, above
        known = tightest.get(key, condition)
        value = (max if above else min)(known.value, condition.value)
        both = known.or_unknown and condition.or_unknown
        tightest[key] = replace(condition, value=value, or_unknown=both)
    return tuple(tightest.values())


def _pruned(conditions: tuple[Condition, ...], candidates: Candidates, level: float) -> tuple[Condition, ...]:
    """Without the conditions that gain nothing on the earlier part, and without 'or unknown' where nothing is.

    The one whose loss leaves the highest lower bound of the precision goes first.
    """
    early = candidates.early

    def bound(some: Sequence[Condition]) -> float:
        low = _figures(all_hold(some, candidates), candidates, early, level).interval[0]
        return low if np.isfinite(low) else -1.0

    while len(conditions) > 1:
        without = [conditions[:at] + conditions[at + 1 :] for at in range(len(conditions))]
        best = max(without, key=bound)
        if bound(best) < bound(conditions):
            break
        conditions = best
    return tuple(
        replace(one, or_unknown=one.or_unknown and _unknown_counts(one, conditions, candidates))
        for one in conditions
    )


def _unknown_counts(one: Condition, conditions: Sequence[Condition], candidates: Candidates) -> bool:
    """Whether any earlier request fulfils the conditions by an unknown value of this one."""
    strict = replace(one, or_unknown=False)
    others = [condition for condition in conditions if condition != one]
    gained = all_hold(conditions, candidates) & ~all_hold([*others, strict], candidates)
    return bool((gained & candidates.early).any())


def _covering(found: Sequence[tuple[Condition, ...]], candidates: Candidates) -> list[tuple[Condition, ...]]:
    """Of rules that catch the same conflicts the one that catches most, until no other adds one in a hundred."""
    caught = candidates.early & candidates.conflict
    left, total = caught.copy(), int(caught.sum())
    waiting = [(conditions, all_hold(conditions, candidates)) for conditions in found]
    chosen: list[tuple[tuple[Condition, ...], Flags]] = []
    least = max(1.0, _GAIN * total)
    while waiting:
        gains = [int((applies & left).sum()) for _, applies in waiting]
        at = int(np.argmax(gains))
        if gains[at] < least:
            break
        conditions, applies = waiting.pop(at)
        chosen.append((conditions, applies & caught))
        left &= ~applies
    return [conditions for conditions, _ in _without_idle(chosen, least)]


def _without_idle(
    chosen: list[tuple[tuple[Condition, ...], Flags]], least: float
) -> list[tuple[tuple[Condition, ...], Flags]]:
    """Without those whose conflicts the others catch, the least catching first gone; the most catching first."""
    ordered = sorted(chosen, key=lambda rule: -int(rule[1].sum()))
    times = np.sum([caught for _, caught in ordered], axis=0)
    kept = []
    for conditions, caught in reversed(ordered):
        if int((caught & (times == 1)).sum()) >= least:
            kept.append((conditions, caught))
        else:
            times = times - caught
    return kept[::-1]


def _holds_later(rule: Rule, precision: float) -> bool:
    """Whether on the later part as well most are refused, and surely more of them than of all."""
    later = rule.later
    return later.support > 0 and later.precision >= precision and later.interval[0] > later.base


def _figures(which: Flags, candidates: Candidates, part: Flags, level: float) -> Figures:
    meant = which & part
    support, refused = int(meant.sum()), int((meant & candidates.conflict).sum())
    return Figures(
        support=support,
        refused=refused,
        requests=int(part.sum()),
        conflicts=int((part & candidates.conflict).sum()),
        interval=wilson(refused, support, level),
    )
