"""How late streams arrive, against what the book's own tables say."""

import numpy as np
import pandas as pd
import pytest

from data.blocks import Processes
from data.book import Book
from data.schema import STREAMS
from features.arrivals import arrivals

FIRST, LAST = pd.Timestamp("2025-07-01"), pd.Timestamp("2025-09-30")


def days(day: pd.Timestamp) -> int:
    return int(day.to_datetime64().astype("datetime64[D]").astype(np.int64))


def test_delays_are_those_of_the_rows_that_arrived_in_the_span(small_book: Book) -> None:
    told = arrivals(small_book, days(FIRST), days(LAST), 10_000)
    assert tuple(told) == STREAMS
    for stream, found in told.items():
        rows = small_book.whole(f"observations/{stream}", ["occurred_on", "visible_on"])
        arrived = rows[rows["visible_on"].between(FIRST, LAST)]
        delay = (arrived["visible_on"] - arrived["occurred_on"]).dt.days
        assert found["rows"] == len(arrived)
        assert found["mean_days"] == pytest.approx(delay.mean())
        assert found["variance_days"] == pytest.approx(delay.var(ddof=0))
        assert found["p90_days"] == np.quantile(delay, 0.9, method="inverted_cdf")
        latest = rows.loc[rows["visible_on"] <= LAST, "visible_on"].max()
        assert found["silent_days"] == (LAST - latest).days
    assert (told["bureau"]["mean_days"] or 0) > 1


@pytest.mark.usefixtures("copied")
def test_it_is_the_same_whoever_reads_and_large_books_are_read_in_part(small_book: Book) -> None:
    span = (days(FIRST), days(LAST))
    assert arrivals(small_book, *span, 10_000, Processes(2)) == arrivals(small_book, *span, 10_000)
    some = arrivals(small_book, *span, 600)["bureau"]["rows"] or 0
    assert 0 < some < (arrivals(small_book, *span, 10_000)["bureau"]["rows"] or 0)


def test_of_a_time_before_all_data_nothing_is_told(small_book: Book) -> None:
    told = arrivals(small_book, 0, 10, 10_000)
    assert told["bureau"] == {
        "rows": 0.0, "mean_days": None, "variance_days": None, "p90_days": None, "silent_days": None
    }  # fmt: skip
