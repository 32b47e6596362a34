"""What the report of a simulated book says of its own causes and features: how right they are."""

from __future__ import annotations

import math

from data.mechanisms import CAUSES
from explanations.explanation import Explanation
from explanations.report.exhibits import Column, Table, table
from explanations.report.quantities import NOTHING, count, fixed, share
from explanations.report.words import Text, say


def check_table(explanation: Explanation) -> Table | None:
    """Mean shares as the report says them beside the true ones; None where nothing was checked."""
    checked = explanation.summary.get("causes", {}).get("checked")
    if not checked:
        return None
    records = [
        {"cause": say(f"cause.{name}")} | {what: share(checked[what][name]) for what in ("said", "true")}
        for name in CAUSES
    ]
    columns = [
        Column("cause", say("column.cause"), numeric=False),
        Column("said", say("column.share_said")),
        Column("true", say("column.share_true")),
    ]
    return table(say("causes.check", checked=count(checked["conflicts"])), columns, records)


def _spread(rate: float | None, cases: int) -> str:
    """Two standard errors of a rate, in points."""
    return NOTHING if rate is None else fixed(200 * math.sqrt(rate * (1 - rate) / cases), 0)


def check_text(explanation: Explanation) -> list[Text]:
    """What the check found, in sentences; none where nothing was checked."""
    checked = explanation.summary.get("causes", {}).get("checked")
    if not checked:
        return []
    said = [
        say(
            "causes.check_causes",
            checked=count(checked["conflicts"]),
            strong=count(checked["strong"]),
            accuracy=share(checked["accuracy"], digits=0),
            spread=_spread(checked["accuracy"], checked["strong"]),
            error=fixed(100 * checked["error"], 1),
        )
    ]
    if checked["features_agreement_1"] is not None:
        said.append(
            say(
                "causes.check_features",
                first=share(checked["features_agreement_1"], digits=0),
                three=share(checked["features_agreement_3"], digits=0),
                sign=share(checked["features_sign_3"], digits=0),
            )
        )
    return said
