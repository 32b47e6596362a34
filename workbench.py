"""releasegap: the command line, and the only place where all parts of the workbench meet."""

from __future__ import annotations

import functools
import hashlib
import json
import os
import sys
from collections.abc import Iterator
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from commandline import (
    DEFAULT_HOME,
    BookOption,
    BorrowersOption,
    Common,
    Console,
    LimitModelOption,
    MonthsOption,
    ReleaseModelOption,
    ScenarioOption,
    SeedOption,
    command,
)
from data.errors import CallError, DataFault

if TYPE_CHECKING:
    import pandas as pd

    from data.blocks import BlockParameters
    from data.book import Book
    from data.parameters import Parameters
    from data.world import Simulation, World
    from explanations.explanation import Explanation
    from explanations.parameters import ExplanationParameters
    from explanations.scorecard import Scored
    from features.matrix import Kind, Matrix
    from features.parameters import FeatureParameters
    from models.boosted import Floats
    from models.limit_model import LimitModel
    from models.parameters import ModelsParameters
    from models.release_model import ReleaseModel
    from training.from_book import Judged
    from training.parameters import TrainingParameters
    from training.tracking import Run, Store

BESIDE = Path(__file__).with_name("params.yaml")
# A wheel has no place beside a module for a data file; pyproject.toml puts it there.
PARAMETERS = BESIDE if BESIDE.is_file() else Path(sys.prefix, "share", "releasegap", "params.yaml")

app = typer.Typer(
    name="releasegap",
    help="Why the release model refuses borrowers whom the limit model favoured.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)


@dataclass(frozen=True)
class Settings:
    """All parameters, resolved: params.yaml, then `--params`, then `--set`."""

    simulation: Simulation
    blocks: BlockParameters
    world: World
    features: FeatureParameters
    models: ModelsParameters
    training: TrainingParameters
    explanations: ExplanationParameters


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
) -> None:
    """The main job: simulate (or take a book), train both models, explain, report, track."""
    from training.registry import log_models

    console = common.console
    changes = _simulation_changes(borrowers, months, seed, scenario)
    if book is not None and changes:
        raise CallError(
            "--book takes a book as it is: leave out --borrowers, --months, --seed and --scenario."
        )
    settings = _settings_of(common, *changes)
    taken = (
        _open(book) if book is not None else _simulate(settings, _book_folder(settings, common.home), console)
    )
    out = out or common.home / "explanations" / taken.path.name
    _refuse_foreign(out)
    store = _store(common)
    with store.run_on(taken, "run", _flat(settings, taken)) as tracked:
        requests, reviews = (_matrix(taken, kind, settings, console) for kind in ("request", "review"))
        limit = _fit_limit(taken, reviews, settings, console)
        release = _fit_release(taken, requests, settings, console)
        judged = _judge(taken, requests, reviews, limit, release, settings)
        uris = log_models(tracked, taken, judged, limit, release)
        explanation = _explain(taken, requests, reviews, limit, release, judged, settings, console)
        _finish(explanation, limit, release, out, tracked, store, uris, common.home, console)


