"""What `releasegap monitor` may find, made up: alarms of every kind, one alone, none; with and without dates."""

from __future__ import annotations

from typing import Any

STREAM = "bureau"
SPAN = {"from": "2025-10-01", "to": "2025-12-31"}


def check(
    kind: str, state: str, subject: str = "", model: str = "", measure: float | None = 0.3
) -> dict[str, Any]:
    return {
        "check": kind,
        "subject": subject,
        "model": model,
        "before": 0.5,
        "now": None if measure is None else 0.8,
        "measure": measure,
        "threshold": 0.25,
        "chance": None if measure is None else 0.1,
        "rows": 1234,
        "state": state,
    }


def monitored(checks: list[dict[str, Any]], dated: bool = True) -> dict[str, Any]:
    return {
        "book_digest": "a" * 64,
        "models": {"limit": "b" * 64, "release": "c" * 64},
        "period": SPAN if dated else None,
        "outcomes_of": SPAN if dated else None,
        "requests": 1000,
        "reviews": 2000,
        "known": 300,
        "against": {
            "book_digest": "d" * 64,
            "period": SPAN if dated else None,
            "requests": 4000,
            "reviews": 5000,
        },
        "thresholds": {"csi": 0.25},
        "checks": checks,
    }


def every_kind(state: str) -> list[dict[str, Any]]:
    return [
        *(check("psi", state, name) for name in ("release_score", "limit_score")),
        check("csi", state, "bureau_lenders", "release", 0.9),
        check("csi", state, "account_age", "limit", 0.4),
        *(check(kind, state) for kind in ("calibration", "auc", "conflicts")),
        *(check(kind, state, STREAM) for kind in ("delay", "silence")),
    ]


def made_monitors() -> list[dict[str, Any]]:
    alone = [check("csi", "passed", "bureau_lenders", "release"), check("auc", "too_few", measure=None)]
    return [
        monitored(every_kind("passed")),
        monitored(every_kind("within")),
        monitored(every_kind("too_few")),
        monitored(alone),
        monitored([check("auc", "within")], dated=False),
    ]
