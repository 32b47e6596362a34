"""releasegap: the command line, and the only place where all parts of the workbench meet."""

from __future__ import annotations

import functools
import inspect
import json
import os
import signal
import sys
import threading
import traceback
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from data.errors import CallError, DataFault

if TYPE_CHECKING:
    import pandas as pd

    from data.blocks import BlockParameters
    from data.book import Book
    from data.parameters import Parameters
    from data.world import Simulation, World
    from explanations.explanation import Explanation
    from explanations.parameters import ExplanationParameters
    from features.matrix import Kind, Matrix
    from features.parameters import FeatureParameters
    from models.limit_model import LimitModel
    from models.parameters import ModelsParameters
    from models.release_model import ReleaseModel
    from training.from_book import Judged
    from training.parameters import TrainingParameters
    from training.tracking import Run, Store

BESIDE = Path(__file__).with_name("params.yaml")
# A wheel has no place beside a module for a data file; pyproject.toml puts it there.
DEFAULT_HOME = Path("artifacts")
PARAMETERS = BESIDE if BESIDE.is_file() else Path(sys.prefix, "share", "releasegap", "params.yaml")

app = typer.Typer(
    name="releasegap",
    help="Why the release model refuses borrowers whom the limit model favoured.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)

ParamsOption = Annotated[
    Path | None,
    typer.Option("--params", metavar="FILE", help="Parameters laid over the workbench's own params.yaml."),
]
SetOption = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="NAME=VALUE", help="One parameter, as training.seed=7; repeatable."),
]
HomeOption = Annotated[
    Path,
    typer.Option("--home", envvar="RELEASEGAP_HOME", metavar="DIR", help="Where books, runs and results go."),
]
QuietOption = Annotated[bool, typer.Option("--quiet", help="Say nothing but the result.")]
VerboseOption = Annotated[bool, typer.Option("--verbose", help="Show where an error came from.")]
JsonOption = Annotated[
    bool, typer.Option("--json", help="Print the result as one JSON object on the last line.")
]
BookOption = Annotated[Path, typer.Option("--book", metavar="BOOK", help="Folder of the book.")]
BorrowersOption = Annotated[int | None, typer.Option("--borrowers", min=1, help="Borrowers to simulate.")]
MonthsOption = Annotated[int | None, typer.Option("--months", min=3, help="Months of history to simulate.")]
SeedOption = Annotated[int | None, typer.Option("--seed", min=0, help="Another seed is another lender.")]
ScenarioOption = Annotated[
    str | None, typer.Option("--scenario", metavar="NAME", help="What happens from month 19 on.")
]


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


@dataclass
class Console:
    """What the user is told: progress and notes on standard error, the result on standard output."""

    quiet: bool = False
    verbose: bool = False
    as_json: bool = False
    _progress: Any = field(default=None, init=False)

    def note(self, text: str) -> None:
        """Tells what is going on."""
        if not self.quiet:
            print(text, file=sys.stderr, flush=True)

    def result(self, text: str, **values: object) -> None:
        """Tells what came out: the text, or with `--json` the values as one line."""
        print(json.dumps(values, ensure_ascii=False, default=str) if self.as_json else text, flush=True)

    @contextmanager
    def step(self, what: str, total: int | None = None) -> Iterator[Callable[[int], None]]:
        """A step of the work; gives a function that moves its bar to so many done."""
        if self.quiet or not sys.stderr.isatty():
            self.note(f"{what} …")
            yield lambda done: None
            return
        from rich.console import Console as Terminal
        from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

        columns = (
            TextColumn("{task.description:<44}"),
            BarColumn(),
            TimeElapsedColumn(),
            TimeRemainingColumn(),
        )
        with Progress(*columns, console=Terminal(stderr=True)) as bars:
            task = bars.add_task(what, total=total)
            yield lambda done: bars.update(task, completed=done)
            bars.update(task, total=total or 1, completed=total or 1)

    def track(self, move: Callable[[int], None]) -> Callable[[Iterable[Any], int], Iterable[Any]]:
        """Follows results as they come and moves a step's bar."""

        def followed(results: Iterable[Any], total: int) -> Iterable[Any]:
            for done, result in enumerate(results, start=1):
                move(done)
                yield result

        return followed


