"""The explanation report: one HTML file that holds everything it shows, in English and Chinese."""

from __future__ import annotations

import json
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

import jinja2

from data.atomic import whole_file
from explanations.cases import Case, chosen_cases
from explanations.cause_charts import freshness_table, monthly_chart, overall_chart, segments_table
from explanations.cause_check import check_table, check_text
from explanations.conflict_map import conflict_map
from explanations.contrast_chart import contrast_chart
from explanations.contrast_table import (
    ContrastRow,
    by_score,
    contrast_rows,
    families,
    family_rows,
    gap,
    main_rows,
)
from explanations.decisions import FEW, FEW_TRUE, decision_matrix, funnel_stages
from explanations.distribution_chart import distribution_chart
from explanations.distributions import main_distributions
from explanations.exhibits import Chart
from explanations.explanation import Explanation
from explanations.figures import write_figures
from explanations.headline import absent, answer, has_oracle, is_undated, key_figures, which_book
from explanations.map_regions import PLACES, frame_of, place_of, weight
from explanations.palette import (
    AGAINST,
    CAUSE_COLOURS,
    CHART_CONFIG,
    FAVOUR,
    FONTS,
    INK,
    LINE,
    MUTED,
    family_colours,
)
from explanations.provenance import (
    calibration_comment,
    cautions,
    parameters_table,
    performance_table,
    sources_table,
    terms,
    versions_table,
)
from explanations.quantities import count, push
from explanations.reliability_chart import reliability_chart
from explanations.vega import vega_script
from explanations.waterfalls import Model, cutoff_rows, in_languages, waterfall_specs
from explanations.words import Text, joined, say, say_of

__all__ = ["report_html", "script_json", "write_figures", "write_report"]

TEMPLATES = Path(__file__).parent / "templates"
TOP_FEATURES = 15
DISTRIBUTIONS = 6


def write_report(explanation: Explanation, path: Path, cache_folder: Path | None = None) -> None:
    """Writes the report to `path`; the same explanation gives the same bytes."""
    with whole_file(path) as aside:
        aside.write_text(report_html(explanation, cache_folder), encoding="utf-8", newline="\n")


def report_html(explanation: Explanation, cache_folder: Path | None = None) -> str:
    """The whole page: styles, scripts (kept in the cache folder, if there is one), charts and tables."""
    rows = contrast_rows(explanation)
    cases = chosen_cases(explanation)
    charts = _charts(explanation, rows)
    currency, undated = str(explanation.summary["currency"]), is_undated(explanation.summary)
    page = {
        "title": {"en": say("page.title").en, "zh": say("page.title").zh},
        "config": CHART_CONFIG,
        "charts": {chart.name: chart.specs for chart in charts.values()}
        | _case_charts(cases, currency, undated),
        "cases": [_case_data(case) for case in cases],
    }
    return (
        _environment()
        .get_template("report.html")
        .render(
            say=partial(say_of, undated),
            charts=charts,
            cases=cases,
            page_data=script_json(page),
            libraries=vega_script(cache_folder),
            style=_text_of("report.css"),
            script=_text_of("report.js"),
            colours={"ink": INK, "muted": MUTED, "line": LINE, "against": AGAINST, "favour": FAVOUR},
            fonts=FONTS,
            **_statements(explanation, rows, cases),
            **_tables(explanation),
        )
    )


def script_json(value: object) -> str:
    """JSON that can stand inside a script element whatever its strings hold."""
    text = json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    for sign in "<>&\u2028\u2029":
        text = text.replace(sign, f"\\u{ord(sign):04x}")
    return text


def _charts(explanation: Explanation, rows: Sequence[ContrastRow]) -> dict[str, Any]:
    """The page's charts by their name; the distributions under theirs in their order."""
    charts: dict[str, Chart] = {}
    if rows:
        colours = family_colours(families(explanation))
        main, rest, others = main_rows(rows, TOP_FEATURES)
        by_family = family_rows(explanation)
        charts["map"] = conflict_map(rows, colours, str(explanation.summary["currency"]))
        charts["contrast"] = contrast_chart("contrast", main, rest, others, colours)
        charts["families"] = contrast_chart("families", by_family, None, 0, colours)
        for i, shown in enumerate(main_distributions(explanation, rows, DISTRIBUTIONS)):
            charts[f"distribution-{i}"] = distribution_chart(i, shown)
    if explanation.causes is not None and len(explanation.causes):
        charts["causes"] = overall_chart(explanation, explanation.causes)
        charts["causes-by-month"] = monthly_chart(explanation, explanation.causes)
    if len(explanation.reliability):
        charts["reliability"] = reliability_chart(explanation.reliability, is_undated(explanation.summary))
    return charts


