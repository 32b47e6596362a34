"""Recourse in sentences to the borrower, in both languages; nothing internal stands in them."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import pandas as pd

from explanations.explanation import Explanation
from explanations.recourse.summary import recourse_figures
from explanations.report.quantities import count, money
from explanations.report.words import Text, say

_SAID = ["kind", "what", "from_value", "to_value"]


def with_recourse(explanation: Explanation, found: pd.DataFrame) -> Explanation:
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
    return replace(explanation, recourse=told, summary=explanation.summary | {"recourse": figures})


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
