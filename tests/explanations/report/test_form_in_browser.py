"""What the pages promise of their form: schemes, keyboard, screen readers, print, and that data stay data."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from explanations.explanation import Explanation
from explanations.parameters import NoticeParameters
from explanations.report.case_page import case_html
from explanations.report.notice import notice_html
from explanations.report.page import write_report
from explanations.report.palette import VARIABLES
from explanations.report.words import LANGUAGES, Language
from features.catalogue import Catalogue
from tests.explanations.report.pages import DRAWN, Open, draw, draw_all

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

pytestmark = pytest.mark.browser

LETTER = NoticeParameters(
    lender="A Lender", address="A Road 1", review_contact="400-000-0000", data_contact="data@example.com"
)
HOSTILE = '</script><img src=x onerror="hacked=1">\'"`${hacked=1} <!-- {{7*7}} &amp; \\u0022 '
ATTENDED = "a[href], button, input, select, summary, [tabindex='0']"


def findings(page: Page) -> list[tuple[str, str, str]]:
    """What axe-core finds serious or critical: the rule, the element, and what is wrong with it."""
    from axe_playwright_python.sync_playwright import Axe

    # Every rule looks at the whole page; of what passes only one element by rule is told, instead of all 30,000.
    found = Axe().run(page, options={"resultTypes": ["violations"]}).response["violations"]
    return [
        (one["id"], node["html"][:200], node["failureSummary"])
        for one in found
        if one["impact"] in ("serious", "critical")
        for node in one["nodes"]
    ]


def rgb(variable: str, scheme: int) -> str:
    colour = VARIABLES[variable][scheme]
    return f"rgb({', '.join(str(int(colour[i : i + 2], 16)) for i in (1, 3, 5))})"


def ground(page: Page) -> str:
    return str(page.evaluate("getComputedStyle(document.body).backgroundColor"))


def label_fill(page: Page) -> str:
    """Colour in which a chart's labels are drawn."""
    draw(page, "contrast")
    script = (
        "getComputedStyle(document.querySelector(\"[data-chart='contrast'] .role-axis-label text\")).fill"
    )
    return str(page.evaluate(script))


# Colours do not depend on the language, nor names and roles on the colours; a look at the whole report takes 10 s.
@pytest.mark.parametrize(
    ("scheme", "language", "faint"), [("light", "en", "#dddddd"), ("dark", "zh", "#333333")]
)
def test_axe_finds_nothing_serious_in_the_report_but_a_fault_put_there(
    opened: Open, scheme: str, language: str, faint: str
) -> None:
    page = opened(scheme=scheme, language=language)
    page.evaluate("document.querySelectorAll('details').forEach((one) => { one.open = true; })")
    draw_all(page)
    page.evaluate(
        """(faint) => {
            const text = document.createElement("p");
            text.textContent = "faint";
            text.style.color = faint;
            document.querySelector(".lead").after(text);
        }""",
        faint,
    )
    [(rule, text, _)] = findings(page)
    assert rule == "color-contrast"
    assert text.endswith(">faint</p>")


@pytest.mark.parametrize("language", LANGUAGES)
def test_axe_finds_nothing_serious_in_a_case_and_in_a_letter(
    opened: Open, lettered: Explanation, tmp_path: Path, language: Language
) -> None:
    request = int(lettered.conflicts["request_id"].iloc[1])
    pages = {"case": case_html(lettered, request), "letter": notice_html(lettered, request, language, LETTER)}
    for name, html in pages.items():
        path = tmp_path / f"{name}.html"
        path.write_text(html, encoding="utf-8")
        assert findings(opened(path, "dark", language)) == [], name


def test_the_system_decides_on_light_or_dark_until_the_switch_does(opened: Open) -> None:
    page = opened(scheme="dark")
    assert (ground(page), label_fill(page)) == (rgb("ground", 1), rgb("muted", 1))
    page.click("[data-set-scheme='light']")
    assert (ground(page), label_fill(page)) == (rgb("ground", 0), rgb("muted", 0))
    page.emulate_media(color_scheme="light")
    page.click("[data-set-scheme='dark']")
    assert (ground(page), label_fill(page)) == (rgb("ground", 1), rgb("muted", 1))
    pressed = page.locator("[data-set-scheme][aria-pressed='true']")
    assert pressed.all_inner_texts() == ["Dark"]
    page.click("[data-set-scheme='auto']")
    assert ground(page) == rgb("ground", 0)


