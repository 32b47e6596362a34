"""Reasons of another fit: the same fit agrees with itself, one that reads other features does not."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

import lightgbm as lgb
import numpy as np
import pandas as pd
import pytest
from numpy.typing import NDArray

from explanations.explanation import Explanation
from explanations.kernel.contrast import contributions
from explanations.parameters import ExplanationParameters, ReasonParameters
from explanations.reasons.principal_reasons import Found, conflict_values, find_reasons, released_values
from explanations.reasons.refusals import Refusals
from explanations.reasons.stability import reason_stability
from models.boosted import Origin, booster_of
from models.calibration import Calibration
from models.parameters import PolicyParameters
from models.release_model import ReleaseModel

PARAMETERS = ReasonParameters(
    least_share=0.05, least_cause=0.1, tested=1000, random_choices=1, refits=0, refit_rows=100
)


def model_on(explanation: Explanation, used: list[str], label: NDArray[np.float64]) -> ReleaseModel:
    """A small release model that reads these features alone."""
    names = list(explanation.catalogue.release)
    values = explanation.release_features[names].to_numpy(np.float32)
    blind = values.copy()
    blind[:, [at for at, name in enumerate(names) if name not in used]] = 0
    settings = {"objective": "binary", "verbosity": -1, "num_leaves": 7, "max_depth": 4, "num_threads": 1}
    grown = lgb.train(
        settings, lgb.Dataset(blind, label, feature_name=names, params={"verbosity": -1}), num_boost_round=20
    )
    text = booster_of(grown.model_to_string())
    return ReleaseModel(text, tuple(names), {}, Origin("", ""), Calibration(1.0, 0.0))


@pytest.fixture(scope="module")
def case(
    explanation_of: Callable[..., Explanation],
) -> tuple[Explanation, Found, Refusals, ReleaseModel]:
    explanation = explanation_of(rules=("score",), conflicts=150)
    filled = explanation.release_features.fillna(1.0).assign(own_dpd_current=0.0)
    explanation = dataclasses.replace(explanation, release_features=filled)
    conflict = (explanation.release_features["cohort"] == "conflict").to_numpy(np.float64)
    release = model_on(explanation, ["bureau_enq_3m", "bureau_lenders", "dti_after_draw"], conflict)
    pushes, base = contributions(release.booster, conflict_values(explanation), released_values(explanation))
    given = pd.DataFrame(pushes, columns=list(release.features))
    head = explanation.release_contributions[["request_id"]].assign(base=base)
    explanation = dataclasses.replace(explanation, release_contributions=pd.concat([head, given], axis=1))
    cutoff = np.zeros(len(explanation.conflicts))
    caps = {
        name: np.full(len(cutoff), np.inf) for name in ("cap_debt_service", "cap_lenders", "cap_enquiries")
    }
    refusals = Refusals(release, {"cutoff": cutoff, **caps}, (), PolicyParameters(overdue_days=1))
    broken = refusals.broken(conflict_values(explanation), slice(None))
    assert broken["score"].all()
    found = find_reasons(explanation, broken, PARAMETERS)
    assert found is not None
    return explanation, found, refusals, release


def test_the_same_fit_agrees_with_itself(
    case: tuple[Explanation, Found, Refusals, ReleaseModel], parameters: ExplanationParameters
) -> None:
    explanation, found, refusals, release = case
    told = reason_stability(explanation, found, refusals, [release, release], parameters)
    assert told["fits"] == 2
    assert told["compared"] == told["without_rules"] == len(explanation.conflicts)
    for measure in ("first", "first_always", "overlap", "refused", "first_without_rules"):
        assert told[measure]["share"] == 1


def test_a_fit_that_reads_other_features_gives_other_reasons(
    case: tuple[Explanation, Found, Refusals, ReleaseModel], parameters: ExplanationParameters
) -> None:
    explanation, found, refusals, release = case
    conflict = (explanation.release_features["cohort"] == "conflict").to_numpy(np.float64)
    other = model_on(explanation, ["spend_surge_1m", "payroll_gap", "shared_device_risk"], conflict)
    told = reason_stability(explanation, found, refusals, [release, other], parameters)
    assert told["first"]["share"] == pytest.approx(0.5, abs=0.05)
    assert told["first_always"]["share"] < 0.1
    assert told["overlap"]["share"] < 0.6
    assert reason_stability(explanation, found, refusals, [], parameters)["fits"] == 0


def test_a_rule_that_is_broken_is_the_same_reason_whatever_the_fit(
    case: tuple[Explanation, Found, Refusals, ReleaseModel], parameters: ExplanationParameters
) -> None:
    explanation, _, refusals, _ = case
    capped = dict(refusals.in_force) | {"cap_lenders": np.full(len(explanation.conflicts), -1.0)}
    strict = dataclasses.replace(refusals, in_force=capped)
    found = find_reasons(explanation, strict.broken(conflict_values(explanation), slice(None)), PARAMETERS)
    assert found is not None
    conflict = (explanation.release_features["cohort"] == "conflict").to_numpy(np.float64)
    other = model_on(explanation, ["spend_surge_1m", "payroll_gap", "shared_device_risk"], conflict)
    told = reason_stability(explanation, found, strict, [other], parameters)
    assert told["first"]["share"] == 1
    assert told["without_rules"] == 0
    assert "first_without_rules" not in told
