"""Which limits are in force at a request, and what release snapshots read of them."""

import numpy as np
import pandas as pd

from explanations.causes.limits_in_force import InForce, limit_features, reviews_in_force

# Places 0 to 2 are borrower 3's reviews, 3 and 4 borrower 5's, 5 borrower 8's.
REVIEWS = pd.DataFrame(
    {
        "borrower_id": [3, 3, 3, 5, 5, 8],
        "reviewed_on": pd.to_datetime(
            ["2024-01-01", "2024-03-01", "2024-06-01", "2024-02-01", "2024-05-30", "2024-06-02"]
        ),
    }
)


def test_the_latest_review_up_to_the_day_counts_and_the_one_90_days_before() -> None:
    asked = pd.DataFrame(
        [
            (5, "2024-06-01", 4, 3),
            (3, "2024-06-01", 2, 1),  # a review of the same day counts
            (3, "2024-05-31", 1, 1),  # 90 days before it is 2 March
            (3, "2024-05-30", 1, 1),  # 1 March
            (3, "2024-05-29", 1, 0),
            (8, "2024-06-01", -1, -1),  # before the first
            (8, "2024-08-30", 5, -1),
            (8, "2024-08-31", 5, 5),
            (9, "2024-08-31", -1, -1),  # never reviewed
            (3, "2030-01-01", 2, 2),
        ],
        columns=["borrower_id", "requested_on", "today", "earlier"],
    )
    keys = asked.assign(requested_on=pd.to_datetime(asked["requested_on"]).astype("datetime64[ms]"))
    found = reviews_in_force(keys, REVIEWS)
    assert found.today.tolist() == asked["today"].tolist()
    assert found.earlier.tolist() == asked["earlier"].tolist()


def test_release_snapshots_read_the_limits_of_each_world() -> None:
    keys = pd.DataFrame({"amount": [100, 300], "balance": [400.0, 500.0]})
    in_force = InForce(today=np.array([1, 2]), earlier=np.array([0, 1]))
    found = limit_features(keys, in_force, np.array([[500.0, 600.0, 800.0], [1000.0, 800.0, 400.0]]))
    assert list(found) == ["limit_change_90d", "own_utilization", "requested_to_available"]
    np.testing.assert_allclose(found["limit_change_90d"], [[0.2, 1 / 3], [-0.2, -0.5]])
    np.testing.assert_allclose(found["own_utilization"], [[2 / 3, 0.625], [0.5, 1.25]])
    # Of a limit used up at least 1 RMB is taken to be there.
    np.testing.assert_allclose(found["requested_to_available"], [[0.5, 1.0], [0.25, 300.0]])


def test_before_the_first_review_no_limit_is_known() -> None:
    keys = pd.DataFrame({"amount": [100], "balance": [400]})
    found = limit_features(keys, InForce(np.array([0]), np.array([-1])), np.array([800.0]))
    assert np.isnan(found["limit_change_90d"]).tolist() == [True]
    assert found["own_utilization"].tolist() == [0.5]
