"""The invariant: a score from codes is LightGBM's own to the bit, whatever is missing and however it is shared out."""

import lightgbm as lgb
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from data.errors import DataFault
from models import codes
from models.codes import coded_splits, scorer_of
from models.trees import MISSING_NAN, ZERO_BAND, Trees, trees_of
from tests.models.boosters import MISSING, QUIET, drawn_values, fitted

KINDS = MISSING | {"monotone": {"monotone_constraints": [1, -1, 0, 0]}, "binary": {"objective": "binary"}}


@settings(max_examples=60, deadline=None)
@given(
    seed=st.integers(0, 100_000),
    kind=st.sampled_from(sorted(KINDS)),
    missing=st.booleans(),
    rows=st.integers(0, 200),
)
def test_the_score_is_lightgbms_to_the_bit(seed, kind, missing, rows):
    rng = np.random.default_rng(seed)
    model = fitted(rng, KINDS[kind], missing=missing, trees=12)
    values = drawn_values(rng, rows, 4, 0.5)
    found = scorer_of(trees_of(model)).raw(values)
    expected = model.predict(values, raw_score=True) if rows else np.zeros(0)
    np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize("leaves", [2, 15, 16, 17, 32, 33, 100])
def test_trees_of_any_width_are_scored_to_the_bit(leaves):
    rng = np.random.default_rng(leaves)
    values, rows = (rng.standard_normal((rows, 4)).astype(np.float32) for rows in (2_000, 500))
    label = values[:, 0] * values[:, 1] + values[:, 2] ** 2
    chosen = QUIET | {"objective": "regression", "num_leaves": leaves}
    model = lgb.train(chosen, lgb.Dataset(values, label, params=chosen), 8)
    trees = trees_of(model)
    assert int(np.diff(trees.leaf_start).max()) == leaves
    found = scorer_of(trees).raw(rows)
    np.testing.assert_array_equal(found, model.predict(rows, raw_score=True))


@pytest.mark.parametrize("cut", [0.1, -0.1, 1e-300, -1e-300, 1e300, -1e300, 3.5e38, 0.0, 1.0])
def test_a_value_is_above_a_threshold_that_has_no_float32_as_it_is_above_the_double(cut):
    trees = Trees(
        feature_names=("income",),
        node_start=np.array([0, 1]),
        leaf_start=np.array([0, 2]),
        feature=np.zeros(1, dtype=np.int32),
        threshold=np.array([cut]),
        default_left=np.zeros(1, dtype=bool),
        missing_type=np.full(1, MISSING_NAN, dtype=np.int8),
        left=np.array([-1], dtype=np.int32),
        right=np.array([-2], dtype=np.int32),
        leaf_value=np.array([1.0, 2.0]),
    )
    with np.errstate(over="ignore"):
        near = np.float32(cut)
    away = [np.nextafter(near, np.float32(side)) for side in (-np.inf, np.inf)]
    most = np.finfo(np.float32).max
    values = np.array([near, *away, 0.0, 1.0, -1.0, most, -most, np.inf, -np.inf], dtype=np.float32)
    # As LightGBM reads them: what is within `ZERO_BAND` of 0 is 0.
    read = np.where(np.abs(values) <= ZERO_BAND, 0.0, values.astype(np.float64))
    np.testing.assert_array_equal(scorer_of(trees).raw(values[:, None]), np.where(read > cut, 2.0, 1.0))


def test_of_more_thresholds_than_are_compared_one_by_one_the_same_score_comes():
    rng = np.random.default_rng(4)
    values, rows = (rng.standard_normal((rows, 4)).astype(np.float32) for rows in (30_000, 3_000))
    rows[rng.random(rows.shape) < 0.1] = np.nan
    label = np.sin(40 * values[:, 0]) + values[:, 1]
    chosen = QUIET | {"objective": "regression", "num_leaves": 400, "max_bin": 5_000, "min_data_in_leaf": 5}
    model = lgb.train(chosen, lgb.Dataset(values, label, params=chosen), 6)
    trees = trees_of(model)
    thresholds = [len(np.unique(trees.threshold[trees.feature == feature])) for feature in range(4)]
    assert max(thresholds) > codes._FEW_CUTS > min(thresholds)  # both ways are taken
    np.testing.assert_array_equal(scorer_of(trees).raw(rows), model.predict(rows, raw_score=True))


@pytest.mark.parametrize("threads", [1, 2, 3, 8])
def test_threads_do_not_show(threads, monkeypatch):
    monkeypatch.setattr(codes, "_FEWEST_ROWS", 50)
    rng = np.random.default_rng(5)
    model, values = fitted(rng, {}, missing=True, trees=12), drawn_values(rng, 1_001, 4, 0.3)
    found = scorer_of(trees_of(model)).raw(values, threads)
    np.testing.assert_array_equal(found, model.predict(values, raw_score=True))


def test_rows_that_lie_apart_in_memory_are_scored_alike():
    rng = np.random.default_rng(6)
    model, values = fitted(rng, {}, missing=True, trees=12), drawn_values(rng, 400, 4, 0.3)
    scorer = scorer_of(trees_of(model))
    np.testing.assert_array_equal(scorer.raw(np.asfortranarray(values)[::3]), scorer.raw(values)[::3])


@pytest.mark.parametrize("boosting", ["rf", "dart"])
def test_other_kinds_of_boosting_are_scored_as_well(boosting):
    rng = np.random.default_rng(7)
    parameters = {"boosting": boosting, "bagging_freq": 1, "bagging_fraction": 0.7}
    model, values = fitted(rng, parameters, missing=True, trees=12), drawn_values(rng, 300, 4, 0.3)
    found = scorer_of(trees_of(model)).raw(values)
    np.testing.assert_allclose(found, model.predict(values, raw_score=True), rtol=0, atol=1e-12)


def test_a_model_of_single_leaves_scores_its_constant():
    values = np.zeros((50, 4), dtype=np.float32)
    chosen = QUIET | {"objective": "regression"}
    model = lgb.train(chosen, lgb.Dataset(values, np.full(50, 3.0), params=chosen), 2)
    np.testing.assert_array_equal(
        scorer_of(trees_of(model)).raw(values), model.predict(values, raw_score=True)
    )


def test_a_feature_with_too_many_thresholds_is_refused_by_name():
    nodes = codes.HIGHEST
    trees = Trees(
        feature_names=("income",),
        node_start=np.array([0, nodes]),
        leaf_start=np.array([0, nodes + 1]),
        feature=np.zeros(nodes, dtype=np.int32),
        threshold=np.arange(nodes, dtype=np.float64),
        default_left=np.zeros(nodes, dtype=bool),
        missing_type=np.full(nodes, MISSING_NAN, dtype=np.int8),
        left=np.full(nodes, -1, dtype=np.int32),
        right=np.full(nodes, -1, dtype=np.int32),
        leaf_value=np.zeros(nodes + 1),
    )
    with pytest.raises(DataFault, match=r"splits income at more than .* max_bin"):
        coded_splits(trees)
