"""A request is refused by the first rule that it breaks, and the recorded slips stand."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from data.errors import DataFault
from data.schema import NO_CAP
from features.matrix import Matrix
from models.parameters import PolicyParameters
from models.policy import REFUSED_BY, data_missing, decide, one_cutoff, policy_in_force
from models.policy import policy_table as laid_out

PARAMETERS = PolicyParameters(overdue_days=1)
FEATURES = ("own_dpd_current", "bureau_lenders", "bureau_enq_3m", "dti_ratio")
BUREAU = ("bureau_lenders", "bureau_enq_3m")
NEUTRAL = {"cutoff": 0.06, "cap_debt_service": 0.45, "cap_lenders": 6, "cap_enquiries": 8}


def snapshots(*rows: tuple[float, float, float, float]) -> Matrix:
    return Matrix(
        keys=pd.DataFrame(index=range(len(rows))), values=np.array(rows, dtype=np.float32), features=FEATURES
    )


def decided(row, pd_=0.01, missing=False, **record):
    """The decision on one request under the neutral policy; `record` adds what the book says of it."""
    requests = pd.DataFrame({"request_id": [1], **{name: [value] for name, value in record.items()}})
    in_force = pd.DataFrame([NEUTRAL])
    result = decide(requests, snapshots(row), np.array([pd_]), in_force, np.array([missing]), PARAMETERS)
    return bool(result["refused"].iloc[0]), result["refused_by"].iloc[0]


CLEAN = (0, 0, 0, 0.1)


def test_a_clean_request_is_released():
    assert decided(CLEAN) == (False, "")


@pytest.mark.parametrize(("pd_", "expected"), [(0.06, (False, "")), (0.0600001, (True, "score"))])
def test_a_pd_above_the_cutoff_refuses(pd_, expected):
    assert decided(CLEAN, pd_) == expected


@pytest.mark.parametrize(
    ("row", "expected"),
    [
        ((0, 6, 0, 0.1), (False, "")),
        ((0, 7, 0, 0.1), (True, "cap_lenders")),
        ((0, 0, 8, 0.1), (False, "")),
        ((0, 0, 9, 0.1), (True, "cap_enquiries")),
        ((0, 0, 0, 0.449), (False, "")),
        ((0, 0, 0, 0.451), (True, "cap_debt_service")),
        ((1, 0, 0, 0.1), (True, "overdue")),
    ],
)
def test_each_rule_refuses_just_past_its_threshold(row, expected):
    assert decided(row) == expected


def test_of_several_broken_rules_the_first_is_named():
    everything = (9, 9, 9, 0.9)
    assert decided(everything, 0.5, missing=True)[1] == "data_missing"
    assert decided(everything, 0.5)[1] == "score"
    assert decided(everything)[1] == "cap_debt_service"
    assert decided((9, 9, 9, 0.1))[1] == "cap_lenders"
    assert decided((9, 0, 9, 0.1))[1] == "cap_enquiries"
    assert decided((9, 0, 0, 0.1))[1] == "overdue"


@pytest.mark.parametrize("unknown", [(0, np.nan, 1, 0.2), (0, 1, np.nan, 0.2), (0, 1, 1, np.nan)])
def test_a_value_that_a_cap_needs_and_nobody_knows_fails_safe(unknown):
    assert decided(unknown) == (True, "data_missing")


def without_file(row: tuple[float, float, float, float], thin: float, **caps: float) -> str:
    """What refuses one request of a borrower of whom the bureau has no file (thin: 1) or has one (0)."""
    values = np.array([[*row, thin]], dtype=np.float32)
    matrix = Matrix(pd.DataFrame(index=[0]), values, (*FEATURES, "thin_file"))
    in_force = pd.DataFrame([NEUTRAL | caps])
    requests = pd.DataFrame({"request_id": [1]})
    result = decide(requests, matrix, np.array([0.01]), in_force, np.array([False]), PARAMETERS)
    return str(result["refused_by"].iloc[0])


def test_who_has_no_file_has_nothing_to_count_but_his_instalments_must_be_known():
    no_counts = (0, np.nan, np.nan, 0.1)
    assert without_file(no_counts, thin=1) == ""
    assert without_file(no_counts, thin=0) == "data_missing"
    assert without_file(no_counts, thin=np.nan) == "data_missing"
    assert without_file((0, 0, 0, np.nan), thin=1) == "data_missing"


def test_a_value_that_no_cap_limits_need_not_be_known():
    unknown = (0, 0, 0, np.nan)
    assert without_file(unknown, thin=0, cap_debt_service=NO_CAP) == ""
    assert without_file(unknown, thin=0, cap_debt_service=NO_CAP / 2) == "data_missing"


@pytest.mark.parametrize(
    ("pd_", "system", "executed", "random_release", "expected"),
    [
        (0.01, "release", "release", False, (False, "")),
        (0.01, "release", "refuse", False, (True, "slip")),  # the slip alone refuses
        (0.50, "release", "refuse", False, (True, "score")),  # the policy would have, too
        (0.50, "refuse", "release", False, (False, "")),  # the slip releases what the policy refuses
        (0.50, "refuse", "release", True, (True, "score")),  # released at random is no slip
        (0.01, "refuse", "refuse", False, (False, "")),  # the lender's own refusal is not the models'
    ],
)
def test_a_recorded_slip_stands_and_nothing_else_of_the_record_does(
    pd_, system, executed, random_release, expected
):
    record = {"decision_system": system, "decision_executed": executed, "random_release": random_release}
    assert decided(CLEAN, pd_, **record) == expected


def test_a_record_of_categories_is_read_like_one_of_texts():
    words = pd.Categorical(["release", "refuse"])
    requests = pd.DataFrame(
        {"decision_system": words, "decision_executed": words[::-1], "random_release": [False, False]}
    )
    in_force = one_cutoff(requests, 0.06)
    result = decide(
        requests, snapshots(CLEAN, CLEAN), np.zeros(2), in_force, np.zeros(2, dtype=bool), PARAMETERS
    )
    assert result["refused_by"].tolist() == ["slip", ""]


def test_a_book_without_a_policy_table_knows_one_cutoff_and_no_caps():
    requests = pd.DataFrame({"request_id": [1, 2]}, index=[5, 6])
    matrix = Matrix(keys=requests, values=np.full((2, 1), 99, dtype=np.float32), features=("PAY_0",))
    unreadable = np.zeros(2, dtype=bool)
    result = decide(requests, matrix, np.array([0.3, 0.1]), one_cutoff(requests, 0.2), unreadable, PARAMETERS)
    assert result["refused_by"].tolist() == ["score", ""]
    assert result["cutoff"].tolist() == [0.2, 0.2]
    assert result.index.tolist() == [5, 6]


NUMBERS = st.one_of(st.floats(0, 20), st.just(np.nan))
ROWS = st.lists(
    st.tuples(
        NUMBERS, NUMBERS, NUMBERS, NUMBERS, st.floats(0, 1), st.booleans(), st.booleans(), st.booleans()
    ),
    min_size=1,
    max_size=20,
)


@settings(deadline=None)
@given(ROWS)
def test_a_request_is_refused_exactly_when_a_rule_is_named_and_rows_do_not_touch_each_other(rows):
    matrix = snapshots(*(row[:4] for row in rows))
    decision = np.array(["release", "refuse"])
    requests = pd.DataFrame(
        {
            "decision_system": decision[[int(row[6]) for row in rows]],
            "decision_executed": decision[[int(row[7]) for row in rows]],
            "random_release": False,
        }
    )
    pd_, missing = np.array([row[4] for row in rows]), np.array([row[5] for row in rows])
    in_force = pd.DataFrame([NEUTRAL] * len(rows))
    result = decide(requests, matrix, pd_, in_force, missing, PARAMETERS)
    assert (result["refused"] == (result["refused_by"] != "")).all()
    assert set(result["refused_by"]) <= {*REFUSED_BY, ""}
    # Where the score decides, a PD at the cut-off releases and one above it refuses; elsewhere neither moves anything.
    score_decides = result["score_decides"].to_numpy()
    for moved, refuses in ((np.zeros(len(rows)), False), (np.ones(len(rows)), True)):
        again = decide(requests, matrix, moved, in_force, missing, PARAMETERS)["refused"].to_numpy()
        assert (again[score_decides] == refuses).all()
        np.testing.assert_array_equal(again[~score_decides], result["refused"].to_numpy()[~score_decides])
    last = slice(len(rows) - 1, len(rows))
    alone = decide(
        requests[last], snapshots(rows[-1][:4]), pd_[last], in_force[last], missing[last], PARAMETERS
    )
    pd.testing.assert_frame_equal(alone, result[last])


def policy_table() -> pd.DataFrame:
    return pd.DataFrame(
        {
            "month_start": pd.to_datetime(["2025-07-01", "2025-07-01", "2025-08-01", "2025-08-01"]),
            "region": np.array([0, 1, 0, 1], dtype=np.int8),
            "cutoff": [0.11, 0.10, 0.03, 0.02],
        }
    )


def test_the_policy_in_force_is_that_of_the_month_and_region():
    requests = pd.DataFrame(
        {
            "requested_on": pd.to_datetime(["2025-08-31", "2025-07-01", "2025-07-31", "2025-08-01"]),
            "region": np.array([1, 0, 1, 0], dtype=np.int8),
        },
        index=[4, 3, 2, 1],
    )
    in_force = policy_in_force(requests, policy_table())
    assert in_force["cutoff"].tolist() == [0.02, 0.11, 0.10, 0.03]
    assert in_force.index.tolist() == [4, 3, 2, 1]


def test_a_table_that_begins_in_any_month_is_looked_up_by_months_since_1970():
    table = laid_out(policy_table(), ["cutoff"])
    july = 12 * (2025 - 1970) + 6
    found = table.in_force(np.array([[july], [july + 1]]), np.array([0, 1]))
    assert found["cutoff"].tolist() == [[0.11, 0.10], [0.03, 0.02]]
    for month, region in ((july - 1, 0), (july + 2, 0), (july, 2), (july, -1)):
        with pytest.raises(DataFault):
            table.in_force(np.array([month]), np.array([region]))
    assert {name: values.shape for name, values in table.values.items()} == {"cutoff": (2, 2)}


def test_a_gap_in_a_table_laid_out_is_named_by_its_month_region_and_requests():
    table = laid_out(policy_table().iloc[:3].replace({"region": {1: 4}}), ["cutoff"])
    july = 12 * (2025 - 1970) + 6
    months, regions = np.array([july, july + 1, july + 1]), np.array([4, 0, 4])
    assert table.in_force(months[:2], regions[:2])["cutoff"].tolist() == [0.10, 0.03]
    with pytest.raises(DataFault, match=r"no row for 2025-08 in region 4, but 1 draw requests"):
        table.in_force(months, regions)
    with pytest.raises(DataFault, match=r"no row for 2025-09 in region 0, but 3 draw requests"):
        table.in_force(np.array([[july + 2], [july + 1]]), np.array([0, 4]))


def test_two_policies_for_one_month_and_region_are_refused():
    requests = pd.DataFrame(
        {"requested_on": pd.to_datetime(["2025-07-03"]), "region": np.array([0], dtype=np.int8)}
    )
    with pytest.raises(pd.errors.MergeError):
        policy_in_force(requests, pd.concat([policy_table(), policy_table()]))


def test_a_month_without_a_policy_is_named():
    requests = pd.DataFrame(
        {
            "requested_on": pd.to_datetime(["2025-07-03", "2025-09-01"]),
            "region": np.array([0, 1], dtype=np.int8),
        }
    )
    with pytest.raises(DataFault, match="no row for 2025-09 in region 1, but 1 draw requests"):
        policy_in_force(requests, policy_table())


def test_data_are_missing_where_the_whole_bureau_is_or_the_model_cannot_read_the_row():
    nan = np.nan
    matrix = snapshots((0, nan, nan, 0.1), (0, nan, 1, 0.1), (nan, 1, 1, nan), CLEAN)
    unreadable = np.array([False, False, False, True])
    assert data_missing(matrix, BUREAU, unreadable).tolist() == [True, False, False, True]


def test_a_book_without_a_bureau_misses_no_bureau():
    assert data_missing(snapshots(CLEAN), (), np.array([False])).tolist() == [False]
