"""Several processes on one fresh home at once: nothing broken, no run lost, nothing mixed."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tests.faults.children import asked
from tests.faults.kills import a_book
from tests.faults.lender import FAST, Lender, temporaries

ROOT = Path(__file__).parents[2]
PATIENCE = 500
"""Seconds after which processes that have not ended count as lost."""


def eight(folder: Path) -> dict[str, Any]:
    """Three trainings, two tunings, two explanations and the UI, started at the same moment on a home that is new."""
    return together(folder, trainings=3, tunings=("limit", "release"), explanations=2, ui=True)


def three(folder: Path) -> dict[str, Any]:
    """Two trainings and an explanation: what the test suite has time for."""
    return together(folder, trainings=2, tunings=(), explanations=1, ui=False)


def together(
    folder: Path, trainings: int, tunings: Sequence[str], explanations: int, ui: bool
) -> dict[str, Any]:
    """So many processes of each kind at once; what was lost by it.

    Each training has another seed, so that its models are told from those of the others. Explanations and the UI are
    called again while there is nothing to explain or to show.
    """
    folder.mkdir(parents=True)
    lender = Lender(folder)
    temporaries(lender)
    a_book(lender)
    calls: dict[str, list[object]] = {}
    for number in range(trainings):
        calls[f"train {number}"] = [*lender.train(), "--set", f"training.seed={number + 1}"]
    for what in tunings:
        words: list[object] = [
            "tune",
            what,
            "--book",
            lender.book,
            "--home",
            lender.home,
            "--trials",
            2,
            "--quiet",
        ]
        calls[f"tune {what}"] = words
    for number in range(explanations):
        out = folder / f"explanation {number}"
        calls[f"explain {number}"] = [
            "explain",
            "--book",
            lender.book,
            "--out",
            out,
            "--home",
            lender.home,
            "--quiet",
        ]
    if ui:
        calls["ui"] = ["ui", "--home", lender.home, "--port", "0"]
    lost = _run(calls, folder)
    lost += asked(_found, lender, trainings, len(tunings), explanations, log=lender.log)
    return {"tried": len(calls), "lost": lost}


def _run(calls: dict[str, list[object]], folder: Path) -> list[str]:
    """Starts all at once, as users do; the UI is ended when it has shown its link and all others have ended."""
    lost, deadline = list[str](), time.monotonic() + PATIENCE
    running = {name: _started(words, folder / f"{name}.txt") for name, words in calls.items()}
    shown = "ui" not in calls
    while running.keys() - {"ui"} or not shown:
        if time.monotonic() > deadline:
            lost += [f"{name} did not end within {PATIENCE} s" for name in running]
            break
        time.sleep(0.2)
        for name, process in list(running.items()):
            said = (folder / f"{name}.txt").read_text(encoding="utf-8", errors="replace")
            shown = shown or (name == "ui" and "http://" in said)
            if process.poll() is None:
                continue
            if process.returncode == 2 and (
                "no limit model" in said or "no release model" in said or "no runs yet" in said
            ):
                running[name] = _started(calls[name], folder / f"{name}.txt")  # there was nothing to read yet
                continue
            del running[name]
            if process.returncode:
                lost.append(f"{name} ended with {process.returncode}: {said[-600:]}")
                shown = shown or name == "ui"
    for process in running.values():
        process.terminate()
        process.wait(60)
    return lost


def _started(words: list[object], log: Path) -> subprocess.Popen[bytes]:
    own = [] if words[0] == "ui" else [f"--set={change}" for change in FAST]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    with log.open("wb") as output:
        return subprocess.Popen(
            [sys.executable, "-m", "workbench", *map(str, words), *own],
            cwd=ROOT,
            env=environment,
            stdout=output,
            stderr=subprocess.STDOUT,
        )


def _found(lender: Lender, trainings: int, tunings: int, explanations: int) -> list[str]:
    """What is wrong with a home in which so many have worked at once."""
    from data.book import open_book
    from explanations.files import read_explanation
    from tests.faults.kills import models_found, store_of

    lost = list[str]()
    store = store_of(lender)
    runs = store.client.search_runs([store.experiment_id], max_results=1000)
    heads = [run for run in runs if "mlflow.parentRunId" not in run.data.tags]
    if len(heads) != trainings + tunings + explanations:
        lost.append(f"{len(heads)} runs of {trainings + tunings + explanations}")
    lost += [f"run {run.info.run_name} is {run.info.status}" for run in runs if run.info.status != "FINISHED"]
    of_training: dict[str, set[str]] = {}
    versions = store.client.search_model_versions(max_results=1000)
    if len(versions) != 3 * trainings:
        lost.append(f"{len(versions)} versions of {3 * trainings}")
    made: dict[str, str] = {}
    for version in versions:
        run = store.client.get_run(version.run_id)
        head = run.data.tags.get("mlflow.parentRunId", run.info.run_id)
        of_training.setdefault(head, set()).add(f"{version.name}/{version.version}")
        made[f"models:/{version.name}/{version.version}"] = head
    for version in versions:
        if version.name.endswith("decision"):
            pair = {made[version.tags[f"{kind}_model"]] for kind in ("limit", "release")}
            if len(pair) != 1:
                lost.append(f"decision model {version.version} is of two trainings")
    if any(len({name.split("/")[1] for name in names}) != 1 for names in of_training.values()):
        lost.append(f"versions of trainings are mixed: {sorted(map(sorted, of_training.values()))}")
    models_found(lender)
    for number in range(explanations):
        folder = lender.folder / f"explanation {number}"
        told = json.loads((folder / "run.json").read_text(encoding="utf-8"))
        if len({made[uri] for uri in told["models"].values()}) != 1:
            lost.append(f"explanation {number} is of models of two trainings: {told['models']}")
        if read_explanation(folder).summary["book_digest"] != open_book(lender.book).digest:
            lost.append(f"explanation {number} is of another book")
    return lost
