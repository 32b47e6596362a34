"""Invariants: the same rows whatever the blocks, the same bytes whatever the processes; switches work."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from numpy.typing import NDArray

from data.block import Block
from data.blocks import Engine, Processes
from data.book import Book
from data.check import faults
from data.economy import Months, draw_climate
from data.errors import CallError
from data.randomness import Draws
from data.schema import STREAMS
from data.simulate import simulate_book
from data.simulation import simulate_block
from data.states import pd_of, states_of
from data.world import World

TABLES = [
    "borrowers",
    "limit_reviews",
    "draw_requests",
    "outcomes",
    "oracle/requests",
    "oracle/borrowers",
    "oracle/quarters",
]
TABLES += [f"observations/{stream}" for stream in STREAMS]


def make(
    out: Path,
    world: World,
    borrowers: int = 200,
    scenario: str = "baseline",
    seed: int = 5,
    **how: int | Engine,
) -> Book:
    blocks = {"block_size": 100} | how
    return simulate_book(out, borrowers, 24, seed, scenario, world, **blocks)


@pytest.fixture(scope="module")
def book(tmp_path_factory: pytest.TempPathFactory, world: World) -> Book:
    return make(tmp_path_factory.mktemp("book") / "b", world)


def test_rows_do_not_depend_on_the_size_of_the_blocks(book: Book, world: World, tmp_path: Path) -> None:
    other = make(tmp_path / "b", world, block_size=73)
    assert other.blocks == 3
    for table in [*TABLES, "policy", "market"]:
        pd.testing.assert_frame_equal(book.whole(table), other.whole(table), obj=table)


@pytest.mark.usefixtures("copied")
def test_bytes_do_not_depend_on_the_number_of_processes(book: Book, world: World, tmp_path: Path) -> None:
    other = make(tmp_path / "b", world, engine=Processes(2))
    assert other.manifest.parts == book.manifest.parts
    assert other.digest == book.digest


def test_blocks_that_a_killed_simulation_had_made_are_not_made_again(
    book: Book, world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    code = (
        "import itertools, os, signal, sys\n"
        "from pathlib import Path\n"
        "from data.simulate import simulate_book\n"
        "from settings import resolved\n"
        "def killed(blocks, number):\n"
        "    yield from itertools.islice(blocks, 1)\n"
        "    os.kill(os.getpid(), signal.SIGKILL)\n"
        "world = resolved(None, []).world\n"
        "simulate_book(Path(sys.argv[1]), 200, 24, 5, 'baseline', world, 100, track=killed, made_by='us')\n"
    )
    root = str(Path(__file__).parents[2])
    call = [sys.executable, "-c", code, str(tmp_path / "b")]
    ended = subprocess.run(call, cwd=root, env=os.environ | {"PYTHONPATH": root}, check=False)
    assert ended.returncode == -9
    assert not (tmp_path / "b").exists()
    made, taken_up = [], []

    def counted(ids: NDArray[np.int64], *rest: Any) -> Block:
        made.append(int(ids[0]))
        return simulate_block(ids, *rest)

    monkeypatch.setattr("data.simulate.simulate_block", counted)
    again = simulate_book(
        tmp_path / "b", 200, 24, 5, "baseline", world, 100, made_by="us", taken_up=taken_up.append
    )
    assert (made, taken_up) == ([100], [1])
    assert again.manifest.parts == book.manifest.parts
    assert again.digest == book.digest


def test_a_borrower_is_the_same_in_a_book_of_any_size(book: Book, world: World, tmp_path: Path) -> None:
    small = make(tmp_path / "b", world, borrowers=20)
    for table in TABLES:
        whole = book.whole(table)
        # Ids of requests are those of borrowers times a thousand.
        who = whole["borrower_id"] if "borrower_id" in whole else whole["request_id"] // 1000
        pd.testing.assert_frame_equal(whole[who < 20].reset_index(drop=True), small.whole(table), obj=table)


def test_another_seed_is_another_lender(book: Book, world: World, tmp_path: Path) -> None:
    assert make(tmp_path / "b", world, seed=6).digest != book.digest


def test_a_book_has_no_faults(small_book: Book) -> None:
    assert list(faults(small_book)) == []


def test_a_single_borrower_makes_a_book(world: World, tmp_path: Path) -> None:
    assert make(tmp_path / "b", world, borrowers=1).manifest.rows["borrowers"] == 1


def test_outcomes_are_known_only_of_released_draws(small_book: Book) -> None:
    requests, outcomes = small_book.whole("draw_requests"), small_book.whole("outcomes")
    released = requests.loc[requests["decision_executed"] == "release", "request_id"]
    assert sorted(outcomes["request_id"]) == sorted(released)


def test_the_oracle_agrees_with_the_record_where_both_know(small_book: Book) -> None:
    both = small_book.whole("outcomes").merge(small_book.whole("oracle/requests"), on="request_id")
    assert (both["bad"] == both["bad_with_draw"]).all()


def test_the_true_pd_follows_from_the_state_that_the_oracle_tells(small_book: Book, world: World) -> None:
    oracle = small_book.whole("oracle/requests", ["request_id", "true_pd"]).sample(500, random_state=1)
    found = pd_of(states_of(small_book, oracle["request_id"].to_numpy()), world)
    np.testing.assert_allclose(found, oracle["true_pd"], rtol=1e-5)


def test_the_true_pd_is_calibrated_on_what_befalls_all_requests(small_book: Book) -> None:
    oracle = small_book.whole("oracle/requests")
    expected, bad = oracle["true_pd"].sum(), oracle["bad_with_draw"].sum()
    # Outcomes of one borrower resemble each other: about three standard errors of independent ones.
    assert abs(bad - expected) < 4 * np.sqrt(expected)


def test_random_releases_are_refused_by_score_and_released(small_book: Book) -> None:
    requests = small_book.whole("draw_requests")
    drawn = requests[requests["random_release"]]
    assert set(drawn["decision_system"]) <= {"refuse"}
    assert set(drawn["decision_executed"]) <= {"release"}


def test_errors_off_means_that_the_executed_decision_is_the_systems(world: World, tmp_path: Path) -> None:
    book = make(tmp_path / "b", switched_off(world, "error"), borrowers=400)
    requests = book.whole("draw_requests")
    differs = requests["decision_system"].astype(str) != requests["decision_executed"].astype(str)
    assert (differs == requests["random_release"]).all()
    assert not book.whole("oracle/requests")[["release_slip", "limit_slip"]].any().any()


def test_data_lag_off_means_that_everything_shows_on_its_day(world: World, tmp_path: Path) -> None:
    book = make(tmp_path / "b", switched_off(world, "data_lag"))
    for stream in STREAMS:
        table = book.whole(f"observations/{stream}", ["occurred_on", "visible_on"])
        assert (table["occurred_on"] == table["visible_on"]).all(), stream
    opened = book.whole("observations/bureau", ["kind"])["kind"].eq("loan_opened").sum()
    assert opened == book.whole("observations/agency", ["kind"])["kind"].eq("loan").sum()


def test_some_loans_are_never_reported_where_data_lag_is_on(book: Book) -> None:
    opened = book.whole("observations/bureau", ["kind"])["kind"].eq("loan_opened").sum()
    assert 0.8 < opened / book.whole("observations/agency", ["kind"])["kind"].eq("loan").sum() < 0.97


def test_competition_off_takes_single_applications_away_and_moves_no_other(
    book: Book, world: World, tmp_path: Path
) -> None:
    calm = make(tmp_path / "b", switched_off(world, "competition"))
    assert (calm.whole("market")["competition_index"] == 0).all()
    assert (calm.whole("policy")["cutoff"] >= book.whole("policy")["cutoff"]).all()
    kinds = [b.whole("observations/agency").query("kind == 'application'") for b in (book, calm)]
    dates = [set(zip(k["borrower_id"], k["occurred_on"], strict=True)) for k in kinds]
    # In the first month nothing has come back to borrowers yet, so what is left is a part of what was.
    first = kinds[0]["occurred_on"].min() + pd.Timedelta(days=27)
    early = [{(who, on) for who, on in date if on <= first} for date in dates]
    assert early[1] < early[0]
    assert len(kinds[1]) < len(kinds[0])


def test_misread_off_takes_spending_and_marketing_out_of_limits(
    world: World, tmp_path: Path, book: Book
) -> None:
    sober = make(tmp_path / "b", switched_off(world, "misread"))
    assert not sober.whole("limit_reviews")["marketing"].any()
    spending = [spending_in_limits(each) for each in (book, sober)]
    assert spending[0] > spending[1] + 0.1


def test_policy_off_refuses_fewer_and_leaves_the_policy_table_alone(
    world: World, tmp_path: Path, book: Book
) -> None:
    loose = make(tmp_path / "b", switched_off(world, "policy"))
    pd.testing.assert_frame_equal(loose.whole("policy"), book.whole("policy"))
    refused = [(b.whole("draw_requests")["decision_system"] == "refuse").mean() for b in (book, loose)]
    assert refused[1] < refused[0]


@pytest.mark.parametrize(
    ("scenario", "table", "column"),
    [
        ("policy_shock", "policy", "cutoff"),
        ("competitor_entry", "market", "competition_index"),
        ("downturn", "market", "macro_index"),
        ("bureau_outage", "observations/bureau", "visible_on"),
        ("shopping_festival", "observations/consumption", "necessities"),
        ("marketing_push", "limit_reviews", "marketing"),
        ("operator_errors", "draw_requests", "decision_executed"),
    ],
)
def test_a_scenario_changes_nothing_before_month_19_and_something_after(
    scenario: str, table: str, column: str, book: Book, world: World, tmp_path: Path
) -> None:
    other = make(tmp_path / "b", world, scenario=scenario)
    changed = [b.whole(table) for b in (book, other)]
    date = next(
        name for name in ("month_start", "occurred_on", "reviewed_on", "requested_on") if name in changed[0]
    )
    before = [
        frame[frame[date] < "2025-06-01"][column].astype(str).reset_index(drop=True) for frame in changed
    ]
    after = [
        frame[frame[date] >= "2025-06-01"][column].astype(str).reset_index(drop=True) for frame in changed
    ]
    pd.testing.assert_series_equal(*before)
    assert not after[0].equals(after[1])


def test_nothing_of_the_bureau_arrives_during_an_outage_and_the_backlog_does_after(
    world: World, tmp_path: Path
) -> None:
    book = make(tmp_path / "b", world, scenario="bureau_outage")
    outage = book.whole("outages").iloc[0]
    visible = book.whole("observations/bureau")["visible_on"]
    assert (outage["until_on"] - outage["from_on"]).days == 45
    assert not visible.between(outage["from_on"], outage["until_on"], inclusive="left").any()
    assert (visible == outage["until_on"]).sum() > 50


def test_a_downturn_about_doubles_what_goes_bad(world: World, tmp_path: Path) -> None:
    books = [
        make(tmp_path / name, world, borrowers=4000, block_size=4000, scenario=name)
        for name in ("baseline", "downturn")
    ]
    rates = []
    for book in books:
        requests = book.whole("draw_requests").merge(book.whole("oracle/requests"), on="request_id")
        rates.append(requests.loc[requests["requested_on"] >= "2025-06-01", "bad_with_draw"].mean())
    assert 1.4 < rates[1] / rates[0] < 3.0


def test_an_unknown_scenario_is_refused_by_name(world: World, tmp_path: Path) -> None:
    with pytest.raises(CallError, match=r"Unknown scenario 'boom'; known: baseline"):
        make(tmp_path / "b", world, scenario="boom")
    assert not list(tmp_path.iterdir())


def switched_off(world: World, mechanism: str) -> World:
    return world.model_copy(update={"mechanisms": world.mechanisms.model_copy(update={mechanism: False})})


def spending_in_limits(book: Book) -> float:
    """Correlation of the assessed limit with the latent propensity to spend."""
    reviews = book.whole("limit_reviews").merge(book.whole("oracle/borrowers"), on="borrower_id")
    return float(np.corrcoef(np.log(reviews["limit_assessed"]), reviews["spending"])[0, 1])


def test_no_loan_is_reported_closed_before_it_is_reported_open(small_book: Book) -> None:
    """As of any day, a borrower's closings on show never outnumber the openings on show."""
    bureau = small_book.whole("observations/bureau")
    loans = bureau[bureau["kind"].isin(["loan_opened", "loan_closed"])].copy()
    loans["net"] = np.where(loans["kind"] == "loan_opened", 1, -1)
    by_day = loans.groupby(["borrower_id", "visible_on"])["net"].sum()
    assert (by_day.groupby("borrower_id").cumsum() >= 0).all()


