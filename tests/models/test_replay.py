"""Both decisions taken again: what each switch does, on requests made by hand."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from data.mechanisms import MECHANISMS
from features.matrix import Matrix
from models.replay import Scene, conflicts, raises
from settings import Settings

FEATURES = ("dti_ratio", "bureau_lenders", "bureau_enq_3m", "own_dpd_current", "thin_file")
ALL = frozenset(MECHANISMS)


def scene(
    pd_of: float = 0.05,
    dti: float = 0.1,
    limit: float = 12_000,
    slip: float = 1.0,
    executed: str = "refuse",
    system: str = "refuse",
) -> Scene:
    """A request in a tight month, two months after a raise in an easy one; cut-offs .028 and .11, less 10 %."""
    keys = pd.DataFrame(
        {
            "request_id": [7],
            "borrower_id": [1],
            "requested_on": pd.to_datetime(["2025-09-10"]),
            "region": [0],
            "amount": [2_000.0],
            "balance": [1_000.0],
            "decision_system": [system],
            "decision_executed": [executed],
            "random_release": [False],
        }
    )
    policy = pd.DataFrame(
        {
            "month_start": pd.to_datetime(["2025-07-01", "2025-09-01"]),
            "region": [0, 0],
            "policy_version": ["01-easy", "02-tight"],
            "cutoff": [0.11 * 0.9, 0.028 * 0.9],
            "cutoff_without_competition": [0.11, 0.028],
            "cap_debt_service": [0.60, 0.32],
            "cap_lenders": [8, 4],
            "cap_enquiries": [10, 6],
        }
    )
    reviews = pd.DataFrame(
        {
            "review_id": [3],
            "borrower_id": [1],
            "reviewed_on": pd.to_datetime(["2025-07-08"]),
            "limit_before": [10_000.0],
            "limit_score": [np.log(limit)],
            "slip": [slip],
        }
    )
    values = np.array([[dti, 1, 1, 0, 0]], dtype=np.float32)
    return Scene(
        requests=Matrix(keys, values, FEATURES),
        probability=np.array([pd_of]),
        missing=np.array([False]),
        reviews=reviews,
        recomputed=None,
        policy=policy,
    )


Kept = Callable[..., bool]


@pytest.fixture
def kept(settings: Settings) -> Kept:
    """Whether the one request is still in conflict without some mechanisms."""

    def still(of: Scene, *off: str) -> bool:
        [conflict] = conflicts(of, ALL - set(off), settings.models)
        return bool(conflict)

    return still


def test_the_policy_off_is_the_looser_of_today_and_the_raise(kept: Kept) -> None:
    assert kept(scene(pd_of=0.05))
    assert not kept(scene(pd_of=0.05), "policy")
    assert kept(scene(pd_of=0.12), "policy")
    tightened_back = scene(pd_of=0.05)
    months = tightened_back.policy["month_start"].to_numpy()[::-1]
    loosened = replace(tightened_back, policy=tightened_back.policy.assign(month_start=months))
    assert kept(replace(loosened, probability=np.array([0.12])), "policy")
    assert not kept(loosened, "policy")


def test_the_caps_loosen_with_the_policy(kept: Kept) -> None:
    assert kept(scene(pd_of=0.01, dti=0.5))
    assert not kept(scene(pd_of=0.01, dti=0.5), "policy")
    assert kept(scene(pd_of=0.01, dti=0.7), "policy")


def test_competition_off_takes_its_part_out_of_the_cutoff(kept: Kept) -> None:
    between = scene(pd_of=0.0265)
    assert kept(between)
    assert not kept(between, "competition")
    easy = scene(pd_of=0.104)
    assert kept(easy, "policy")
    assert not kept(easy, "policy", "competition")


def test_a_slip_on_the_limit_favours_and_is_undone(kept: Kept) -> None:
    assert not kept(scene(limit=10_000))
    slipped = scene(limit=10_000, slip=2.0)
    assert kept(slipped)
    assert not kept(slipped, "error")


def test_a_slip_on_the_decision_refuses_and_is_undone(kept: Kept) -> None:
    slipped = scene(pd_of=0.01, executed="refuse", system="release")
    assert kept(slipped)
    assert not kept(slipped, "error")
    saved = scene(pd_of=0.05, executed="release", system="refuse")
    assert not kept(saved)
    assert kept(saved, "error")


def test_a_recomputed_limit_counts_in_place_of_the_reviews(
    kept: Kept,
    settings: Settings,
) -> None:
    before = scene()
    [raised_on] = raises(before, True, settings.models)
    assert raised_on == np.datetime64("2025-07-08")
    assert kept(replace(before, recomputed=np.array([11_500.0])))
    lower = replace(before, recomputed=np.array([11_400.0]))
    assert not kept(lower)
    assert np.isnat(raises(lower, True, settings.models)).all()
    # The amount and the balance must fit into it as well.
    dear = replace(
        before, reviews=before.reviews.assign(limit_before=1_000.0), recomputed=np.array([2_900.0])
    )
    assert not kept(dear)
