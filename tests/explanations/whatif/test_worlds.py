"""Other policies: what does not change stays as recorded, what changes does so as the ledger would have it."""

from dataclasses import dataclass, replace
from functools import partial

import numpy as np
import pandas as pd
import pytest

from data.book import Book
from data.errors import CallError
from data.mechanisms import SUBSETS
from data.parameters import read_parameters
from data.world import ReleasePolicy
from explanations.causes.estimates import estimate
from explanations.causes.ledger import Ledger
from explanations.causes.spending import SpendingWeight, spending_weight
from explanations.whatif.changes import Change, changes
from explanations.whatif.figures import Yardstick, differences, figures, frontier, undominated
from explanations.whatif.policy import changed_policy, scaled
from explanations.whatif.worlds import Policy, Scored, decided, scored
from features.matrix import whole_matrices
from models.calibration import Calibration
from models.decisions import decide_requests
from models.limit_model import LimitModel
from models.release_model import ReleaseModel
from settings import Settings
from training.fitting import grown_on_one_thread
from training.from_book import fit_limit_on, fit_release_on
from training.periods import request_splits
from training.splits import CALIBRATION, OUT_OF_TIME


@dataclass(frozen=True)
class Lender:
    limit: LimitModel
    release: ReleaseModel
    scored: Scored
    recorded: pd.DataFrame
    policy: Policy
    by: Yardstick


@pytest.fixture(scope="module")
def lender(small_book: Book, settings: Settings) -> Lender:
    quick = {
        name: getattr(settings.training, name).model_copy(update={"rounds": 40})
        for name in ("limit", "release")
    }
    training = settings.training.model_copy(update=quick)
    requests, reviews = whole_matrices(small_book, ("request", "review"), settings.features, since=1)
    limit = fit_limit_on(small_book, reviews, training, grow=grown_on_one_thread)
    release = fit_release_on(small_book, requests, training, settings.models, grow=grown_on_one_thread)
    split = request_splits(small_book, requests.keys, training)
    given = (limit.score(reviews.values), release, release.margin(requests.values))
    recorded = decide_requests(small_book, requests, reviews, *given, split == CALIBRATION, settings.models)
    of = scored(
        small_book, requests, reviews, given[0], given[2], release, split == OUT_OF_TIME, split == CALIBRATION
    )
    rows = np.flatnonzero(split == OUT_OF_TIME)
    place = np.arange(len(rows))
    seen = np.where(place % 3 == 0, np.nan, (place % 7 == 0).astype(float))
    by = Yardstick(settings.economics, Calibration(0.8, 0.2), seen, None)
    return Lender(limit, release, of, recorded.iloc[rows].reset_index(drop=True), Policy(settings.models), by)


@pytest.fixture(scope="module")
def weight(lender: Lender, small_book: Book) -> partial[SpendingWeight]:
    reviews = lender.scored.reviews
    neutral = estimate(reviews, small_book.whole("market"), str(small_book.manifest.first_month))
    return partial(spending_weight, reviews, neutral)


def own_policy(book: Book) -> ReleasePolicy:
    return read_parameters(ReleasePolicy, book.manifest.parameters["policy"], (), "book")


def test_the_policy_as_it_is_decides_as_recorded(lender: Lender) -> None:
    found = decided(lender.scored, lender.policy)
    columns = ["request_id", "pd", "cutoff", "refused", "refused_by", "favoured"]
    pd.testing.assert_frame_equal(found[columns], lender.recorded[columns])
    released = ~found["refused"]
    np.testing.assert_allclose(found.loc[released, "drawn"], found.loc[released, "amount"])
    assert (found.loc[~released, "drawn"] == 0).all()


def test_a_policy_that_says_the_same_is_the_recorded_one(small_book: Book) -> None:
    table, market, own = small_book.whole("policy"), small_book.whole("market"), own_policy(small_book)
    same = changed_policy(table, market, own, own, str(small_book.manifest.first_month))
    pd.testing.assert_frame_equal(same, table, check_dtype=False, check_exact=True)


