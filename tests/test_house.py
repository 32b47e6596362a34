"""The house stays in order: who imports whom, what lies where, who reads what."""

import ast
import fnmatch
import json
import os
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[1]
FOLDERS = ("data", "features", "models", "training", "explanations")
IMPORTABLE = {
    "data": set(),
    "features": {"data"},
    "models": {"data", "features"},
    "training": {"data", "features", "models"},
    "explanations": {"data", "features", "models"},
    "scoring": {"data", "features", "models", "training", "explanations"},
    "commandline": {"data"},
    "settings": {*FOLDERS, "commandline"},
    "stages": {*FOLDERS, "scoring", "commandline", "settings"},
    "commands": {*FOLDERS, "scoring", "commandline", "settings", "stages"},
    "workbench": {"commandline", "commands"},
}
TOP = ("commandline", "settings", "workbench")
COMPOSING = ("scoring", "stages", "commands")  # folders that see all others
LOCKS = ("requirements.lock", "requirements-dev.lock", "requirements-bench.lock")
HEAVY = ("altair", "distributed", "lightgbm", "mlflow", "numba", "numpy", "pandas", "shap", "sklearn")

MODULES = [
    *(ROOT / f"{name}.py" for name in TOP),
    *(path for folder in (*FOLDERS, *COMPOSING) for path in sorted((ROOT / folder).rglob("*.py"))),
]
SOURCES = {path.relative_to(ROOT).as_posix(): path.read_text(encoding="utf-8") for path in MODULES}
PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))

# Beside the simulator these modules read ground truth: to score models and explanations, not to make them.
EVALUATION = {"training/labels.py"}
WITHOUT_TRUTH_EXPLAINED = ("causes", "cross_fitting", "intervals", "kernel", "reasons", "recourse", "rules")
# What fits and what explains has no use for it at all, nor have the features and the models.
WITHOUT_TRUTH = (
    *(
        module
        for module in SOURCES
        if module.startswith(("features/", "models/"))
        or module.startswith(tuple(f"explanations/{room}/" for room in WITHOUT_TRUTH_EXPLAINED))
    ),
    "training/fitting.py",
    "training/splits.py",
    "training/cross_fitting.py",
    "training/reject_inference.py",
)


