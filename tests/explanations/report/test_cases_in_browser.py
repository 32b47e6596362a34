"""The cases of the report as a reader meets them, in headless Chromium: searched, narrowed, shown."""

from __future__ import annotations

import dataclasses
import math
import re
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd
import pytest

from explanations.explanation import Explanation
from explanations.parameters import NoticeParameters
from explanations.recourse.trials import COLUMNS
from explanations.report.case_page import case_html
from explanations.report.notice import notice_html
from explanations.report.quantities import limit_effect, money, push
from tests.explanations.report.pages import DRAWN, Open, drawn_text

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

WHOLE = NoticeParameters(
    lender="A Lender", address="A Road 1", review_contact="400-000-0000", data_contact="data@example.com"
)

pytestmark = pytest.mark.browser


def in_chinese(page: Page) -> None:
    page.click("[data-set-language='zh']")
    page.wait_for_selector(DRAWN.format("zh"))


def listed(page: Page) -> list[str]:
    return page.locator("#case-list button").all_inner_texts()


def found(page: Page) -> str:
    return page.inner_text("#cases-found")


def drawn(page: Page, model: str) -> list[str]:
    return drawn_text(page, f"waterfall-{model}")


@pytest.mark.parametrize("width", [600, 1400])
def test_a_request_is_found_by_its_number_and_shown(opened: Open, lettered: Explanation, width: int) -> None:
    page = opened(width=width)
    shown = lettered.conflicts[lettered.conflicts["place"] == 150].iloc[0]
    request = str(shown["request_id"])
    assert found(page) == "200 of 200 cases match."
    page.fill("#case-search", request)
    assert listed(page) == [request]
    assert found(page) == "1 of 200 cases match."
    assert page.inner_text("#case h3 >> nth=0") == f"Request {request}"
    assert money(shown["limit_after"], "RMB") in page.inner_text("[data-case-part='verdict']")
    in_chinese(page)
    assert listed(page) == [request]
    assert page.inner_text("#case h3 >> nth=0") == f"申请 {request}"
    assert found(page) == "200 个个案中有 1 个符合。"
    assert page.evaluate("document.documentElement.scrollWidth") <= width


def test_a_part_of_a_number_finds_all_that_hold_it(opened: Open, lettered: Explanation) -> None:
    page = opened()
    page.fill("#case-search", "10")
    shown = lettered.conflicts[lettered.conflicts["place"] > 0].sort_values("place")["request_id"].astype(str)
    assert listed(page) == [one for one in shown if "10" in one]


def test_a_request_that_is_not_here_is_told_how_to_be_shown(opened: Open, lettered: Explanation) -> None:
    page = opened()
    elsewhere = str(lettered.conflicts.loc[lettered.conflicts["place"] == 0, "request_id"].iloc[0])
    before = page.inner_text("#case h3 >> nth=0")
    page.fill("#case-search", elsewhere)
    assert listed(page) == []
    assert found(page).endswith(f"releasegap case {elsewhere}")
    assert "260 conflicts" in found(page)
    assert page.inner_text("#case h3 >> nth=0") == before
    page.fill("#case-search", "<b>")
    assert found(page).endswith("releasegap case REQUEST_ID")


def test_the_filters_narrow_the_list_together(opened: Open, lettered: Explanation) -> None:
    page = opened()
    shown = lettered.conflicts[lettered.conflicts["place"] > 0].sort_values("place")
    month = shown["requested_on"].astype(str).str[:7]
    by_cap = shown["refused_by"] == "cap_enquiries"
    page.select_option("[data-filter='month']", "2025-08")
    assert listed(page) == shown.loc[month == "2025-08", "request_id"].astype(str).tolist()
    option = page.locator("[data-filter='by'] option", has_text="cap on enquiries")
    assert f"({int(by_cap.sum())})" in option.inner_text()
    page.select_option("[data-filter='by']", str(option.get_attribute("value")))
    both = shown.loc[(month == "2025-08") & by_cap, "request_id"].astype(str).tolist()
    assert listed(page) == both
    assert found(page) == f"{len(both)} of 200 cases match."
    assert page.inner_text("#case h3 >> nth=0") == f"Request {both[0]}", (
        "the case shown is one of those listed"
    )
    in_chinese(page)
    assert listed(page) == both
    chosen = page.locator("[data-filter='by'] option:checked")
    assert chosen.inner_text().startswith("查询数上限")
    page.select_option("[data-filter='by']", "")
    page.select_option("[data-filter='month']", "")
    assert len(listed(page)) == 200


