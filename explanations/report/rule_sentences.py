"""Rules as sentences in both languages, and as `rules.json` holds them."""

from __future__ import annotations

from typing import Any

from explanations.explanation import Explanation
from explanations.report.contrast_table import label_of
from explanations.report.quantities import (
    NOTHING,
    fixed,
    is_flag,
    known,
    levels_text,
    share,
    value_text,
    with_unit,
)
from explanations.report.words import Text, joined, same, say
from explanations.rules.candidates import CUTOFF
from explanations.rules.surrogate import Condition, Figures, Rule, told_of
from features.catalogue import Catalogue


def rules_json(explanation: Explanation) -> list[dict[str, Any]]:
    """The rules with their sentences and figures: those of the earlier part, under `validated` those of the later."""
    found = explanation.rules
    currency = str(explanation.summary["currency"])
    return [
        {
            "en": (sentence := rule_sentence(rule, explanation.catalogue, currency)).en,
            "zh": sentence.zh,
            "conditions": [_told(condition) for condition in rule.conditions],
            **told_of(rule.fitted),
            "validated": told_of(rule.later),
        }
        for rule in (found.rules if found else ())
    ]


def rule_sentence(rule: Rule, catalogue: Catalogue, currency: str) -> Text:
    """A rule with what it came to on the later part."""
    return say(
        "rule.sentence",
        conditions=conditions_text(rule, catalogue, currency),
        precision=share_of(rule.later.precision),
        recall=share_of(rule.later.recall),
    )


def conditions_text(rule: Rule, catalogue: Catalogue, currency: str) -> Text:
    """All conditions of a rule in a row."""
    first, *others = (_condition_text(condition, catalogue, currency) for condition in rule.conditions)
    return joined([first, *map(_inside, others)], en="; and ", zh="；且")


def share_of(part: float) -> str:
    """A share in whole per cent; with a decimal where it would read as none or all and is not."""
    if not known(part):
        return NOTHING
    whole = fixed(100 * part, 0)
    return share(part, digits=1 if whole in ("0", "100") and part not in (0.0, 1.0) else 0)


def interval_of(figures: Figures) -> Text:
    """Wilson's interval of the share refused."""
    low, high = figures.interval
    if not known(low):
        return same(NOTHING)
    return say("remedy.range", low=share(low, digits=0), high=share(high, digits=0))


def _inside(text: Text) -> Text:
    """A text inside a sentence: without its capital, unless more of them follow."""
    return Text(text.en[0].lower() + text.en[1:] if text.en[1:2].islower() else text.en, text.zh)


def _told(condition: Condition) -> dict[str, Any]:
    measure = condition.measure
    return {
        "feature": measure.feature,
        "measure": measure.kind,
        "operator": condition.operator,
        "value": condition.value,
        "unit": measure.unit,
        "sign": measure.sign,
        "whole": measure.whole,
        **({} if measure.level is None else {"level": measure.level}),
        "or_unknown": condition.or_unknown,
    }


def _condition_text(condition: Condition, catalogue: Catalogue, currency: str) -> Text:
    measure = condition.measure
    label = say("rule.cutoff") if measure.feature == CUTOFF else label_of(catalogue[measure.feature])
    bound = (
        _bound(condition, currency) if measure.feature == CUTOFF else _asked(condition, catalogue, currency)
    )
    if condition.or_unknown:
        bound = say("rule.or_unknown", bound=bound)
    return say("rule.condition", label=label, bound=bound)


def _asked(condition: Condition, catalogue: Catalogue, currency: str) -> Text:
    """What is asked of a feature: of categories by their names."""
    feature, measure = catalogue[condition.measure.feature], condition.measure
    if measure.level is not None:
        level = value_text(measure.level if measure.level >= 0 else None, feature, currency)
        return level if condition.operator == ">=" else say("rule.not", value=level)
    if feature.levels and measure.kind == "value":
        places = range(len(feature.levels))
        held = {">=": places[int(max(condition.value, 0)) :], "<=": places[: int(condition.value) + 1]}
        return levels_text(list(held.get(condition.operator, places)), feature)
    return _bound(condition, currency)


def _bound(condition: Condition, currency: str) -> Text:
    """What is asked of the measure: a value, or how it changed since the limit review."""
    measure, value = condition.measure, condition.value
    if measure.kind == "value":
        if is_flag(measure.unit) and 0 <= value <= 1:
            return say("value.yes" if condition.operator == ">=" else "value.no")
        return say(f"rule.{_NAMES[condition.operator]}", value=_quantity(condition, value, currency))
    size = _quantity(condition, abs(value), currency)
    if condition.operator == ">=" and value > 0:
        return say("rule.up", value=size)
    if condition.operator != ">=" and value < 0:
        return say("rule.down" if condition.operator == "<=" else "rule.down_more", value=size)
    signed = joined([same("−" if value < 0 else ""), size], en="", zh="")
    return say(f"rule.change_{_NAMES[condition.operator]}", value=signed)


def _quantity(condition: Condition, value: float, currency: str) -> Text:
    measure = condition.measure
    if measure.kind == "growth" or measure.feature == CUTOFF:
        return same(f"{100 * value:.3g}%")
    if is_flag(measure.unit):
        return same(fixed(value, 0))
    return with_unit(value, measure.unit, currency)


_NAMES = {">=": "least", "<=": "most", "<": "below"}
