"""The guide docs/own_book.md, followed as it is written, ends in two reports."""

import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.commands.calls import call

GUIDE = (Path(__file__).resolve().parents[1] / "docs" / "own_book.md").read_text("utf-8")


def steps() -> Iterator[tuple[str, str]]:
    """Blocks of the guide that a reader follows: commands, and changes of a file; what they print is left to him."""
    yield from re.findall(r"```(sh|text|diff \S+)\n(.*?)```", GUIDE, re.DOTALL)


def run(line: str) -> str:
    """A command, its output in a file where it says so; what it prints."""
    program, *words = shlex.split(line)
    assert program == "releasegap"
    target = words[words.index(">") + 1] if ">" in words else None
    done = call(*(words[: words.index(">")] if target else words))
    assert done.exit_code == 0, done.output
    if target:
        Path(target).write_text(done.stdout, "utf-8")
    return str(done.stdout)


def change(path: Path, lines: str) -> None:
    """Lines with a minus go, those with a plus come in their places; comments behind them are not told."""
    text = path.read_text("utf-8")
    gone = ""
    for mark, line in re.findall(r"^([-+])(.*)$", lines, re.MULTILINE):
        if mark == "-":
            [gone] = re.findall(rf"^{re.escape(line)}(?:  #.*)?$", text, re.MULTILINE)
            text = text.replace(f"{gone}\n", f"{line}\n")
            gone = line
        elif gone:
            text, gone, last = text.replace(f"{gone}\n", f"{line}\n"), "", line
        else:
            text, last = text.replace(f"{last}\n", f"{last}\n{line}\n"), line
    path.write_text(text, "utf-8")


def figures(text: str) -> list[float]:
    """The numbers of a sentence."""
    return [float(number.replace(",", "")) for number in re.findall(r"\d[\d,]*(?:\.\d+)?", text)]


def test_the_guide_is_followed_as_it_is_written(
    real_data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("taiwan_default", "german_credit"):
        (tmp_path / f"{name}.csv").write_bytes((real_data / name / f"{name}.csv").read_bytes())
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("RELEASEGAP_HOME", str(tmp_path / "artifacts"))
    printed, compared = "", 0
    for kind, block in steps():
        if kind == "sh":
            printed = [run(line) for line in block.splitlines()][-1]
        elif kind == "text":
            # Fits differ in the last digits between machines; what is shown must be near what is printed here.
            for shown, found in zip(block.splitlines()[:2], printed.splitlines(), strict=False):
                assert figures(found) == pytest.approx(figures(shown), rel=0.25)
                compared += 1
        else:
            change(tmp_path / kind.removeprefix("diff "), block)
    assert compared == 4
    assert len(list(tmp_path.glob("artifacts/explanations/*/report.html"))) == 2


def test_a_change_puts_lines_in_the_place_of_others(tmp_path: Path) -> None:
    path = tmp_path / "m.yaml"
    path.write_text("a: 1  # say\nb: 2\nc: 3\n", "utf-8")
    change(path, "-a: 1\n+a: 4\n-b: 2\n+b: 5\n+d: 6\n")
    assert path.read_text("utf-8") == "a: 4\nb: 5\nd: 6\nc: 3\n"
    with pytest.raises(ValueError, match="not enough values"):
        change(path, "-x: 1\n")
