"""The report as a file: what it holds, that it is one and the same, and that no data gets out of its text."""

from __future__ import annotations

import base64
import dataclasses
import functools
import hashlib
import json
import re
from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from altair.vegalite.v6 import api as vega_lite_api
from altair.vegalite.v6.schema import core as vega_lite

from explanations.control.findings import CHECKS
from explanations.explanation import Explanation
from explanations.parameters import NoticeParameters
from explanations.redaction import redacted
from explanations.report import words
from explanations.report.case_page import case_html
from explanations.report.cause_charts import monthly_chart
from explanations.report.comparison_page import write_comparison_page
from explanations.report.monitor_page import write_monitor
from explanations.report.notice import notice_html
from explanations.report.page import script_json, write_report
from explanations.report.provenance import calibration_comment
from explanations.report.whatif_page import write_whatif
from features.catalogue import Catalogue, own_catalogue
from tests.explanations.comparison.compared import made_comparisons
from tests.explanations.controlled import findings
from tests.explanations.monitored import made_monitors
from tests.explanations.report.pages import report_html
from tests.explanations.whatif.made import made_whatifs

HOSTILE = '</script><img src=x onerror="document.title=1">{}{{{{7*7}}}} & \u2028'


class Page(HTMLParser):
    """Elements by name and attributes, and the text outside scripts and styles."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.text: list[str] = []
        self.inside = ""
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        self.inside = tag

    def handle_data(self, data: str) -> None:
        if self.inside not in ("script", "style"):
            self.text.append(data)

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.elements if name == tag]


@pytest.fixture(scope="module")
def html(simulated: Explanation) -> str:
    return report_html(simulated)


@pytest.fixture(scope="module")
def imported_html(imported: Explanation) -> str:
    return report_html(imported)


def data_of(html: str) -> dict[str, Any]:
    found = re.search(r'<script type="application/json" id="page-data">(.*?)</script>', html, re.DOTALL)
    assert found
    return json.loads(found[1])


def test_the_same_explanation_gives_the_same_bytes(
    simulated: Explanation, explanation_of: Callable[..., Explanation], tmp_path: Path
) -> None:
    write_report(simulated, tmp_path / "one.html")
    write_report(explanation_of(), tmp_path / "other.html")
    assert (tmp_path / "one.html").read_bytes() == (tmp_path / "other.html").read_bytes()


def test_the_report_stays_below_three_megabytes_however_many_conflicts(
    html: str,
    explanation_of: Callable[..., Explanation],
    with_reasons: Callable[[Explanation], Explanation],
) -> None:
    explanation = with_reasons(explanation_of(conflicts=20_000, reference=50_000))
    assert (explanation.conflicts["place"] > 0).sum() == 200
    large = report_html(explanation)
    assert len(large.encode()) < 3_000_000
    # Reasons and ways of the 200 cases shown, and longer numbers.
    assert len(large.encode()) - len(html.encode()) < 150_000


def test_no_chart_has_a_colour_that_stays_the_same_on_dark(html: str, imported_html: str) -> None:
    for page in (html, imported_html):
        data = data_of(page)
        said = json.dumps([data["charts"], data["config"]])
        assert re.findall(r'"(?:#[0-9a-fA-F]{3,8}|white|black|gr[ae]y)"', said) == []
        assert "var(--ink)" in said


def test_no_style_of_an_element_has_a_colour_that_stays_the_same_on_dark(html: str) -> None:
    styles = [str(attributes["style"]) for _, attributes in Page(html).elements if "style" in attributes]
    assert len(styles) > 20
    assert [style for style in styles if "#" in style or "rgb" in style] == []


def test_the_page_may_run_its_own_scripts_alone(html: str) -> None:
    policies = [one for one in Page(html).all("meta") if one.get("http-equiv") == "Content-Security-Policy"]
    rules = dict(rule.split(" ", 1) for rule in str(policies[0]["content"]).split("; "))
    assert rules["default-src"] == "'none'"
    scripts = re.findall(r"<script>(.*?)</script>", html, re.DOTALL)
    digests = [base64.b64encode(hashlib.sha256(one.encode()).digest()).decode() for one in scripts]
    assert rules["script-src"] == " ".join(f"'sha256-{digest}'" for digest in digests)
    assert "unsafe" not in rules["script-src"] + rules["style-src-elem"]
    assert "http" not in str(policies[0]["content"])
    assert not any(name.startswith("on") for _, attributes in Page(html).elements for name in attributes)


def test_nothing_is_asked_of_a_network(html: str) -> None:
    page = Page(html)
    assert all("src" not in script for script in page.all("script"))
    assert page.all("img") == page.all("iframe") == []
    assert [link["href"] for link in page.all("link")] == ["data:,"]
    assert "@import" not in html
    assert not any("url" in json.dumps(chart).lower() for chart in data_of(html)["charts"].values())


def test_the_sections_stand_in_their_order(html: str) -> None:
    sections = [section["id"] for section in Page(html).all("section")]
    order = [
        "answer",
        "funnel",
        "map",
        "contrast",
        "rules",
        "causes",
        "remedies",
        "distributions",
        "cases",
        "models",
        "performance",
        "fairness",
        "provenance",
    ]
    assert sections == order
    links = Page(html).all("a")
    assert [link["data-goto"] for link in links if link.get("class") != "leads"] == ["report", *order]


def test_every_figure_and_remedy_of_the_first_screen_leads_to_its_proof(
    html: str, imported_html: str
) -> None:
    for page in (html, imported_html):
        sections = {section["id"] for section in Page(page).all("section")}
        proofs = [link["data-goto"] for link in Page(page).all("a") if link.get("class") == "leads"]
        assert len(proofs) >= 6 + 3
        assert {"funnel", "contrast", "causes", "remedies"} == set(proofs) <= sections


def test_every_place_for_a_chart_has_its_chart_in_both_languages(html: str, imported_html: str) -> None:
    for page in (html, imported_html):
        places = [div["data-chart"] for div in Page(page).all("div") if "data-chart" in div]
        charts = data_of(page)["charts"]
        assert len(places) == len(set(places)) == len(charts) >= 11
        assert set(places) == set(charts)
        assert all(set(chart) == {"en", "zh"} for chart in charts.values())


def test_every_chart_is_one_by_the_schema_of_vega_lite(html: str, imported_html: str) -> None:
    # `in_both` leaves it out, since it takes as long as drawing the chart.
    for page in (html, imported_html):
        for chart in data_of(page)["charts"].values():
            vega_lite.Root.validate(chart["en"])


def test_every_chart_speaks_its_language(html: str) -> None:
    for name, chart in data_of(html)["charts"].items():
        chinese = re.compile(r"[\u4e00-\u9fff]")
        assert not chinese.search(json.dumps(chart["en"], ensure_ascii=False)), name
        assert chinese.search(chart["zh"]["description"]), name
        titles = [json.dumps(node["title"], ensure_ascii=False) for node in titled(chart["zh"])]
        assert all(
            chinese.search(title) or title in ('"PD"', '"RMB"') for title in titles if title != "null"
        ), name


def titled(node: Any) -> list[dict[str, Any]]:
    if isinstance(node, list):
        return [found for one in node for found in titled(one)]
    if not isinstance(node, dict):
        return []
    here = [node] if "title" in node else []
    return here + [
        found for key, one in node.items() if key not in ("datasets", "values") for found in titled(one)
    ]


def told_on(on: str, explanation: Explanation) -> Explanation:
    """The explanation as one of conflicts on the record, or on both."""
    counts = {"requests": 900, "both": 60, "model": 20, "record": 30, "neither": 790}
    sides = [
        {"what": what, **counts, "share": 0.9, "kappa": kappa}
        for what, kappa in (("favoured", 0.5), ("refused", None), ("conflict", 0.4))
    ]
    parameters = explanation.summary["parameters"] | {"models.conflicts": on}
    summary = explanation.summary | {"parameters": parameters, "agreement": sides, "causes": {}}
    return dataclasses.replace(explanation, summary=summary, causes=None, lag_audit=None)


def test_no_statement_is_kept_that_no_page_says(
    explanation_of: Callable[..., Explanation],
    with_reasons: Callable[[Explanation], Explanation],
    reasoned: tuple[Explanation, object, object],
    tested_reasons: dict[str, Any],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    class Heard(dict[str, words.Text]):
        said: set[str]

        def __getitem__(self, key: str) -> words.Text:
            self.said.add(key)
            return super().__getitem__(key)

    heard = Heard(words._statements())
    heard.said = set()
    monkeypatch.setattr(words, "_statements", lambda: heard)
    # Charts are built, and so speak, but nobody looks at them.
    monkeypatch.setattr(vega_lite_api.LayerChart, "to_dict", lambda *_, **__: {})
    monkeypatch.setattr(vega_lite_api.FacetChart, "to_dict", lambda *_, **__: {})
    # All of these conflicts are shown; of `reasoned` there are more than a report shows one by one.
    few = functools.partial(explanation_of, conflicts=40, reference=200)
    undated = few(imported=True)
    dated = dataclasses.replace(
        undated, summary=undated.summary | {"period": {"from": "2025-01-01", "to": "2025-06-30"}}
    )
    unknown = dict.fromkeys(("known", "bad", "rate", "oracle_rate"))
    rates = {name: unknown | {"known": 0} for name in ("conflict", "reference", "released", "refused")}
    unjudged = dataclasses.replace(undated, summary=undated.summary | {"bad_rates": rates})
    nobody_seen = {"by": "observed", "known": 0, "bad": 0, "good": 0}
    unjudged = dataclasses.replace(unjudged, summary=unjudged.summary | {"refused_outcomes": nobody_seen})
    rules = (
        "score",
        "cap_debt_service",
        "cap_lenders",
        "cap_enquiries",
        "overdue",
        "data_missing",
        "slip",
        "record",
    )
    plain = few(rules=rules)
    plain = dataclasses.replace(
        plain, summary=plain.summary | {"parameters": {"models.policy.overdue_days": 1}}
    )
    capped, nobody = few(rules=("slip",)), few(conflicts=0)
    noone = few(imported=True, conflicts=0)
    # Of two checks that found nothing one could not be made.
    found_all = findings(dict.fromkeys(CHECKS, 3), untold=("review_twice",))
    found_all.loc[found_all["check"].isin(["feed_silent", "review_twice"]), ["count", "examples"]] = [0, ""]
    steep, shallow = with_slope(undated, 1.4), with_slope(plain, 0.6)
    for explanation in (few(), plain, undated):
        report_html(explanation)
    # What the others alone say stands in few sections: with the rest drawn again, no more statements would be silent.
    for sections, explanations in {
        ("answer", "causes", "models", "performance"): (dated,),
        ("answer", "map", "rules"): (unjudged, capped, nobody, noone),
        ("models",): (steep, shallow),
        ("answer", "funnel", "control"): [
            dataclasses.replace(plain, control=control) for control in (found_all, findings({}))
        ],
        ("answer", "funnel", "causes"): [
            told_on(on, one) for on in ("record", "both") for one in (plain, undated)
        ],
    }.items():
        for explanation in explanations:
            report_html(explanation, *sections)
    given = reasoned[0].summary["reasons"] | tested_reasons | {"without": 1}
    untold_reasons = {"codes": 0, "conflicts": 260}
    for explanation, told in (
        *((reasoned[0], given), (undated, given), (undated, {"codes": 0})),
        *((one, untold_reasons) for one in (reasoned[0], with_reasons(undated))),
    ):
        told_reasons = dataclasses.replace(explanation, summary=explanation.summary | {"reasons": told})
        report_html(told_reasons, "answer", "rules", "reasons", "recourse", "cases")
    lettered, untold = with_reasons(plain), dataclasses.replace(plain, timelines=None)
    report_html(lettered, "recourse", "cases")
    for explanation in (untold, undated):
        first = int(explanation.conflicts["request_id"].iloc[0])
        case_html(explanation, first)
        case_html(redacted(explanation), first)
    unset = NoticeParameters(lender="", address="", review_contact="", data_contact="")
    for explanation in (lettered, with_reasons(undated)):
        notice_html(explanation, int(explanation.conflicts["request_id"].iloc[1]), "en", unset)
    for found in made_whatifs():
        write_whatif(found, tmp_path)
    for compared in made_comparisons():
        write_comparison_page(compared, own_catalogue(), tmp_path / "compared.html")
    for monitored in made_monitors():
        write_monitor(monitored, own_catalogue(), tmp_path)
    # Which units, values, places, rules, reasons and scenarios occur, and of what there is one, the data decide.
    by_data = ("unit.", "value.", "place.", "rule.", "scenario.", "policy_level.", "event.", "recourse")
    by_data += (
        "reason.",
        "reason_code.",
        "reason_label.",
        "reason_fact.",
        "reason_unknown.",
        "reason_usual.",
        "reason_mapped",
    )
    by_data += ("sweep.flat", "fairness.few", "fairness.spread", "fairness.region", "map.none_praised")
    by_data += ("answer.base", "answer.shift", "trial.", "phantom.available", "phantom.phantom")
    by_data += ("swarm.categories", "distribution.common", "distribution.description_common")
    by_data += ("case.in_force", "causes.others", "whatif_parameter.", "phantom_cause.", "phantom_remedy.")
    by_data += (
        "story.typical_common",
        "cross_fitting.no_conflicts",
        "cross_fitting.left_out",
        "cross_fitting.lacking",
    )
    silent = [key for key in heard if key not in heard.said and not key.startswith(by_data)]
    assert [key for key in silent if not key.endswith("_one")] == []


def with_slope(explanation: Explanation, slope: float) -> Explanation:
    table = explanation.performance
    here = (table["metric"] == "calibration_slope") & (table["split"] == "out_of_time")
    return dataclasses.replace(explanation, performance=table.assign(value=table["value"].mask(here, slope)))


@pytest.mark.parametrize(
    ("slope", "comment"),
    [(0.79, "too far apart"), (0.8, None), (1.25, None), (1.26, "too close together"), (float("nan"), None)],
)
def test_a_calibration_slope_far_from_one_gets_a_comment(
    simulated: Explanation, slope: float, comment: str | None
) -> None:
    said = calibration_comment(with_slope(simulated, slope))
    assert (said is None) if comment is None else (said is not None and comment in said.en)


def test_the_comment_on_the_slope_says_of_which_requests(
    simulated: Explanation, imported: Explanation
) -> None:
    table = simulated.performance
    slopes = (table["metric"] == "calibration_slope") & (table["population"] == "all (oracle)")
    steep = dataclasses.replace(simulated, performance=table.assign(value=table["value"].mask(slopes, 1.4)))
    said = [
        calibration_comment(one) for one in (steep, with_slope(simulated, 0.5), with_slope(imported, 0.5))
    ]
    begins = ["Out of time · all (oracle): a", "Out of time · released: a", "Held out: a"]
    assert all(one and one.en.startswith(begin) for one, begin in zip(said, begins, strict=True))


def test_the_funnel_tells_how_many_limits_were_raised_on_record(simulated: Explanation) -> None:
    rows = np.arange(len(simulated.conflicts))
    before = simulated.conflicts["limit_before"].to_numpy()
    recorded = np.where(rows < 7, before, before + 100)
    html = report_html(
        dataclasses.replace(simulated, conflicts=simulated.conflicts.assign(limit_recorded=recorded))
    )
    raised = f"the limit of {len(rows) - 7:,} of the {len(rows):,} conflicts was higher at the request"
    assert raised in html
    assert "for the other 7 the lender's own review" in html.replace("&#39;", "'")


def test_the_report_says_that_contributions_are_before_calibration(html: str) -> None:
    text = "".join(Page(html).text)
    assert "before calibration to a PD" in text
    assert "尚未校准为 PD" in text


def test_a_book_without_dates_has_clients_and_no_requests_or_reviews(imported_html: str) -> None:
    page = Page(imported_html)
    charts = json.dumps(data_of(imported_html), ensure_ascii=False)
    # In the charts a small word after a quotation mark is the name of a field.
    spoken = re.compile(r"\bRe(?:quest|view)s?\b|(?<!\")\bre(?:quest|view)s?\b|申请(?!人)|评估")
    for text in ("".join(page.text), charts):
        assert spoken.findall(text) == []


def test_the_page_names_digests_and_parameters(simulated: Explanation, html: str) -> None:
    text = "".join(Page(html).text)
    summary = simulated.summary
    for digest in (summary["book_digest"], summary["models"]["limit"], summary["models"]["release"]):
        assert digest in text
    for name in summary["parameters"]:
        assert name in text
    assert "182 days before the request" in text
    assert "在申请前 182 天内" in text


def test_both_models_metrics_are_shown_out_of_time_first(html: str, imported_html: str) -> None:
    text = " ".join(part.strip() for part in Page(html).text if part.strip())
    assert text.index("Out of time · all (oracle)") < text.index("Train · released")
    imported_text = "".join(Page(imported_html).text)
    assert "Held out" in imported_text
    assert "Out of time" not in imported_text


def test_the_oracle_is_spoken_of_only_where_there_is_one(imported_html: str) -> None:
    text = "".join(Page(imported_html).text)
    assert text.count("oracle") == 1  # that it is not in this book
    assert "bad, observed" not in text


def test_an_imported_book_is_told_in_its_currency(imported_html: str) -> None:
    assert "NT$" in imported_html
    assert "¥" not in "".join(Page(imported_html).text)
    assert "log-TWD" in imported_html


@pytest.mark.parametrize("rules", [(), ("cap_lenders", "overdue")], ids=["no conflict", "no score"])
def test_a_book_with_nothing_to_contrast_still_has_a_page(
    explanation_of: Callable[..., Explanation], rules: tuple[str, ...]
) -> None:
    html = report_html(explanation_of(conflicts=60 if rules else 0, rules=rules))
    page = Page(html)
    assert len(page.all("section")) == 13
    assert "Nothing to show" in "".join(page.text)
    charts = set(data_of(html)["charts"])
    of_conflicts = {"waterfall-limit", "waterfall-release", "causes", "causes-by-month"}
    of_all = {"reliability", "roc", "lift", "accuracy", "sweep", "vintages", "stability"}
    of_all |= {f"fairness-{measure}" for measure in ("approval", "conflict", "bad-oracle")}
    assert charts == of_all | (of_conflicts if rules else set())


def test_text_from_the_data_stays_text(
    explanation_of: Callable[..., Explanation], imported: Explanation, imported_html: str
) -> None:
    features = tuple(
        dataclasses.replace(
            feature,
            **{
                name: HOSTILE.format(getattr(feature, name))
                for name in ("label_en", "label_zh", "definition_en", "family", "family_zh")
            },
        )
        for feature in imported.catalogue.features
    )
    hostile = explanation_of(imported=True, catalogue=Catalogue(features))
    summary = hostile.summary | {
        "parameters": hostile.summary["parameters"] | {HOSTILE: HOSTILE},
        "versions": {HOSTILE: HOSTILE},
    }
    html = report_html(dataclasses.replace(hostile, summary=summary))
    page = Page(html)
    assert page.all("img") == []
    assert len(page.all("script")) == len(Page(imported_html).all("script"))
    assert html.count("</script") == imported_html.count("</script")
    assert "{{7*7}}" in "".join(page.text)
    assert HOSTILE.format("Months overdue, 0") in json.dumps(data_of(html), ensure_ascii=False).replace(
        '\\"', '"'
    )


@pytest.mark.parametrize("text", ["</script>", "<!--", "a & b", "\u2028", "\u2029", "中文", '"\\'])
def test_json_in_a_script_says_the_same_without_its_signs(text: str) -> None:
    written = script_json({"key": [text]})
    assert json.loads(written) == {"key": [text]}
    assert not set(written) & set("<>&\u2028\u2029")


def test_a_figure_that_is_no_number_is_refused() -> None:
    with pytest.raises(ValueError, match="not JSON compliant"):
        script_json({"value": float("nan")})


def test_no_two_columns_of_a_table_take_their_cells_from_the_same_key(simulated: Explanation) -> None:
    chart = monthly_chart(simulated, simulated.causes)
    assert chart.table is not None
    keys = [column.key for column in chart.table.columns]
    assert len(set(keys)) == len(keys)
    level, cutoff, policy = (
        [row[keys.index(key)]["en"] for row in chart.table.rows] for key in ("level", "cutoff", "policy")
    )
    assert set(level) <= {"easy", "neutral", "tight", "mapping"}
    assert all(cell.endswith("%") for cell in cutoff + policy)
