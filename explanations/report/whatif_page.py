"""The page of a what-if: what was changed, before and after, what else is possible, how it is measured."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from explanations.report.exhibits import Chart, Column, Table, table
from explanations.report.headline import KeyFigure, is_undated, which_book
from explanations.report.page import write_page
from explanations.report.quantities import count, fixed, known, large_money, money, number, share
from explanations.report.section import Section
from explanations.report.whatif_charts import causes_chart, conflicts_chart, money_chart, weight_names
from explanations.report.words import Text, has, joined, named, same, say, say_of
from explanations.whatif.figures import AFTER, BEFORE
from explanations.whatif.result import WhatIf
from explanations.whatif.worlds import NOTHING_LEFT

REPORT = "report.html"
_PROOF = "whatif_figures"


def write_whatif(found: WhatIf, folder: Path, cache_folder: Path | None = None) -> None:
    """Writes the page into a folder, beside it as Markdown in both languages, and its tables as CSV."""
    undated = is_undated(found.summary)
    write_page(whatif_sections(found), say("whatif.title"), folder / REPORT, cache_folder, undated)


def whatif_sections(found: WhatIf) -> dict[str, Section]:
    """The sections of the page, by name in their order."""
    return {
        "whatif_answer": _answer(found.summary),
        "whatif_figures": _figures(found.summary),
        "whatif_frontier": _frontier(found),
        "whatif_method": _method(found.summary),
    }


def _answer(summary: Mapping[str, Any]) -> Section:
    undated = is_undated(dict(summary))
    rows, currency = summary["figures"], str(summary["currency"])
    before, after = rows[BEFORE], rows[AFTER]
    sentences: list[Text] = []
    if summary["changes"]:
        released = {f"released_{name}": count(rows[name]["released"]) for name in (BEFORE, AFTER)}
        sentences.append(say_of(undated, "whatif.lead", requests=count(before["requests"]), **released))
        parts = {
            f"{said}{end}": _signed_money(summary["difference"][figure][part], currency)
            for said, figure in (("profit", "profit"), ("loss", "expected_loss"))
            for end, part in (("", "change"), ("_low", "low"), ("_high", "high"))
        }
        told = [say("whatif.money", **parts)]
        if after["conflicts"] != before["conflicts"]:
            numbers = {name: count(rows[name]["conflicts"]) for name in (BEFORE, AFTER)}
            told.append(say_of(undated, "whatif.conflicts", **numbers))
        sentences.append(joined(told, en=" ", zh=""))
    else:
        sentences.append(say("whatif.nothing"))
    figures = [
        KeyFigure(
            say(f"whatif_figure.{name}"),
            told[AFTER],
            say("whatif.was", before=told[BEFORE]) if summary["changes"] else same(""),
            _PROOF,
            tone,
        )
        for name, told, tone in _headline(rows, currency)
    ]
    said: dict[str, Any] = {
        "book": which_book(dict(summary)),
        "answer": sentences,
        "key_figures": figures,
        "changed": _changed(summary["changes"]) if summary["changes"] else None,
    }
    return Section(said)


def _headline(rows: Mapping[str, Mapping[str, Any]], currency: str) -> list[tuple[str, dict[str, Text], str]]:
    """The four figures of the first screen, before and after, and whether they speak for or against."""
    worlds = {name: rows[name] for name in (BEFORE, AFTER)}
    return [
        (
            "approval",
            {name: same(share(row["released"], row["requests"])) for name, row in worlds.items()},
            "",
        ),
        ("profit", {name: large_money(row["profit"], currency) for name, row in worlds.items()}, "favour"),
        (
            "expected_loss",
            {name: large_money(row["expected_loss"], currency) for name, row in worlds.items()},
            "against",
        ),
        ("conflicts", {name: same(count(row["conflicts"])) for name, row in worlds.items()}, "against"),
    ]


def _changed(changes: Sequence[Mapping[str, Any]]) -> Table:
    columns = [
        Column("name", say("whatif.parameter"), numeric=False),
        Column("before", say("whatif.before")),
        Column("after", say("whatif.after")),
    ]
    records = [
        {
            "name": _meaning(str(one["name"])),
            **{world: _value(str(one["name"]), one[world]) for world in (BEFORE, AFTER)},
        }
        for one in changes
    ]
    return table(say("whatif.changed"), columns, records)


def _meaning(name: str) -> Text:
    """What a parameter means, with its dotted name."""
    *groups, last = name.split(".")
    key = "limit_spending" if name.startswith("world.limit_reviews.") else last
    if not has(f"whatif_parameter.{key}"):
        return same(name)
    meaning = say(f"whatif_parameter.{key}", level=named("policy_level", groups[-1] if groups else ""))
    return say("whatif_parameter.named", meaning=meaning, name=name)


def _value(name: str, value: object) -> str:
    if not isinstance(value, int | float):
        return str(value)
    return share(value) if name.endswith(".cutoff") else number(float(value))


def _figures(summary: Mapping[str, Any]) -> Section:
    undated = is_undated(dict(summary))
    charts: dict[str, Chart] = {}
    if summary["causes"]:
        charts["whatif-causes"] = causes_chart(summary["causes"], _sampled(summary))
    said = {
        "both": _both(summary, undated),
        "both_note": say_of(undated, "whatif.figures_note"),
        "by_rule": _by_rule(summary["conflicts_by"]),
        "no_causes": None if summary["causes"] else say("whatif.no_causes"),
    }
    return Section(said, charts)


def _sampled(summary: Mapping[str, Any]) -> Text | None:
    """How many conflicts were split into causes, where not all were."""
    looked = summary["causes_looked_at"]
    if all(looked[name] == sum(summary["conflicts_by"][name].values()) for name in (BEFORE, AFTER)):
        return None
    return say("whatif.by_cause_sampled", **{name: count(looked[name]) for name in (BEFORE, AFTER)})


def _both(summary: Mapping[str, Any], undated: bool) -> Table:
    """Every figure before and after, and its change with an interval where there is one."""
    rows, currency = summary["figures"], str(summary["currency"])
    oracle = rows[BEFORE]["oracle_bad"] is not None
    shown: list[tuple[str, Any, str | None]] = [
        ("approval", lambda row: share(row["released"], row["requests"]), None),
        ("released", lambda row: count(row["released"]), "released"),
        ("drawn", lambda row: large_money(row["drawn"], currency), "drawn"),
        ("mean_pd", lambda row: share(row["mean_pd"], digits=2), None),
        ("bad_observed", _bad_observed, None),
        *([("bad_oracle", lambda row: share(row["oracle_bad"], row["released"], 2), None)] if oracle else []),
        ("expected_loss", lambda row: large_money(row["expected_loss"], currency), "expected_loss"),
        ("loss_rate", lambda row: share(row["expected_loss"], row["drawn"], 2), None),
        ("profit", lambda row: large_money(row["profit"], currency), "profit"),
        ("limit", lambda row: money(row["limit"], currency), None),
        ("favoured", lambda row: count(row["favoured"]), None),
        ("conflicts", lambda row: count(row["conflicts"]), "conflicts"),
        ("conflict_rate", lambda row: share(row["conflicts"], row["favoured"]), None),
    ]
    records = [
        {
            "figure": say_of(undated, f"whatif_figure.{name}"),
            **{world: told(rows[world]) for world in (BEFORE, AFTER)},
            "change": _change(summary["difference"][moved], moved, currency) if moved else "",
        }
        for name, told, moved in shown
    ]
    columns = [
        Column("figure", say("whatif.figure"), numeric=False),
        Column("before", say("whatif.before")),
        Column("after", say("whatif.after")),
        Column("change", say("whatif.change")),
    ]
    return table(say("whatif.figures"), columns, records)


def _bad_observed(row: Mapping[str, Any]) -> Text:
    return say(
        "whatif_figure.of_known",
        share=share(row["bad"], row["bad_known"], 2),
        known=count(row["bad_known"]),
    )


def _change(change: Mapping[str, float | None], name: str, currency: str) -> Text:
    """A change with its interval; money in the words of each language."""

    def told(value: float | None) -> Text:
        if name in ("released", "conflicts"):
            return same(_signed(value))
        return _signed_money(value, currency)

    if not any(change.values()):
        return same("0")
    return say("whatif.with_range", **{part: told(change[part]) for part in ("change", "low", "high")})


def _signed(value: float | None) -> str:
    if value is None or not known(value):
        return count(value)
    rounded = fixed(value, 0)
    return f"{'+' if value > 0 and rounded != '0' else ''}{'−' if value < -0.5 else ''}{abs(round(value)):,}"


def _signed_money(value: float | None, currency: str) -> Text:
    told = large_money(value, currency)
    return Text(f"+{told.en}", f"+{told.zh}") if value is not None and round(value) > 0 else told


def _by_rule(conflicts_by: Mapping[str, Mapping[str, int]]) -> Table:
    rules = dict.fromkeys([*conflicts_by[BEFORE], *conflicts_by[AFTER]])
    records = [
        {
            "rule": say("whatif.nothing_left") if rule == NOTHING_LEFT else named("refused_by", rule),
            **{world: count(conflicts_by[world].get(rule, 0)) for world in (BEFORE, AFTER)},
        }
        for rule in rules
    ]
    columns = [
        Column("rule", say("whatif.rule"), numeric=False),
        Column("before", say("whatif.before")),
        Column("after", say("whatif.after")),
    ]
    return table(say("whatif.by_rule"), columns, records)


def _frontier(found: WhatIf) -> Section:
    charts = {chart.name: chart for chart in (money_chart(found), conflicts_chart(found))}
    return Section({"weights": weight_names(found)}, charts)


def _method(summary: Mapping[str, Any]) -> Section:
    undated, line = is_undated(dict(summary)), summary["pd_12m"]
    matured = {name: count(line[name]) for name in ("known", "bad")}
    told = [
        say_of(undated, "whatif_method.decisions"),
        *([] if undated else [say("whatif_method.limits")]),
        say("whatif_method.loss"),
        say("whatif_method.line", **matured) if line["line"] else say_of(undated, "whatif_method.no_line"),
        say("whatif_method.profit"),
        *([] if undated else [say("whatif_method.past")]),
    ]
    digests = {"book": summary["book_digest"], **summary["models"]}
    said = {
        "method": told,
        "economics": _economics(summary["economics"]),
        "sources": say("whatif_method.sources", **{name: digest[:12] for name, digest in digests.items()}),
    }
    return Section(said)


def _economics(economics: Mapping[str, float]) -> Table:
    values = {
        "lgd": share(economics["lgd"], digits=0),
        **{name: f"{economics[name]:g}%" for name in ("funding_cost", "servicing_cost", "apr")},
        "term": str(economics["term"]),
    }
    records = [{"name": say(f"whatif_method.{name}"), "value": value} for name, value in values.items()]
    columns = [
        Column("name", say("whatif.parameter"), numeric=False),
        Column("value", say("whatif_method.value")),
    ]
    return table(say("whatif_method.economics"), columns, records)
