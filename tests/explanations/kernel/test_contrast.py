"""The invariant: contributions are the Shapley values of LightGBM's own predictions, and sum to its score."""

from itertools import combinations
from math import factorial

import lightgbm as lgb
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from data.blocks import Processes
from data.errors import DataFault
from explanations.kernel import contrast, leaf_bundles
from explanations.kernel.contrast import contributions, shared_contributions
from models.trees import trees_of

QUIET = {
    "verbosity": -1,
    "num_threads": 1,
    "deterministic": True,
    "min_data_in_leaf": 2,
    "min_data_in_bin": 1,
}
VARIANTS = {
    "missing read as zero": {"use_missing": False},
    "zero is missing": {"zero_as_missing": True},
    "missing goes its way": {},
    "monotone": {"monotone_constraints": [1, -1, 0, 1, 0]},
    "binary": {"objective": "binary"},
    "forest": {"boosting": "rf", "bagging_freq": 1, "bagging_fraction": 0.7},
}
ZERO_EDGE = np.float32(1e-35)
AWKWARD = np.array(
    [0, -0.0, ZERO_EDGE, -ZERO_EDGE, 1e-36, 2e-35, np.nan, np.nan, np.inf, -np.inf], np.float32
)


def drawn_values(rng: np.random.Generator, rows: int, features: int, awkward: float) -> np.ndarray:
    """Values on a coarse grid, so that many are equal, some of them awkward."""
    values = (rng.integers(-4, 5, size=(rows, features)) / 2).astype(np.float32)
    odd = rng.random(values.shape) < awkward
    values[odd] = rng.choice(AWKWARD, odd.sum())
    return values


def fitted(
    rng: np.random.Generator, parameters: dict, *, features: int, leaves: int, trees: int
) -> lgb.Booster:
    values = drawn_values(rng, 400, features, 0.2)
    values[:, 0] = np.nan_to_num(
        values[:, 0], posinf=1, neginf=-1
    )  # one column never misses a value in training
    values[np.isinf(values)] = 0
    plain = np.nan_to_num(values)
    label = plain @ rng.normal(size=features) + plain[:, 0] * plain[:, 1] + np.isnan(values).sum(axis=1)
    settings = QUIET | {"objective": "regression", "num_leaves": leaves} | parameters
    if settings["objective"] == "binary":
        label = (label > np.median(label)).astype(float)
    return lgb.train(settings, lgb.Dataset(values, label, params=settings), trees)


def shapley_by_subsets(booster: lgb.Booster, rows: np.ndarray, background: np.ndarray) -> np.ndarray:
    """Shapley values by definition: each subset of features set to the row's in every background row."""
    count = rows.shape[1]
    subsets = [frozenset(found) for size in range(count + 1) for found in combinations(range(count), size)]
    found = np.zeros(rows.shape)
    for at, row in enumerate(rows):
        mixed = np.tile(background, (len(subsets), 1, 1))
        for place, subset in enumerate(subsets):
            mixed[place][:, list(subset)] = row[list(subset)]
        scores = booster.predict(mixed.reshape(-1, count), raw_score=True).reshape(len(subsets), -1)
        worth = dict(zip(subsets, scores.mean(axis=1), strict=True))
        for feature in range(count):
            for subset in (subset for subset in subsets if feature not in subset):
                weight = factorial(len(subset)) * factorial(count - len(subset) - 1) / factorial(count)
                found[at, feature] += weight * (worth[subset | {feature}] - worth[subset])
    return found


@settings(max_examples=40, deadline=None)
@given(
    seed=st.integers(0, 100_000),
    variant=st.sampled_from(sorted(VARIANTS)),
    leaves=st.integers(2, 24),
    trees=st.integers(1, 8),
    background_rows=st.integers(1, 7),
)
def test_contributions_are_the_shapley_values_of_lightgbms_predictions(
    seed, variant, leaves, trees, background_rows
):
    rng = np.random.default_rng(seed)
    booster = fitted(rng, VARIANTS[variant], features=5, leaves=leaves, trees=trees)
    rows, background = (drawn_values(rng, size, 5, 0.3) for size in (3, background_rows))
    found, base = contributions(booster, rows, background)
    np.testing.assert_allclose(found, shapley_by_subsets(booster, rows, background), rtol=0, atol=1e-9)
    assert base == pytest.approx(booster.predict(background, raw_score=True).mean(), abs=1e-12)


