"""The page on two models: what the comparison comes to, measures, swap sets, conflicts, stability."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from explanations.comparison.result import BENCHMARK, CHALLENGER, CHAMPION, Comparison
from explanations.intervals.proportions import wilson
from explanations.report.comparison_charts import COLOURS, reliability_of_both, trade_off_of_both
from explanations.report.exhibits import Chart, Column, Table, table
from explanations.report.headline import KeyFigure, which_book
from explanations.report.page import write_page
from explanations.report.quantities import NOTHING, count, fixed, known, large_money, money, push, share
from explanations.report.section import Section
from explanations.report.words import Text, has, named, same, say, say_of
from features.catalogue import Catalogue

_MAIN = {"release": "auc", "limit": "mae_log"}
"""The measure that the answer speaks of, by the kind of the models."""
_SMALL = ("brier", "log_loss", "mae_log", "rmse")
"""Measures of which four decimals are told."""
_PARTS = (CHAMPION, CHALLENGER)
_ORACLE = "all (oracle)"


def write_comparison_page(
    comparison: Comparison, catalogue: Catalogue, path: Path, cache_folder: Path | None = None
) -> None:
    """Writes the page to `path`, and beside it as Markdown and its tables as CSV."""
    title = say(f"compare.title_{comparison.summary['kind']}")
    sections = comparison_sections(comparison, catalogue)
    write_page(sections, title, path, cache_folder, comparison.undated)


def comparison_sections(comparison: Comparison, catalogue: Catalogue) -> dict[str, Section]:
    """The sections of the page, by name in their order; swap sets are told of release models alone."""
    sections = {"comparison": _in_short(comparison), "measures": _measures(comparison)}
    if "swap_sets" in comparison.tables:
        sections["swaps"] = _swaps(comparison)
    return sections | {"shifts": _shifts(comparison, catalogue), "steadiness": _steadiness(comparison)}


def verdict(comparison: Comparison) -> str:
    """Whether the challenger is `better`, `worse` or `alike` by its main measure; `unknown` where nobody can tell."""
    row = main_row(comparison)
    if row is None:
        return "unknown"
    better = row["difference"] > 0 if comparison.summary["kind"] == "release" else row["difference"] < 0
    apart = row["difference_low"] > 0 or row["difference_high"] < 0
    return ("better" if better else "worse") if apart else "alike"


def main_row(comparison: Comparison) -> Mapping[str, Any] | None:
    """The challenger's row of the main measure, on the widest population; None where it could not be told."""
    table = comparison.tables["metrics"]
    rows = table[(table["metric"] == _MAIN[comparison.summary["kind"]]) & (table["model"] == CHALLENGER)]
    rows = rows[rows["difference"].notna()]
    return {str(key): value for key, value in rows.iloc[-1].items()} if len(rows) else None


def answer(comparison: Comparison) -> tuple[Text, ...]:
    """What the comparison comes to, sentence by sentence."""
    summary, kind = comparison.summary, comparison.summary["kind"]
    sentences = [_verdict_text(comparison)]
    if (swap := _at_equal_approval(comparison)) is not None:
        if swap["in"]["requests"] or swap["out"]["requests"]:
            sentences.append(
                say_of(
                    comparison.undated,
                    "compare.swapped",
                    **{"in": count(swap["in"]["requests"]), "out": count(swap["out"]["requests"])},
                    bad_in=_bad_rate(swap["in"]),
                    bad_out=_bad_rate(swap["out"]),
                )
            )
        else:
            sentences.append(say("compare.unswapped"))
    counts = summary["counts"]["conflicts"]
    values: dict[str, Text | str] = {
        "champion": count(counts["champion"]),
        "challenger": count(counts["challenger"]),
        "gone": count(counts["champion"] - counts["both"]),
        "new": count(counts["challenger"] - counts["both"]),
        "both": count(counts["both"]),
    }
    if kind == "release":
        told = summary["same_reason"]
        values["same"] = share(told["same"], told["of"])
    else:
        values |= {f"favoured_{part}": count(summary["counts"]["favoured"][part]) for part in _PARTS}
    return (*sentences, say_of(comparison.undated, f"compare.conflicts_{kind}", **values))


def _in_short(comparison: Comparison) -> Section:
    summary = comparison.summary
    parts = [
        say("compare.named", part=say(f"compare.{one}"), named=summary["models"][one]["named"])
        for one in _PARTS
    ]
    book = which_book(summary)
    said = {
        "title": say(f"compare.title_{summary['kind']}"),
        "book": Text(
            *(" · ".join((book[tongue], *(one[tongue] for one in parts))) for tongue in ("en", "zh"))
        ),
        "answer": answer(comparison),
        "key_figures": _key_figures(comparison),
    }
    return Section(said)


