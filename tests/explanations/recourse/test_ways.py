"""Recourse: every way that is shown leads to a release, and no smaller step of the same kind does."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from data.blocks import Processes
from data.book import Book
from explanations.causes.lag_audit import lag_audit
from explanations.parameters import RecourseParameters
from explanations.recourse.levers import LEVERS, Lever, Offers, levers_of, offers_of
from explanations.recourse.redecision import REFUSALS, SHOWN, Changed, Decider, decider_of
from explanations.recourse.search import (
    NO_STEP,
    Plans,
    affordable,
    changed_requests,
    combined,
    found_plans,
)
from explanations.recourse.summary import outcomes
from explanations.recourse.trials import COLUMNS as TRIALS
from explanations.recourse.trials import MOST
from explanations.recourse.ways import COLUMNS, KINDS, recourse, searched
from features.matrix import Matrix
from features.reread import requests_by_block
from models.decisions import decide_requests, undecidable
from models.limit_model import LimitModel
from models.policy import decide, policy_in_force
from models.release_model import ReleaseModel
from settings import Settings
from tests.fitted import Fitted
from training.periods import request_splits
from training.splits import CALIBRATION


@dataclass(frozen=True)
class Lender:
    book: Book
    settings: Settings
    requests: Matrix
    limit: LimitModel
    release: ReleaseModel
    conflicts: pd.DataFrame
    audit: pd.DataFrame
    offers: Offers

    def recourse(
        self, some: pd.DataFrame | None = None, processes: int = 1, most: int = 1000
    ) -> pd.DataFrame:
        return self.looked(some, processes, most)[0]

    def looked(
        self, some: pd.DataFrame | None = None, processes: int = 1, most: int = 1000
    ) -> tuple[pd.DataFrame, pd.DataFrame]:
        conflicts = self.conflicts if some is None else some
        parameters = self.settings.explanations.recourse.model_copy(update={"conflicts": most})
        given = self.limit, self.release, self.settings.features, self.settings.models, parameters
        return recourse(self.book, conflicts, self.offers, self.audit, *given, engine=Processes(processes))

    def deciders(self) -> Iterator[tuple[pd.DataFrame, Decider, dict[str, Lever]]]:
        """By block its conflicts, what decides them, and their levers."""
        s = self.settings
        for block, held in requests_by_block(self.book, self.conflicts["request_id"].to_numpy()):
            here = self.conflicts[self.conflicts["request_id"].isin(held["request_id"])].reset_index(
                drop=True
            )
            later = (0, *s.explanations.recourse.wait_days)
            shown = here[list(SHOWN)]
            decider = decider_of(
                self.book, block, shown, later, self.limit, self.release, s.features, s.models
            )
            yield here, decider, levers_of(decider.can_pay, self.offers, s.explanations.recourse)


@pytest.fixture(scope="module")
def lender(small_book: Book, settings: Settings, fitted: Fitted) -> Lender:
    requests, reviews, limit, release = fitted
    calibration = request_splits(small_book, requests.keys, settings.training) == CALIBRATION
    decided = decide_requests(
        small_book,
        requests,
        reviews,
        limit.score(reviews.values),
        release,
        release.margin(requests.values),
        calibration,
        settings.models,
    )
    # More of them than out of time alone would give a book so small.
    chosen = decided["favoured"] & decided["refused"] & (decided["month"] >= 13)
    conflicts = decided[chosen].assign(place=0).reset_index(drop=True)
    conflicts = conflicts.astype({"review_id": "int64"})
    audit = lag_audit(small_book, conflicts, limit, release, settings.features, settings.models)
    return Lender(small_book, settings, requests, limit, release, conflicts, audit, offers_of(requests.keys))


@pytest.fixture(scope="module")
def found(lender: Lender) -> pd.DataFrame:
    return lender.recourse()


def options(found: pd.DataFrame) -> Iterator[pd.DataFrame]:
    for _, steps in found.groupby(["request_id", "option"], sort=False):
        yield steps


def test_every_conflict_has_its_ways_or_is_told_that_there_is_none(
    lender: Lender, found: pd.DataFrame
) -> None:
    assert tuple(found) == COLUMNS
    assert found["request_id"].drop_duplicates().tolist() == lender.conflicts["request_id"].tolist()
    assert set(found["kind"]) <= set(KINDS)
    for steps in options(found):
        assert steps["step"].tolist() == list(range(1, len(steps) + 1))
        assert len(steps) == 1 or "none" not in set(steps["kind"])
    each = found.drop_duplicates(["request_id", "option"]).groupby("request_id")["option"]
    assert (each.max() == each.size()).all()
    assert each.max().max() <= lender.settings.explanations.recourse.options
    assert found["kind"].value_counts()[["amount", "pay_down_elsewhere", "wait", "none"]].min() > 3


def test_as_they_were_asked_for_they_are_decided_as_the_book_says(lender: Lender) -> None:
    for here, decider, levers in lender.deciders():
        nothing = np.full((len(here), len(LEVERS)), NO_STEP, dtype=np.int16)
        changed = changed_requests(decider.can_pay, levers, np.arange(len(here)), nothing)
        released, probability = decider.decide(changed)
        as_is = ~decider.overdue
        np.testing.assert_array_equal(probability[as_is], here["pd"].to_numpy()[as_is])
        slip = (here["refused_by"] == "slip").to_numpy()
        assert (released[as_is] == slip[as_is]).all()


def real_decision(
    lender: Lender, here: pd.DataFrame, decider: Decider, plans: Plans, levers: dict[str, Lever]
) -> np.ndarray:
    """Whether the policy, as it decides any request, releases the changed ones."""
    changed = changed_requests(decider.can_pay, levers, plans.case, plans.steps)
    _, matrix = decider.snapshots(changed)
    asks = here.iloc[plans.case].reset_index(drop=True)
    asks = asks.drop(columns=["decision_system", "decision_executed", "random_release"])
    in_force = policy_in_force(asks, lender.book.whole("policy"))
    missing = undecidable(lender.book, matrix, lender.release)
    probability = lender.release.pd(matrix.values)
    decided = decide(asks, matrix, probability, in_force, missing, lender.settings.models.policy)
    return ~decided["refused"].to_numpy(bool)


def test_every_way_is_released_by_the_policy_and_stays_within_the_limit(lender: Lender) -> None:
    shown = 0
    for here, decider, levers in lender.deciders():
        plans = found_plans(decider, levers)
        assert real_decision(lender, here, decider, plans, levers).all()
        changed = changed_requests(decider.can_pay, levers, plans.case, plans.steps)
        owed = decider.can_pay.balance[plans.case] - changed.here
        rows = here.iloc[plans.case]
        in_force = rows["available"].to_numpy() + rows["balance"].to_numpy()
        assert (changed.amount + owed <= in_force + 1e-3).all()
        raised = decider.models.favoured.raise_from * rows["limit_before"].to_numpy()
        assert (rows["limit_after"].to_numpy() >= raised).all()
        shown += len(plans.case)
    assert shown > 30


def test_no_smaller_step_of_the_same_kinds_is_released(lender: Lender) -> None:
    tried = 0
    for here, decider, levers in lender.deciders():
        plans = found_plans(decider, levers)
        for place in range(len(plans.case)):
            moved = np.flatnonzero(plans.steps[place] != NO_STEP)
            smaller = [
                steps
                for steps in product(*(range(NO_STEP, plans.steps[place, lever] + 1) for lever in moved))
                if steps != tuple(plans.steps[place, moved])
                and not any(
                    step != NO_STEP and np.isnan(levers[LEVERS[lever]].value[plans.case[place], step])
                    for lever, step in zip(moved, steps, strict=True)
                )
            ]
            # Two levers were tried together only where neither alone helps now; alone a wait may help later.
            smaller = [steps for steps in smaller if len(moved) < 2 or NO_STEP not in steps]
            if not smaller:
                continue
            steps = np.full((len(smaller), len(LEVERS)), NO_STEP, dtype=np.int16)
            steps[:, moved] = smaller
            case = np.full(len(smaller), plans.case[place])
            released, _ = decider.decide(changed_requests(decider.can_pay, levers, case, steps))
            assert not released.any(), (here["request_id"][plans.case[place]], plans.steps[place])
            tried += len(smaller)
    assert tried > 100


def test_where_nothing_is_said_to_help_no_step_alone_is_released(lender: Lender, found: pd.DataFrame) -> None:
    none = set(found.loc[found["kind"] == "none", "request_id"])
    tried = 0
    for here, decider, levers in lender.deciders():
        case = np.flatnonzero(here["request_id"].isin(none))
        for lever, name in enumerate(LEVERS):
            row, step = np.nonzero(~np.isnan(levers[name].value[case]))
            steps = np.full((len(row), len(LEVERS)), NO_STEP, dtype=np.int16)
            steps[:, lever] = step
            released, _ = decider.decide(changed_requests(decider.can_pay, levers, case[row], steps))
            assert not released.any(), name
            tried += len(row)
    assert tried > 100


def test_changed_requests_have_the_features_that_follow_from_them(lender: Lender) -> None:
    """The row of a request changed by hand, formula by formula."""
    here, decider, levers = next(lender.deciders())
    known = lender.requests.keys["request_id"].isin(here["request_id"]).to_numpy()
    values = dict(
        zip(lender.requests.keys.loc[known, "request_id"], lender.requests.values[known], strict=True)
    )

    @given(which=st.integers(0, len(here) - 1), chosen=st.tuples(*(st.integers(0, 10**6) for _ in LEVERS)))
    def hold(which: int, chosen: tuple[int, ...]) -> None:
        steps = np.full((1, len(LEVERS)), NO_STEP, dtype=np.int16)
        for lever, name in enumerate(LEVERS):
            there = [NO_STEP, *np.flatnonzero(~np.isnan(levers[name].value[which])).tolist()]
            if name != "wait":
                steps[0, lever] = there[chosen[lever] % len(there)]
        changed = changed_requests(decider.can_pay, levers, np.array([which]), steps)
        _, matrix = decider.snapshots(changed)
        before = dict(
            zip(matrix.features, values[here["request_id"][which]].astype(float).tolist(), strict=True)
        )
        expected = changed_by_hand(before, here.iloc[which], changed)
        found = dict(zip(matrix.features, matrix.values[0].astype(float).tolist(), strict=True))
        for name, value in expected.items():
            assert found[name] == pytest.approx(value, rel=1e-3, abs=1e-2, nan_ok=True), name

    hold()


def changed_by_hand(before: dict[str, float], conflict: pd.Series, changed: Changed) -> dict[str, float]:
    """The features of a request after payments, by their definitions."""
    amount, paid, elsewhere = changed.amount[0], changed.here[0], changed.elsewhere[0]
    left = conflict["balance"] - paid
    limit = conflict["balance"] + conflict["available"]
    income = before["income_verified"] if before["income_verified"] > 0 else before["income_proxy"]
    there = before["bureau_unsecured_bal"] - elsewhere
    liquid = max(before["liquid_assets_30d"] - paid - elsewhere, 0)
    share = elsewhere / before["bureau_unsecured_bal"] if elsewhere else 0
    return before | {
        "requested_amount": amount,
        "requested_term": changed.term[0],
        "amount_to_income": amount / income,
        "requested_to_available": amount / max(limit - left, 1),
        "own_utilization": left / limit,
        "own_balance_to_income": left / income,
        "own_dpd_current": 0.0,
        "bureau_unsecured_bal": there,
        "bureau_lenders": before["bureau_lenders"] - np.floor(share * before["bureau_lenders"] + 1e-4),
        "monthly_obligation": (left + there) * 1.08 / 8,
        "dti_ratio": (left + there) * 1.08 / 8 / income,
        "dti_after_draw": (left + there + amount) * 1.08 / 8 / income,
        "liquid_assets_30d": liquid,
        "cash_buffer": before["cash_buffer"] * liquid / before["liquid_assets_30d"],
    }


def test_the_first_way_is_the_soonest(found: pd.DataFrame) -> None:
    for _, ways in found[found["kind"] != "none"].groupby("request_id"):
        days = ways.groupby("option")["days"].max()
        assert days.is_monotonic_increasing


def test_slips_and_late_data_are_to_be_corrected(lender: Lender, found: pd.DataFrame) -> None:
    by_slip = lender.conflicts.loc[lender.conflicts["refused_by"] == "slip", "request_id"]
    late = lender.audit.loc[lender.audit["favoured"] & ~lender.audit["refused"], "request_id"]
    records = found[found["kind"] == "correct_record"]
    assert set(by_slip) <= set(records.loc[records["what"] == "slip", "request_id"])
    assert set(records["request_id"]) <= set(by_slip) | set(late)
    assert len(by_slip)
    assert not records["exhaustive"].any()


def test_who_is_overdue_pays_first(lender: Lender, found: pd.DataFrame) -> None:
    values = dict(zip(lender.requests.keys["request_id"], lender.requests.values, strict=True))
    column = lender.requests.features.index("own_dpd_current")
    overdue = {request for request in found["request_id"] if values[request][column] >= 1}
    ways = found[(found["kind"] != "none") & found["request_id"].isin(overdue) & (found["step"] == 1)]
    assert len(ways)
    assert ((ways["what"] == "overdue") | (ways["kind"] == "correct_record")).all()
    assert not set(found.loc[found["what"] == "overdue", "request_id"]) - overdue


@pytest.mark.usefixtures("copied")
def test_processes_and_the_company_of_others_change_nothing(lender: Lender, found: pd.DataFrame) -> None:
    pd.testing.assert_frame_equal(lender.recourse(processes=2), found)
    some = lender.conflicts[5:9]
    alone = lender.recourse(some)
    expected = found[found["request_id"].isin(some["request_id"])].reset_index(drop=True)
    pd.testing.assert_frame_equal(alone, expected)


def test_of_too_many_conflicts_the_shown_and_others_evenly_spread_are_looked_at() -> None:
    conflicts = pd.DataFrame({"place": [0, 0, 1, 0, 0, 0, 2, 0, 0, 0]})
    assert np.flatnonzero(searched(conflicts, 100)).tolist() == list(range(10))
    assert np.flatnonzero(searched(conflicts, 6)).tolist() == [0, 2, 3, 6, 7, 9]
    assert np.flatnonzero(searched(conflicts, 1)).tolist() == [2, 6]
    assert not searched(conflicts, 0).any()


def test_no_conflicts_have_no_ways(lender: Lender) -> None:
    assert tuple(lender.recourse(most=0)) == COLUMNS
    assert not len(lender.recourse(lender.conflicts[:0]))


def test_waiting_as_long_as_waiting_alone_takes_is_no_other_way(found: pd.DataFrame) -> None:
    for _, ways in found[found["kind"] != "none"].groupby("request_id"):
        size = ways.groupby("option")["step"].transform("size")
        alone = ways[(ways["kind"] == "wait") & (size == 1)]
        others = ways[(ways["kind"] == "wait") & (size > 1)]
        if len(alone):
            assert (others["days"] < alone["days"].iloc[0]).all()


def test_the_nearest_trials_fail_and_no_other_step_of_their_levers_comes_nearer(
    lender: Lender, found: pd.DataFrame
) -> None:
    every = lender.conflicts.assign(place=np.arange(1, len(lender.conflicts) + 1))
    ways, trials = lender.looked(every)
    pd.testing.assert_frame_equal(ways, found)
    outcome = outcomes(found)
    assert set(trials["request_id"]) <= set(outcome.index[outcome.isin(["later", "nothing"])])
    assert set(trials["request_id"]) >= set(outcome.index[outcome == "nothing"])
    waits = set(trials.loc[trials["kind"] == "wait", "request_id"])
    assert waits
    assert waits <= set(outcome.index[outcome == "nothing"])
    assert trials.groupby("request_id")["trial"].max().between(1, MOST).all()
    nearest = trials.drop_duplicates(["request_id", "trial"])
    rank = nearest["refused_by"].str.count(";") + nearest["pd_after"]
    assert rank.groupby(nearest["request_id"]).apply(lambda one: one.is_monotonic_increasing).all()
    seen = 0
    for here, decider, levers in lender.deciders():
        for place, request in enumerate(here["request_id"]):
            told = trials[trials["request_id"] == request]
            single = told[told.groupby("trial")["step"].transform("size") == 1]
            for row in single.to_dict("records"):
                case, steps = combined(levers, (LEVERS.index(row["kind"]),), np.array([place]))
                changed = changed_requests(decider.can_pay, levers, case, steps)
                possible = affordable(decider.can_pay, changed)
                refused, probability = decider.judge(changed.taken(np.flatnonzero(possible)))
                assert refused.any(axis=1).all()
                order = np.lexsort((probability, refused.sum(axis=1)))
                assert probability[order[0]] == row["pd_after"]
                still = [name for name, flag in zip(REFUSALS, refused[order[0]], strict=True) if flag]
                assert row["refused_by"] == ";".join(still)
                seen += 1
    assert seen > 20


def test_conflicts_that_are_not_shown_keep_no_trials(lender: Lender) -> None:
    _, trials = lender.looked()
    assert tuple(trials) == TRIALS
    assert not len(trials)


def test_waits_must_ascend(settings: Settings) -> None:
    given = settings.explanations.recourse.model_dump() | {"wait_days": (30, 7)}
    with pytest.raises(ValueError, match="each must be above the one before"):
        RecourseParameters(**given)
