"""The lag audit: which conflicts would not be there had one stream been fresh."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd

from data.book import Book
from data.months import to_days
from data.schema import STREAMS
from explanations.bootstrap import mean_interval
from explanations.parameters import ExplanationParameters
from features.parameters import FeatureParameters
from features.readers import read_as_of
from features.reread import refreshed_snapshots
from models.decisions import undecidable
from models.limit_model import LimitModel
from models.parameters import ModelsParameters
from models.policy import decide, policy_in_force
from models.release_model import ReleaseModel

DAYS = (0, 30, 60, 90, 120)
"""Where the groups of staleness begin: days between what the limit had read and the request."""


def lag_audit(
    book: Book,
    conflicts: pd.DataFrame,
    limit: LimitModel,
    release: ReleaseModel,
    features: FeatureParameters,
    models: ModelsParameters,
    on_stream: Callable[[int], None] = lambda done: None,
) -> pd.DataFrame:
    """Scores each conflict again with one stream fresh at a time.

    The release reader then sees that stream without reporting lag; the limit that favoured is computed again with
    that stream as of the day of the request and all others as they were read.

    Args:
        book: A dated book.
        conflicts: request_id, borrower_id, review_id, requested_on, amount, limit_score, limit_before, limit_after
            and pd by conflict (see `models.decisions`).
        limit: The limit model.
        release: The release model.
        features: How features are read.
        models: Policy and favour.
        on_stream: Told how many streams are done.

    Returns:
        By stream and conflict: stream, request_id, days_stale (between what the limit had read and the request),
        limit_change (log), pd, pd_fresh, removed (whether the conflict is gone).
    """
    reviewed_on = book.whole("limit_reviews").set_index("review_id")["reviewed_on"]
    at = conflicts["review_id"].astype("int64").to_numpy()
    rows = conflicts[["request_id"]].assign(favoured_on=reviewed_on.reindex(at).to_numpy())
    read = read_as_of("limit", to_days(rows["favoured_on"]))
    asked_on = to_days(conflicts["requested_on"])
    before, executed, scored = (
        conflicts[name].to_numpy(np.float64) for name in ("limit_before", "limit_after", "limit_score")
    )
    policy = book.whole("policy")
    parts = []
    snapshots = refreshed_snapshots(book, rows, features)
    for done, (stream, (requests, favouring)) in enumerate(snapshots.items(), start=1):
        change = limit.score(favouring.values) - scored
        fresh = executed * np.exp(change)
        needed = (requests.keys["amount"] + requests.keys["balance"]).to_numpy(np.float64)
        favoured = (fresh >= models.favoured.raise_from * before) & (needed <= fresh)
        probability = release.pd(requests.values)
        decided = decide(
            requests.keys,
            requests,
            probability,
            policy_in_force(requests.keys, policy),
            undecidable(book, requests, release),
            models.policy,
        )
        parts.append(
            pd.DataFrame(
                {
                    "stream": stream,
                    "request_id": conflicts["request_id"].to_numpy(),
                    "days_stale": (asked_on - read[stream]).astype(np.int32),
                    "limit_change": change,
                    "pd": conflicts["pd"].to_numpy(np.float64),
                    "pd_fresh": probability,
                    "removed": ~(favoured & decided["refused"].to_numpy(bool)),
                }
            )
        )
        on_stream(done)
    return pd.concat(parts, ignore_index=True)


def by_stream(audit: pd.DataFrame, borrower_id: pd.Series, parameters: ExplanationParameters) -> pd.DataFrame:
    """What the freshness of each stream would do, most removed conflicts first.

    Columns: stream, conflicts, removed, share, low, high (bootstrap over borrowers), days_stale (median),
    limit_change (mean, log).
    """
    rows = []
    for stream in STREAMS:
        of = audit[audit["stream"] == stream]
        gone = of["removed"].to_numpy(np.float64)
        low, high = mean_interval(
            gone[:, None],
            borrower_id.to_numpy(np.int64),
            draws=parameters.bootstrap_draws,
            seed=parameters.seed,
            level=parameters.bootstrap_level,
        )
        rows.append(
            {
                "stream": stream,
                "conflicts": len(of),
                "removed": int(gone.sum()),
                "share": float(gone.mean()) if len(of) else float("nan"),
                "low": float(low[0]),
                "high": float(high[0]),
                "days_stale": float(of["days_stale"].median()),
                "limit_change": float(of["limit_change"].mean()),
            }
        )
    return pd.DataFrame(rows).sort_values("removed", ascending=False, kind="stable", ignore_index=True)


def by_days(audit: pd.DataFrame) -> pd.DataFrame:
    """Share of conflicts removed by stream and days of staleness: stream, days_from, conflicts, share, limit_change."""
    group = np.digitize(audit["days_stale"], DAYS[1:])
    table = audit.assign(days_from=np.array(DAYS)[group]).groupby(["stream", "days_from"], as_index=False)
    return table.agg(
        conflicts=("removed", "size"), share=("removed", "mean"), limit_change=("limit_change", "mean")
    )