@pytest.mark.parametrize("key_bits", [1, 4, 12])
def test_how_leaves_are_bundled_does_not_show(monkeypatch, key_bits):
    rng = np.random.default_rng(2)
    booster = fitted(rng, {}, features=5, leaves=20, trees=4)
    rows, background = drawn_values(rng, 4, 5, 0.3), drawn_values(rng, 6, 5, 0.3)
    monkeypatch.setattr(leaf_bundles, "MAX_BUNDLE_BITS", key_bits)
    found, _ = contributions(booster, rows, background)
    np.testing.assert_allclose(found, shapley_by_subsets(booster, rows, background), rtol=0, atol=1e-9)


# shap's import sets up colour maps in a way that matplotlib is about to drop.
@pytest.mark.filterwarnings("ignore:The set_:PendingDeprecationWarning")
@pytest.mark.parametrize("training", ["complete", "with gaps"])
def test_shap_agrees_where_it_is_right(training):
    import shap

    rng = np.random.default_rng(3)
    values = rng.normal(size=(1_500, 12)).astype(np.float32)
    if training == "with gaps":
        values[rng.random(values.shape) < 0.15] = np.nan
    label = np.nan_to_num(values) @ rng.normal(size=12) + np.nan_to_num(values[:, 0] * values[:, 1])
    settings = QUIET | {"objective": "regression", "num_leaves": 31, "max_depth": 8}
    booster = lgb.train(settings, lgb.Dataset(values, label), 30)
    rows, background = values[:20], values[200:400]
    masker = shap.maskers.Independent(background, max_samples=len(background))
    explainer = shap.TreeExplainer(booster, masker, feature_perturbation="interventional")
    expected = explainer.shap_values(rows, check_additivity=False)
    found, base = contributions(booster, rows, background)
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-6)
    assert base == pytest.approx(float(explainer.expected_value), abs=1e-6)


def test_a_value_missing_at_scoring_alone_is_read_as_zero():
    rng = np.random.default_rng(4)
    values = rng.normal(size=(500, 2)).astype(np.float32)
    booster = lgb.train(QUIET | {"objective": "regression"}, lgb.Dataset(values, values.sum(axis=1)), 10)
    missing, zero = (np.array([[value, 1.0]], dtype=np.float32) for value in (np.nan, 0.0))
    found, _ = contributions(booster, missing, values)
    np.testing.assert_array_equal(found, contributions(booster, zero, values)[0])
    np.testing.assert_allclose(found, shapley_by_subsets(booster, missing, values), rtol=0, atol=1e-9)


def chain_booster(features: int) -> tuple[lgb.Booster, np.ndarray]:
    """A tree whose only shape is a chain: feature i is 0 in group i alone, so each split parts one group."""
    groups = np.repeat(np.arange(features + 1), 20)
    values = (groups[:, None] != np.arange(features)).astype(np.float32)
    settings = QUIET | {"objective": "regression", "num_leaves": features + 1}
    label = np.array([*1.5 ** np.arange(features), -1.0])[groups]
    return lgb.train(settings, lgb.Dataset(values, label, params=settings), 1), values


def test_twelve_features_on_a_path_are_explained():
    booster, _ = chain_booster(12)
    assert len(set(trees_of(booster).feature)) == 12
    rng = np.random.default_rng(5)
    rows, background = ((rng.random((size, 12)) < 0.8).astype(np.float32) for size in (1, 4))
    found, _ = contributions(booster, rows, background)
    np.testing.assert_allclose(found, shapley_by_subsets(booster, rows, background), rtol=0, atol=1e-7)


def test_a_path_of_more_features_is_refused_with_their_names():
    booster, values = chain_booster(13)
    with pytest.raises(
        DataFault, match=r"tree 0 .* 13 distinct features .*Column_0, .*Column_12\), more than 12"
    ):
        contributions(booster, values, values)


@pytest.fixture(scope="module")
def middling() -> tuple[lgb.Booster, np.ndarray, np.ndarray]:
    """A booster with rows and background too many for one block of any kernel."""
    rng = np.random.default_rng(6)
    booster = fitted(rng, {}, features=8, leaves=31, trees=20)
    return booster, drawn_values(rng, 700, 8, 0.2), drawn_values(rng, 900, 8, 0.2)


@pytest.mark.parametrize("threads", [2, 3, 7])
def test_the_number_of_threads_does_not_change_a_bit(middling, threads):
    alone, alone_base = contributions(*middling, threads=1)
    found, base = contributions(*middling, threads=threads)
    assert found.tobytes() == alone.tobytes()
    assert base == alone_base


def test_the_memory_allowed_for_tables_does_not_change_a_bit(middling, monkeypatch):
    expected, _ = contributions(*middling)
    monkeypatch.setattr(contrast, "_BATCH_CELLS", 1)
    assert contributions(*middling)[0].tobytes() == expected.tobytes()


def test_a_row_is_explained_alike_alone_and_among_others(middling):
    booster, rows, background = middling
    whole, _ = contributions(booster, rows, background)
    part, _ = contributions(booster, rows[300:301], background)
    assert part.tobytes() == whole[300:301].tobytes()


