"""What the tests of pages share: how a page is opened, and what it has once it is drawn."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from explanations.explanation import Explanation
from explanations.report.page import page_html
from explanations.report.sections import SECTIONS
from explanations.report.words import say

if TYPE_CHECKING:
    from playwright.sync_api import Frame, Page

DRAWN = "html[data-drawn='{}']"
"""Selects a page whose charts near the screen are drawn in a language."""
Open = Callable[..., "Page"]
"""Opens a page: a file, a scheme, a language and a width (`opened` in conftest.py)."""


def draw_all(page: Page | Frame) -> None:
    """Has all charts of a page drawn, as before it is printed."""
    page.evaluate("dispatchEvent(new Event('beforeprint'))")
    page.wait_for_function(
        "[...document.querySelectorAll('[data-chart]')].every((one) => one.querySelector('svg'))"
    )


def draw(page: Page | Frame, chart: str) -> None:
    """Has one chart drawn, by coming to it."""
    page.locator(f"[data-chart='{chart}']").scroll_into_view_if_needed()
    page.wait_for_selector(f"[data-chart='{chart}'] svg")


def drawn_text(page: Page | Frame, chart: str) -> list[str]:
    """The texts of a chart, which is drawn."""
    draw(page, chart)
    return page.locator(f"[data-chart='{chart}'] svg text").all_text_contents()


def report_html(explanation: Explanation, *sections: str) -> str:
    """The report's page: with all its sections, or these alone."""
    return page_html(explanation, {name: SECTIONS[name] for name in sections or SECTIONS}, say("page.title"))