@command(app, "simulate")
def simulate(
    common: Common,
    out: Annotated[Path, typer.Option("--out", metavar="BOOK", help="Folder of the book to make.")],
    borrowers: BorrowersOption = None,
    months: MonthsOption = None,
    seed: SeedOption = None,
    scenario: ScenarioOption = None,
) -> None:
    """Make a synthetic book, and show how near it comes to the figures of a real one."""
    from data.targets import as_text, target_table

    console = common.console
    settings = _settings_of(common, *_simulation_changes(borrowers, months, seed, scenario))
    book = _simulate(settings, out, console)
    table = target_table(book)
    if os.environ.get("MLFLOW_RUN_ID"):
        with _store(common).run_on(book, "simulate", _flat(settings, book)) as tracked:
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
) -> None:
    """Fit, calibrate, score out of time, log and register the models of a book."""
    from training.headline import headline
    from training.registry import log_models

    console = common.console
    settings = _settings_of(common)
    taken = _open(book)
    store = _store(common)
    with store.run_on(taken, f"train {what}", _flat(settings, taken)) as tracked:
        reviews = _matrix(taken, "review", settings, console) if what != "release" else None
        requests = _matrix(taken, "request", settings, console) if what != "limit" else None
        limit = _fit_limit(taken, reviews, settings, console) if reviews is not None else None
        release = _fit_release(taken, requests, settings, console) if requests is not None else None
        judged = _judge(taken, requests, reviews, limit, release, settings)
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
) -> None:
    """Explain why the release model refuses those whom the limit model favoured; write tables and report."""
    from training.registry import load_models

    console = common.console
    settings = _settings_of(common)
    taken = _open(book)
    _refuse_foreign(out)
    store = _store(common, make=False)
    limit, release, uris = load_models(store, taken, limit_model, release_model, settings.training)
    with store.run_on(taken, "explain", _used(settings, taken, limit, release)) as tracked:
        requests, reviews = (_matrix(taken, kind, settings, console) for kind in ("request", "review"))
        judged = _judge(taken, requests, reviews, limit, release, settings)
        tracked.log_metrics(_metrics(judged.performance))
        explanation = _explain(taken, requests, reviews, limit, release, judged, settings, console)
        _finish(explanation, limit, release, out, tracked, store, uris, common.home, console)


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
    settings = _settings_of(common)
    taken = _open(book)
    if taken.manifest.source != "simulated":
        raise CallError(f"{book} is not a simulated book: only a simulator can live its world through again.")
    store = _store(common, make=False)
    limit, release, _ = load_models(store, taken, limit_model, release_model, settings.training)
    with store.run_on(taken, "truth", _used(settings, taken, limit, release)) as tracked:
        requests, reviews = (_matrix(taken, kind, settings, console) for kind in ("request", "review"))
        conflicts = _conflicts(taken, requests, reviews, limit, release, settings)
        kept = _true_conflicts(taken, conflicts, limit, release, settings, console)
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
) -> None:
    """Score the cause ledger against the truth, over seeds and scenarios."""
    from data.atomic import whole_file
    from explanations import scorecard as scoring

    console = common.console
    settings = _settings_of(common, *_simulation_changes(borrowers, None, None, None))
    known = list(settings.world.scenarios)
    names = known if scenarios == "all" else scenarios.split(",")
    unknown = [name for name in names if name not in known]
    if unknown:
        raise CallError(f"Unknown scenario {unknown[0]!r}; known: {', '.join(known)}.")
    store = _store(common)  # first, so that one that cannot be reached costs no work
    books: list[Scored] = []
    for seed in range(first_seed, first_seed + seeds):
        books += _scored(settings, seed, names, out, console)
    rows = scoring.scorecard(books, settings.explanations.seed)
    tables = {
        "confusion": scoring.confusion(books),
        "calibration": scoring.calibrations(books),
    }
    with whole_file(out / "scorecard.json") as aside:
        aside.write_text(json.dumps(rows, indent=1, allow_nan=False) + "\n", encoding="utf-8")
    for name, table in tables.items():
        with whole_file(out / f"{name}.csv") as aside:
            table.to_csv(aside, index=False)
    with store.run(f"scorecard {len(books)} books", {"source": "simulated"}) as tracked:
        overall = {row["name"]: row["value"] for row in rows if row["seed"] is None and not row["scenario"]}
        tracked.log_measures("fidelity", overall)
        tracked.log_artifact(out / "scorecard.json")
        for name in tables:
            tracked.log_artifact(out / f"{name}.csv")
    console.result(f"{scoring.as_text(rows)}\nWritten: {out / 'scorecard.json'}", scorecard=rows)


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
    settings = _settings_of(common)
    taken = _open(book)
    requests = _matrix(taken, "request", settings, console)
    with console.step("Fitting the release model with each method"):
        table = compare_reject_inference(taken, requests, settings.training, settings.models)
    out.parent.mkdir(parents=True, exist_ok=True)
    with whole_file(out) as aside:
        table.to_csv(aside, index=False)
    console.result(
        f"{table.to_string(index=False, float_format='{:.4f}'.format)}\nWritten: {out}",
        table=out,
        rows=json.loads(table.to_json(orient="records")),
    )


