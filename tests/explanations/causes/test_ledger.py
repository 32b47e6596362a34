"""The cause ledger and the true causes: exact, consistent with the decisions, and near each other."""

import shutil
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from data.blocks import Processes
from data.book import Book, open_book
from data.book_writer import write_part
from data.limit_rules import recorded_slip, replayed_limits, rules_of, turns_of
from data.mechanisms import CAUSES, MECHANISMS, SUBSETS, shapley_shares
from data.months import to_days
from data.randomness import Draws
from data.schema import DATED_TABLES, STREAMS
from explanations.causes import ledger as causes
from explanations.causes.estimates import Neutral, estimate, kept_share, lasting_income
from explanations.causes.lag_audit import by_days, by_stream, lag_audit
from explanations.causes.ledger import Ledger
from explanations.causes.limits_in_force import limit_features, reviews_in_force
from explanations.causes.neutral import LOAN_MONTHS, without_competition, without_misreading
from explanations.causes.outcomes import distinct
from explanations.causes.tables import with_causes
from explanations.explanation import Explanation
from explanations.remedies.trials import REPLAYED
from explanations.truth.worlds import true_conflicts
from features.matrix import Matrix, limit_rows, plain, request_rows, whole_matrix
from features.reread import refreshed_snapshots, requests_by_block, reread
from features.streams import read_streams
from models.decisions import decide_requests
from models.limit_model import LimitModel
from models.release_model import ReleaseModel
from settings import Settings
from tests.fitted import Fitted
from training.periods import request_splits
from training.splits import CALIBRATION, OUT_OF_TIME


@dataclass(frozen=True)
class Lender:
    book: Book
    settings: Settings
    reviews: Matrix
    limit: LimitModel
    release: ReleaseModel
    decided: pd.DataFrame
    conflicts: np.ndarray

    @property
    def ledger(self) -> Ledger:
        s = self.settings
        score = self.limit.score(self.reviews.values)
        return Ledger(
            self.book, self.reviews, score, self.limit, self.release, s.features, s.models, s.explanations
        )


@pytest.fixture(scope="module")
def lender(small_book: Book, settings: Settings, fitted: Fitted) -> Lender:
    requests, reviews, limit, release = fitted
    split = request_splits(small_book, requests.keys, settings.training)
    decided = decide_requests(
        small_book,
        requests,
        reviews,
        limit.score(reviews.values),
        release,
        release.margin(requests.values),
        split == CALIBRATION,
        settings.models,
    )
    # More of them than out of time alone would give a book so small.
    chosen = (decided["favoured"] & decided["refused"]).to_numpy(bool) & (decided["month"] >= 13).to_numpy()
    assert (split[chosen] == OUT_OF_TIME).any()
    ids = decided.loc[chosen, "request_id"].to_numpy()
    return Lender(small_book, settings, reviews, limit, release, decided, ids)


@pytest.fixture(scope="module")
def by_ledger(lender: Lender) -> np.ndarray:
    return lender.ledger.conflicts(lender.conflicts)


@pytest.fixture(scope="module")
def by_truth(lender: Lender) -> np.ndarray:
    s = lender.settings
    return true_conflicts(lender.book, lender.conflicts, lender.limit, lender.release, s.features, s.models)


def test_with_all_causes_on_every_conflict_is_there(by_ledger: np.ndarray, by_truth: np.ndarray) -> None:
    assert len(by_ledger) > 30
    assert (by_ledger[:, -1] == 1).all()
    assert (by_truth[:, -1] == 1).all()


def test_shares_sum_to_one_to_a_trillionth(lender: Lender) -> None:
    some = lender.conflicts[:10]
    shares = lender.ledger.shares(some)
    assert list(shares) == ["request_id", *CAUSES]
    assert (shares["request_id"] == some).all()
    np.testing.assert_allclose(shares[list(CAUSES)].sum(axis=1), 1, atol=1e-12)


