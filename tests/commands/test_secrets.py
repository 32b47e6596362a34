"""No secret of the tracking server's address is told by a command, whatever fails, and in whatever words."""

from __future__ import annotations

import logging
import sys
from pathlib import Path
from typing import Any

import pytest
import typer
from mlflow.exceptions import MlflowException
from typer.testing import CliRunner

from commandline import Common, command
from data.book import Book
from tests.commands.calls import CALL_WRONG, call

URI = "http://somebody:hunter22@127.0.0.1:1/mlflow?token=t0ken-of-mine"
SECRETS = ("hunter22", "t0ken-of-mine", "somebody")


def said_of(error: Exception, *words: str) -> tuple[int, str]:
    """Exit status and all output of a command that fails so, after it has printed, logged and warned of the address."""
    app = typer.Typer(pretty_exceptions_enable=False)
    app.callback()(lambda: None)

    def fail(common: Common) -> None:
        print(URI)
        common.console.note(URI)
        logger = logging.getLogger("releasegap.test")
        handler = logging.StreamHandler(sys.stderr)
        logger.addHandler(handler)
        logger.warning("cannot reach %s", URI)
        logger.removeHandler(handler)
        raise error

    command(app, "fail")(fail)
    result = CliRunner().invoke(app, ["fail", *words])
    return result.exit_code, result.output


@pytest.mark.parametrize("words", [(), ("--verbose",)])
@pytest.mark.parametrize(
    "error",
    [
        MlflowException(f"API request to {URI} failed"),
        ConnectionError(f"cannot reach {URI}"),
        RuntimeError(f"unexpected: {URI}"),
    ],
)
def test_whatever_a_command_prints_logs_or_raises_holds_no_secret(
    error: Exception, words: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", URI)
    status, output = said_of(error, *words)
    assert status
    assert output.count("127.0.0.1:1/mlflow") > 3
    for secret in SECRETS:
        assert secret not in output


def test_an_error_of_the_store_is_a_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    status, output = said_of(MlflowException("RESOURCE_EXHAUSTED: quota\nTraceback …"))
    assert status == CALL_WRONG
    assert "releasegap: the MLflow store says: RESOURCE_EXHAUSTED: quota; see" in output
    assert "Traceback" not in output


@pytest.mark.parametrize("verbose", [(), ("--verbose",)])
def test_a_server_that_does_not_answer_is_told_of_without_its_secrets(
    verbose: tuple[str, ...], small_book: Book, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", URI)
    home = tmp_path / "home"
    for words in (("explain", "--book", small_book.path, "--out", tmp_path / "out"), ("ui",)):
        result = call(*words, "--home", home, *verbose)
        assert result.exit_code == CALL_WRONG
        assert "127.0.0.1:1" in result.output
        for secret in SECRETS:
            assert secret not in result.output
    kept = b"".join(path.read_bytes() for path in home.rglob("*") if path.is_file())
    assert not any(secret.encode() in kept for secret in SECRETS)


def test_the_main_job_calls_nobody(main_job: dict[str, Any]) -> None:
    assert main_job["called"] == []
    assert main_job["asked"] == []
