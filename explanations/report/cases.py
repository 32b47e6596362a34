"""Individual conflicts for the report: a few, chosen by a stated rule, each explained in both models."""

from __future__ import annotations

import math
import textwrap
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from explanations.explanation import Explanation
from explanations.report.cause_charts import case_causes
from explanations.report.contrast_table import label_of
from explanations.report.exhibits import LINE, Column, Record, Table, table
from explanations.report.headline import is_undated
from explanations.report.quantities import NOTHING, limit_effect, money, push, share, with_unit
from explanations.report.waterfalls import SHOWN, Model, Step, waterfall_steps
from explanations.report.words import Text, named, same, say, say_of
from features.catalogue import Catalogue
from models.calibration import Calibration

CASES = 12


@dataclass(frozen=True)
class Case:
    """One conflict as the report shows it.

    Attributes:
        request_id: The request.
        facts: What the list of cases says of it, by column.
        verdict: What happened, in a sentence.
        features: Values and pushes of its main features in both models.
        steps: The waterfall's rows for each model.
        cutoff: The cut-off as a margin of the release model, log-odds; None where no margin has such a PD.
    """

    request_id: str
    facts: Record
    verdict: Text
    features: Table
    steps: dict[Model, list[dict[str, object]]]
    cutoff: float | None
    causes: Text | None


def chosen_cases(explanation: Explanation, number: int = CASES) -> tuple[Case, ...]:
    """Cases spread over what refused them and, within that, evenly over the release model's margin."""
    conflicts = explanation.conflicts
    return tuple(_case(explanation, conflicts.iloc[i]) for i in spread(conflicts, number))


def spread(conflicts: pd.DataFrame, number: int) -> list[int]:
    """Positions of up to `number` conflicts, in the order of `refused_by` (score first) and falling margin.

    Each kind of refusal gets one case at least while there are enough, then in proportion to its count;
    within a kind they stand at even steps of the rank by margin, its extremes included.
    """
    frame = pd.DataFrame(
        {
            "kind": conflicts["refused_by"].to_numpy(),
            "margin": -conflicts["release_margin"].to_numpy(dtype=float),
            "request_id": conflicts["request_id"].to_numpy(),
        }
    )
    sizes = frame["kind"].value_counts()
    kinds = sorted(sizes.index, key=lambda kind: (kind != "score", -int(sizes[kind]), str(kind)))[:number]
    places = _shares_of(number, [int(sizes[kind]) for kind in kinds])
    chosen: list[int] = []
    for kind, places_of_kind in zip(kinds, places, strict=True):
        ranked = frame[frame["kind"] == kind].sort_values(["margin", "request_id"]).index.to_numpy()
        chosen += [int(ranked[round(at)]) for at in np.linspace(0, len(ranked) - 1, places_of_kind)]
    return chosen


def _shares_of(places: int, sizes: list[int]) -> list[int]:
    """Places for groups of these sizes: one each, the others one by one where most rows stand per place."""
    given = [1] * len(sizes)
    for _ in range(min(places, sum(sizes)) - len(sizes)):
        open_groups = [i for i, size in enumerate(sizes) if given[i] < size]
        given[max(open_groups, key=lambda i: sizes[i] / given[i])] += 1
    return given


def _case(explanation: Explanation, conflict: pd.Series[Any]) -> Case:
    currency, undated = str(explanation.summary["currency"]), is_undated(explanation.summary)
    request = conflict["request_id"]
    values = {
        "release": _row_of(explanation.release_features, request),
        "limit": _row_of(explanation.limit_features, request),
    }
    pushes = {
        "release": _row_of(explanation.release_contributions, request),
        "limit": _row_of(explanation.limit_contributions, request),
    }
    cutoff = _margin_at(float(conflict["cutoff"]), explanation.calibration)
    steps: dict[Model, list[dict[str, object]]] = {}
    models: tuple[Model, Model] = ("release", "limit")
    for model in models:
        pushed = _steps(explanation.catalogue, model, pushes[model], values[model], currency)
        steps[model] = waterfall_steps(model, float(pushes[model]["base"]), pushed, currency, undated)
    facts = _facts(conflict, explanation.catalogue, pushes["release"], currency)
    return Case(
        request_id=str(request),
        facts=facts,
        verdict=_verdict(conflict, facts),
        features=_features(explanation.catalogue, values, pushes, currency, undated),
        steps=steps,
        cutoff=cutoff,
        causes=None if explanation.causes is None else case_causes(explanation.causes, request),
    )


def _row_of(frame: pd.DataFrame, request: object) -> pd.Series[Any]:
    return frame[frame["request_id"] == request].iloc[0]