@command(app, "bench")
def bench(
    common: Common,
    borrowers: BorrowersOption = None,
) -> None:
    """Measure each stage of the main job, and the contrast against the shap package, in one run."""
    import tempfile

    from data.atomic import whole_file
    from explanations.benchmark import contrast_against_shap
    from training.stopwatch import Stopwatch, as_text

    console = common.console
    settings = _settings_of(common, *_simulation_changes(borrowers, None, None, None))
    watch = Stopwatch()
    with tempfile.TemporaryDirectory(prefix="releasegap-") as folder:
        months = settings.simulation.borrowers * settings.simulation.months
        with watch.stage("simulate", months, "borrower-months"):
            book = _simulate(settings, Path(folder) / "book", console)
        matrices = []
        tables: tuple[tuple[Kind, str], ...] = (("request", "draw_requests"), ("review", "limit_reviews"))
        for kind, table in tables:
            with watch.stage(f"{kind} features", book.manifest.rows[table], "rows"):
                matrices.append(_matrix(book, kind, settings, console))
        requests, reviews = matrices
        with watch.stage("fit limit", len(reviews.values), "rows"):
            limit = _fit_limit(book, reviews, settings, console)
        with watch.stage("fit release", len(requests.values), "rows"):
            release = _fit_release(book, requests, settings, console)
        judged = _judge(book, requests, reviews, limit, release, settings)
        with watch.stage("explain", len(requests.values), "rows"):
            _explain(book, requests, reviews, limit, release, judged, settings, console)
    rows = watch.rows() + contrast_against_shap(release.booster, requests.values)
    with whole_file(common.home / "bench.json") as aside:
        aside.write_text(json.dumps(rows, indent=1) + "\n", encoding="utf-8")
    console.result(f"{as_text(rows)}\nWritten: {common.home / 'bench.json'}", bench=rows)


# The steps that commands share.


def _settings_of(common: Common, *changes: str) -> Settings:
    """The resolved parameters of a call, with what the command's own options change."""
    return _settings(common.params, [*common.overrides, *changes])


def _settings(params: Path | None, overrides: list[str]) -> Settings:
    """The resolved parameters."""
    from data.parameters import merge, read_parameters
    from data.yaml_tree import parse

    tree = parse(PARAMETERS.read_text(encoding="utf-8"), PARAMETERS.name)
    source = PARAMETERS.name
    if params is not None:
        try:
            text = params.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            reason = getattr(error, "strerror", None) or error
            raise CallError(f"Cannot read the parameters {params}: {reason}; name another file.") from error
        tree, source = merge(tree, parse(text, str(params))), str(params)
    groups = read_parameters(_groups(), tree, overrides, source)
    return Settings(**{group.name: getattr(groups, group.name) for group in fields(Settings)})


@functools.cache
def _groups() -> type[Parameters]:
    """The model that params.yaml is held against; made here, since pydantic is not needed for `--help`."""
    from pydantic import create_model

    from data.blocks import BlockParameters
    from data.parameters import Parameters
    from data.world import Simulation, World
    from explanations.parameters import ExplanationParameters
    from features.parameters import FeatureParameters
    from models.parameters import ModelsParameters
    from training.parameters import TrainingParameters

    groups: dict[str, Any] = {
        "simulation": (Simulation, ...),
        "blocks": (BlockParameters, ...),
        "world": (World, ...),
        "features": (FeatureParameters, ...),
        "models": (ModelsParameters, ...),
        "training": (TrainingParameters, ...),
        "explanations": (ExplanationParameters, ...),
    }
    return create_model("Groups", __base__=Parameters, **groups)


def _flat(settings: Settings, book: Book) -> dict[str, Any]:
    """Every parameter of the call that has a part in work on this book, under its dotted name.

    The world's are those that the book was simulated with, whatever the call says now.
    """
    from data.parameters import flatten, flatten_tree

    groups = ("features", "models", "training", "explanations")
    flat = {
        f"{group}.{name}": value
        for group in groups
        for name, value in flatten(getattr(settings, group)).items()
    }
    if book.manifest.source == "simulated":
        flat |= flatten_tree({"world": book.manifest.parameters})
    return flat


