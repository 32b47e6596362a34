"""What any command line needs: options, what the user is told, how a call ends. Works on no book, no model."""

from __future__ import annotations

import errno
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
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

import typer
from typer.exceptions import TyperException

from data.errors import CallError, DataFault
from data.garbage import collect_seldom
from data.secrets import streams_without_secrets, without_secrets

DEFAULT_HOME = Path("artifacts")

ParamsOption = Annotated[
    Path | None,
    typer.Option("--params", metavar="FILE", help="Parameters laid over the workbench's own."),
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
LimitModelOption = Annotated[
    str | None,
    typer.Option("--limit-model", metavar="URI", help="models:/NAME/VERSION, runs:/RUN/limit or a folder."),
]
ReleaseModelOption = Annotated[
    str | None, typer.Option("--release-model", metavar="URI", help="The same for the release model.")
]
BorrowersOption = Annotated[int | None, typer.Option("--borrowers", min=1, help="Borrowers to simulate.")]
MonthsOption = Annotated[int | None, typer.Option("--months", min=3, help="Months of history to simulate.")]
SeedOption = Annotated[int | None, typer.Option("--seed", min=0, help="Another seed is another lender.")]
ScenarioOption = Annotated[
    str | None, typer.Option("--scenario", metavar="NAME", help="What happens from month 19 on.")
]

RequestArgument = Annotated[
    str,
    typer.Argument(
        metavar="REQUEST_ID", help="A conflict of the explanation, by its id or its name in the report."
    ),
]
FromOption = Annotated[
    Path | None,
    typer.Option("--from", metavar="DIR", help="Folder of the explanation; else the latest of the home."),
]
ExplainedBookOption = Annotated[
    Path | None,
    typer.Option("--book", metavar="BOOK", help="The book explained, to say more; else one of the home's."),
]
PageOption = Annotated[
    Path | None, typer.Option("--out", metavar="FILE", help="The page to write; else one in the home.")
]

EngineOption = Annotated[
    Literal["local", "dask"],
    typer.Option("--engine", help="Who works on the blocks: processes of this program, or Dask workers."),
]
SchedulerOption = Annotated[
    str | None,
    typer.Option("--scheduler", metavar="ADDRESS", help="Of a Dask scheduler; else workers start here."),
]
ResumeOption = Annotated[
    bool,
    typer.Option("--resume/--no-resume", help="Take up blocks that a call which was cut off has made."),
]
DistributedOption = Annotated[
    bool,
    typer.Option(
        "--distributed-training",
        help="Fit both models on the Dask workers, too; scores differ a little from a fit here.",
    ),
]


@dataclass
class Console:
    """What the user is told: progress and notes on standard error, the result on standard output."""

    quiet: bool = False
    verbose: bool = False
    as_json: bool = False

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


def command(app: typer.Typer, name: str) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Makes a function a command of the app: with the common options, one sentence for an error, the right exit status.

    The function's first argument is `Common`; the call's options for it are added to the function's own.
    """
    shared = inspect.signature(common_options, eval_str=True).parameters

    def made(work: Callable[..., None]) -> Callable[..., None]:
        own = list(inspect.signature(work, eval_str=True).parameters.values())[1:]

        @functools.wraps(work)
        def ended(**given: Any) -> None:
            # Idle OpenMP threads otherwise burn processors that other work could use. They look for new work for
            # a moment (some ten microseconds) before they sleep, since waking them costs more than a small step.
            os.environ.setdefault("OMP_WAIT_POLICY", "passive")
            os.environ.setdefault("GOMP_SPINCOUNT", "1000")
            # Products of matrices are small here: threads take longer to meet than to multiply, and with their number
            # the last bits change. NumPy reads it when it is imported, which none of the modules so far has done.
            os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
            collect_seldom()
            # A scheduler's stop is an interruption, too: nothing may be left half-written.
            if threading.current_thread() is threading.main_thread():
                signal.signal(signal.SIGTERM, signal.default_int_handler)
            common = common_options(**{option: given.pop(option) for option in shared})
            from data.lock import own_temporaries

            told = _told_in_one_sentence(common.console.verbose)
            with told, streams_without_secrets(), own_temporaries():
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
    """Ends the program on an error as users expect: a sentence and an exit status, a traceback only if asked for.

    Whatever is told, no secret of the tracking server's address is in it.
    """
    try:
        yield
    except (CallError, DataFault) as error:
        _tell(str(error), verbose)
        raise typer.Exit(error.exit_status) from None
    except KeyboardInterrupt:
        print(
            "releasegap: interrupted; nothing half-written was left in the place of a result.",
            file=sys.stderr,
        )
        raise typer.Exit(130) from None
    except (typer.Exit, typer.Abort, TyperException):
        raise
    except Exception as error:
        said = _said_by_system(error)
        if said is None:
            # A fault of the workbench's own is shown where it is, for whoever mends it.
            print(without_secrets(traceback.format_exc()), file=sys.stderr, end="")
            raise typer.Exit(DataFault.exit_status) from None
        _tell(said, verbose)
        raise typer.Exit(CallError.exit_status) from None


_OF_STORES = ("mlflow", "sqlalchemy", "requests", "urllib3")
"""Modules whose errors tell that a store of runs did not do what it was asked."""


def _tell(said: str, verbose: bool) -> None:
    if verbose:
        print(without_secrets(traceback.format_exc()), file=sys.stderr, end="")
    print(f"releasegap: {without_secrets(said)}", file=sys.stderr)


def _said_by_system(error: Exception) -> str | None:
    """What a fault of the machine or of a store means to the user; None where the fault is the program's own.

    Libraries hide what the system said behind errors of their own (MLflow, SQLAlchemy), so causes are looked at, too.
    """
    told: list[BaseException] = []
    cause: BaseException | None = error
    while cause is not None and cause not in told:
        told.append(cause)
        cause = cause.__cause__ or cause.__context__
    if any(type(one).__name__ == "BrokenProcessPool" for one in told):
        return (
            "the system ended a process that worked on a block, most often for want of memory; call again with "
            "--set blocks.processes=1, or with smaller blocks (--set blocks.size=2500)."
        )
    for one in told:
        text = str(one)
        if getattr(one, "errno", None) == errno.ENOSPC or "disk is full" in text:
            return f"the disk is full{_place(one)}; no half result was left: free some room, or name another place."
        if "readonly database" in text:
            return "the home's MLflow store cannot be written; give its folder that right, or name another --home."
        if "database is locked" in text:
            return "another process has kept the home's MLflow store locked for too long; call again when it is done."
    if isinstance(error, OSError):
        return f"the system says: {error.strerror or error}{_place(error)}; name another place."
    if type(error).__module__.startswith(_OF_STORES):
        reason = (str(error).strip() or type(error).__name__).splitlines()[0]
        return f"the MLflow store says: {reason}; see that it answers, and call again."
    return None


def _place(error: BaseException) -> str:
    name = getattr(error, "filename", None)
    return f" ({name})" if name else ""