def test_causes_and_features_are_filters_that_find_every_case(opened: Open) -> None:
    page = opened()
    for name in ("cause", "first", "month", "by"):
        options = page.locator(f"[data-filter='{name}'] option").all_inner_texts()
        assert options[0] == "all"
        counted = sum(int(re.findall(r"\((\d+)\)$", option)[0]) for option in options[1:])
        # A case with two causes that are as good as equal is found by both.
        assert counted == 200 if name != "cause" else 200 < counted < 240
    option = page.locator("[data-filter='cause'] option", has_text="Data updated late")
    page.select_option("[data-filter='cause']", str(option.get_attribute("value")))
    heads = page.locator("[data-column]").all_inner_texts()
    column = heads.index("Largest cause")
    cells = page.locator(f"#case-list tr > :nth-child({column + 1})").all_inner_texts()
    assert all("Data updated late" in cell for cell in cells)
    assert {"Data updated late"} < set(cells)


def test_a_case_shows_its_rules_its_nearest_trials_and_where_it_has_no_reason(
    browser: Browser, opened: Open, lettered: Explanation, tmp_path: Path
) -> None:
    assert lettered.reasons is not None
    case = int(lettered.conflicts.loc[lettered.conflicts["place"] == 1, "request_id"].iloc[0])
    row = (case, 1, 1, "amount", 9800.0, 900.0, "RMB", 0.071, 0.06, "score")
    told = dataclasses.replace(
        lettered,
        reasons=lettered.reasons[lettered.reasons["request_id"] != case],
        recourse_trials=pd.DataFrame([row], columns=list(COLUMNS)),
    )
    path = tmp_path / "case.html"
    path.write_text(case_html(told, case), encoding="utf-8")
    page = opened(path)
    assert page.locator("[data-case-part='rules'] tr").count() == 5
    assert "Lenders with open loans" in page.inner_text("[data-case-part='rules']")
    assert "no reason that can be told" in page.inner_text("[data-case-part='reasons']")
    assert "¥900 asked for instead of ¥9,800" in page.inner_text("[data-case-part='recourse']")
    in_chinese(page)
    assert "金额由 ¥9,800 降至 ¥900：仍被拒" in page.inner_text("[data-case-part='recourse']")


def test_the_list_is_walked_by_arrow_keys_and_is_one_stop_for_the_tab_key(opened: Open) -> None:
    page = opened(width=1000)
    assert page.locator("#case-list button[tabindex='0']").count() == 1
    page.locator("#case-list button").first.focus()
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowDown")
    third = listed(page)[2]
    assert page.evaluate("document.activeElement.textContent") == third
    before = {model: drawn(page, model) for model in ("limit", "release")}
    page.keyboard.press("Enter")
    page.wait_for_function(
        "before => document.querySelector(\"[data-chart='waterfall-limit'] svg\").textContent !== before",
        arg="".join(before["limit"]),
    )
    assert page.inner_text("#case h3 >> nth=0") == f"Request {third}"
    assert page.get_attribute("[data-case='2'] button", "aria-pressed") == "true"
    assert all(drawn(page, model) != text for model, text in before.items())
    page.keyboard.press("End")
    assert page.evaluate("document.activeElement.textContent") == listed(page)[-1]
    page.keyboard.press("Home")
    assert page.evaluate("document.activeElement.textContent") == listed(page)[0]


