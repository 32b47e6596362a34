"""MLflow's own UI on a home: a lean server, and the link that opens the right view."""

import json
import os
import secrets
import signal
import socket
import sqlite3
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager, suppress
from importlib.util import find_spec
from ipaddress import ip_address
from pathlib import Path
from types import FrameType
from typing import Any

from data.errors import CallError, DataFault
from data.secrets import without_secrets
from training import home as layout

# Without these the server also starts job workers and a gateway for language models: 38 s instead of 8.
LEAN = {
    "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",
    "MLFLOW_ENABLE_AI_GATEWAY": "false",
    "MLFLOW_DISABLE_TELEMETRY": "true",
    # Whatever was set before: the check of the Host header, and no model that is code.
    "MLFLOW_SERVER_DISABLE_SECURITY_MIDDLEWARE": "false",
    "MLFLOW_ALLOW_PICKLE_DESERIALIZATION": "false",
    "GIT_PYTHON_REFRESH": "quiet",
}
BACKEND = "MLFLOW_BACKEND_STORE_URI"
PASSWORD = "MLFLOW_AUTH_ADMIN_PASSWORD"  # noqa: S105 -- the name of a variable
HOSTS = "MLFLOW_SERVER_ALLOWED_HOSTS"
"""Variables in which MLflow's server finds its database, its first user's password, and the hosts it answers for."""
LETTERS = 12
"""Of a password at least, as MLflow wants it."""
EVERYWHERE = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}  # noqa: S104 -- what is refused without a password
"""Addresses on which a server listens on all of a machine's, and how the machine itself then reaches it."""
START_SECONDS = 120
STOP_SECONDS = 10
EXPERIMENTS_LOOKED_AT = 1_000
RUNS_LOOKED_AT = 50
DIRECT = urllib.request.build_opener(urllib.request.ProxyHandler({}))  # no proxy leads to this machine


def serve(home: Path, host: str, port: int, on_ready: Callable[[str], object], *, auth: bool = False) -> None:
    """Serves the UI until SIGINT or SIGTERM; port 0 takes any that is free.

    MLflow's check of the Host header stays on whatever the address, so that no page from elsewhere can read the UI
    through a name that it owns.

    Args:
        home: The home.
        host: Address to listen on; one that other machines reach needs `auth`.
        port: Port.
        on_ready: Gets the link to the newest run's report, or to the experiment where no run has one.
        auth: Whether MLflow asks for a name and a password (of its user `admin`, MLFLOW_AUTH_ADMIN_PASSWORD).

    Raises:
        CallError: The home has no store yet, the port can't be had, or others could listen without a password.
        DataFault: The server didn't start, or stopped by itself.
    """
    home = Path(home).resolve()
    _refuse_open(host, auth)
    backend = _backend(home)
    home.mkdir(parents=True, exist_ok=True)
    port = _free_port(host, port)
    base = f"http://{_reached(host)}:{port}"
    log = home / "mlflow-ui.log"
    command = [sys.executable, "-m", "mlflow", "server", "--workers", "1", "--host", host]
    command += ["--port", str(port), "--artifacts-destination", str(layout.artifacts(home))]
    # Not in the command, which all users of this machine can read: it may hold a password.
    environment = {BACKEND: backend}
    if auth:
        command += ["--app-name", "basic-auth"]
        environment |= _of_auth(home)
    group = _process_group(command, log, environment)
    with _interrupted_by_sigterm(), suppress(KeyboardInterrupt), group as server:
        _wait_until_healthy(base, server, log)
        # Without a password nothing is told of what there is to open.
        on_ready(base if auth else _landing_url(base))
        raise DataFault(f"the MLflow server stopped by itself (status {server.wait()}); its log is {log}")


def _refuse_open(host: str, auth: bool) -> None:
    """Refuses to show a lender's runs to whoever reaches this machine; `auth` needs what it asks for, and the asker."""
    if "*" in os.environ.get(HOSTS, "").split(","):
        raise CallError(
            f"{HOSTS} lets any page read the UI through a name of its own: name your hosts instead of *."
        )
    if not auth:
        if not _is_loopback(host):
            raise CallError(
                f"--host {host} would show this home to everybody who reaches this machine: leave it out, or add "
                f"--auth with a password in {PASSWORD}."
            )
        return
    if len(os.environ.get(PASSWORD, "")) < LETTERS:
        raise CallError(f"--auth needs a password: set {PASSWORD} to one of {LETTERS} letters or more.")
    if find_spec("flask_wtf") is None:
        raise CallError("--auth needs Flask-WTF, which MLflow asks with: pip install 'mlflow[auth]'.")


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


def _reached(host: str) -> str:
    """How this machine reaches a server that listens there; every address is written as one (IPv6 in brackets)."""
    if host in EVERYWHERE:
        return EVERYWHERE[host]
    return f"[{host}]" if ":" in host and not host.startswith("[") else host


def _of_auth(home: Path) -> dict[str, str]:
    """What MLflow's authentication finds in its environment; its users are kept in the home."""
    settings = home / "auth.ini"
    lines = (
        "[mlflow]",
        "default_permission = NO_PERMISSIONS",
        f"database_uri = {layout.sqlite_uri(home / 'auth.db')}",
        "admin_username = admin",
        "authorization_function = mlflow.server.auth:authenticate_request_basic_auth",
        "grant_default_workspace_access = false",
    )
    settings.write_text("\n".join(lines) + "\n", encoding="utf-8")
    # Of this server alone: who is asked anew after its end has lost nothing.
    key = os.environ.get("MLFLOW_FLASK_SERVER_SECRET_KEY") or secrets.token_hex(32)
    return {"MLFLOW_AUTH_CONFIG_PATH": str(settings), "MLFLOW_FLASK_SERVER_SECRET_KEY": key}


def _backend(home: Path) -> str:
    """The store to show: the home's own, or the database that MLFLOW_TRACKING_URI names."""
    chosen = layout.chosen_uri()
    if chosen and chosen.startswith(("http://", "https://")):
        raise CallError(
            f"MLFLOW_TRACKING_URI names a server that has its own UI: open {without_secrets(chosen)}"
        )
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
def _process_group(
    command: list[str], log: Path, environment: Mapping[str, str]
) -> Iterator[subprocess.Popen[bytes]]:
    """The server and the worker it starts as a group of their own, ended with the block."""
    with log.open("wb") as output:
        server = subprocess.Popen(
            command,
            env={**os.environ, **LEAN, **environment},
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
        "filter": "attributes.status = 'FINISHED'",  # the report of one that is cut off may be half of it
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
    # Always the address of the server that was started here.
    request = urllib.request.Request(url, data, {"Content-Type": "application/json"})  # noqa: S310
    with DIRECT.open(request, timeout=30) as answer:
        return dict(json.load(answer))
