"""What to do in the report: the remedies with their price, and the phantom limit."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from explanations.remedies.phantom import THIRDS
from explanations.remedies.trials import CUTOFF
from explanations.report.exhibits import Column, Table, table
from explanations.report.quantities import count, known, large_money, share
from explanations.report.section import Section, Subject
from explanations.report.words import Text, named, same, say, say_of, stream_named

FIRST = 5
"""Remedies on the first screen."""

_FRESH = "fresh_"
_LARGE = 1e7
"""Money on show from which on a table tells it in millions (in Chinese in 万)."""


def remedies_section(subject: Subject) -> Section | None:
    """All remedies and the phantom limit with its groups; None where neither was looked at."""
    found = remedies_table(subject)
    phantom = subject.summary.get("phantom")
    if found is None and phantom is None:
        return None
    by = "by_oracle" if subject.oracle else "by_observed"
    said: dict[str, Any] = {
        "remedies_text": say_of(subject.undated, "remedy.text") if found else None,
        "all_remedies": found,
        "remedies_note": say_of(subject.undated, "remedy.note", by=say(f"remedy.{by}")) if found else None,
        "phantom_text": _phantom_text(subject, phantom) if phantom else (),
        "phantom_limits": _phantom_table(subject),
    }
    return Section(said)


def first_remedies(subject: Subject) -> Table | None:
    """The remedies by which most are paid out, of single streams the best alone; None where none were measured."""
    rows = by_paid_out(subject.summary.get("remedies", []))
    streams = [row for row in rows if _is_fresh(row)]
    chosen = [row for row in rows if not _is_fresh(row) or row is streams[0]][:FIRST]
    if not chosen:
        return None
    columns = [
        Column("name", say("remedy.name"), numeric=False),
        Column("released", say("remedy.released")),
        Column("interval", say("remedy.interval")),
        Column("bad", say("remedy.bad")),
    ]
    if not subject.undated:
        columns += [Column("promised", say("remedy.promised")), Column("lost", say("remedy.lost"))]
    records = [
        {
            "name": remedy_name(subject.summary, str(row["remedy"])),
            "released": say(
                "remedy.of_all",
                count=count(row["released"]),
                share=share(row["released"], subject.summary["counts"]["conflicts"], digits=0),
            ),
            "interval": _range(row, "released"),
            "bad": count(row["bad"]),
            "promised": count(_promised(row)),
            "lost": count(_lost(row)),
        }
        for row in chosen
    ]
    return table(say("story.remedies"), columns, records)


def remedies_table(subject: Subject) -> Table | None:
    """All remedies with what they would do and cost; None where none were measured."""
    rows = by_paid_out(subject.summary.get("remedies", []))
    if not rows:
        return None
    columns = [
        Column("name", say("remedy.name"), numeric=False),
        Column("released", say("remedy.released")),
        Column("bad", say("remedy.bad")),
    ]
    if not subject.undated:
        columns += [
            Column("promised", say("remedy.promised")),
            Column("removed", say("remedy.removed")),
            Column("lost", say("remedy.lost")),
            Column("new", say("remedy.new")),
        ]
    columns.append(Column("how", say("remedy.how"), numeric=False))
    records = [
        {
            "name": remedy_name(subject.summary, str(row["remedy"])),
            "removed": _with_range(row, "removed"),
            "released": _with_range(row, "released"),
            "bad": _with_range(row, "bad"),
            "promised": count(_promised(row)),
            "lost": count(_lost(row)),
            "new": count(row["new"]),
            "how": _how(str(row["remedy"])),
        }
        for row in rows
    ]
    return table(say("remedy.caption"), columns, records)


def remedy_name(summary: Mapping[str, Any], name: str) -> Text:
    """What a remedy of an explanation with this summary is called."""
    if name.startswith(_FRESH):
        return say("remedy.fresh", stream=stream_named(summary, name.removeprefix(_FRESH)))
    if name == CUTOFF:
        factor = float(summary["parameters"]["explanations.remedies.cutoff_factor"])
        return say("remedy.cutoff", share=share(factor - 1, digits=0))
    return say(f"remedy.{name}")


def by_paid_out(remedies: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Remedies of a summary, that by which most borrowers get the money first."""
    return sorted(remedies, key=lambda row: (-row["released"], -row["removed"]))


