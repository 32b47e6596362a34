import math
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from explanations.explanation import Explanation
from explanations.report.contrast_table import contrast_rows
from explanations.report.distribution_chart import distribution_chart
from explanations.report.distributions import bin_edges, main_distributions

SAMPLES = arrays(np.float64, st.integers(1, 60), elements=st.floats(-1e6, 1e6, width=32))


@given(one=SAMPLES, other=SAMPLES)
def test_edges_ascend_and_hold_the_bulk_of_both_samples(one: np.ndarray, other: np.ndarray) -> None:
    edges = bin_edges([one, other])
    assert 2 <= len(edges) <= 30
    assert (np.diff(edges) > 0).all()
    for sample in (one, other):
        assert edges[0] <= np.percentile(sample, 50) <= edges[-1]


@given(arrays(np.int64, st.integers(1, 60), elements=st.integers(-50, 400)))
def test_a_whole_number_never_lies_on_an_edge(values: np.ndarray) -> None:
    edges = bin_edges([values.astype(float)])
    assert (edges * 2 % 2 == 1).all()


def test_few_whole_numbers_get_a_bin_each() -> None:
    assert bin_edges([np.array([0.0, 1, 2, 3]), np.empty(0)]).tolist() == [-0.5, 0.5, 1.5, 2.5, 3.5]


def test_no_values_give_no_edges() -> None:
    assert not len(bin_edges([np.empty(0), np.empty(0)]))


def test_shares_of_each_cohort_sum_to_one_and_medians_are_those_of_the_matrix(simulated: Explanation) -> None:
    shown = main_distributions(simulated, contrast_rows(simulated), 6)
    assert [one.label.en for one in shown][:2] == ["Credit enquiries, 3 months", "Lenders with open loans"]
    score = simulated.conflicts.query("refused_by == 'score'")["request_id"]
    matrix = simulated.release_features
    for one, name in zip(shown[:2], ("bureau_enq_3m", "bureau_lenders"), strict=True):
        for cohort in ("conflict", "reference"):
            assert math.isclose(sum(record[cohort] for record in one.records), 1, abs_tol=1e-4)
        conflict = matrix[matrix["request_id"].isin(score)][name]
        assert one.medians["conflict"] == conflict.median()
        assert one.medians["reference"] == matrix[matrix["cohort"] == "reference"][name].median()
        assert one.missing["conflict"] == pytest.approx(conflict.isna().mean())


def test_what_the_limit_review_saw_is_told_only_of_features_that_it_had(simulated: Explanation) -> None:
    by_label = {one.label.en: one for one in main_distributions(simulated, contrast_rows(simulated), 6)}
    assert math.isfinite(by_label["Credit enquiries, 3 months"].medians["review"])
    assert math.isnan(by_label["Debt service to income after the draw"].medians["review"])


def test_an_undated_book_has_no_values_of_an_earlier_review(imported: Explanation) -> None:
    shown = main_distributions(imported, contrast_rows(imported), 6)
    assert any(one.label.en == "Payment, 3" for one in shown)  # a feature of both models
    assert all(math.isnan(one.medians["review"]) for one in shown)


def test_the_number_of_bins_does_not_grow_with_the_book(explanation_of: Callable[..., Explanation]) -> None:
    large = explanation_of(conflicts=1500, reference=6000)
    assert all(len(one.records) <= 26 for one in main_distributions(large, contrast_rows(large), 6))


def test_an_axis_of_large_amounts_writes_nothing_as_plain_zero(imported: Explanation) -> None:
    paid = next(
        one
        for one in main_distributions(imported, contrast_rows(imported), 6)
        if one.label.en == "Payment, 3"
    )
    assert paid.edges[-1] >= 10_000
    layers = distribution_chart(0, paid).specs["en"]["layer"]
    axes = [layer["encoding"]["x"]["axis"] for layer in layers if "axis" in layer["encoding"]["x"]]
    assert axes
    assert all("labelExpr" in axis and ": '0'" in axis["labelExpr"] for axis in axes)