def imports(source: str, module: str) -> Iterator[tuple[int, str]]:
    """Line and top-level name of each import, also of those inside functions."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name.partition(".")[0]) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            outward = node.level >= len(Path(module).parts)
            inside = "" if outward else Path(module).parts[0]
            yield node.lineno, inside if node.level else (node.module or "").partition(".")[0]


def wrong_imports(source: str, module: str) -> list[str]:
    """Imports of a house module that its folder may not make."""
    home = Path(module).parts[0].removesuffix(".py")
    house = {*IMPORTABLE, "tests", ""}
    allowed = IMPORTABLE[home] | {home}
    return [
        f"{module}:{line} imports {name or 'from outside its folder'}"
        for line, name in imports(source, module)
        if name in house - allowed
    ]


def literals(source: str) -> Iterator[tuple[int, str]]:
    """Line and text of each string in the code, docstrings left out."""
    tree = ast.parse(source)
    prose = {
        id(node.value)
        for node in ast.walk(tree)
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in prose:
            yield node.lineno, node.value


def names(source: str) -> Iterator[tuple[int, str]]:
    """Line and text of each name that the code uses, defines or imports."""
    for node in ast.walk(ast.parse(source)):
        for field in ("id", "attr", "arg", "name", "module", "asname"):
            text = getattr(node, field, None)
            if isinstance(text, str):
                yield getattr(node, "lineno", 0), text


def mentions_of_oracle(source: str) -> list[int]:
    """Lines of code, prose left out, in which ground truth is spoken of in any way."""
    return sorted({line for line, text in [*literals(source), *names(source)] if "oracle" in text.lower()})


def reads_of_oracle(source: str) -> list[int]:
    """Lines that name a table or the folder of ground truth, or import its name from `data`."""
    lines = {line for line, text in literals(source) if "oracle/" in text}
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.ImportFrom) and (node.module or "").partition(".")[0] == "data":
            lines |= {node.lineno for alias in node.names if "oracle" in alias.name.lower()}
        elif isinstance(node, ast.BinOp) and isinstance(node.op, ast.Div):
            lines |= {
                node.lineno for side in (node.left, node.right) if getattr(side, "value", "") == "oracle"
            }
    return sorted(lines)


def undocumented(text: str) -> list[str]:
    """Dotted names of values of a YAML text without `# unit; reason` on their line or directly above."""
    lines = text.splitlines()

    def comment(key: yaml.Node, value: yaml.Node) -> str:
        line = key.start_mark.line
        on_same_line = (
            value.end_mark if value.start_mark.line == value.end_mark.line == line else key.end_mark
        )
        tail = lines[line][on_same_line.column :].partition("#")
        above = line - 1
        while above >= 0 and lines[above].lstrip().startswith("#"):
            above -= 1
        return tail[2] or " ".join(part.strip().removeprefix("#") for part in lines[above + 1 : line])

    def walk(node: yaml.MappingNode, prefix: str) -> Iterator[str]:
        for key, value in node.value:
            if isinstance(value, yaml.MappingNode) and value.value:
                yield from walk(value, f"{prefix}{key.value}.")
            elif not re.fullmatch(r"\s*[^\s;][^;]*;\s*\S.*", comment(key, value)):
                yield prefix + key.value

    root = yaml.compose(text, Loader=yaml.SafeLoader)
    assert isinstance(root, yaml.MappingNode)
    return list(walk(root, ""))


def requirements(lock: str) -> dict[str, list[str]]:
    """The options, hashes among them, of each requirement of a lock file."""
    entries = lock.replace("\\\n", " ").splitlines()
    words = [entry.partition(" --")[::2] for entry in entries if entry and not entry.startswith("#")]
    return {requirement.strip(): f"--{options}".split() for requirement, options in words}


def own_files(folder: str) -> list[Path]:
    return [
        path.relative_to(ROOT)
        for path in sorted((ROOT / folder).rglob("*"))
        if path.is_file() and "__pycache__" not in path.parts
    ]


def test_each_folder_holds_code() -> None:
    assert {Path(module).parts[0] for module in SOURCES} == {
        *FOLDERS,
        *COMPOSING,
        *(f"{name}.py" for name in TOP),
    }


@pytest.mark.parametrize("module", SOURCES)
def test_a_folder_imports_only_from_those_above_it(module: str) -> None:
    assert wrong_imports(SOURCES[module], module) == []


@pytest.mark.parametrize(
    ("module", "source"),
    [
        ("data/book.py", "import features"),
        ("data/book.py", "def f():\n    from models.policy import decide"),
        ("features/matrix.py", "from models import policy"),
        ("models/policy.py", "import training.metrics as m"),
        ("training/metrics.py", "from explanations.kernel.contrast import contributions"),
        ("explanations/report/page.py", "from training.tracking import start"),
        ("explanations/report/page.py", "import workbench"),
        ("training/ui.py", "from commandline import DEFAULT_HOME"),
        ("commandline.py", "from training.home import EXPERIMENT"),
        ("commandline.py", "import workbench"),
        ("commands/run.py", "import workbench"),
        ("workbench.py", "import stages"),
        ("training/metrics.py", "from tests.books import tiny"),
        ("training/metrics.py", "from ..explanations import contrast"),
    ],
)
def test_an_import_against_the_order_is_seen(module: str, source: str) -> None:
    assert len(wrong_imports(source, module)) == 1


@pytest.mark.parametrize(
    ("module", "source"),
    [
        ("models/policy.py", "import numpy\nfrom data.errors import CallError\nfrom features import matrix"),
        ("training/fitting.py", "from .splits import split\nfrom training.metrics import auc"),
        ("commandline.py", "from data.errors import CallError"),
        ("commands/run.py", "import explanations.report.page, training.tracking, data.book, commandline"),
        ("workbench.py", "from commands.run import run"),
    ],
)
def test_an_import_in_order_is_let_pass(module: str, source: str) -> None:
    assert wrong_imports(source, module) == []


def test_every_name_of_the_project_resolves_to_this_repository_wherever_it_is_called_from(
    tmp_path: Path,
) -> None:
    program = (
        "import importlib.util, json\n"
        f"found = {{name: importlib.util.find_spec(name) for name in {[*IMPORTABLE]}}}\n"
        "print(json.dumps({name: spec and spec.origin for name, spec in found.items()}))"
    )
    # Isolated, so that neither the current folder nor PYTHONPATH helps: what counts is what is installed.
    output = subprocess.check_output([sys.executable, "-I", "-c", program], cwd=tmp_path, text=True)
    origins = {name: origin and Path(origin) for name, origin in json.loads(output).items()}
    expected = {name: ROOT / name / "__init__.py" for name in (*FOLDERS, *COMPOSING)}
    expected |= {name: ROOT / f"{name}.py" for name in TOP}
    assert origins == expected, "install the project with `make test`, or find what hides it"


def test_the_installation_lists_every_folder_that_holds_code() -> None:
    holding = {Path(module).parent.as_posix().replace("/", ".") for module in SOURCES} - {"."}
    assert set(PYPROJECT["tool"]["setuptools"]["packages"]) == holding
    assert PYPROJECT["tool"]["setuptools"]["py-modules"] == list(TOP)


def test_the_installation_takes_along_every_file_that_the_code_reads() -> None:
    patterns = [
        f"{package.replace('.', '/')}/{pattern}"
        for package, globs in PYPROJECT["tool"]["setuptools"]["package-data"].items()
        for pattern in globs
    ]
    others = [path.as_posix() for folder in FOLDERS for path in own_files(folder) if path.suffix != ".py"]
    assert others
    assert [path for path in others if not any(fnmatch.fnmatch(path, pattern) for pattern in patterns)] == []
    [carried] = PYPROJECT["tool"]["setuptools"]["data-files"].values()
    assert carried == ["params.yaml"]


def test_the_data_folder_holds_no_dataset() -> None:
    strangers = [
        path.as_posix()
        for path in own_files("data")
        if path.suffix != ".py" and not (path.parts[1] == "mappings" and path.suffix == ".yaml")
    ]
    assert strangers == []


def test_the_tests_are_no_package() -> None:
    assert [path.as_posix() for path in own_files("tests") if path.name == "__init__.py"] == []


def test_the_home_is_ignored_where_it_lies_and_nothing_of_the_data_folder_is() -> None:
    ignored = (ROOT / ".gitignore").read_text(encoding="utf-8").splitlines()
    assert "/artifacts/" in ignored
    assert {"artifacts", "artifacts/", "data", "data/", "/data", "/data/"}.isdisjoint(ignored)


@pytest.mark.parametrize("module", WITHOUT_TRUTH)
def test_what_fits_and_what_explains_never_speaks_of_ground_truth(module: str) -> None:
    assert mentions_of_oracle(SOURCES[module]) == []


def test_only_the_simulator_and_the_evaluation_read_ground_truth() -> None:
    readers = {module for module, source in SOURCES.items() if reads_of_oracle(source)}
    simulator = {module for module in readers if module.startswith("data/")}
    assert simulator, "the simulator writes oracle/, so this test should see it"
    assert readers - simulator == EVALUATION


@pytest.mark.parametrize(
    "source",
    [
        "table = book.table('oracle/requests')",
        "path = f'oracle/{name}'",
        "from data.outcomes import ORACLE_REQUESTS",
        "def truth(book):\n    'Prose on oracle/requests.'\n    return book.path / 'oracle'",
    ],
)
def test_a_reader_of_ground_truth_is_seen(source: str) -> None:
    assert len(reads_of_oracle(source)) == 1
    assert len(mentions_of_oracle(source)) == 1


@pytest.mark.parametrize(
    "source",
    ["pd = book.oracle", "oracle_pd = 3", "import data.oracle", "def fit(oracle): ...", "s = 'my oracle'"],
)
def test_speaking_of_ground_truth_is_seen_in_any_kind_of_name(source: str) -> None:
    assert mentions_of_oracle(source) == [1]


def test_the_state_of_the_world_is_known_to_the_evaluation_alone() -> None:
    knowing = {module for module, source in SOURCES.items() if re.search(r"from data\.states import", source)}
    assert {module for module in knowing if not module.startswith("data/")} == {
        "explanations/truth/fidelity.py",
        "stages/truth.py",
    }


@pytest.mark.parametrize("module", ["training.champions", "scoring.decision"])
def test_mlflow_tells_nobody_whichever_module_imports_it_first(module: str) -> None:
    # MLflow is silent by itself where a variable says that tests run, so the environment is one without any.
    code = f"import {module}; from mlflow.telemetry.client import get_telemetry_client as on; print(on())"
    bare = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
    told = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, env=bare, capture_output=True, text=True, check=True
    )
    assert told.stdout.strip() == "None"


def test_protected_attributes_are_read_for_checks_of_fairness_and_proxies_alone() -> None:
    knowing = {m for m, source in SOURCES.items() if "data.protected" in source and m != "data/protected.py"}
    assert knowing == {"stages/answers.py", "stages/promoting.py", "stages/readiness.py"}


def test_prose_on_ground_truth_is_no_reading() -> None:
    source = "'Never reads oracle/.'\ndef f():\n    'The oracle is elsewhere.'\n"
    assert mentions_of_oracle(source) == reads_of_oracle(source) == []


def test_only_the_settings_name_the_file_of_parameters() -> None:
    naming = {
        m for m, source in SOURCES.items() if any("params.yaml" in text for _, text in literals(source))
    }
    assert naming == {"settings.py"}


def test_every_parameter_has_its_unit_and_its_reason() -> None:
    assert undocumented((ROOT / "params.yaml").read_text(encoding="utf-8")) == []


def test_a_parameter_without_unit_or_reason_is_seen() -> None:
    text = "\n".join(
        [
            "group:  # RMB; a group needs no comment, and lends none",
            "  bare: 1",
            "  no_reason: 1  # RMB",
            "  empty_reason: 1  # RMB;",
            "  no_unit: 1  # ; because",
            "  in_text: 'a # b; c'",
            "  list:",
            "    - 1  # RMB; a comment on an element is not one on the list",
            "  good: 1  # RMB; because",
            "  quoted: 'a # b'  # text; because",
            "  # RMB a month; a longer reason",
            "  # that takes two lines",
            "  above: 1",
            "  after_above: 1",
            "  good_list: [1,",
            "    2]",
            "  rows:  # shares; because",
            "    - 1",
            "  nothing: {}",
        ]
    )
    bad = [
        "bare",
        "no_reason",
        "empty_reason",
        "no_unit",
        "in_text",
        "list",
        "after_above",
        "good_list",
        "nothing",
    ]
    assert undocumented(text) == [f"group.{name}" for name in bad]


@pytest.mark.parametrize("name", LOCKS)
def test_a_lock_file_pins_and_hashes_everything_and_names_no_registry(name: str) -> None:
    text = (ROOT / name).read_text(encoding="utf-8")
    assert "://" not in text
    locked = requirements(text)
    assert len(locked) > 50
    pin = re.compile(r"[A-Za-z0-9._-]+(\[[a-z,]+\])?==[^\s;@]+( ; .+)?")
    assert [requirement for requirement in locked if not pin.fullmatch(requirement)] == []
    sha256 = re.compile("--hash=sha256:[0-9a-f]{64}")
    assert [
        requirement
        for requirement, options in locked.items()
        if not options or not all(sha256.fullmatch(option) for option in options)
    ] == []


@pytest.mark.parametrize("larger", LOCKS[1:])
def test_every_other_lock_holds_the_first_one(larger: str) -> None:
    run, more = (requirements((ROOT / name).read_text(encoding="utf-8")) for name in (LOCKS[0], larger))
    assert {name: run[name] for name in run if more.get(name) != run[name]} == {}


def test_the_command_line_starts_without_what_is_heavy() -> None:
    program = f"import json, sys, workbench; print(json.dumps([m for m in {HEAVY} if m in sys.modules]))"
    output = subprocess.check_output([sys.executable, "-c", program], cwd=ROOT, text=True)
    assert json.loads(output) == []
