"""The invariant: a walk over the arrays ends in the leaves that LightGBM itself reports, for any values."""

import lightgbm as lgb
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from data.errors import DataFault
from models.trees import MISSING_NAN, MISSING_NONE, MISSING_ZERO, ZERO_BAND, Trees, trees_of
from tests.models.boosters import MISSING, QUIET, drawn_values, fitted


def walked(trees: Trees, values: np.ndarray) -> np.ndarray:
    """The leaf of each row in each tree, by the rules of LightGBM's NumericalDecision in plain Python."""
    leaves = np.zeros((len(values), trees.count), dtype=int)
    for row, given_values in enumerate(values.astype(float)):
        row_values = [0.0 if abs(value) <= ZERO_BAND else value for value in given_values]
        for tree in range(trees.count):
            start = trees.node_start[tree]
            place = 0 if trees.node_start[tree + 1] > start else -1
            while place >= 0:
                node = start + place
                place = (trees.left if goes_left(trees, node, row_values) else trees.right)[node]
            leaves[row, tree] = -place - 1
    return leaves


def goes_left(trees: Trees, node: int, values: list[float]) -> bool:
    value, kind = values[trees.feature[node]], trees.missing_type[node]
    if np.isnan(value) and kind != MISSING_NAN:
        value = 0.0
    if (kind == MISSING_ZERO and value == 0.0) or (kind == MISSING_NAN and np.isnan(value)):
        return bool(trees.default_left[node])
    return bool(value <= trees.threshold[node])


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 10_000), kind=st.sampled_from(sorted(MISSING)), missing=st.booleans())
def test_a_walk_over_the_arrays_ends_in_lightgbms_own_leaves(seed, kind, missing):
    rng = np.random.default_rng(seed)
    booster = fitted(rng, MISSING[kind], missing=missing)
    trees, values = trees_of(booster), drawn_values(rng, 60, 4, 0.5)
    leaves = walked(trees, values)
    assert (leaves == booster.predict(values, pred_leaf=True).reshape(len(values), -1)).all()
    raw = trees.leaf_value[leaves + trees.leaf_start[:-1]].sum(axis=1)
    np.testing.assert_allclose(raw, booster.predict(values, raw_score=True), rtol=0, atol=1e-12)


def test_the_three_kinds_of_missing_values_are_told_apart():
    rng = np.random.default_rng(1)
    kinds = {name: set(trees_of(fitted(rng, MISSING[name], missing=True)).missing_type) for name in MISSING}
    assert kinds["none"] == {MISSING_NONE}
    assert kinds["zero"] == {MISSING_ZERO}
    assert MISSING_NAN in kinds["nan"]


def test_thresholds_and_leaf_values_keep_every_bit():
    booster = fitted(np.random.default_rng(2), {}, missing=True)
    thresholds, values = [], []

    def collect(node: dict) -> None:
        if "leaf_value" in node:
            values.append(node["leaf_value"])
            return
        thresholds.append(node["threshold"])
        collect(node["left_child"])
        collect(node["right_child"])

    for tree in booster.dump_model()["tree_info"]:
        collect(tree["tree_structure"])
    trees = trees_of(booster)
    assert sorted(trees.threshold) == sorted(thresholds)
    assert sorted(trees.leaf_value) == sorted(values)


def test_only_the_trees_up_to_the_best_iteration_are_read():
    rng = np.random.default_rng(3)
    values = rng.normal(size=(300, 2))
    train = lgb.Dataset(values[:150], values[:150, 0] + rng.normal(size=150))
    valid = lgb.Dataset(values[150:], values[150:, 0] + rng.normal(size=150), reference=train)
    settings = QUIET | {"objective": "regression", "learning_rate": 0.5}
    stop = lgb.early_stopping(5, verbose=False)
    booster = lgb.train(settings, train, 60, valid_sets=[valid], callbacks=[stop], keep_training_booster=True)
    assert booster.best_iteration < booster.num_trees()
    assert trees_of(booster).count == booster.best_iteration


@pytest.mark.parametrize("boosting", ["rf", "dart"])
def test_other_kinds_of_boosting_sum_their_trees_likewise(boosting):
    rng = np.random.default_rng(4)
    bagged = {"boosting": boosting, "bagging_freq": 1, "bagging_fraction": 0.6}
    booster = fitted(rng, bagged, missing=False)
    trees, values = trees_of(booster), drawn_values(rng, 30, 4, 0.0)
    raw = trees.leaf_value[walked(trees, values) + trees.leaf_start[:-1]].sum(axis=1)
    np.testing.assert_allclose(raw, booster.predict(values, raw_score=True), rtol=0, atol=1e-12)


def test_a_tree_of_a_single_leaf_has_no_nodes():
    values = np.zeros((50, 2), dtype=np.float32)
    booster = lgb.train(QUIET | {"objective": "regression"}, lgb.Dataset(values, np.full(50, 3.0)), 2)
    trees = trees_of(booster)
    assert len(trees.feature) == 0
    assert trees.leaf_value.sum() == booster.predict(values[:1], raw_score=True)[0]


def test_a_native_category_is_refused_by_its_name():
    rng = np.random.default_rng(5)
    values = rng.integers(0, 5, size=(300, 2)).astype(float)
    rows = lgb.Dataset(values, values[:, 1] % 2, feature_name=["amount", "purpose"], categorical_feature=[1])
    with pytest.raises(DataFault, match="splits purpose as a native category"):
        trees_of(lgb.train(QUIET | {"objective": "regression"}, rows, 3))


def test_linear_trees_are_refused():
    rng = np.random.default_rng(6)
    values = rng.normal(size=(300, 2))
    settings = QUIET | {"objective": "regression", "linear_tree": True}
    booster = lgb.train(settings, lgb.Dataset(values, values[:, 0], params=settings), 3)
    with pytest.raises(DataFault, match="linear trees"):
        trees_of(booster)


def test_a_model_of_several_classes_is_refused():
    rng = np.random.default_rng(7)
    values = rng.normal(size=(300, 2))
    rows = lgb.Dataset(values, rng.integers(0, 3, 300))
    with pytest.raises(DataFault, match="scores 3 classes"):
        trees_of(lgb.train(QUIET | {"objective": "multiclass", "num_class": 3}, rows, 2))
