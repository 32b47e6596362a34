"""The sections of the report: the answer, the decisions, why they disagree, cases, models and method."""

from __future__ import annotations

from collections.abc import Sequence

from explanations.report.case_section import cases_section
from explanations.report.cause_charts import freshness_table, monthly_chart, overall_chart, segments_table
from explanations.report.cause_check_text import check_table, check_text
from explanations.report.conflict_map import conflict_map, size_legend
from explanations.report.contrast_chart import contrast_chart
from explanations.report.contrast_detail import detail_charts, detail_said
from explanations.report.contrast_table import ContrastRow, by_score, families, family_rows, gap, main_rows
from explanations.report.control_section import control_section
from explanations.report.cross_fitting_section import cross_fitting_section
from explanations.report.decisions import (
    FEW,
    FEW_TRUE,
    agreement_table,
    decision_matrix,
    funnel_stages,
    funnel_table,
    matrix_table,
)
from explanations.report.distribution_chart import distribution_chart
from explanations.report.distributions import main_distributions
from explanations.report.fairness_section import fairness_section
from explanations.report.first_screen import cause_parts, competition_text, top_features
from explanations.report.headline import absent, answer, key_figures, which_book
from explanations.report.map_regions import PLACES, frame_of, place_of, weight
from explanations.report.palette import CAUSE_COLOURS
from explanations.report.performance_section import models_section, performance_section
from explanations.report.policy_shift import policy_shift
from explanations.report.provenance import (
    cautions,
    parameters_table,
    sources_table,
    terms,
    versions_table,
)
from explanations.report.push_segments import segments_plainly
from explanations.report.quantities import count, push, share
from explanations.report.reasons_section import reasons_section
from explanations.report.recourse_section import recourse_section
from explanations.report.remedies_section import first_remedies, remedies_section
from explanations.report.rules_section import rules_section
from explanations.report.section import Build, Section, Subject
from explanations.report.words import Text, has, joined, say, say_of, say_on

TOP_FEATURES = 15
DISTRIBUTIONS = 6


def answer_section(subject: Subject) -> Section:
    """The answer in sentences and key figures, what separates and what is to blame, and what to do."""
    explanation = subject.explanation
    sentences, drawn = answer(explanation, subject.rows), top_features(subject)
    # What is drawn beside them need not be said twice on the page; a page without pictures says it.
    shown = 2 if drawn else 3
    said = {
        "book": which_book(subject.summary),
        "answer": (*sentences[:shown], *policy_shift(explanation)),
        "in_words": sentences[shown:],
        "key_figures": key_figures(explanation),
        "intervals": say_of(subject.undated, "answer.intervals", level=share(subject.level, digits=0)),
        "top_features": drawn,
        "cause_parts": cause_parts(subject),
        "competition": competition_text(subject),
        "causes_unknown": say_on(subject.on, subject.undated, "story.causes_unknown"),
        "to_do": first_remedies(subject),
        "absent": absent(explanation),
    }
    return Section(said)


def funnel_section(subject: Subject) -> Section:
    """From all requests to the cohorts, and the matrix of decisions."""
    stages = funnel_stages(subject.explanation.funnel, subject.undated, subject.on)
    agreed = agreement_table(subject.summary.get("agreement", []), subject.undated)
    matrix = decision_matrix(subject.explanation.decision_matrix)
    said = {
        "funnel": stages,
        "funnel_text": say_on(subject.on, subject.undated, "section.funnel_text"),
        "funnel_notes": _funnel_notes(subject),
        "agreement": agreed,
        "agreement_text": say_of(subject.undated, "agreement.text"),
        "matrix": matrix,
        "matrix_text": _matrix_text(subject.undated, subject.oracle),
        "has_oracle": subject.oracle,
    }
    plain = {"funnel": funnel_table(stages), "decision_matrix": matrix_table(matrix, subject.oracle)}
    return Section(said, tables=plain)


def map_section(subject: Subject) -> Section:
    """Push on the limit against push toward refusal, feature by feature."""
    if not subject.rows:
        return Section()
    said = {"reading": _reading(subject.rows), "families": _legend(subject), "sizes": size_legend()}
    return Section(said, {"map": conflict_map(subject.rows, subject.colours, subject.currency)})


def contrast_section(subject: Subject) -> Section:
    """Which features, and which families of them, separate conflicts from the reference."""
    rows, explanation = subject.rows, subject.explanation
    if not rows:
        return Section()
    main, rest, others = main_rows(rows, TOP_FEATURES)
    charts = {
        "contrast": contrast_chart("contrast", main, rest, others, subject.colours),
        "families": contrast_chart("families", family_rows(explanation), None, 0, subject.colours),
    }
    text = say_of(
        subject.undated,
        "section.contrast_text",
        conflicts=count(int(by_score(explanation).sum())),
        reference=count(len(explanation.reference)),
        gap=push(gap(rows)),
    )
    detail = detail_said(subject)
    plain = {"push_segments": segments_plainly(detail["push_segments"])}
    return Section({"contrast_text": text} | detail, charts | detail_charts(subject), tables=plain)


