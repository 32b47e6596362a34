"""A browser for the tests of pages, and the report that most of them open."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from explanations.explanation import Explanation
from explanations.report.page import write_report
from tests.explanations.report.pages import DRAWN, Open

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

OFFLINE = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
    # No pages of the browser's own beside each that is opened; the others of these ask a network.
    "--disable-features=WebUIOmniboxPopup,WebUIOmniboxAimPopup,MediaRouter,OptimizationHints,HttpsUpgrades,"
    "NetworkTimeServiceQuerying,PreconnectToSearch",
)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Headless Chromium without a network; the test is skipped where there is none."""
    chromium = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    if chromium is None:
        pytest.skip("no chromium on PATH")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=chromium, args=list(OFFLINE))
        yield opened
        opened.close()


@pytest.fixture(scope="module")
def report(lettered: Explanation, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The report of the simulated book, with reasons and recourse."""
    path = tmp_path_factory.mktemp("report") / "report.html"
    write_report(lettered, path)
    return path


@pytest.fixture
def opened(browser: Browser, report: Path) -> Iterator[Open]:
    """Opens a page in a scheme and a language; no page may complain or ask anything of a network."""
    complaints: list[str] = []
    pages: list[Page] = []

    def made(path: Path = report, scheme: str = "light", language: str = "en", width: int = 1400) -> Page:
        page = browser.new_page(
            viewport={"width": width, "height": 900},
            locale="zh-CN" if language == "zh" else "en-GB",
            color_scheme=scheme,  # type: ignore[arg-type]
        )
        page.on("console", lambda message: complaints.append(message.text))
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on(
            "request", lambda asked: complaints.append(asked.url) if asked.url.startswith("http") else None
        )
        page.goto(path.as_uri())
        if page.locator("#page-data").count():
            page.wait_for_selector(DRAWN.format(language))
        pages.append(page)
        return page

    yield made
    for page in pages:
        page.close()
    assert complaints == []
