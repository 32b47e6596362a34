"""How fresh each reader sees each stream."""

import numpy as np
import pytest

from data.months import to_days
from features.readers import read_as_of


def as_of(reader: str, date: str) -> dict[str, str]:
    days = read_as_of(reader, to_days([np.datetime64(date)]))
    return {stream: str(day.astype("datetime64[D]")[0]) for stream, day in days.items()}


def test_the_release_reader_sees_every_stream_as_of_the_day():
    assert set(as_of("release", "2024-11-20").values()) == {"2024-11-20"}


@pytest.mark.parametrize(
    ("date", "month_start", "monday"),
    [
        ("2024-11-20", "2024-11-01", "2024-11-18"),  # a Wednesday
        ("2024-11-01", "2024-11-01", "2024-10-28"),  # the first of a month, a Friday
        ("2024-10-31", "2024-10-01", "2024-10-28"),  # the last of a month
        ("2024-11-18", "2024-11-01", "2024-11-18"),  # a Monday
        ("2024-11-17", "2024-11-01", "2024-11-11"),  # the Sunday before it
        ("2024-01-01", "2024-01-01", "2024-01-01"),  # a Monday, the first of a year
        ("2024-02-29", "2024-02-01", "2024-02-26"),  # a leap day
    ],
)
def test_the_limit_reader_sees_each_stream_as_of_its_last_refresh(date, month_start, monday):
    assert as_of("limit", date) == {
        "own_ledger": date,
        "bureau": date,
        "agency": date,
        "income_assets": month_start,
        "consumption": month_start,
        "device_social": monday,
    }