def _verdict_text(comparison: Comparison) -> Text:
    row, kind = main_row(comparison), comparison.summary["kind"]
    if row is None:
        return say("compare.unknown_release")
    digits = 4 if kind == "limit" else 3
    values = {
        "challenger": fixed(row["value"], digits),
        "champion": fixed(row["value"] - row["difference"], digits),
        "difference": push(row["difference"], digits),
        "low": push(row["difference_low"], digits),
        "high": push(row["difference_high"], digits),
    }
    return say_of(comparison.undated, f"compare.{verdict(comparison)}_{kind}", **values)


def _key_figures(comparison: Comparison) -> tuple[KeyFigure, ...]:
    summary, row = comparison.summary, main_row(comparison)
    counts, currency = summary["counts"], summary["currency"]
    figures = []
    tones = {"better": "favour", "worse": "against"}
    if row is not None:
        digits, name = (4, "error") if summary["kind"] == "limit" else (3, "auc")
        figures.append(
            KeyFigure(
                say(f"compare.key_{name}"),
                same(fixed(row["value"], digits)),
                say("compare.key_champion", value=fixed(row["value"] - row["difference"], digits)),
                "measures",
                tones.get(verdict(comparison), ""),
            )
        )
    if (swap := _at_equal_approval(comparison)) is not None:
        totals = {
            part: {name: swap["both"][name] + swap[mine][name] for name in ("expected_loss", "profit")}
            for part, mine in ((CHAMPION, "out"), (CHALLENGER, "in"))
        }
        figures += [
            KeyFigure(
                say("compare.key_swapped"),
                same(count(swap["in"]["requests"])),
                say("compare.key_each_way"),
                "swaps",
            ),
            KeyFigure(
                say("compare.key_bad"),
                same(_bad_rate(swap["in"])),
                say("compare.key_bad_out", value=_bad_rate(swap["out"])),
                "swaps",
            ),
            *(
                KeyFigure(
                    say(f"compare.key_{short}"),
                    same(_signed(totals[CHALLENGER][name] - totals[CHAMPION][name], currency)),
                    say("compare.key_champion", value=large_money(totals[CHAMPION][name], currency)),
                    "swaps",
                )
                for short, name in (("loss", "expected_loss"), ("profit", "profit"))
            ),
        ]
    else:
        figures.append(_counted_figure("favoured", counts["favoured"]))
    return (*figures, _counted_figure("conflicts", counts["conflicts"]))


def _signed(amount: float, currency: str) -> str:
    """An amount with its sign."""
    text = money(amount, currency)
    return f"+{text}" if round(amount) > 0 else text


def _counted_figure(name: str, counts: Mapping[str, int]) -> KeyFigure:
    note = say("compare.key_champion", value=count(counts[CHAMPION]))
    return KeyFigure(say(f"compare.key_{name}"), same(count(counts[CHALLENGER])), note, "shifts")


def _at_equal_approval(comparison: Comparison) -> dict[str, dict[str, Any]] | None:
    """The four sets at equal approval, by name."""
    swaps = comparison.tables.get("swap_sets")
    if swaps is None:
        return None
    rows = swaps[swaps["cut"] == "equal_approval"]
    return {str(row["set"]): row for row in rows.to_dict("records")} if len(rows) else None  # type: ignore[misc]


def _measures(comparison: Comparison) -> Section:
    summary, undated = comparison.summary, comparison.undated
    metrics = comparison.tables["metrics"]
    charts: dict[str, Chart] = {}
    tables, tests = [], []
    for population, rows in metrics.groupby("population", sort=False):
        name = {"released": "of_released", _ORACLE: "of_oracle", "reviews": "of_reviews"}[str(population)]
        caption = say_of(undated, f"compare.{name}")
        tables.append(_metrics_table(caption, rows))
        auc = rows[(rows["model"] == CHALLENGER) & rows["p_value"].notna()]
        tests += [say("compare.delong", p=_probability(float(p)), population=caption) for p in auc["p_value"]]
    if summary["kind"] == "release":
        calibration = comparison.tables["calibration"]
        widest = calibration[calibration["population"] == calibration["population"].iloc[-1]]
        charts["reliability"] = reliability_of_both(widest, undated)
        charts["trade_off"] = trade_off_of_both(comparison.tables["trade_off"])
    if BENCHMARK in set(metrics["model"]):
        tests.append(say("compare.beside"))
    said = {
        "measures_text": say_of(undated, f"compare.measures_{summary['kind']}"),
        "measured": tables,
        "tests": tests,
        "parts": [(say(f"compare.{part}"), COLOURS[part]) for part in _PARTS],
    }
    return Section(said, charts)


