"""Invariant: a number depends on its key alone, and the numbers follow their distribution."""

import hashlib

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from data.randomness import Draws, binomial, poisson, repeated


@given(
    seed=st.integers(0, 2**63 - 1),
    who=st.integers(0, 2**40),
    others=st.lists(st.integers(0, 2**40), max_size=5),
    month=st.integers(-48, 300),
    index=st.integers(0, 10_000),
)
def test_a_number_is_the_same_whoever_else_is_drawn(
    seed: int, who: int, others: list[int], month: int, index: int
) -> None:
    alone = Draws(seed, [who]).uniform("stream", month, [index])
    among = Draws(seed, [*others, who]).uniform("stream", month, [index], np.array([len(others)]))
    assert alone[0] == among[0]
    assert 0 < alone[0] < 1


def test_every_part_of_the_key_changes_the_number() -> None:
    draws = Draws(1, [17])
    numbers = [
        draws.uniform("stream", 3, [2])[0],
        draws.uniform("other", 3, [2])[0],
        draws.uniform("stream", 4, [2])[0],
        draws.uniform("stream", 3, [1])[0],
        draws.uniform("stream", 3)[0],
        Draws(2, [17]).uniform("stream", 3, [2])[0],
        Draws(1, [18]).uniform("stream", 3, [2])[0],
    ]
    assert len(set(numbers)) == len(numbers)


@pytest.mark.parametrize("along", ["borrowers", "months", "events"])
def test_uniform_numbers_are_uniform_and_uncorrelated_along_each_part_of_the_key(along: str) -> None:
    if along == "borrowers":
        numbers = Draws(9, np.arange(40_000)).uniform("stream", 1)
    elif along == "months":
        numbers = np.concatenate([Draws(9, np.arange(100)).uniform("stream", month) for month in range(400)])
    else:
        numbers = Draws(9, [5]).uniform("stream", 1, np.arange(40_000), np.zeros(40_000, dtype=np.int64))
    assert stats.kstest(numbers, "uniform").pvalue > 1e-4
    assert abs(np.corrcoef(numbers[:-1], numbers[1:])[0, 1]) < 0.02


def test_normal_numbers_are_normal() -> None:
    assert stats.kstest(Draws(9, np.arange(40_000)).normal("stream"), "norm").pvalue > 1e-4


@given(st.lists(st.tuples(st.floats(1e-9, 1 - 1e-9), st.floats(0, 40)), min_size=1, max_size=20))
def test_poisson_counts_are_the_inverse_of_the_distribution(pairs: list[tuple[float, float]]) -> None:
    uniform, rate = (np.array(part) for part in zip(*pairs, strict=True))
    count = poisson(uniform, rate)
    # By definition of the inverse, up to rounding of the sums.
    assert (stats.poisson.cdf(count, rate) >= uniform - 1e-9).all()
    assert (stats.poisson.cdf(count - 1, rate) <= uniform + 1e-9).all()


@given(st.lists(st.integers(0, 5), max_size=20))
def test_repeated_numbers_the_events_of_each_row_from_zero(counts: list[int]) -> None:
    rows, index = repeated(np.array(counts, dtype=np.int64))
    expected = [(row, event) for row, count in enumerate(counts) for event in range(count)]
    assert list(zip(rows.tolist(), index.tolist(), strict=True)) == expected


def test_binomial_counts_are_the_quantiles_of_their_distribution() -> None:
    rng = np.random.default_rng(3)
    trials = rng.integers(0, 40, 5_000).astype(float)
    chance = np.where(rng.uniform(size=5_000) < 0.1, 1.0, rng.uniform(0.001, 1, 5_000))
    uniform = rng.uniform(size=(3, 5_000))
    found = binomial(uniform, trials, chance)
    np.testing.assert_array_equal(found, stats.binom.ppf(uniform, trials, chance))
    np.testing.assert_array_equal(found[1], binomial(uniform[1], trials, chance))


@pytest.mark.parametrize(("month", "index"), [(0, 0), (7, 0), (-11, 3), (24, 1000)])
def test_a_number_is_the_hash_of_its_key_whatever_computes_it(month: int, index: int) -> None:
    whole = 2**64

    def mixed(bits: int) -> int:
        bits = (bits ^ (bits >> 30)) * 0xBF58476D1CE4E5B9 % whole
        bits = (bits ^ (bits >> 27)) * 0x94D049BB133111EB % whole
        return bits ^ (bits >> 31)

    def number(who: int) -> float:
        digest = hashlib.blake2b(b"9/rain", digest_size=8).digest()
        key = (int.from_bytes(digest, "little") + month * 0xD1B54A32D192ED03) % whole
        bits = mixed(who * 0x9E3779B97F4A7C15 % whole ^ key)
        if index:
            bits = (bits + (index + 1) * 0xBF58476D1CE4E5B9) % whole
        return ((mixed(bits) >> 11) + 0.5) * 2.0**-53

    who = [0, 1, 17, 10**9, 2**62 + 5]
    expected = [number(one) for one in who]
    assert Draws(9, who).uniform("rain", month, index).tolist() == expected
    if index:
        each = np.full(len(who), index)
        assert Draws(9, who).uniform("rain", month, each).tolist() == expected


def test_one_event_stands_for_all_however_it_is_given() -> None:
    draws = Draws(9, [1, 2, 3, 4])
    alone = draws.uniform("rain", 0, 5)
    np.testing.assert_array_equal(draws.uniform("rain", 0, np.array([5])), alone)
    np.testing.assert_array_equal(draws.uniform("rain", 0, np.full(4, 5)), alone)
    with pytest.raises(ValueError, match="broadcast"):
        draws.uniform("rain", 0, np.array([5, 6]))
