"""`releasegap reproduce`: a run made again is the same, and where it is not, what differs is named."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from data.book import Book
from tests.commands.calls import CALL_WRONG, SMALL, WORK_WRONG, answer, call, refused
from tests.faults.clients import write_clients
from training.run_record import DIGEST
from training.tracking import open_store


@pytest.fixture(scope="module")
def clients(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path, str]:
    """A home, an imported book, and the run of the main job on it."""
    folder = tmp_path_factory.mktemp("clients")
    write_clients(str(folder), 4_000, 10)
    answer(
        call("import", folder / "mapping.yaml", folder / "clients.csv", "--out", folder / "book", "--json")
    )
    told = answer(call("run", "--book", folder / "book", "--home", folder / "home", "--json", *SMALL))
    return folder / "home", folder / "book", str(told["run"])


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory, small_book: Book) -> tuple[Path, str]:
    """A home, and the run of a training on a simulated book."""
    home = tmp_path_factory.mktemp("home")
    told = answer(call("train", "release", "--book", small_book.path, "--home", home, "--json", *SMALL))
    return home, str(told["run"])


def results(told: dict[str, Any]) -> dict[str, bool]:
    return {row["name"]: row["same"] for row in told["results"]}


def test_the_main_job_made_again_gives_the_same_models_and_the_same_report(
    clients: tuple[Path, Path, str],
) -> None:
    home, book, run = clients
    told = answer(call("reproduce", run, "--book", book, "--home", home, "--json"))
    names = {
        "book",
        "features at each request",
        "features at each review",
        "limit model",
        "release model",
        "report",
    }
    assert results(told) == dict.fromkeys(names, True)
    assert (told["same"], told["differences"]) == (True, [])


def test_a_simulated_book_is_made_again_with_any_number_of_processes(trained: tuple[Path, str]) -> None:
    home, run = trained
    told = answer(call("reproduce", run, "--home", home, "--json", "--set", "blocks.processes=1"))
    assert results(told) == dict.fromkeys(("book", "features at each request", "release model"), True)


def test_another_parameter_is_named_with_what_came_out_otherwise(trained: tuple[Path, str]) -> None:
    home, run = trained
    ended = call("reproduce", run, "--home", home, "--json", "--set", "training.release.max_depth=2")
    refused(ended, WORK_WRONG, "release model", "training.release.max_depth", "2 now")
    told = json.loads(ended.stdout.splitlines()[-1])
    assert results(told) == {"book": True, "features at each request": True, "release model": False}


def test_other_code_and_another_machine_are_named(trained: tuple[Path, str]) -> None:
    home, run = trained
    client = open_store(home).client
    before = client.get_run(run).data.tags
    machine = json.loads(before["machine"]) | {"lightgbm": "0.1"}
    changed = {"code_digest": "a" * 64, "machine": json.dumps(machine), f"{DIGEST}release model": "b" * 64}
    try:
        for name, value in changed.items():
            client.set_tag(run, name, value)
        ended = call("reproduce", run, "--home", home)
        refused(ended, WORK_WRONG, "release model", "the code (digest aaaaaaaaaaaa", "lightgbm 0.1 then")
    finally:
        for name in changed:
            client.set_tag(run, name, before[name])


def test_what_cannot_be_made_again_is_said(
    clients: tuple[Path, Path, str], trained: tuple[Path, str]
) -> None:
    home, _, run = clients
    refused(call("reproduce", run, "--home", home), CALL_WRONG, "--book")
    refused(call("reproduce", "f" * 32, "--home", home), CALL_WRONG, "no run")
    store = open_store(home)
    stage = store.client.search_runs(
        [store.experiment_id], f"tags.`mlflow.parentRunId` = '{run}'", max_results=1
    )[0]
    refused(call("reproduce", stage.info.run_id, "--home", home), CALL_WRONG, "only runs of")
    with store.run("train all", {"stage": "train all"}) as under_way:
        refused(
            call("reproduce", under_way.run_id, "--home", home), CALL_WRONG, "has not ended well (RUNNING)"
        )
