"""The MLproject's entry points call commands that exist, with options that these have."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import typer.main

import workbench

PROJECT = Path(workbench.__file__).parent
ENTRY_POINTS = (
    *(
        "append",
        "audit-book",
        "audit-prove",
        "audit-record",
        "audit-verify",
        "case",
        "check",
        "compare",
        "explain",
        "export",
        "import",
        "monitor",
        "notice",
        "promote",
        "phantom",
        "reject-inference",
        "reproduce",
        "run",
        "score",
        "scorecard",
        "simulate",
        "train",
        "truth",
        "tune",
        "whatif",
    ),
)
HOSTILE = 'it\'s $(a) "folder"; é'
# Stands in for Python, and writes down what it was called with.
RECORDER = f"""#!{sys.executable}
import json, sys
print(json.dumps(sys.argv[1:]))
"""


def _project() -> Any:
    from mlflow.projects._project_spec import load_project  # under pytest it is imported without telemetry

    return load_project(str(PROJECT))


def _called(entry_point: str, parameters: dict[str, str], tmp_path: Path) -> list[str]:
    """The arguments that an entry point's command gives to Python."""
    (tmp_path / "python").write_text(RECORDER)
    (tmp_path / "python").chmod(0o755)
    # Without a storage folder MLflow doesn't look whether a path exists.
    command = _project().get_entry_point(entry_point).compute_command(parameters, None)
    environment = {"PATH": f"{tmp_path}:/usr/bin:/bin"}
    done = subprocess.run(
        ["bash", "-c", command], env=environment, capture_output=True, text=True, check=True
    )
    return list(json.loads(done.stdout))


def _parameters(entry_point: str) -> dict[str, str | None]:
    """Names of an entry point's parameters with their defaults."""
    declared = _project().get_entry_point(entry_point).parameters
    return {name: parameter.default for name, parameter in declared.items()}


def _known(entry_point: str) -> list[Any]:
    """Arguments and options of the command."""
    found: Any = typer.main.get_command(workbench.app)
    for word in _words(entry_point):
        found = found.commands[word]
    return list(found.params)


def _words(entry_point: str) -> list[str]:
    """The words by which the command is called: `audit-verify` is `releasegap audit verify`."""
    group, _, rest = entry_point.partition("-")
    return [group, rest] if group == "audit" else [entry_point]


def _flags(entry_point: str) -> set[str]:
    """Options that take no value."""
    return {
        option
        for parameter in _known(entry_point)
        if getattr(parameter, "is_flag", False)
        for option in parameter.opts
    }


def test_every_entry_point_is_tested_here() -> None:
    assert sorted(_project()._entry_points) == sorted(ENTRY_POINTS)


@pytest.mark.parametrize("entry_point", ENTRY_POINTS)
def test_every_parameter_reaches_an_option_of_the_command_unharmed(entry_point: str, tmp_path: Path) -> None:
    given = {name: f"{name} {HOSTILE}" for name in _parameters(entry_point)}
    module, name, *rest = _called(entry_point, given, tmp_path)
    words = _words(entry_point)
    arguments = rest[len(words) :]
    assert (module, name, rest[: len(words)]) == ("-m", "workbench", words)
    flags = {name for name in given if f"--{name}" in _flags(entry_point)}
    assert {value for value in arguments if HOSTILE in value} == {
        value for name, value in given.items() if name not in flags
    }
    assert {f"--{name}" for name in flags} <= {*arguments}
    options = {option for parameter in _known(entry_point) for option in parameter.opts}
    assert {argument for argument in arguments if argument.startswith("--")} <= options


@pytest.mark.parametrize("entry_point", ENTRY_POINTS)
def test_what_is_left_out_is_not_passed_on(entry_point: str, tmp_path: Path) -> None:
    required = {name: "given" for name, default in _parameters(entry_point).items() if default is None}
    arguments = _called(entry_point, required, tmp_path)[2 + len(_words(entry_point)) :]
    by_place = {
        parameter.name for parameter in _known(entry_point) if parameter.param_type_name == "argument"
    }
    filled = {name for name, default in _parameters(entry_point).items() if default} - by_place
    assert {argument for argument in arguments if argument.startswith("--")} == {
        f"--{name}" for name in (required.keys() - by_place) | filled
    }
    assert "" not in arguments