def test_rows_shared_among_workers_get_the_same_bits(middling):
    class Workers(Processes):
        elsewhere = 3

    told: list[tuple[int, int]] = []
    expected, expected_base = contributions(*middling)
    found, base = shared_contributions(
        *middling, engine=Workers(), on_tree=lambda done, total: told.append((done, total))
    )
    assert found.tobytes() == expected.tobytes()
    assert base == expected_base
    assert told == [(6, 20), (13, 20), (20, 20)]


def test_repeating_or_reordering_the_background_changes_nothing(middling):
    booster, rows, background = middling
    expected, base = contributions(booster, rows, background)
    twice, twice_base = contributions(booster, rows, np.tile(background[::-1], (2, 1)))
    np.testing.assert_allclose(twice, expected, rtol=0, atol=1e-12)
    assert twice_base == pytest.approx(base, abs=1e-12)


def test_a_row_against_itself_has_nothing_to_explain(middling):
    booster, rows, _ = middling
    found, base = contributions(booster, rows[:1], rows[:1])
    assert not found.any()
    assert base == booster.predict(rows[:1], raw_score=True)[0]


def test_a_feature_that_no_tree_splits_contributes_exactly_nothing():
    rng = np.random.default_rng(8)
    values = rng.normal(size=(300, 3)).astype(np.float32)
    rows = lgb.Dataset(values * np.array([1, 1, 0], np.float32), values[:, 0] * values[:, 1])
    booster = lgb.train(QUIET | {"objective": "regression"}, rows, 5)
    found, _ = contributions(booster, values[:50], values)
    assert found[:, :2].all()
    assert not found[:, 2].any()


def test_a_model_that_could_not_split_gives_its_constant_as_the_base():
    values = np.zeros((40, 2), dtype=np.float32)
    booster = lgb.train(QUIET | {"objective": "regression"}, lgb.Dataset(values, np.full(40, 3.0)), 2)
    found, base = contributions(booster, values, values)
    assert not found.any()
    assert base == pytest.approx(3.0)


def test_no_rows_give_no_contributions_but_the_base(middling):
    booster, rows, background = middling
    found, base = contributions(booster, rows[:0], background)
    assert found.shape == (0, 8)
    assert base == contributions(booster, rows, background)[1]


def test_progress_is_told_up_to_the_last_tree(middling, monkeypatch):
    monkeypatch.setattr(contrast, "_BATCH_CELLS", 1)
    told: list[tuple[int, int]] = []
    contributions(*middling, on_tree=lambda done, total: told.append((done, total)))
    assert told == [(done, 20) for done in range(1, 21)]


def test_a_sum_that_misses_lightgbms_score_is_refused(middling, monkeypatch):
    booster, rows, background = middling
    predict = lgb.Booster.predict

    def astray(self, data, **options):
        shift = np.zeros(len(data))
        if len(data) == len(rows):
            shift[17] = 2e-6
        return predict(self, data, **options) + shift

    monkeypatch.setattr(lgb.Booster, "predict", astray)
    with pytest.raises(DataFault, match="do not add up") as caught:
        contributions(booster, rows, background)
    assert "1 of 700 rows (most in row 17: by 2e-06)" in str(caught.value)


def test_scores_of_the_background_are_taken_as_given_and_refused_where_they_are_not_lightgbms(middling):
    booster, rows, background = middling
    score = booster.predict(background, raw_score=True)
    found, base = contributions(booster, rows, background, score)
    again, same = contributions(booster, rows, background)
    np.testing.assert_array_equal(found, again)
    assert base == same == score.mean()
    score[3] += 2e-6
    with pytest.raises(DataFault, match="scores of the background miss the model's raw score by up to 2e-06"):
        contributions(booster, rows, background, score)


def test_a_background_without_rows_is_refused(middling):
    booster, rows, background = middling
    with pytest.raises(DataFault, match="background has no rows"):
        contributions(booster, rows, background[:0])


def test_a_matrix_of_other_columns_is_refused(middling):
    booster, rows, background = middling
    with pytest.raises(DataFault, match=r"rows have shape \(700, 7\), but the model reads 8 features"):
        contributions(booster, rows[:, :7], background)


def test_a_matrix_of_another_precision_is_refused(middling):
    booster, rows, background = middling
    with pytest.raises(DataFault, match="background are float64"):
        contributions(booster, rows, background.astype(float))


def test_a_matrix_laid_out_by_columns_is_read_alike(middling):
    booster, rows, background = middling
    expected, _ = contributions(booster, rows, background)
    assert contributions(booster, np.asfortranarray(rows), background)[0].tobytes() == expected.tobytes()