def test_the_ledger_of_a_conflict_does_not_depend_on_the_others(lender: Lender) -> None:
    ledger = lender.ledger
    some, fewer = ledger.shares(lender.conflicts[:12]), ledger.shares(lender.conflicts[3:7])
    pd.testing.assert_frame_equal(some.iloc[3:7].reset_index(drop=True), fewer)


@pytest.mark.usefixtures("copied")
def test_with_one_cause_off_both_decisions_make_the_conflict_that_the_ledger_has(
    lender: Lender, by_ledger: np.ndarray
) -> None:
    again = lender.ledger.without(lender.conflicts, REPLAYED)
    assert again["request_id"].tolist() == list(lender.conflicts) * len(REPLAYED)
    everything = frozenset(MECHANISMS)
    for cause, found in again.groupby("cause", sort=False):
        expected = by_ledger[:, SUBSETS.index(everything - {cause})]
        np.testing.assert_array_equal(found["favoured"] & found["refused"], expected == 1)
    assert not again["favoured"].all()
    assert not again["refused"].all()
    two = lender.ledger.without(lender.conflicts, REPLAYED, Processes(2))
    pd.testing.assert_frame_equal(two, again)


def test_where_policy_and_record_say_nothing_else_a_released_request_stays_released(lender: Lender) -> None:
    decided = lender.decided
    released = decided[decided["favoured"] & ~decided["refused"] & (decided["month"] >= 13)]["request_id"]
    again = lender.ledger.without(released.to_numpy()[:40], ("policy",))
    assert again["favoured"].all()
    assert not again["refused"].any()


@pytest.mark.usefixtures("copied")
def test_ledger_and_lag_audit_are_the_same_whoever_works_on_the_blocks(
    lender: Lender, by_ledger: np.ndarray
) -> None:
    s, two = lender.settings, Processes(2)
    assert lender.book.blocks > 1
    np.testing.assert_array_equal(lender.ledger.conflicts(lender.conflicts, two), by_ledger)
    conflicts = lender.decided[lender.decided["request_id"].isin(lender.conflicts)]
    here, elsewhere = (
        lag_audit(lender.book, conflicts, lender.limit, lender.release, s.features, s.models, *engine)
        for engine in ((), (two,))
    )
    pd.testing.assert_frame_equal(here, elsewhere, check_exact=True)


def test_nor_on_other_conflicts_of_the_same_borrower(lender: Lender) -> None:
    who = lender.decided.set_index("request_id").loc[lender.conflicts, "borrower_id"]
    repeated = who.index[who.duplicated(keep=False)].to_numpy()[:6]
    assert len(repeated) == 6
    together = lender.ledger.shares(repeated)
    for place in (0, 3, 5):
        alone = lender.ledger.shares(repeated[place : place + 1])
        pd.testing.assert_frame_equal(together.iloc[[place]].reset_index(drop=True), alone)


def test_no_conflicts_no_shares(lender: Lender) -> None:
    assert lender.ledger.shares(lender.conflicts[:0]).shape == (0, 1 + len(CAUSES))


def test_policy_is_told_exactly(by_ledger: np.ndarray, by_truth: np.ndarray) -> None:
    """It acts on the decision alone, and the lender has his policy table."""
    column = SUBSETS.index(frozenset(MECHANISMS) - {"policy"})
    np.testing.assert_array_equal(by_ledger[:, column], by_truth[:, column])


def test_the_ledger_comes_near_the_truth(by_ledger: np.ndarray, by_truth: np.ndarray) -> None:
    apart = np.abs(by_ledger.mean(axis=0) - by_truth.mean(axis=0))
    assert apart.max() < 0.2
    agree = 1 - np.abs(by_ledger - by_truth).mean()
    assert agree > 0.75


def test_the_true_worlds_differ_by_every_mechanism(by_truth: np.ndarray) -> None:
    for name in MECHANISMS:
        off = SUBSETS.index(frozenset(MECHANISMS) - {name})
        assert by_truth[:, off].mean() < 1, name


