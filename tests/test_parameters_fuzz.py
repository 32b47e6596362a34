"""Whatever a file of parameters or `--set` says: parameters, or one clear sentence."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from data.errors import CallError, DataFault
from data.yaml_tree import parse
from settings import PARAMETERS, resolved
from tests.data.test_import_fuzz import VALUE
from tests.fuzzing import TIMES


def names(tree: dict[str, Any], head: str = "") -> list[str]:
    found = []
    for name, value in tree.items():
        found += [f"{head}{name}", *(names(value, f"{head}{name}.") if isinstance(value, dict) else ())]
    return found


KNOWN = names(parse(PARAMETERS.read_text("utf-8"), "params.yaml"))
NAME = (
    st.sampled_from(KNOWN)
    | st.text(max_size=8)
    | st.sampled_from(["a.b.c", ".", "world.", "..", "world.policy.x"])
)
TEXT = st.text(max_size=12) | st.sampled_from(
    ["1e999", "[1", "{a: b", "!!python/object:os.system", "&a [*a]", "~", "0x7"]
)


def line(said: str) -> None:
    """One line of a bearable length."""
    assert "\n" not in said
    assert 10 < len(said) < 2_000
    assert "Traceback" not in said


def told(params: Path | None, overrides: list[str]) -> None:
    try:
        resolved(params, overrides)
    except (CallError, DataFault) as error:
        line(str(error))


@settings(max_examples=40 * TIMES, deadline=None)
@given(name=NAME, value=TEXT | VALUE.map(str))
def test_any_override_is_taken_or_told(name: str, value: str) -> None:
    told(None, [f"{name}={value}"])


@settings(max_examples=40 * TIMES, deadline=None)
@given(text=st.text(max_size=60) | st.dictionaries(NAME, VALUE, max_size=3).map(yaml.safe_dump) | TEXT)
def test_any_file_of_parameters_is_taken_or_told(text: str) -> None:
    with tempfile.TemporaryDirectory() as folder:
        (file := Path(folder) / "params.yaml").write_bytes(text.encode("utf-8", "surrogatepass"))
        told(file, [])


def test_a_few_lines_that_stand_for_millions_of_values_are_refused(tmp_path: Path) -> None:
    lines = ["a: &a [0, 0, 0, 0, 0, 0, 0, 0, 0, 0]"]
    lines += [f"{chr(98 + n)}: &{chr(98 + n)} [{', '.join([f'*{chr(97 + n)}'] * 10)}]" for n in range(8)]
    (file := tmp_path / "params.yaml").write_text("\n".join(lines), "utf-8")
    with pytest.raises(CallError, match="stands for more than 1,000,000 values"):
        resolved(file, [])
