"""Rounding for other eyes: the first digit stays, and a figure stays on its side of the line."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from explanations.explanation import Explanation
from explanations.redaction import _beyond, by_digits, redacted

FIGURES = st.floats(1e-6, 1e9) | st.floats(-1e9, -1e-6)


@given(value=FIGURES)
def test_a_figure_keeps_its_size_and_one_digit(value: float) -> None:
    [told] = by_digits(np.array([value]))
    assert abs(told - value) <= 0.5 * 10 ** np.floor(np.log10(abs(value))) * (1 + 1e-9)
    assert len(f"{told:.8e}".partition("e")[0].strip("-").rstrip("0").rstrip(".")) == 1


def test_zero_and_nothing_stay() -> None:
    told = by_digits(np.array([0.0, np.nan, 18_233.0, -0.0314, 9.7]))
    np.testing.assert_allclose(told, [0.0, np.nan, 20_000.0, -0.03, 10.0])


@given(before=st.floats(100, 1e7), raised=st.floats(1.15, 3))
def test_a_raise_that_favours_is_still_one(before: float, raised: float) -> None:
    told = by_digits(np.array([before, before * raised]), 2)
    assert told[1] > told[0]


@given(value=st.floats(1e-4, 1), line=st.floats(1e-4, 1))
def test_a_pd_stays_on_its_side_of_the_cut_off(value: float, line: float) -> None:
    [told] = _beyond(np.array([value]), np.array([line]))
    assert (told > line) == (value > line)
    assert abs(told - value) <= 1.0001 * 10 ** np.floor(np.log10(value))


def test_nothing_of_a_person_is_exact_but_what_the_rules_read(simulated: Explanation) -> None:
    told = redacted(simulated)
    for name, digits in (("amount", 1), ("limit_before", 2), ("limit_after", 2)):
        exact = simulated.conflicts[name]
        assert not (exact.dropna() == told.conflicts[name].dropna()).all()
        np.testing.assert_array_equal(told.conflicts[name], by_digits(exact.to_numpy(float), digits))
    assert set(told.conflicts["requested_on"].dt.day) == {1}
    assert told.timelines is not None
    assert {*told.timelines["on"].dt.day, *told.timelines["since"].dt.day} == {1}
    assert told.recourse is None
    kept = [
        name
        for name in told.release_features
        if told.release_features[name].equals(simulated.release_features[name])
    ]
    assert set(kept) >= {"request_id", "cohort", "bureau_lenders"}
    assert "income_proxy" not in kept
    assert "dti_after_draw" not in kept
    pushes = told.release_contributions.drop(columns="request_id").to_numpy() * 10
    np.testing.assert_allclose(pushes, pushes.round(), atol=1e-9)
