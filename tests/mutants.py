"""`make mutants`: changes the code that must not be wrong, one place at a time, and sees whether its tests notice.

mutmut makes the mutants: another operator, number, text, condition or argument. They are held against the tests of
their own folder or file, which are quick, not against the suite. Compiled functions (numba's) are not changed.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
WORK = ROOT / "mutants"
SEED = 8
UNNOTICED = (0, 5, 33)  # exit codes: the tests passed, or there were none
PACKAGES = ("commands", "data", "explanations", "features", "models", "scoring", "stages", "training")
MODULES = ("commandline.py", "settings.py", "workbench.py")


@dataclass(frozen=True)
class Family:
    """Modules, and the tests that they are held against."""

    modules: tuple[str, ...]
    tests: tuple[str, ...]


FAMILIES = {
    "snapshots": Family(
        ("features/snapshots.py",),
        tuple(f"tests/features/test_{name}.py" for name in ("snapshots", "definitions", "declared")),
    ),
    "policy": Family(("models/policy.py",), ("tests/models/test_policy.py",)),
    "contrast": Family(
        tuple(f"explanations/kernel/{name}.py" for name in ("contrast", "leaf_bundles", "patterns")),
        ("tests/explanations/kernel/test_contrast.py", "tests/scoring/test_reference.py"),
    ),
    "causes": Family(
        ("explanations/causes/*.py",),
        tuple(
            f"tests/explanations/causes/test_{name}.py"
            for name in ("estimates", "neutral", "spending", "limits_in_force", "tables", "hand_book")
        ),
    ),
    "reasons": Family(("explanations/reasons/*.py",), ("tests/explanations/reasons",)),
}


def main() -> None:
    """Makes the mutants of some families and prints which of them no test noticed."""
    parser = argparse.ArgumentParser(prog="make mutants")
    parser.add_argument("families", nargs="*", help=f"some of {', '.join(FAMILIES)}; all if none is named")
    parser.add_argument("--sample", type=int, help="so many mutants of each, drawn with a fixed seed")
    parser.add_argument("--at-once", type=int, default=2, help="so many at once")
    told = parser.parse_args()
    for family in told.families or FAMILIES:
        print(f"{family} …", flush=True)
        codes = held(family, told.sample, told.at_once)
        left = sorted(name for name, code in codes.items() if code in UNNOTICED)
        for name in left:
            print(_mutmut(WORK / family, "show", name).stdout, flush=True)
        killed = len(codes) - len(left)
        print(f"{family}: {killed} of {len(codes)} killed ({killed / len(codes):.1%})", flush=True)


def held(family: str, sample: int | None, at_once: int) -> dict[str, int]:
    """Exit code of the tests by mutant: of all, or of a sample.

    Mutmut holds each against the tests in which its function was called; a function that was called while a fixture was
    made that several tests share seems to be called in the first alone. So what was not noticed is held against all
    tests again.
    """
    folder = WORK / family
    laid_out(folder, FAMILIES[family])
    _mutmut(
        folder, "run", "none", check=False
    )  # there is none of that name: the mutants are made and not run
    names = sorted(_codes(folder))
    if sample is not None:
        names = sorted(random.Random(SEED).sample(names, min(sample, len(names))))  # noqa: S311
    run = ("run", "--max-children", str(at_once))
    _mutmut(folder, *run, *names)
    codes = _codes(folder)
    unnoticed = [name for name in names if codes[name] in UNNOTICED]
    if unnoticed:
        widen(folder)
        _mutmut(folder, *run, *unnoticed)
        codes = _codes(folder)
    return {name: codes[name] for name in names}


def laid_out(folder: Path, family: Family) -> None:
    """Copies the project to a folder in which mutmut finds this family alone."""
    shutil.rmtree(folder, ignore_errors=True)
    kept = shutil.ignore_patterns("__pycache__")
    for name in (*PACKAGES, "tests"):
        shutil.copytree(ROOT / name, folder / name, ignore=kept)
    for name in (*MODULES, "params.yaml", "README.md"):
        shutil.copy(ROOT / name, folder / name)
    settings: dict[str, Any] = {
        "source_paths": [*PACKAGES, *MODULES],
        "only_mutate": list(family.modules),
        "also_copy": ["params.yaml", "README.md"],
        "pytest_add_cli_args": ["--hypothesis-profile=mutants", "-pno:cacheprovider"],
        "pytest_add_cli_args_test_selection": list(family.tests),
        "use_git_change_detection": False,
        "timeout_multiplier": 5.0,
        "timeout_constant": 10.0,
        # A process in which LightGBM's threads have run must not be forked.
        "process_isolation": "forkserver",
    }
    # What JSON writes of texts, lists and truths TOML reads.
    lines = [f"{name} = {json.dumps(value)}" for name, value in settings.items()]
    project = (ROOT / "pyproject.toml").read_text("utf-8")
    (folder / "pyproject.toml").write_text("\n".join([project, "[tool.mutmut]", *lines, ""]), "utf-8")


def widen(folder: Path) -> None:
    """Lets mutmut take all tests for those of every function."""
    path = folder / "mutants" / "mutmut-stats.json"
    stats = json.loads(path.read_text("utf-8"))
    everything = sorted(stats["duration_by_test"])
    called = stats["tests_by_mangled_function_name"]
    functions = {name.rpartition("__mutmut_")[0] for name in _codes(folder)} | set(called)
    path.write_text(
        json.dumps(stats | {"tests_by_mangled_function_name": dict.fromkeys(functions, everything)}), "utf-8"
    )


def _codes(folder: Path) -> dict[str, int]:
    """Exit code of the tests by mutant; None where they did not run yet."""
    found: dict[str, int] = {}
    for path in sorted((folder / "mutants").rglob("*.py.meta")):
        found |= json.loads(path.read_text("utf-8"))["exit_code_by_key"]
    return found


def _mutmut(folder: Path, *words: str, check: bool = True) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    ran = subprocess.run(
        [sys.executable, "-m", "mutmut", *words], cwd=folder, env=environment, capture_output=True, text=True
    )
    if check and ran.returncode:
        sys.exit(ran.stdout[-4_000:] + ran.stderr[-4_000:])
    return ran


if __name__ == "__main__":
    main()
