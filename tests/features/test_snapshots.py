"""What no snapshot may see, and what it says where nothing is seen.

The invariant: no observation that becomes visible after a stream's as-of day changes a snapshot.
"""

from functools import cache

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from data.months import to_days
from data.schema import STREAMS
from features.catalogue import own_catalogue
from features.readers import read_as_of
from features.snapshots import readings, snapshot, taken
from features.streams import read_streams

READERS = ("release", "limit")
BOTH = np.arange(2)
LATER_ROW = st.tuples(
    st.sampled_from([100, 101]), st.integers(-400, 100), st.integers(1, 90), st.integers(1, 99)
)


def days(*dates: str) -> np.ndarray:
    return to_days(np.array(dates, dtype="datetime64[D]"))


@pytest.fixture
def features_of(parameters):
    """The features of one borrower on one day, without those of a request and of the context."""

    def read(book, borrower: int, date: str, reader: str) -> dict[str, float]:
        streams = read_streams(book, 0)
        at = streams.positions(np.array([borrower]))
        seen = snapshot(streams, at, days(date), reader, parameters)
        return {name: values[0] for name, values in seen.features.items()}

    return read


def assert_same(got: dict[str, float], expected: dict[str, float]) -> None:
    assert got.keys() == expected.keys()
    differing = [name for name in got if not np.array_equal(got[name], expected[name], equal_nan=True)]
    assert not differing


@pytest.fixture(scope="module")
def world(make_random_frames):
    """Two borrowers' frames by seed; made once each."""
    return cache(lambda seed: make_random_frames(2, seed))


@settings(max_examples=25, deadline=None)
@given(
    seed=st.integers(0, 4),
    day=st.integers(100, 700),
    reader=st.sampled_from(READERS),
    later=st.dictionaries(st.sampled_from(STREAMS), st.lists(LATER_ROW, min_size=1, max_size=8)),
)
def test_no_observation_that_becomes_visible_later_changes_a_snapshot(
    seed, day, reader, later, world, memory_book, parameters
):
    frames = world(seed)
    date = np.datetime64("2023-01-01") + day
    as_of = {
        stream: pd.Timestamp(str(on.astype("datetime64[D]")[0]))
        for stream, on in read_as_of(reader, days(date)).items()
    }
    without, changed = dict(frames), dict(frames)
    for stream, on in as_of.items():
        name = f"observations/{stream}"
        without[name] = frames[name][frames[name]["visible_on"] <= on]
        changed[name] = with_rows(altered(frames[name], on), later.get(stream, []), on)
    reviews = frames["limit_reviews"]
    without["limit_reviews"] = reviews[reviews["reviewed_on"] <= date]
    as_it_is, without_later, with_others = (
        snapshot(read_streams(memory_book(version), 0), BOTH, days(date, date), reader, parameters).features
        for version in (frames, without, changed)
    )
    assert_same(without_later, as_it_is)
    assert_same(with_others, as_it_is)


def altered(frame: pd.DataFrame, on: pd.Timestamp) -> pd.DataFrame:
    """The frame with other values in every row that becomes visible after a day."""
    hidden = frame["visible_on"] > on
    frame = frame.copy()
    for name in frame.columns.difference(["borrower_id", "occurred_on", "visible_on", "kind"]):
        frame[name] = frame[name].where(~hidden, frame[name] * 3 + 1).astype(frame[name].dtype)
    if "kind" in frame:
        frame["kind"] = frame["kind"].where(~hidden, frame["kind"].cat.categories[0])
    return frame


def with_rows(frame: pd.DataFrame, rows: list[tuple[int, int, int, int]], on: pd.Timestamp) -> pd.DataFrame:
    """The frame with more rows, each visible after a day, though most happened before it."""
    if not rows:
        return frame
    plain = frame.columns.difference(["borrower_id", "occurred_on", "visible_on", "kind"])
    more = pd.DataFrame(
        [
            {
                "borrower_id": borrower,
                "occurred_on": on + pd.Timedelta(days=happened),
                "visible_on": on + pd.Timedelta(days=max(happened, 0) + lag),
                "kind": "loan_opened" if "amount" in frame else "application",
            }
            | dict.fromkeys(plain, value)
            for borrower, happened, lag, value in rows
        ]
    )[list(frame.columns)]
    joined = pd.concat([frame, more.astype({name: frame[name].dtype for name in frame.columns})])
    return joined.sort_values(["borrower_id", "occurred_on"], kind="stable", ignore_index=True)


@pytest.fixture
def book_of(make_frame, memory_book):
    """A book of borrower 1, account opened on 2024-01-01, region 0, with the given rows of streams."""

    def make(outages=(), reviews=(), **streams):
        columns = {
            "own_ledger": "dpd balance draw_amount",
            "bureau": "kind amount dpd card_utilization",
            "agency": "kind",
            "income_assets": "payroll inferred_income liquid_assets",
            "consumption": "necessities",
            "device_social": "devices",
        }
        frames = {
            "borrowers": make_frame("borrowers", [(1, "2024-01-01")], "borrower_id opened_on"),
            "limit_reviews": make_frame(
                "limit_reviews", [(1, *row) for row in reviews], "borrower_id reviewed_on limit_after"
            ),
            "outages": make_frame("outages", outages, "stream from_on until_on"),
        }
        for stream, named in columns.items():
            rows = [(1, *row) for row in streams.get(stream, [])]
            named = f"borrower_id occurred_on visible_on {named}"
            frames[f"observations/{stream}"] = make_frame(f"observations/{stream}", rows, named)
        return memory_book(frames)

    return make