def test_a_frame_that_may_store_nothing_can_be_dark(browser: Browser, report: Path) -> None:
    page = browser.new_page(viewport={"width": 640, "height": 900}, locale="en-GB")
    errors: list[str] = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.set_content("<iframe sandbox='allow-scripts' style='width:600px;height:700px'></iframe>")
    page.evaluate(
        "html => { document.querySelector('iframe').srcdoc = html; }", report.read_text(encoding="utf-8")
    )
    page.frame_locator("iframe").locator(DRAWN.format("en")).wait_for()
    frame = page.frames[1]
    refused = "() => { try { localStorage.length; return false; } catch { return true; } }"
    assert frame.evaluate(refused)
    frame.click("[data-set-scheme='dark']")
    assert frame.evaluate("getComputedStyle(document.body).backgroundColor") == rgb("ground", 1)
    frame.click("[data-goto='contrast']")
    frame.wait_for_function("() => document.activeElement.closest('section')?.id === 'contrast'")
    assert errors == []
    page.close()


def test_the_policy_refuses_what_is_not_the_pages_own(browser: Browser, report: Path) -> None:
    page = browser.new_page(locale="en-GB")
    page.goto(report.as_uri())
    page.wait_for_selector(DRAWN.format("en"))
    tried = page.evaluate(
        """async () => {
            const refused = [];
            addEventListener("securitypolicyviolation", (event) => refused.push(event.effectiveDirective));
            const script = document.createElement("script");
            script.textContent = "window.hacked = 1";
            document.body.append(script);
            const place = document.createElement("div");
            place.innerHTML = "<img src='file:///nowhere.png' onerror='window.hacked = 1'><style>p { top: 0 }</style>";
            document.body.append(place);
            await fetch("https://example.com/").catch(() => {});
            // What the test itself calls may evaluate text; what runs later is under the page's policy.
            const code = await new Promise((done) => setTimeout(() => {
                try { eval("1"); done("ran"); } catch (error) { done(error.name); }
            }, 200));
            return { refused, code, hacked: window.hacked ?? null };
        }"""
    )
    assert tried["code"] == "EvalError"
    assert tried["hacked"] is None
    refused = {"script-src-elem", "img-src", "style-src-elem", "connect-src"}
    assert refused <= set(tried["refused"])
    page.close()


def hostile(text: Any) -> Any:
    return f"{HOSTILE}{text}"


def test_whatever_the_data_hold_stays_text(
    opened: Open, explanation_of: Callable[..., Explanation], with_reasons: Any, tmp_path: Path
) -> None:
    plain = explanation_of(rules=("score", "score", HOSTILE))
    named = ("label_en", "label_zh", "definition_en", "family", "family_zh", "unit")
    features = tuple(
        dataclasses.replace(feature, **{name: hostile(getattr(feature, name)) for name in named})
        for feature in plain.catalogue.features
    )
    told = with_reasons(explanation_of(rules=("score", "score", HOSTILE), catalogue=Catalogue(features)))
    assert told.reasons is not None
    assert told.recourse is not None
    summary = told.summary | {
        "currency": hostile(told.summary["currency"]),
        "parameters": {HOSTILE: HOSTILE},
        "versions": {HOSTILE: HOSTILE},
    }
    explanation = dataclasses.replace(
        told,
        summary=summary,
        conflicts=told.conflicts.assign(policy_version=HOSTILE),
        reasons=told.reasons.assign(en=HOSTILE, zh=HOSTILE, code=HOSTILE),
        recourse=told.recourse.assign(en=HOSTILE, zh=HOSTILE),
    )
    path = tmp_path / "report.html"
    write_report(explanation, path)
    page = opened(path)
    draw_all(page)
    page.locator("[data-chart='conflict-map'] path[aria-roledescription='point']").first.hover()
    assert "onerror" in page.inner_text(".tip")
    page.select_option("[data-filter='by']", index=1)
    page.locator("#case-list button").nth(1).click()
    assert "{{7*7}}" in page.inner_text("#case")
    page.click("[data-set-language='zh']")
    page.wait_for_selector(DRAWN.format("zh"))
    draw_all(page)
    assert page.locator("img").count() == 0
    assert page.evaluate("window.hacked ?? null") is None


def test_the_first_tab_stop_leads_past_the_contents_to_the_report(opened: Open) -> None:
    page = opened(width=600)
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.className") == "skip"
    box = page.locator(".skip").bounding_box()
    assert box is not None
    assert box["y"] >= 0
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.id") == "report"