def _statements(
    explanation: Explanation, rows: Sequence[ContrastRow], cases: Sequence[Case]
) -> dict[str, Any]:
    """What the page says in words and single figures."""
    summary = explanation.summary
    oracle = has_oracle(summary)
    undated = is_undated(summary)
    conflicts = count(len(explanation.conflicts))
    return {
        "book": which_book(summary),
        "answer": answer(explanation, rows),
        "key_figures": key_figures(explanation, rows),
        "absent": absent(explanation),
        "has_oracle": oracle,
        "models_text": say_of(undated, f"section.models_{'oracle' if oracle else 'text'}"),
        "matrix_text": _matrix_text(undated, oracle),
        "slope_text": calibration_comment(explanation),
        "contrast_text": say_of(
            undated,
            "section.contrast_text",
            conflicts=count(int(by_score(explanation).sum())),
            reference=count(len(explanation.reference)),
            gap=push(gap(rows)),
        ),
        "causes_text": say("section.causes_text", conflicts=conflicts),
        "causes_lacking": [
            say("causes.lacking", cause=say(f"cause.{name}"), what=say(f"causes.lacks.{name}"))
            for name in summary.get("causes", {}).get("not_identifiable", {})
        ],
        "check_text": check_text(explanation),
        "cause_legend": [(say(f"cause.{name}"), colour) for name, colour in CAUSE_COLOURS.items()],
        "cases_text": say_of(undated, "section.cases_text", cases=count(len(cases)), conflicts=conflicts),
        "reading": _reading(rows),
        "families": _legend(explanation, rows),
        "terms": terms(summary),
        "cautions": cautions(summary),
    }


def _tables(explanation: Explanation) -> dict[str, Any]:
    summary = explanation.summary
    return {
        "cause_segments": segments_table(explanation, explanation.causes)
        if explanation.causes is not None and len(explanation.causes)
        else None,
        "freshness": freshness_table(explanation),
        "check": check_table(explanation),
        "funnel": funnel_stages(explanation.funnel, is_undated(summary)),
        "matrix": decision_matrix(explanation.decision_matrix),
        "performance": [performance_table(explanation, model) for model in ("release", "limit")],
        "sources": sources_table(summary),
        "parameters": parameters_table(summary),
        "versions": versions_table(summary),
    }


def _matrix_text(undated: bool, oracle: bool) -> Text:
    """How to read the matrix of decisions."""
    parts = [say_of(undated, "matrix.text"), say("matrix.text_few", few=str(FEW))]
    if oracle:
        parts.append(say("matrix.text_oracle", few_true=str(FEW_TRUE)))
    return joined(parts, en=" ", zh="")


def _reading(rows: Sequence[ContrastRow]) -> list[tuple[Text, Text]]:
    """For each region of the map that matters, what it means and the features that lie there."""
    if not rows:
        return []
    frame = frame_of(rows)
    ordered = sorted(rows, key=lambda row: -weight(row, frame))
    shown = []
    for place in PLACES:
        there = [row.label for row in ordered if place_of(row, frame) == place]
        if there:
            shown.append((say(f"place.{place}"), say(f"map.{place}", features=joined(there[:5]))))
    return shown


def _legend(explanation: Explanation, rows: Sequence[ContrastRow]) -> list[tuple[Text, str]]:
    colours = family_colours(families(explanation))
    present = {row.family.en for row in rows}
    return [(family, colours[family.en]) for family in families(explanation) if family.en in present]


def _case_charts(cases: Sequence[Case], currency: str, undated: bool) -> dict[str, Any]:
    models: tuple[Model, Model] = ("limit", "release")
    return {
        f"waterfall-{model}": waterfall_specs(model, case.steps[model], case.cutoff, currency, undated)
        for case in cases[:1]
        for model in models
    }


def _case_data(case: Case) -> dict[str, Any]:
    return {
        "limit": in_languages(case.steps["limit"]),
        "release": in_languages(case.steps["release"]),
        "cutoff": cutoff_rows(case.cutoff),
    }


def _text_of(name: str) -> str:
    return (TEMPLATES / name).read_text(encoding="utf-8")


def _environment() -> jinja2.Environment:
    return jinja2.Environment(
        loader=jinja2.FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
