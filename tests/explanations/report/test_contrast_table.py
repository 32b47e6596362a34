import dataclasses
import math
from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest

from explanations.explanation import Explanation
from explanations.intervals.bootstrap import mean_interval
from explanations.report.contrast_table import contrast_rows, family_rows, gap, main_rows, top_shares


def by_score(explanation: Explanation) -> pd.DataFrame:
    conflicts = explanation.conflicts
    ids = conflicts[conflicts["refused_by"] == "score"]["request_id"]
    return explanation.release_contributions[explanation.release_contributions["request_id"].isin(ids)]


def test_all_pushes_together_make_the_gap_between_the_groups_mean_scores(simulated: Explanation) -> None:
    conflicts = simulated.conflicts.query("refused_by == 'score'")
    base = simulated.release_contributions["base"].iloc[0]
    assert gap(contrast_rows(simulated)) == pytest.approx(conflicts["release_margin"].mean() - base)


def test_the_main_pushes_and_the_others_make_the_same_gap(simulated: Explanation) -> None:
    rows = contrast_rows(simulated)
    main, rest, others = main_rows(rows, 15)
    assert len(main) == 15
    assert rest is not None
    assert gap(main) + rest.mean == pytest.approx(gap(rows))
    assert others == len(simulated.catalogue.release) - 15
    pushes = [row.release.mean for row in main if row.release]
    assert pushes == sorted(pushes, reverse=True)


def test_the_families_make_the_same_gap_with_intervals_of_their_own(simulated: Explanation) -> None:
    rows = family_rows(simulated)
    assert gap(rows) == pytest.approx(gap(contrast_rows(simulated)))
    enquiries = next(row for row in rows if row.name == "enquiries")
    names = [
        f.name for f in simulated.catalogue.features if f.family == "enquiries" and f.release_sign != "x"
    ]
    given = by_score(simulated)
    sums = given[names].sum(axis=1).to_numpy()
    who = simulated.conflicts.set_index("request_id").loc[given["request_id"], "borrower_id"].to_numpy()
    low, high = mean_interval(sums[:, None], who, 200, 1, 0.95)
    assert enquiries.release is not None
    assert enquiries.release.mean == pytest.approx(sums.mean())
    assert (enquiries.release.low, enquiries.release.high) == pytest.approx((low[0], high[0]))


def test_families_without_a_stated_bootstrap_have_no_interval(simulated: Explanation) -> None:
    unsaid = dataclasses.replace(simulated, summary=simulated.summary | {"parameters": {}})
    assert all(row.release and math.isnan(row.release.low) for row in family_rows(unsaid))


def test_a_feature_of_one_model_has_no_push_in_the_other(simulated: Explanation) -> None:
    rows = {row.name: row for row in contrast_rows(simulated)}
    assert rows["requested_amount"].limit is None
    assert rows["competition_index"].release is None
    assert rows["bureau_enq_3m"].limit is not None
    assert rows["bureau_enq_3m"].release is not None


def test_only_conflicts_refused_by_score_are_contrasted(explanation_of: Callable[..., Explanation]) -> None:
    assert contrast_rows(explanation_of(conflicts=30, rules=("cap_lenders", "slip"))) == ()
    assert contrast_rows(explanation_of(conflicts=0)) == ()


def test_the_three_largest_pushes_of_each_conflict_are_counted() -> None:
    table = pd.DataFrame(
        [[5.0, 4.0, 3.0, 2.0], [5.0, -4.0, -3.0, -2.0], [1.0, 2.0, 3.0, 4.0]], columns=["a", "b", "c", "d"]
    )
    assert top_shares(table, ["a", "b", "c", "d"]) == pytest.approx(
        {"a": 2 / 3, "b": 2 / 3, "c": 2 / 3, "d": 1 / 3}
    )


def test_shares_agree_with_a_count_row_by_row(simulated: Explanation) -> None:
    features = list(simulated.catalogue.release)
    given = by_score(simulated)
    expected = dict.fromkeys(features, 0)
    for row in given[features].to_numpy():
        for index in np.argsort(row)[-3:]:
            expected[features[index]] += int(row[index] > 0)
    shares = top_shares(given, features)
    assert shares == pytest.approx({name: number / len(given) for name, number in expected.items()})
