"""MLflow's own UI on a home: a lean server, and the link that opens the right view."""

import json
import os
import signal
import socket
import sqlite3
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from types import FrameType
from typing import Any

from data.errors import CallError, DataFault
from training import home as layout

# Without these the server also starts job workers and a gateway for language models: 38 s instead of 8.
LEAN = {
    "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",
    "MLFLOW_ENABLE_AI_GATEWAY": "false",
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "GIT_PYTHON_REFRESH": "quiet",
}
START_SECONDS = 120
STOP_SECONDS = 10
EXPERIMENTS_LOOKED_AT = 1_000
RUNS_LOOKED_AT = 50
DIRECT = urllib.request.build_opener(urllib.request.ProxyHandler({}))  # no proxy leads to this machine


def serve(home: Path, host: str, port: int, on_ready: Callable[[str], object]) -> None:
    """Serves the UI until SIGINT or SIGTERM; port 0 takes any that is free.

    `on_ready` gets the link to the newest run's report, or to the experiment where no run has one.

    Raises:
        CallError: The home has no store yet, or the port can't be had.
        DataFault: The server didn't start, or stopped by itself.
    """
    home = Path(home).resolve()
    backend = _backend(home)
    home.mkdir(parents=True, exist_ok=True)
    port = _free_port(host, port)
    base = f"http://{'127.0.0.1' if host == '0.0.0.0' else host}:{port}"
    log = home / "mlflow-ui.log"
    command = [sys.executable, "-m", "mlflow", "server", "--workers", "1", "--host", host]
    command += ["--port", str(port), "--backend-store-uri", backend]
    command += ["--artifacts-destination", str(layout.artifacts(home))]
    with _interrupted_by_sigterm(), suppress(KeyboardInterrupt), _process_group(command, log) as server:
        _wait_until_healthy(base, server, log)
        on_ready(_landing_url(base))
        raise DataFault(f"the MLflow server stopped by itself (status {server.wait()}); its log is {log}")


def _backend(home: Path) -> str:
    """The store to show: the home's own, or the database that MLFLOW_TRACKING_URI names."""
    chosen = layout.chosen_uri()
    if chosen and chosen.startswith(("http://", "https://")):
        raise CallError(f"MLFLOW_TRACKING_URI names a server that has its own UI: open {chosen}")
    if chosen:
        return chosen
    database = layout.database(home)
    if not _is_ready(database):
        raise CallError(f"{home} holds no runs yet: make one with `releasegap run --home {home}` first")
    return layout.sqlite_uri(database)


def _is_ready(database: Path) -> bool:
    """Whether the store is whole (an experiment is made last): two that make one at once break it."""
    try:
        with closing(sqlite3.connect(f"{database.as_uri()}?mode=ro", uri=True)) as connection:
            return bool(connection.execute("SELECT count(*) FROM experiments").fetchone()[0])
    except sqlite3.Error:
        return False


def _free_port(host: str, port: int) -> int:
    """The port itself where it is free, any free one for 0."""
    with closing(socket.socket()) as probe:
        # As the server itself will: a port that was used a moment ago is free.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except (OSError, OverflowError) as error:
            raise CallError(
                f"can't listen on {host} port {port} ({error}); port 0 takes a free one"
            ) from error
        return int(probe.getsockname()[1])


@contextmanager
def _process_group(command: list[str], log: Path) -> Iterator[subprocess.Popen[bytes]]:
    """The server and the worker it starts as a group of their own, ended with the block."""
    with log.open("wb") as output:
        server = subprocess.Popen(
            command,
            env={**os.environ, **LEAN},
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    try:
        yield server
    finally:
        for how in (signal.SIGTERM, signal.SIGKILL):
            with suppress(ProcessLookupError):
                os.killpg(server.pid, how)
            with suppress(subprocess.TimeoutExpired):
                server.wait(STOP_SECONDS)


@contextmanager
def _interrupted_by_sigterm() -> Iterator[None]:
    """Lets SIGTERM end the block as Ctrl-C does, so that no server is left behind."""

    def interrupt(_number: int, _frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGTERM, interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _wait_until_healthy(base: str, server: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        if server.poll() is not None:
            raise DataFault(f"the MLflow server didn't start (status {server.returncode}); its log is {log}")
        with suppress(OSError), DIRECT.open(f"{base}/health", timeout=5):
            return
        time.sleep(0.2)
    raise DataFault(f"the MLflow server didn't answer within {START_SECONDS} seconds; its log is {log}")


def _landing_url(base: str) -> str:
    """The newest run's report, or the experiment that changed last where no run has one."""
    api = f"{base}/api/2.0/mlflow"
    experiments = _ask(f"{api}/experiments/search", {"max_results": EXPERIMENTS_LOOKED_AT})["experiments"]
    wanted = {
        "experiment_ids": [experiment["experiment_id"] for experiment in experiments],
        "max_results": RUNS_LOOKED_AT,
        "order_by": ["attributes.start_time DESC"],
    }
    for run in _ask(f"{api}/runs/search", wanted).get("runs", []):
        experiment_id, run_id = run["info"]["experiment_id"], run["info"]["run_id"]
        files = _ask(f"{api}/artifacts/list?run_id={run_id}").get("files", [])
        if layout.REPORT in (file["path"] for file in files):
            return layout.report_url(base, experiment_id, run_id)
    newest = max(experiments, key=lambda experiment: int(experiment["last_update_time"]))
    return layout.experiment_url(base, newest["experiment_id"])


def _ask(url: str, body: Mapping[str, object] | None = None) -> dict[str, Any]:
    """The answer of MLflow's REST interface, which spares this process the import of MLflow."""
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(url, data, {"Content-Type": "application/json"})
    with DIRECT.open(request, timeout=30) as answer:
        return dict(json.load(answer))