def test_a_switched_off_lag_draws_no_slips_and_no_marketing_of_its_own(
    book: Book, world: World, tmp_path: Path
) -> None:
    fresh = make(tmp_path / "b", switched_off(world, "data_lag"))
    regular = [each.whole("limit_reviews") for each in (book, fresh)]
    shared = regular[0].merge(regular[1], on="review_id", suffixes=("", "_fresh"))
    assert (shared["marketing"] == shared["marketing_fresh"]).mean() > 0.97
    extra = regular[1][~regular[1]["review_id"].isin(regular[0]["review_id"])]
    last = regular[0].sort_values("reviewed_on")[["borrower_id", "reviewed_on", "marketing"]]
    carried = pd.merge_asof(
        extra.sort_values("reviewed_on"), last, on="reviewed_on", by="borrower_id", suffixes=("", "_last")
    )
    known = carried.dropna(subset=["marketing_last"])
    assert (known["marketing"] == known["marketing_last"].astype(bool)).mean() > 0.97


def test_a_payment_missed_later_in_the_month_changes_no_decision_before_its_date(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In one month all who owe miss their payment, or none does: until each payment date all decisions are alike."""
    months = Months(world.burn_in_months, 24, world.run_off_months)
    scenario = world.scenarios["baseline"]
    climate = draw_climate(months, 5, world, scenario)
    plain, shaken = Draws.uniform, 12

    def lived(number: float) -> Block:
        def uniform(
            self: Draws, stream: str, month: int = 0, index: object = 0, rows: object = None
        ) -> object:
            drawn = plain(self, stream, month, index, rows)  # type: ignore[arg-type]
            return np.full_like(drawn, number) if (stream, month) == ("repayment", shaken) else drawn

        monkeypatch.setattr(Draws, "uniform", uniform)
        return simulate_block(np.arange(1500), months, climate, 5, world, scenario)

    met, missed = lived(1 - 1e-12), lived(1e-12)
    position = shaken + world.burn_in_months - 1
    assert (met.record.status[position] != missed.record.status[position]).sum() > 500
    for table, date, decided in (
        ("draw_requests", "requested_on", "refuse_system"),
        ("limit_reviews", "reviewed_on", "limit_assessed"),
    ):
        month = [block.record.events[table][position] for block in (met, missed)]
        pay_day = met.first_day[position] + met.borrowers.cycle_day - 1
        early = [part[date] <= pay_day[part["rows"]] for part in month]
        for column in ("rows", decided):
            np.testing.assert_array_equal(
                *(part[column][rows] for part, rows in zip(month, early, strict=True))
            )
        assert early[0].sum() > 30
