"""The rules in the report: a line each, with what they came to on the part that nothing was fitted on."""

from __future__ import annotations

from explanations.report.exhibits import Column, Table, table
from explanations.report.quantities import count
from explanations.report.rule_sentences import conditions_text, interval_of, share_of
from explanations.report.section import Section, Subject
from explanations.report.words import Text, say, say_of
from explanations.rules.surrogate import Figures, RuleSet


def rules_section(subject: Subject) -> Section | None:
    """A few sentences that separate conflicts from the reference; None where none were looked for."""
    found = subject.explanation.rules
    if found is None:
        return None
    if not subject.explanation.summary["counts"]["conflicts"]:
        return Section({"rules": None, "rules_text": (say_of(subject.undated, "section.no_cases"),)})
    return Section(
        {
            "rules": _table(subject, found) if found.rules else None,
            "rules_text": _text(subject.undated, found),
        }
    )


def _table(subject: Subject, found: RuleSet) -> Table:
    catalogue = subject.explanation.catalogue
    records: list[dict[str, Text | str]] = [
        {"rule": conditions_text(rule, catalogue, subject.currency)}
        | _cells("later", rule.later)
        | _cells("fitted", rule.fitted)
        for rule in found.rules
    ]
    wholes = (("any", found.any_later, found.any_fitted), ("none", found.none_later, found.none_fitted))
    records += [
        {"rule": say(f"rules.{name}")} | _cells("later", later) | _cells("fitted", fitted)
        for name, later, fitted in wholes
    ]
    columns = [Column("rule", say("rules.rule"), numeric=False)]
    for part in ("later", "fitted"):
        columns += [
            Column(f"{part}_precision", say_of(subject.undated, f"rules.{part}_precision")),
            Column(f"{part}_recall", say_of(subject.undated, f"rules.{part}_recall")),
            Column(f"{part}_support", say_of(subject.undated, f"rules.{part}_support")),
        ]
    return table(say("rules.caption"), columns, records)


def _cells(part: str, figures: Figures) -> dict[str, Text | str]:
    return {
        f"{part}_precision": say(
            "rules.with_interval", share=share_of(figures.precision), interval=interval_of(figures)
        ),
        f"{part}_recall": share_of(figures.recall),
        f"{part}_support": count(figures.support),
    }


def _text(undated: bool, found: RuleSet) -> tuple[Text, ...]:
    """How they were found and checked, how good all together are, and what did not hold."""
    how = say_of(undated, "rules.how", boundary=found.boundary or "", rows=count(found.rows))
    if not found.rules:
        return (how, say("rule.none_found", dropped=count(found.dropped)))
    whole = say_of(
        undated,
        "rules.whole",
        rules=count(len(found.rules)),
        recall=share_of(found.any_later.recall),
        precision=share_of(found.any_later.precision),
        interval=interval_of(found.any_later),
        base=share_of(found.any_later.base),
        rest=share_of(found.none_later.precision),
        rest_interval=interval_of(found.none_later),
    )
    dropped = say("rule.dropped" if found.dropped else "rule.all_hold", dropped=count(found.dropped))
    return how, whole, dropped