def _promised(row: Mapping[str, Any]) -> float:
    """Conflicts that go without money: still refused, but no raise precedes them."""
    return float(row["removed"] - row["released"])


def _lost(row: Mapping[str, Any]) -> float:
    """Raises that those favoured and released would not get."""
    return float(row["limits"] - row["not_raised"])


def _is_fresh(row: Mapping[str, Any]) -> bool:
    return str(row["remedy"]).startswith(_FRESH)


def _how(name: str) -> Text:
    return say(f"remedy.{'fresh' if name.startswith(_FRESH) else name}_text")


def _range(row: Mapping[str, Any], what: str) -> Text:
    low, high = row[f"{what}_low"], row[f"{what}_high"]
    return say("remedy.range", low=count(low), high=count(high)) if known(low) and known(high) else same("–")


def _with_range(row: Mapping[Any, Any], what: str) -> Text:
    value, low, high = (row[name] for name in (what, f"{what}_low", f"{what}_high"))
    if not (known(low) and known(high)):
        return same(count(value))
    return say("remedy.with_range", count=count(value), low=count(low), high=count(high))


def _phantom_text(subject: Subject, phantom: Mapping[str, Any]) -> tuple[Text, ...]:
    currency = subject.currency
    told = say_of(
        subject.undated,
        "phantom.text",
        available=large_money(phantom["available"], currency),
        phantom=large_money(phantom["phantom"], currency),
        low=large_money(phantom["phantom_low"], currency),
        high=large_money(phantom["phantom_high"], currency),
        share=share(phantom["share"]),
        refused=count(phantom["refused"]),
        borrowers=count(phantom["borrowers"]),
        **(
            {}
            if subject.undated
            else {
                "day": str(phantom["on"]),
                "asked": share(phantom["asked_share"], digits=0),
                "term": str(phantom["term"]),
            }
        ),
    )
    if subject.undated or phantom["read"] >= subject.summary["borrowers"]:
        return (told,)
    return told, say("phantom.sampled", read=count(phantom["read"]))


def _phantom_table(subject: Subject) -> Table | None:
    found = subject.explanation.phantom
    if found is None:
        return None
    large = float(found["available"].max()) >= _LARGE
    write, unit = (_millions, "") if large else (count, "_exact")
    records = [
        {
            "group": _group(subject, str(row["by"]), str(row["name"])),
            "borrowers": count(row["borrowers"]),
            "available": write(row["available"]),
            "refused": _with_range(row, "refused"),
            "phantom": say(
                "remedy.with_range",
                count=write(row["phantom"]),
                low=write(row["phantom_low"]),
                high=write(row["phantom_high"]),
            ),
            "share": share(row["share"]),
        }
        for row in found.to_dict("records")
    ]
    columns = [
        Column("group", say("phantom.group"), numeric=False),
        Column("borrowers", say_of(subject.undated, "phantom.borrowers")),
        Column("available", say(f"phantom.available{unit}", currency=subject.currency)),
        Column("refused", say("phantom.refused")),
        Column("phantom", say(f"phantom.phantom{unit}", currency=subject.currency)),
        Column("share", say("phantom.share")),
    ]
    return table(say("phantom.caption"), columns, records, main=1)


def _group(subject: Subject, by: str, name: str) -> Text:
    if by == "rule":
        return say("phantom.rule", rule=named("refused_by", name))
    if by == "limit" and name in THIRDS:
        return say(f"phantom.limit_{name}")
    return say("phantom.all") if by == "all" else say_of(subject.undated, f"phantom.{by}_{name}")


def _millions(value: float) -> Text:
    """An amount in the unit of a table's head: millions, in Chinese 万."""
    return Text(f"{value / 1e6:,.1f}", f"{value / 1e4:,.0f}") if known(value) else same("–")