def test_one_level_changes_where_it_holds_and_competition_lowers_it_as_before(small_book: Book) -> None:
    table, market, own = small_book.whole("policy"), small_book.whole("market"), own_policy(small_book)
    looser = own.model_copy(update={"tight": own.tight.model_copy(update={"cutoff": 0.04, "cap_lenders": 9})})
    found = changed_policy(table, market, own, looser, str(small_book.manifest.first_month))
    tight = (table["tightness"] == 2).to_numpy()
    assert tight.any()
    assert (~tight).any()
    pd.testing.assert_frame_equal(found[~tight], table[~tight], check_dtype=False, check_exact=True)
    np.testing.assert_allclose(found.loc[tight, "cutoff_without_competition"], 0.04)
    np.testing.assert_allclose(
        found.loc[tight, "cutoff"], table.loc[tight, "cutoff"] * 0.04 / own.tight.cutoff, rtol=1e-12
    )
    assert (found.loc[tight, "cap_lenders"] == 9).all()


def test_without_competition_every_cut_off_is_that_of_its_level(small_book: Book) -> None:
    table, market, own = small_book.whole("policy"), small_book.whole("market"), own_policy(small_book)
    first = str(small_book.manifest.first_month)
    found = changed_policy(table, market, own, own.model_copy(update={"competition": 0.0}), first)
    np.testing.assert_allclose(found["cutoff"], table["cutoff_without_competition"])
    # Made again with the competition that the book has, cut-offs are those on record.
    again = changed_policy(found, market, own.model_copy(update={"competition": 0.0}), own, first)
    np.testing.assert_allclose(again["cutoff"], table["cutoff"])


def test_another_schedule_puts_its_level_in_force(small_book: Book) -> None:
    table, market, own = small_book.whole("policy"), small_book.whole("market"), own_policy(small_book)
    easy = own.model_copy(
        update={"schedule": tuple(one.model_copy(update={"level": "easy"}) for one in own.schedule)}
    )
    found = changed_policy(table, market, own, easy, str(small_book.manifest.first_month))
    history = found["month_start"] >= table["month_start"].min() + pd.DateOffset(months=12)
    np.testing.assert_allclose(found.loc[history, "cutoff_without_competition"], own.easy.cutoff)
    assert (found.loc[~history, "cutoff_without_competition"] == own.neutral.cutoff).all()


def test_looser_cut_offs_release_more_and_favour_the_same(lender: Lender, small_book: Book) -> None:
    before = decided(lender.scored, lender.policy)
    after = decided(lender.scored, replace(lender.policy, table=scaled(small_book.whole("policy"), 2.0)))
    by_factor = decided(lender.scored, replace(lender.policy, cutoff_factor=2.0))
    pd.testing.assert_frame_equal(after, by_factor)
    assert not (after["refused"] & ~before["refused"]).any()
    assert after["refused"].sum() < before["refused"].sum()
    assert (after["favoured"] == before["favoured"]).all()


def test_a_weight_of_spending_of_one_changes_nothing_and_of_none_lowers_the_limits_of_keen_spenders(
    lender: Lender, weight: partial[SpendingWeight]
) -> None:
    reviews = lender.scored.reviews
    assert (weight(1.0).shift(reviews) == 0).all()
    shift = weight(0.0).shift(reviews)
    assert weight(0.0).coefficient > 0
    spent = reviews.values[:, reviews.features.index("spend_avg_12m")].astype(np.float64)
    assert np.corrcoef(shift, np.log(np.maximum(spent, 1)))[0, 1] < -0.8
    assert abs(shift[spent > 0].mean()) < 1e-9
    before, after = (
        decided(lender.scored, replace(lender.policy, spending=weight(factor))) for factor in (1.0, 0.0)
    )
    assert after["favoured"].sum() < before["favoured"].sum()
    paid = ~after["refused"]
    left = after["limit_recorded"] - after["balance"]
    assert (after.loc[paid, "drawn"] <= np.minimum(left, after["amount"])[paid] + 1e-6).all()
    assert (after.loc[paid, "drawn"] > 0).all()
    assert (after["drawn"] < before["drawn"]).any()


