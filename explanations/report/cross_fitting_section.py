"""The whole of a small book in the report: each client by models that have not seen him."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial

from explanations.intervals.proportions import wilson
from explanations.report.contrast_table import Push
from explanations.report.cross_fitting_chart import Beside, cross_fitting_chart
from explanations.report.exhibits import Column, Table, table
from explanations.report.quantities import NOTHING, count, fixed, known, share, with_interval
from explanations.report.section import Section, Subject
from explanations.report.words import Text, say

_FEATURES = 10

Told = Mapping[str, float | None]
"""value, low and high of a figure, as far as they are known."""


def cross_fitting_section(subject: Subject) -> Section | None:
    """What the whole book says, or that too little could be fitted; None of books that are not cross-fitted."""
    summary = subject.summary.get("cross_fitting")
    if summary is None:
        return None
    failed = int(summary["repeats"]) - int(summary["complete"])
    tries = {"failed": count(failed), "repeats": count(summary["repeats"])}
    if "figures" not in summary:
        return Section(
            {"cross_lead": say("cross_fitting.lacking", **tries), "cross_text": (), "cross_table": None}
        )
    figures = summary["figures"]
    how = say(
        "cross_fitting.how",
        held=count(subject.summary["counts"]["requests"]),
        folds=count(summary["folds"]),
        repeats=count(summary["complete"]),
    )
    steady = say(
        "cross_fitting.steady",
        repeats=count(summary["complete"]),
        **{name: count(number) for name, number in summary["in_conflict"].items()},
    )
    left_out = (say("cross_fitting.left_out", **tries),) if failed else ()
    rows = _beside(subject)
    return Section(
        {
            "cross_lead": _lead(figures, int(summary["clients"])),
            "cross_text": (how, steady, *left_out),
            "cross_table": _table(subject, figures),
        },
        {"cross-contrast": cross_fitting_chart(rows)} if rows else {},
    )


def _lead(figures: Mapping[str, Told], clients: int) -> Text:
    """How many are in conflict, and how they fared."""
    conflicts = figures["conflicts"]
    if not conflicts["value"]:
        return say("cross_fitting.no_conflicts", clients=count(clients))
    return say(
        "cross_fitting.lead",
        clients=count(clients),
        conflicts=_written(conflicts, count),
        share=share(figures["conflict.share"]["value"], digits=0),
        bad=_written(figures["conflict.bad_rate"], _whole_percent),
        usual=_written(figures["reference.bad_rate"], _whole_percent),
    )


def _table(subject: Subject, figures: Mapping[str, Told]) -> Table:
    """Each figure of the whole book beside that of the clients held out."""
    held_out = _held_out(subject)
    write: dict[str, Callable[[float], str]] = {
        "conflicts": count,
        **dict.fromkeys(("conflict.share", "conflict.bad_rate", "reference.bad_rate"), _percent),
        "release.auc": partial(fixed, digits=3),
        "release.brier": partial(fixed, digits=3),
        "release.log_loss": partial(fixed, digits=3),
        "release.calibration_ratio": partial(fixed, digits=2),
        "limit.r2": partial(fixed, digits=3),
    }
    nothing: Told = {"value": None}
    records = [
        {
            "figure": say("cross_figure.clients"),
            "whole": count(subject.summary["cross_fitting"]["clients"]),
            "held_out": count(subject.summary["counts"]["requests"]),
        }
    ]
    records += [
        {
            "figure": say(f"cross_figure.{name}"),
            "whole": _written(figures[name], how),
            "held_out": _written(held_out.get(name, nothing), how),
        }
        for name, how in write.items()
    ]
    currency = say("cross_figure.limit.mae", currency=subject.currency)
    records.append(
        {
            "figure": currency,
            "whole": _written(figures["limit.mae"], count),
            "held_out": _written(held_out.get("limit.mae", nothing), count),
        }
    )
    columns = [
        Column("figure", say("cross_fitting.figure"), numeric=False),
        Column("whole", say("cross_fitting.whole")),
        Column("held_out", say("cross_fitting.held_out")),
    ]
    return table(say("cross_fitting.caption"), columns, records)


def _held_out(subject: Subject) -> dict[str, Told]:
    """The same figures of the clients held out, as far as they were taken."""
    tidy = subject.explanation.performance
    rows = tidy[tidy["split"] == "out_of_time"]
    found: dict[str, Told] = {
        f"{row['model']}.{row['metric']}": {part: row.get(part) for part in ("value", "low", "high")}
        for row in rows.to_dict("records")
    }
    rate, mean = (found.get(f"release.{name}", {}).get("value") for name in ("bad_rate", "mean_pd"))
    if rate is not None and mean:
        found["release.calibration_ratio"] = {"value": rate / mean}
    counts, rates = subject.summary["counts"], subject.summary["bad_rates"]
    found["conflicts"] = {"value": float(counts["conflicts"])}
    found["conflict.share"] = _share_of(counts["conflicts"], counts["favoured"], subject.level)
    for name in ("conflict", "reference"):
        found[f"{name}.bad_rate"] = _share_of(rates[name]["bad"], rates[name]["known"], subject.level)
    return found


def _share_of(part: int, whole: int, level: float) -> Told:
    low, high = wilson(part, whole, level)
    return {"value": part / whole if whole else None, "low": low, "high": high}


def _beside(subject: Subject) -> list[Beside]:
    """The features that push most in the whole book, each with its push over the clients held out."""
    found = subject.explanation.cross_fitting
    if found is None:
        return []
    contrast = found.cross_fitting_contrast
    rows = contrast[(contrast["by"] == "feature") & contrast["mean"].notna()].head(_FEATURES)
    held = {row.name: row.release for row in subject.rows}
    catalogue = subject.explanation.catalogue
    return [
        Beside(
            Text(catalogue[row["name"]].label_en, catalogue[row["name"]].label_zh),
            Push(row["mean"], row["low"], row["high"]),
            held.get(row["name"]),
        )
        for row in rows.to_dict("records")
    ]


def _written(told: Told, write: Callable[[float], str]) -> str:
    value = told.get("value")
    if value is None or not known(value):
        return NOTHING
    return with_interval(write(value), told.get("low"), told.get("high"), write)


def _percent(value: float) -> str:
    return share(value)


def _whole_percent(value: float) -> str:
    return share(value, digits=0)