def _margin_at(cutoff: float, calibration: Calibration) -> float | None:
    """The margin at which the PD is the cut-off; None where no margin is (a cut-off of 0, of 1, or unknown)."""
    margin = float(calibration.margin_at(np.asarray(cutoff)))
    return margin if math.isfinite(margin) else None


def _steps(
    catalogue: Catalogue, model: Model, pushes: pd.Series[Any], values: pd.Series[Any], currency: str
) -> Iterator[Step]:
    for name in catalogue.release if model == "release" else catalogue.limit:
        feature = catalogue[name]
        value = with_unit(float(values[name]), feature.unit, currency)
        yield Step(_in_lines(label_of(feature), value), float(pushes[name]))


def _in_lines(feature: Text, value: Text) -> Text:
    """A feature and its value, in two lines where one would be too long to stand beside a waterfall."""
    together = say("waterfall.feature", feature=feature, value=value)
    lines = textwrap.wrap(together.en, LINE["en"], break_long_words=False)
    apart = Text(f"{feature.en}:\n{value.en}", f"{feature.zh}：\n{value.zh}")
    return Text(
        "\n".join(lines) if len(lines) <= 2 else apart.en,
        together.zh if len(together.zh) <= LINE["zh"] else apart.zh,
    )


def _facts(
    conflict: pd.Series[Any], catalogue: Catalogue, pushes: pd.Series[Any], currency: str
) -> dict[str, Text | str]:
    first = max(catalogue.release, key=lambda name: float(pushes[name]))
    requested_on = conflict["requested_on"]
    return {
        "request_id": str(conflict["request_id"]),
        "requested_on": NOTHING if pd.isna(requested_on) else str(requested_on)[:10],
        "amount": money(_number(conflict["amount"]), currency),
        "limit_before": money(_number(conflict["limit_before"]), currency),
        "limit_after": money(_number(conflict["limit_after"]), currency),
        # Both with two decimals: they are compared, and many lie close to each other.
        "pd": share(_number(conflict["pd"]), digits=2),
        "cutoff": share(_number(conflict["cutoff"]), digits=2),
        "refused_by": named("refused_by", str(conflict["refused_by"])),
        "first": label_of(catalogue[first]),
    }


def _verdict(conflict: pd.Series[Any], facts: Record) -> Text:
    raised = pd.notna(conflict["limit_before"])
    limit = say(
        "case.raised" if raised else "case.granted", before=facts["limit_before"], after=facts["limit_after"]
    )
    asked = pd.notna(conflict["amount"])
    ask = say("case.asked", amount=facts["amount"]) if asked else same("")
    above = float(conflict["pd"]) > float(conflict["cutoff"])
    score = say("case.above" if above else "case.below", pd=facts["pd"], cutoff=facts["cutoff"])
    refusal = say("case.refused", refused_by=facts["refused_by"])
    parts = [part for part in (limit, ask, score, refusal) if part.en]
    return Text(" ".join(part.en for part in parts), "".join(part.zh for part in parts))


def _number(value: object) -> float | None:
    return None if pd.isna(value) else float(value)  # type: ignore[arg-type, call-overload]


def _features(
    catalogue: Catalogue,
    values: dict[str, pd.Series[Any]],
    pushes: dict[str, pd.Series[Any]],
    currency: str,
    undated: bool,
) -> Table:
    """The features with the largest pushes in either model, by their push in the release model."""
    main: set[str] = set()
    for names, model in ((catalogue.release, "release"), (catalogue.limit, "limit")):
        main |= set(sorted(names, key=lambda name: -abs(float(pushes[model][name])))[:SHOWN])
    ordered = sorted(main, key=lambda name: (-float(pushes["release"].get(name, 0.0)), name))
    records = []
    for name in ordered:
        feature = catalogue[name]
        at = {
            model: with_unit(float(values[model][name]), feature.unit, currency)
            if name in values[model]
            else NOTHING
            for model in ("release", "limit")
        }
        limit_push, release_push = pushes["limit"].get(name), pushes["release"].get(name)
        records.append(
            {
                "feature": label_of(feature),
                "at_review": at["limit"],
                "at_request": at["release"],
                "limit_push": limit_effect(limit_push),
                "release_push": push(release_push),
            }
        )
    columns = [
        Column("feature", say("column.feature"), numeric=False),
        Column("at_review", say_of(undated, "column.at_review")),
        Column("at_request", say_of(undated, "column.at_request")),
        Column("limit_push", say("column.limit_effect")),
        Column("release_push", say("column.release_push")),
    ]
    return table(say("case.features"), columns, records)