def test_replayed_limits_with_hardly_another_weight_are_those_on_record(
    lender: Lender, weight: partial[SpendingWeight]
) -> None:
    before = decided(lender.scored, lender.policy)
    after = decided(lender.scored, replace(lender.policy, spending=weight(1.0 + 1e-9)))
    assert (after["limit_recorded"] == before["limit_recorded"]).mean() > 0.99
    assert (after["refused"] == before["refused"]).mean() > 0.99
    assert (after["favoured"] == before["favoured"]).mean() > 0.99


@pytest.mark.parametrize(("factor", "cutoffs"), [(1.0, 1.4), (0.25, 0.7)])
def test_the_ledger_of_another_policy_begins_with_its_conflicts(
    lender: Lender,
    small_book: Book,
    settings: Settings,
    weight: partial[SpendingWeight],
    factor: float,
    cutoffs: float,
) -> None:
    table = scaled(small_book.whole("policy"), cutoffs)
    policy = replace(lender.policy, table=table, spending=weight(factor))
    found = decided(lender.scored, policy)
    ids = found["request_id"].to_numpy()[:400]
    of = lender.scored
    ledger = Ledger(
        small_book, of.reviews, of.limit_score, lender.limit, lender.release, settings.features,
        policy.models, settings.explanations, policy.table, policy.spending,
    )  # fmt: skip
    kept = ledger.conflicts(ids)[:, [len(subset) for subset in SUBSETS].index(5)]
    conflict = (found["favoured"] & found["refused"]).to_numpy()[:400]
    assert conflict.any()
    np.testing.assert_array_equal(kept, conflict.astype(float))


def test_figures_add_up_and_the_frontier_meets_them(lender: Lender) -> None:
    by = lender.by
    before = decided(lender.scored, lender.policy)
    after = decided(lender.scored, replace(lender.policy, cutoff_factor=1.5))
    then, now = figures(before, by), figures(after, by)
    change = differences(before, after, by, 0.95)
    for name, row in change.items():
        assert row["change"] == pytest.approx(now[name] - then[name], abs=1e-6)
        assert row["low"] <= row["change"] <= row["high"]
    table = frontier(lender.scored, by, {1.0: lender.policy}, (0.5, 1.0, 1.5))
    for place, row in ((1, then), (2, now)):
        for name in ("released", "drawn", "mean_pd", "expected_loss", "profit", "favoured", "conflicts"):
            assert table[name].iloc[place] == pytest.approx(row[name])
    assert table["released"].is_monotonic_increasing
    assert table["conflicts"].is_monotonic_decreasing


def test_a_change_of_requests_is_a_whole_number(lender: Lender) -> None:
    before = decided(lender.scored, lender.policy)
    after = decided(lender.scored, replace(lender.policy, cutoff_factor=1.5))
    for rows in range(len(before) - 20, len(before)):
        change = differences(before.head(rows), after.head(rows), lender.by, 0.95)["released"]["change"]
        assert change > 0
        assert change.is_integer()


def test_a_point_is_beaten_by_more_gain_at_no_more_cost() -> None:
    cost = np.array([1.0, 2.0, 2.0, 3.0, 3.0, 4.0])
    gain = np.array([5.0, 5.0, 7.0, 6.0, 9.0, 9.0])
    assert undominated(cost, gain).tolist() == [True, False, True, False, True, False]


def test_a_call_changes_the_policy_alone() -> None:
    own = {
        "world.policy.tight.cutoff": 0.028,
        "world.requests.intercept": -2.1,
        "models.favoured.raise_from": 1.15,
        "whatif.cutoff_factor": 1.0,
    }
    given = {"world.policy.tight.cutoff": 0.04, "training.seed": 3, "whatif.cutoff_factor": 1.0}
    assert changes(own, given, dated=True) == (Change("world.policy.tight.cutoff", 0.028, 0.04),)
    assert changes(own, {"world.requests.intercept": -2.1}, dated=True) == ()
    for given, dated, said in (
        ({"world.requests.intercept": -1.0}, True, "borrowers and their past"),
        ({"world.policy.tight.cutoff": 0.04}, False, "whatif.cutoff_factor"),
        ({"models.favoured.raise_from": 1.3}, False, "clients"),
        ({"whatif.spending_weight": 0.5}, False, "cannot change"),
    ):
        with pytest.raises(CallError, match=said):
            changes(own, given, dated=dated)
