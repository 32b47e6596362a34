"""A synthetic book: blocks of borrowers simulated in parallel and written as the tables of a book."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from data.block import Block, Columns
from data.blocks import HERE, Engine, Track, untracked
from data.book import SCHEMA_VERSION, Book, Manifest, open_book, refuse_other_source
from data.book_writer import BookWriter, record_block, recorded_block, recorded_blocks, write_part
from data.economy import Climate, Months, draw_climate
from data.outcomes import (
    ORACLE_BORROWERS,
    ORACLE_QUARTERS,
    ORACLE_REQUESTS,
    ORACLE_TABLES,
    outcomes_of,
    quarters_of,
    traits_of,
)
from data.population import GENDERS, MARITAL_STATUSES, Borrowers
from data.reporting import outage_days
from data.schema import DATED_TABLES
from data.script import Script
from data.simulation import simulate_block
from data.world import Scenario, World

MONTHLY_LAGS = {"income_assets": "income_days", "consumption": None, "device_social": None}
"""Streams of monthly rows and the parameter that says how many days later they show (None: the same day)."""

BUREAU_KINDS = ("file_opened", "card_statement", "enquiry", "loan_opened", "loan_closed", "delinquency")
"""Kinds of bureau events, in the order in which events of one day are written."""


@dataclass(frozen=True)
class _Job:
    folder: Path
    block: int
    ids: NDArray[np.int64]
    months: Months
    climate: Climate
    seed: int
    world: World
    scenario: Scenario
    script: Script | None


def simulate_book(
    out: Path,
    borrowers: int,
    months: int,
    seed: int,
    scenario: str,
    world: World,
    block_size: int,
    engine: Engine = HERE,
    track: Track[list[tuple[str, str, int]]] = untracked,
    made_by: str | None = None,
    taken_up: Callable[[int], None] = lambda blocks: None,
) -> Book:
    """Simulates a lender and writes its book.

    Args:
        out: Folder of the book; put in place when whole.
        borrowers: Number of borrowers; their ids are 0 to `borrowers` − 1.
        months: Months of history.
        seed: Seed of the world.
        scenario: Name of a scenario in the world's parameters.
        world: Parameters of the world.
        block_size: Borrowers per block; changes the parts but no row.
        engine: Where the blocks are simulated; changes nothing in the result.
        track: Follows the blocks as they are done.
        made_by: What code and libraries make the book; blocks that a dead process has made by the same, of the same
            world, are taken up. None makes all anew.
        taken_up: Told how many blocks are, where there are any.

    Raises:
        CallError: The scenario is not known, or something else lies at `out`.
    """
    world.require_scenarios(scenario)
    refuse_other_source(out, "simulated")
    blocks = [
        np.arange(first, min(first + block_size, borrowers), dtype=np.int64)
        for first in range(0, borrowers, block_size)
    ]
    return write_world(
        out,
        blocks,
        months,
        seed,
        scenario,
        world,
        engine=engine,
        track=track,
        made_by=made_by,
        taken_up=taken_up,
    )


def write_world(
    out: Path,
    blocks: Sequence[NDArray[np.int64]],
    months: int,
    seed: int,
    scenario: str,
    world: World,
    script: Script | None = None,
    engine: Engine = HERE,
    track: Track[list[tuple[str, str, int]]] = untracked,
    made_by: str | None = None,
    taken_up: Callable[[int], None] = lambda blocks: None,
) -> Book:
    """Simulates blocks of borrowers and writes their book.

    Args:
        out: Folder of the book; put in place when whole.
        blocks: Ids of the borrowers of each block.
        months: Months of history.
        seed: Seed of the world.
        scenario: Name of a scenario in the world's parameters.
        world: Parameters of the world.
        script: What the borrowers are to ask for; None lets them ask as the world has it.
        engine: Where the blocks are simulated; changes nothing in the result.
        track: Follows the blocks as they are done.
        made_by: See `simulate_book`; a world with a script is always made anew.
        taken_up: See `simulate_book`.
    """
    chosen = world.scenarios[scenario]
    span = Months(world.burn_in_months, months, world.run_off_months)
    climate = draw_climate(span, seed, world, chosen)
    key = None
    if made_by is not None and script is None:
        ends = [(int(ids[0]), int(ids[-1]), len(ids)) for ids in blocks]
        key = key_of(made_by, ends, months, seed, scenario, world.model_dump(mode="json"))
    with BookWriter(out, key) as writer:
        if known := recorded_blocks(writer.folder):
            taken_up(known)
        # Absolute: a worker elsewhere has another current folder.
        folder = writer.folder.resolve()
        jobs = [
            _Job(folder, block, ids, span, climate, seed, world, chosen, script)
            for block, ids in enumerate(blocks)
        ]
        for written in track(engine.map_blocks(_simulate_and_write, jobs), len(jobs)):
            writer.add(written)
        for name, columns in _unpartitioned(span, climate, world, chosen).items():
            writer.write(DATED_TABLES[name], 0, columns)
        writer.finish(
            Manifest(
                schema_version=SCHEMA_VERSION,
                source="simulated",
                blocks=len(jobs),
                seed=seed,
                scenario=scenario,
                first_month=world.first_month,
                months=months,
                parameters=world.model_dump(mode="json"),
            )
        )
    return open_book(out)


def key_of(*work: object) -> str:
    """Digest of what makes a book, in hex."""
    return hashlib.sha256(json.dumps(work, sort_keys=True).encode()).hexdigest()


def _simulate_and_write(job: _Job) -> list[tuple[str, str, int]]:
    known = recorded_block(job.folder, job.block)
    if known is not None:
        return known
    block = simulate_block(job.ids, job.months, job.climate, job.seed, job.world, job.scenario, job.script)
    tables = DATED_TABLES | ORACLE_TABLES
    # Arrow writes and hashes without Python's lock, so two tables can be written at once.
    with ThreadPoolExecutor(2) as pool:
        written = list(
            pool.map(
                lambda named: write_part(job.folder, tables[named[0]], job.block, named[1]),
                _tables(block).items(),
            )
        )
    record_block(job.folder, job.block, written)
    return written


def _tables(block: Block) -> dict[str, Columns]:
    """The tables of one block, columns as written, rows by borrower and date."""
    reviews = _in_order(block.record.events["limit_reviews"], block.borrowers, "reviewed_on")
    requests = _in_order(block.record.events["draw_requests"], block.borrowers, "requested_on")
    outcomes, oracle = outcomes_of(block, requests)
    in_force = np.searchsorted(reviews["review_id"], requests["review_id"])
    oracle |= {"limit_slip": reviews["slip"][in_force], "marketing": reviews["marketing"][in_force]}
    return {
        "borrowers": _borrower_columns(block),
        "observations/own_ledger": _own_ledger(block),
        "observations/bureau": _bureau(block),
        "observations/agency": _by_kind(block, "agency", ("application", "loan")),
        **{f"observations/{stream}": _monthly(block, stream, lag) for stream, lag in MONTHLY_LAGS.items()},
        "limit_reviews": reviews,
        "draw_requests": _request_columns(block, requests),
        "outcomes": outcomes,
        ORACLE_REQUESTS.name: oracle,
        ORACLE_BORROWERS.name: traits_of(block),
        ORACLE_QUARTERS.name: quarters_of(block),
    }


def _borrower_columns(block: Block) -> Columns:
    who = block.borrowers
    first = np.datetime64(block.world.first_month, "M") + (who.opened - 1).astype("timedelta64[M]")
    return {
        "borrower_id": who.ids,
        "opened_on": first.astype("datetime64[D]").astype(np.int32),
        "city_tier": who.tier,
        "region": who.region,
        "gender": _words(who.gender, GENDERS),
        "age": who.age,
        "marital_status": _words(who.marital_status, MARITAL_STATUSES),
    }


def _own_ledger(block: Block) -> Columns:
    events = block.record.events
    # A draw of the statement's day comes first: the statement counts it.
    columns = _in_order(
        events["own_ledger/draw"] + events["own_ledger/statement"], block.borrowers, "occurred_on"
    )
    return columns | {"visible_on": columns["occurred_on"]}


def _bureau(block: Block) -> Columns:
    who = block.borrowers
    rows = np.flatnonzero(~np.isnan(who.file_age))
    first = int(block.first_day[block.months.burn_in])
    opened = (first - np.round(who.file_age[rows] * 30.4375)).astype(np.int32)
    nothing = np.full(len(rows), np.nan, dtype=np.float32)
    file: Columns = {"rows": rows, "occurred_on": opened, "visible_on": opened}
    file |= {"amount": nothing, "dpd": nothing, "card_utilization": nothing}
    block.record.note("bureau/file_opened", file)
    return _by_kind(block, "bureau", BUREAU_KINDS)


def _by_kind(block: Block, stream: str, kinds: tuple[str, ...]) -> Columns:
    """A stream's events of all kinds, by borrower and date, with the column `kind`."""
    parts = [
        part | {"kind": np.full(len(part["rows"]), code, dtype=np.int8)}
        for code, kind in enumerate(kinds)
        for part in block.record.events.get(f"{stream}/{kind}", [])
    ]
    columns = _in_order(parts, block.borrowers, "occurred_on")
    return columns | {"kind": _words(columns["kind"], kinds)}


