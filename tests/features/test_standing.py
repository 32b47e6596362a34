"""Snapshots on which nothing new has come: read once more from a book that holds only what was known."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest

from data.months import to_days
from features.catalogue import own_catalogue
from features.parameters import FeatureParameters
from features.snapshots import Snapshot, joined, readings, snapshot
from features.standing import known_by, standing_readings, taken
from features.streams import Streams, read_streams

LATER = (0, 30, 91, 365)
DAY = np.datetime64("2024-06-03")
MONTHLY = ("income_assets", "consumption", "device_social")
STAYS = [
    "bureau_data_age",
    "days_since_limit_review",
    "limit_change_90d",
    "discretionary_share_3m",
    "festival_adj_spend",
]


@pytest.fixture(scope="module")
def frames(make_random_frames: Callable[[int, int], dict[str, pd.DataFrame]]) -> dict[str, pd.DataFrame]:
    return make_random_frames(40, 3)


@pytest.fixture(scope="module")
def streams(frames: dict[str, pd.DataFrame], memory_book: Any) -> Streams:
    return read_streams(memory_book(frames), 0)


def days_of(streams: Streams) -> np.ndarray:
    """A day for each borrower, no two the same."""
    return (to_days([DAY])[0] + np.arange(len(streams.borrower_ids))).astype(np.int32)


def what_was_known(frames: dict[str, pd.DataFrame], borrower: int, day: np.int32) -> dict[str, pd.DataFrame]:
    """The book with only what was visible of one borrower by a day."""
    kept = {}
    for name, frame in frames.items():
        shown = {"limit_reviews": "reviewed_on"}.get(name, "visible_on" if "visible_on" in frame else "")
        known = to_days(frame[shown]) <= day if shown else np.ones(len(frame), dtype=bool)
        his = frame["borrower_id"] == borrower if "borrower_id" in frame else True
        kept[name] = frame[known & his].reset_index(drop=True)
    return kept


@pytest.fixture(scope="module")
def standing(streams: Streams, parameters: FeatureParameters) -> Snapshot:
    everybody = np.arange(len(streams.borrower_ids))
    return joined(standing_readings(streams, everybody, days_of(streams), LATER, parameters), parameters)


def test_on_the_day_itself_they_are_what_was_seen(
    streams: Streams, standing: Snapshot, parameters: FeatureParameters
) -> None:
    count = len(streams.borrower_ids)
    seen = snapshot(streams, np.arange(count), days_of(streams), "release", parameters)
    for name, values in seen.features.items():
        np.testing.assert_array_equal(standing.features[name][:count], values, name)


@pytest.mark.parametrize("place", range(1, len(LATER)))
def test_later_they_are_those_of_a_book_that_ends_on_the_day(
    frames: dict[str, pd.DataFrame],
    streams: Streams,
    standing: Snapshot,
    parameters: FeatureParameters,
    memory_book: Any,
    place: int,
) -> None:
    count, days = len(streams.borrower_ids), days_of(streams)
    aged = 0
    for borrower in range(0, count, 7):
        book = memory_book(what_was_known(frames, streams.borrower_ids[borrower], days[borrower]))
        known, at, day = read_streams(book, 0), np.zeros(1, np.int64), days[borrower : borrower + 1]
        then = day + np.int32(LATER[place])
        monthly = dict.fromkeys(MONTHLY, day)
        expected = snapshot(known, at, then, "release", parameters, monthly).features
        today = snapshot(known, at, day, "release", parameters).features
        for name, values in expected.items():
            stays = name in STAYS or own_catalogue()[name].release_sign == "0"
            # What would only be missing since nothing newer has come stays, too.
            value = today[name] if stays or (np.isnan(values) and not np.isnan(today[name])) else values
            found = standing.features[name][place * count + borrower]
            np.testing.assert_allclose(found, value[0], rtol=1e-5, err_msg=name)
            aged += int(name.startswith("bureau_enq") and values[0] < today[name][0])
    assert aged


def test_nothing_that_came_later_is_known(streams: Streams) -> None:
    days = days_of(streams)
    twice = np.repeat(np.arange(len(days)), 2)
    known = known_by(streams, twice, days[twice] - np.array([0, 200] * len(days), dtype=np.int32))
    for stream, part in known.observed.items():
        whole = streams.observed[stream].events
        for place, borrower in enumerate(twice):
            his = slice(whole.offsets[borrower], whole.offsets[borrower + 1])
            by = days[borrower] - 200 * (place % 2)
            expected = whole.occurred[his][whole.visible[his] <= by]
            mine = slice(part.events.offsets[place], part.events.offsets[place + 1])
            assert part.events.occurred[mine].tolist() == expected.tolist()
            assert (part.events.visible[mine] <= by).all()


def test_a_stream_that_is_dark_on_the_day_stays_dark(
    frames: dict[str, pd.DataFrame],
    memory_book: Any,
    make_frame: Callable[..., pd.DataFrame],
    parameters: FeatureParameters,
) -> None:
    dark = make_frame("outages", [("bureau", DAY - 5, DAY + 20)], "stream from_on until_on")
    streams = read_streams(memory_book(frames | {"outages": dark}), 0)
    everybody = np.arange(len(streams.borrower_ids))
    day = np.full(len(everybody), to_days([DAY])[0], dtype=np.int32)
    read = standing_readings(streams, everybody, day, (0, 91), parameters)
    assert all(np.isnan(values).all() for values in read["bureau"].features.values())
    assert not np.isnan(read["agency"].features["mp_apps_30d"]).any()


def test_some_are_taken_by_their_places(streams: Streams, parameters: FeatureParameters) -> None:
    everybody = np.arange(len(streams.borrower_ids))
    read = readings(streams, everybody, days_of(streams), "release", parameters)
    some = taken(read, np.array([5, 2, 5]))
    assert (
        some["own_ledger"].amounts["balance"].tolist()
        == read["own_ledger"].amounts["balance"][[5, 2, 5]].tolist()
    )
    assert some["bureau"].features.keys() == read["bureau"].features.keys()
