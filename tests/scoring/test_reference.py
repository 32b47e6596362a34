"""The invariant: from counts of patterns alone come the contributions that the contrast takes from the background."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from data.errors import DataFault
from explanations.kernel.contrast import contributions
from explanations.kernel.patterns import patterns_of
from scoring.decision import reference_of
from tests.models.boosters import drawn_values, fitted

KINDS = {
    "plain": {},
    "missing read as zero": {"use_missing": False},
    "monotone": {"monotone_constraints": [1, -1, 0, 0]},
    "binary, deep": {"objective": "binary", "num_leaves": 31},
}


@settings(max_examples=60, deadline=None)
@given(
    seed=st.integers(0, 100_000),
    kind=st.sampled_from(sorted(KINDS)),
    missing=st.booleans(),
    rows=st.integers(0, 120),
    background=st.integers(1, 150),
)
def test_contributions_are_those_of_the_contrast(seed, kind, missing, rows, background):
    rng = np.random.default_rng(seed)
    model = fitted(rng, KINDS[kind], missing=missing, trees=8)
    values, against = drawn_values(rng, rows, 4, 0.4), drawn_values(rng, background, 4, 0.4)
    exact, _ = contributions(model, values, against)
    found = reference_of(patterns_of(model, against)).contributions(values)
    np.testing.assert_allclose(found, exact, rtol=0, atol=1e-12)


def test_rows_are_taken_in_stretches_that_do_not_show(monkeypatch):
    rng = np.random.default_rng(3)
    model, values = fitted(rng, {}, missing=True, trees=8), drawn_values(rng, 101, 4, 0.3)
    reference = reference_of(patterns_of(model, values))
    whole = reference.contributions(values)
    monkeypatch.setattr("scoring.decision._CELLS", 7 * len(reference.feature))
    np.testing.assert_array_equal(reference.contributions(values), whole)


def test_trees_are_counted_in_batches_that_do_not_show(monkeypatch):
    rng = np.random.default_rng(6)
    model = fitted(rng, KINDS["binary, deep"], missing=True, trees=8)  # some trees have several bundles
    values = drawn_values(rng, 101, 4, 0.3)
    whole = patterns_of(model, values)
    monkeypatch.setattr("explanations.kernel.contrast._BATCH_CELLS", 1)
    in_batches = patterns_of(model, values)
    for name, part in whole.items():
        np.testing.assert_array_equal(in_batches[name], part, err_msg=name)


def test_a_model_that_counts_zero_as_missing_is_refused():
    rng = np.random.default_rng(4)
    model = fitted(rng, {"zero_as_missing": True}, missing=True)
    with pytest.raises(DataFault, match="counts 0 as a missing value"):
        patterns_of(model, drawn_values(rng, 20, 4, 0.1))


def test_a_leaf_beyond_the_width_of_the_tables_is_refused(monkeypatch):
    rng = np.random.default_rng(5)
    model = fitted(rng, {}, missing=True)
    monkeypatch.setattr("explanations.kernel.patterns.MOST_BITS", 1)
    with pytest.raises(DataFault, match="max_depth at most 1"):
        patterns_of(model, drawn_values(rng, 20, 4, 0.1))
