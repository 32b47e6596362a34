"""What the tests of pages share: how a page is opened, and what it has once it is drawn."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from explanations.explanation import Explanation
from explanations.report.page import page_html
from explanations.report.sections import SECTIONS
from explanations.report.words import say

if TYPE_CHECKING:
    from playwright.sync_api import Page

DRAWN = "html[data-drawn='{}']"
"""Selects a page whose charts are drawn in a language."""
Open = Callable[..., "Page"]
"""Opens a page: a file, a scheme, a language and a width (`opened` in conftest.py)."""


def report_html(explanation: Explanation) -> str:
    """The report's whole page."""
    return page_html(explanation, SECTIONS, say("page.title"))