def test_a_slip_that_refused_is_never_genuine_risk(lender: Lender) -> None:
    decided = lender.decided.set_index("request_id")
    slipped = [one for one in lender.conflicts if decided.loc[one, "refused_by"] == "slip"]
    assert slipped
    shares = lender.ledger.shares(np.array(slipped))
    assert (shares["error"] > 0.1).all()
    assert shares["residual"].abs().max() == 0


def without_record(lender: Lender, out: Path) -> tuple[Lender, np.ndarray]:
    """The lender with slips put into `limit_assessed`, so that the rules give them, and the ids of these reviews."""
    rules, s = rules_of(lender.book), lender.settings
    shutil.copytree(lender.book.path, out)
    ids = []
    for block in range(lender.book.blocks):
        reviews = lender.book.table("limit_reviews", block)
        hidden = reviews.assign(limit_assessed=reviews["limit_after"])
        # Where a raise came too soon after another, the rules cannot give it.
        changed = (recorded_slip(reviews, rules) != 1) & (recorded_slip(hidden, rules) == 1)
        ids.append(reviews.loc[changed, "review_id"])
        assessed = hidden["limit_assessed"].where(changed, reviews["limit_assessed"])
        write_part(out, DATED_TABLES["limit_reviews"], block, reviews.assign(limit_assessed=assessed))
    book = open_book(out)
    requests, reviews = (whole_matrix(book, kind, s.features) for kind in ("request", "review"))
    nobody = np.zeros(len(requests.keys), dtype=bool)
    score = lender.limit.score(reviews.values)
    margin = lender.release.margin(requests.values)
    decided = decide_requests(book, requests, reviews, score, lender.release, margin, nobody, s.models)
    return replace(lender, book=book, reviews=reviews, decided=decided), np.concatenate(ids)


def test_an_override_without_record_is_blamed_on_errors_as_a_recorded_slip_is(
    lender: Lender, by_ledger: np.ndarray, tmp_path: Path
) -> None:
    hiding, ids = without_record(lender, tmp_path / "book")
    hidden = hiding.reviews.keys["review_id"].isin(ids)
    assert (recorded_slip(hiding.reviews.keys, rules_of(hiding.book))[hidden] == 1).all()
    blamed = shapley_shares(by_ledger)[:, CAUSES.index("error")]
    favoured_by = lender.decided.set_index("request_id").loc[lender.conflicts, "review_id"]
    slipped = favoured_by.isin(ids).to_numpy() & (blamed > 0.1)
    assert slipped.any()
    again = hiding.decided.set_index("request_id").loc[lender.conflicts[slipped]]
    assert (again["favoured"] & again["refused"]).all()
    # The decisions that the ledger takes again are those that made the conflicts.
    kept = hiding.ledger.conflicts(lender.conflicts[slipped])
    assert (kept[:, -1] == 1).all()
    found = shapley_shares(kept)[:, CAUSES.index("error")]
    np.testing.assert_allclose(found, blamed[slipped], atol=0.1)


def test_the_record_replays_to_itself(lender: Lender) -> None:
    reviews = lender.book.whole("limit_reviews")
    rules = rules_of(lender.book)
    before, after = replayed_limits(
        turns_of(reviews),
        reviews["limit_assessed"].to_numpy(np.float64),
        recorded_slip(reviews, rules),
        rules,
    )
    np.testing.assert_allclose(before, reviews["limit_before"], atol=rules.round_to * 1.01)
    same = np.abs(after - reviews["limit_after"]) < 1
    assert same.mean() > 0.999


def test_estimates_find_what_the_world_was_made_with(lender: Lender) -> None:
    world = lender.settings.world
    found = estimate(lender.reviews, lender.book.whole("market"), str(lender.book.manifest.first_month))
    # Constant first, then income, spending, tenure, lenders, enquiries, …, competition, marketing.
    rules = world.limit_reviews
    assert found.assessment[1] == pytest.approx(rules.income / rules.income_scale, rel=0.15)
    assert found.assessment[2] == pytest.approx(rules.spending / rules.spending_scale, rel=0.15)
    assert found.assessment[-2] == pytest.approx(rules.competition, rel=0.3)
    assert found.assessment[-1] == pytest.approx(rules.marketing, rel=0.1)
    assert 0.2 < found.pull < 2


