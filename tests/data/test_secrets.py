"""Secrets of a tracking server's address: in no text, whatever shape it has and whoever writes it."""

from __future__ import annotations

import sys

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from data.secrets import streams_without_secrets, without_secrets

SECRET = st.text("abcXYZ019-_.~!$%+", min_size=6, max_size=20)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("http://me:pw@host:5000/x", "http://host:5000/x"),
        ("cannot reach 'https://me@host' now", "cannot reach 'https://host' now"),
        ("postgresql://me:pw@host/db?sslmode=require", "postgresql://host/db?sslmode=require"),
        ("GET /api?access_token=abc&page=2", "GET /api?access_token=…&page=2"),
        ("https://store/x?X-Amz-Signature=abc#top", "https://store/x?X-Amz-Signature=…#top"),
        ("models:/releasegap-limit@champion", "models:/releasegap-limit@champion"),
        ("http://host/#/models/releasegap-limit", "http://host/#/models/releasegap-limit"),
        ("write to me@example.com", "write to me@example.com"),
    ],
)
def test_addresses_keep_all_but_their_secrets(text: str, told: str) -> None:
    assert without_secrets(text, {}) == told


@given(user=SECRET, password=SECRET, token=SECRET, around=st.text(max_size=20))
def test_secrets_of_the_environment_are_in_no_text(user: str, password: str, token: str, around: str) -> None:
    known = ("host", "mlflow", "token", "reached", "…")
    assume(not any(one in word for one in (user, password, token) for word in known))
    environment = {
        "MLFLOW_TRACKING_URI": f"https://{user}:{password}@host/mlflow?token={token}",
        "MLFLOW_TRACKING_PASSWORD": f"p{password}",
    }
    uri = environment["MLFLOW_TRACKING_URI"]
    for text in (
        f"{around}{uri}",
        f"{uri} not reached",
        f"Auth({user!r}, {password!r}) {token}",
        f"p{password}",
    ):
        said = without_secrets(text, environment)
        for secret in (password, token):
            assert secret not in said.replace(around, "")


def test_a_password_that_was_not_quoted_is_hidden_whole() -> None:
    environment = {"MLFLOW_TRACKING_URI": "http://me:pa/ss@wo?rd@host:1"}
    told = without_secrets("cannot reach http://me:pa/ss@wo?rd@host:1", environment)
    assert "pa/ss" not in told
    assert "rd@" not in told


def test_all_that_is_printed_passes_without_secrets(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://me:hunter22@host?token=t0ken-of-mine")
    before = sys.stdout, sys.stderr
    with streams_without_secrets():
        print("as http://me:hunter22@host?token=t0ken-of-mine said")
        print("hunter22", file=sys.stderr)
        assert not sys.stderr.isatty()
    assert (sys.stdout, sys.stderr) == before
    told = capsys.readouterr()
    assert told.out.startswith("as http://host")
    assert "hunter22" not in told.out + told.err
    assert "t0ken" not in told.out


def test_without_secrets_streams_are_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("MLFLOW_TRACKING_URI", "MLFLOW_TRACKING_PASSWORD", "MLFLOW_TRACKING_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://127.0.0.1:5000")
    before = sys.stderr
    with streams_without_secrets():
        assert sys.stderr is before
