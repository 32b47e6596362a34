"""The contrast in detail: pushes of all conflicts, dependence on values, months, segments."""

from __future__ import annotations

from typing import Any

from explanations.report.contrast_table import main_rows
from explanations.report.dependence import dependences
from explanations.report.dependence_chart import dependence_chart, push_domains
from explanations.report.exhibits import Chart
from explanations.report.palette import LOW_TO_HIGH, UNKNOWN
from explanations.report.push_months import months_chart
from explanations.report.push_segments import push_segments
from explanations.report.push_swarm import swarm_chart
from explanations.report.section import Subject
from explanations.report.words import say, say_of

STRIPS = 12
DEPENDENCES = 6


def detail_charts(subject: Subject) -> dict[str, Chart]:
    """The charts by name; by month only where the book has dates."""
    explanation, level = subject.explanation, subject.level
    main, _, _ = main_rows(subject.rows, STRIPS)
    charts = {"swarm": swarm_chart(explanation, main, subject.undated, subject.currency)}
    shown = dependences(explanation, subject.rows, DEPENDENCES, level)
    domains = push_domains(shown)
    charts |= {f"dependence-{at}": dependence_chart(at, one, domains) for at, one in enumerate(shown)}
    if not subject.undated:
        charts["months"] = months_chart(explanation, subject.colours, level)
    return charts


def detail_said(subject: Subject) -> dict[str, Any]:
    """What stands beside these charts."""
    segments = push_segments(subject.explanation)
    return {
        "families_shown": [(family, subject.colours[family.en]) for family in segments.families],
        "dependence_title": say_of(subject.undated, "dependence.title"),
        "dependence_note": say_of(subject.undated, "dependence.note"),
        "low_to_high": LOW_TO_HIGH,
        "unknown": UNKNOWN,
        "push_segments": segments,
        "segments_note": say("push_segments.note"),
    }
