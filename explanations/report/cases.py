"""Individual conflicts as the page's script reads them: figures and words once, each case in short."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from data.mechanisms import CAUSES
from explanations.explanation import Explanation
from explanations.pseudonyms import case_names
from explanations.report.case_rules import rules_of
from explanations.report.case_story import reasons_of, recourse_of, timeline_of, trials_of
from explanations.report.cause_charts import case_causes
from explanations.report.contrast_table import label_of
from explanations.report.phrases import Phrases
from explanations.report.quantities import money, push, share, value_text
from explanations.report.waterfalls import SHOWN, Model
from explanations.report.words import Text, named, same, say
from features.catalogue import Catalogue

Row = Mapping[Any, Any]
"""A row of a table by column."""

MODELS: tuple[Model, ...] = ("limit", "release")
_DIGITS = 5
_TIE = 0.01  # share of a conflict; causes that lie closer than a point are first together


def shown_conflicts(explanation: Explanation) -> pd.DataFrame:
    """The conflicts that are shown one by one, in their order."""
    conflicts = explanation.conflicts
    return conflicts[conflicts["place"] > 0].sort_values("place", ignore_index=True)


def cases_data(explanation: Explanation) -> dict[str, Any]:
    """Everything that the page's script shows of the cases.

    Returns:
        texts: Statements in both languages, which the rest names by their place.
        models: Of each model base (its mean, as position on the waterfall's axis before exp), base_text and others
            (how many features a waterfall leaves out).
        features: The label of each feature in `rows`, as a text.
        cases: By case what the list says of it; `rows` are its main features as feature, value at the review and at
            the request, push on the limit (log) and toward refusal (log-odds); `ends` the text of each model's output.
    """
    phrases = Phrases()
    shown = shown_conflicts(explanation)
    catalogue, currency = explanation.catalogue, str(explanation.summary["currency"])
    parts = {model: _Part.of(explanation, model, shown["request_id"]) for model in MODELS}
    features = [feature.name for feature in catalogue.features]
    stories: dict[str, list[Any] | None] = {
        "rules": rules_of(explanation, shown, phrases),
        "reasons": reasons_of(explanation, shown, phrases),
        "recourse": recourse_of(explanation, shown, phrases),
        "trials": trials_of(explanation, shown, phrases),
        "timeline": timeline_of(explanation, shown, phrases),
    }
    causes = explanation.causes
    shares = None if causes is None else _of(causes, shown["request_id"])[list(CAUSES)].to_numpy(np.float64)
    cases = []
    called = case_names(explanation, shown["request_id"])
    for place, conflict in enumerate(shown.to_dict("records")):
        first = parts["release"].first(place)
        case = _facts(conflict, currency, phrases) | {
            "id": called[place],
            "first": features.index(first),
            "verdict": phrases.place(verdict(conflict, currency)),
            "line": _margin_at(float(conflict["cutoff"]), explanation),
            "rows": list(_rows(parts, place, catalogue, currency, phrases)),
            "output": [_rounded(parts[model].output[place]) for model in MODELS],
            "ends": [_level(model, parts[model].output[place], currency) for model in MODELS],
        }
        if shares is not None:
            case |= _causes(shares[place], phrases)
        cases.append(case | {name: story[place] for name, story in stories.items() if story is not None})
    return {
        "features": [phrases.place(label_of(catalogue[name])) for name in features],
        "models": {
            model: {
                "base": _rounded(part.base),
                "base_text": _level(model, part.base, currency),
                "others": max(0, len(part.names) - SHOWN),
            }
            for model, part in parts.items()
            if len(shown)
        },
        "cases": cases,
        "texts": phrases.texts,
    }


def verdict(conflict: Row, currency: str) -> Text:
    """What happened, in a few sentences."""
    raised = pd.notna(conflict["limit_before"])
    before, after = (money(_number(conflict[name]), currency) for name in ("limit_before", "limit_after"))
    limit = say("case.raised" if raised else "case.granted", before=before, after=after)
    in_force = _number(conflict["limit_recorded"])
    below: bool = raised and in_force is not None and in_force < float(conflict["limit_before"])
    force: Text = (
        say("case.in_force_cut" if below else "case.in_force", limit=money(in_force, currency))
        if raised and in_force is not None
        else same("")
    )
    asked = pd.notna(conflict["amount"])
    ask: Text = say("case.asked", amount=money(_number(conflict["amount"]), currency)) if asked else same("")
    above = float(conflict["pd"]) > float(conflict["cutoff"])
    figures = {name: _percent(conflict, name) for name in ("pd", "cutoff")}
    score = say("case.above" if above else "case.below", **figures)
    refusal = say("case.refused", refused_by=named("refused_by", str(conflict["refused_by"])))
    parts = [part for part in (limit, force, ask, score, refusal) if part.en]
    return Text(" ".join(part.en for part in parts), "".join(part.zh for part in parts))


@dataclass(frozen=True)
class _Part:
    """What one model makes of the cases: values and pushes (cases × its features)."""

    names: tuple[str, ...]
    base: float
    values: NDArray[np.float64]
    pushes: NDArray[np.float64]
    output: NDArray[np.float64]

    @classmethod
    def of(cls, explanation: Explanation, model: Model, ids: pd.Series) -> _Part:
        """The part of one model, in the order of the cases."""
        release = model == "release"
        names = explanation.catalogue.release if release else explanation.catalogue.limit
        given = _of(explanation.release_contributions if release else explanation.limit_contributions, ids)
        values = _of(explanation.release_features if release else explanation.limit_features, ids)
        pushes = given[list(names)].to_numpy(np.float64)
        base = float(given["base"].iloc[0]) if len(given) else math.nan
        return cls(names, base, values[list(names)].to_numpy(np.float64), pushes, base + pushes.sum(axis=1))

    def main(self, place: int) -> list[str]:
        """The features with the largest pushes in a case."""
        return [self.names[i] for i in np.argsort(-np.abs(self.pushes[place]), kind="stable")[:SHOWN]]

    def first(self, place: int) -> str:
        """The feature that pushes a case most toward the output's upper end."""
        return self.names[int(np.argmax(self.pushes[place]))]

    def push(self, place: int, name: str) -> float | None:
        """A feature's push in a case; None where this model has no such feature."""
        return float(self.pushes[place, self.names.index(name)]) if name in self.names else None

    def value(self, place: int, name: str) -> float | None:
        """A feature's value in a case; None where this model has no such feature."""
        return float(self.values[place, self.names.index(name)]) if name in self.names else None


def _of(table: pd.DataFrame, ids: pd.Series) -> pd.DataFrame:
    """The rows of some requests, in their order."""
    return table[table["request_id"].isin(ids)].set_index("request_id").loc[ids.to_numpy()]


def _rows(
    parts: dict[Model, _Part], place: int, catalogue: Catalogue, currency: str, phrases: Phrases
) -> Iterator[list[Any]]:
    """The features with the largest pushes in either model, by their push in the release model."""
    limit, release = parts["limit"], parts["release"]
    main = {*limit.main(place), *release.main(place)}
    numbered = {feature.name: number for number, feature in enumerate(catalogue.features)}
    for name in sorted(main, key=lambda name: (-(release.push(place, name) or 0.0), name)):
        values = [part.value(place, name) for part in (limit, release)]
        pushes = [part.push(place, name) for part in (limit, release)]
        said = [
            None if value is None else phrases.put(value_text(value, catalogue[name], currency))
            for value in values
        ]
        yield [numbered[name], *said, *(None if one is None else _rounded(one) for one in pushes)]


def _facts(conflict: Row, currency: str, phrases: Phrases) -> dict[str, Any]:
    requested_on = conflict["requested_on"]
    return {
        "on": None if pd.isna(requested_on) else str(requested_on)[:10],
        "amount": _money(conflict["amount"], currency),
        "before": _money(conflict["limit_before"], currency),
        "after": _money(conflict["limit_after"], currency),
        "pd": _percent(conflict, "pd"),
        "cutoff": _percent(conflict, "cutoff"),
        "by": phrases.place(named("refused_by", str(conflict["refused_by"]))),
    }


def _causes(shares: NDArray[np.float64], phrases: Phrases) -> dict[str, Any]:
    # Shares that close are as good as equal, and the case is found by each of these causes.
    largest = sorted(np.flatnonzero(shares >= shares.max() - _TIE), key=lambda place: -shares[place])
    return {
        "cause": [phrases.place(say(f"cause.{CAUSES[place]}")) for place in largest],
        "causes": phrases.place(case_causes(shares)),
    }


def _margin_at(cutoff: float, explanation: Explanation) -> float | None:
    """The margin at which the PD is the cut-off; None where no margin is (a cut-off of 0, of 1, or unknown)."""
    margin = float(explanation.calibration.margin_at(np.asarray(cutoff)))
    return _rounded(margin) if math.isfinite(margin) else None


def _level(model: Model, at: float, currency: str) -> str:
    return money(math.exp(at), currency) if model == "limit" else push(at)


def _percent(conflict: Row, name: str) -> str:
    # PD and cut-off both with two decimals: they are compared, and many lie close to each other.
    return share(_number(conflict[name]), digits=2)


def _money(value: object, currency: str) -> str | None:
    return None if pd.isna(value) else money(_number(value), currency)  # type: ignore[call-overload]


def _number(value: object) -> float | None:
    return None if pd.isna(value) else float(value)  # type: ignore[arg-type, call-overload]


def _rounded(value: float) -> float:
    return round(value, _DIGITS)
