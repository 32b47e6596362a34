"""The gates: each holds on one side of its parameter and not on the other, and says its figures."""

import pandas as pd
import pytest

from models.monotone import Monotone
from settings import Settings
from training import gates
from training.parameters import GateParameters


@pytest.fixture(scope="module")
def wanted(settings: Settings) -> GateParameters:
    return settings.governance.gates


def _metrics(metric: str, **values: float) -> pd.DataFrame:
    """A candidate and others, with differences to the candidate."""
    mine = values["challenger"]
    rows = [
        {
            "model": model,
            "metric": metric,
            "value": value,
            "low": value - 0.1,
            "high": value + 0.1,
            "difference": value - mine,
            "difference_low": value - mine - 0.01,
            "difference_high": value - mine + 0.01,
        }
        for model, value in values.items()
    ]
    return pd.DataFrame(rows)


@pytest.mark.parametrize(("champion", "held"), [(0.709, True), (0.72, False), (0.6, True)])
def test_a_release_model_may_lose_so_much_to_the_champion(
    champion: float, held: bool, wanted: GateParameters
) -> None:
    performance, benchmark = gates.release_performance(
        _metrics("auc", challenger=0.7, champion=champion, benchmark=0.715), wanted
    )
    assert (performance.held, benchmark.held) == (held, True)
    assert f"difference {0.7 - champion:+.4f}" in performance.found


def test_a_first_version_is_held_against_the_scorecard_alone(wanted: GateParameters) -> None:
    performance, benchmark = gates.release_performance(
        _metrics("auc", challenger=0.7, benchmark=0.73), wanted
    )
    assert performance.held
    assert "no champion yet" in performance.found
    assert not benchmark.held


def test_without_both_outcomes_nothing_holds(wanted: GateParameters) -> None:
    empty = _metrics("auc", challenger=0.7)[:0]
    assert not any(gate.held for gate in gates.release_performance(empty, wanted))
    assert not gates.calibration(empty, wanted).held
    assert not gates.limit_performance(empty, wanted).held


@pytest.mark.parametrize(("champion", "held"), [(0.1, True), (0.0985, True), (0.09, False)])
def test_a_limit_model_may_err_so_much_more(champion: float, held: bool, wanted: GateParameters) -> None:
    assert (
        gates.limit_performance(_metrics("mae_log", challenger=0.1, champion=champion), wanted).held == held
    )


@pytest.mark.parametrize(("ratio", "held"), [(0.79, False), (0.81, True), (1.25, True), (1.3, False)])
def test_pds_and_limits_must_come_true(ratio: float, held: bool, wanted: GateParameters) -> None:
    for name in ("bad_over_pd", "assessed_over_predicted"):
        assert gates.calibration(_metrics(name, challenger=ratio, champion=1.0), wanted).held == held


def test_a_score_that_has_moved_far_or_cannot_be_told_does_not_hold(wanted: GateParameters) -> None:
    assert gates.stability(0.25, wanted).held
    assert not gates.stability(0.26, wanted).held
    assert not gates.stability(float("nan"), wanted).held


def test_no_step_may_go_against_its_sign() -> None:
    assert gates.monotonicity(Monotone(3, 10, 240, 0, 0.0)).held
    broken = gates.monotonicity(Monotone(3, 10, 240, 1, 0.002))
    assert not broken.held
    assert "1 of 240 steps" in broken.found


def test_fairness_counts_every_attribute_but_those_exempt(wanted: GateParameters) -> None:
    told = {"gender": (0.95, "female", "male"), "region": (0.5, "1", "2")}
    assert gates.fairness(told, wanted).held
    assert "region 0.500 (1 against 2, not counted)" in gates.fairness(told, wanted).found
    assert not gates.fairness(told | {"age": (0.79, "55+", "<25")}, wanted).held
    assert gates.fairness({}, wanted).held


def test_explanations_must_add_up_and_fits_come_out_again(wanted: GateParameters) -> None:
    assert gates.additive(1e-7, 10, wanted).held
    assert not gates.additive(2e-6, 10, wanted).held
    assert gates.reproducible("a" * 64, "a" * 64).held
    assert not gates.reproducible("a" * 64, "b" * 64).held
    assert "on a cluster" in gates.reproducible("a" * 64, None, "on a cluster").found