def test_an_observation_counts_from_the_day_on_which_it_becomes_visible(book_of, features_of):
    book = book_of(bureau=[("2024-06-10", "2024-06-15", "loan_opened", 1000, None, None)])
    assert np.isnan(features_of(book, 1, "2024-06-14", "release")["bureau_lenders"])
    assert features_of(book, 1, "2024-06-15", "release")["bureau_lenders"] == 1


def test_a_request_does_not_see_its_own_draw_nor_the_statement_that_counts_it(book_of, features_of):
    draw = ("2024-06-20", "2024-06-20", 0, 5000, 4000)
    statement = ("2024-06-20", "2024-06-20", 0, 4800, 0)
    before = ("2024-05-20", "2024-05-20", 0, 1000, 0)
    book = book_of(own_ledger=[before, draw, statement], reviews=[("2024-01-01", 10_000)])
    on_the_day = features_of(book, 1, "2024-06-20", "release")
    assert (on_the_day["own_utilization"], on_the_day["own_draws_30d"]) == (np.float32(0.1), 0)
    the_day_after = features_of(book, 1, "2024-06-21", "release")
    assert (the_day_after["own_utilization"], the_day_after["own_draws_30d"]) == (np.float32(0.48), 1)


@pytest.mark.parametrize(("visible", "seen"), [("2024-06-01", 700), ("2024-06-02", 500)])
def test_a_review_sees_spending_as_of_the_first_of_its_month(visible, seen, book_of, features_of):
    book = book_of(consumption=[("2024-04-28", "2024-04-28", 500), ("2024-05-28", visible, 900)])
    assert features_of(book, 1, "2024-06-01", "limit")["spend_avg_12m"] == seen
    assert features_of(book, 1, "2024-06-30", "limit")["spend_avg_12m"] == seen
    assert features_of(book, 1, "2024-06-30", "release")["spend_avg_12m"] == 700


def test_a_stream_that_is_refreshed_is_read_as_of_that_day_and_no_other(book_of, parameters):
    book = book_of(
        consumption=[("2024-05-28", "2024-05-28", 500), ("2024-06-18", "2024-06-18", 900)],
        device_social=[("2024-06-03", "2024-06-03", 1), ("2024-06-18", "2024-06-18", 5)],
    )
    streams, at, on = read_streams(book, 0), np.array([0]), days("2024-06-20")
    as_usual, refreshed = (
        snapshot(streams, at, on, "limit", parameters, today).features
        for today in (None, {"consumption": on})
    )
    assert as_usual["spend_avg_12m"].tolist() == [500]
    assert refreshed["spend_avg_12m"].tolist() == [700]
    assert refreshed["device_count_90d"].tolist() == [1]


def test_of_some_streams_alone_only_these_are_read(book_of, parameters):
    streams, at, on = read_streams(book_of(), 0), np.array([0]), days("2024-06-20")
    assert list(readings(streams, at, on, "release", parameters, of=("agency",))) == ["agency"]
    assert list(readings(streams, at, on, "release", parameters)) == list(STREAMS)


def test_some_snapshots_are_taken_by_their_places(memory_book, world, parameters):
    streams, on = read_streams(memory_book(world(2)), 0), days("2024-03-01", "2024-06-20")
    both = snapshot(streams, BOTH, on, "release", parameters)
    second, first = (snapshot(streams, BOTH[[at]], on[[at]], "release", parameters) for at in (1, 0))
    found = taken(both, np.array([1, 0, 1]))
    for name, values in found.features.items():
        np.testing.assert_array_equal(values[[0, 1]], [second.features[name][0], first.features[name][0]])
        np.testing.assert_array_equal(values[0], values[2])
    for name in ("balance", "balance_elsewhere", "limit", "income"):
        expected = [getattr(one, name)[0] for one in (second, first, second)]
        np.testing.assert_array_equal(getattr(found, name), expected)
    assert len({*found.limit.tolist(), *found.income.tolist(), *found.balance.tolist()}) > 3


def test_a_review_sees_devices_as_of_the_last_monday(book_of, features_of):
    book = book_of(
        device_social=[("2024-06-03", "2024-06-03", 1), ("2024-06-18", "2024-06-18", 5)]
    )  # a Tuesday
    assert features_of(book, 1, "2024-06-23", "limit")["device_count_90d"] == 1
    assert features_of(book, 1, "2024-06-24", "limit")["device_count_90d"] == 5
    assert features_of(book, 1, "2024-06-18", "release")["device_count_90d"] == 5


