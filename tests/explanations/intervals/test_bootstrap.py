"""The invariant: whole borrowers are drawn, so an interval tells their spread and not that of their rows."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from data.errors import CallError
from explanations.intervals import bootstrap
from explanations.intervals.bootstrap import mean_interval, share_interval, total_interval
from explanations.intervals.proportions import wilson


def drawn_cohort(seed: int, borrowers: int, columns: int = 3) -> tuple[np.ndarray, np.ndarray]:
    """Rows of borrowers who have one to four each, alike within a borrower."""
    rng = np.random.default_rng(seed)
    who = np.repeat(np.arange(borrowers) * 7, rng.integers(1, 5, borrowers))
    values = rng.normal(size=(borrowers, columns))[who // 7] + 0.1 * rng.normal(size=(len(who), columns))
    return values, who


def test_the_interval_is_that_of_means_over_all_rows_of_drawn_borrowers():
    values, who = drawn_cohort(1, 60)
    rng = np.random.default_rng(99)
    means = []
    for _ in range(4_000):
        drawn = rng.choice(np.unique(who), 60)
        means.append(np.concatenate([values[who == borrower] for borrower in drawn]).mean(axis=0))
    low, high = mean_interval(values, who, draws=20_000, seed=5, level=0.9)
    spread = np.std(means, axis=0)
    np.testing.assert_allclose(low, np.quantile(means, 0.05, axis=0), rtol=0, atol=0.15 * spread.min())
    np.testing.assert_allclose(high, np.quantile(means, 0.95, axis=0), rtol=0, atol=0.15 * spread.min())


def test_rows_repeated_within_borrowers_do_not_narrow_the_interval():
    values, who = drawn_cohort(2, 50)
    once = mean_interval(values, who, draws=300, seed=1, level=0.95)
    tenfold = mean_interval(np.tile(values, (10, 1)), np.tile(who, 10), draws=300, seed=1, level=0.95)
    np.testing.assert_allclose(once, tenfold, rtol=1e-12)


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 10_000), borrowers=st.integers(2, 40), level=st.floats(0.5, 0.99))
def test_a_wider_level_holds_the_narrower_interval(seed, borrowers, level):
    values, who = drawn_cohort(seed, borrowers)
    low, high = mean_interval(values, who, draws=200, seed=seed, level=level)
    narrow_low, narrow_high = mean_interval(values, who, draws=200, seed=seed, level=level / 2)
    assert (low <= narrow_low).all()
    assert (narrow_low <= narrow_high).all()
    assert (narrow_high <= high).all()


def test_the_interval_covers_the_truth_about_as_often_as_it_says():
    covered = 0
    for trial in range(200):
        rng = np.random.default_rng(trial)
        who = np.repeat(np.arange(80), 3)
        values = (rng.normal(size=80)[who] + rng.normal(size=240))[:, None]
        low, high = mean_interval(values, who, draws=300, seed=trial, level=0.9)
        covered += int(low[0] <= 0.0 <= high[0])
    assert 0.82 <= covered / 200 <= 0.96


def test_the_seed_alone_decides_the_draws(monkeypatch):
    values, who = drawn_cohort(3, 40)
    first = mean_interval(values, who, draws=100, seed=8, level=0.95)
    monkeypatch.setattr(bootstrap, "_CHUNK_DRAWN", 130)
    again = mean_interval(values, who, draws=100, seed=8, level=0.95)
    other = mean_interval(values, who, draws=100, seed=9, level=0.95)
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)


def test_the_order_of_rows_is_of_no_account():
    values, who = drawn_cohort(4, 40)
    order = np.random.default_rng(0).permutation(len(who))
    expected = mean_interval(values, who, draws=100, seed=8, level=0.95)
    found = mean_interval(values[order], who[order], draws=100, seed=8, level=0.95)
    np.testing.assert_allclose(found, expected, rtol=1e-12)


@pytest.mark.parametrize("rows", [0, 3])
def test_fewer_than_two_borrowers_give_no_interval(rows):
    low, high = mean_interval(
        np.ones((rows, 2)), np.zeros(rows, dtype=np.int64), draws=50, seed=1, level=0.95
    )
    assert low.shape == high.shape == (2,)
    assert np.isnan([low, high]).all()


@pytest.mark.parametrize(("draws", "level"), [(0, 0.95), (100, 0.0), (100, 1.0), (100, float("nan"))])
def test_draws_and_level_out_of_bounds_are_refused(draws, level):
    values, who = drawn_cohort(5, 10)
    with pytest.raises(CallError, match="cannot be taken"):
        mean_interval(values, who, draws=draws, seed=1, level=level)


def test_a_total_stands_for_strata_of_known_size_however_many_rows_of_each_were_looked_at():
    values, who = drawn_cohort(5, 60, columns=2)
    stratum, sizes = (np.arange(len(who)) % 3 == 0).astype(np.int64), (1_000.0, 50.0)
    rng = np.random.default_rng(7)
    totals = []
    for _ in range(4_000):
        rows = np.concatenate([np.flatnonzero(who == one) for one in rng.choice(np.unique(who), 60)])
        of = [rows[stratum[rows] == place] for place in (0, 1)]
        totals.append(sum(size * values[part].mean(axis=0) for size, part in zip(sizes, of, strict=True)))
    low, high = total_interval(values, stratum, sizes, who, draws=20_000, seed=5, level=0.9)
    spread = np.std(totals, axis=0).min()
    np.testing.assert_allclose(low, np.quantile(totals, 0.05, axis=0), rtol=0, atol=0.15 * spread)
    np.testing.assert_allclose(high, np.quantile(totals, 0.95, axis=0), rtol=0, atol=0.15 * spread)


def test_a_stratum_of_one_borrower_tells_no_spread_and_one_without_rows_is_left_out():
    values, who = drawn_cohort(6, 20)
    alone = (who == who[0]).astype(np.int64)
    found = total_interval(values, alone, (10.0, 10.0), who, draws=50, seed=1, level=0.95)
    assert np.isnan(found).all()
    nobody = np.zeros(len(who), dtype=np.int64)
    found = total_interval(values, nobody, (1.0, 10.0), who, draws=50, seed=1, level=0.95)
    assert np.array_equal(found, mean_interval(values, who, draws=50, seed=1, level=0.95))


def test_a_share_of_none_or_all_is_not_known_for_sure():
    who = np.repeat(np.arange(25), 2)
    values = np.column_stack([np.zeros(50), np.ones(50), np.arange(50) % 3 == 0])
    low, high = share_interval(values, who, draws=200, seed=1, level=0.95)
    assert (low[0], high[0]) == wilson(0, 25)
    assert (low[1], high[1]) == wilson(25, 25)
    drawn = mean_interval(values, who, draws=200, seed=1, level=0.95)
    assert (low[2], high[2]) == (drawn[0][2], drawn[1][2])
    assert np.isnan(share_interval(values[:2], who[:2], draws=9, seed=1, level=0.95)).all()