def _monthly(block: Block, stream: str, lag: str | None) -> Columns:
    """A stream with a row per borrower and month, written borrower by borrower."""
    months = block.record.monthly[stream]
    columns: Columns = {name: np.stack([month[name] for month in months]).T.reshape(-1) for name in months[0]}
    days = (block.first_day[:-1] + block.borrowers.cycle_day[:, None] - 1).reshape(-1).astype(np.int32)
    later = getattr(block.world.reporting, lag) if lag and block.world.mechanisms.data_lag else 0
    whole = {
        name
        for name, kind in DATED_TABLES[f"observations/{stream}"].columns.items()
        if pa.types.is_integer(kind)
    }
    columns |= {name: columns[name].astype(np.int16) for name in whole & columns.keys()}
    return columns | {
        "borrower_id": np.repeat(block.borrowers.ids, len(months)),
        "occurred_on": days,
        "visible_on": (days + later).astype(np.int32),
    }


def _request_columns(block: Block, requests: Columns) -> Columns:
    decisions = ("release", "refuse")
    return requests | {
        "policy_version": _words(*_versions(block.climate, requests["position"])),
        "decision_system": _words(requests["refuse_system"].astype(np.int8), decisions),
        "decision_executed": _words(requests["refuse_executed"].astype(np.int8), decisions),
    }


