"""How good both models are, what the cut-off does, and whether both hold over time: two sections of the report."""

from __future__ import annotations

from explanations.explanation import Explanation
from explanations.report.accuracy_chart import accuracy_chart
from explanations.report.exhibits import Chart
from explanations.report.provenance import calibration_comment, performance_table
from explanations.report.ranking_charts import lift_chart, populations, roc_chart
from explanations.report.reliability_chart import reliability_chart
from explanations.report.section import Section, Subject
from explanations.report.stability_charts import LEVELS, stability_chart, vintage_chart
from explanations.report.sweep_chart import sweep_chart
from explanations.report.words import Text, say, say_of


def models_section(subject: Subject) -> Section:
    """How good both models are."""
    explanation = subject.explanation
    charts: dict[str, Chart] = {}
    curves: list[tuple[Text, Text, str]] = []
    found = explanation.diagnostics
    if found is not None and len(found.ranking):
        charts["roc"] = roc_chart(found.ranking, subject.undated)
        curves = populations(found.ranking, subject.undated)
    if len(explanation.reliability):
        charts["reliability"] = reliability_chart(explanation.reliability, subject.undated)
    if found is not None and len(found.lift):
        charts["lift"] = lift_chart(found.lift, subject.undated)
    if found is not None and len(found.limit_deciles):
        typical, r2 = (_of_limit(explanation, name) for name in ("median_relative_error", "r2"))
        charts["accuracy"] = accuracy_chart(
            found.limit_deciles, typical, r2, subject.currency, subject.undated
        )
    said = {
        "models_text": say_of(subject.undated, f"section.models_{'oracle' if subject.oracle else 'text'}"),
        "performance": [performance_table(explanation, model) for model in ("release", "limit")],
        "populations": curves,
        "slope_text": calibration_comment(explanation),
    }
    return Section(said, charts)


def performance_section(subject: Subject) -> Section | None:
    """What other cut-offs would do, vintages and stability; None where nobody has taken them."""
    found = subject.explanation.diagnostics
    if found is None or not found.sweep["requests"].any():
        return None
    charts = {"sweep": sweep_chart(found.sweep, subject.undated, subject.oracle)}
    if found.vintages is not None and len(found.vintages):
        charts["vintages"] = vintage_chart(found.vintages, subject.level)
    if found.stability is not None and len(found.stability):
        charts["stability"] = stability_chart(found.stability, lambda name: _label(subject, name))
    levels = [(say(f"stability.{name}"), colour) for name, colour in LEVELS.items()]
    return Section({"stability_levels": levels}, charts)


def _label(subject: Subject, feature: str) -> Text:
    named = subject.explanation.catalogue[feature]
    return Text(named.label_en, named.label_zh)


def _of_limit(explanation: Explanation, metric: str) -> float | None:
    """A metric of the limit model out of time."""
    tidy = explanation.performance
    rows = tidy[(tidy["model"] == "limit") & (tidy["split"] == "out_of_time") & (tidy["metric"] == metric)]
    return float(rows["value"].iloc[0]) if len(rows) else None
