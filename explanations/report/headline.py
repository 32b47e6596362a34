"""What was asked and answered: one statement with figures, and the key figures beside it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from explanations.agreement import conflicts_on
from explanations.explanation import Explanation
from explanations.intervals.proportions import apart
from explanations.report.contrast_table import ContrastRow, gap
from explanations.report.quantities import count, fixed, large_money, push, share
from explanations.report.words import Text, joined, named, same, say, say_of, say_on


@dataclass(frozen=True)
class KeyFigure:
    """A figure with its name and what it is a part of or rests on.

    Attributes:
        name: What it is.
        value: The figure.
        note: What it is a part of or rests on.
        proof: Name of the section that shows where it comes from.
        tone: `against` or `favour` where it speaks of those refused or of good customers.
    """

    name: Text
    value: Text
    note: Text
    proof: str
    tone: str = ""


def answer(explanation: Explanation, rows: Sequence[ContrastRow]) -> tuple[Text, ...]:
    """The answer, sentence by sentence: how many, how bad they are, and why they were refused."""
    counts = explanation.summary["counts"]
    undated = is_undated(explanation.summary)
    if not counts["conflicts"]:
        return (say_of(undated, "answer.no_conflicts"),)
    how_many = say_on(
        conflicts_on(explanation.summary),
        undated,
        "answer.counts",
        requests=count(counts["requests"]),
        favoured=count(counts["favoured"]),
        conflicts=count(counts["conflicts"]),
        share=share(counts["conflicts"], counts["favoured"]),
        **({} if undated else {"borrowers": count(explanation.conflicts["borrower_id"].nunique())}),
    )
    told = (
        joined([how_many, *_base(counts, undated)], en=" ", zh=""),
        joined([_how_bad(explanation.summary), *_against_cutoff(explanation)], en=" ", zh=""),
        _why(rows),
    )
    means = explanation.summary.get("causes", {}).get("mean_share")
    return (*told, _to_blame(means)) if means else told


def key_figures(explanation: Explanation) -> tuple[KeyFigure, ...]:
    """The figures that one wants first: from requests to refusals, what these would have been, the phantom limit."""
    summary = explanation.summary
    counts = summary["counts"]
    figures = [
        KeyFigure(
            say_of(is_undated(summary), "key.requests"),
            same(count(counts["requests"])),
            say_of(is_undated(summary), "key.borrowers", borrowers=count(summary["borrowers"])),
            "funnel",
        ),
        KeyFigure(
            say_on(conflicts_on(summary), False, "key.favoured"),
            same(count(counts["favoured"])),
            say("key.of_requests", share=share(counts["favoured"], counts["requests"])),
            "funnel",
        ),
        KeyFigure(
            say("key.conflicts"),
            same(count(counts["conflicts"])),
            say("key.of_favoured", share=share(counts["conflicts"], counts["favoured"])),
            "funnel",
            "against",
        ),
    ]
    if summary["refused_outcomes"]["known"]:
        figures += _fared(summary)
    return tuple(figures + _phantom_figure(summary))


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
        and conflicts_on(summary) != "record"
        and bool(explanation.conflicts["limit_before"].isna().all()),
        "recourse": is_undated(summary) and explanation.recourse is None,
        "replay": conflicts_on(summary) == "record",
    }
    return tuple(say(f"absent.{name}") for name, holds in missing.items() if holds)


def is_undated(summary: dict[str, Any]) -> bool:
    """Whether the book has no dates, so that its parts are split by client."""
    return not (summary.get("period") or {}).get("from")


def has_oracle(summary: dict[str, Any]) -> bool:
    """Whether the book knows how refused requests would have ended."""
    return any(_known(rates.get("oracle_rate")) for rates in summary["bad_rates"].values())


def _base(counts: dict[str, Any], undated: bool) -> tuple[Text, ...]:
    """How often all others are refused; nothing where all are favoured."""
    others = counts["requests"] - counts["favoured"]
    if others <= 0:
        return ()
    refused, conflicts, favoured = (
        counts["refused"] - counts["conflicts"],
        counts["conflicts"],
        counts["favoured"],
    )
    base, more = refused / others, conflicts / favoured - refused / others
    if not apart(conflicts, favoured, refused, others):
        return (say_of(undated, "answer.base_alike", other=share(base)),)
    key = "answer.base_fewer" if more > 0 else "answer.base_more"
    return (say_of(undated, key, other=share(base), points=fixed(100 * abs(more), 1)),)


def _against_cutoff(explanation: Explanation) -> tuple[Text, ...]:
    """Whether the refused are as a group above the cut-offs in force; nothing where no outcome is known."""
    fared = explanation.summary["refused_outcomes"]
    if not fared["known"]:
        return ()
    cutoff = float(explanation.conflicts["cutoff"].mean())
    where = "above" if fared["bad"] / fared["known"] > cutoff else "within"
    return (say(f"answer.{where}_cutoff", cutoff=share(cutoff)),)


def _how_bad(summary: dict[str, Any]) -> Text:
    """How many of the refused would have gone bad, and how many would not."""
    fared, rates = summary["refused_outcomes"], summary["bad_rates"]["reference"]
    if not fared["known"]:
        return say("answer.rates_unknown")
    besides = (
        {"known": count(fared["known"])}
        if fared["by"] == "observed"
        else {"refused": share(summary["bad_rates"]["refused"]["oracle_rate"])}
    )
    return say(
        f"answer.rates_{fared['by']}",
        bad=count(fared["bad"]),
        good=count(fared["good"]),
        conflict=share(fared["bad"], fared["known"]),
        reference=share(rates["oracle_rate" if fared["by"] == "oracle" else "rate"]),
        **besides,
    )


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


def _fared(summary: dict[str, Any]) -> list[KeyFigure]:
    """Those refused who would have gone bad, and the good customers lost."""
    fared = summary["refused_outcomes"]
    by_oracle, known = fared["by"] == "oracle", count(fared["known"])
    rate = share(fared["bad"], fared["known"])
    ends = {end: count(fared[f"bad_{end}"]) for end in ("low", "high")}
    bad = say("key.bad_by_oracle", share=rate, **ends)
    good = say("key.good_by_oracle", amount=large_money(fared["good_amount"], str(summary["currency"])))
    if not by_oracle:
        bad, good = (
            say("key.bad_by_observed", share=rate, known=known, **ends),
            say("key.good_by_observed", known=known),
        )
    return [
        KeyFigure(
            say("key.bad" if by_oracle else "key.bad_observed"),
            same(count(fared["bad"])),
            bad,
            "funnel",
            "against",
        ),
        KeyFigure(
            say("key.good" if by_oracle else "key.good_observed"),
            same(count(fared["good"])),
            good,
            "funnel",
            "favour",
        ),
    ]


def _phantom_figure(summary: dict[str, Any]) -> list[KeyFigure]:
    phantom = summary.get("phantom")
    if not phantom:
        return []
    undated = is_undated(summary)
    asked = {} if undated else {"asked": share(phantom["asked_share"], digits=0)}
    note = say_of(undated, "key.phantom_note", borrowers=count(phantom["refused"]), **asked)
    amount = large_money(phantom["phantom"], str(summary["currency"]))
    return [KeyFigure(say("key.phantom"), amount, note, "remedies", "against")]


def _known(rate: float | None) -> bool:
    return rate is not None and math.isfinite(rate)