def test_without_misreading_the_same_income_gets_the_same_spending(lender: Lender) -> None:
    found = estimate(lender.reviews, lender.book.whole("market"), str(lender.book.manifest.first_month))
    shown = reread(lender.book, lender.conflicts, lender.settings.features)
    neutral = without_misreading(shown.reviews, "reviewed_on", found, lasting_income(shown.reviews, found))
    column = {name: neutral.values[:, place] for place, name in enumerate(neutral.features)}
    paid = ~np.isnan(column["income_verified"])
    np.testing.assert_array_equal(column["income_proxy"][paid], column["income_verified"][paid])
    assert np.unique(column["discretionary_share_3m"]).size == 1
    by_borrower = pd.Series(column["spend_avg_12m"]).groupby(neutral.keys["borrower_id"].to_numpy())
    assert (by_borrower.nunique() == 1).all()


def test_usual_spending_is_that_of_the_mean_income_over_the_reviews_whatever_the_day(lender: Lender) -> None:
    found = estimate(lender.reviews, lender.book.whole("market"), str(lender.book.manifest.first_month))
    shown = reread(lender.book, lender.conflicts, lender.settings.features)
    lasting = lasting_income(shown.reviews, found)
    verified, proxy, spent = (
        shown.reviews.values[:, shown.reviews.features.index(name)].astype(float)
        for name in ("income_verified", "income_proxy", "spend_avg_12m")
    )
    inferred = found.income[0] + found.income[1] * np.log(proxy) + found.income[2] * np.log(spent)
    log_income = np.where(np.isnan(verified), inferred, np.log(verified))
    today = without_misreading(shown.on_request, "requested_on", found, lasting)
    for row in (0, 7, 20):
        his = shown.reviews.keys["borrower_id"] == today.keys["borrower_id"].iloc[row]
        usual = np.exp(found.spending + np.nanmean(log_income[his]))
        np.testing.assert_allclose(today.values[row, today.features.index("spend_avg_12m")], usual, rtol=1e-5)


def test_the_ledger_takes_lasting_income_from_the_reviews(
    lender: Lender, monkeypatch: pytest.MonkeyPatch
) -> None:
    taken: list[Matrix] = []

    def seen(reviews: Matrix, neutral: Neutral) -> pd.Series:
        taken.append(reviews)
        return lasting_income(reviews, neutral)

    monkeypatch.setattr(causes, "lasting_income", seen)
    some = lender.conflicts[:3]
    lender.ledger.conflicts(some)
    whole = set(reread(lender.book, some, lender.settings.features).reviews.keys["review_id"])
    assert taken
    found = [set(matrix.keys["review_id"]) for matrix in taken]
    assert all(part <= whole for part in found)
    assert set().union(*found) == whole


def test_the_limit_on_the_day_of_the_request_knows_all_that_had_happened(lender: Lender) -> None:
    seen, fresh = (
        reread(lender.book, lender.conflicts, lender.settings.features, late) for late in (False, True)
    )
    for name in ("bureau_new_loans_3m", "bureau_lenders"):
        today, up_to_date, late = (
            matrix.values[:, matrix.features.index(name)]
            for matrix in (seen.on_request, fresh.requests, seen.requests)
        )
        np.testing.assert_array_equal(today, up_to_date)
        assert (today != late).any()