def _metrics_table(caption: Text, rows: pd.DataFrame) -> Table:
    told: dict[tuple[str, str], Any] = {
        (str(row.model), str(row.metric)): row for row in rows.itertuples(index=False)
    }
    parts = [part for part in (*_PARTS, BENCHMARK) if part in set(rows["model"])]
    records = []
    for metric in dict.fromkeys(rows["metric"]):
        digits = 4 if metric in _SMALL else 3
        mine = told[CHALLENGER, metric]
        records.append(
            {"measure": _metric_name(str(metric))}
            | {part: _value(told[part, metric], digits) for part in parts}
            | {
                "difference": _with_interval(
                    push(mine.difference, digits),
                    push(mine.difference_low, digits),
                    push(mine.difference_high, digits),
                )
            }
        )
    columns = [Column("measure", say("compare.measure"), numeric=False)]
    columns += [Column(part, say(f"compare.{part}")) for part in _PARTS]
    columns.append(Column("difference", say("compare.difference")))
    columns += [Column(part, say(f"compare.{part}")) for part in parts if part == BENCHMARK]
    return table(caption, columns, records, main=1)


def _metric_name(name: str) -> Text:
    key = f"compare.{name}"
    return say(key) if has(key) else named("metric", name)


def _value(row: Any, digits: int) -> Text:
    if not known(row.value):
        return same(NOTHING)
    return _with_interval(fixed(row.value, digits), fixed(row.low, digits), fixed(row.high, digits))


def _with_interval(value: str, low: str, high: str) -> Text:
    return (
        same(value)
        if NOTHING in (low, high)
        else say("compare.with_interval", value=value, low=low, high=high)
    )


def _probability(p: float) -> str:
    return "< 0.001" if p < 0.001 else fixed(p, 3)


def _swaps(comparison: Comparison) -> Section:
    summary, undated = comparison.summary, comparison.undated
    swaps, matured = comparison.tables["swap_sets"], summary["outcomes_12m"]
    oracle = bool(swaps["bad_oracle"].notna().any())
    tables = [
        _swap_table(rows, summary["currency"], oracle, undated)
        for _, rows in swaps.groupby("cut", sort=False)
    ]
    said = {
        "swaps_text": say_of(undated, "compare.swaps_text"),
        "swap_sets": tables,
        "swaps_note": say(
            "compare.swaps_note",
            outcome=say("compare.by_oracle" if oracle else "compare.by_observed"),
            lgd=share(summary["parameters"]["economics"]["lgd"], digits=0),
            matured=say("compare.matured", known=count(matured["known"]))
            if matured["bad"]
            else say("compare.not_matured"),
        ),
    }
    return Section(said)


def _swap_table(rows: pd.DataFrame, currency: str, oracle: bool, undated: bool) -> Table:
    by_set = {str(row["set"]): row for row in rows.to_dict("records")}
    records = [
        {
            "set": say(f"compare.set.{name}"),
            "requests": count(by_set[name]["requests"]),
            "known": count(by_set[name]["known"]),
            "bad": _bad_rate_with_interval(by_set[name]),
            "limit": money(by_set[name]["mean_limit"], currency),
            "loss": money(by_set[name]["expected_loss"], currency),
            "profit": money(by_set[name]["profit"], currency),
        }
        for name in ("in", "out", "both", "neither")
    ]
    columns = [
        Column("set", say("compare.set_head"), numeric=False),
        Column("requests", say_of(undated, "compare.requests")),
        *([] if oracle else [Column("known", say("compare.of_known"))]),
        Column("bad", say("column.bad_rate")),
        Column("limit", say("compare.mean_limit")),
        Column("loss", say("compare.expected_loss")),
        Column("profit", say("compare.profit")),
    ]
    cut, factor = str(rows["cut"].iloc[0]), float(rows["factor"].iloc[0])
    return table(say_of(undated, f"compare.cut.{cut}", factor=fixed(factor, 2)), columns, records, main=2)


def _bad_rate(row: Mapping[Any, Any]) -> str:
    """Share of bad ones: of all, as the oracle knows, else of those whose outcome is known."""
    bad, of = _bad_of(row)
    return share(bad, of) if of else NOTHING


