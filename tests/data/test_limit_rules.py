"""The lender's rules at their thresholds, and slips found from the record alone."""

import numpy as np
import pandas as pd
import pytest

from data.book import Book
from data.limit_rules import recorded_slip, ruled_limit
from data.world import World


@pytest.mark.parametrize(
    ("assessed", "before", "months", "expected"),
    [
        (11_530, 10_000, 6, 11_500),  # 1.15 times: raised
        (11_499, 10_000, 6, 10_000),  # just below: as it was
        (11_500, 10_000, 5, 10_000),  # too soon after a raise
        (7_499, 10_000, 0, 7_500),  # below 0.75 times: cut, whenever
        (7_500, 10_000, 99, 10_000),
        (900_000, 10_000, 99, 200_000),  # the ceiling
        (100, 10_000, 99, 500),  # the floor
        (8_000, np.nan, 0, 8_000),  # the opening of the account
    ],
)
def test_a_limit_moves_only_where_the_rules_say(
    assessed: float, before: float, months: int, expected: float, world: World
) -> None:
    found = ruled_limit(
        np.array([assessed], float), np.array([before], float), np.array([months]), world.limit_reviews
    )
    assert found[0] == expected


def test_slips_are_found_from_the_record_and_nowhere_else(small_book: Book, world: World) -> None:
    reviews = small_book.whole("limit_reviews")
    slip = recorded_slip(reviews, world.limit_reviews)
    requests = small_book.whole("draw_requests").merge(small_book.whole("oracle/requests"), on="request_id")
    found = pd.Series(slip != 1.0, index=reviews["review_id"]).loc[requests["review_id"]].to_numpy()
    # A limit at its ceiling shows no slip; none stands there in this book.
    assert (found == requests["limit_slip"]).all()
    assert found.any()
    assert np.allclose(slip[slip != 1.0], np.exp(world.limit_reviews.slip_log_factor), rtol=0.02)
