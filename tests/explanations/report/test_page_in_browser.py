"""The report as a reader meets it: opened from a file and inside a sandboxed frame, in headless Chromium."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from explanations.explanation import Explanation
from explanations.report.page import write_report
from tests.explanations.report.pages import DRAWN, draw, draw_all, drawn_text

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page


pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def report(simulated: Explanation, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("report") / "report.html"
    write_report(simulated, path)
    return path


def opened(browser: Browser, width: int, complaints: list[str]) -> Page:
    """A page that writes down errors, console messages, and requests that leave the machine."""
    page = browser.new_page(viewport={"width": width, "height": 900}, locale="en-GB")
    page.on("console", lambda message: complaints.append(message.text))
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("request", lambda asked: complaints.append(asked.url) if asked.url.startswith("http") else None)
    return page


@pytest.mark.parametrize("width", [600, 1400])
def test_both_languages_are_drawn_without_a_complaint_at_each_width(
    browser: Browser, report: Path, width: int
) -> None:
    complaints: list[str] = []
    page = opened(browser, width, complaints)
    page.goto(report.as_uri())
    page.wait_for_selector(DRAWN.format("en"))
    draw_all(page)
    assert "mean push toward refusal" in " ".join(drawn_text(page, "conflict-map"))
    assert page.locator(".answer .zh").first.is_hidden()

    page.click("[data-set-language='zh']")
    page.wait_for_selector(DRAWN.format("zh"))
    draw_all(page)
    assert "推向拒绝的平均力度" in " ".join(drawn_text(page, "conflict-map"))
    assert page.title() == "为什么额度升了，放款却被拒"
    assert page.evaluate("document.documentElement.lang") == "zh-CN"
    assert page.locator(".answer .en").first.is_hidden()
    assert page.get_attribute("[data-set-language='zh']", "aria-pressed") == "true"
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    for box in [chart.bounding_box() for chart in page.locator("[data-chart] svg").all()]:
        assert box is not None
        assert 150 < box["width"] < width
    assert complaints == []
    page.close()


def still(browser: Browser, report: Path, width: int) -> Page:
    """The report as it is first seen, on a clock that stands: what it does after a while it does when that is moved."""
    page = opened(browser, width, [])
    page.clock.install(time=0)
    page.clock.pause_at(1)
    page.goto(report.as_uri())
    page.wait_for_selector(DRAWN.format("en"))
    return page


def test_charts_are_drawn_when_one_comes_near_and_the_others_after_a_while(
    browser: Browser, report: Path
) -> None:
    page = still(browser, report, 1400)
    charts = page.locator("[data-chart]").count()
    assert page.locator("[data-chart] svg").count() < 5 < charts
    draw(page, "accuracy")
    assert page.locator("[data-chart='months'] svg").count() == 0, "what was passed by is not drawn"
    page.clock.run_for(60_000)
    page.wait_for_function(
        "charts => document.querySelectorAll('[data-chart] svg').length === charts", arg=charts
    )
    page.close()


@pytest.mark.parametrize("width", [600, 1400])
def test_a_link_leads_to_its_section_though_no_chart_on_the_way_was_drawn(
    browser: Browser, report: Path, width: int
) -> None:
    page = still(browser, report, width)
    # Not the browser keeps the place when something above it grows.
    page.evaluate("document.documentElement.style.overflowAnchor = 'none'")
    assert page.locator("[data-chart] svg").count() < 5
    page.click("[data-goto='fairness']")
    top = "document.getElementById('fairness').getBoundingClientRect().top"
    page.wait_for_function(
        f"() => {{ const before = window.seen; window.seen = {top}; return before === window.seen && before < 200; }}",
        polling=200,
    )
    there = page.evaluate(top)
    assert there >= 0
    assert page.evaluate("document.activeElement.closest('section').id") == "fairness"
    draw_all(page)
    assert page.evaluate(top) == there
    page.close()


BROKEN = """() => {
    let draw;
    Object.defineProperty(window, "vegaEmbed", {
        set(given) { draw = given; },
        get: () => (place, ...rest) =>
            place.dataset.chart === "causes" ? Promise.reject(new Error("broken")) : draw(place, ...rest),
    });
}"""


def test_a_chart_that_fails_is_told_and_leaves_the_others_drawn(browser: Browser, report: Path) -> None:
    complaints: list[str] = []
    page = opened(browser, 1400, complaints)
    page.add_init_script(f"({BROKEN})()")
    page.goto(report.as_uri())
    page.wait_for_selector(DRAWN.format("en"))
    charts = page.locator("[data-chart]").count()
    # Nobody comes near: they are drawn one after the other when nothing else is to do.
    page.wait_for_function(
        "charts => document.querySelectorAll('[data-chart] svg').length === charts - 1", arg=charts
    )
    assert complaints == ["broken"]
    page.close()


def test_paper_gets_the_charts_that_nobody_came_near(browser: Browser, report: Path) -> None:
    page = still(browser, report, 1400)
    assert page.locator("[data-chart] svg").count() < 5
    printed = page.pdf()
    draw_all(page)
    assert len(printed) == pytest.approx(len(page.pdf()), rel=0.001)
    page.close()


def test_pointing_at_a_feature_tells_its_definition_and_figures(browser: Browser, report: Path) -> None:
    page = opened(browser, 1000, [])
    page.goto(report.as_uri())
    page.wait_for_selector(DRAWN.format("en"))
    draw(page, "conflict-map")
    # The points' own labels for screen readers tell which is which.
    point = page.locator("[data-chart='conflict-map'] path[aria-label*='Credit enquiries, 3 months']").first
    point.hover()
    tip = page.locator(".tip")
    assert tip.is_visible()
    assert "Credit enquiries by other lenders in the last 3 months." in tip.inner_text()
    assert "doubted by both" in tip.inner_text() or "weighed only at release" in tip.inner_text()
    page.keyboard.press("Escape")
    assert tip.is_hidden()
    page.close()


def test_the_page_works_in_a_sandboxed_frame_from_a_blob(browser: Browser, report: Path) -> None:
    complaints: list[str] = []
    page = opened(browser, 640, complaints)
    page.set_content("<body style='margin:0'></body>")
    page.evaluate(
        """html => {
            const frame = document.createElement("iframe");
            frame.sandbox = "allow-scripts";
            frame.style = "width: 600px; height: 700px; border: 0";
            frame.src = URL.createObjectURL(new Blob([html], { type: "text/html" }));
            document.body.append(frame);
        }""",
        report.read_text(encoding="utf-8"),
    )
    page.frame_locator("iframe").locator(DRAWN.format("en")).wait_for()
    frame = page.frames[1]
    frame.click("[data-set-language='zh']")
    frame.wait_for_selector(DRAWN.format("zh"))
    assert "推向拒绝" in " ".join(drawn_text(frame, "contrast"))
    frame.click("[data-goto='models']")
    frame.wait_for_function(
        "() => { const top = document.getElementById('models').getBoundingClientRect().top;"
        " return top >= 0 && top < 200; }"
    )
    assert frame.evaluate("document.activeElement.closest('section').id") == "models"
    frame.click("[data-goto='cases']")
    frame.click("[data-case='3']")
    frame.wait_for_selector("[data-case='3'].chosen")
    assert complaints == []
    page.close()