FITTED = ("training.", "models.calibration.")
"""Parameters of fits: of models that were not fitted in this call, their cards tell them."""


def _used(settings: Settings, book: Book, limit: LimitModel, release: ReleaseModel) -> dict[str, Any]:
    """Every parameter behind an explanation: what the models were fitted with stands as their cards tell."""
    from data.parameters import flatten_tree

    used = {name: value for name, value in _flat(settings, book).items() if not name.startswith(FITTED)}
    fits = {"limit": dict(limit.parameters), "release": dict(release.parameters)}
    return used | flatten_tree({"fit": fits})


def _simulation_changes(
    borrowers: int | None, months: int | None, seed: int | None, scenario: str | None
) -> list[str]:
    """Options of a call as changes of parameters."""
    given = {
        "borrowers": borrowers,
        "months": months,
        "seed": seed,
        "scenario": scenario and json.dumps(scenario),
    }
    return [f"simulation.{name}={value}" for name, value in given.items() if value is not None]


def _open(path: Path) -> Book:
    from data.book import open_book

    book = open_book(path)
    book.verify()
    return book


def _refuse_foreign(out: Path) -> None:
    from data.atomic import refuse_foreign
    from explanations.files import SUMMARY

    refuse_foreign(out, SUMMARY)


def _book_folder(settings: Settings, home: Path) -> Path:
    made = settings.simulation
    return home / "books" / f"{made.scenario}-{made.borrowers}x{made.months}-seed{made.seed}"


