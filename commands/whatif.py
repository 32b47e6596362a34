"""`releasegap whatif`: what another policy would do, without fitting the models anew."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

import stages
from commandline import BookOption, Common, LimitModelOption, ReleaseModelOption
from commands.tracked import store_of
from settings import given, settings_of, used

if TYPE_CHECKING:
    from training.runs import Run


def whatif(
    common: Common,
    book: BookOption,
    out: Annotated[
        Path | None,
        typer.Option(
            "--out", metavar="DIR", help="Folder for tables and page; else whatif/BOOK of the home."
        ),
    ] = None,
    limit_model: LimitModelOption = None,
    release_model: ReleaseModelOption = None,
) -> None:
    """Decide again under another policy, as --set world.policy.tight.cutoff=0.04; tell what changes."""
    from data.atomic import refuse_foreign, whole_folder
    from data.parameters import flatten_tree
    from explanations.report.whatif_page import REPORT, write_whatif
    from explanations.whatif.result import SUMMARY, finding, write_tables
    from training.registry import load_models

    console = common.console
    settings, told = settings_of(common), given(common)
    stages.require_conflicts_of_models(settings)
    taken = stages.open_verified(book)
    changed = stages.changes_of(taken, told, settings)
    folder = out or common.home / "whatif" / taken.name
    refuse_foreign(folder, SUMMARY)
    store = store_of(common)
    limit, release, uris = load_models(store, taken, limit_model, release_model, settings.training)
    parameters = used(settings, taken, limit, release)
    for group in ("economics", "whatif"):
        parameters |= flatten_tree({group: getattr(settings, group).model_dump(mode="json")})
    parameters |= {f"changed.{one.name}": one.after for one in changed}
    with store.run_on(taken, "whatif", parameters) as tracked:
        requests, reviews = stages.matrices(taken, settings, console)
        scored = stages.scored_book(taken, requests, reviews, limit, release, settings)
        found = stages.what_if(scored, changed, told, console)
        with console.step("Writing tables and page"), whole_folder(folder, SUMMARY) as aside:
            text = json.dumps(found.summary, indent=1, ensure_ascii=False, allow_nan=False)
            (aside / SUMMARY).write_text(f"{text}\n", encoding="utf-8")
            write_tables(found, aside)
            write_whatif(found, aside, common.home / "cache")
        _keep(found.summary, folder, tracked)
    console.result(
        f"{finding(found)}\nReport: {folder / REPORT}\nRun: {tracked.run_id} in {store.place}",
        report=folder / REPORT,
        folder=folder,
        run=tracked.run_id,
        store=store.place,
        models=uris,
        **{name: found.summary[name] for name in ("changes", "figures", "difference", "causes")},
    )


def _keep(summary: dict[str, Any], folder: Path, tracked: Run) -> None:
    """Keeps with the run what MLflow's pages show of a what-if."""
    from explanations.report.page import MARKDOWN
    from explanations.report.whatif_page import REPORT
    from explanations.whatif.result import SUMMARY, metrics_of

    for name in (REPORT, SUMMARY):
        tracked.log_artifact(folder / name)
    for ending in MARKDOWN.values():
        tracked.log_markdown((folder / REPORT).with_suffix(ending))
    tracked.log_metrics(metrics_of(summary))
