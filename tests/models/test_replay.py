"""Both decisions taken again: what each switch does, on requests made by hand."""

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
import pytest

from data.errors import DataFault
from data.mechanisms import MECHANISMS
from models.replay import Asked, Scene, asked_of, conflicts, raises
from settings import Settings

ALL = frozenset(MECHANISMS)


@dataclass(frozen=True)
class Case:
    """One request in a scene."""

    keys: pd.DataFrame
    reviews: pd.DataFrame
    policy: pd.DataFrame
    scene: Scene

    def asked(self, settings: Settings) -> Asked:
        return asked_of(self.keys, self.reviews, self.policy, settings.models)

    def but(self, **changed: object) -> "Case":
        return replace(self, scene=replace(self.scene, **changed))


def scene(
    pd_of: float = 0.05,
    dti: float = 0.1,
    limit: float = 12_000,
    slip: float = 1.0,
    executed: str = "refuse",
    system: str = "refuse",
) -> Case:
    """A request in a tight month, two months after a raise in an easy one; cut-offs .028 and .11, less 10 %."""
    keys = pd.DataFrame(
        {
            "request_id": [7],
            "borrower_id": [1],
            "requested_on": pd.to_datetime(["2025-09-10"]),
            "region": [0],
            "amount": [2_000.0],
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
        }
    )
    read = {"dti_ratio": dti, "bureau_lenders": 1, "bureau_enq_3m": 1, "own_dpd_current": 0, "thin_file": 0}
    made = Scene(
        read={name: np.array([value], dtype=np.float64) for name, value in read.items()},
        probability=np.array([pd_of]),
        missing=np.array([False]),
        balance=np.array([1_000.0]),
        before=np.array([10_000.0]),
        limit=np.array([float(limit)]),
        slip=np.array([slip]),
        recomputed=None,
    )
    return Case(keys, reviews, policy, made)


Kept = Callable[..., bool]


@pytest.fixture
def kept(settings: Settings) -> Kept:
    """Whether the one request is still in conflict without some mechanisms."""

    def still(of: Case, *off: str) -> bool:
        [conflict] = conflicts(of.asked(settings), of.scene, ALL - set(off), settings.models)
        return bool(conflict)

    return still


def test_the_policy_off_is_the_looser_of_today_and_the_raise(kept: Kept) -> None:
    assert kept(scene(pd_of=0.05))
    assert not kept(scene(pd_of=0.05), "policy")
    assert kept(scene(pd_of=0.12), "policy")
    tightened_back = scene(pd_of=0.05)
    months = tightened_back.policy["month_start"].to_numpy()[::-1]
    loosened = replace(tightened_back, policy=tightened_back.policy.assign(month_start=months))
    assert kept(loosened.but(probability=np.array([0.12])), "policy")
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
    asked = before.asked(settings)
    assert raises(asked, before.scene, True, settings.models).tolist() == [0]
    assert kept(before.but(recomputed=np.array([11_500.0])))
    lower = before.but(recomputed=np.array([11_400.0]))
    assert not kept(lower)
    assert raises(asked, lower.scene, True, settings.models).tolist() == [-1]
    # The amount and the balance must fit into it as well.
    assert not kept(before.but(before=np.array([1_000.0]), recomputed=np.array([2_900.0])))


def test_several_worlds_at_once_are_decided_as_each_alone(settings: Settings) -> None:
    one = scene()
    asked, flat = one.asked(settings), one.scene
    probability, limits = np.array([[0.05], [0.01], [0.12], [0.05]]), [[12e3], [12e3], [12e3], [10e3]]
    worlds = replace(
        flat,
        read={name: np.broadcast_to(values, (4, 1)) for name, values in flat.read.items()},
        probability=probability,
        missing=np.zeros((4, 1), dtype=bool),
        before=np.full((4, 1), 10_000.0),
        limit=np.array(limits),
    )
    for off in ((), ("policy",), ("error",)):
        together = conflicts(asked, worlds, ALL - set(off), settings.models)
        alone = [
            conflicts(asked, replace(flat, probability=pd_of, limit=limit), ALL - set(off), settings.models)
            for pd_of, limit in zip(probability, np.array(limits), strict=True)
        ]
        assert together.tolist() == [row.tolist() for row in alone]


def test_a_gap_in_the_policy_table_is_told(settings: Settings) -> None:
    of = scene()
    for kept_rows, month in ((slice(0, 1), "2025-09"), (slice(1, 2), "2025-07")):
        gap = replace(of, policy=of.policy.iloc[kept_rows])
        with pytest.raises(DataFault, match=f"no row for {month} in region 0.*complete the table `policy`"):
            conflicts(gap.asked(settings), gap.scene, ALL - {"policy"}, settings.models)
