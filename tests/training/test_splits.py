"""Every row lies in exactly one split, by its month or by the hash of its id."""

import hashlib

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from training.parameters import PeriodParameters, ShareParameters
from training.splits import OUTSIDE, SPLITS, hashed_places, label_known, splits_by_hash, splits_by_period

PERIODS = PeriodParameters(
    train_until=12,
    early_stopping_until=15,
    calibration_until=18,
    out_of_time_until=24,
    fit_month=28,
    label_days=90,
)
SHARES = ShareParameters(train=0.6, early_stopping=0.1, calibration=0.1)


def days(*dates: str) -> np.ndarray:
    return np.array(dates, dtype="datetime64[D]").astype(np.int32)


@pytest.mark.parametrize(
    ("date", "expected"),
    [
        ("2023-12-31", "outside"),
        ("2024-01-01", "train"),
        ("2024-12-31", "train"),
        ("2025-01-01", "early_stopping"),
        ("2025-03-31", "early_stopping"),
        ("2025-04-01", "calibration"),
        ("2025-06-30", "calibration"),
        ("2025-07-01", "out_of_time"),
        ("2025-12-31", "out_of_time"),
        ("2026-01-01", "outside"),
    ],
)
def test_a_row_lies_in_the_period_of_its_month(date, expected):
    assert splits_by_period(days(date), "2024-01", PERIODS).tolist() == [expected]


@given(st.lists(st.integers(18_000, 22_000), min_size=1, max_size=50))
def test_every_dated_row_is_in_one_split_which_depends_on_its_month_alone(dates):
    array = np.array(dates, dtype=np.int32)
    names = splits_by_period(array, "2024-01", PERIODS)
    month = (pd.to_datetime(array, unit="D").year - 2024) * 12 + pd.to_datetime(array, unit="D").month
    known = {
        **dict.fromkeys(range(1, 13), "train"),
        **dict.fromkeys(range(13, 16), "early_stopping"),
        **dict.fromkeys(range(16, 19), "calibration"),
        **dict.fromkeys(range(19, 25), "out_of_time"),
    }
    assert names.tolist() == [known.get(m, OUTSIDE) for m in month]


@given(st.lists(st.text(max_size=8), unique=True, min_size=1, max_size=50), st.randoms())
def test_the_split_of_an_id_does_not_depend_on_the_other_ids(ids, random):
    names = dict(zip(ids, splits_by_hash(hashed_places(ids), SHARES), strict=True))
    random.shuffle(ids)
    assert dict(zip(ids, splits_by_hash(hashed_places(ids), SHARES), strict=True)) == names
    assert set(names.values()) <= set(SPLITS)


def test_the_shares_of_many_ids_are_those_asked_for():
    names = splits_by_hash(hashed_places(range(20_000)), SHARES)
    shares = {name: float((names == name).mean()) for name in SPLITS}
    assert shares == pytest.approx(dict(zip(SPLITS, (0.6, 0.1, 0.1, 0.2), strict=True)), abs=0.01)


def test_the_split_of_an_id_is_where_its_hash_lies():
    place = int(hashlib.blake2b(b"A-17", digest_size=8).hexdigest(), 16) / 16**16
    expected = (
        "train"
        if place < 0.6
        else "early_stopping"
        if place < 0.7
        else "calibration"
        if place < 0.8
        else "out_of_time"
    )
    assert splits_by_hash(hashed_places(["A-17"]), SHARES).tolist() == [expected]


def test_a_number_and_its_text_are_the_same_id():
    assert hashed_places([1, 2, 3]).tolist() == hashed_places(["1", "2", "3"]).tolist()


def test_a_label_is_known_when_it_was_old_enough_on_the_day_of_the_fit():
    # Month 28 of a history from January 2024 begins on 1 April 2026; 90 days before is 1 January 2026.
    known = label_known(days("2025-12-31", "2026-01-01", "2026-01-02"), "2024-01", PERIODS)
    assert known.tolist() == [True, True, False]


def test_an_earlier_fit_knows_fewer_labels():
    at_19 = PERIODS.model_copy(update={"fit_month": 19})
    requested = days("2025-04-01", "2025-04-02", "2025-04-03")
    assert label_known(requested, "2024-01", at_19).tolist() == [True, True, False]


@pytest.mark.parametrize("until", [11, 12, 18, 24])
def test_periods_that_do_not_follow_each_other_are_refused(until):
    with pytest.raises(ValidationError, match="one after the other"):
        PeriodParameters(**PERIODS.model_dump() | {"early_stopping_until": until})


def test_shares_that_leave_nothing_to_hold_out_are_refused():
    with pytest.raises(ValidationError, match="something is held out"):
        ShareParameters(train=0.8, early_stopping=0.1, calibration=0.1)
