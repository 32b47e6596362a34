"""Intervals of a ranking are about those that drawing borrowers gives, with all their requests."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score, roc_curve

from explanations.cohorts import deciles
from explanations.intervals.proportions import wilson
from explanations.intervals.ranking import ranking_intervals

Ranked = tuple[np.ndarray, np.ndarray, np.ndarray]


def ranked(seed: int = 1, borrowers: int = 700, digits: int = 9) -> Ranked:
    """Outcomes, PDs and borrowers, who have one to four requests each and are alike in all of them."""
    rng = np.random.default_rng(seed)
    who = np.repeat(np.arange(borrowers) * 3, rng.integers(1, 5, borrowers))
    risk = rng.normal(-2.5, 1, borrowers)[who // 3]
    bad = rng.random(len(who)) < 1 / (1 + np.exp(-risk))
    guess = 1 / (1 + np.exp(-(risk + 0.5 * rng.normal(size=len(who)))))
    return bad.astype(float), guess.round(digits), who


def of(bad: np.ndarray, guess: np.ndarray, who: np.ndarray) -> object:
    return ranking_intervals(bad, guess, 10 - deciles(guess), 10, who, 0.95)


@pytest.mark.parametrize("digits", [9, 2])
def test_ends_are_those_of_drawn_borrowers(digits: int) -> None:
    bad, guess, who = ranked(digits=digits)
    rng = np.random.default_rng(9)
    rows_of = [np.flatnonzero(who == one) for one in np.unique(who)]
    good_share, bad_share, threshold = roc_curve(bad, guess, drop_intermediate=False)
    at = threshold[np.argmax(bad_share - good_share)]
    aucs, gaps, lifts = [], [], []
    for _ in range(600):
        rows = np.concatenate([rows_of[place] for place in rng.integers(len(rows_of), size=len(rows_of))])
        drawn, pd = bad[rows], guess[rows]
        aucs.append(roc_auc_score(drawn, pd))
        gaps.append((pd[drawn == 1] >= at).mean() - (pd[drawn == 0] >= at).mean())
        top = 10 - deciles(pd) == 0
        lifts.append(drawn[top].mean() / drawn.mean())
    found = of(bad, guess, who)
    for ends, draws in ((found.auc, aucs), (found.ks, gaps), (found.lift[0], lifts)):
        expected = np.quantile(draws, [0.025, 0.975])
        assert ends == pytest.approx(expected, abs=0.2 * float(np.ptp(expected)))


def test_the_same_requests_twice_make_nothing_surer() -> None:
    bad, guess, who = ranked()
    once, twice = of(bad, guess, who), of(np.tile(bad, 2), np.tile(guess, 2), np.tile(who, 2))
    assert twice.auc == pytest.approx(once.auc)
    assert twice.ks == pytest.approx(once.ks)
    assert twice.lift[0] == pytest.approx(once.lift[0], rel=0.02)


def test_a_decile_without_bad_ones_may_still_have_some() -> None:
    bad, guess, who = ranked()
    safest = 10 - deciles(guess) == 9
    none = np.where(safest, 0.0, bad)
    low, high = of(none, guess, who).lift[9]
    assert low == 0
    assert high == pytest.approx(wilson(0, len(np.unique(who[safest])))[1] / none.mean())


def test_a_perfect_ranking_tells_no_spread_and_ends_stay_within_bounds() -> None:
    bad, _, who = ranked()
    perfect = of(bad, bad / 2, who)
    assert np.isnan(perfect.auc).all()
    few = of(*(part[:60] for part in ranked(3)))
    assert 0 < few.auc[0] < few.auc[1] < 1
    assert 0 <= few.ks[0] < few.ks[1] <= 1


@pytest.mark.parametrize("bads", [0, 1])
def test_one_bad_borrower_tells_no_spread(bads: int) -> None:
    _, guess, who = ranked()
    found = of((np.arange(len(who)) < bads).astype(float), guess, who)
    assert np.isnan([*found.auc, *found.ks]).all()
    assert np.isnan(found.lift).all()
