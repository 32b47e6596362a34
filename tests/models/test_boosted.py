"""Both models score what they were trained on and nothing else, and own up to what they cannot read."""

import lightgbm as lgb
import numpy as np
import pytest
from scipy.special import logit

from data.errors import DataFault
from models.boosted import booster_of


def test_a_limit_is_the_exponential_of_its_log_limit(limit_model, matrix_values):
    np.testing.assert_allclose(np.log(limit_model.limit(matrix_values)), limit_model.score(matrix_values))


def test_a_pd_is_the_calibrated_margin(release_model, matrix_values):
    line = 0.9 * release_model.margin(matrix_values) - 0.3
    np.testing.assert_allclose(logit(release_model.pd(matrix_values)), line, rtol=1e-9)


def test_the_margin_is_lightgbm_s_raw_score(release_model, matrix_values):
    raw = release_model.booster.predict(matrix_values, raw_score=True)
    assert np.array_equal(release_model.margin(matrix_values), raw)


def test_no_rows_give_no_scores(limit_model):
    assert limit_model.score(np.empty((0, 4), dtype=np.float32)).shape == (0,)


def test_the_model_text_tells_no_setting_of_the_fit_and_its_trees_score_the_same(matrix_values):
    settings = {"objective": "regression", "num_threads": 2, "verbosity": -1}
    fitted = lgb.train(settings, lgb.Dataset(matrix_values, matrix_values[:, 0].copy(), params=settings), 5)
    assert "num_threads" in fitted.model_to_string()
    kept = booster_of(fitted.model_to_string())
    assert "num_threads" not in kept.model_to_string()
    assert "parameters" not in kept.model_to_string()
    assert np.array_equal(kept.predict(matrix_values), fitted.predict(matrix_values))


def test_a_model_text_read_again_is_the_same_text(limit_model):
    assert booster_of(limit_model.text).model_to_string() == limit_model.text


def test_two_models_have_two_digests(limit_model, release_model):
    assert limit_model.digest != release_model.digest
    assert len(limit_model.digest) == 64


def test_a_model_fits_its_own_features(limit_model):
    limit_model.require(["income", "enquiries", "assets", "tenure"])


@pytest.mark.parametrize(
    ("features", "said"),
    [
        (("income", "enquiries", "assets"), "the book lacks tenure"),
        (("income", "enquiries", "assets", "tenure", "age"), "the model does not know age"),
        (("income", "enquiries", "assets", "term"), "the book lacks tenure and the model does not know term"),
        (("enquiries", "income", "assets", "tenure"), "their order differs"),
    ],
)
def test_features_that_do_not_fit_are_named(limit_model, features, said):
    with pytest.raises(DataFault, match=said):
        limit_model.require(features)


def test_a_matrix_of_another_width_is_refused(limit_model):
    with pytest.raises(DataFault, match="takes 4 features, but the matrix has 3"):
        limit_model.score(np.zeros((2, 3), dtype=np.float32))


def test_a_value_that_was_never_missing_in_training_makes_a_row_unreadable(limit_model):
    rows = np.zeros((3, 4), dtype=np.float32)
    rows[1, 0] = np.nan  # income was always known
    rows[2, 2] = np.nan  # assets were missing at times
    assert limit_model.unreadable(rows).tolist() == [False, True, False]


def test_what_is_called_unreadable_is_what_lightgbm_takes_for_zero(limit_model, matrix_values):
    rows = matrix_values[:200].copy()
    rows[:, 0] = np.nan
    as_zero = rows.copy()
    as_zero[:, 0] = 0
    assert np.array_equal(limit_model.score(rows), limit_model.score(as_zero))
    assert limit_model.unreadable(rows).all()


def test_a_column_that_no_tree_splits_on_may_be_missing(matrix_values, limit_model):
    unused = matrix_values.copy()
    unused[:, 3] = 1.0
    settings = {"objective": "regression", "verbosity": -1}
    fitted = lgb.train(settings, lgb.Dataset(unused, unused[:, 0].copy(), params=settings), 5)
    model = type(limit_model)(
        booster_of(fitted.model_to_string()), limit_model.features, {}, limit_model.origin
    )
    row = np.zeros((1, 4), dtype=np.float32)
    row[0, 3] = np.nan
    assert not model.unreadable(row).any()