def test_the_waterfalls_say_what_the_models_gave(opened: Open, lettered: Explanation) -> None:
    page = opened()
    conflict = lettered.conflicts[lettered.conflicts["place"] == 1].iloc[0]
    pushes = {
        model: table[table["request_id"] == conflict["request_id"]].iloc[0]
        for model, table in (
            ("limit", lettered.limit_contributions),
            ("release", lettered.release_contributions),
        )
    }
    limit, release = drawn(page, "limit"), drawn(page, "release")
    assert money(math.exp(conflict["limit_score"]), "RMB") in limit
    assert money(math.exp(pushes["limit"]["base"]), "RMB") in limit
    assert push(conflict["release_margin"]) in release
    features = {model: row.drop(["request_id", "base"]).astype(float) for model, row in pushes.items()}
    for model, said, effect in (("limit", limit, limit_effect), ("release", release, push)):
        ordered = features[model].sort_values(key=abs, ascending=False)
        assert {effect(one) for one in ordered[:8]} <= set(said)
        assert effect(ordered[8:].sum()) in said
        assert f"{len(ordered) - 8} other features" in said


def test_a_case_tells_its_time_line_reasons_and_ways_in_both_languages(
    opened: Open, lettered: Explanation
) -> None:
    page = opened(width=600)
    conflict = lettered.conflicts[lettered.conflicts["place"] == 2].iloc[0]
    page.fill("#case-search", str(conflict["request_id"]))
    lines = page.locator(".timeline .said").all_inner_texts()
    assert len(lines) == 7
    assert "Credit bureau, loans opened: 2 from before the review, shown only after it" in lines[2]
    assert "took 35 days" in lines[2]
    assert money(conflict["amount"], "RMB") in next(line for line in lines if line.startswith("The request"))
    days = page.locator(".timeline time").all_inner_texts()
    assert days == sorted(days)
    assert "R08, push +0.61" in page.inner_text("[data-case-part='reasons']")
    assert "at most" in page.inner_text("[data-case-part='recourse']")
    in_chinese(page)
    assert "征信：新开贷款" in page.inner_text(".timeline")
    assert "告知借款人" in page.inner_text("[data-case-part='reasons']")
    assert page.evaluate("document.documentElement.scrollWidth") <= 600


@pytest.mark.parametrize("width", [600, 1400])
def test_one_case_has_a_page_that_shows_it_without_a_list(
    opened: Open, lettered: Explanation, tmp_path: Path, width: int
) -> None:
    elsewhere = lettered.conflicts[lettered.conflicts["place"] == 0].iloc[0]
    path = tmp_path / "case.html"
    path.write_text(case_html(lettered, int(elsewhere["request_id"])), encoding="utf-8")
    page = opened(path, width=width)
    assert page.title() == f"One case: request {elsewhere['request_id']}"
    assert page.locator("#case-list, #case-search, nav").count() == 0
    assert push(elsewhere["release_margin"]) in drawn(page, "release")
    in_chinese(page)
    assert page.title() == f"个案：申请 {elsewhere['request_id']}"
    assert page.evaluate("document.documentElement.scrollWidth") <= width


@pytest.mark.parametrize("language", ["en", "zh"])
def test_the_letter_fits_on_one_page_of_a4(
    browser: Browser, lettered: Explanation, tmp_path: Path, language: str
) -> None:
    path = tmp_path / "notice.html"
    request = int(lettered.conflicts["request_id"].iloc[1])
    path.write_text(notice_html(lettered, request, language, WHOLE), encoding="utf-8")  # type: ignore[arg-type]
    page = browser.new_page()
    page.goto(path.as_uri())
    printed = page.pdf(prefer_css_page_size=True)
    assert len(re.findall(rb"/Type\s*/Page\b", printed)) == 1
    size = re.search(rb"/MediaBox\s*\[0 0 ([\d.]+) ([\d.]+)\]", printed)
    assert size
    assert [round(float(side)) for side in size.groups()] == [595, 842]
    page.set_viewport_size({"width": 600, "height": 900})
    assert page.evaluate("document.documentElement.scrollWidth") <= 600
    page.close()