def test_the_recorded_limits_leave_release_snapshots_as_they_were_and_others_move_them(
    lender: Lender,
) -> None:
    requests = reread(lender.book, lender.conflicts, lender.settings.features).requests
    reviews = lender.book.whole("limit_reviews")
    in_force, limits = reviews_in_force(requests.keys, reviews), reviews["limit_after"].to_numpy(np.float64)
    both = limit_features(requests.keys, in_force, np.stack([limits, 2 * limits]))
    for name, (as_recorded, twice) in both.items():
        was = requests.values[:, requests.features.index(name)]
        np.testing.assert_allclose(as_recorded, was, rtol=1e-5)
        if name == "own_utilization":
            np.testing.assert_allclose(twice, was / 2, rtol=1e-5)
        if name == "limit_change_90d":
            np.testing.assert_allclose(twice, was, rtol=1e-5)


def test_rows_that_are_alike_are_found_whatever_is_missing_in_them() -> None:
    one = np.array([[1.0, np.nan, 1.0], [np.nan, 1.0, 2.0]])
    other = np.array([[5, 5, 5], [5, 6, 5]])
    first, place = distinct(one, other)
    assert first.tolist() == [0, 1, 4, 5]
    assert place.tolist() == [[0, 1, 0], [1, 2, 3]]


def test_a_draw_of_what_competition_brought_is_the_same_however_many_there_are(lender: Lender) -> None:
    found = estimate(lender.reviews, lender.book.whole("market"), str(lender.book.manifest.first_month))
    shown = reread(lender.book, lender.conflicts, lender.settings.features).reviews
    numbers = Draws(7, shown.keys["borrower_id"].to_numpy())
    few, many = (
        without_competition(shown, found, lender.settings.features, numbers, draws) for draws in (2, 5)
    )
    for draw in range(2):
        np.testing.assert_array_equal(
            few.matrix.values[few.place[draw]], many.matrix.values[many.place[draw]]
        )
    assert (many.row[many.place] == np.arange(len(shown.values))).all()
    assert len(many.row) < many.place.size
    at = shown.features.index("bureau_enq_6m")
    left, counted = many.matrix.values[many.place[0], at], shown.values[:, at]
    assert not (left > counted).any()
    assert (left < counted).any()
    np.testing.assert_array_equal(np.isnan(left), np.isnan(counted))


def test_late_payment_is_told_by_as_many_lenders_as_would_have_come_without_competition(
    lender: Lender,
) -> None:
    found = estimate(lender.reviews, lender.book.whole("market"), str(lender.book.manifest.first_month))
    numbers = Draws(3, lender.reviews.keys["borrower_id"].to_numpy())
    features = lender.settings.features
    made = without_competition(lender.reviews, found, features, numbers, 20)
    place = lender.reviews.features.index("bureau_dpd_max_24m")
    late = lender.reviews.values[:, place] > 0
    still = made.matrix.values[made.place[:, late], place] > 0
    month, region = (lender.reviews.keys[name].to_numpy(np.int64)[late] for name in ("month", "region"))
    share = kept_share(found, month, region, LOAN_MONTHS).mean()
    assert 0.5 < share < 0.95
    assert still.mean() == pytest.approx(share, abs=0.03)


def test_one_stream_fresh_is_what_reading_everything_with_it_fresh_gives(lender: Lender) -> None:
    book, features = lender.book, lender.settings.features
    block, held = requests_by_block(book, lender.conflicts)[0]
    chosen = lender.decided.set_index("request_id").loc[held["request_id"]]
    reviewed_on = book.whole("limit_reviews").set_index("review_id")["reviewed_on"]
    rows = held.assign(favoured_on=reviewed_on.loc[chosen["review_id"].astype("int64")].to_numpy())
    requests = book.table("draw_requests", block)
    requests = requests[requests["request_id"].isin(rows["request_id"])].reset_index(drop=True)
    rows = rows.set_index("request_id").loc[requests["request_id"]].reset_index()
    seen = read_streams(book, block, requests["borrower_id"].to_numpy())
    moved = set()
    for stream, found in refreshed_snapshots(book, block, rows, features):
        shown = seen if stream is None else seen.up_to_date((stream,))
        today = None if stream is None else {stream: to_days(requests["requested_on"])}
        asked = request_rows(book, block, shown, plain(requests), features)
        reviewed = limit_rows(book, shown, rows, "favoured_on", features, today)
        np.testing.assert_array_equal(found.asked, asked.values)
        np.testing.assert_array_equal(found.reviewed, reviewed.values)
        np.testing.assert_array_equal(found.balance, asked.keys["balance"])
        if stream is None:
            as_it_was = found
            continue
        for name in ("asked", "reviewed"):
            before, after = getattr(as_it_was, name), getattr(found, name)
            if not np.array_equal(before, after, equal_nan=True):
                moved.add((stream, name))
    assert {("bureau", "asked"), ("bureau", "reviewed"), ("consumption", "reviewed")} <= moved


