"""`releasegap compare`: two models on one book, champion against challenger."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

import stages
from commandline import BookOption, Common, Console, LimitModelOption, ReleaseModelOption
from commands.tracked import store_of
from data.errors import CallError
from data.markdown import plain_lines
from settings import settings_of, used_in_comparison

if TYPE_CHECKING:
    from data.book import Book
    from explanations.comparison.result import Comparison
    from models.logistic_scorecard import LogisticScorecard
    from training.runs import Run
    from training.tracking import Store

REPORT = "report.html"
SCORECARD_FILE = "scorecard.json"
COMPARISONS = "comparisons"
"""Folder of a home in which comparisons lie."""


def compare(
    common: Common,
    champion: Annotated[
        str,
        typer.Argument(
            metavar="CHAMPION", help="models:/NAME@ALIAS, models:/NAME/VERSION, a folder, or scorecard."
        ),
    ],
    challenger: Annotated[str, typer.Argument(metavar="CHALLENGER", help="The same for the other model.")],
    book: BookOption,
    out: Annotated[
        Path | None,
        typer.Option("--out", metavar="DIR", help="Folder for tables and page; else one in the home."),
    ] = None,
    limit_model: LimitModelOption = None,
    release_model: ReleaseModelOption = None,
) -> None:
    """Hold two models against each other: measures, swap sets, conflicts and reasons; write tables and a page."""
    from data.atomic import refuse_foreign
    from explanations.comparison.result import COMPARISON

    console = common.console
    settings = settings_of(common)
    taken = stages.open_verified(book)
    store = store_of(common)
    pair = stages.named_models(store, taken, champion, challenger, settings)
    kind = stages.kind_of(pair[0])
    beside, idle = (limit_model, release_model) if kind == "release" else (release_model, limit_model)
    if idle is not None:
        raise CallError(f"two {kind} models are compared: --{kind}-model names nothing here; leave it out.")
    if out is not None:
        refuse_foreign(out, COMPARISON)
    parameters = used_in_comparison(settings, taken, {one: each.model for one, each in _parts(pair).items()})
    with store.run_on(taken, "compare", parameters) as tracked:
        comparison, card = stages.compare(store, taken, pair, beside, settings, console)
        digests = [comparison.summary["models"][part]["digest"][:12] for part in _parts(pair)]
        folder = out or common.home / COMPARISONS / "-".join((kind, *digests))
        finish(comparison, card, taken, folder, tracked, store, common.home, console)


def finish(
    comparison: Comparison,
    card: LogisticScorecard | None,
    book: Book,
    folder: Path,
    tracked: Run,
    store: Store,
    home: Path,
    console: Console,
) -> None:
    """Writes the comparison's folder whole, keeps it with the run, and tells what was found."""
    from data.atomic import whole_folder
    from explanations.comparison.result import COMPARISON, write_tables
    from explanations.report.comparison_page import answer, write_comparison_page
    from features.catalogue import catalogue_of

    found = {"run": tracked.run_id, "store": store.place}
    with console.step("Writing tables and page"), whole_folder(folder, COMPARISON) as made:
        write_tables(comparison, made)
        if card is not None:
            (made / SCORECARD_FILE).write_text(card.text, encoding="utf-8", newline="\n")
        write_comparison_page(comparison, catalogue_of(book), made / REPORT, home / "cache")
        (made / "run.json").write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    said = "\n".join(sentence.en for sentence in answer(comparison))
    _keep(comparison, folder, said, tracked)
    console.result(
        f"{said}\nReport: {folder / REPORT}\nRun: {tracked.run_id} in {store.place}",
        report=folder / REPORT,
        folder=folder,
        counts=comparison.summary["counts"],
        metrics=_metrics(comparison),
        **found,
    )


def _parts(pair: tuple[Any, Any]) -> dict[str, Any]:
    return {"champion": pair[0], "challenger": pair[1]}


def _keep(comparison: Comparison, folder: Path, said: str, tracked: Run) -> None:
    """Keeps with a run what MLflow's pages show of a comparison."""
    from explanations.comparison.result import COMPARISON
    from explanations.files import TEXTS

    tracked.log_artifact(folder / REPORT)
    tracked.log_artifact(folder / COMPARISON)
    for name in TEXTS:
        path = folder / name
        if path.suffix == ".md":
            tracked.log_markdown(path)
        else:
            tracked.log_artifact(path)
    if (folder / SCORECARD_FILE).is_file():
        tracked.log_artifact(folder / SCORECARD_FILE)
    for name, table in comparison.tables.items():
        tracked.log_table(table, f"{name}.csv")
    tracked.log_metrics(_metrics(comparison))
    tracked.log_note(plain_lines(said))


def _metrics(comparison: Comparison) -> dict[str, float]:
    """Measures of every model and their differences, by name: `challenger.auc`, `challenger.auc.difference`."""
    told: dict[str, float] = {}
    for row in comparison.tables["metrics"].to_dict("records"):
        oracle = ".oracle" if row["population"] == "all (oracle)" else ""
        name = f"{row['model']}{oracle}.{row['metric']}"
        told |= {name: float(row["value"]), f"{name}.difference": float(row["difference"])}
    return {name: value for name, value in told.items() if value == value}