def test_a_review_does_not_know_the_limit_that_it_is_about_to_set(book_of, features_of):
    ledger = [("2024-02-01", "2024-02-01", 0, 1000, 0)]
    book = book_of(own_ledger=ledger, reviews=[("2024-01-01", 10_000), ("2024-04-01", 20_000)])
    at_review = features_of(book, 1, "2024-04-01", "limit")
    assert (at_review["own_utilization"], at_review["days_since_limit_review"]) == (np.float32(0.1), 91)
    at_request = features_of(book, 1, "2024-04-01", "release")
    assert (at_request["own_utilization"], at_request["days_since_limit_review"]) == (np.float32(0.05), 0)


@pytest.mark.parametrize("reader", READERS)
def test_where_nothing_was_ever_seen_only_our_own_record_and_the_agency_know_that_there_is_nothing(
    reader, book_of, features_of
):
    got = features_of(book_of(), 1, "2024-06-20", reader)
    known = {name: value for name, value in got.items() if not np.isnan(value)}
    assert known == {
        "own_dpd_current": 0,
        "own_dpd_max_12m": 0,
        "own_late_count_6m": 0,
        "own_ontime_streak": 0,
        "own_draws_30d": 0,
        "account_age": pytest.approx(171 / (365.25 / 12)),
        "monthly_obligation": 0,
        "thin_file": 1,
        "mp_apps_7d": 0,
        "mp_apps_30d": 0,
        "mp_lenders_90d": 0,
    }


def test_a_file_that_shows_anything_says_zero_where_it_shows_none_of_a_kind(book_of, features_of):
    book = book_of(bureau=[("2020-01-01", "2020-01-01", "file_opened", None, None, None)])
    got = features_of(book, 1, "2024-06-20", "release")
    counts = [name for name in got if name.startswith("bureau_") and name != "bureau_data_age"]
    assert {got[name] for name in counts} == {0}
    assert got["thin_file"] == 0


@pytest.mark.parametrize(("opened", "thin"), [("2023-06-20", 0), ("2023-06-21", 1)])
def test_a_file_is_thin_until_it_is_twelve_months_old(opened, thin, book_of, features_of):
    book = book_of(bureau=[(opened, opened, "file_opened", None, None, None)])
    assert features_of(book, 1, "2024-06-20", "release")["thin_file"] == thin


def test_payroll_that_stopped_long_ago_gives_way_to_inferred_income(book_of, features_of):
    months = pd.date_range("2024-01-15", periods=6, freq=pd.DateOffset(months=1))
    rows = [(day, day, 8000 if n < 3 else None, 5000, 100) for n, day in enumerate(months)]
    got = features_of(book_of(income_assets=rows), 1, "2024-06-20", "release")
    assert np.isnan(got["income_verified"])
    assert got["payroll_gap"] == 3
    assert got["income_drop_3m"] == 0  # of inferred income: no payroll to compare with


@pytest.mark.parametrize(("day", "seen"), [("2024-05-30", True), ("2024-05-31", False)])
def test_monthly_rows_are_not_read_once_they_are_two_months_late(day, seen, book_of, features_of):
    book = book_of(consumption=[("2024-03-01", "2024-03-01", 500)])  # 90 and 91 days before; 3 months are 91
    got = features_of(book, 1, day, "release")
    assert np.isnan(got["festival_adj_spend"]) != seen
    assert got["spend_avg_12m"] == 500


ACROSS = {
    "own_ledger": {"own_balance_to_income", "monthly_obligation", "dti_ratio"},
    "bureau": {"monthly_obligation", "dti_ratio"},
    "agency": set(),
    "income_assets": {"own_balance_to_income", "dti_ratio", "cash_buffer", "spend_income_ratio_3m"},
    "consumption": {"cash_buffer", "spend_income_ratio_3m"},
    "device_social": set(),
}
"""Features that are read from a stream besides those that the catalogue gives to it."""


@pytest.mark.parametrize("reader", READERS)
@pytest.mark.parametrize("stream", STREAMS)
def test_a_stream_in_an_outage_is_missing_at_release_and_all_else_stays(
    stream, reader, world, memory_book, make_frame, features_of
):
    dark = {feature.name for feature in own_catalogue().features if feature.stream == stream} | ACROSS[stream]
    until = days("2024-06-20") + 1
    as_of = read_as_of(reader, days("2024-06-20"))[stream]
    lit = features_of(memory_book(world(1)), 100, "2024-06-20", reader)
    for since, end, is_dark in (
        (as_of, until, True),
        (as_of + 1, until + 9, False),
        (as_of - 9, as_of, False),
    ):
        row = (stream, *np.concatenate([since, end]).astype("datetime64[D]"))
        frames = world(1) | {"outages": make_frame("outages", [row], "stream from_on until_on")}
        got = features_of(memory_book(frames), 100, "2024-06-20", reader)
        missing = dark if is_dark and reader == "release" else set()
        expected = {name: np.nan if name in missing else value for name, value in lit.items()}
        assert_same(got, expected)
