"""Calls of the command line, what they answer, and how a bad one is refused."""

import json

from typer.testing import CliRunner, Result

import workbench

CALL_WRONG, WORK_WRONG = 2, 1
SMALL = [
    "--set=training.limit.rounds=40",
    "--set=training.release.rounds=40",
    "--set=explanations.reasons.refits=2",
    "--set=explanations.checked_conflicts=0",
]
CHECKED = "--set=explanations.checked_conflicts=30"
"""The ledger held against true shares; it takes as long as all else of the main job."""


def call(*words: object) -> Result:
    return CliRunner().invoke(workbench.app, [str(word) for word in words])


def answer(result: Result) -> dict[str, object]:
    """What `--json` printed as the last line of standard output."""
    assert result.exit_code == 0, result.output
    return dict(json.loads(result.stdout.splitlines()[-1]))


def refused(result: Result, status: int, *said: str) -> None:
    """One sentence on standard error, the exit status, no traceback."""
    assert result.exit_code == status, result.output
    lines = [line for line in result.stderr.splitlines() if line.startswith("releasegap: ")]
    assert len(lines) == 1, result.stderr
    assert "Traceback" not in result.output
    for words in said:
        assert words in lines[0]
