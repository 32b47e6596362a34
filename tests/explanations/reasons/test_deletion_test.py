"""What the reasons name is repaired, and only that: the decision taken again says whether it mattered."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pytest
from numpy.typing import NDArray

from explanations.explanation import Explanation
from explanations.parameters import ExplanationParameters
from explanations.reasons.deletion_test import deletion_test, named_features
from explanations.reasons.principal_reasons import Found, conflict_values
from explanations.reasons.refusals import Refusals

Reasoned = tuple[Explanation, Found, dict[str, np.ndarray]]
Refuse = Callable[[NDArray[np.float32], NDArray[np.int64]], NDArray[np.bool_]]


def refusing(rule: Refuse) -> Refusals:
    return cast(Any, SimpleNamespace(refused=rule))


def test_all_refusals_go_where_the_named_features_alone_refuse(
    reasoned: Reasoned, parameters: ExplanationParameters
) -> None:
    explanation, found, _ = reasoned
    values = conflict_values(explanation)
    named = named_features(found.groups, found.given.code)

    def rule(repaired: NDArray[np.float32], rows: NDArray[np.int64]) -> NDArray[np.bool_]:
        # Refused as long as any named feature is as it was.
        kept = (repaired == values[rows]) & (values[rows] != found.groups.usual) & named[rows]
        return np.asarray((kept & ~np.isnan(repaired)).any(axis=1))

    told = deletion_test(explanation, found, refusing(rule), parameters)
    assert told["named"]["share"] == 1
    assert told["random"]["share"] < told["first"]["share"] < 1
    unassessed = (explanation.conflicts["refused_by"] == "slip").sum()
    without = (found.given.code[:, 0] == -1).sum()
    assert unassessed > 0
    assert told["tested"] == told["of"] == len(explanation.conflicts) - unassessed - without


def test_of_the_first_reason_alone_the_second_is_left_as_it_was(
    reasoned: Reasoned, parameters: ExplanationParameters
) -> None:
    explanation, found, _ = reasoned
    values, groups = conflict_values(explanation), found.groups
    second = named_features(groups, found.given.code[:, 1:2])

    def rule(repaired: NDArray[np.float32], rows: NDArray[np.int64]) -> NDArray[np.bool_]:
        changed = (repaired != values[rows]) & ~np.isnan(repaired)
        return np.asarray(~(changed & second[rows]).any(axis=1))

    told = deletion_test(explanation, found, refusing(rule), parameters)
    assert told["first"]["share"] == 0
    assert told["named"]["share"] > 0.5


def test_nothing_is_tested_where_nothing_can_be(
    reasoned: Reasoned, parameters: ExplanationParameters
) -> None:
    explanation, found, _ = reasoned
    slips = explanation.conflicts.assign(refused_by="slip")
    told = deletion_test(
        replace(explanation, conflicts=slips), found, refusing(lambda values, rows: rows >= 0), parameters
    )
    assert told == {"tested": 0, "of": 0}


def test_evenly_spread_refusals_are_tested_where_there_are_too_many(
    reasoned: Reasoned, parameters: ExplanationParameters
) -> None:
    explanation, found, _ = reasoned
    few = parameters.model_copy(
        update={"reasons": parameters.reasons.model_copy(update={"tested": 10, "random_choices": 3})}
    )
    seen: list[NDArray[np.int64]] = []

    def rule(repaired: NDArray[np.float32], rows: NDArray[np.int64]) -> NDArray[np.bool_]:
        seen.append(rows)
        return np.full(len(rows), len(seen) % 2 == 0)  # of three choices at random the first and the last go

    told = deletion_test(explanation, found, refusing(rule), few)
    assert told["tested"] == 10 < told["of"]
    assert len(seen) == 5
    assert (told["named"]["share"], told["first"]["share"]) == (1, 0)
    assert told["random"]["share"] == pytest.approx(2 / 3)
    assert all((rows == seen[0]).all() for rows in seen)


def test_what_is_not_named_is_left_as_it_was(reasoned: Reasoned, parameters: ExplanationParameters) -> None:
    explanation, found, _ = reasoned
    values, groups = conflict_values(explanation), found.groups
    seen: list[tuple[NDArray[np.float32], NDArray[np.int64]]] = []

    def rule(repaired: NDArray[np.float32], rows: NDArray[np.int64]) -> NDArray[np.bool_]:
        seen.append((repaired, rows))
        return np.ones(len(rows), dtype=bool)

    told = deletion_test(explanation, found, refusing(rule), parameters)
    assert told["named"]["share"] == told["random"]["share"] == 0
    repaired, rows = seen[0]
    for place in (0, 10, 77):
        row = rows[place]
        codes = [groups.codes[code] for code in found.given.code[row] if code != -1]
        for column, code in enumerate(groups.code[row]):
            of_named = code != -1 and groups.codes[code] in codes
            expected = groups.usual[column] if of_named else values[row, column]
            np.testing.assert_equal(repaired[place, column], expected)
    # As many at random as are named, of those that the features stand for.
    drawn, _ = seen[2]
    changed = ~((drawn == values[rows]) | (np.isnan(drawn) & np.isnan(values[rows])))
    assert changed.any()
    for place in range(len(rows)):
        codes_changed = {int(code) for code in groups.code[rows[place]][changed[place]]}
        assert -1 not in codes_changed
        assert len(codes_changed) <= (found.given.code[rows[place]] != -1).sum()


def test_the_same_seed_gives_the_same_figures(reasoned: Reasoned, parameters: ExplanationParameters) -> None:
    explanation, found, _ = reasoned
    lenders = found.groups.features.index("bureau_lenders")
    rule = refusing(lambda values, rows: values[:, lenders] > found.groups.usual[lenders])
    first, second = (deletion_test(explanation, found, rule, parameters) for _ in range(2))
    assert first == second
    assert first["named"]["low"] <= first["named"]["share"] <= first["named"]["high"]