@dataclass(frozen=True)
class Common:
    """What every command is told besides its own arguments."""

    home: Path
    console: Console
    params: Path | None
    overrides: tuple[str, ...]

    def settings(self, *changes: str) -> Settings:
        """The resolved parameters, with what the command's own options change."""
        return _settings(self.params, [*self.overrides, *changes])


def common_options(
    params: ParamsOption = None,
    set_: SetOption = None,
    home: HomeOption = DEFAULT_HOME,
    quiet: QuietOption = False,
    verbose: VerboseOption = False,
    json_: JsonOption = False,
) -> Common:
    """The options that all commands have."""
    return Common(home, Console(quiet, verbose, json_), params, tuple(set_ or ()))


def command(name: str) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Makes a function a command: with the common options, one sentence for an error, the right exit status.

    The function's first argument is `Common`; the call's options for it are added to the function's own.
    """
    shared = inspect.signature(common_options, eval_str=True).parameters

    def made(work: Callable[..., None]) -> Callable[..., None]:
        own = list(inspect.signature(work, eval_str=True).parameters.values())[1:]

        @functools.wraps(work)
        def ended(**given: Any) -> None:
            # Idle OpenMP threads otherwise burn processors that other work could use.
            os.environ.setdefault("OMP_WAIT_POLICY", "passive")
            os.environ.setdefault("GOMP_SPINCOUNT", "0")
            # A scheduler's stop is an interruption, too: nothing may be left half-written.
            if threading.current_thread() is threading.main_thread():
                signal.signal(signal.SIGTERM, signal.default_int_handler)
            common = common_options(**{option: given.pop(option) for option in shared})
            with _told_in_one_sentence(common.console.verbose):
                work(common, **given)

        options = [
            parameter.replace(kind=inspect.Parameter.KEYWORD_ONLY) for parameter in (*own, *shared.values())
        ]
        ended.__signature__ = inspect.Signature(options)  # type: ignore[attr-defined]
        ended.__annotations__ = {option.name: option.annotation for option in options}
        app.command(name)(ended)
        return ended

    return made


@contextmanager
def _told_in_one_sentence(verbose: bool) -> Iterator[None]:
    """Ends the program on an error as users expect: a sentence and an exit status, a traceback only if asked for."""
    try:
        yield
    except (CallError, DataFault) as error:
        if verbose:
            traceback.print_exc()
        print(f"releasegap: {error}", file=sys.stderr)
        raise typer.Exit(error.exit_status) from None
    except OSError as error:
        if verbose:
            traceback.print_exc()
        where = f" ({error.filename})" if error.filename else ""
        print(
            f"releasegap: the system says: {error.strerror or error}{where}; name another place.",
            file=sys.stderr,
        )
        raise typer.Exit(CallError.exit_status) from None
    except KeyboardInterrupt:
        print("releasegap: interrupted; nothing half-written was left.", file=sys.stderr)
        raise typer.Exit(130) from None


@command("run")
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
    console = common.console
    changes = _simulation_changes(borrowers, months, seed, scenario)
    if book is not None and changes:
        raise CallError(
            "--book takes a book as it is: leave out --borrowers, --months, --seed and --scenario."
        )
    settings = common.settings(*changes)
    taken = (
        _open(book) if book is not None else _simulate(settings, _book_folder(settings, common.home), console)
    )
    out = out or common.home / "explanations" / taken.path.name
    _refuse_foreign(out)
    with _tracked("run", common.home, taken, _flat(settings, taken), console) as (store, tracked):
        requests, reviews = (_matrix(taken, kind, settings, console) for kind in ("request", "review"))
        limit = _fit_limit(taken, reviews, settings, console)
        release = _fit_release(taken, requests, settings, console)
        judged = _judge(taken, requests, reviews, limit, release, settings)
        uris = _log_models(tracked, taken, judged, limit, release)
        explanation = _explain(taken, requests, reviews, limit, release, judged, settings, console)
        _finish(explanation, limit, release, out, tracked, store, uris, common.home, console)


@command("simulate")
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
    settings = common.settings(*_simulation_changes(borrowers, months, seed, scenario))
    book = _simulate(settings, out, console)
    table = target_table(book)
    if os.environ.get("MLFLOW_RUN_ID"):
        with _tracked("simulate", common.home, book, _flat(settings, book), console) as (_, tracked):
            tracked.log_metrics(
                {f"book.{_metric_name(name)}": value for name, value in table[["name", "reached"]].values}
            )
    console.result(
        f"{as_text(table)}\n{_book_text(book)}",
        book=book.path,
        digest=book.digest,
        rows=book.manifest.rows,
        targets=table.to_dict("records"),
    )


@command("import")
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


@command("check")
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


@command("train")
def train(
    common: Common,
    what: Annotated[Literal["limit", "release", "all"], typer.Argument(help="Which model to train.")],
    book: BookOption,
) -> None:
    """Fit, calibrate, score out of time, log and register the models of a book."""
    from training.headline import headline

    console = common.console
    settings = common.settings()
    taken = _open(book)
    with _tracked(f"train {what}", common.home, taken, _flat(settings, taken), console) as (store, tracked):
        reviews = _matrix(taken, "review", settings, console) if what != "release" else None
        requests = _matrix(taken, "request", settings, console) if what != "limit" else None
        limit = _fit_limit(taken, reviews, settings, console) if reviews is not None else None
        release = _fit_release(taken, requests, settings, console) if requests is not None else None
        judged = _judge(taken, requests, reviews, limit, release, settings)
        uris = _log_models(tracked, taken, judged, limit, release)
    console.result(
        f"{headline(_metrics(judged.performance))}\nModels: {', '.join(uris.values())}\n"
        f"Run: {tracked.run_id} in {store.place}",
        models=uris,
        run=tracked.run_id,
        store=store.place,
        metrics=_metrics(judged.performance),
    )


@command("explain")
def explain(
    common: Common,
    book: BookOption,
    out: Annotated[Path, typer.Option("--out", metavar="DIR", help="Folder for the tables and the report.")],
    limit_model: Annotated[
        str | None,
        typer.Option(
            "--limit-model", metavar="URI", help="models:/NAME/VERSION, runs:/RUN/limit or a folder."
        ),
    ] = None,
    release_model: Annotated[
        str | None, typer.Option("--release-model", metavar="URI", help="The same for the release model.")
    ] = None,
) -> None:
    """Explain why the release model refuses those whom the limit model favoured; write tables and report."""
    console = common.console
    settings = common.settings()
    taken = _open(book)
    _refuse_foreign(out)
    used = {name: value for name, value in _flat(settings, taken).items() if not name.startswith(FITTED)}
    with _tracked("explain", common.home, taken, used, console) as (store, tracked):
        limit, release, uris = _load_models(store, taken, limit_model, release_model, settings)
        tracked.log_parameters(_fits(limit, release))
        requests, reviews = (_matrix(taken, kind, settings, console) for kind in ("request", "review"))
        judged = _judge(taken, requests, reviews, limit, release, settings)
        tracked.log_metrics(_metrics(judged.performance))
        explanation = _explain(taken, requests, reviews, limit, release, judged, settings, console)
        _finish(explanation, limit, release, out, tracked, store, uris, common.home, console)


@command("ui")
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


@command("bench")
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
    settings = common.settings(*_simulation_changes(borrowers, None, None, None))
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
            raise CallError(f"Cannot read the parameters {params}: {error}.") from error
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


def _fits(limit: LimitModel, release: ReleaseModel) -> dict[str, Any]:
    """What the models were fitted with, as their cards tell."""
    from data.parameters import flatten_tree

    return flatten_tree({"fit": {"limit": dict(limit.parameters), "release": dict(release.parameters)}})


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
        return explain(evidence, settings.explanations, move)


def _about(book: Book, limit: LimitModel, release: ReleaseModel, settings: Settings) -> dict[str, Any]:
    """What the summary says of book, models, parameters and versions."""
    import platform
    from importlib.metadata import version

    packages = ("lightgbm", "mlflow", "numba", "numpy", "pandas", "scikit-learn", "shap")
    manifest = book.manifest
    used = {name: value for name, value in _flat(settings, book).items() if not name.startswith(FITTED)}
    return {
        "source": manifest.source,
        "seed": manifest.seed,
        "scenario": manifest.scenario,
        "borrowers": manifest.rows["borrowers"],
        "currency": (manifest.mapping or {}).get("currency", "RMB"),
        "book_digest": book.digest,
        "models": {"limit": limit.digest, "release": release.digest},
        "parameters": used | _fits(limit, release),
        "trained_on": {"limit": limit.origin.book_digest, "release": release.origin.book_digest},
        "versions": {"python": platform.python_version(), **{name: version(name) for name in packages}},
    }


@contextmanager
def _tracked(
    name: str, home: Path, book: Book, parameters: dict[str, Any], console: Console
) -> Iterator[tuple[Store, Run]]:
    """An MLflow run that knows the book and the resolved parameters that work on it."""
    with console.step("Opening the MLflow store"):
        from training.tracking import open_store

        store = open_store(home)
    manifest = book.manifest
    tags = {"book_digest": book.digest, "book": book.path.name, "source": manifest.source}
    with store.run(f"{name} {book.path.name}", tags) as tracked:
        tracked.log_parameters(parameters | _book_facts(book))
        tracked.log_dataset(
            book.digest, book.path.name, manifest.rows["borrowers"], str(book.path), name.partition(" ")[0]
        )
        yield store, tracked


def _book_facts(book: Book) -> dict[str, Any]:
    manifest = book.manifest
    facts: dict[str, Any] = {
        "borrowers": manifest.rows["borrowers"],
        "months": manifest.months,
        "seed": manifest.seed,
    }
    facts |= {"scenario": manifest.scenario, "source": manifest.source}
    return {f"book.{name}": value for name, value in facts.items() if value is not None}


def _load_models(
    store: Store, book: Book, limit_uri: str | None, release_uri: str | None, settings: Settings
) -> tuple[LimitModel, ReleaseModel, dict[str, str]]:
    """The models that were asked for, by default the latest trained on this book."""
    from features.catalogue import catalogue_of
    from models.storage import load_limit_model, load_release_model
    from training.periods import require_same_splits
    from training.registry import fetch_model, latest_model

    limit_uri = limit_uri or latest_model(store, "limit", book.digest)
    release_uri = release_uri or latest_model(store, "release", book.digest)
    limit = load_limit_model(fetch_model(store, limit_uri))
    release = load_release_model(fetch_model(store, release_uri))
    catalogue = catalogue_of(book)
    limit.require(catalogue.limit)
    release.require(catalogue.release)
    for model in (limit, release):
        require_same_splits(model, book, settings.training)
    return limit, release, {"limit": limit_uri, "release": release_uri}


def _log_models(
    tracked: Run, book: Book, judged: Judged, limit: LimitModel | None, release: ReleaseModel | None
) -> dict[str, str]:
    """Logs metrics and registers models; gives the models' URIs."""
    import tempfile

    from models.storage import save_model

    uris: dict[str, str] = {}
    models: tuple[tuple[Literal["limit", "release"], LimitModel | ReleaseModel | None], ...] = (
        ("limit", limit),
        ("release", release),
    )
    for kind, model in models:
        if model is None:
            continue
        with tempfile.TemporaryDirectory() as folder:
            save_model(model, Path(folder))
            uris[kind] = tracked.log_booster(
                kind,
                model.booster,
                model.features,
                Path(folder),
                book_digest=book.digest,
                model_digest=model.digest,
            )
    # After the models: MLflow copies every metric that a run has already to each model logged later.
    tracked.log_metrics(_metrics(judged.performance))
    tracked.log_table(judged.performance, "performance.csv")
    if len(judged.by_decile):
        tracked.log_table(judged.by_decile, "bad_rate_by_decile.csv")
    return uris


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


def _metric_name(text: str) -> str:
    return "".join(sign if sign.isalnum() else "_" for sign in text)


def _book_text(book: Book) -> str:
    rows = book.manifest.rows
    return (
        f"Book: {book.path} ({rows['borrowers']:,} borrowers, {rows['draw_requests']:,} draw requests), "
        f"digest {book.digest[:12]}"
    )


if __name__ == "__main__":
    app(prog_name="releasegap")
