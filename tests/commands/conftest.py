"""The main job's home and folder, which most tests of commands read."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest


@pytest.fixture(scope="session", autouse=True)
def _stores(quick_stores: None) -> None:
    """All commands keep their work in some store."""


@pytest.fixture(scope="module")
def home(main_job: dict[str, Any]) -> Path:
    """The home in which the main job was done once; nothing is trained there."""
    return Path(main_job["home"])


@pytest.fixture(scope="module")
def folder(main_job: dict[str, Any]) -> Path:
    """The explanation that it left."""
    return Path(main_job["folder"])