def test_up_to_date_snapshots_show_loans_that_came_on_show_later(lender: Lender) -> None:
    book = lender.book
    fresh = reread(book, lender.conflicts, lender.settings.features, up_to_date=True)
    seen = reread(book, lender.conflicts, lender.settings.features)
    lenders = seen.requests.features.index("bureau_new_loans_3m")
    assert (fresh.requests.values[:, lenders] >= seen.requests.values[:, lenders]).all()
    assert (fresh.requests.values[:, lenders] > seen.requests.values[:, lenders]).any()


def test_the_lag_audit_scores_every_conflict_once_with_each_stream(lender: Lender) -> None:
    s = lender.settings
    conflicts = lender.decided[lender.decided["request_id"].isin(lender.conflicts)].reset_index(drop=True)
    audit = lag_audit(lender.book, conflicts, lender.limit, lender.release, s.features, s.models)
    assert len(audit) == len(STREAMS) * len(conflicts)
    assert (audit["days_stale"] >= 0).all()
    assert set(audit["days_stale"][audit["stream"] == "bureau"] <= 182) == {True}
    streams = by_stream(audit, conflicts["borrower_id"], s.explanations)
    assert (streams["conflicts"] == len(conflicts)).all()
    assert ((streams["low"] <= streams["share"]) & (streams["share"] <= streams["high"])).all()
    # What one stream changes shows in its own features alone: a fresher agency leaves the limit as good as it was.
    moved = audit.groupby("stream")["limit_change"].apply(lambda change: change.abs().mean())
    assert moved["agency"] < moved["bureau"]
    assert by_days(audit)["conflicts"].sum() == len(audit)
    # Where freshness changes neither limit nor PD the conflict stays, and some go where it does.
    still = (audit["limit_change"] == 0) & (audit["pd_fresh"] == audit["pd"])
    stays = audit.merge(conflicts[["request_id", "refused_by"]], on="request_id")["refused_by"] == "score"
    assert (still & stays.to_numpy()).sum() > 10
    assert not audit.loc[still & stays.to_numpy(), "removed"].any()
    assert audit.loc[~still, "removed"].any()
    # A conflict by score goes where the PD falls to the cut-off, or the limit is no raise any more; not else.
    cutoff = (
        audit[["request_id"]].merge(conflicts[["request_id", "cutoff"]], on="request_id")["cutoff"].to_numpy()
    )
    held = (audit["pd_fresh"] > cutoff) & (audit["limit_change"] >= 0) & stays.to_numpy()
    assert held.any()
    assert not audit.loc[held, "removed"].any()


def test_equally_large_causes_lead_alone_nowhere(simulated: Explanation, settings: Settings) -> None:
    tied = pd.DataFrame(0.0, index=range(4), columns=list(CAUSES))
    tied.loc[0, ["policy", "misread"]] = 0.5
    tied.loc[1, "policy"], tied.loc[2, "policy"] = 1.0, 1.0
    tied.loc[3, "residual"] = 1.0
    some = replace(simulated, conflicts=simulated.conflicts.iloc[:4])
    told = with_causes(some, tied, None, None, settings.explanations).summary["causes"]["dominant"]
    assert told == dict.fromkeys(CAUSES, 0) | {"policy": 2, "residual": 1}
