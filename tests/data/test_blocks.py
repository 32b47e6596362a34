"""Engines: the same results in the same order wherever the blocks are worked on, whoever dies meanwhile."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import nullcontext, suppress
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import dask
import numpy as np
import pandas as pd
import pytest
from distributed import Client
from typer.testing import CliRunner, Result

import data.cluster
import stages
import workbench
from commandline import Console
from data.blocks import HERE, BlockParameters, Engine, KeptProcesses, Processes, engine_of
from data.book import Book, Manifest
from data.book_writer import BookWriter, write_part
from data.cluster import Cluster, cluster
from data.errors import CallError, DataFault
from data.schema import DATED_TABLES
from data.simulate import simulate_book
from data.world import World
from explanations.files import write_explanation
from features.matrix import Kind, whole_matrix
from settings import Settings, resolved
from tests.data.sent_work import (
    garbage_threshold,
    killed,
    killed_once,
    other_version,
    own_number,
    refused,
    waited,
)
from training.from_book import Judged

NO_OUTAGE: dict[str, list[int]] = {"stream": [], "from_on": [], "until_on": []}
SMALL = [
    *("training.limit.rounds=40", "training.release.rounds=40"),
    *("explanations.checked_conflicts=0", "explanations.reasons.refits=1"),
]


@dataclass(frozen=True)
class Struck(Cluster):
    """Workers of which one is killed when it has done a block and not yet given its result."""

    flag: Path

    def map_blocks(
        self, work: Callable[[Any], Any], blocks: Sequence[Any], weight: float = 1.0
    ) -> Iterator[Any]:
        return super().map_blocks(partial(killed_once, work, self.flag), blocks, weight)


def call(*words: object) -> Result:
    return CliRunner().invoke(workbench.app, [str(word) for word in words])


@pytest.fixture(params=["untouched", "struck"])
def engine(request: pytest.FixtureRequest, workers: Cluster, tmp_path: Path) -> Iterator[Engine]:
    """Two workers, to whom nothing happens or of whom one is killed in the middle."""
    if request.param == "untouched":
        yield workers
        return
    if request.param == "processes":
        with KeptProcesses(2) as kept:
            yield kept
        return
    flag = tmp_path / "struck"
    yield Struck(workers.client, workers.own, flag)
    assert flag.exists()


@pytest.fixture(scope="module")
def unmanned() -> Iterator[Cluster]:
    """A scheduler without workers."""
    with cluster(None, 0) as made:
        yield made


def address(workers: Cluster) -> str:
    return str(workers.client.scheduler.address)


def simulated(out: Path, world: World, engine: Engine = HERE) -> Book:
    return simulate_book(out, 1500, 24, 5, "baseline", world, block_size=300, engine=engine)


@pytest.fixture(scope="module")
def book(tmp_path_factory: pytest.TempPathFactory, world: World) -> Book:
    return simulated(tmp_path_factory.mktemp("books") / "here", world)


@pytest.mark.parametrize("blocks", [[], [0.0], [0.3, 0.0, 0.1, 0.0, 0.0, 0.2, 0.0]])
def test_results_come_in_the_order_of_the_blocks_whichever_is_done_first(
    blocks: list[float], workers: Cluster
) -> None:
    for engine in (HERE, Processes(2), workers):
        assert list(engine.map_blocks(waited, blocks)) == blocks


def test_kept_processes_do_map_after_map_and_are_started_once() -> None:
    with KeptProcesses(2, 4) as engine:
        assert list(engine.map_blocks(own_number, [None] * 7)) == [os.getpid()] * 7
        first = set(engine.map_blocks(own_number, [None] * 40))
        assert list(engine.map_blocks(waited, [0.3, 0.0, 0.1, 0, 0, 0, 0, 0.2])) == [
            0.3,
            0.0,
            0.1,
            0,
            0,
            0,
            0,
            0.2,
        ]
        again = set(engine.map_blocks(own_number, [None] * 40))
        engine.rest()
        assert not any(map(_alive, first | again))
        assert not first & set(engine.map_blocks(own_number, [None] * 40))
    assert os.getpid() not in first
    assert len(first | again) <= 2


def test_processes_that_are_there_take_few_blocks_too() -> None:
    here = os.getpid()
    with KeptProcesses(2, blocks_each=4) as engine:
        assert set(engine.map_blocks(own_number, range(7))) == {here}
        assert here not in engine.map_blocks(own_number, range(8))
        assert here not in engine.map_blocks(own_number, range(2))
        assert set(engine.map_blocks(own_number, range(1))) == {here}
        engine.rest()
        assert here not in engine.map_blocks(own_number, range(2), weight=4)  # heavy ones are worth a start
        engine.rest()
        assert set(engine.map_blocks(own_number, range(2))) == {here}


@pytest.mark.parametrize("engine", [Processes(2), KeptProcesses(2)], ids=["started anew", "kept"])
def test_processes_look_for_cyclic_garbage_as_seldom_as_a_command(engine: Processes | KeptProcesses) -> None:
    with engine if isinstance(engine, KeptProcesses) else nullcontext():
        assert set(engine.map_blocks(garbage_threshold, range(2))) == {100_000}


def test_a_fault_in_a_kept_process_comes_back_and_the_next_map_is_done() -> None:
    with KeptProcesses(2) as engine:
        with pytest.raises(DataFault, match=r"^Block 2 is damaged"):
            list(engine.map_blocks(refused, range(5)))
        assert list(engine.map_blocks(waited, [0.0] * 3)) == [0.0] * 3


def test_kept_processes_end_with_a_parent_that_was_killed(tmp_path: Path) -> None:
    code = (
        "import os, signal, sys, time\n"
        "from data.blocks import KeptProcesses\n"
        "from tests.data.sent_work import own_number\n"
        "if __name__ == '__main__':\n"
        "    with KeptProcesses(2) as engine:\n"
        "        print(*set(engine.map_blocks(own_number, range(20))), flush=True)\n"
        "        os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    script = tmp_path / "parent.py"
    script.write_text(code)
    root = str(Path(__file__).parents[2])
    environment = os.environ | {"PYTHONPATH": root}
    told = subprocess.run(
        [sys.executable, script], capture_output=True, text=True, cwd=root, env=environment, check=False
    )
    kept = [int(number) for number in told.stdout.split()]
    assert kept, told.stderr
    limit = time.monotonic() + 20
    while any(map(_alive, kept)):
        assert time.monotonic() < limit
        time.sleep(0.05)


def _alive(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    stat = Path(f"/proc/{process}/stat")
    return not stat.exists() or stat.read_text().rpartition(")")[2].split()[0] != "Z"


def test_few_blocks_are_under_way_at_once(workers: Cluster) -> None:
    class Sent(list[float]):
        count = 0

        def __iter__(self) -> Iterator[float]:
            for block in super().__iter__():
                self.count += 1
                yield block

    blocks = Sent([0.0] * 20)
    results = workers.map_blocks(waited, blocks)
    for taken in range(1, 21):
        next(results)
        assert blocks.count <= taken + 2 * workers.elsewhere


def test_a_fault_of_the_data_that_a_worker_finds_comes_back_as_it_was(workers: Cluster) -> None:
    results = workers.map_blocks(refused, range(5))
    assert [next(results), next(results)] == [0, 1]
    with pytest.raises(DataFault, match=r"^Block 2 is damaged; make the book again\.$"):
        next(results)


def test_a_block_that_ends_every_worker_is_given_up_and_the_workers_go_on(workers: Cluster) -> None:
    with pytest.raises(CallError, match=r"ended 4 workers one after the other.*blocks\.size"):
        list(workers.map_blocks(killed, [0]))
    assert list(workers.map_blocks(waited, [0.0, 0.1])) == [0.0, 0.1]


def test_a_simulated_book_is_the_same_wherever_it_is_simulated(
    engine: Engine, book: Book, world: World, tmp_path: Path
) -> None:
    other = simulated(tmp_path / "elsewhere", world, engine)
    assert other.digest == book.digest
    files = {path.relative_to(other.path).as_posix() for path in other.path.rglob("*") if path.is_file()}
    assert files == {*book.manifest.parts, "book.json"}
    other.verify()


@pytest.mark.parametrize("kind", ["request", "review"])
def test_a_matrix_is_the_same_wherever_it_is_read(
    kind: Kind, engine: Engine, book: Book, settings: Settings
) -> None:
    here, elsewhere = (whole_matrix(book, kind, settings.features, place) for place in (HERE, engine))
    pd.testing.assert_frame_equal(here.keys, elsewhere.keys)
    assert here.values.tobytes() == elsewhere.values.tobytes()


@dataclass(frozen=True)
class Explained:
    """An explanation that was made here, in a folder, and what it was made from."""

    folder: Path
    scored: stages.ScoredBook
    judged: Judged


@pytest.fixture(scope="module")
def explained(tmp_path_factory: pytest.TempPathFactory, book: Book) -> Explained:
    settings, quiet = resolved(None, SMALL), Console(quiet=True)
    requests, reviews = stages.matrices(book, settings, quiet)
    limit = stages.fit_limit(book, reviews, settings, quiet)
    release = stages.fit_release(book, requests, settings, quiet)
    scored = stages.scored_book(book, requests, reviews, limit, release, settings)
    judged = stages.judge(book, requests, reviews, scored.limit_score, scored.margin, release, settings)
    folder = tmp_path_factory.mktemp("here")
    with stages.refits_begun(scored) as refits:
        write_explanation(stages.explain(scored, judged, refits, quiet), limit, release, folder)
    return Explained(folder, scored, judged)


def test_workers_elsewhere_find_a_book_that_is_named_from_here(
    workers: Cluster, book: Book, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    here = whole_matrix(book, "request", settings.features)
    monkeypatch.chdir(book.path.parent)  # the workers stay where they were started
    relative = replace(book, path=Path(book.path.name))
    found = whole_matrix(relative, "request", settings.features, workers)
    np.testing.assert_array_equal(found.values, here.values)


@pytest.mark.parametrize("engine", ["struck", "processes"], indirect=True)
def test_an_explanation_is_the_same_bytes_wherever_it_is_made(
    engine: Engine, explained: Explained, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        "data.excerpt.BLOCK_BORROWERS", 1
    )  # several blocks of this small book's conflicts, too
    scored = explained.scored
    with stages.refits_begun(scored) as refits:
        made = stages.explain(scored, explained.judged, refits, Console(quiet=True), engine)
    out = tmp_path / "there"
    out.mkdir()
    write_explanation(made, scored.limit, scored.release, out)
    here, there = (
        {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()}
        for folder in (explained.folder, out)
    )
    assert "report.html" in here
    assert len(pd.read_parquet(explained.folder / "causes.parquet")) > 5
    assert {name for name in here | there if here.get(name) != there.get(name)} == set()


@pytest.mark.parametrize("reached", ["started", "named"])
def test_a_call_starts_its_own_workers_or_takes_those_of_a_scheduler(
    reached: str, workers: Cluster, book: Book, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)  # where the workers are not, so that the relative path must be made whole
    where = ["--scheduler", address(workers)] if reached == "named" else ["--set", "blocks.processes=1"]
    with dask.config.set({"distributed.worker.multiprocessing-method": "spawn"}):  # as without a test
        said = call("simulate", "--out", "b", "--borrowers", 300, "--seed", 5, "--engine", "dask", *where)
    assert said.exit_code == 0, said.output
    part = "draw_requests/part-00000.parquet"
    assert (tmp_path / "b" / part).read_bytes() == (book.path / part).read_bytes()


@pytest.mark.parametrize("address", ["tcp://127.0.0.1:9", "127.0.0.1", "http://127.0.0.1:9"])
def test_a_scheduler_that_cannot_be_reached_is_told_in_one_sentence(
    address: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(data.cluster, "ANSWERS_IN", 1)
    said = call("simulate", "--out", tmp_path / "b", "--engine", "dask", "--scheduler", address)
    assert said.exit_code == 2
    assert f"releasegap: No Dask scheduler can be reached at {address} (" in said.stderr
    assert not (tmp_path / "b").exists()


def test_a_scheduler_without_workers_is_told(unmanned: Cluster, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(data.cluster, "WORKERS_IN", 0.2)
    with (
        pytest.raises(CallError, match="has no workers: start some with `dask worker tcp://"),
        cluster(address(unmanned), 1),
    ):
        pass


def test_work_that_no_worker_is_left_for_ends(unmanned: Cluster, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(data.cluster, "ANSWERS_IN", 0.2)
    monkeypatch.setattr(data.cluster, "WORKERS_IN", 0.2)
    with pytest.raises(CallError, match="has no worker left"):
        list(unmanned.map_blocks(waited, [0.0]))


def test_work_that_needs_all_workers_is_not_begun_without_one(
    unmanned: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(data.cluster, "WORKERS_IN", 0.2)
    with pytest.raises(CallError, match="has no worker left"):
        unmanned.together(refused, 1, ())


def test_what_such_work_finds_wrong_comes_back_as_it_was_and_is_not_tried_again(workers: Cluster) -> None:
    begun = []

    def found_wrong(client: Client) -> None:
        begun.append(sorted(client.nthreads()))
        refused(2)

    with pytest.raises(DataFault, match=r"^Block 2 is damaged"):
        workers.together(found_wrong, 1, (OSError,))
    assert begun == [sorted(workers.client.nthreads())]


def test_workers_without_this_program_are_refused(workers: Cluster, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(data.cluster, "version", other_version)
    with (
        pytest.raises(CallError, match=r"have releasegap \d+: start them from the"),
        cluster(address(workers), 1),
    ):
        pass


def test_a_scheduler_needs_the_engine_that_it_is_for() -> None:
    parameters = BlockParameters(size=1, processes=1)
    with (
        pytest.raises(CallError, match="--scheduler tcp://there:1 is for --engine dask"),
        engine_of(parameters, "local", "tcp://there:1"),
    ):
        pass


def test_without_dask_the_call_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "distributed", None)
    with pytest.raises(CallError, match=r"pip install 'releasegap\[dask\]'"), cluster(None, 1):
        pass


def test_a_part_is_not_written_where_the_folder_of_its_book_is_not(tmp_path: Path) -> None:
    with pytest.raises(CallError, match="let them share the file system"):
        write_part(tmp_path / "gone", DATED_TABLES["outages"], 0, NO_OUTAGE)
    assert list(tmp_path.iterdir()) == []
    # In the way when it is made and no folder when it is looked at, as one that is being removed.
    (tmp_path / "outages").symlink_to("nowhere")
    with pytest.raises(CallError, match="is not there for all workers"):
        write_part(tmp_path, DATED_TABLES["outages"], 0, NO_OUTAGE)


def test_who_still_writes_when_the_work_is_given_up_leaves_nothing(tmp_path: Path) -> None:
    def written_on_and_on(folder: Path) -> None:
        while True:
            write_part(folder, DATED_TABLES["outages"], 0, NO_OUTAGE)

    def given_up(pool: ThreadPoolExecutor) -> Future[None]:
        with suppress(KeyboardInterrupt), BookWriter(tmp_path / "b") as writer:
            late = pool.submit(written_on_and_on, writer.folder)
            while not any(writer.folder.iterdir()):
                pass
            raise KeyboardInterrupt
        return late

    with ThreadPoolExecutor(1) as pool:
        assert isinstance(given_up(pool).exception(), CallError | FileNotFoundError)
    assert list(tmp_path.iterdir()) == []


def test_a_book_holds_nothing_that_a_killed_worker_left(tmp_path: Path) -> None:
    with BookWriter(tmp_path / "b") as writer:
        writer.write(DATED_TABLES["outages"], 0, NO_OUTAGE)
        (writer.folder / "outages" / ".part-00001.parquet.half").write_bytes(b"PAR1")
        writer.finish(Manifest(schema_version=1, source="simulated", blocks=1))
    assert [path.name for path in (tmp_path / "b" / "outages").iterdir()] == ["part-00000.parquet"]
