"""Whatever the method, each refused request counts once, and what is known of the released stays as it is."""

import dataclasses

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from data.errors import CallError
from features.matrix import Matrix
from tests.fitted import Fitted
from training.fitting import Labelled
from training.from_book import fit_release_on, with_reject_inference
from training.labels import observed_bad
from training.reject_inference import (
    Period,
    fuzzy,
    inferred,
    parcel_rates,
    random_share,
    refused_by_score,
    reweighted,
)

PDS = st.floats(0.001, 0.999)
SCORED = st.lists(st.tuples(PDS, st.booleans()), min_size=1, max_size=60)


def rows(count: int, seed: int = 1) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=(count, 3)).astype(np.float32)


def released(count: int = 40) -> Labelled:
    return Labelled(rows(count), (np.arange(count) % 5 == 0).astype(float))


def pd_of(values: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(2 - values[:, 0].astype(float)))


PERIODS = (
    Period(released(40), np.arange(40) < 3, rows(100, 2)),
    Period(released(20), np.arange(20) < 1, rows(60, 3)),
)


@given(st.lists(PDS, max_size=30))
def test_fuzzy_augmentation_takes_each_refused_row_twice_with_weights_that_sum_to_one(rates):
    known, refused = released(), rows(len(rates), 2)
    made = fuzzy(known, refused, np.array(rates))
    as_bad, as_good = (slice(40, 40 + len(rates)), slice(40 + len(rates), None))
    for copy, label in ((as_bad, 1.0), (as_good, 0.0)):
        np.testing.assert_array_equal(made.values[copy], refused)
        assert (made.label[copy] == label).all()
    np.testing.assert_array_equal(made.weight[as_bad], rates)
    np.testing.assert_allclose(made.weight[as_bad] + made.weight[as_good], 1.0)
    np.testing.assert_array_equal(made.values[:40], known.values)
    np.testing.assert_array_equal(made.label[:40], known.label)
    assert (made.weight[:40] == 1).all()


@given(SCORED)
def test_the_bands_of_the_released_hold_all_of_their_bad_outcomes_however_pds_tie(scored):
    probability, bad = (np.array(column, dtype=float) for column in zip(*scored, strict=True))
    bad[0] = 1.0
    rates = parcel_rates(probability, bad, probability)
    assert ((rates > 0) & (rates <= 1)).all()
    assert rates.sum() == pytest.approx(bad.sum())


def test_a_band_has_the_bad_rate_of_its_released_times_the_factor_and_at_most_one():
    probability = np.array([0.1, 0.1, 0.1, 0.1, 0.2, 0.5, 0.6, 0.7])
    bad = np.array([0, 0, 0, 0, 1, 0, 1, 1.0])
    asked = np.array([0.05, 0.15, 0.4, 0.65, 0.9])
    for factor in (0.5, 1.0, 2.0):
        # With three bad outcomes, three bands: up to .2 (1 of 5), up to .6 (1 of 2), and above (1 of 1).
        expected = np.minimum(factor * np.array([1 / 5, 1 / 5, 1 / 2, 1, 1]), 1)
        np.testing.assert_allclose(parcel_rates(probability, bad, asked, factor, 3), expected)


def test_random_releases_together_count_for_all_that_the_score_refused():
    made = inferred("reweight", PERIODS, pd_of)
    chance = [period.at_random for period in PERIODS]
    counted = sum(each.weight[at].sum() for each, at in zip(made, chance, strict=True))
    assert counted == pytest.approx(160 + 4)
    assert all((each.weight[~at] == 1).all() for each, at in zip(made, chance, strict=True))
    assert random_share(PERIODS) == pytest.approx(4 / 164)


@pytest.mark.parametrize("method", ["fuzzy", "parcelling"])
def test_augmented_periods_count_every_released_and_refused_request_once(method):
    for made, period in zip(inferred(method, PERIODS, pd_of), PERIODS, strict=True):
        assert made.weight.sum() == pytest.approx(len(period.released.label) + len(period.refused))


def test_fuzzy_augmentation_counts_as_many_bad_refused_as_their_pds_sum_to():
    [made] = inferred("fuzzy", PERIODS[:1], pd_of)
    assert made.weight @ made.label == pytest.approx(8 + pd_of(PERIODS[0].refused).sum())


def test_without_a_method_the_released_stand_alone():
    assert inferred("none", PERIODS, pd_of) == [period.released for period in PERIODS]


@pytest.mark.parametrize("refused", [0, 10])
def test_reweighting_without_random_releases_is_refused(refused):
    nobody = Period(released(), np.zeros(40, dtype=bool), rows(refused))
    with pytest.raises(CallError, match="holds none in its fitting periods; set training"):
        reweighted(nobody.released, nobody.at_random, random_share([nobody]))


@pytest.fixture(scope="module")
def requests(fitted: Fitted) -> Matrix:
    return fitted.requests


def test_the_score_refused_are_refused_by_the_system_and_hold_every_random_release(
    small_book, requests, settings
):
    keys = requests.keys
    found = refused_by_score(small_book, requests, settings.models.policy)
    by_system = (keys["decision_system"] == "refuse").to_numpy()
    assert (found <= by_system).all()
    assert (keys["random_release"].to_numpy(bool) <= found).all()
    overdue = requests.values[:, requests.features.index("own_dpd_current")] > 0
    assert 0 < found.sum() < by_system.sum()
    assert not (found & overdue & ~keys["random_release"].to_numpy(bool)).any()


def test_a_book_without_a_record_of_decisions_is_refused(small_book, requests, settings):
    bare = dataclasses.replace(requests, keys=requests.keys.drop(columns="random_release"))
    with pytest.raises(CallError, match=r"does not record .*reject_inference to none"):
        refused_by_score(small_book, bare, settings.models.policy)


@pytest.mark.parametrize("method", ["fuzzy", "parcelling", "reweight"])
def test_the_method_that_the_parameters_name_is_the_one_that_is_fitted(
    method, small_book, requests, fitted, settings
):
    alone = fitted.release
    asked = with_reject_inference(settings.training, method)
    model = fit_release_on(small_book, requests, asked, settings.models)
    assert model.parameters["reject_inference"] == method
    assert model.text != alone.text
    assert model.text == fit_release_on(small_book, requests, asked, settings.models, first=alone).text


def test_without_a_method_refused_requests_play_no_part(small_book, requests, settings):
    unseen = np.isnan(observed_bad(small_book, requests.keys["request_id"]))
    blank = np.where(unseen[:, None], np.float32(np.nan), requests.values)
    fits = [
        fit_release_on(
            small_book, dataclasses.replace(requests, values=values), settings.training, settings.models
        )
        for values in (requests.values, blank)
    ]
    assert settings.training.release.reject_inference == "none"
    assert fits[0].text == fits[1].text
