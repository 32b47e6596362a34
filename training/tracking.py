"""Where runs are kept: the store of a home, or the server that a user has chosen."""

import atexit
import os
import shutil
import sqlite3
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import mlflow
from mlflow import MlflowClient
from mlflow.exceptions import MlflowException
from sqlalchemy.exc import SQLAlchemyError

from data.errors import CallError
from data.lock import alone
from data.secrets import without_secrets
from training import home as layout
from training.runs import Run, known_warnings_silenced
from training.under_way import PROCESS, end_left, under_way

if TYPE_CHECKING:
    from data.book import Book

BUSY_SECONDS = 60
"""How long the home's database is waited for while others write to it."""
SERVER_SECONDS = 20
"""How long a tracking server may take to answer the first call."""
PENDING = "releasegap.for_server"
"""Tag of a run that was kept in a home because its server (the tag's value) could not be reached."""


class Unreachable(CallError):
    """The tracking server that the user has chosen does not answer."""


@dataclass(frozen=True)
class Store:
    """An MLflow tracking store (`open_store` gives one); what it lacks is made when it is first opened."""

    place: str  # what a user calls it: the home, or the tracking URI he set
    home: Path
    experiment: str
    chosen: str | None  # the tracking URI that the user has set
    tags: Mapping[str, str] = field(default_factory=dict)  # of every run

    @property
    def exists(self) -> bool:
        """Whether there can be anything to read."""
        return bool(self.chosen) or layout.database(self.home).is_file()

    @property
    def uri(self) -> str:
        """Where MLflow finds it."""
        return self.chosen or layout.sqlite_uri(layout.database(self.home))

    @property
    def client(self) -> MlflowClient:
        """MLflow's client on it; opens it."""
        return self._opened[0]

    @property
    def experiment_id(self) -> str:
        """The experiment to write to; opens it."""
        return self._opened[1]

    @cached_property
    def _opened(self) -> tuple[MlflowClient, str]:
        try:
            self.home.mkdir(parents=True, exist_ok=True)
            # Two processes that create MLflow's tables at the same time break the database for good.
            with alone(self.home / ".mlflow.lock"):
                if not self.chosen:
                    _prepare_database(self.home)
                # MLflow would try for four minutes before it says that a server isn't there.
                with (
                    _environment("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0"),
                    _environment("MLFLOW_HTTP_REQUEST_TIMEOUT", _longest_wait()),
                    known_warnings_silenced(),
                ):
                    client = MlflowClient(tracking_uri=self.uri)
                    location = None if self.chosen else str(layout.artifacts(self.home) / self.experiment)
                    experiment = _experiment_id(client, self.experiment, location)
                    end_left(client, self.home, self.uri)
                    return client, experiment
        except (MlflowException, SQLAlchemyError, sqlite3.Error, OSError, ImportError) as error:
            reason = without_secrets(str(error).strip().splitlines()[0])
            otherwise = "; without MLFLOW_TRACKING_URI runs go to the home" if self.chosen else ""
            kind = Unreachable if self.chosen and _is_unreachable(error) else CallError
            raise kind(f"cannot open the MLflow store of {self.place}: {reason}{otherwise}") from error

    @contextmanager
    def run(self, name: str, tags: Mapping[str, str] | None = None) -> Iterator[Run]:
        """A run that ends FINISHED, or FAILED when the block raises; within the block of another it is its child.

        Under `mlflow run` (MLFLOW_RUN_ID is set) the first is that run, renamed, not a new one.
        """
        experiment_id = self.experiment_id
        point_at(self.uri)
        with (
            under_way(self.home, self.uri) as process,
            self._started(experiment_id, name, {**self.tags, PROCESS: process, **(tags or {})}) as run,
        ):
            yield run

    @contextmanager
    def _started(self, experiment_id: str, name: str, tagged: dict[str, str]) -> Iterator[Run]:
        if mlflow.active_run():
            started = mlflow.start_run(experiment_id=experiment_id, run_name=name, tags=tagged, nested=True)
        elif os.environ.get("MLFLOW_RUN_ID"):
            started = mlflow.start_run()
            for key, value in {**tagged, "mlflow.runName": name}.items():
                self.client.set_tag(started.info.run_id, key, value)
        else:
            started = mlflow.start_run(experiment_id=experiment_id, run_name=name, tags=tagged)
        with started:
            of_all = {**self.tags, PROCESS: tagged[PROCESS]}
            yield Run(self.client, started.info.experiment_id, started.info.run_id, of_all)

    @contextmanager
    def run_on(self, book: "Book", work: str, parameters: Mapping[str, object]) -> Iterator[Run]:
        """A run of some work on a book ("train limit"), which knows the book and the resolved parameters."""
        manifest, name = book.manifest, book.name
        borrowers = manifest.rows["borrowers"]
        facts = {
            "borrowers": borrowers,
            "months": manifest.months,
            "seed": manifest.seed,
            "scenario": manifest.scenario,
            "source": manifest.source,
        }
        if manifest.source == "simulated":
            facts["block_size"] = book.block_size
        known = {f"book.{fact}": value for fact, value in facts.items() if value is not None}
        tags = {"book_digest": book.digest, "book": name, "stage": work}
        tags |= {fact: str(facts[fact]) for fact in ("source", "scenario", "seed") if facts[fact] is not None}
        with self.run(f"{work} {name}", tags) as run:
            run.log_parameters({**parameters, **known})
            run.log_dataset(book.digest, name, borrowers, str(book.path), work.partition(" ")[0])
            yield run

    def download(self, uri: str) -> Path:
        """Copies what a `models:/` or `runs:/` URI names to a temporary folder that goes with the program.

        Raises:
            CallError: There is nothing of that name.
        """
        if not self.exists:
            raise CallError(f"no model {uri} in the MLflow store of {self.place}: it holds no runs yet")
        point_at(self.uri)
        folder = tempfile.mkdtemp(prefix="releasegap-")
        atexit.register(shutil.rmtree, folder, ignore_errors=True)
        try:
            return Path(mlflow.artifacts.download_artifacts(artifact_uri=uri, dst_path=folder))
        except (MlflowException, OSError) as error:
            reason = without_secrets(str(error).strip().splitlines()[0])
            raise CallError(f"no model {uri} in the MLflow store of {self.place}: {reason}") from error


