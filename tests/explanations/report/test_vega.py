"""The report's libraries are bundled once for a home, and are the same script from there."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import vl_convert

import explanations.report.vega
from explanations.report.vega import vega_script


@pytest.fixture(autouse=True)
def bundled(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """Counts bundles, each of which is made of what was asked for; every call is that of a new process."""
    made: list[str] = []

    def bundle(snippet: str) -> str:
        made.append(snippet)
        return f"{snippet}\r\n// </script> ≤ 3"

    monkeypatch.setattr(vl_convert, "javascript_bundle", bundle)
    yield made
    forget()


def forget() -> None:
    """What this process keeps of bundles."""
    vega_script.cache_clear()
    explanations.report.vega._bundled.cache_clear()


def of_a_new_process(folder: Path | None) -> str:
    forget()
    return vega_script(folder)


def test_the_script_from_the_cache_is_the_one_that_was_bundled(tmp_path: Path, bundled: list[str]) -> None:
    first = of_a_new_process(tmp_path / "cache")
    assert of_a_new_process(tmp_path / "cache") == first
    assert len(bundled) == 1
    assert of_a_new_process(None) == first
    assert "</script" not in first


@pytest.mark.parametrize("damaged", [b"", b"alert(1)", b"// 0\nalert(1)"])
def test_a_damaged_script_is_made_anew(tmp_path: Path, bundled: list[str], damaged: bytes) -> None:
    first = of_a_new_process(tmp_path)
    (path,) = tmp_path.iterdir()
    whole = path.read_bytes()
    for spoilt in (damaged, whole[:-1], whole.replace(b"window", b"widow.")):
        path.write_bytes(spoilt)
        assert of_a_new_process(tmp_path) == first
        assert path.read_bytes() == whole
    assert len(bundled) == 4


def test_other_versions_of_the_libraries_are_bundled_for_themselves(
    tmp_path: Path, bundled: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    of_a_new_process(tmp_path)
    monkeypatch.setattr(explanations.report.vega, "version", lambda package: f"{package} 0.0.0")
    of_a_new_process(tmp_path)
    assert len(bundled) == len(list(tmp_path.iterdir())) == 2
