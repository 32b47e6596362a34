"""Pages whose data are hostile: in a browser nothing of them runs, loads or links. The report has its own test."""

from __future__ import annotations

import dataclasses
import re
from itertools import cycle
from pathlib import Path
from typing import Any

import pytest

from data.markdown import plain, plain_lines
from explanations.comparison.result import Comparison
from explanations.explanation import Explanation
from explanations.parameters import NoticeParameters
from explanations.report.case_page import case_html
from explanations.report.comparison_page import write_comparison_page
from explanations.report.monitor_page import write_monitor
from explanations.report.notice import notice_html
from explanations.report.whatif_page import write_whatif
from explanations.whatif.result import WhatIf
from features.catalogue import Catalogue, own_catalogue
from tests.explanations.comparison.compared import comparison
from tests.explanations.monitored import every_kind, monitored
from tests.explanations.report.pages import DRAWN, Open, draw_all
from tests.explanations.whatif.made import made_whatif

ATTACKS = (
    "</script><script>window.hacked=1</script>",
    "<img src=x onerror=window.hacked=1>",
    "<svg onload=window.hacked=1><a xlink:href='javascript:window.hacked=1'>x</a></svg>",
    "[go](javascript:window.hacked=1)",
    '" onmouseover="window.hacked=1" autofocus onfocus=\'window.hacked=1\' ',
    "<iframe srcdoc='<script>parent.hacked=1</script>'></iframe><meta http-equiv=refresh content='0;http://evil.example'>",
    "${window.hacked=1}{{7*7}}{%raw%}`<!--",
    "javascript:window.hacked=1//http://evil.example/a.png",
)
HOSTILE = " ".join(ATTACKS)
MARKUP = re.compile(r"(?<!\\)(?:\\\\)*(?:<|\]\((?!figures))")
FOREIGN = (
    "img, iframe, object, embed, form[action], base, svg a, [onerror], [onload], [onmouseover], [onfocus]"
)
LETTER = NoticeParameters(lender=HOSTILE, address=HOSTILE, review_contact=HOSTILE, data_contact=HOSTILE)


@pytest.fixture(scope="module")
def catalogue() -> Catalogue:
    named = ("label_en", "label_zh", "definition_en", "family", "family_zh", "unit")
    return Catalogue(
        tuple(
            dataclasses.replace(feature, **{name: f"{attack}{getattr(feature, name)}" for name in named})
            for feature, attack in zip(own_catalogue().features, cycle(ATTACKS), strict=False)
        )
    )


def a_case(folder: Path, hostile: Explanation) -> None:
    request = int(hostile.conflicts["request_id"].iloc[0])
    (folder / "report.html").write_text(case_html(hostile, request, folder.parent), encoding="utf-8")


def a_letter(folder: Path, hostile: Explanation) -> None:
    request = int(hostile.conflicts["request_id"].iloc[0])
    for name in ("report.html", "zh.html"):
        html = notice_html(hostile, request, "en" if name == "report.html" else "zh", LETTER, HOSTILE)
        (folder / name).write_text(html, encoding="utf-8")


def a_comparison(folder: Path, hostile: Explanation) -> None:
    made = comparison()
    models = {role: one | {"named": HOSTILE} for role, one in made.summary["models"].items()}
    tables = made.tables | {
        "conflicts": made.tables["conflicts"].assign(refused_by=HOSTILE),
    }
    summary = made.summary | {"models": models, "currency": HOSTILE, "scenario": HOSTILE}
    dressed = Comparison(summary, tables)
    write_comparison_page(dressed, hostile.catalogue, folder / "report.html", folder.parent)


def a_monitor(folder: Path, hostile: Explanation) -> None:
    found = monitored(every_kind("passed"))
    found["streams"] = {"bureau": [HOSTILE, HOSTILE]}
    write_monitor(found, hostile.catalogue, folder, folder.parent)


def a_whatif(folder: Path, hostile: Explanation) -> None:
    made = made_whatif()
    changes = [one | {"name": HOSTILE, "after": HOSTILE} for one in made.summary["changes"]]
    summary = made.summary | {"currency": HOSTILE, "changes": changes, "scenario": HOSTILE}
    write_whatif(WhatIf(summary, made.frontier), folder, folder.parent)


@pytest.fixture(scope="module")
def hostile(lettered: Explanation, catalogue: Catalogue) -> Explanation:
    summary = lettered.summary | {
        "currency": HOSTILE,
        "parameters": {HOSTILE: HOSTILE},
        "versions": {HOSTILE: HOSTILE},
        "scenario": HOSTILE,
        "streams": {"bureau": [HOSTILE, HOSTILE]},
        "protected": {
            "small_cell": 10,
            "labels": {"region": (HOSTILE, HOSTILE)},
            "groups": {"region": {"0": (HOSTILE, HOSTILE)}},
        },
    }
    assert lettered.reasons is not None
    assert lettered.recourse is not None
    return dataclasses.replace(
        lettered,
        catalogue=catalogue,
        summary=summary,
        conflicts=lettered.conflicts.assign(policy_version=HOSTILE),
        reasons=lettered.reasons.assign(en=HOSTILE, zh=HOSTILE),
        recourse=lettered.recourse.assign(en=HOSTILE, zh=HOSTILE),
    )


@pytest.mark.browser
@pytest.mark.parametrize("write", [a_case, a_letter, a_comparison, a_monitor, a_whatif])
def test_nothing_of_hostile_data_runs_loads_or_links(
    write: Any, hostile: Explanation, tmp_path: Path, opened: Open
) -> None:
    (folder := tmp_path / "page").mkdir()
    write(folder, hostile)
    for path in sorted(folder.glob("*.html")):
        page = opened(path)
        policy = page.locator("meta[http-equiv='Content-Security-Policy']")
        assert "default-src 'none'" in str(policy.first.get_attribute("content"))
        assert policy.count() == 1
        for _ in range(2):
            draw_all(page)
            assert "window.hacked" in page.inner_text("body")  # shown, as the text that it is
            assert page.locator(FOREIGN).count() == 0
            assert page.locator("a:not([href^='#']), [xlink\\:href]").count() == 0
            assert page.locator("meta[http-equiv='refresh']").count() == 0
            if page.locator("[data-set-language='zh']").count():
                page.click("[data-set-language='zh']")
                page.wait_for_selector(DRAWN.format("zh"))
        assert page.evaluate("window.hacked ?? null") is None
    for text in folder.glob("*.md"):
        for line in text.read_text("utf-8").splitlines():
            assert MARKUP.search(line) is None, line


@pytest.mark.parametrize("attack", ATTACKS)
def test_text_in_markdown_holds_no_markup(attack: str) -> None:
    for said in (plain(attack), plain_lines(f"{attack}\n{attack}")):
        bare = said.replace("\\\\", "")
        for sign in "<>[]`*_|#~":
            assert bare.count(sign) == bare.count(f"\\{sign}")
