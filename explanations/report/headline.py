"""What was asked and answered: one statement with figures, and the key figures beside it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from explanations.explanation import Explanation
from explanations.report.contrast_table import ContrastRow, gap
from explanations.report.quantities import count, odds_effect, push, share
from explanations.report.words import Text, joined, named, same, say, say_of


@dataclass(frozen=True)
class KeyFigure:
    """A figure with its name and what it is a part of or rests on."""

    name: Text
    value: str
    note: Text


def answer(explanation: Explanation, rows: Sequence[ContrastRow]) -> tuple[Text, ...]:
    """The answer, sentence by sentence: how many, how bad they are, and why they were refused."""
    counts = explanation.summary["counts"]
    undated = is_undated(explanation.summary)
    if not counts["conflicts"]:
        return (say_of(undated, "answer.no_conflicts"),)
    how_many = say_of(
        undated,
        "answer.counts",
        requests=count(counts["requests"]),
        favoured=count(counts["favoured"]),
        conflicts=count(counts["conflicts"]),
        share=share(counts["conflicts"], counts["favoured"]),
    )
    told = (how_many, _how_bad(explanation.summary["bad_rates"]), _why(rows))
    means = explanation.summary.get("causes", {}).get("mean_share")
    return (*told, _to_blame(means)) if means else told


def key_figures(explanation: Explanation, rows: Sequence[ContrastRow]) -> tuple[KeyFigure, ...]:
    """The figures that one wants first."""
    summary = explanation.summary
    counts, rates = summary["counts"], summary["bad_rates"]
    figures = [
        KeyFigure(
            say_of(is_undated(summary), "key.requests"),
            count(counts["requests"]),
            say("key.borrowers", borrowers=count(summary["borrowers"])),
        ),
        KeyFigure(
            say("key.favoured"),
            count(counts["favoured"]),
            say("key.of_requests", share=share(counts["favoured"], counts["requests"])),
        ),
        KeyFigure(
            say("key.conflicts"),
            count(counts["conflicts"]),
            say("key.of_favoured", share=share(counts["conflicts"], counts["favoured"])),
        ),
        _bad_figure(rates, "conflict"),
        _bad_figure(rates, "reference"),
    ]
    if rows:
        total = gap(rows)
        figures.append(KeyFigure(say("key.gap"), push(total), say("key.gap_note", odds=odds_effect(total))))
    return tuple(figures)


def which_book(summary: dict[str, Any]) -> Text:
    """The book and the period in a line."""
    parts = []
    borrowers, period = count(summary["borrowers"]), summary.get("period") or {}
    start, end = period.get("from"), period.get("to")
    dates = say("page.period", start=str(start)[:10], end=str(end)[:10]) if start and end else same("")
    if summary["source"] == "simulated":
        parts.append(say("page.book_simulated", borrowers=borrowers, period=dates))
    elif dates.en:
        parts.append(say("page.book_dated", borrowers=borrowers, period=dates))
    else:
        requests = count(summary["counts"]["requests"])
        parts.append(say("page.book_imported", borrowers=borrowers, requests=requests))
    if summary.get("scenario"):
        parts.append(say("page.scenario", scenario=named("scenario", str(summary["scenario"]))))
    return joined(parts, en=" · ", zh=" · ")


def absent(explanation: Explanation) -> tuple[Text, ...]:
    """What this book does not hold, so that nobody looks for it in the page."""
    summary = explanation.summary
    missing = {
        "dates": is_undated(summary),
        "truth": not has_oracle(summary),
        "caps": summary["source"] != "simulated"
        and not any("cap" in key for key in summary["counts"]["conflicts_by"]),
        "limit_before": len(explanation.conflicts) > 0
        and bool(explanation.conflicts["limit_before"].isna().all()),
    }
    return tuple(say(f"absent.{name}") for name, holds in missing.items() if holds)


def is_undated(summary: dict[str, Any]) -> bool:
    """Whether the book has no dates, so that its parts are split by client."""
    return not (summary.get("period") or {}).get("from")


def has_oracle(summary: dict[str, Any]) -> bool:
    """Whether the book knows how refused requests would have ended."""
    return any(_known(rates.get("oracle_rate")) for rates in summary["bad_rates"].values())


def _how_bad(rates: dict[str, dict[str, Any]]) -> Text:
    conflict, reference = rates["conflict"], rates["reference"]
    for key, statement in (("oracle_rate", "answer.rates_oracle"), ("rate", "answer.rates_observed")):
        bad, usual = conflict.get(key), reference.get(key)
        if not (_known(bad) and _known(usual)):
            continue
        times = say("answer.times", factor=f"{bad / usual:.1f}") if usual else same("–")
        return say(
            statement,
            conflict=share(bad),
            reference=share(usual),
            times=times,
            known=count(conflict["known"]),
            reference_known=count(reference["known"]),
        )
    return say("answer.rates_unknown")


def _why(rows: Sequence[ContrastRow]) -> Text:
    pushes = [(row.label, row.release.mean) for row in rows if row.release]
    total = gap(rows)
    if len(pushes) < 3 or total <= 0:
        return say("answer.no_score")
    main = sorted(pushes, key=lambda pair: -pair[1])[:3]
    names = [say("answer.reason", label=label, push=push(mean)) for label, mean in main]
    return say(
        "answer.reasons",
        features=joined(names, en="; "),
        share=share(math.fsum(mean for _, mean in main), total, digits=0),
        gap=push(total),
    )


def _to_blame(mean_share: dict[str, float]) -> Text:
    ordered = sorted(mean_share, key=lambda name: (-mean_share[name], name))
    parts = [
        say("causes.part", cause=say(f"cause.{name}"), share=share(mean_share[name], digits=0))
        for name in ordered
    ]
    return say("answer.causes", causes=joined(parts))


def _bad_figure(rates: dict[str, dict[str, Any]], cohort: str) -> KeyFigure:
    rate = rates[cohort]
    name, known = say(f"key.bad_{cohort}"), count(rate["known"])
    if _known(rate.get("oracle_rate")):
        return KeyFigure(
            name, share(rate["oracle_rate"]), say("key.oracle", rate=share(rate["rate"]), known=known)
        )
    return KeyFigure(name, share(rate["rate"]), say("key.observed", known=known))


def _known(rate: float | None) -> bool:
    return rate is not None and math.isfinite(rate)
