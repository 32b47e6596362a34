"""MLflow's UI where it cannot be served, and with a password. Its pages have their test beside the report's."""

import base64
import os
import signal
import socket
import subprocess
import sys
from contextlib import closing
from pathlib import Path
from urllib.error import HTTPError
from urllib.request import Request

import pytest

from data.errors import CallError
from tests.served import DIRECT
from training.tracking import open_store
from training.ui import serve

PASSWORD = "correct horse battery"


def test_a_home_without_runs_is_told_to_make_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    with pytest.raises(CallError, match="holds no runs yet") as raised:
        serve(tmp_path / "none", "127.0.0.1", 0, print)
    assert "releasegap run" in str(raised.value)
    assert not (tmp_path / "none").exists()


def test_a_port_in_use_is_told_of(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{tmp_path}/chosen.db")
    with closing(socket.socket()) as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(CallError, match=f"port {port}"):
            serve(tmp_path, "127.0.0.1", port, print)


def test_a_chosen_server_has_its_own_pages(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://127.0.0.1:5000")
    with pytest.raises(CallError, match=r"open http://127\.0\.0\.1:5000"):
        serve(tmp_path, "127.0.0.1", 0, print)


def test_the_address_of_a_chosen_server_is_told_without_its_password(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "https://somebody:hunter22@server?token=t0ken-of-mine")
    with pytest.raises(CallError, match="open https://server") as raised:
        serve(tmp_path, "127.0.0.1", 0, print)
    assert "hunter22" not in str(raised.value)
    assert "t0ken" not in str(raised.value)


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.168.0.7", "lender.example", "[2001:db8::1]", ""])
def test_no_address_that_others_reach_is_listened_on_without_a_password(
    host: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("MLFLOW_AUTH_ADMIN_PASSWORD", raising=False)
    with pytest.raises(CallError, match="add --auth with a password"):
        serve(tmp_path, host, 0, print)
    with pytest.raises(CallError, match="--auth needs a password"):
        serve(tmp_path, host, 0, print, auth=True)
    monkeypatch.setenv("MLFLOW_AUTH_ADMIN_PASSWORD", "password")
    with pytest.raises(CallError, match="12 letters"):
        serve(tmp_path, host, 0, print, auth=True)


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "::1", "[::1]", "127.8.8.8"])
def test_addresses_of_this_machine_alone_need_no_password(
    host: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    with pytest.raises(CallError, match="holds no runs yet"):  # which is looked at afterwards
        serve(tmp_path, host, 0, print)


def test_the_check_of_hosts_is_not_let_go(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_SERVER_ALLOWED_HOSTS", "lender.example,*")
    with pytest.raises(CallError, match="name your hosts"):
        serve(tmp_path, "127.0.0.1", 0, print)


def status(asked: Request) -> int:
    try:
        with DIRECT.open(asked) as answer:
            return int(answer.status)
    except HTTPError as error:
        error.close()
        return error.code


def test_with_a_password_nothing_is_told_without_it(tmp_path: Path) -> None:
    bare = {name: value for name, value in os.environ.items() if not name.startswith("MLFLOW_")}
    open_store(tmp_path)
    command = [sys.executable, "-m", "workbench", "ui", "--auth", "--port", "0", "--home", str(tmp_path)]
    server = subprocess.Popen(
        [*command, "--json", "--quiet"],
        env=bare | {"MLFLOW_AUTH_ADMIN_PASSWORD": PASSWORD},
        stdout=subprocess.PIPE,
        text=True,
    )
    assert server.stdout is not None
    try:
        told = server.stdout.readline()
        assert told, (tmp_path / "mlflow-ui.log").read_text("utf-8")
        url = told.partition('"url": "')[2].rstrip('"}\n') + "/api/2.0/mlflow/experiments/get?experiment_id=1"
        assert status(Request(url)) == 401
        known = {"Authorization": f"Basic {base64.b64encode(f'admin:{PASSWORD}'.encode()).decode()}"}
        assert status(Request(url, headers=known)) == 200
        assert status(Request(url, headers=known | {"Host": "attacker.example"})) == 403
        assert PASSWORD not in (tmp_path / "mlflow-ui.log").read_text("utf-8")
    finally:
        server.send_signal(signal.SIGTERM)
        server.stdout.close()
        assert server.wait(timeout=60) == 0
