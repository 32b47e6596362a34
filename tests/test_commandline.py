"""What every command does before its work."""

from __future__ import annotations

import atexit
import gc
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import typer
from typer.testing import CliRunner

from commandline import Common, command


@pytest.fixture
def thresholds() -> Iterator[None]:
    before = gc.get_threshold()
    yield
    gc.set_threshold(*before)


@pytest.mark.usefixtures("thresholds")
def test_a_command_looks_for_cyclic_garbage_seldom_and_leaves_none_to_look_through_at_the_end(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    gc.set_threshold(700)
    at_the_end: list[Callable[..., Any]] = []
    monkeypatch.setattr(atexit, "register", at_the_end.append)
    seen: list[int] = []
    app = typer.Typer()

    @command(app, "work")
    def work(common: Common) -> None:
        seen.append(gc.get_threshold()[0])

    assert CliRunner().invoke(app, ["--quiet"]).exit_code == 0
    assert seen == [100_000]
    assert at_the_end == [gc.freeze]


@pytest.mark.usefixtures("thresholds")
def test_a_command_that_ends_with_a_status_of_its_own_tells_no_traceback() -> None:
    app = typer.Typer(pretty_exceptions_enable=False)
    app.callback()(lambda: None)

    @command(app, "found")
    def found(common: Common) -> None:
        raise typer.Exit(1)

    result = CliRunner().invoke(app, ["found"])
    assert result.exit_code == 1
    assert result.output == ""
