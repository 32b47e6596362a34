"""The page of `releasegap monitor`: which thresholds are passed, every figure, and how it is measured."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import altair as alt

from explanations.report.exhibits import (
    DASHED,
    Chart,
    Column,
    Picture,
    Table,
    in_both,
    in_lines,
    row_labels,
    table,
    tooltips,
)
from explanations.report.page import write_page
from explanations.report.palette import AGAINST, PLAIN, ZERO
from explanations.report.quantities import NOTHING, count, fixed, known, share
from explanations.report.section import Section
from explanations.report.words import Language, Text, counted, joined, named, same, say, say_of
from features.catalogue import Catalogue

REPORT = "report.html"
FEATURES = 12
"""Features that are shown: those that have moved most."""

_NAMED = 3
"""Features that a sentence names."""

_COLOURS = {"passed": AGAINST, "within": PLAIN, "too_few": ZERO}
_ROWS, _LIMIT = "drift", "drift-limit"


def write_monitor(
    found: Mapping[str, Any], catalogue: Catalogue, folder: Path, cache_folder: Path | None = None
) -> None:
    """Writes the page into a folder, beside it as Markdown in both languages, and its tables as CSV.

    Args:
        found: What `monitor.json` holds.
        catalogue: The features of both models.
        folder: Where the page goes.
        cache_folder: Where the page's scripts are kept for later pages.
    """
    undated = found["period"] is None
    sections = monitor_sections(found, catalogue)
    write_page(sections, say("monitor.title"), folder / REPORT, cache_folder, undated)


def monitor_sections(found: Mapping[str, Any], catalogue: Catalogue) -> dict[str, Section]:
    """The sections of the page, by name in their order."""
    return {
        "monitor_answer": _answer(found, catalogue),
        "monitor_features": _features(found, catalogue),
        "monitor_method": _method(found),
    }


def passed_sentences(found: Mapping[str, Any], catalogue: Catalogue) -> list[Text]:
    """What has passed its threshold, in a sentence each; features in one together."""
    passed = [row for row in found["checks"] if row["state"] == "passed"]
    features = [row for row in _by_measure(found) if row["state"] == "passed"]
    told = [
        say(
            f"monitor.passed.{row['check']}",
            subject=_subject(row, catalogue),
            before=_figure(row, row["before"]),
            now=_figure(row, row["now"]),
            threshold=_threshold(row),
        )
        for row in passed
        if row["check"] != "csi"
    ]
    if features:
        most = joined([_subject(row, catalogue) for row in features[:_NAMED]], en="; ")
        number = str(len(features))
        told.append(
            counted(
                "monitor.passed.csi",
                number,
                count=number,
                most=most,
                now=_figure(features[0], features[0]["now"]),
            )
        )
    return told


def _by_measure(found: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """The checks of features, those that have moved most first."""
    rows = [row for row in found["checks"] if row["check"] == "csi" and row["measure"] is not None]
    return sorted(rows, key=lambda row: (-row["measure"], row["model"], row["subject"]))


def _answer(found: Mapping[str, Any], catalogue: Catalogue) -> Section:
    undated = found["period"] is None
    sentences = passed_sentences(found, catalogue)
    number = str(sum(row["state"] == "passed" for row in found["checks"]))
    verdict = counted("monitor.alarms", number, count=number) if sentences else say("monitor.no_alarm")
    few = [row for row in found["checks"] if row["state"] == "too_few"]
    said = {
        "verdict": verdict,
        "period": _period(found, undated),
        "alarms": sentences,
        "too_few": counted("monitor.some_too_few", str(len(few)), count=str(len(few))) if few else None,
        "checks": _checks(found, catalogue),
        "checks_note": say("monitor.checks_note"),
    }
    return Section(said)


def _period(found: Mapping[str, Any], undated: bool) -> Text:
    numbers = {"requests": count(found["requests"]), "then_requests": count(found["against"]["requests"])}
    if undated:
        return say_of(undated, "monitor.period", **numbers)
    dates = {
        f"{name}{end}": str(side[end])
        for name, side in (("now_", found["period"]), ("then_", found["against"]["period"]))
        for end in ("from", "to")
    }
    return say("monitor.period", **numbers, **dates)


def _checks(found: Mapping[str, Any], catalogue: Catalogue) -> Table:
    """All checks but those of single features; alarms first."""
    rows = [row for row in found["checks"] if row["check"] != "csi"]
    rows.sort(key=lambda row: row["state"] != "passed")
    columns = [
        Column("name", say("monitor.check"), numeric=False),
        Column("before", say("monitor.then")),
        Column("now", say("monitor.now")),
        Column("threshold", say("monitor.threshold")),
        Column("rows", say("monitor.rows")),
        Column("verdict", say("monitor.verdict"), numeric=False),
    ]
    records = [
        {
            "name": _name(row, catalogue),
            "before": _figure(row, row["before"]),
            "now": _figure(row, row["now"]),
            "threshold": _threshold(row),
            "rows": count(row["rows"]),
            "verdict": say(f"monitor.state.{row['state']}"),
        }
        for row in rows
    ]
    passed = sum(row["state"] == "passed" for row in rows)
    return table(say("monitor.caption"), columns, records, main=passed)


def _features(found: Mapping[str, Any], catalogue: Catalogue) -> Section:
    """The features that have moved most, as bars with the threshold."""
    rows = _by_measure(found)
    told = say("monitor.features_text", shown=str(min(len(rows), FEATURES)), all=str(len(rows)))
    if not rows:
        return Section({"features_text": told})
    return Section({"features_text": told}, charts={"drift": _chart(rows[:FEATURES], found, catalogue)})


def _chart(rows: Sequence[Mapping[str, Any]], found: Mapping[str, Any], catalogue: Catalogue) -> Chart:
    records = [
        {
            "row": place,
            "name": _name(row, catalogue),
            "label": in_lines(_name(row, catalogue)),
            "index": round(float(row["measure"]), 4),
            "colour": _COLOURS[row["state"]],
            "told": fixed(row["measure"], 3),
            "chance": fixed(row["chance"], 3) if known(row["chance"]) else NOTHING,
            "rows": count(row["rows"]),
            "verdict": say(f"monitor.state.{row['state']}"),
        }
        for place, row in enumerate(rows)
    ]
    columns = [
        Column("name", say("monitor.feature"), numeric=False),
        Column("told", say("monitor.index")),
        Column("chance", say("monitor.chance")),
        Column("rows", say("monitor.rows")),
        Column("verdict", say("monitor.verdict"), numeric=False),
    ]
    threshold = float(found["thresholds"]["csi"])
    description = say("monitor.features_description")
    return Chart(
        name="drift",
        title=say("monitor.features_title"),
        description=description,
        note=say("monitor.features_note", threshold=fixed(threshold, 2)),
        specs=in_both(
            lambda language: _bars(len(records), columns, language),
            description,
            {_ROWS: records, _LIMIT: [{"index": threshold}]},
        ),
        table=table(say("monitor.features_title"), columns, records),
    )


def _bars(rows: int, columns: Sequence[Column], language: Language) -> Picture:
    across = alt.X("index:Q", title=say("monitor.index")[language], axis=alt.Axis(tickCount=5))
    bars = (
        alt.Chart(alt.NamedData(_ROWS))
        .mark_bar(height=14)
        .encode(
            x=across,
            y=alt.Y("row:O", title=None, axis=row_labels(_ROWS)),
            color=alt.Color("colour:N", scale=None, legend=None),
            tooltip=tooltips(columns, language),
        )
    )
    limit = alt.Chart(alt.NamedData(_LIMIT)).mark_rule(**DASHED).encode(x=across)
    return alt.layer(bars, limit, width="container", height=30 * rows)


def _method(found: Mapping[str, Any]) -> Section:
    undated = found["period"] is None
    outcomes = found["outcomes_of"]
    told = [say_of(undated, "monitor.method.stability"), say("monitor.method.chance")]
    if outcomes is None:
        told.append(say("monitor.method.outcomes_held_out", count=count(found["known"])))
    else:
        dates = {name: str(outcomes[name]) for name in ("from", "to")}
        told.append(say("monitor.method.outcomes", count=count(found["known"]), **dates))
        told.append(say("monitor.method.delays"))
    digests = {
        "book": str(found["book_digest"])[:12],
        "then": str(found["against"]["book_digest"])[:12],
        **{name: str(digest)[:12] for name, digest in found["models"].items()},
    }
    return Section({"method": told, "sources": say("monitor.sources", **digests)})


def _name(row: Mapping[str, Any], catalogue: Catalogue) -> Text:
    """What a check is called, with what it is of."""
    return say(f"monitor.name.{row['check']}", subject=_subject(row, catalogue))


def _subject(row: Mapping[str, Any], catalogue: Catalogue) -> Text:
    subject = str(row["subject"])
    if row["check"] == "csi":
        feature = catalogue[subject]
        label = Text(feature.label_en, feature.label_zh)
        return say(f"monitor.feature_of.{row['model']}", label=label)
    if row["check"] == "psi":
        return say(f"monitor.score.{subject}")
    return named("stream", subject) if subject else same("")


def _figure(row: Mapping[str, Any], value: float | None) -> Text:
    if value is None or not known(value):
        return same(NOTHING)
    if row["check"] == "conflicts":
        return same(share(value))
    if row["check"] in ("delay", "silence"):
        return say("monitor.days", days=fixed(value, 1))
    return same(fixed(value, 3 if row["check"] == "auc" else 2))


def _threshold(row: Mapping[str, Any]) -> Text:
    """From where on a figure is an alarm: beyond the threshold, and beyond what chance gives."""
    value = max(row["threshold"], row["chance"] if known(row["chance"]) else row["threshold"])
    told: dict[str, Text | str] = {
        "auc": fixed(value, 3),
        "conflicts": share(value),
        "delay": say("monitor.days", days=fixed(value, 1)),
        "silence": say("monitor.days", days=fixed(value, 1)),
    }
    shown = told.get(row["check"], fixed(value, 2))
    return say(f"monitor.from.{row['check']}", value=shown if isinstance(shown, Text) else same(shown))