def causes_section(subject: Subject) -> Section:
    """Which causes are to blame, when and for whom, and how right that is."""
    explanation, causes = subject.explanation, subject.explanation.causes
    told = causes is not None and len(causes) > 0
    lacking = [
        say(
            "causes.lacking",
            cause=say(f"cause.{name}"),
            what=_lacking(name, subject.undated),
        )
        for name in subject.summary.get("causes", {}).get("not_identifiable", {})
    ]
    charts = {}
    if causes is not None and told:
        charts["causes"] = overall_chart(explanation)
        charts["causes-by-month"] = monthly_chart(explanation, causes)
    said = {
        "causes_text": _causes_text(subject, told, bool(lacking)),
        "causes_lacking": lacking,
        "cause_segments": segments_table(explanation, causes) if causes is not None and told else None,
        "cause_legend": [(say(f"cause.{name}"), colour) for name, colour in CAUSE_COLOURS.items()],
        "freshness": freshness_table(explanation),
        "check": check_table(explanation),
        "check_text": check_text(explanation),
    }
    return Section(said, charts)


def distributions_section(subject: Subject) -> Section:
    """How the main features are distributed in both cohorts."""
    shown = main_distributions(subject.explanation, subject.rows, DISTRIBUTIONS) if subject.rows else []
    return Section(
        charts={f"distribution-{i}": distribution_chart(i, features) for i, features in enumerate(shown)}
    )


def provenance_section(subject: Subject) -> Section:
    """What the words mean, what to beware of, and what all this was made from."""
    summary = subject.summary
    said = {
        "terms": terms(summary),
        "cautions": cautions(summary),
        "sources": sources_table(summary),
        "parameters": parameters_table(summary),
        "versions": versions_table(summary),
    }
    return Section(said)


SECTIONS: dict[str, Build] = {
    "answer": answer_section,
    "funnel": funnel_section,
    "map": map_section,
    "contrast": contrast_section,
    "rules": rules_section,
    "causes": causes_section,
    "remedies": remedies_section,
    "reasons": reasons_section,
    "recourse": recourse_section,
    "distributions": distributions_section,
    "cases": cases_section,
    "models": models_section,
    "performance": performance_section,
    "cross_fitting": cross_fitting_section,
    "fairness": fairness_section,
    "control": control_section,
    "provenance": provenance_section,
}
"""All sections by name, in the order of the page."""


def _lacking(cause: str, undated: bool) -> Text:
    """What a book lacks for a cause."""
    dated = f"causes.lacks_dated.{cause}"
    return say(dated) if not undated and has(dated) else say(f"causes.lacks.{cause}")


def _causes_text(subject: Subject, told: bool, lacking: bool) -> Text:
    """How the causes were found, or why none are told."""
    if told:
        return say("section.causes_text", conflicts=count(len(subject.explanation.conflicts)))
    if lacking:
        return say("section.causes_none" if subject.undated else "section.causes_not_all")
    return say_on(subject.on, subject.undated, "section.nothing")


def _funnel_notes(subject: Subject) -> list[Text]:
    """What refuses the conflicts besides what they stand under, how many the lender had raised, how many paid out."""
    summary = subject.summary
    notes: list[Text] = []
    conflicts = subject.explanation.conflicts
    if len(conflicts) and not subject.undated and subject.on == "models":
        raised = int((conflicts["limit_recorded"] > conflicts["limit_before"]).sum())
        numbers = {"raised": raised, "others": len(conflicts) - raised, "conflicts": len(conflicts)}
        notes.append(say("funnel.raised", **{name: count(number) for name, number in numbers.items()}))
    kinds = summary.get("refused_for")
    if kinds and not subject.undated:
        notes.append(say("funnel.kinds", **{kind: count(number) for kind, number in kinds.items()}))
    paid_out = summary["bad_rates"]["conflict"]["known"]
    if paid_out and not subject.undated and subject.on == "models":
        notes.append(say("funnel.lender", known=count(paid_out)))
    return notes


def _matrix_text(undated: bool, oracle: bool) -> Text:
    """How to read the matrix of decisions."""
    parts = [say_of(undated, "matrix.text"), say("matrix.text_few", few=str(FEW))]
    if oracle:
        parts.append(say("matrix.text_oracle", few_true=str(FEW_TRUE)))
    return joined(parts, en=" ", zh="")


def _reading(rows: Sequence[ContrastRow]) -> list[tuple[Text, Text]]:
    """For each region of the map that matters, what it means and the features that lie there."""
    frame = frame_of(rows)
    ordered = sorted(rows, key=lambda row: -weight(row, frame))
    shown = []
    for place in PLACES:
        there = [row.label for row in ordered if place_of(row, frame) == place]
        if there:
            shown.append((say(f"place.{place}"), say(f"map.{place}", features=joined(there[:5]))))
        elif place == "praised_then_refused":
            shown.append((say(f"place.{place}"), say("map.none_praised_then_refused")))
    return shown


def _legend(subject: Subject) -> list[tuple[Text, str]]:
    present = {row.family.en for row in subject.rows}
    return [
        (family, subject.colours[family.en])
        for family in families(subject.explanation)
        if family.en in present
    ]