def open_store(
    home: Path,
    experiment: str = layout.EXPERIMENT,
    *,
    make: bool = True,
    tags: Mapping[str, str] | None = None,
    at_home: bool = False,
) -> Store:
    """The store of a home (sqlite and artifacts inside it), or the one that MLFLOW_TRACKING_URI names.

    Makes what is missing; any number of processes may do this at once.

    Args:
        home: The home.
        experiment: Where its runs go.
        make: Without it a home that has no store is left alone until its first run.
        tags: Of every run that is made with it.
        at_home: Whether the home's own store is taken, whatever MLFLOW_TRACKING_URI names.

    Raises:
        Unreachable: The server that MLFLOW_TRACKING_URI names does not answer.
        CallError: The home can't be written, or the store can't be opened.
    """
    home = Path(home).resolve()
    chosen = None if at_home else layout.chosen_uri()
    store = Store(without_secrets(chosen or str(home)), home, experiment, chosen, dict(tags or {}))
    if make or store.exists:
        _ = store.client
    return store


def _prepare_database(home: Path) -> None:
    """Puts the home's database into the journal mode in which writers don't wait for readers.

    One that a process which died had begun to make, so that it holds no experiment, is made anew; MLflow would not.
    """
    path = layout.database(home)
    if "?" in str(path):
        raise OSError("sqlite can't keep a database under a path with a question mark")
    if path.is_file() and _is_unfinished(path):
        for end in ("", "-wal", "-shm", "-journal"):
            path.with_name(f"{path.name}{end}").unlink(missing_ok=True)
    with closing(sqlite3.connect(path, timeout=BUSY_SECONDS)) as database:
        database.execute("PRAGMA journal_mode=WAL")


_COUNTED = {
    "experiments": "SELECT count(*) FROM experiments",
    "runs": "SELECT count(*) FROM runs",
}


def _is_unfinished(path: Path) -> bool:
    """Whether a database holds nothing yet: MLflow makes its first experiment last, when all tables are there."""
    with closing(sqlite3.connect(path, timeout=BUSY_SECONDS)) as database:
        tables = {
            str(name) for (name,) in database.execute("SELECT name FROM sqlite_master WHERE type = 'table'")
        }
        if not tables & {"experiments", "runs", "alembic_version"} and tables:
            return False  # whatever it is, it is not MLflow's
        return not any(
            database.execute(asked).fetchone()[0] for name, asked in _COUNTED.items() if name in tables
        )


def _experiment_id(client: MlflowClient, name: str, location: str | None) -> str:
    """The experiment to write to: that of the run which `mlflow run` began, else the named one."""
    if begun := os.environ.get("MLFLOW_RUN_ID"):
        return str(client.get_run(begun).info.experiment_id)
    found = client.get_experiment_by_name(name)
    if found is None:
        return client.create_experiment(name, artifact_location=location)
    if found.lifecycle_stage != "active":
        restore = f"mlflow experiments restore --experiment-id {found.experiment_id}"
        raise MlflowException(
            f"its experiment {name} was deleted; bring it back with "
            f"`MLFLOW_TRACKING_URI='{client.tracking_uri}' {restore}`"
        )
    return str(found.experiment_id)


def point_at(uri: str) -> None:
    """Points MLflow's module functions at a store.

    MLflow then also writes MLFLOW_TRACKING_URI, which must keep saying what the user chose, and no more.
    """
    with _environment("MLFLOW_TRACKING_URI", uri):
        mlflow.set_tracking_uri(uri)


@contextmanager
def _environment(name: str, value: str) -> Iterator[None]:
    before = os.environ.get(name)
    os.environ[name] = value
    try:
        yield
    finally:
        if before is None:
            os.environ.pop(name, None)
        else:
            os.environ[name] = before


def _longest_wait() -> str:
    """Seconds that a server gets to answer: what the user has set, or ours; MLflow would give it two minutes."""
    return os.environ.get("MLFLOW_HTTP_REQUEST_TIMEOUT") or str(SERVER_SECONDS)


def _is_unreachable(error: BaseException | None) -> bool:
    """Whether a failure comes from a connection that could not be had, and not from what the server said."""
    from requests.exceptions import ConnectionError, Timeout

    while error is not None:
        if isinstance(error, ConnectionError | Timeout):
            return True
        error = error.__cause__ or error.__context__
    return False
