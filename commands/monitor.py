"""`releasegap monitor`: a later period held against the one in which the models were judged."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

import stages
from commandline import BookOption, Common, EngineOption, SchedulerOption
from commands.tracked import store_of
from data.errors import CallError, DataFault
from data.markdown import plain_lines
from settings import settings_of

if TYPE_CHECKING:
    from models.limit_model import LimitModel
    from models.release_model import ReleaseModel
    from training.runs import Run
    from training.tracking import Store

MONITOR = "monitor.json"


def monitor(
    common: Common,
    book: BookOption,
    against: Annotated[
        str,
        typer.Option("--against", metavar="RUN|DIR", help="Run of `run` or `explain`, or its folder."),
    ],
    until: Annotated[
        str | None,
        typer.Option(
            "--until", metavar="DATE", help="Last day as YYYY-MM-DD; else that of the book's history."
        ),
    ] = None,
    out: Annotated[
        Path | None, typer.Option("--out", metavar="DIR", help="Folder of the result; else one in the home.")
    ] = None,
    engine: EngineOption = "local",
    scheduler: SchedulerOption = None,
) -> None:
    """Hold a book's last months against an explanation; exit status 1 where a threshold is passed."""
    from data.atomic import refuse_foreign, whole_folder
    from data.blocks import engine_of
    from data.parameters import flatten
    from explanations.report.monitor_page import REPORT, passed_sentences, write_monitor
    from features.catalogue import catalogue_of

    console = common.console
    settings = settings_of(common)
    taken = stages.open_verified(book)
    day = stages.day_of(taken, until, "--until") if taken.dated or until is not None else None
    out = out or common.home / "monitoring" / taken.name
    refuse_foreign(out, MONITOR)
    store = store_of(common)
    before, limit, release = _judged(against, store)
    catalogue = catalogue_of(taken)
    try:
        limit.require(catalogue.limit)
        release.require(catalogue.release)
    except DataFault as fault:
        raise CallError(f"--against {against} explains a book of another kind. {fault}") from fault
    parameters = {f"monitoring.{name}": value for name, value in flatten(settings.monitoring).items()}
    with (
        engine_of(settings.blocks, engine, scheduler) as workers,
        store.run_on(taken, "monitor", parameters) as tracked,
    ):
        seen = stages.monitor(taken, day, before, limit, release, settings, console, workers)
        found = _told(seen)
        sentences = [text.en for text in passed_sentences(found, catalogue)]
        with console.step("Writing table and page"), whole_folder(out, MONITOR) as folder:
            text = json.dumps(found, indent=1, ensure_ascii=False, sort_keys=True, allow_nan=False)
            (folder / MONITOR).write_text(f"{text}\n", encoding="utf-8", newline="\n")
            write_monitor(found, catalogue, folder, common.home / "cache")
        _keep(found, sentences, out, tracked)
    passed = [_name(row) for row in found["checks"] if row["state"] == "passed"]
    said = "\n".join(sentences) or "No figure has passed its threshold."
    console.result(
        f"{said}\nReport: {out / REPORT}\nRun: {tracked.run_id} in {store.place}",
        report=out / REPORT,
        folder=out,
        passed=passed,
        checks=found["checks"],
        run=tracked.run_id,
        store=store.place,
    )
    if passed:
        many = "1 threshold is" if len(passed) == 1 else f"{len(passed)} thresholds are"
        raise DataFault(f"{many} passed ({', '.join(passed)}); see {out / REPORT}.")


def _judged(against: str, store: Store) -> tuple[dict[str, Any], LimitModel, ReleaseModel]:
    """What was kept of the period in which the models were judged, and these models.

    Raises:
        CallError: There is no such folder or run, or it kept nothing to be held against.
    """
    from explanations.files import BASELINE, explained_models, read_explanation
    from training.registry import judged_models

    folder = Path(against)
    if folder.is_dir():
        explanation = read_explanation(folder)
        if explanation.baseline is None:
            raise CallError(f"{folder} has no {BASELINE}; make it again with `releasegap explain`.")
        return explanation.baseline, *explained_models(folder, explanation)
    return judged_models(store, against, BASELINE)


def _told(seen: stages.Monitored) -> dict[str, Any]:
    """What `monitor.json` holds."""
    from explanations.json_numbers import finite_row

    return seen.about | {"checks": [finite_row(asdict(one)) | {"state": one.state} for one in seen.checks]}


def _name(row: dict[str, Any]) -> str:
    """A check by its parameter and what it is of: `csi release bureau_lenders`."""
    return " ".join(part for part in (row["check"], row["model"], row["subject"]) if part)


def _keep(found: dict[str, Any], sentences: list[str], folder: Path, tracked: Run) -> None:
    """Keeps with the run what MLflow's pages show of it."""
    from explanations.report.monitor_page import REPORT
    from explanations.report.page import MARKDOWN

    for name in (REPORT, MONITOR):
        tracked.log_artifact(folder / name)
    for ending in MARKDOWN.values():
        tracked.log_markdown((folder / REPORT).with_suffix(ending))
    for kind in ("psi", "csi", "calibration", "auc", "conflicts", "delay", "silence"):
        rows = [row for row in found["checks"] if row["check"] == kind]
        measured = {" ".join(_name(row).split(" ")[1:]) or "now": row["now"] for row in rows}
        tracked.log_measures(f"monitor.{kind}", measured)
    passed = sum(row["state"] == "passed" for row in found["checks"])
    tracked.log_measures("monitor", {"passed": passed})
    tracked.log_note(plain_lines("\n".join(sentences)) or "No figure has passed its threshold.")
