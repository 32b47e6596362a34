"""Streams of a block: what is read of a book, and what never is."""

import numpy as np
import pytest

from data.errors import DataFault
from data.schema import STREAMS
from features.catalogue import PROTECTED
from features.streams import read_days, read_streams
from tests.data.event_lender import Lender


@pytest.fixture(scope="module")
def frames(make_random_frames):
    return make_random_frames(6, 11)


def test_nothing_is_read_but_observations_limits_outages_and_whose_they_are(frames, memory_book):
    book = memory_book(frames)
    read_streams(book, 0)
    asked = {(table, column) for table, column in book.asked if not table.startswith("observations/")}
    assert asked - {("outages", column) for column in frames["outages"]} == {
        ("borrowers", "borrower_id"),
        ("borrowers", "opened_on"),
        ("borrowers", "region"),
        ("limit_reviews", "borrower_id"),
        ("limit_reviews", "reviewed_on"),
        ("limit_reviews", "limit_after"),
    }
    assert {column for table, column in book.asked if table.startswith("observations/")}.isdisjoint(PROTECTED)


def test_every_event_stays_with_its_borrower_in_order(frames, memory_book):
    streams = read_streams(memory_book(frames), 0)
    for name, stream in streams.observed.items():
        frame = frames[f"observations/{name}"]
        owner = np.repeat(streams.borrower_ids, np.diff(stream.events.offsets))
        assert np.array_equal(owner, frame["borrower_id"])
        occurred = stream.events.occurred.astype("datetime64[D]")
        assert np.array_equal(occurred, frame["occurred_on"].to_numpy().astype("datetime64[D]"))


def test_kinds_are_told_apart_and_a_kind_that_never_came_has_no_events(frames, memory_book):
    bureau = read_streams(memory_book(frames), 0).observed["bureau"]
    recorded = frames["observations/bureau"]
    for kinds in (("enquiry",), ("loan_opened", "file_opened"), ("unheard_of",)):
        picked = recorded[recorded["kind"].isin(kinds)]
        stream = bureau.of(*kinds, columns=("amount",))
        assert len(stream.events.occurred) == len(picked)
        assert np.array_equal(stream.values["amount"], picked["amount"], equal_nan=True)


def test_rows_of_a_borrower_who_is_not_in_the_block_are_a_fault(frames, memory_book):
    fewer = frames["borrowers"].iloc[1:].reset_index(drop=True)
    with pytest.raises(DataFault, match="Borrower 100 stands in a block of other borrowers"):
        read_streams(memory_book(frames | {"borrowers": fewer}), 0)


def test_streams_of_some_borrowers_are_theirs_alone(frames, memory_book):
    whole, places = read_streams(memory_book(frames), 0), [1, 3, 4]
    some = read_streams(memory_book(frames), 0, np.append(whole.borrower_ids[places], 10**9))
    assert np.array_equal(some.borrower_ids, whole.borrower_ids[places])
    for part in ("opened", "region"):
        assert np.array_equal(getattr(some, part), getattr(whole, part)[places])
    pairs = [
        (some.reviews, whole.reviews),
        *((some.observed[name], whole.observed[name]) for name in STREAMS),
    ]
    for kept, read in pairs:
        offsets = read.events.offsets
        rows = np.concatenate([np.arange(offsets[at], offsets[at + 1]) for at in places])
        assert len(kept.events.occurred) == len(rows)
        assert np.array_equal(kept.events.visible, read.events.visible[rows])
        assert np.array_equal(np.diff(kept.events.offsets), np.diff(offsets)[places])
        for name, column in kept.values.items():
            assert np.array_equal(column, read.values[name][rows], equal_nan=True)


def test_a_stream_is_dark_from_the_first_day_of_an_outage_to_the_day_before_its_end(
    frames, memory_book, make_frame
):
    rows = [("bureau", "2024-03-01", "2024-03-03"), ("bureau", "2024-03-05", "2024-03-06")]
    outages = make_frame("outages", rows, "stream from_on until_on")
    streams = read_streams(memory_book(frames | {"outages": outages}), 0)
    days = np.arange("2024-02-29", "2024-03-07", dtype="datetime64[D]").astype(np.int32)
    assert streams.dark("bureau", days).tolist() == [False, True, True, False, False, True, False]
    assert not streams.dark("agency", days).any()


def test_days_alone_are_those_of_the_whole_streams(frames, memory_book):
    whole = read_streams(memory_book(frames), 0)
    wanted = whole.borrower_ids[[0, 2, 5]]
    some = read_streams(memory_book(frames), 0, wanted)
    for name, stream in read_days(memory_book(frames), 0, wanted).items():
        full = some.observed[name]
        for part in ("offsets", "occurred", "visible"):
            assert np.array_equal(getattr(stream.events, part), getattr(full.events, part)), name
        assert [stream.kinds[kind] for kind in stream.kind] == [full.kinds[kind] for kind in full.kind]
        assert not stream.values


def test_an_own_stream_made_up_to_date_does_not_show_what_followed_a_decision_of_the_day(tmp_path):
    streams = read_streams(Lender(tmp_path / "files").book(block_size=10), 0)
    lags = [
        (stream.events.visible - stream.events.occurred).tolist()
        for stream in (
            streams.observed["calls"],
            streams.up_to_date().observed["calls"],
            streams.up_to_date(("calls",)).observed["calls"],
        )
    ]
    assert lags == [[0, 4, 0, 1], [0, 1, 0, 1], [0, 1, 0, 1]]
