"""`releasegap bench`: speed and memory as ratios: the contrast, the main job, tracking, a public book."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, ParamSpec, TypeVar

import typer

import stages
from commandline import BorrowersOption, Common, Console
from commands.tracked import store_of
from data.errors import DataFault
from data.garbage import collect_seldom
from settings import Settings, settings_of, simulation_changes

if TYPE_CHECKING:
    from data.measurement import Measurement


PROJECT = Path(__file__).resolve().parents[1]
LEDGER_ROWS = 1_000_000
P = ParamSpec("P")
T = TypeVar("T")


def bench(
    common: Common,
    full: Annotated[bool, typer.Option("--full", help="Also the large sizes: an hour, a dozen GiB.")] = False,
    borrowers: BorrowersOption = None,
    out: Annotated[
        Path | None, typer.Option("--out", metavar="DIR", help="Folder for the table; the home by default.")
    ] = None,
) -> None:
    """Measure speed and memory as ratios in one run: the contrast, the main job, training, scores."""
    from data.atomic import whole_file
    from training.measurements import as_markdown, earlier_values, rows_of

    console = common.console
    store = store_of(common, or_home=True)  # first, so that one that cannot be reached costs no work
    sizes = (borrowers,) if borrowers else (100_000, 1_000_000) if full else (5_000,)
    before = earlier_values(common.home / "bench.json")
    measures, notes = measured(common, sizes, full)
    rows = rows_of(measures)
    table = as_markdown(rows, before, notes)
    out = out or common.home
    out.mkdir(parents=True, exist_ok=True)
    for name, text in (("bench.json", json.dumps(rows, indent=1, ensure_ascii=False)), ("bench.md", table)):
        with whole_file(out / name) as aside:
            aside.write_text(f"{text}\n", encoding="utf-8")
    with store.run("bench full" if full else "bench", {"source": "simulated"}) as tracked:
        tracked.log_parameters({"bench.borrowers": sizes, "bench.processors": os.cpu_count()})
        tracked.log_measures("bench", {row["name"]: row["value"] for row in rows})
        for name in ("bench.json", "bench.md"):
            tracked.log_artifact(out / name)
    missed = sum(row["holds"] is False for row in rows)
    console.result(
        f"{table}\n\n{missed} targets missed.\nWritten: {out / 'bench.md'}, {out / 'bench.json'}",
        bench=rows,
        missed=missed,
        table=out / "bench.md",
    )


def measured(common: Common, sizes: tuple[int, ...], full: bool) -> tuple[list[Measurement], list[str]]:
    """Everything that `bench` measures, each part in a process of its own; and notes on what was left out."""
    console = common.console
    with console.step("The contrast against other engines"):
        measures, notes = _apart(_measured_engines)
    if full:
        with console.step("A million rows against a million"):
            measures += _apart(_measured_million)
    jobs = []
    for size in sizes:
        settings = settings_of(common, *simulation_changes(size, None, None, None))
        with console.step(f"The main job with {size:,} borrowers, and bare training"):
            found, seconds = _apart(_measured_job, settings)
        measures += found
        jobs.append(seconds)
    if len(jobs) == 2:
        growth = jobs[1] / jobs[0]
        measures.append((f"all stages, {sizes[1]:,} / {sizes[0]:,} borrowers", growth, "times", "≤ 10.5"))
    with console.step("One Dask worker against two"):
        made = settings_of(common, *simulation_changes(40_000 if full else 10_000, None, None, None))
        measures += _apart(_measured_dask, made)
    with console.step("What tracking costs"):
        measures += _apart(_measured_tracking)
    with console.step("A decision ledger"):
        measures += _apart(_measured_ledger, LEDGER_ROWS)
    with console.step("A public book"):
        public = _apart(_measured_public_book)
    absent = "The Taiwan book is left out: RELEASEGAP_REAL_DATA names no folder that holds it."
    return measures + public, notes if public else [*notes, absent]


def _apart(work: Callable[P, T], *given: P.args, **named: P.kwargs) -> T:
    """What the work gives, done in a new process: its memory, its imports and its runs in MLflow are its own."""
    import multiprocessing
    from concurrent.futures import ProcessPoolExecutor

    with ProcessPoolExecutor(1, multiprocessing.get_context("spawn"), _as_a_command) as pool:
        return pool.submit(work, *given, **named).result()


def _as_a_command() -> None:
    """Has a process work as a command does, but on a store of its own, whatever the user chose for his runs."""
    collect_seldom()
    for name in ("MLFLOW_TRACKING_URI", "MLFLOW_RUN_ID", "MLFLOW_EXPERIMENT_ID"):
        os.environ.pop(name, None)


def _measured_engines() -> tuple[list[Measurement], list[str]]:
    import tempfile

    with tempfile.TemporaryDirectory(prefix="releasegap-") as compiled:
        os.environ["NUMBA_CACHE_DIR"] = compiled  # empty, so that the first call compiles
        from explanations.kernel.benchmark import additive_cost, against_other_engines, made_up_model

        booster = made_up_model()
        measures, notes = against_other_engines(booster)
        return measures + additive_cost(booster), notes


def _measured_million() -> list[Measurement]:
    from explanations.kernel.benchmark import made_up_model, million_by_million
    from training.stopwatch import own_peak

    measures = million_by_million(made_up_model())
    return [*measures, (f"{measures[0][0]}: peak memory", own_peak() / 2**30, "GiB", "≤ 4")]


def _measured_job(settings: Settings) -> tuple[list[Measurement], float]:
    """The main job on a lender of its own, stage by stage, then bare training on the same rows.

    Returns:
        The measures, and the processor seconds of all stages.
    """
    import tempfile

    from data.blocks import engine_of
    from explanations.files import write_explanation
    from training.benchmark import TREES, bare_training, rounds_of, scoring_rate
    from training.registry import log_models
    from training.stopwatch import MemoryWatch, Stopwatch
    from training.tracking import open_store

    console, watch, memory = Console(quiet=True), Stopwatch(), MemoryWatch()

    @contextmanager
    def stage(name: str) -> Iterator[None]:
        with watch.stage(name), memory.stage(name):
            yield

    with tempfile.TemporaryDirectory(prefix="releasegap-") as name:
        folder = Path(name)
        with (
            engine_of(settings.blocks) as workers,
            open_store(folder / "home").run("bench") as tracked,
            memory,
        ):
            with stage("simulate"):
                book = stages.simulate(settings, folder / "book", console, workers)
            with stage("features"):
                requests, reviews = stages.matrices(book, settings, console, workers)
                workers.rest()
            with stage("fit limit"):
                limit = stages.fit_limit(book, reviews, settings, console)
            with stage("fit release"):
                release = stages.fit_release(book, requests, settings, console)
            with stage("judge"):
                scored = stages.scored_book(book, requests, reviews, limit, release, settings)
                scores = scored.limit_score, scored.margin
                judged = stages.judge(book, requests, reviews, *scores, release, settings)
            with stage("cards, log models"):
                fitted = (requests, reviews, limit, release, scored)
                cards = stages.model_cards(book, *fitted, judged, settings, console)
                with stages.decision_files(scored, console) as decision:
                    log_models(tracked, book, judged, limit, release, decision, cards)
            with stage("explain, causes"), stages.refits_begun(scored) as refits:
                explanation = stages.explain(scored, judged, refits, console, workers)
            with stage("report"):
                (folder / "report").mkdir()
                write_explanation(explanation, limit, release, folder / "report")
        training = settings.training
        bare = bare_training(book, requests, reviews, training, (TREES, TREES))
        rounds = rounds_of(limit, training.limit), rounds_of(release, training.release)
        as_long = bare_training(book, requests, reviews, training, rounds)
        rate = scoring_rate(bare, requests, reviews)
    size, rows = settings.simulation.borrowers, len(requests.values) + len(reviews.values)
    who, trees = f"{size:,} borrowers", f"2 × {TREES} trees"
    total = sum(watch.processor.values())
    train = sum(watch.processor[name] for name in ("fit limit", "fit release", "judge", "cards, log models"))
    return [
        *((f"{who}: {name}", seconds, "CPU s", None) for name, seconds in watch.processor.items()),
        (f"{who}: all stages", total, "CPU s", None),
        (f"{who}: all stages, wall", watch.wall, "s", None),
        (f"{who}: bare training, {trees}", bare.seconds, "CPU s", None),
        # Fixed costs weigh on smaller sizes, so these are told without judging them.
        (
            f"{who}: all stages / bare training",
            total / bare.seconds,
            "times",
            "≤ 2.5" if size >= 1e6 else None,
        ),
        *((f"{who}: memory, {name}", peak / 2**30, "GiB", None) for name, peak in memory.by_stage.items()),
        (
            f"{who}: peak memory of all processes",
            memory.peak / 2**30,
            "GiB",
            "≤ 8" if size >= 1e6 else None,
        ),
        (
            f"{who}: train all / bare training as long, {rows:,} rows",
            train / as_long.seconds,
            "times",
            "≤ 1.3" if rows >= 1e6 else None,
        ),
        (f"{who}: both scores, {trees}", rate, "rows a CPU s", "≥ 35,000"),
    ], total


def _measured_dask(settings: Settings) -> list[Measurement]:
    """Wall seconds of simulation and matrices on two single-thread workers against one; starting them not counted."""
    import tempfile
    import time

    from data.cluster import cluster

    console = Console(quiet=True)
    blocks = settings.blocks.model_copy(update={"size": settings.simulation.borrowers // 16})
    made = replace(settings, blocks=blocks)
    few = made.simulation.model_copy(update={"borrowers": 2 * blocks.size})
    first = replace(made, simulation=few)

    def seconds(workers: int) -> float:
        with tempfile.TemporaryDirectory(prefix="releasegap-") as name, cluster(None, workers) as engine:
            warm = stages.simulate(first, Path(name) / "warm", console, engine)
            stages.matrices(warm, first, console, engine)  # workers load their code
            start = time.perf_counter()
            book = stages.simulate(made, Path(name) / "book", console, engine)
            stages.matrices(book, made, console, engine)
            return time.perf_counter() - start

    one, two = seconds(1), seconds(2)
    who = f"{settings.simulation.borrowers:,} borrowers, simulation and matrices on Dask, wall"
    return [
        (f"{who}: one worker", one, "s", None),
        (f"{who}: two workers", two, "s", None),
        (f"{who}: efficiency of two workers", one / (2 * two), "of one", "≥ 0.8"),
    ]


def _measured_tracking() -> list[Measurement]:
    import tempfile

    from training.benchmark import cost_of_tracking

    with tempfile.TemporaryDirectory(prefix="releasegap-") as home:
        return cost_of_tracking(Path(home))


def _measured_ledger(count: int) -> list[Measurement]:
    """Processor seconds of so many decisions, appended at once and verified; the ledger must be found whole."""
    import tempfile

    from data.decision_ledger.appending import BLOCK_ROWS, appending
    from data.decision_ledger.benchmark import made_up_rows
    from data.decision_ledger.verifying import verify
    from training.stopwatch import Stopwatch

    rows = [made_up_rows(min(BLOCK_ROWS, count - first), first) for first in range(0, count, BLOCK_ROWS)]
    watch = Stopwatch()
    with tempfile.TemporaryDirectory(prefix="releasegap-") as folder:
        ledger = Path(folder, "ledger")
        with watch.stage("appended"), appending(ledger) as made:
            for block in rows:
                made.add(block)
        with watch.stage("verified"):
            verified, tampering = verify(ledger)
            if list(tampering) or verified.head.rows != count:
                raise DataFault(
                    "A ledger that nobody has touched does not verify, so its time tells nothing."
                )
    return [
        (f"{count:,} decisions {what}", seconds, "CPU s", "≤ 10") for what, seconds in watch.processor.items()
    ]


def _measured_public_book() -> list[Measurement]:
    """Wall seconds of the main job as called on the Taiwan book, the second time; none where it is absent."""
    data = Path(os.environ.get("RELEASEGAP_REAL_DATA", PROJECT / ".." / "shared" / "data"))
    table = data / "taiwan_default" / "taiwan_default.csv"
    if not table.is_file():
        return []
    warm = _wall_of_run(PROJECT / "data" / "mappings" / "taiwan_default.yaml", table)
    return [("run on the Taiwan book, warm, wall", warm, "s", "≤ 10")]


def _wall_of_run(mapping: Path, table: Path) -> float:
    """Wall seconds of `run` on an imported table as a user calls it, the second time; it must leave a report."""
    import subprocess
    import sys
    import tempfile
    import time

    with tempfile.TemporaryDirectory(prefix="releasegap-") as folder:
        quietly = ["--quiet", "--home", f"{folder}/home"]

        def call(*words: object) -> float:
            start = time.perf_counter()
            subprocess.run(
                [sys.executable, "-m", "workbench", *map(str, words), *quietly],
                check=True,
                cwd=PROJECT,
                stdout=subprocess.DEVNULL,
            )
            return time.perf_counter() - start

        call("import", mapping, table, "--out", f"{folder}/book")
        call("run", "--book", f"{folder}/book")
        warm = call("run", "--book", f"{folder}/book", "--out", f"{folder}/out")
        # What did nothing took no time.
        if not Path(folder, "out", "report.html").is_file():
            raise DataFault(f"`run` on {table.name} left no report, so its time tells nothing.")
        return warm
