"""What a single case tells beside its figures: reasons, recourse, and what was visible when."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import pandas as pd

from explanations.explanation import Explanation
from explanations.report.phrases import Phrases
from explanations.report.quantities import push
from explanations.report.recourse_sentences import apart, trial_text
from explanations.report.words import Text, joined, named, stream_named

Story = list[list[Any]]
Row = Mapping[Any, Any]


def reasons_of(explanation: Explanation, shown: pd.DataFrame, phrases: Phrases) -> Story | None:
    """By case its reasons as side, code, push and sentence, by side and rank; None where none were made."""
    if explanation.reasons is None:
        return None
    reasons = explanation.reasons[explanation.reasons["request_id"].isin(shown["request_id"])]
    ordered = reasons.sort_values(["side", "rank"], kind="stable")

    def told(row: Row) -> list[Any]:
        pushed: str | None = None if pd.isna(row["push"]) else push(float(row["push"]))
        return [row["side"], row["code"], pushed, phrases.place(Text(row["en"], row["zh"]))]

    return _by_case(ordered, shown, told)


def recourse_of(explanation: Explanation, shown: pd.DataFrame, phrases: Phrases) -> Story | None:
    """By case the steps to a release; None where none was looked for.

    A step is its option, its sentence, its days, PD and cut-off after it, whether the option was proved the smallest
    change, and whether it is something that helps.
    """
    if explanation.recourse is None:
        return None
    ordered = explanation.recourse.sort_values(["option", "step"], kind="stable")

    def told(row: Row) -> list[Any]:
        return [
            int(row["option"]),
            phrases.place(Text(row["en"], row["zh"])),
            # A wait says its days itself.
            None if pd.isna(row["days"]) or row["kind"] == "wait" else int(row["days"]),
            *apart(_number(row["pd_after"]), _number(row["cutoff"])),
            bool(row["exhaustive"]),
            row["kind"] != "none",
        ]

    return _by_case(ordered, shown, told)


def trials_of(explanation: Explanation, shown: pd.DataFrame, phrases: Phrases) -> Story | None:
    """By case its nearest trials that failed, as sentences; None where none were kept."""
    if explanation.recourse_trials is None:
        return None
    currency = str(explanation.summary["currency"])
    trials = explanation.recourse_trials
    told: dict[object, list[Any]] = {request: [] for request in shown["request_id"].tolist()}
    here = trials[trials["request_id"].isin(shown["request_id"])]
    for (request, _), steps in here.groupby(["request_id", "trial"], sort=True):
        told[request].append(phrases.put(trial_text(steps, currency)))
    return list(told.values())


def timeline_of(explanation: Explanation, shown: pd.DataFrame, phrases: Phrases) -> Story | None:
    """By case the rows of its time line as kind, what, count, since, on and days; None where none was read."""
    if explanation.timelines is None:
        return None

    def told(row: Row) -> list[Any]:
        what = (
            phrases.place(_named(explanation.summary, str(row["stream"]), str(row["what"])))
            if row["stream"]
            else None
        )
        since, on = (str(row[name])[:10] for name in ("since", "on"))
        return [row["kind"], what, int(row["count"]), since, on, int(row["days"])]

    return _by_case(explanation.timelines, shown, told)


def _by_case(table: pd.DataFrame, shown: pd.DataFrame, told: Callable[[Row], list[Any]]) -> list[list[Any]]:
    """What is told of the rows of each case, in the order of the cases."""
    place = {request: place for place, request in enumerate(shown["request_id"].tolist())}
    found: list[list[Any]] = [[] for _ in place]
    for row in table[table["request_id"].isin(shown["request_id"])].to_dict("records"):
        found[place[row["request_id"]]].append(told(row))
    return found


def _named(summary: Mapping[str, Any], stream: str, what: str) -> Text:
    """A stream, and the kind of its events where it has several."""
    name = stream_named(summary, stream)
    return joined([name, named("event", what)], en=", ", zh="：") if what else name


def _number(value: Any) -> float | None:
    return None if pd.isna(value) else float(value)
