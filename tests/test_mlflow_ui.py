"""MLflow's UI where it cannot be served: each reason in a sentence. Its pages have their test beside the report's."""

import socket
from contextlib import closing
from pathlib import Path

import pytest

from data.errors import CallError
from training.ui import serve


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
