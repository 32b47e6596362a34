"""Snapshots without misread spending, or without what competition brought, worked out by hand."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, cast

import numpy as np
import pandas as pd
import pytest

from data.randomness import Draws
from explanations.causes.estimates import HOW_SPENT
from explanations.causes.neutral import without_competition, without_misreading
from explanations.causes.outcomes import Outcomes, as_they_were, distinct
from features.matrix import Matrix
from features.parameters import FeatureParameters
from settings import Settings
from tests.explanations.causes.hand_made import column, matrix_of, neutral_of

NAN = np.nan
PREFIX = "without_competition/"


def test_without_misreading_income_is_known_and_spending_is_that_of_the_lasting_income() -> None:
    seen = matrix_of(
        {"borrower_id": [5, 4], "reviewed_on": pd.to_datetime(["2024-02-10", "2024-12-31"])},
        income_verified=[NAN, 6000],
        income_proxy=[1000, 9000],
        spend_avg_12m=[100, 100],
        festival_adj_spend=[100, 100],
        spend_surge_1m=[3, 3],
        spend_income_ratio_3m=[9, 9],
        liquid_assets_30d=[8000, 500],
        cash_buffer=[9, 9],
        dti_ratio=[0.2, 0.3],
        own_balance_to_income=[0.4, 0.6],
        account_age=[3, 4],
        **dict.fromkeys(HOW_SPENT, 0.9),
    )
    neutral = neutral_of(
        # An inferred income stands for twice as much.
        income=np.array([np.log(2), 1.0, 0.0]),
        spending=np.log(0.25),
        surge=np.arange(1, 13) / 10,
        usual={name: at + 0.5 for at, name in enumerate(HOW_SPENT)},
    )
    lasting = pd.Series(np.log([8000, 4000.0]), index=[4, 5])
    made = without_misreading(seen, "reviewed_on", neutral, lasting)
    expected: dict[str, list[float]] = {
        "income_verified": [NAN, 6000],
        "income_proxy": [2000, 6000],
        "spend_avg_12m": [1000, 2000],  # a quarter of what he earns in the long run
        "festival_adj_spend": [1000, 2000],
        "spend_surge_1m": [0.2, 1.2],  # of February and of December
        "spend_income_ratio_3m": [0.5, 1 / 3],
        "liquid_assets_30d": [8000, 500],
        "cash_buffer": [8, 0.25],
        "dti_ratio": [0.1, 0.3],  # on twice the income that was read; payroll was read as it is
        "own_balance_to_income": [0.2, 0.6],
        "account_age": [3, 4],
        **{name: [at + 0.5] * 2 for at, name in enumerate(HOW_SPENT)},
    }
    assert set(made.features) == set(expected)
    for name, values in expected.items():
        np.testing.assert_allclose(column(made, name), values, rtol=1e-5, err_msg=name)
    assert column(seen, "income_proxy") == [1000, 9000]


class Numbers:
    """Uniform numbers that a test gives: by stream a value for each draw."""

    def __init__(self, rows: int, **by_stream: list[float]) -> None:
        self.rows, self.by_stream = rows, by_stream

    def uniform(self, stream: str, index: int) -> np.ndarray:
        assert stream.startswith(PREFIX)
        return np.full(self.rows, self.by_stream[stream.removeprefix(PREFIX)][index])


def drawn(
    seen: Matrix, features: FeatureParameters, index: np.ndarray, draws: int = 1, **numbers: list[float]
) -> Outcomes:
    """Outcomes under a competition of which one unit doubles what comes, with numbers that are given."""
    neutral = neutral_of(pull=np.log(2), competition=index, first_month=1)
    given = {name: [0.5] * draws for name in ("bureau_enq_1m", "bureau_enq_3m", "bureau_enq_6m")}
    given |= {"bureau_lenders": [0.5] * draws, "late": [0.5] * draws} | numbers
    made = Numbers(len(seen.keys), **given)
    return without_competition(seen, neutral, features, cast(Draws, made), draws)


@pytest.fixture(scope="module")
def features(settings: Settings) -> FeatureParameters:
    """One RMB owed is 0.1 RMB of instalments a month."""
    return settings.features.model_copy(update={"interest_loading": 1.2, "instalment_months": 12.0})


# A single month: what came over any stretch of time is twice what would have come without competition.
DOUBLED = np.array([[1.0]])


def bureau(**changed: Any) -> Matrix:
    """A borrower whose file at the bureau is full."""
    plain: dict[str, Any] = {
        "bureau_enq_1m": 2.0,
        "bureau_enq_3m": 4.0,
        "bureau_enq_6m": 8.0,
        "mp_apps_7d": 3.0,
        "mp_apps_30d": 6.0,
        "bureau_lenders": 4.0,
        "bureau_new_loans_3m": 2.0,
        "mp_lenders_90d": 7.0,
        "bureau_data_age": 10.0,
        "bureau_dpd_max_24m": 30.0,
        "bureau_m2_count_24m": 2.0,
        "bureau_unsecured_bal": 8000.0,
        "monthly_obligation": 1000.0,
        "dti_ratio": 0.25,
        "dti_after_draw": 0.5,
        "competition_index": 1.0,
        "account_age": 30.0,
    }
    keys = {"borrower_id": [1], "month": [1], "region": [0], "amount": [10.0]}
    return matrix_of(keys, **plain | changed)


def values_of(outcome: Matrix, row: int = 0) -> dict[str, float]:
    return {name: float(value) for name, value in zip(outcome.features, outcome.values[row], strict=True)}


def test_half_of_what_came_stays_where_competition_doubled_it_and_all_that_goes_with_it(
    features: FeatureParameters,
) -> None:
    found = drawn(bureau(), features, DOUBLED, late=[0.49])
    assert found.row.tolist() == [0]
    assert found.place.tolist() == [[0]]
    # Of 2, 4 − 2 and 8 − 4 applications the median of the binomial stays, 1, 1 and 2, counted one in the other; of
    # 4 lenders 2. So half of the balance stays: 4,000 less, 400 a month less of an income of 4,000.
    expected = {
        "bureau_enq_1m": 1,
        "bureau_enq_3m": 2,
        "bureau_enq_6m": 4,
        "mp_apps_7d": 2,  # half of 3, rounded
        "mp_apps_30d": 3,
        "bureau_lenders": 2,
        "bureau_new_loans_3m": 1,
        "mp_lenders_90d": 4,
        "bureau_data_age": 20,  # half as many tell half as often
        "bureau_dpd_max_24m": 30,
        "bureau_m2_count_24m": 2,
        "bureau_unsecured_bal": 4000,
        "monthly_obligation": 600,
        "dti_ratio": 0.15,
        "dti_after_draw": 0.4,
        "competition_index": 0,
        "account_age": 30,
    }
    assert values_of(found.matrix) == pytest.approx(expected, rel=1e-6)


def test_late_payment_is_told_where_its_number_lies_below_the_share_that_would_have_come(
    features: FeatureParameters,
) -> None:
    for number, told in ((0.49, 1), (0.5, 0), (0.9, 0)):
        made = values_of(drawn(bureau(), features, DOUBLED, late=[number]).matrix)
        assert (made["bureau_dpd_max_24m"], made["bureau_m2_count_24m"]) == (30 * told, 2 * told)
    unknown = values_of(drawn(bureau(bureau_dpd_max_24m=NAN), features, DOUBLED, late=[0.9]).matrix)
    assert np.isnan(unknown["bureau_dpd_max_24m"])


@pytest.mark.parametrize(
    ("name", "number", "expected"),
    [
        # The distribution function of 2 halves: 1/4, 3/4, 1; of 4: 1/16, 5/16, 11/16, 15/16, 1.
        (
            "bureau_enq_1m",
            0.2,
            {"bureau_enq_1m": 0, "bureau_enq_3m": 1, "bureau_enq_6m": 3, "mp_apps_30d": 0},
        ),
        (
            "bureau_enq_3m",
            0.8,
            {"bureau_enq_1m": 1, "bureau_enq_3m": 3, "bureau_enq_6m": 5, "mp_apps_30d": 3},
        ),
        (
            "bureau_enq_6m",
            0.05,
            {"bureau_enq_1m": 1, "bureau_enq_3m": 2, "bureau_enq_6m": 2, "mp_apps_7d": 2},
        ),
        ("bureau_lenders", 0.9, {"bureau_lenders": 3, "bureau_unsecured_bal": 6000, "mp_lenders_90d": 5}),
    ],
)
def test_each_count_has_numbers_of_its_own(
    name: str, number: float, expected: dict[str, float], features: FeatureParameters
) -> None:
    made = values_of(drawn(bureau(), features, DOUBLED, **{name: [number]}).matrix)
    assert {key: made[key] for key in expected} == pytest.approx(expected)


def test_where_there_was_nothing_to_count_the_expected_share_stays(features: FeatureParameters) -> None:
    seen = bureau(bureau_enq_1m=0.0, bureau_lenders=0.0, mp_apps_30d=5.0, bureau_new_loans_3m=6.0)
    made = values_of(drawn(seen, features, DOUBLED).matrix)
    assert made["bureau_enq_1m"] == made["bureau_lenders"] == 0
    assert made["mp_apps_30d"] == 2  # half of 5, to the even
    assert made["bureau_new_loans_3m"] == 3
    assert made["bureau_unsecured_bal"] == 4000


def test_what_the_bureau_does_not_say_stays_unsaid(features: FeatureParameters) -> None:
    unsaid = dict.fromkeys(("bureau_enq_1m", "bureau_lenders", "bureau_unsecured_bal"), NAN)
    made = values_of(drawn(bureau(**unsaid), features, DOUBLED).matrix)
    assert all(np.isnan(made[name]) for name in unsaid)
    assert made["monthly_obligation"] == 1000
    assert made["dti_ratio"] == 0.25
    nothing_owed = bureau(monthly_obligation=0.0, dti_ratio=0.0)
    assert values_of(drawn(nothing_owed, features, DOUBLED).matrix)["dti_after_draw"] == 0.5


def test_each_count_is_thinned_over_the_months_in_which_it_came(features: FeatureParameters) -> None:
    # Competition only in month 9: of what came in that month half would have; over 3, 6 and 9 months 3/4, 6/7, 9/10.
    index = np.zeros((9, 1))
    index[8] = 1.0
    seen = bureau(bureau_lenders=1.0, bureau_enq_1m=1.0, bureau_enq_3m=2.0, bureau_enq_6m=3.0)
    seen = replace(seen, keys=seen.keys.assign(month=9))
    names = ("bureau_enq_1m", "bureau_enq_3m", "bureau_enq_6m", "bureau_lenders")
    for share, name, before in zip((1 / 2, 3 / 4, 6 / 7, 9 / 10), names, (0, 1, 2, 0), strict=True):
        # A single trial stays where the number lies above the chance that it was brought.
        for number, stays in ((1 - share - 0.01, 0), (1 - share + 0.01, 1)):
            given = {key: [0.999] for key in names} | {name: [number]}
            assert values_of(drawn(seen, features, index, **given).matrix)[name] == before + stays
    for number, told in ((0.89, 30), (0.91, 0)):
        assert values_of(drawn(seen, features, index, late=[number]).matrix)["bureau_dpd_max_24m"] == told
    none = values_of(drawn(bureau(bureau_enq_1m=0.0, bureau_lenders=0.0), features, DOUBLED).matrix)
    assert none["bureau_data_age"] == 20
    seen = replace(bureau(bureau_lenders=0.0, bureau_new_loans_3m=100.0, mp_apps_30d=100.0), keys=seen.keys)
    made = values_of(drawn(seen, features, index).matrix)
    assert made["bureau_new_loans_3m"] == 75
    assert made["bureau_unsecured_bal"] == pytest.approx(7200)
    assert made["bureau_data_age"] == pytest.approx(10 / 0.9)


def test_without_a_pull_nothing_goes_but_the_index(features: FeatureParameters) -> None:
    seen, calm = bureau(), neutral_of()
    numbers = Draws(3, seen.keys["borrower_id"].to_numpy())
    made = values_of(without_competition(seen, calm, features, numbers, 3).matrix)
    assert made == values_of(seen) | {"competition_index": 0.0}


def test_draws_that_come_out_alike_are_kept_once_with_the_keys_that_are_needed(
    features: FeatureParameters,
) -> None:
    one = bureau()
    keys = pd.DataFrame(
        {"borrower_id": [1, 2], "reviewed_on": [10, 20], "month": [1, 1], "region": [0, 0], "amount": [5, 6]}
    )
    seen = Matrix(keys, np.concatenate([one.values, one.values]), one.features)
    found = drawn(seen, features, DOUBLED, draws=3, bureau_lenders=[0.5, 0.9, 0.55])
    assert found.row.tolist() == [0, 1, 0, 1]
    assert found.place.tolist() == [[0, 1], [2, 3], [0, 1]]
    assert column(found.matrix, "bureau_lenders") == [2, 2, 3, 3]
    assert found.matrix.keys.columns.tolist() == ["borrower_id", "reviewed_on"]
    assert found.matrix.keys["borrower_id"].tolist() == [1, 2, 1, 2]
    asked = replace(seen, keys=keys.rename(columns={"reviewed_on": "requested_on"}))
    assert drawn(asked, features, DOUBLED).matrix.keys.columns.tolist() == ["borrower_id", "requested_on"]


def test_whether_late_payment_is_told_is_an_outcome_of_its_own(features: FeatureParameters) -> None:
    found = drawn(bureau(), features, DOUBLED, draws=2, late=[0.1, 0.9])
    assert found.place.tolist() == [[0], [1]]
    assert column(found.matrix, "bureau_dpd_max_24m") == [30, 0]


def test_snapshots_as_they_were_have_one_outcome_each() -> None:
    seen = matrix_of({"review_id": [4, 5, 6]}, one=[1, 1, 2])
    found = as_they_were(seen)
    assert found.matrix is seen
    assert found.row.tolist() == [0, 1, 2]
    assert found.place.tolist() == [[0, 1, 2]]


def test_rows_are_told_apart_by_every_column() -> None:
    first, place = distinct(np.array([1, 1, 2, 2, 1]), np.array([2, 1, 1, 2, 2]), np.array([0, 0, 0, 0, 3]))
    assert first.tolist() == [0, 1, 2, 3, 4]
    assert place.tolist() == [0, 1, 2, 3, 4]
    first, place = distinct(np.zeros((0, 2)))
    assert len(first) == 0
    assert place.shape == (0, 2)
