"""What the tests of pages share: how a page is opened, and what it has once it is drawn."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from playwright.sync_api import Page

DRAWN = "html[data-drawn='{}']"
"""Selects a page whose charts are drawn in a language."""
Open = Callable[..., "Page"]
"""Opens a page: a file, a scheme, a language and a width (`opened` in conftest.py)."""
