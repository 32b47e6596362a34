"""What a check tells before training: each thing is found where it is, and not where it is not."""

import numpy as np
import pandas as pd
import pytest

from features.matrix import Matrix
from models.boosted import Floats
from training.parameters import ReadinessParameters
from training.readiness import (
    column_notes,
    drift_notes,
    duplicate_notes,
    leak_notes,
    maturity_notes,
    proxy_notes,
)

PARAMETERS = ReadinessParameters(
    leak_auc=0.95, proxy_auc=0.8, proxy_rows=50, proxy_groups=12, psi=0.25, rows=50_000
)
ROWS = 2_000


def matrix(**columns: Floats) -> Matrix:
    keys = pd.DataFrame({"borrower_id": np.arange(ROWS), "request_id": np.arange(ROWS)})
    values = np.column_stack(list(columns.values())).astype(np.float32)
    return Matrix(keys, np.ascontiguousarray(values), tuple(columns))


@pytest.fixture
def noise() -> np.random.Generator:
    return np.random.default_rng(4)


def test_columns_of_one_value_and_columns_that_are_the_same_are_told_once(noise: np.random.Generator) -> None:
    one = noise.normal(size=ROWS)
    one[::7] = np.nan
    both = matrix(one=one, other=one.copy(), still=np.full(ROWS, 3.0), empty=np.full(ROWS, np.nan))
    near = matrix(one=one, other=np.where(np.arange(ROWS) == 5, 9.0, one))
    found = list(column_notes({"requests": both, "reviews": both}))
    assert [(note.kind, note.what) for note in found] == [
        ("identical", "one, other"),
        ("constant", "still"),
        ("constant", "empty"),
    ]
    assert list(column_notes({"requests": near})) == []
    nobody = Matrix(both.keys.head(0), both.values[:0], both.features)
    assert list(column_notes({"requests": nobody})) == []
    told = column_notes({"requests": matrix(still=one), "reviews": matrix(still=np.ones(ROWS))})
    assert [note.what for note in told] == ["still"], "though it varies among requests"


def test_a_feature_that_tells_the_outcome_is_a_leak_also_where_only_its_absence_tells(
    noise: np.random.Generator,
) -> None:
    bad = (noise.random(ROWS) < 0.2).astype(float)
    absent = np.where(bad == 1, np.nan, noise.normal(size=ROWS))
    honest = noise.normal(size=ROWS) + bad
    requests = matrix(honest=honest, backwards=-bad + noise.normal(size=ROWS) / 9, absent=absent)
    unknown = np.where(np.arange(ROWS) % 3 == 0, np.nan, bad)
    for outcome in (bad, unknown):
        found = list(leak_notes(requests, outcome, PARAMETERS))
        assert [note.what for note in found] == ["backwards", "absent"]
        assert all(note.figure > 0.99 for note in found)
    assert list(leak_notes(requests, np.zeros(ROWS), PARAMETERS)) == []


def test_a_feature_that_moves_is_told_and_chance_is_not(noise: np.random.Generator) -> None:
    later = np.arange(ROWS) >= ROWS / 2
    requests = matrix(still=noise.normal(size=ROWS), moved=noise.normal(size=ROWS) + later)
    given = {"requests": (requests, ~later, later)}
    assert [note.what for note in drift_notes(given, PARAMETERS)] == ["moved"]
    few = np.arange(ROWS) >= ROWS - 8
    assert list(drift_notes({"requests": (requests, ~later, few & later)}, PARAMETERS)) == []


def test_a_group_that_the_features_tell_is_a_proxy(noise: np.random.Generator) -> None:
    sex = np.where(noise.random(ROWS) < 0.4, "F", "M")
    age = noise.integers(20, 60, size=ROWS).astype(float)
    requests = matrix(
        income=noise.normal(size=ROWS),
        shoes=(sex == "F") * 2.0 + noise.normal(size=ROWS),
        tenure=age + noise.normal(size=ROWS),
    )
    attributes = pd.DataFrame({"borrower_id": np.arange(ROWS), "sex": sex, "age": age})
    found = {note.what: note for note in proxy_notes(requests, attributes, PARAMETERS)}
    assert set(found) == {"sex", "age"}
    assert "by shoes" in found["sex"].said
    assert "by tenure" in found["age"].said
    unrelated = attributes.assign(sex=noise.permutation(sex), age=noise.permutation(age))
    assert list(proxy_notes(requests, unrelated, PARAMETERS)) == []
    few = attributes.assign(sex=np.where(np.arange(ROWS) < 60, "F", "M"))[["borrower_id", "sex"]]
    told = matrix(sign=(np.arange(ROWS) < 60).astype(float), income=noise.normal(size=ROWS))
    assert list(proxy_notes(told, few, PARAMETERS)) == [], "of so few an AUC is chance"


def test_outcomes_that_are_not_known_and_clients_who_are_alike_are_counted(
    noise: np.random.Generator,
) -> None:
    released = np.arange(ROWS) % 2 == 0
    observed = np.where(released & (np.arange(ROWS) >= 100), 0.0, np.nan)
    old, fitted = np.arange(ROWS) < 1_000, np.arange(ROWS) < 1_200
    first, second = maturity_notes(observed, released, old, fitted)
    assert (first.figure, second.figure) == (50, 100)
    assert "50 of 1,000 released requests" in first.said
    values = noise.normal(size=ROWS)
    values[10:13] = values[9]
    [note] = duplicate_notes(matrix(one=values), np.zeros(ROWS))
    assert note.figure == 3
    apart = np.zeros(ROWS)
    apart[11] = 1
    [note] = duplicate_notes(matrix(one=values), apart)
    assert note.figure == 2, "another outcome is another client"
