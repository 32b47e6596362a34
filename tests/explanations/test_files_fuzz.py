"""The files of an explanation, changed anywhere: what is read again is whole, or its damage is named."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from data.errors import CallError, DataFault
from explanations.explanation import Explanation
from explanations.files import read_explanation
from explanations.sums import SUMS, write_sums
from tests.data.test_import_fuzz import sentence
from tests.explanations.test_files import write
from tests.fuzzing import TIMES


@pytest.fixture(scope="module")
def folder(lettered: Explanation, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write(lettered, tmp_path_factory.mktemp("explanation") / "e")


HOW = ("a byte", "cut off", "empty", "another's")


def changed(whole: bytes, how: str, at: int, bits: int) -> bytes:
    """A file with a byte changed, without its end, without content, or with content that is not its own."""
    given = {"cut off": whole[:at], "empty": b"", "another's": b"{}"}
    return given.get(how, whole[:at] + bytes([whole[at] ^ bits]) + whole[at + 1 :])


@settings(max_examples=15 * TIMES, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data(), how=st.sampled_from(HOW), resealed=st.booleans())
def test_a_changed_file_is_named_and_one_that_bears_its_digest_is_read_or_refused_in_a_sentence(
    folder: Path, data: st.DataObject, how: str, resealed: bool
) -> None:
    names = sorted(path.name for path in folder.iterdir() if path.suffix != ".txt")
    name = data.draw(st.sampled_from(names))
    whole = {found: (folder / found).read_bytes() for found in (name, SUMS)}
    at, bits = data.draw(st.integers(0, len(whole[name]) - 1)), data.draw(st.integers(1, 255))
    (folder / name).write_bytes(changed(whole[name], how, at, bits))
    resealed &= name != SUMS
    if resealed:
        write_sums(folder)
    said = None
    try:
        read_explanation(folder)
    except (CallError, DataFault) as error:
        said = str(error)
        sentence(error)
    finally:
        for found, content in whole.items():
            (folder / found).write_bytes(content)
    if not resealed and name != SUMS:
        assert said is not None
        assert name in said
