"""What recourse comes to over all conflicts: how many something helps, what, and how long the others would wait."""

from __future__ import annotations

from typing import Any

import pandas as pd

OUTCOMES = ("alone", "together", "later", "nothing")
"""What helps a conflict: one step now, several now, only time, or nothing that was tried."""


def outcomes(found: pd.DataFrame) -> pd.Series:
    """By conflict (request_id) which of `OUTCOMES` it is.

    Args:
        found: request_id, option, step and kind by step (see `explanations.recourse.ways`).
    """
    options = found.assign(waits=found["kind"] == "wait", none=found["kind"] == "none").groupby(
        ["request_id", "option"], sort=False, as_index=False
    )
    each = options.agg(steps=("step", "size"), waits=("waits", "any"), none=("none", "any"))
    rank = each["waits"].astype(int) * 2 + (each["steps"] > 1) * ~each["waits"]
    rank = rank.where(~each["none"], 3)
    best = rank.groupby(each["request_id"], sort=False).min()
    return best.map(dict(enumerate(OUTCOMES)))


def kinds_now(found: pd.DataFrame) -> pd.DataFrame:
    """By kind of step: how many conflicts it alone would release without waiting, its median change and days.

    Columns: kind, conflicts, change (of an amount the share given up, of a debt the share paid, of a term the months
    added; NaN of a record), paid (median, in the book's currency; NaN but of payments), days.
    """
    alone = found.groupby(["request_id", "option"])["step"].transform("size") == 1
    now = found[alone & ~found["kind"].isin(["wait", "none"])]
    share = (now["from_value"] - now["to_value"]) / now["from_value"]
    change = share.where(now["kind"] != "term", now["to_value"] - now["from_value"])
    # A payment that is overdue is told in days; it is another thing than a debt paid down.
    kind = now["kind"].where(now["unit"] != "d", "overdue")
    paid = (now["from_value"] - now["to_value"]).where(kind.isin(["pay_down_here", "pay_down_elsewhere"]))
    table = now.assign(kind=kind, change=change, paid=paid).groupby("kind", as_index=False)
    told = table.agg(
        conflicts=("request_id", "nunique"),
        change=("change", "median"),
        paid=("paid", "median"),
        days=("days", "median"),
    )
    return told.sort_values(["conflicts", "kind"], ascending=[False, True], ignore_index=True)


def waits(found: pd.DataFrame) -> pd.Series:
    """By conflict that only time helps: the fewest days."""
    later = outcomes(found)
    rows = found[(found["kind"] == "wait") & found["request_id"].map(later).eq("later")]
    return rows.groupby("request_id", sort=False)["days"].min()


def time_alone(found: pd.DataFrame) -> int:
    """How many conflicts that only time helps need nothing but time."""
    later = found[found["request_id"].map(outcomes(found)).eq("later")]
    steps = later.groupby(["request_id", "option"], sort=False)["step"].transform("size")
    return int(later.loc[steps == 1, "request_id"].nunique())


def recourse_figures(found: pd.DataFrame) -> dict[str, Any]:
    """Counts for the summary (JSON-ready): conflicts by outcome, by what helps now, and the median wait."""
    counts = outcomes(found).value_counts()
    days = waits(found)
    by_kind = kinds_now(found)
    return {
        **{outcome: int(counts.get(outcome, 0)) for outcome in OUTCOMES},
        "helps_now": dict(zip(by_kind["kind"], by_kind["conflicts"].astype(int).tolist(), strict=True)),
        "median_wait_days": float(days.median()) if len(days) else None,
    }
