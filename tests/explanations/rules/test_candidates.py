from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pandas as pd

from explanations.explanation import Explanation
from explanations.rules.candidates import candidates_of


def column(explanation: Explanation, feature: str, kind: str) -> np.ndarray:
    found = candidates_of(explanation, 0.5)
    (place,) = [at for at, one in enumerate(found.measures) if (one.feature, one.kind) == (feature, kind)]
    return found.values[:, place]


def test_changes_are_those_since_the_limit_snapshot(simulated: Explanation) -> None:
    seen, reviewed = simulated.release_features, simulated.limit_features
    np.testing.assert_array_equal(
        column(simulated, "bureau_lenders", "difference"),
        (seen["bureau_lenders"] - reviewed["bureau_lenders"]).to_numpy(),
    )
    grown = column(simulated, "bureau_unsecured_bal", "growth")
    expected = seen["bureau_unsecured_bal"] / reviewed["bureau_unsecured_bal"] - 1
    np.testing.assert_allclose(grown, expected.replace([np.inf, -np.inf], np.nan), rtol=1e-5, atol=1e-6)


def test_requests_are_matched_by_id_whatever_the_order_of_the_limit_snapshots(simulated: Explanation) -> None:
    shuffled = simulated.limit_features.sample(frac=1, random_state=1)
    other = replace(simulated, limit_features=shuffled)
    np.testing.assert_array_equal(candidates_of(simulated, 0.5).values, candidates_of(other, 0.5).values)


def test_rules_speak_of_what_may_be_a_reason_and_of_the_cut_off(simulated: Explanation) -> None:
    measures = candidates_of(simulated, 0.5).measures
    named = {measure.feature for measure in measures}
    assert "cutoff" in named
    assert not {"bureau_data_age", "limit_change_90d", "competition_index", "policy_regime"} & named
    changed = {measure.feature for measure in measures if measure.kind != "value"}
    assert not {"account_age", "thin_file", "requested_amount"} & changed


def test_a_flat_book_has_no_changes_and_no_cut_off_of_its_own(imported: Explanation) -> None:
    found = candidates_of(imported, 0.5)
    assert {measure.kind for measure in found.measures} == {"value"}
    assert "cutoff" not in {measure.feature for measure in found.measures}
    assert found.boundary is None
    assert 0.4 < found.early.mean() < 0.6


def test_the_earlier_part_of_a_flat_book_does_not_hang_on_the_order(
    explanation_of: Callable[..., Explanation],
) -> None:
    book = explanation_of(imported=True)
    turned = replace(
        book,
        release_features=book.release_features.iloc[::-1],
        limit_features=book.limit_features.iloc[::-1],
    )
    np.testing.assert_array_equal(candidates_of(book, 0.5).early, candidates_of(turned, 0.5).early[::-1])


def test_no_day_is_in_both_parts(simulated: Explanation) -> None:
    found = candidates_of(simulated, 0.5)
    decided = pd.concat([simulated.conflicts, simulated.reference]).set_index("request_id")
    days = pd.to_datetime(decided["requested_on"].loc[simulated.release_features["request_id"]])
    assert days[found.early].max() < found.boundary == days[~found.early].min()
