"""How far the models' decisions are the lender's on the record."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from models.record import SIDES

Flags = NDArray[np.bool_]

CONFLICT = "conflict"


def agreement(decided: pd.DataFrame, judged: Flags) -> list[dict[str, Any]]:
    """Where models and record agree on judged requests that were not released at random.

    Args:
        decided: Decisions of both (see `models.record.with_record`).
        judged: The requests that count.

    Returns:
        For each side that is on the record, and for conflicts (favoured and refused, of a side without a record as the
        models have it): what, requests, both, model and record (one of them alone), neither, share (of the
        requests on which they say the same), and kappa (Cohen's: 0 as by chance, 1 always; None where one of them says
        the same of all). Nothing where the book records no decisions.
    """
    told = [side for side in SIDES if f"{side}_record" in decided]
    rows = decided[judged & ~decided["at_random"].to_numpy(bool)] if told else decided[:0]
    if not len(rows):
        return []
    model = {side: rows[f"{side}_model"].to_numpy(bool) for side in SIDES}
    record = {side: rows[f"{side}_record"].to_numpy(bool) if side in told else model[side] for side in SIDES}
    pairs = {side: (model[side], record[side]) for side in told}
    pairs[CONFLICT] = (model["favoured"] & model["refused"], record["favoured"] & record["refused"])
    return [{"what": what, **_compared(*pair)} for what, pair in pairs.items()]


def conflicts_on(summary: Mapping[str, Any]) -> str:
    """Whose decisions make the conflicts of an explanation: see `models.parameters.ConflictsOn`."""
    return str(summary["parameters"].get("models.conflicts", "models"))


def _compared(model: Flags, record: Flags) -> dict[str, float | None]:
    requests, both = len(model), int((model & record).sum())
    alone = {"model": int(model.sum()) - both, "record": int(record.sum()) - both}
    same = 1 - sum(alone.values()) / requests
    said = model.mean(), record.mean()
    by_chance = said[0] * said[1] + (1 - said[0]) * (1 - said[1])
    return {
        "requests": requests,
        "both": both,
        **alone,
        "neither": requests - both - sum(alone.values()),
        "share": float(same),
        "kappa": float((same - by_chance) / (1 - by_chance)) if by_chance < 1 else None,
    }