def _bad_rate_with_interval(row: Mapping[Any, Any]) -> Text:
    bad, of = _bad_of(row)
    if not of:
        return same(NOTHING)
    low, high = wilson(int(bad), int(of))
    return _with_interval(share(bad, of), share(low), share(high))


def _bad_of(row: Mapping[Any, Any]) -> tuple[float, float]:
    if math.isnan(row["bad_oracle"]):
        return float(row["bad"]), float(row["known"])
    return float(row["bad_oracle"]), float(row["requests"])


def _shifts(comparison: Comparison, catalogue: Catalogue) -> Section:
    undated, conflicts = comparison.undated, comparison.tables["conflicts"]
    limit = "_limit" if comparison.summary["kind"] == "limit" else ""
    records = []
    for change in ("gone", "new", "both"):
        rows = conflicts[conflicts["change"] == change]
        by_score = int(rows.loc[rows["refused_by"] == "score", "requests"].sum())
        totals = rows[["requests", "known", "bad", "bad_oracle"]].sum(min_count=1)
        requests = int(rows["requests"].sum())
        records.append(
            {
                "change": say(f"compare.change.{change}"),
                "requests": count(requests),
                "score": count(by_score),
                "rule": count(requests - by_score),
                "bad": _bad_rate_with_interval(totals.to_dict()) if requests else NOTHING,
            }
        )
    columns = [
        Column("change", say("compare.change_head"), numeric=False),
        Column("requests", say_of(undated, "compare.requests")),
        Column("score", say("compare.by_score")),
        Column("rule", say("compare.by_rule")),
        Column("bad", say("column.bad_rate")),
    ]
    said: dict[str, Any] = {
        "shifts_text": say_of(undated, f"compare.shifts_text{limit}"),
        "changes": table(say("compare.changes_caption"), columns, records),
        "reasons": None,
    }
    reasons = comparison.tables.get("reasons")
    if reasons is not None and len(reasons):
        said["reasons"] = _reasons_table(reasons, catalogue)
    return Section(said)


def _reasons_table(reasons: pd.DataFrame, catalogue: Catalogue) -> Table:
    records = [
        {"reason": _reason_name(str(row["reason"]), catalogue)}
        | {name: count(row[name]) for name in (*_PARTS, "same")}
        for row in reasons.to_dict("records")
    ]
    columns = [
        Column("reason", say("compare.reason"), numeric=False),
        *(Column(part, say(f"compare.{part}")) for part in _PARTS),
        Column("same", say("compare.same_reason")),
    ]
    return table(say("compare.reasons_caption"), columns, records)


def _reason_name(reason: str, catalogue: Catalogue) -> Text:
    if not reason:
        return say("compare.no_reason")
    key = f"reason_code.{reason}"
    if has(key):
        return say(key)
    feature = catalogue[reason]
    return Text(feature.label_en, feature.label_zh)


def _steadiness(comparison: Comparison) -> Section:
    summary, undated = comparison.summary, comparison.undated
    stability = comparison.tables["stability"]
    records = []
    for part, rows in stability.groupby("model", sort=False):
        whole, months = rows[rows["month"] == 0], rows[rows["month"] > 0]
        if not len(whole):
            continue
        records.append(
            {
                "model": say(f"compare.{part}"),
                "psi": fixed(float(whole["psi"].iloc[0]), 3),
                "highest": fixed(float(months["psi"].max()), 3) if len(months) else NOTHING,
                "chance": fixed(float(whole["chance"].iloc[0]), 3),
            }
        )
    columns = [
        Column("model", say("compare.model"), numeric=False),
        Column("psi", say_of(undated, "compare.psi")),
        *([] if undated else [Column("highest", say("compare.psi_highest"))]),
        Column("chance", say_of(undated, "compare.chance")),
    ]
    said = {
        "steadiness_text": say_of(undated, "compare.steadiness_text"),
        "stability": table(say("section.steadiness"), columns, records),
        "compared": _compared(summary),
    }
    return Section(said)


def _compared(summary: Mapping[str, Any]) -> Table:
    records = []
    for part in _PARTS:
        model = summary["models"][part]
        own = model["book_digest"] == summary["book_digest"]
        records.append(
            {
                "model": say(f"compare.{part}"),
                "called": model["named"],
                "digest": model["digest"][:12],
                "trained_on": say("compare.this_book")
                if own
                else say("compare.another_book", digest=model["book_digest"][:12]),
            }
        )
    columns = [
        Column(key, say(f"compare.{key}"), numeric=False)
        for key in ("model", "called", "digest", "trained_on")
    ]
    return table(say("compare.compared"), columns, records)