def _versions(climate: Climate, position: np.ndarray) -> tuple[np.ndarray, tuple[str, ...]]:
    names = tuple(dict.fromkeys(climate.version))
    codes = np.array([names.index(version) for version in climate.version], dtype=np.int8)
    return codes[position], names


def _words(codes: np.ndarray, words: Iterable[str]) -> pa.DictionaryArray:
    return pa.DictionaryArray.from_arrays(pa.array(codes, type=pa.int8()), pa.array(list(words)))


def _in_order(parts: list[Columns], borrowers: Borrowers, date: str) -> Columns:
    """Joins monthly parts of a table of events, by borrower and date; equal dates keep their order."""
    joined: Columns = {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
    day = joined[date].astype(np.int64)
    span = int(day.max() - day.min()) + 1 if len(day) else 1
    order = np.argsort(joined["rows"] * span + (day - (day.min() if len(day) else 0)), kind="stable")
    joined = {name: values[order] for name, values in joined.items()}
    return joined | {"borrower_id": borrowers.ids[joined["rows"]]}


def _unpartitioned(months: Months, climate: Climate, world: World, scenario: Scenario) -> dict[str, Columns]:
    """Policy, market and outages: the same for all borrowers."""
    regions = world.population.regions
    first = np.datetime64(world.first_month, "M") + (months.index - 1).astype("timedelta64[M]")
    keys: Columns = {
        "month_start": np.repeat(first.astype("datetime64[D]").astype(np.int32), regions),
        "region": np.tile(np.arange(regions, dtype=np.int8), months.total),
    }
    cutoff = climate.cutoff[:, None] * (1 - world.policy.competition * climate.competition)
    codes, names = _versions(climate, np.arange(months.total))
    policy = {
        "policy_version": _words(np.repeat(codes, regions), names),
        "tightness": np.repeat(climate.level, regions),
        "cutoff": cutoff.reshape(-1),
        "cutoff_without_competition": np.repeat(climate.cutoff, regions),
        "cap_debt_service": np.repeat(climate.cap_debt_service, regions),
        "cap_lenders": np.repeat(climate.cap_lenders, regions),
        "cap_enquiries": np.repeat(climate.cap_enquiries, regions),
    }
    market = {
        "competition_index": climate.competition.reshape(-1),
        "macro_index": np.repeat(climate.macro, regions),
    }
    outage = outage_days(months, scenario, world)
    outages = {
        "stream": _words(np.zeros(0 if outage is None else 1, dtype=np.int8), ("bureau",)),
        "from_on": np.array([] if outage is None else outage[:1], dtype=np.int32),
        "until_on": np.array([] if outage is None else outage[1:], dtype=np.int32),
    }
    return {"policy": keys | policy, "market": keys | market, "outages": outages}
