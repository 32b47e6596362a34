"""releasegap: the command line, and the only place where all parts of the workbench meet."""

from __future__ import annotations

import datetime
import json
import os
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal, ParamSpec, TypeVar

import typer

import stages
from benchmark import measured
from commandline import (
    DEFAULT_HOME,
    BookOption,
    BorrowersOption,
    Common,
    Console,
    DistributedOption,
    EngineOption,
    FromOption,
    LimitModelOption,
    MonthsOption,
    PageOption,
    ReleaseModelOption,
    RequestArgument,
    ScenarioOption,
    SchedulerOption,
    SeedOption,
    command,
)
from data.errors import CallError, DataFault
from scoring import scored_books
from settings import flat, settings_of, simulation_changes, used

if TYPE_CHECKING:
    import pandas as pd

    from data.book import Book
    from explanations.explanation import Explanation
    from explanations.scored import Scored
    from features.matrix import Kind
    from models.limit_model import LimitModel
    from models.release_model import ReleaseModel
    from training.tracking import Run, Store

P = ParamSpec("P")
T = TypeVar("T")

app = typer.Typer(
    name="releasegap",
    help="Why the release model refuses borrowers whom the limit model favoured.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)


@command(app, "run")
def run(
    common: Common,
    book: Annotated[
        Path | None, typer.Option("--book", metavar="BOOK", help="A book to take instead of simulating.")
    ] = None,
    borrowers: BorrowersOption = None,
    months: MonthsOption = None,
    seed: SeedOption = None,
    scenario: ScenarioOption = None,
    out: Annotated[
        Path | None, typer.Option("--out", metavar="DIR", help="Where the explanation goes.")
    ] = None,
    engine: EngineOption = "local",
    scheduler: SchedulerOption = None,
    distributed_training: DistributedOption = False,
) -> None:
    """The main job: simulate (or take a book), train both models, explain, report, track."""
    from data.blocks import engine_of
    from training.registry import log_models

    console = common.console
    changes = simulation_changes(borrowers, months, seed, scenario)
    if book is not None and changes:
        raise CallError(
            "--book takes a book as it is: leave out --borrowers, --months, --seed and --scenario."
        )
    settings = settings_of(common, *changes)
    with engine_of(settings.blocks, engine, scheduler) as workers:
        grow = stages.way_to_grow(workers, distributed_training, settings)
        taken = (
            stages.open_verified(book)
            if book is not None
            else stages.simulate(settings, stages.book_folder(settings, common.home), console, workers)
        )
        out = out or common.home / "explanations" / taken.path.name
        stages.refuse_foreign_explanation(out)
        store = _store(common)
        with store.run_on(taken, "run", flat(settings, taken)) as tracked:
            requests, reviews = stages.matrices(taken, settings, console, workers)
            limit = stages.fit_limit(taken, reviews, settings, console, grow)
            release = stages.fit_release(taken, requests, settings, console, grow)
            limit_score = stages.score_reviews(reviews, limit)
            margin = stages.score_requests(requests, release)
            judged = stages.judge(taken, requests, reviews, limit_score, margin, release, settings)
            uris = log_models(tracked, taken, judged, limit, release)
            explanation = stages.explain(
                taken,
                requests,
                reviews,
                limit,
                limit_score,
                release,
                margin,
                judged,
                settings,
                console,
                workers,
            )
            _finish(explanation, limit, release, out, tracked, store, uris, common.home, console)


@command(app, "simulate")
def simulate(
    common: Common,
    out: Annotated[Path, typer.Option("--out", metavar="BOOK", help="Folder of the book to make.")],
    borrowers: BorrowersOption = None,
    months: MonthsOption = None,
    seed: SeedOption = None,
    scenario: ScenarioOption = None,
    engine: EngineOption = "local",
    scheduler: SchedulerOption = None,
) -> None:
    """Make a synthetic book, and show how near it comes to the figures of a real one."""
    from data.blocks import engine_of
    from data.targets import as_text, target_table

    console = common.console
    settings = settings_of(common, *simulation_changes(borrowers, months, seed, scenario))
    with engine_of(settings.blocks, engine, scheduler) as workers:
        book = stages.simulate(settings, out, console, workers)
    table = target_table(book)
    if os.environ.get("MLFLOW_RUN_ID"):
        with _store(common).run_on(book, "simulate", flat(settings, book)) as tracked:
            tracked.log_measures("book", dict(table[["name", "reached"]].values))
    console.result(
        f"{as_text(table)}\n{_book_text(book)}",
        book=book.path,
        digest=book.digest,
        rows=book.manifest.rows,
        targets=table.to_dict("records"),
    )


@command(app, "import")
def import_(
    common: Common,
    mapping: Annotated[
        Path, typer.Argument(metavar="MAPPING.yaml", help="What the columns of the file mean.")
    ],
    file: Annotated[Path, typer.Argument(metavar="FILE", help="The lender's table (CSV or Parquet).")],
    out: Annotated[Path, typer.Option("--out", metavar="BOOK", help="Folder of the book to make.")],
) -> None:
    """Turn a lender's own table into a book."""
    from data.importing import import_book
    from data.mapping import read_mapping

    console = common.console
    with console.step(f"Importing {file.name}"):
        book = import_book(read_mapping(mapping), file, out)
    console.result(_book_text(book), book=book.path, digest=book.digest, rows=book.manifest.rows)


@command(app, "check")
def check(
    common: Common,
    book: Annotated[Path, typer.Argument(metavar="BOOK", help="Folder of the book.")],
) -> None:
    """Hold every table of a book against its schema, keys, dates and digests; one line per fault."""
    from data.book import open_book
    from data.check import faults

    console = common.console
    opened = open_book(book)
    found = []
    with console.step(f"Checking {book}"):
        for fault in faults(opened):
            found.append(fault)
            if not console.as_json:
                print(fault)
    if console.as_json:
        console.result("", book=book, faults=found)
    elif not found:
        console.result(f"{book}: no faults in {sum(opened.manifest.rows.values()):,} rows.")
    if found:
        raise DataFault(
            f"{book} has {len(found)} fault{'s' if len(found) > 1 else ''}; mend them or make the book again."
        )


@command(app, "train")
def train(
    common: Common,
    what: Annotated[Literal["limit", "release", "all"], typer.Argument(help="Which model to train.")],
    book: BookOption,
    engine: EngineOption = "local",
    scheduler: SchedulerOption = None,
    distributed_training: DistributedOption = False,
) -> None:
    """Fit, calibrate, score out of time, log and register the models of a book."""
    from data.blocks import engine_of
    from training.headline import headline
    from training.registry import log_models

    console = common.console
    settings = settings_of(common)
    taken = stages.open_verified(book)
    with engine_of(settings.blocks, engine, scheduler) as workers:
        grow = stages.way_to_grow(workers, distributed_training, settings)
        store = _store(common)
        with store.run_on(taken, f"train {what}", flat(settings, taken)) as tracked:
            wanted: dict[str, tuple[Kind, ...]] = {"limit": ("review",), "release": ("request",)}
            kinds = wanted.get(what, ("request", "review"))
            made = dict(zip(kinds, stages.matrices(taken, settings, console, workers, kinds), strict=True))
            requests, reviews = made.get("request"), made.get("review")
            limit = stages.fit_limit(taken, reviews, settings, console, grow) if reviews is not None else None
            release = (
                stages.fit_release(taken, requests, settings, console, grow) if requests is not None else None
            )
            limit_score = None if reviews is None or limit is None else stages.score_reviews(reviews, limit)
            margin = None if requests is None or release is None else stages.score_requests(requests, release)
            judged = stages.judge(taken, requests, reviews, limit_score, margin, release, settings)
            uris = log_models(tracked, taken, judged, limit, release)
    console.result(
        f"{headline(_metrics(judged.performance))}\nModels: {', '.join(uris.values())}\n"
        f"Run: {tracked.run_id} in {store.place}",
        models=uris,
        run=tracked.run_id,
        store=store.place,
        metrics=_metrics(judged.performance),
    )


@command(app, "explain")
def explain(
    common: Common,
    book: BookOption,
    out: Annotated[Path, typer.Option("--out", metavar="DIR", help="Folder for the tables and the report.")],
    limit_model: LimitModelOption = None,
    release_model: ReleaseModelOption = None,
    engine: EngineOption = "local",
    scheduler: SchedulerOption = None,
) -> None:
    """Explain why the release model refuses those whom the limit model favoured; write tables and report."""
    from data.blocks import engine_of
    from training.registry import load_models

    console = common.console
    settings = settings_of(common)
    taken = stages.open_verified(book)
    stages.refuse_foreign_explanation(out)
    store = _store(common, make=False)
    limit, release, uris = load_models(store, taken, limit_model, release_model, settings.training)
    with (
        engine_of(settings.blocks, engine, scheduler) as workers,
        store.run_on(taken, "explain", used(settings, taken, limit, release)) as tracked,
    ):
        requests, reviews = stages.matrices(taken, settings, console, workers)
        limit_score = stages.score_reviews(reviews, limit)
        margin = stages.score_requests(requests, release)
        judged = stages.judge(taken, requests, reviews, limit_score, margin, release, settings)
        tracked.log_metrics(_metrics(judged.performance))
        explanation = stages.explain(
            taken, requests, reviews, limit, limit_score, release, margin, judged, settings, console, workers
        )
        _finish(explanation, limit, release, out, tracked, store, uris, common.home, console)


@command(app, "case")
def case(
    common: Common,
    request_id: RequestArgument,
    from_: FromOption = None,
    book: Annotated[
        Path | None,
        typer.Option(
            "--book", metavar="BOOK", help="The book explained, for the time line; else one of the home's."
        ),
    ] = None,
    out: PageOption = None,
) -> None:
    """Write the page of one conflict: verdict, causes, both models' reasoning, what was visible when."""
    from data.atomic import whole_file
    from explanations.report.case_page import case_html, only_case

    console = common.console
    explanation = only_case(stages.kept_explanation(from_, common.home), request_id)
    told = explanation.timelines
    if told is None or book is not None or not (told["request_id"] == request_id).any():
        taken = stages.explained_book(explanation, book, common.home)
        explanation = replace(explanation, timelines=None)
        if taken is not None:
            explanation = stages.with_timelines(explanation, taken, console)
    out = out or common.home / "cases" / f"{request_id}.html"
    html = case_html(explanation, request_id, common.home / "cache")
    out.parent.mkdir(parents=True, exist_ok=True)
    with whole_file(out) as aside:
        aside.write_text(html, encoding="utf-8", newline="\n")
    console.result(
        f"Case: {out}", case=out, request_id=request_id, timeline=explanation.timelines is not None
    )


@command(app, "notice")
def notice(
    common: Common,
    request_id: RequestArgument,
    from_: FromOption = None,
    language: Annotated[
        Literal["en", "zh"], typer.Option("--language", help="The letter's language.")
    ] = "zh",
    lender: Annotated[
        str | None, typer.Option("--lender", metavar="NAME", help="The lender's name; else notice.lender.")
    ] = None,
    date: Annotated[
        str | None,
        typer.Option("--date", metavar="YYYY-MM-DD", help="The letter's date; else the request's."),
    ] = None,
    out: PageOption = None,
) -> None:
    """Write the letter to the borrower of one conflict: what was decided, why, what would help, whom to ask."""
    from data.atomic import whole_file
    from explanations.report.notice import notice_html, unset_parts

    console = common.console
    if date is not None:
        _require_date(date)
    parameters = settings_of(common).notice
    if lender is not None:
        parameters = parameters.model_copy(update={"lender": lender})
    explanation = stages.kept_explanation(from_, common.home)
    html = notice_html(explanation, request_id, language, parameters, date)
    out = out or common.home / "notices" / f"{request_id}-{language}.html"
    out.parent.mkdir(parents=True, exist_ok=True)
    with whole_file(out) as aside:
        aside.write_text(html, encoding="utf-8", newline="\n")
    unset = unset_parts(parameters)
    if unset:
        console.note(
            f"Not ready to be sent: set {', '.join(f'notice.{name}' for name in unset)} in the parameters."
        )
    console.result(f"Letter: {out}", notice=out, request_id=request_id, language=language, unset=unset)


@command(app, "truth")
def truth(
    common: Common,
    book: BookOption,
    out: Annotated[Path, typer.Option("--out", metavar="DIR", help="Folder for the table.")],
    limit_model: LimitModelOption = None,
    release_model: ReleaseModelOption = None,
) -> None:
    """Find the true causes of a simulated book's conflicts by living its world through again."""
    from data.atomic import whole_file
    from data.mechanisms import CAUSES, shapley_shares
    from training.registry import load_models

    console = common.console
    settings = settings_of(common)
    taken = stages.open_verified(book)
    stages.require_simulated(taken, "only a simulator can live its world through again")
    if out.is_file():
        raise CallError(f"{out} is a file: --out names the folder of the table.")
    store = _store(common, make=False)
    limit, release, _ = load_models(store, taken, limit_model, release_model, settings.training)
    with store.run_on(taken, "truth", used(settings, taken, limit, release)) as tracked:
        requests, reviews = stages.matrices(taken, settings, console)
        limit_score = stages.score_reviews(reviews, limit)
        margin = stages.score_requests(requests, release)
        decided, members = stages.cohorts(taken, requests, reviews, limit_score, release, margin, settings)
        conflicts = decided[members.conflict].reset_index(drop=True)
        kept = stages.true_conflicts_of(taken, conflicts, limit, release, settings, console)
        shares = conflicts[["request_id"]].assign(**dict(zip(CAUSES, shapley_shares(kept).T, strict=True)))
        path = out / "true_causes.parquet"
        path.parent.mkdir(parents=True, exist_ok=True)
        with whole_file(path) as aside:
            shares.to_parquet(aside, index=False, compression="zstd")
        means = {name: float(shares[name].mean()) for name in CAUSES} if len(shares) else {}
        tracked.log_metrics({f"truth.{name}": value for name, value in means.items()})
        tracked.log_artifact(path)
    said = ", ".join(f"{name.replace('_', ' ')} {value:.0%}" for name, value in means.items())
    console.result(
        f"{len(shares):,} conflicts; mean true shares: {said or 'none'}.\nWritten: {path}",
        conflicts=len(shares),
        mean_share=means,
        table=path,
    )


@command(app, "scorecard")
def scorecard(
    common: Common,
    out: Annotated[Path, typer.Option("--out", metavar="DIR", help="Folder for tables; resumed by book.")],
    seeds: Annotated[int, typer.Option("--seeds", min=1, help="How many worlds.")] = 5,
    first_seed: Annotated[int, typer.Option("--first-seed", min=0, help="Seed of the first.")] = 1001,
    scenarios: Annotated[
        str, typer.Option("--scenarios", metavar="NAMES", help="Names with commas between them, or all.")
    ] = "all",
    borrowers: BorrowersOption = 5000,
    refits: Annotated[
        int,
        typer.Option("--refits", min=0, help="Fits with other seeds, for the uncertainty of every figure."),
    ] = 2,
) -> None:
    """Score causes and features against the truth, over seeds, scenarios and fits."""
    from data.atomic import whole_file
    from explanations.scorecard import as_text, tables
    from explanations.scorecard import scorecard as scorecard_of

    console = common.console
    settings = settings_of(common, *simulation_changes(borrowers, None, None, None))
    known = list(settings.world.scenarios)
    names = known if scenarios == "all" else list(dict.fromkeys(map(str.strip, scenarios.split(","))))
    unknown = [name for name in names if name not in known]
    if unknown:
        raise CallError(f"Unknown scenario {unknown[0]!r}; known: {', '.join(known)}.")
    store = _store(common)  # first, so that one that cannot be reached costs no work
    books: list[Scored] = []
    for seed in range(first_seed, first_seed + seeds):
        books += scored_books(settings, seed, names, refits, out, console)
    rows = scorecard_of(books, settings.explanations.seed)
    written = tables(books)
    with whole_file(out / "scorecard.json") as aside:
        aside.write_text(json.dumps(rows, indent=1, allow_nan=False) + "\n", encoding="utf-8")
    for name, table in written.items():
        with whole_file(out / f"{name}.csv") as aside:
            table.to_csv(aside, index=False)
    with store.run(f"scorecard {len(books)} books", {"source": "simulated"}) as tracked:
        overall = {row["name"]: row["value"] for row in rows if row["seed"] is None and not row["scenario"]}
        tracked.log_measures("fidelity", overall)
        tracked.log_artifact(out / "scorecard.json")
        for name in written:
            tracked.log_artifact(out / f"{name}.csv")
    console.result(f"{as_text(rows)}\nWritten: {out / 'scorecard.json'}", scorecard=rows)


@command(app, "ui")
def ui(
    common: Common,
    host: Annotated[str, typer.Option("--host", help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option("--port", min=0, max=65535, help="Port; 0 takes a free one.")] = 5000,
) -> None:
    """Serve the MLflow UI on this home, and print the link that opens the latest report."""
    from training.ui import serve

    console = common.console
    console.note("Starting the MLflow UI …")
    serve(
        common.home, host, port, lambda url: console.result(f"Open {url}\n(Ctrl-C ends the server)", url=url)
    )


@command(app, "reject-inference")
def reject_inference(
    common: Common,
    book: BookOption,
    out: Annotated[Path, typer.Option("--out", metavar="FILE", help="Table of the result (CSV).")],
) -> None:
    """Judge methods of reject inference by the true outcomes of a simulated book's refused requests."""
    from data.atomic import whole_file
    from training.reject_comparison import compare_reject_inference

    console = common.console
    settings = settings_of(common)
    taken = stages.open_verified(book)
    stages.require_simulated(taken, "only a simulator knows how refused requests would have ended")
    store = _store(common)
    with store.run_on(taken, "reject-inference", flat(settings, taken)) as tracked:
        (requests,) = stages.matrices(taken, settings, console, kinds=("request",))
        with console.step("Fitting the release model with each method"):
            table = compare_reject_inference(taken, requests, settings.training, settings.models)
        out.parent.mkdir(parents=True, exist_ok=True)
        with whole_file(out) as aside:
            table.to_csv(aside, index=False)
        tracked.log_table(table, "reject_inference.csv")
    console.result(
        f"{table.to_string(index=False, float_format='{:.4f}'.format)}\nWritten: {out}",
        table=out,
        rows=json.loads(table.to_json(orient="records")),
    )


@command(app, "bench")
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
    store = _store(common)  # first, so that one that cannot be reached costs no work
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


# The steps that commands share.


def _require_date(text: str) -> None:
    """Raises CallError where a text is no date."""
    try:
        datetime.date.fromisoformat(text)
    except ValueError:
        raise CallError(f"--date {text!r} is no date; write it as 2025-07-31.") from None


def _store(common: Common, *, make: bool = True) -> Store:
    with common.console.step("Opening the MLflow store"):
        from training.tracking import open_store

        return open_store(common.home, make=make)


def _finish(
    explanation: Explanation,
    limit: LimitModel,
    release: ReleaseModel,
    out: Path,
    tracked: Run,
    store: Store,
    uris: dict[str, str],
    home: Path,
    console: Console,
) -> None:
    """Writes the explanation's folder whole, keeps it with the run, and tells what was found."""
    from data.atomic import whole_folder
    from explanations.files import REPORT, SUMMARY, TEXTS, write_explanation
    from explanations.finding import finding, finding_metrics

    found = {"run": tracked.run_id, "store": store.place, "models": uris}
    with console.step("Writing tables and report"), whole_folder(out, SUMMARY) as folder:
        figures = write_explanation(explanation, limit, release, folder, home / "cache")
        (folder / "run.json").write_text(
            json.dumps(found, indent=1, ensure_ascii=False) + "\n", encoding="utf-8"
        )
    for name in (REPORT, SUMMARY, *TEXTS):
        tracked.log_artifact(out / name)
    for name in figures:
        tracked.log_figure(out / name)
    tracked.log_table(explanation.contrast, "contrast.csv")
    counts, rates = explanation.summary["counts"], explanation.summary["bad_rates"]
    tracked.log_metrics(finding_metrics(explanation))
    tracked.log_note(finding(explanation))
    console.result(
        f"{finding(explanation)}\nReport: {out / REPORT}\nRun: {tracked.run_id} in {store.place}\n"
        f"See it in MLflow: {_ui_call(store, home)}",
        report=out / REPORT,
        folder=out,
        counts=counts,
        bad_rates=rates,
        **found,
    )


def _ui_call(store: Store, home: Path) -> str:
    """The call that shows this store."""
    if store.place == str(home.resolve()):
        return "make ui, or releasegap ui" if home == DEFAULT_HOME else f"releasegap ui --home {home}"
    return f"MLFLOW_TRACKING_URI={store.place} releasegap ui"


def _metrics(performance: pd.DataFrame) -> dict[str, float]:
    from training.metrics import metric_names

    return metric_names(performance)


def _book_text(book: Book) -> str:
    rows = book.manifest.rows
    return (
        f"Book: {book.path} ({rows['borrowers']:,} borrowers, {rows['draw_requests']:,} draw requests), "
        f"digest {book.digest[:12]}"
    )


if __name__ == "__main__":
    app(prog_name="releasegap")
