"""Fits are reproducible, monotone as told, and refuse books from which nothing can be learnt."""

import numpy as np
import pytest
from scipy.special import expit
from sklearn.metrics import r2_score, roc_auc_score

from data.errors import DataFault
from data.sampling import spread_places
from models.trees import trees_of
from tests.training.small_fit import CALIBRATE, ORIGIN, SMALL
from training.fitting import Columns, Labelled, fit_limit, fit_release

COLUMNS = Columns(("income", "enquiries", "surge", "noise"), (1, -1, 0, 0))
PD_COLUMNS = Columns(COLUMNS.names, (-1, 1, 1, 0))


def applicants(rows: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Standard normal features (surge missing at times) and the true log-odds of bad."""
    rng = np.random.default_rng(seed)
    values = rng.normal(size=(rows, 4)).astype(np.float32)
    odds = -1.5 - values[:, 0] + 0.8 * values[:, 1] + 0.5 * np.maximum(values[:, 2], 0)
    values[rng.random(rows) < 0.1, 2] = np.nan
    return values, odds.astype(np.float64)


def outcomes(rows: int, seed: int) -> Labelled:
    values, odds = applicants(rows, seed)
    return Labelled(values, (np.random.default_rng(seed + 100).random(rows) < expit(odds)).astype(float))


def limits(rows: int, seed: int) -> Labelled:
    values, odds = applicants(rows, seed)
    return Labelled(values, 9.5 - 0.3 * odds + 0.05 * np.random.default_rng(seed + 200).normal(size=rows))


def release(parameters=SMALL, threads=1, train=None, stop=None, calibration=None, seed=4):
    return fit_release(
        outcomes(6_000, 1) if train is None else train,
        outcomes(2_000, 2) if stop is None else stop,
        outcomes(2_000, 3) if calibration is None else calibration,
        PD_COLUMNS,
        ORIGIN,
        parameters,
        CALIBRATE,
        seed,
        threads,
    )


def limit(parameters=SMALL, threads=1, train=None, stop=None, seed=4):
    train = limits(6_000, 1) if train is None else train
    return fit_limit(
        train, limits(2_000, 2) if stop is None else stop, COLUMNS, ORIGIN, parameters, seed, threads
    )


def test_the_number_of_threads_does_not_change_a_letter_of_the_model_text():
    assert release(threads=1).text == release(threads=2).text
    assert limit(threads=1).text == limit(threads=2).text


def test_nor_does_it_with_so_many_rows_that_threads_share_their_sums():
    # With row-wise histograms two threads give other trees here than one.
    rng, count = np.random.default_rng(8), 80_000
    made = [
        rng.poisson(rng.uniform(0.05, 4), count) if column % 2 else rng.lognormal(8, 1, count)
        for column in range(30)
    ]
    values = np.column_stack(made).astype(np.float32)
    values[rng.random(values.shape) < 0.1] = np.nan
    known = np.nan_to_num(np.log1p(values))
    label = 9 + 0.3 * known[:, 0] - 0.2 * known[:, 1] + 0.2 * known[:, 2] * (known[:, 3] > 0)
    label = label - 0.1 * known[:, 5:].sum(axis=1) + 0.1 * rng.normal(size=count)
    columns = Columns(tuple(f"column {number}" for number in range(30)), (1, -1, *[0] * 28))
    rows, few = Labelled(values, label), Labelled(values[:1000], label[:1000])
    longer = {"rounds": 60, "patience": 60, "num_leaves": 31, "max_depth": 8, "min_sum_hessian": 0.0}
    longer |= {"feature_share": 0.5, "row_share": 1.0, "max_bin": 255}
    slow = SMALL.model_copy(update=longer)
    one, two = (fit_limit(rows, few, columns, ORIGIN, slow, 4, threads) for threads in (1, 2))
    assert one.text == two.text


def test_another_seed_gives_other_trees():
    assert release(seed=4).text != release(seed=5).text


def test_the_release_model_ranks_later_requests_and_its_mean_pd_is_their_bad_rate():
    later = outcomes(6_000, 9)
    model = release()
    # The true odds themselves reach about .80 here.
    assert roc_auc_score(later.label, model.pd(later.values)) > 0.76
    assert model.pd(later.values).mean() == pytest.approx(later.label.mean(), abs=0.025)


def test_the_limit_model_explains_later_reviews():
    later = limits(3_000, 9)
    assert r2_score(later.label, limit().score(later.values)) > 0.8


def test_scores_move_with_a_feature_only_as_its_sign_allows():
    parameters = SMALL.model_copy(update={"num_leaves": 31, "max_depth": 8})
    some = applicants(60, 12)[0]
    grid = np.linspace(-3, 3, 41, dtype=np.float32)
    for model, columns in ((release(parameters), PD_COLUMNS), (limit(parameters), COLUMNS)):
        for position, sign in enumerate(columns.signs):
            moved = np.repeat(some[:, None, :], len(grid), axis=1)
            moved[:, :, position] = grid
            scores = model.raw(np.ascontiguousarray(moved.reshape(-1, 4))).reshape(len(some), -1)
            assert (sign * np.diff(scores, axis=1) >= -1e-12).all()


def test_trees_are_no_deeper_than_the_depth_allowed():
    deep = SMALL.model_copy(update={"max_depth": 3, "num_leaves": 64})
    trees = trees_of(limit(deep).booster)
    assert np.diff(trees.leaf_start).max() <= 2**3


def test_the_fit_stops_where_the_later_period_is_served_best():
    heard: list[tuple[int, int, float]] = []
    hasty = SMALL.model_copy(
        update={"learning_rate": 0.5, "rounds": 300, "patience": 5, "min_data_in_leaf": 5}
    )
    model = fit_limit(
        limits(1_000, 1), limits(1_000, 2), COLUMNS, ORIGIN, hasty, 4, 1, lambda *told: heard.append(told)
    )
    losses = [score for _, _, score in heard]
    assert [done for done, _, _ in heard] == list(range(1, len(heard) + 1))
    assert {most for _, most, _ in heard} == {300}
    assert model.booster.num_trees() == int(np.argmin(losses)) + 1
    assert len(heard) == model.booster.num_trees() + 5


def test_rows_that_weigh_more_pull_trees_and_calibration_their_way():
    values, label = outcomes(6_000, 1).values, outcomes(6_000, 1).label
    later = outcomes(2_000, 3)
    thrice = release(train=Labelled(values, label, 1 + 2 * label))
    assert thrice.margin(later.values).mean() > release().margin(later.values).mean() + 0.5
    weight = 1 + 2 * later.label
    weighed = release(calibration=Labelled(later.values, later.label, weight)).pd(later.values)
    assert np.average(weighed, weights=weight) == pytest.approx(np.average(later.label, weights=weight))


def test_the_model_keeps_what_it_was_fitted_with():
    model = release()
    assert model.features == PD_COLUMNS.names
    assert model.booster.feature_name() == list(PD_COLUMNS.names)
    assert model.origin == ORIGIN
    assert model.parameters == {**SMALL.model_dump(), "seed": 4, "slope_spread": 0.5}


def test_columns_cut_out_of_a_wider_table_are_fitted_without_a_warning():
    rows = limits(1_000, 1)
    wide = np.column_stack([rows.values, rows.values]).astype(np.float32)
    cut = Labelled(wide[:, :4], np.column_stack([rows.label, rows.label])[:, 0])
    assert limit(train=cut).text == limit(train=rows).text


NO_ROWS = Labelled(np.empty((0, 4), dtype=np.float32), np.empty(0))


@pytest.mark.parametrize(
    ("split", "said"), [("train", "training"), ("stop", "early-stopping"), ("calibration", "calibration")]
)
def test_an_empty_or_one_sided_period_of_outcomes_is_named(split, said):
    with pytest.raises(DataFault, match=f"The {said} period holds no labelled draw requests"):
        release(**{split: NO_ROWS})
    rows = outcomes(50, 1)
    for label, word in ((0.0, "good"), (1.0, "bad")):
        with pytest.raises(DataFault, match=f"All 50 labelled draw requests of the {said} period are {word}"):
            release(**{split: Labelled(rows.values, np.full(50, label))})


@pytest.mark.parametrize(("split", "said"), [("train", "training"), ("stop", "early-stopping")])
def test_an_empty_period_of_reviews_is_named(split, said):
    with pytest.raises(DataFault, match=f"The {said} period holds no limit reviews"):
        limit(**{split: NO_ROWS})


def test_a_limit_of_nothing_is_refused():
    rows = limits(100, 1)
    label = rows.label.copy()
    label[3] = -np.inf
    with pytest.raises(DataFault, match=r"1 limits of the training period .* limit_assessed"):
        limit(train=Labelled(rows.values, label))


def test_a_book_too_small_to_split_is_refused_with_what_to_do():
    with pytest.raises(
        DataFault, match=r"nothing to split on in 30 training rows.*training\.limit\.min_data_in_leaf"
    ):
        limit(train=limits(30, 1))


def test_a_calibration_period_that_contradicts_the_model_is_refused():
    rows = outcomes(4_000, 3)
    with pytest.raises(DataFault, match="backwards"):
        release(calibration=Labelled(rows.values, 1 - rows.label))


def test_of_many_stopping_rows_some_spread_evenly_choose_the_number_of_trees() -> None:
    values, odds = applicants(6000, seed=5)
    train = Labelled(values[:2000], odds[:2000])
    later = Labelled(values[2000:], odds[2000:])
    at = spread_places(4000, 2000)
    spread = Labelled(later.values[at], later.label[at])
    thinned = SMALL.model_copy(update={"stopping_rows": 2000})
    seen: list[list[float]] = []
    for rows, parameters in ((later, thinned), (spread, SMALL), (later, SMALL)):
        scores: list[float] = []

        def follow(done: int, most: int, score: float, scores: list[float] = scores) -> None:
            scores.append(score)

        fit_limit(train, rows, COLUMNS, ORIGIN, parameters, 1, progress=follow)
        seen.append(scores)
    assert seen[0] == seen[1]
    assert seen[0] != seen[2]
