"""What has moved: figures, thresholds, and what chance alone gives."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import roc_auc_score

from features.matrix import Matrix
from settings import Settings
from training import drift
from training.drift import Check, checks_of
from training.parameters import MonitoringParameters
from training.profile import Profile, Seen, auc_with_variance, profile_of

FEATURES = ("a", "b")
DELAYS = {"rows": 100.0, "mean_days": 2.0, "variance_days": 1.0, "p90_days": 4.0, "silent_days": 1.0}


@pytest.fixture(scope="module")
def parameters(settings: Settings) -> MonitoringParameters:
    return settings.monitoring


@pytest.fixture(scope="module")
def seen_of() -> Callable[..., Seen]:
    def made(
        rows: int = 4000, seed: int = 1, shift: float = 0.0, honest: float = 1.0, refused: float = 0.2
    ) -> Seen:
        draws = np.random.default_rng(seed)
        values = draws.normal(size=(rows, 2)).astype(np.float32)
        values[:, 0] += np.float32(shift)
        values[::10, 1] = np.nan
        margin = draws.normal(-2, 1, size=rows)
        probability = 1 / (1 + np.exp(-margin))
        matrix = Matrix(pd.DataFrame(index=range(rows)), values, FEATURES)
        everyone = np.ones(rows, dtype=bool)
        return Seen(
            requests=matrix,
            margin=margin,
            probability=probability,
            asked=everyone,
            favoured=draws.random(rows) < 0.5,
            refused=draws.random(rows) < refused,
            bad=(draws.random(rows) < honest * probability).astype(np.float64),
            reviews=matrix,
            limit_score=draws.normal(9, 1, size=rows),
            reviewed=everyone,
        )

    return made


def profiled(seen: Seen, before: Profile | None = None) -> Profile:
    return profile_of(seen, {"release": FEATURES, "limit": ("b",)}, 10_000, before)


def found(before: Seen, now: Seen, parameters: MonitoringParameters, **changed: float) -> dict[str, Check]:
    kept = profiled(before)
    checks = checks_of(kept, profiled(now, kept), None, parameters.model_copy(update=changed))
    return {" ".join(part for part in (one.check, one.model, one.subject) if part): one for one in checks}


def test_nothing_has_moved_in_another_sample_of_the_same(
    seen_of: Callable[..., Seen], parameters: MonitoringParameters
) -> None:
    checks = found(seen_of(seed=1), seen_of(seed=2), parameters)
    assert {one.state for one in checks.values()} == {"within"}
    assert list(checks) == [
        *("psi release_score", "psi limit_score", "csi release a", "csi release b", "csi limit b"),
        *("calibration", "auc", "conflicts"),
    ]
    assert checks["auc"].before == pytest.approx(checks["auc"].now or 0, abs=0.05)


@pytest.mark.parametrize(
    ("change", "passed"),
    [
        ({"shift": 1.0}, ["csi release a"]),
        ({"honest": 0.3}, ["calibration"]),
        ({"honest": 0.0}, ["calibration"]),
        ({"refused": 0.5}, ["conflicts"]),
        ({"refused": 0.05}, []),
    ],
)
def test_what_has_moved_is_named_and_nothing_else(
    change: dict[str, float],
    passed: list[str],
    seen_of: Callable[..., Seen],
    parameters: MonitoringParameters,
) -> None:
    checks = found(seen_of(seed=1), seen_of(seed=2, **change), parameters)
    assert [name for name, one in checks.items() if one.state == "passed"] == passed


def test_a_model_that_ranks_no_better_than_chance_is_an_alarm(
    seen_of: Callable[..., Seen], parameters: MonitoringParameters
) -> None:
    before, now = seen_of(seed=1), seen_of(seed=2)
    shuffled = np.random.default_rng(3).permutation(now.bad)
    blind = Seen(**{**vars(now), "bad": shuffled})
    assert found(before, blind, parameters)["auc"].state == "passed"
    assert found(before, blind, parameters, auc_drop=0.9)["auc"].state == "within"


def test_few_rows_are_no_alarm_but_too_few_to_tell(
    seen_of: Callable[..., Seen], parameters: MonitoringParameters
) -> None:
    checks = found(seen_of(seed=1), seen_of(rows=30, seed=2), parameters)
    assert "passed" not in {one.state for one in checks.values()}
    assert checks["csi release a"].state == checks["auc"].state == "too_few"
    assert found(seen_of(seed=1), seen_of(rows=0, seed=2), parameters)["conflicts"].state == "too_few"


def test_the_chance_level_holds_false_alarms_of_the_index_to_one_in_a_hundred(
    seen_of: Callable[..., Seen], parameters: MonitoringParameters
) -> None:
    kept = profiled(seen_of(seed=0))
    beyond = []
    for seed in range(1, 301):
        checks = checks_of(kept, profiled(seen_of(rows=400, seed=seed), kept), None, parameters)
        beyond += [
            one.measure > one.chance for one in checks if one.check == "psi" and one.measure is not None
        ]
    assert len(beyond) == 600
    assert np.mean(beyond) < 0.03


def test_a_feature_that_is_held_apart_is_not_checked(
    seen_of: Callable[..., Seen], parameters: MonitoringParameters
) -> None:
    kept = profiled(seen_of())
    apart = parameters.model_copy(update={"apart": ("a",)})
    names = [one.subject for one in checks_of(kept, kept, None, apart) if one.check == "csi"]
    assert names == ["b", "b"]


@pytest.mark.parametrize(
    ("change", "states"),
    [
        ({}, ["within", "within"]),
        ({"mean_days": 12.0}, ["passed", "within"]),
        ({"mean_days": 0.0}, ["within", "within"]),
        ({"silent_days": 60.0}, ["within", "passed"]),
        ({"rows": 0.0, "mean_days": None, "silent_days": None}, ["too_few", "passed"]),
    ],
)
def test_late_and_silent_streams_are_told(
    change: dict[str, Any], states: list[str], seen_of: Callable[..., Seen], parameters: MonitoringParameters
) -> None:
    kept = profiled(seen_of(rows=200))
    checks = checks_of(kept, kept, ({"bureau": DELAYS}, {"bureau": DELAYS | change}), parameters)
    assert [one.state for one in checks if one.subject == "bureau"] == states


def test_the_auc_is_that_of_the_field_and_its_variance_that_of_samples() -> None:
    draws = np.random.default_rng(4)

    def sample() -> tuple[np.ndarray, np.ndarray]:
        bad = (draws.random(300) < 0.3).astype(np.float64)
        return bad, np.round(draws.normal(bad, 1.0), 1)

    found = []
    for _ in range(200):
        bad, score = sample()
        told = auc_with_variance(bad, score)
        assert told is not None
        assert told[0] == pytest.approx(roc_auc_score(bad, score))
        found.append(told)
    aucs, variances = np.array(found).T
    assert variances.mean() == pytest.approx(aucs.var(ddof=1), rel=0.3)
    assert auc_with_variance(np.array([1.0, 0, 0]), np.array([0.5, 0.1, 0.2])) is None


def test_a_profile_is_the_same_after_it_was_written(seen_of: Callable[..., Seen]) -> None:
    import json

    kept = profiled(seen_of(rows=500))
    again = json.loads(json.dumps(kept, allow_nan=False))
    assert again == kept
    assert profiled(seen_of(rows=500), again) == profiled(seen_of(rows=500), copy.deepcopy(kept))
    assert sum(kept["features"]["release"]["b"]["counts"]) == 500
    assert kept["features"]["release"]["b"]["counts"][-1] == 50


def test_no_bad_loan_among_few_expected_is_too_few_to_tell(
    seen_of: Callable[..., Seen], parameters: MonitoringParameters
) -> None:
    few = found(seen_of(seed=1), seen_of(rows=30, seed=2, honest=0.0), parameters)["calibration"]
    assert (few.now, few.state) == (0, "too_few")


def test_chance_alone_passes_the_calibrations_level_once_in_a_hundred_up_and_down_together(
    parameters: MonitoringParameters,
) -> None:
    draws = np.random.default_rng(7)
    outcomes = [
        [{"bad": int(draws.poisson(200)), "expected": 200.0, "known": 5_000} for _ in range(2)]
        for _ in range(4_000)
    ]
    checks = [drift._calibration(before, now, parameters) for before, now in outcomes]
    beyond = np.mean([one.measure > one.chance for one in checks if one.measure is not None])
    assert beyond == pytest.approx(1 - parameters.level, abs=0.004)