def _simulate(settings: Settings, out: Path, console: Console) -> Book:
    from data.simulate import simulate_book

    made, blocks = settings.simulation, settings.blocks
    count = -(-made.borrowers // blocks.size)
    with console.step(f"Simulating {made.borrowers:,} borrowers, {made.months} months", count) as move:
        return simulate_book(
            out=out,
            borrowers=made.borrowers,
            months=made.months,
            seed=made.seed,
            scenario=made.scenario,
            world=settings.world,
            block_size=blocks.size,
            processes=blocks.processes_for(count),
            track=console.track(move),
        )


def _matrix(book: Book, kind: Kind, settings: Settings, console: Console) -> Matrix:
    from features.matrix import whole_matrix

    with console.step(f"Reading what was visible at each {kind}", book.blocks) as move:
        processes = settings.blocks.processes_for(book.blocks)
        return whole_matrix(book, kind, settings.features, processes, console.track(move))


def _fit_limit(book: Book, reviews: Matrix, settings: Settings, console: Console) -> LimitModel:
    from training.from_book import fit_limit_on

    with console.step("Fitting the limit model", settings.training.limit.rounds) as move:
        return fit_limit_on(book, reviews, settings.training, lambda done, most, score: move(done))


def _fit_release(book: Book, requests: Matrix, settings: Settings, console: Console) -> ReleaseModel:
    from training.from_book import fit_release_on

    with console.step("Fitting the release model", settings.training.release.rounds) as move:
        return fit_release_on(
            book, requests, settings.training, settings.models, lambda done, most, score: move(done)
        )


def _judge(
    book: Book,
    requests: Matrix | None,
    reviews: Matrix | None,
    limit: LimitModel | None,
    release: ReleaseModel | None,
    settings: Settings,
) -> Judged:
    from training.from_book import judge

    return judge(book, requests, reviews, limit, release, settings.training)


def _explain(
    book: Book,
    requests: Matrix,
    reviews: Matrix,
    limit: LimitModel,
    release: ReleaseModel,
    judged: Judged,
    settings: Settings,
    console: Console,
) -> Explanation:
    from explanations.cause_tables import with_causes
    from explanations.explain import Evidence, explain
    from features.catalogue import catalogue_of
    from models.decisions import decide_requests
    from training.labels import observed_bad, oracle_bad
    from training.periods import request_splits, review_splits
    from training.splits import CALIBRATION, OUT_OF_TIME, OUTSIDE

    split = request_splits(book, requests.keys, settings.training)
    decided = decide_requests(book, requests, reviews, limit, release, split == CALIBRATION, settings.models)
    evidence = Evidence(
        decided=decided,
        requests=requests,
        reviews=reviews,
        out_of_time=split == OUT_OF_TIME,
        limit_background=review_splits(book, reviews.keys, settings.training) != OUTSIDE,
        observed_bad=observed_bad(book, requests.keys["request_id"]),
        oracle_bad=oracle_bad(book, requests.keys["request_id"]),
        limit=limit,
        release=release,
        catalogue=catalogue_of(book),
        performance=judged.performance,
        reliability=judged.reliability,
        about=_about(book, limit, release, settings),
    )
    trees = limit.booster.num_trees() + release.booster.num_trees()
    with console.step("Explaining every conflict", trees) as move:
        explanation = explain(evidence, settings.explanations, move)
    causes = _causes(book, reviews, limit, release, explanation, settings, console)
    audit = _lag_audit(book, decided, limit, release, explanation, settings, console)
    return with_causes(explanation, causes, audit, settings.explanations)


def _causes(
    book: Book,
    reviews: Matrix,
    limit: LimitModel,
    release: ReleaseModel,
    explanation: Explanation,
    settings: Settings,
    console: Console,
) -> pd.DataFrame | None:
    """The cause ledger of the conflicts; None where the book does not let causes be told apart."""
    from explanations.causes import SCENES, Ledger

    if not book.dated:
        return None
    ledger = Ledger(book, reviews, limit, release, settings.features, settings.models, settings.explanations)
    with console.step("Splitting every conflict into its causes", SCENES) as move:
        return ledger.shares(explanation.conflicts["request_id"].to_numpy(), move)


def _lag_audit(
    book: Book,
    decided: pd.DataFrame,
    limit: LimitModel,
    release: ReleaseModel,
    explanation: Explanation,
    settings: Settings,
    console: Console,
) -> pd.DataFrame | None:
    """The conflicts scored again with one stream fresh at a time; None where the book has no dates."""
    from data.schema import STREAMS
    from explanations.lag_audit import lag_audit

    if not book.dated or not len(explanation.conflicts):
        return None
    conflicts = decided[decided["request_id"].isin(explanation.conflicts["request_id"])]
    with console.step("Scoring again on fresh data", len(STREAMS)) as move:
        return lag_audit(
            book,
            conflicts.reset_index(drop=True),
            limit,
            release,
            settings.features,
            settings.models,
            move,
        )


def _conflicts(
    book: Book,
    requests: Matrix,
    reviews: Matrix,
    limit: LimitModel,
    release: ReleaseModel,
    settings: Settings,
) -> pd.DataFrame:
    """Decisions of both models on the conflicts of a book, out of time; `row` is the request's place."""
    from explanations.cohorts import cohorts_of
    from models.decisions import decide_requests
    from training.periods import request_splits
    from training.splits import CALIBRATION, OUT_OF_TIME

    split = request_splits(book, requests.keys, settings.training)
    decided = decide_requests(book, requests, reviews, limit, release, split == CALIBRATION, settings.models)
    conflict = cohorts_of(decided, split == OUT_OF_TIME).conflict
    return decided.assign(row=range(len(decided)))[conflict].reset_index(drop=True)


def _true_conflicts(
    book: Book,
    conflicts: pd.DataFrame,
    limit: LimitModel,
    release: ReleaseModel,
    settings: Settings,
    console: Console,
) -> Floats:
    """K of each conflict in the worlds of every subset of mechanisms."""
    from explanations.truth import WORLDS, true_conflicts

    ids = conflicts["request_id"].to_numpy()
    with console.step("Living the world through again", WORLDS) as move:
        return true_conflicts(book, ids, limit, release, settings.features, settings.models, move)


def _scored(
    settings: Settings, seed: int, scenarios: list[str], out: Path, console: Console
) -> Iterator[Scored]:
    """Each scenario of one world with the truth and the ledger's answer, kept in a file each.

    All are explained with the models of the baseline: those that the lender had when the scenario began.
    """
    import tempfile

    from explanations import scorecard as scoring

    made = _of_world(settings, seed, "baseline")
    # Books of other parameters are not taken for these.
    groups = {part.name: getattr(made, part.name).model_dump(mode="json") for part in fields(Settings)}
    key = hashlib.sha256(json.dumps(groups, sort_keys=True).encode()).hexdigest()[:12]
    paths = {name: out / "books" / f"{name}-seed{seed}-{key}.parquet" for name in scenarios}
    models = None
    for name, path in paths.items():
        if not path.is_file():
            with tempfile.TemporaryDirectory(prefix="releasegap-") as folder:
                world = _of_world(settings, seed, name)
                book = _simulate(world, Path(folder) / "book", console)
                requests, reviews = (_matrix(book, kind, world, console) for kind in ("request", "review"))
                if models is None:
                    models = _baseline_models(world, seed, book, requests, reviews, Path(folder), console)
                path.parent.mkdir(parents=True, exist_ok=True)
                scoring.save(_score_book(book, requests, reviews, *models, world, console), path)
        yield scoring.load(path, seed, name)


def _of_world(settings: Settings, seed: int, scenario: str) -> Settings:
    made = settings.simulation.model_copy(update={"seed": seed, "scenario": scenario})
    return replace(settings, simulation=made)


def _baseline_models(
    settings: Settings,
    seed: int,
    book: Book,
    requests: Matrix,
    reviews: Matrix,
    folder: Path,
    console: Console,
) -> tuple[LimitModel, ReleaseModel]:
    """The models of a world's baseline; from the book at hand where that is it."""
    if settings.simulation.scenario != "baseline":
        settings = _of_world(settings, seed, "baseline")
        book = _simulate(settings, folder / "baseline", console)
        requests, reviews = (_matrix(book, kind, settings, console) for kind in ("request", "review"))
    return _fit_limit(book, reviews, settings, console), _fit_release(book, requests, settings, console)


def _score_book(
    book: Book,
    requests: Matrix,
    reviews: Matrix,
    limit: LimitModel,
    release: ReleaseModel,
    settings: Settings,
    console: Console,
) -> Scored:
    """The conflicts of a simulated book with the truth and the ledger's answer."""
    from explanations import scorecard as scoring
    from explanations.causes import SCENES, Ledger

    conflicts = _conflicts(book, requests, reviews, limit, release, settings)
    ids = conflicts["request_id"].to_numpy()
    ledger = Ledger(book, reviews, limit, release, settings.features, settings.models, settings.explanations)
    with console.step("Splitting every conflict into its causes", SCENES) as move:
        said = ledger.conflicts(ids, move)
    kept = _true_conflicts(book, conflicts, limit, release, settings, console)
    return scoring.scored(book, conflicts, requests, reviews, said, kept)


def _store(common: Common, *, make: bool = True) -> Store:
    with common.console.step("Opening the MLflow store"):
        from training.tracking import open_store

        return open_store(common.home, make=make)


def _about(book: Book, limit: LimitModel, release: ReleaseModel, settings: Settings) -> dict[str, Any]:
    """What the summary says of book, models, parameters and versions."""
    import platform
    from importlib.metadata import version

    packages = ("lightgbm", "mlflow", "numba", "numpy", "pandas", "scikit-learn", "shap")
    manifest = book.manifest
    return {
        "source": manifest.source,
        "seed": manifest.seed,
        "scenario": manifest.scenario,
        "borrowers": manifest.rows["borrowers"],
        "currency": (manifest.mapping or {}).get("currency", "RMB"),
        "book_digest": book.digest,
        "models": {"limit": limit.digest, "release": release.digest},
        "parameters": _used(settings, book, limit, release),
        "trained_on": {"limit": limit.origin.book_digest, "release": release.origin.book_digest},
        "versions": {"python": platform.python_version(), **{name: version(name) for name in packages}},
    }


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
    from explanations.files import REPORT, SUMMARY, write_explanation
    from explanations.finding import finding, finding_metrics

    found = {"run": tracked.run_id, "store": store.place, "models": uris}
    with console.step("Writing tables and report"), whole_folder(out, SUMMARY) as folder:
        figures = write_explanation(explanation, limit, release, folder)
        (folder / "run.json").write_text(
            json.dumps(found, indent=1, ensure_ascii=False) + "\n", encoding="utf-8"
        )
    for name in (REPORT, SUMMARY):
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
