"""The phantom limit: limits on show on the last day of a book that the release model would refuse that day."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from data.blocks import HERE, Engine, Track, untracked
from data.book import Book
from data.months import to_days
from data.sampling import spread_blocks
from explanations.explanation import Explanation
from explanations.intervals.cluster_means import group_means
from explanations.json_numbers import finite_row
from explanations.parameters import ExplanationParameters, PhantomParameters
from features.catalogue import catalogue_of
from features.matrix import Matrix, request_values
from features.parameters import FeatureParameters
from features.snapshots import snapshot, taken
from features.streams import Streams, read_streams
from models.decisions import undecidable
from models.parameters import ModelsParameters
from models.policy import REFUSED_BY, decide, policy_in_force
from models.release_model import ReleaseModel

Flags = NDArray[np.bool_]

HELD = ("borrower_id", "limit", "available", "pd", "cutoff", "refused_by")
"""What is kept of each that would be refused."""

THIRDS = ("low", "middle", "high")


def limits_on_show(
    book: Book,
    day: pd.Timestamp,
    release: ReleaseModel,
    features: FeatureParameters,
    models: ModelsParameters,
    parameters: PhantomParameters,
    engine: Engine = HERE,
    track: Track[Any] = untracked,
) -> tuple[pd.DataFrame, int]:
    """What the release model would answer if every borrower with a limit asked on one day.

    Each asks for `asked_share` of what is available to him (limit less balance) over `term` months. Of a large
    book whole blocks, spread evenly, are read, as many as hold `borrowers`.

    Args:
        book: A dated book.
        day: The day.
        release: The release model.
        features: How features are read.
        models: Policy and favour.
        parameters: What is asked for, and how many borrowers are read at most.
        engine: Where the blocks are worked on; changes nothing in the result.
        track: Follows the blocks as they are done.

    Returns:
        By borrower with something available: borrower_id, limit and available (RMB), pd, cutoff, refused_by (empty
        where the money would be released), raised (a review in the window of favour raised the limit well); and
        how many borrowers were read.
    """
    blocks = spread_blocks(book.blocks, book.manifest.rows["borrowers"], parameters.borrowers)
    asking = Asking(book.absolute(), day, release, features, models, parameters)
    parts = list(track(engine.map_blocks(asking.of_block, blocks), len(blocks)))
    return pd.concat([shown for shown, _ in parts], ignore_index=True), sum(read for _, read in parts)


@dataclass(frozen=True)
class Asked:
    """What the borrowers of a block with something available ask for; all but `at` by these borrowers.

    Attributes:
        shown: As `limits_on_show`.
        keys: borrower_id, requested_on, region, amount (RMB) and term (months) of each request.
        values: The release model's columns of each.
        at: Position of each among the streams that were read.
    """

    shown: pd.DataFrame
    keys: pd.DataFrame
    values: NDArray[np.float32]
    at: NDArray[np.int64]


@dataclass(frozen=True)
class Asking:
    """What every block takes: see `limits_on_show`."""

    book: Book
    day: pd.Timestamp
    release: ReleaseModel
    features: FeatureParameters
    models: ModelsParameters
    parameters: PhantomParameters

    def of_block(self, block: int) -> tuple[pd.DataFrame, int]:
        """The limits on show of a block, and the number of its borrowers."""
        streams = read_streams(self.book, block)
        return self.of_streams(block, streams).shown, len(streams.borrower_ids)

    def of_streams(self, block: int, streams: Streams) -> Asked:
        """What the borrowers of these streams, who are of one block, ask for, and what is decided."""
        borrowers = len(streams.borrower_ids)
        dates = np.full(borrowers, to_days(self.day), dtype=np.int32)
        seen = snapshot(streams, np.arange(borrowers), dates, "release", self.features)
        available = seen.limit - seen.balance
        at = np.flatnonzero(available > 0)  # nor is it where there is no limit yet
        keys = pd.DataFrame(
            {
                "borrower_id": streams.borrower_ids[at],
                "requested_on": self.day,
                "region": streams.region[at],
                "amount": self.parameters.asked_share * available[at],
                "term": self.parameters.term,
            }
        )
        values = request_values(taken(seen, at), keys, self.features, catalogue_of(self.book).release)
        probability, decided = self.decided(keys, values, keys)
        shown = pd.DataFrame(
            {
                "borrower_id": keys["borrower_id"],
                "limit": seen.limit[at].astype(np.float64),
                "available": available[at].astype(np.float64),
                "pd": probability,
                "cutoff": decided["cutoff"],
                "refused_by": decided["refused_by"],
                "raised": keys["borrower_id"].isin(self._raised(block, streams.borrower_ids)),
            }
        )
        return Asked(shown, keys, values, at)

    def decided(
        self, keys: pd.DataFrame, values: NDArray[np.float32], in_force_on: pd.DataFrame
    ) -> tuple[NDArray[np.float64], pd.DataFrame]:
        """PD and decision on requests with these snapshots, under the policy of the days of `in_force_on`."""
        matrix = Matrix(pd.DataFrame(), values, catalogue_of(self.book).release)
        probability = self.release.pd(values)
        in_force = policy_in_force(in_force_on, self.book.table("policy"))
        missing = undecidable(self.book, matrix, self.release)
        return probability, decide(keys, matrix, probability, in_force, missing, self.models.policy)

    def _raised(self, block: int, borrowers: NDArray[np.int64]) -> NDArray[np.int64]:
        """Borrowers of a block whose limit was raised well within the window."""
        columns = ["borrower_id", "reviewed_on", "limit_before", "limit_after"]
        reviews = self.book.table("limit_reviews", block, columns, borrowers)
        favoured = self.models.favoured
        oldest = self.day - pd.Timedelta(days=favoured.window_days)
        raised = reviews["limit_after"] >= favoured.raise_from * reviews["limit_before"]
        recent = reviews["reviewed_on"].between(oldest, self.day)
        return np.unique(reviews.loc[raised & recent, "borrower_id"].to_numpy())


def limits_of_clients(decided: pd.DataFrame, reviews: pd.DataFrame) -> pd.DataFrame:
    """The same of a book without dates, which has one decision on each client and no balances.

    Args:
        decided: Decisions on the clients who are judged (see `models.decisions`).
        reviews: borrower_id and limit_assessed by client.
    """
    limit = reviews.set_index("borrower_id")["limit_assessed"].reindex(decided["borrower_id"])
    shown = pd.DataFrame(
        {
            "borrower_id": decided["borrower_id"].to_numpy(),
            "limit": limit.to_numpy(np.float64),
            "available": limit.to_numpy(np.float64),
            "pd": decided["pd"].to_numpy(),
            "cutoff": decided["cutoff"].to_numpy(),
            "refused_by": decided["refused_by"].to_numpy(),
            "raised": decided["favoured"].to_numpy(bool),
        }
    )
    return shown[shown["available"] > 0].reset_index(drop=True)


def with_phantom(
    explanation: Explanation,
    shown: pd.DataFrame,
    read: int,
    borrowers: int,
    day: pd.Timestamp | None,
    parameters: ExplanationParameters,
) -> Explanation:
    """The explanation with the phantom limit, told in the summary.

    Args:
        explanation: What is explained.
        shown: The limits on show (`limits_on_show`, `limits_of_clients`).
        read: How many borrowers were looked at.
        borrowers: How many there are, for which they stand.
        day: The day; None where the book has no dates.
        parameters: Coverage of the intervals, and what was asked for.
    """
    if not len(shown):
        return explanation
    table = phantom_table(shown, borrowers / read, parameters.bootstrap_level)
    told = {
        "on": None if day is None else f"{day:%Y-%m-%d}",
        "read": read,
        "asked_share": parameters.phantom.asked_share,
        "term": parameters.phantom.term,
        **{
            name: value
            for name, value in finite_row(table.iloc[0].to_dict()).items()
            if name not in ("by", "name")
        },
    }
    held = shown.loc[shown["refused_by"] != "", list(HELD)].reset_index(drop=True)
    return replace(
        explanation,
        phantom=table,
        phantom_borrowers=held,
        summary=explanation.summary | {"phantom": told},
    )


def phantom_table(shown: pd.DataFrame, weight: float, level: float) -> pd.DataFrame:
    """What is on show, and what of it would be refused, for all and by group.

    Args:
        shown: The limits on show.
        weight: Borrowers for whom each stands.
        level: Coverage of the intervals, which are normal: how far a sum could move had other borrowers come.

    Returns:
        by (`all`, `rule`, `raised` or `limit`), name, borrowers, limit and available (on show, in RMB), refused
        (borrowers, with refused_low and refused_high), phantom (RMB available that would be refused, with
        phantom_low and phantom_high), share (phantom of what is available in the group; of a rule, of all).
    """
    available = shown["available"].to_numpy(np.float64)
    ids = shown["borrower_id"].to_numpy(np.int64)
    rows = []
    for by, name, member, refused in _groups(shown):
        found: dict[str, Any] = {
            "by": by,
            "name": name,
            "borrowers": weight * member.sum(),
            "limit": weight * shown["limit"].to_numpy()[member].sum(),
            "available": weight * available[member].sum(),
        }
        for what, values in (("refused", refused.astype(float)), ("phantom", refused * available)):
            mean = group_means(values, np.where(member, 0, -1), ids, 1, level)
            scale = weight * float(member.sum())
            found |= {
                what: scale * mean.mean[0],
                f"{what}_low": max(scale * mean.low[0], 0.0),
                f"{what}_high": scale * mean.high[0],
            }
        rows.append(found | {"share": found["phantom"] / found["available"]})
    return pd.DataFrame(rows)


def _groups(shown: pd.DataFrame) -> Iterator[tuple[str, str, Flags, Flags]]:
    """By what, which group, who is in it, who of them would be refused; groups that hold nobody are left out."""
    rule = shown["refused_by"].to_numpy(object)
    refused = np.asarray(rule != "")
    everyone = np.ones(len(shown), dtype=bool)
    yield "all", "all", everyone, refused
    for name in (one for one in REFUSED_BY if (rule == one).any()):
        yield "rule", name, everyone, np.asarray(rule == name)
    raised = shown["raised"].to_numpy(bool)
    for name, member in (("yes", raised), ("no", ~raised)):
        if member.any():
            yield "raised", name, member, refused & member
    third = np.ceil(3 * shown["limit"].rank(method="first").to_numpy() / len(shown))
    for place, name in enumerate(THIRDS if len(shown) >= len(THIRDS) else ()):
        yield "limit", name, third == place + 1, refused & (third == place + 1)