def test_all_that_can_be_worked_is_reached_by_tab_and_shows_where_one_is(opened: Open) -> None:
    page = opened()
    page.keyboard.press("Tab")
    reached = page.evaluate(
        """(attended) => [...document.querySelectorAll(attended)]
            .filter((one) => one.tabIndex >= 0 && one.checkVisibility())
            .map((one) => {
                one.focus();
                const style = getComputedStyle(one);
                const shown = style.outlineStyle !== "none" && parseFloat(style.outlineWidth) >= 2;
                return document.activeElement === one && shown ? "" : one.outerHTML.slice(0, 120);
            })""",
        ATTENDED,
    )
    assert len(reached) > 40
    assert [one for one in reached if one] == []
    worked = "[data-goto], [data-set-language], [data-set-scheme], [data-filter], #case-search"
    assert page.locator(worked).count() > 15
    stops = page.evaluate(
        "(worked) => [...document.querySelectorAll(worked)].map((one) => one.tabIndex)", worked
    )
    assert set(stops) == {0}


@pytest.mark.parametrize("language", LANGUAGES)
def test_landmarks_headings_and_charts_have_names(opened: Open, language: str) -> None:
    page = opened(language=language)
    draw_all(page)
    assert page.locator("header, nav, main").count() == 3
    assert page.locator("h1").count() == 1
    levels = page.evaluate(
        "[...document.querySelectorAll('h1, h2, h3, h4')].map((one) => Number(one.tagName[1]))"
    )
    assert levels[0] == 1
    assert all(following - level <= 1 for level, following in pairwise(levels))
    for section in page.locator("main > section").all():
        [name] = page.locator(f"#{section.get_attribute('aria-labelledby')}").all_inner_texts()
        assert name.strip()
    charts = page.evaluate(
        """[...document.querySelectorAll("[data-chart]")].map((one) => {
            const named = one.matches("[aria-label]") ? one : one.querySelector("[aria-label]");
            const near = one.closest("figure").querySelector("table") ?? document.querySelector("#case table");
            return [named.getAttribute("role"), named.getAttribute("aria-label"), near?.rows.length ?? 0];
        })"""
    )
    assert {role for role, *_ in charts} == {"graphics-document"}
    assert all(len(label) > 8 and rows > 1 for _, label, rows in charts)
    assert all(
        (language == "zh") == any("\u4e00" <= sign <= "\u9fff" for sign in label) for _, label, _ in charts
    )


@pytest.mark.parametrize(("width", "tall"), [(600, 100), (1400, 60)])
def test_the_contents_stay_in_sight_and_say_where_one_is(opened: Open, width: int, tall: float) -> None:
    page = opened(width=width)
    top, contents = page.locator(".bar"), page.locator(".contents")
    page.click("[data-goto='models']")
    page.wait_for_function("() => document.querySelector('[data-goto=models]').hasAttribute('aria-current')")
    assert page.locator("[aria-current]").count() == 1
    bars = [one.bounding_box() for one in (top, contents, page.locator("[data-goto='models']"))]
    card = page.locator("#models").bounding_box()
    assert card is not None
    for box in bars:
        assert box is not None
        assert box["y"] >= 0
        assert box["x"] >= 0
        assert box["x"] + box["width"] <= width
    bar, listed, _ = (box for box in bars if box)
    if width == 600:
        assert listed["y"] + listed["height"] <= tall
        assert card["y"] >= listed["y"] + listed["height"]
    else:
        assert bar["height"] <= tall
        assert listed["x"] + listed["width"] <= card["x"]
        assert card["y"] >= bar["height"]


@pytest.mark.parametrize("language", LANGUAGES)
def test_paper_gets_the_whole_report_in_its_language_on_white_without_what_is_worked(
    opened: Open, language: str
) -> None:
    page = opened(scheme="dark", language=language)
    page.click("[data-set-scheme='dark']")
    page.set_viewport_size({"width": 720, "height": 1000})  # as wide as A4 less its margins
    page.emulate_media(media="print", color_scheme="dark")
    draw_all(page)
    assert ground(page) in ("rgba(0, 0, 0, 0)", "rgb(255, 255, 255)")
    assert label_fill(page) == rgb("muted", 0)
    worked = page.evaluate(
        "[...document.querySelectorAll('button, input, select, summary, nav a')]"
        ".filter((one) => one.checkVisibility()).length"
    )
    assert worked == 0
    stuck = page.evaluate(
        "[...document.querySelectorAll('body *')].filter((one) => one.checkVisibility()"
        " && ['sticky', 'fixed'].includes(getComputedStyle(one).position)).map((one) => one.outerHTML.slice(0, 80))"
    )
    assert stuck == []
    other = {"en": "zh", "zh": "en"}[language]
    assert page.locator(f".{other}:visible").count() == 0
    breaks = page.evaluate(
        "[...document.querySelectorAll('main > section')].map((one) => getComputedStyle(one).breakBefore)"
    )
    assert set(breaks[1:]) == {"page"}
    assert page.evaluate("document.documentElement.scrollWidth") <= 720
    for svg in page.locator("[data-chart] svg").all():
        box = svg.bounding_box()
        assert box is not None
        assert box["x"] + box["width"] <= 721
