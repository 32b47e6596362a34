"""What is told of a made-up explanation besides: other decisions, limits on show, time lines, reasons and recourse."""

from __future__ import annotations

import dataclasses

import numpy as np
import pandas as pd

from explanations.explanation import Explanation
from explanations.remedies.trials import REPLAYED


def made_decisions(ids: np.ndarray, conflicts: int) -> pd.DataFrame:
    """Decisions with one cause off at a time: some of the conflicts go, each in another way."""
    row = np.arange(len(ids))
    conflict = row < conflicts
    parts = [
        pd.DataFrame(
            {
                "remedy": cause,
                "request_id": ids,
                "favoured": (row % (place + 3) != 0) | (cause == "policy"),
                "refused": conflict & (row % (place + 4) != 1),
            }
        )
        for place, cause in enumerate(REPLAYED)
    ]
    return pd.concat(parts, ignore_index=True)


def made_limits(borrowers: int) -> pd.DataFrame:
    """Limits on show, one in four of which would be refused."""
    row = np.arange(borrowers)
    rule = np.where(row % 8 == 0, "cap_lenders", np.where(row % 4 == 0, "score", "")).astype(object)
    limit = 5000.0 + 500.0 * row
    return pd.DataFrame(
        {
            "borrower_id": row + 7,
            "limit": limit,
            "available": limit - 100.0 * (row % 5),
            "pd": 0.02 + 0.001 * row,
            "cutoff": 0.028,
            "refused_by": rule,
            "raised": row % 3 == 0,
        }
    )


def made_timelines(conflicts: pd.DataFrame) -> pd.DataFrame:
    """A time line of every kind of row for the cases that are shown."""
    shown = conflicts[conflicts["place"] > 0].sort_values("place")
    asked = pd.to_datetime(shown["requested_on"])
    rows = {  # days before the request at which it happened and was shown, and how many
        ("review", "", ""): (60, 60, 1),
        ("stale", "income_assets", ""): (70, 69, 1),
        ("late", "bureau", "loan_opened"): (80, 45, 2),
        ("between", "bureau", "enquiry"): (50, 3, 4),
        ("between", "consumption", ""): (55, 25, 2),
        ("request", "", ""): (0, 0, 1),
        ("unseen", "agency", "loan"): (4, -3, 1),
    }
    parts = [
        pd.DataFrame(
            {
                "request_id": shown["request_id"],
                "on": asked - pd.Timedelta(days=on),
                "kind": kind,
                "stream": stream,
                "what": what,
                "count": count,
                "since": asked - pd.Timedelta(days=since),
                "days": since - on,
            }
        )
        for (kind, stream, what), (since, on, count) in rows.items()
    ]
    return pd.concat(parts, ignore_index=True).sort_values(
        ["request_id", "on"], kind="stable", ignore_index=True
    )


def with_letters(explanation: Explanation) -> Explanation:
    """The explanation with reasons and recourse of every conflict, of the agreed columns."""
    ids = explanation.conflicts["request_id"].to_numpy()
    said = [
        (
            1,
            "borrower",
            "R08",
            "bureau_enq_3m",
            0.61,
            "Credit enquiries: 7 in 3 months.",
            "近3月信贷查询7次。",
        ),
        (2, "borrower", "R09", "bureau_lenders", 0.32, "Lenders with open loans: 5.", "未结清机构5家。"),
        (1, "lender", "R20", "", np.nan, "Your limit was set on older data.", "额度评估所依据的数据较旧。"),
    ]
    columns = ["rank", "side", "code", "feature", "push", "en", "zh"]
    reasons = pd.concat(
        [
            pd.DataFrame([row], columns=columns).merge(pd.DataFrame({"request_id": ids}), how="cross")
            for row in said
        ]
    )
    steps = [
        (
            1,
            1,
            "amount",
            8000.0,
            3000.0,
            "RMB",
            0,
            0.0271,
            0.0279,
            True,
            "Ask for ¥3,000 at most.",
            "申请不超过¥3,000。",
        ),
        (
            2,
            1,
            "amount",
            8000.0,
            5000.0,
            "RMB",
            0,
            0.0265,
            0.0279,
            False,
            "Ask for ¥5,000 at most.",
            "申请不超过¥5,000。",
        ),
        (2, 2, "wait", 7.0, 4.0, "n", 40, 0.0265, 0.0279, False, "Ask again in 40 days.", "40天后再申请。"),
    ]
    columns = ["option", "step", "kind", "from_value", "to_value", "unit", "days", "pd_after", "cutoff"]
    columns += ["exhaustive", "en", "zh"]
    ways = [
        pd.DataFrame([row], columns=columns).merge(pd.DataFrame({"request_id": ids[i::2]}), how="cross")
        for row in steps
        for i in range(row[0] - 1, 2)
    ]
    nothing = (
        1,
        1,
        "none",
        np.nan,
        np.nan,
        "",
        np.nan,
        np.nan,
        0.0279,
        False,
        "Nothing helps now.",
        "目前没有可行的办法。",
    )
    none = pd.DataFrame([nothing], columns=columns).merge(pd.DataFrame({"request_id": ids[:1]}), how="cross")
    recourse = pd.concat([none, *(way[way["request_id"] != ids[0]] for way in ways)] if len(ids) else ways)
    return dataclasses.replace(
        explanation, reasons=reasons.reset_index(drop=True), recourse=recourse.reset_index(drop=True)
    )
