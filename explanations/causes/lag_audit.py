"""The lag audit: which conflicts would not be there had one stream been fresh."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from data.blocks import HERE, Engine, Track, untracked
from data.book import Book
from data.months import to_days
from data.schema import STREAMS
from explanations.intervals.bootstrap import share_interval
from explanations.parameters import ExplanationParameters
from features.declared import declared_in
from features.matrix import Matrix
from features.parameters import FeatureParameters
from features.readers import read_as_of
from features.reread import refreshed_snapshots, requests_by_block
from models.boosted import Floats
from models.decisions import undecidable
from models.limit_model import LimitModel
from models.parameters import ModelsParameters
from models.policy import CAPS, broken_rules, month_number, policy_table, recorded_slips, what_is_read
from models.release_model import ReleaseModel

DECIDED = ("request_id", "review_id", "limit_score", "limit_before", "limit_after", "pd")
"""What the audit takes of the decisions on a conflict."""

DAYS = (0, 30, 60, 90, 120)
"""Where the groups of staleness begin: days between what the limit had read and the request."""


def lag_audit(
    book: Book,
    conflicts: pd.DataFrame,
    limit: LimitModel,
    release: ReleaseModel,
    features: FeatureParameters,
    models: ModelsParameters,
    engine: Engine = HERE,
    track: Track[Any] = untracked,
) -> pd.DataFrame:
    """Scores each conflict again with one stream fresh at a time.

    The release reader then sees that stream without reporting lag; the limit that favoured is computed again with
    that stream as of the day of the request and all others as they were read.

    Args:
        book: A dated book.
        conflicts: request_id, review_id, limit_score, limit_before, limit_after and pd by conflict (see
            `models.decisions`).
        limit: The limit model.
        release: The release model.
        features: How features are read.
        models: Policy and favour.
        engine: Where the blocks are worked on; changes nothing in the result.
        track: Follows the blocks as they are done.

    Returns:
        By stream and conflict: stream, request_id, days_stale (between what the limit had read and the request),
        limit_change (log), pd, pd_fresh, favoured and refused (as it would then be), removed (whether the conflict is
        gone).
    """
    ids = pd.Index(conflicts["request_id"])
    audit = Audit(book.absolute(), limit, release, features, models)
    decided = conflicts[list(DECIDED)]
    jobs = [
        (block, decided[decided["request_id"].isin(requests["request_id"])])
        for block, requests in requests_by_block(book, ids.to_numpy())
    ]
    parts = pd.concat(list(track(engine.map_blocks(audit.of_block, jobs), len(jobs))), ignore_index=True)
    stream = pd.Index(_in_order(parts["stream"])).get_indexer(parts["stream"])
    order = np.lexsort((ids.get_indexer(pd.Index(parts["request_id"])), stream))
    ordered: pd.DataFrame = parts.iloc[order].reset_index(drop=True)
    return ordered


@dataclass(frozen=True)
class Audit:
    """What the audit of every block takes: see `lag_audit`."""

    book: Book
    limit: LimitModel
    release: ReleaseModel
    features: FeatureParameters
    models: ModelsParameters

    def of_block(self, job: tuple[int, pd.DataFrame]) -> pd.DataFrame:
        """The audit of a block's conflicts."""
        block, conflicts = job
        reviewed = self.book.table("limit_reviews", block, ["review_id", "reviewed_on"])
        reviewed_on = reviewed.set_index("review_id")["reviewed_on"]
        favoured_on = reviewed_on.reindex(conflicts["review_id"].astype("int64").to_numpy())
        rows = conflicts[["request_id"]].assign(favoured_on=favoured_on.to_numpy())
        snapshots = refreshed_snapshots(self.book, block, rows, self.features)
        _, seen = next(snapshots)
        read = read_as_of("limit", to_days(rows["favoured_on"]), declared_in(self.book).refresh)
        asked_on = to_days(seen.requests["requested_on"])
        policy = policy_table(self.book.table("policy"), ("cutoff", *CAPS))
        months, region = month_number(seen.requests["requested_on"]), seen.requests["region"]
        in_force = policy.in_force(months, region.to_numpy(np.int64))
        slip, slipped_refusal = recorded_slips(seen.requests)
        before, executed, scored, known = (
            conflicts[name].to_numpy(np.float64)
            for name in ("limit_before", "limit_after", "limit_score", "pd")
        )
        amount = seen.requests["amount"].to_numpy(np.float64)
        parts = []
        for stream, fresh in snapshots:
            change = _scored_again(self.limit.score, scored, seen.reviewed, fresh.reviewed) - scored
            limit = executed * np.exp(change)
            favoured = (limit >= self.models.favoured.raise_from * before) & (amount + fresh.balance <= limit)
            probability = _scored_again(self.release.pd, known, seen.asked, fresh.asked)
            asked = Matrix(fresh.requests, fresh.asked, self.release.features)
            missing = undecidable(self.book, asked, self.release)
            broken = broken_rules(what_is_read(asked), probability, in_force, missing, self.models.policy)
            refused = np.where(slip, slipped_refusal, np.logical_or.reduce(list(broken.values())))
            parts.append(
                pd.DataFrame(
                    {
                        "stream": stream,
                        "request_id": conflicts["request_id"].to_numpy(),
                        "days_stale": (asked_on - read[str(stream)]).astype(np.int32),
                        "limit_change": change,
                        "pd": known,
                        "pd_fresh": probability,
                        "favoured": favoured,
                        "refused": refused,
                        "removed": ~(favoured & refused),
                    }
                )
            )
        return pd.concat(parts, ignore_index=True)


def _scored_again(
    score: Callable[[NDArray[np.float32]], Floats],
    known: Floats,
    seen: NDArray[np.float32],
    fresh: NDArray[np.float32],
) -> Floats:
    """Scores of the rows that are fresh; those that are as they were seen keep the score that is known."""
    changed = (seen.view(np.int32) != fresh.view(np.int32)).any(axis=1)
    found = known.copy()
    found[changed] = score(fresh[changed])
    return found


def _in_order(streams: pd.Series) -> list[str]:
    """The streams that there are: the project's own, then those of the lender."""
    there = set(streams)
    return [*(name for name in STREAMS if name in there), *sorted(there - set(STREAMS))]


def by_stream(audit: pd.DataFrame, borrower_id: pd.Series, parameters: ExplanationParameters) -> pd.DataFrame:
    """What the freshness of each stream would do, most removed conflicts first.

    Columns: stream, conflicts, removed, share, low, high (bootstrap over borrowers), days_stale (median),
    limit_change (mean, log).
    """
    rows = []
    for stream in _in_order(audit["stream"]):
        of = audit[audit["stream"] == stream]
        gone = of["removed"].to_numpy(np.float64)
        low, high = share_interval(
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
                "share": float(gone.mean()),
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
