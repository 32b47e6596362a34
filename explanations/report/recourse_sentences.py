"""Recourse in sentences to the borrower, in both languages; nothing internal stands in them."""

from __future__ import annotations

import math
from dataclasses import replace
from functools import partial
from typing import Any

import pandas as pd

from explanations.explanation import Explanation
from explanations.recourse.summary import recourse_figures
from explanations.report.quantities import count, money, share
from explanations.report.words import Text, joined, named, say

_SAID = ["kind", "what", "from_value", "to_value"]


def with_recourse(
    explanation: Explanation, found: pd.DataFrame, trials: pd.DataFrame | None = None
) -> Explanation:
    """The explanation with the ways that were found (see `explanations.recourse`), as sentences and in the summary."""
    currency = str(explanation.summary["currency"])
    # Many borrowers are told the same, so each thing to say is put into words once.
    number, said = pd.factorize(pd.MultiIndex.from_frame(found[_SAID]))
    texts = [step_text(str(kind), str(what), before, after, currency) for kind, what, before, after in said]
    told = found.drop(columns="what").assign(
        en=pd.array([text.en for text in texts], dtype=object)[number],
        zh=pd.array([text.zh for text in texts], dtype=object)[number],
    )
    searched = int(found["request_id"].nunique())
    figures = {"conflicts": len(explanation.conflicts), "searched": searched, **recourse_figures(found)}
    return replace(
        explanation,
        recourse=told,
        recourse_trials=trials,
        summary=explanation.summary | {"recourse": figures},
    )


def step_text(kind: str, what: str, before: float, after: float, currency: str) -> Text:
    """A step as the borrower is told it.

    Args:
        kind: The kind of step (`explanations.recourse.ways.KINDS`).
        what: Whose record is to be corrected, or `overdue`.
        before: What the step changes, as it is.
        after: And as it is to be.
        currency: The book's currency.
    """
    values: dict[str, Any] = {}
    key = kind
    if kind == "correct_record" or what == "overdue":
        key = f"{kind}.{what}"
    elif kind in ("pay_down_here", "pay_down_elsewhere"):
        # Rounded up: whoever pays what is said has paid enough.
        values = {"paid": money(math.ceil(before - after - 1e-6), currency)}
        key = f"{kind}.all" if after == 0 else f"{kind}.part"
    elif kind == "amount":
        values = {name: money(value, currency) for name, value in (("before", before), ("after", after))}
    elif kind != "none":
        values = {name: count(value) for name, value in (("before", before), ("after", after))}
    return say(f"recoursestep.{key}", **values)


def trial_text(steps: pd.DataFrame, currency: str) -> Text:
    """A trial that failed, to the analyst: what was tried, and what still refuses.

    Args:
        steps: Its steps (see `explanations.recourse.trials`).
        currency: The book's currency.
    """
    first = steps.iloc[0]
    what = [
        _tried(str(kind), float(before), float(after), currency)
        for kind, before, after in zip(steps["kind"], steps["from_value"], steps["to_value"], strict=True)
    ]
    pd_after, cutoff = apart(float(first["pd_after"]), float(first["cutoff"]))
    why = [
        say("trial.score", pd=pd_after, cutoff=cutoff)
        if rule == "score"
        else say("trial.limit")
        if rule == "limit"
        else named("refused_by", rule)
        for rule in str(first["refused_by"]).split(";")
    ]
    together = joined(what, en=say("trial.and").en, zh=say("trial.and").zh)
    return say("trial.still", what=together, why=joined(why))


def _tried(kind: str, before: float, after: float, currency: str) -> Text:
    if kind in ("pay_down_here", "pay_down_elsewhere"):
        return say(f"trial.{kind}", paid=money(math.ceil(before - after - 1e-6), currency))
    write = partial(money, currency=currency) if kind == "amount" else count
    return say(f"trial.{kind}", before=write(before), after=write(after))


def apart(pd_after: float | None, cutoff: float | None) -> tuple[str, str]:
    """PD and cut-off with two decimals, or as many more, up to five, as tell them apart."""
    told = [(share(pd_after, digits=digits), share(cutoff, digits=digits)) for digits in range(2, 6)]
    return next((pair for pair in told if pair[0] != pair[1]), told[0])
