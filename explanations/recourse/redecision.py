"""Requests decided again as their borrowers could have made them: both models and the policy, on changed snapshots."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from data.book import Book
from data.months import to_days
from explanations.recourse.levers import Asked, Floats, Places
from features.catalogue import catalogue_of
from features.context import context
from features.matrix import Matrix, limit_values, request_values
from features.parameters import FeatureParameters
from features.payments import Payments, after_payments
from features.reread import requests_of
from features.snapshots import Reading, Snapshot, joined, readings
from features.standing import standing_readings, taken
from features.streams import read_streams
from features.windows import Values
from models.decisions import undecidable
from models.limit_model import LimitModel
from models.parameters import ModelsParameters
from models.policy import CAPS, REFUSED_BY, broken_rules, month_number, policy_table, what_is_read
from models.release_model import ReleaseModel

Flags = NDArray[np.bool_]

SHOWN = ("request_id", "borrower_id", "review_id", "limit_before", "limit_after")
"""What is needed of the decision on a conflict."""

REFUSALS = (*(rule for rule in REFUSED_BY if rule != "slip"), "limit")
"""What can refuse a changed request: the policy; last, that it exceeds the limit, or that this is no longer a raise."""

_AT_ONCE = 50_000  # rows scored at a time: their snapshots stay below 100 MB


@dataclass(frozen=True)
class Changed:
    """Requests as they could have been made; an entry per request.

    Attributes:
        case: Place of the conflict that it belongs to.
        amount: Amount asked for (RMB).
        term: Months asked for.
        here: Paid to us before (RMB).
        elsewhere: Paid elsewhere before (RMB).
        later: Which of the days that are waited (place in `Decider.later`).
    """

    case: Places
    amount: Floats
    term: Floats
    here: Floats
    elsewhere: Floats
    later: Places

    def taken(self, rows: Places | slice) -> Changed:
        """Some of them."""
        return Changed(*(getattr(self, field.name)[rows] for field in fields(self)))


@dataclass(frozen=True)
class Decider:
    """Some conflicts of a block and all that it takes to decide them again.

    Attributes:
        book: A dated book.
        limit: The limit model.
        release: The release model.
        features: How features are read.
        models: Policy and favour.
        later: Days that may be waited, 0 first.
        requests: amount, term and apr by conflict.
        asked: The release reader's readings of all conflicts after each of `later`, end to end.
        reviewed: The limit reader's readings at the review that favoured each.
        around: The context of that review.
        before: Limit before it (RMB).
        after: The model's limit after it, executed (RMB).
        in_force: The policy in force, by column.
    """

    book: Book
    limit: LimitModel
    release: ReleaseModel
    features: FeatureParameters
    models: ModelsParameters
    later: tuple[int, ...]
    requests: pd.DataFrame
    asked: Mapping[str, Reading]
    reviewed: Mapping[str, Reading]
    around: Mapping[str, Values]
    before: Floats
    after: Floats
    in_force: Mapping[str, Floats]

    @property
    def overdue(self) -> Flags:
        """Which borrowers have something overdue with us."""
        days = self.asked["own_ledger"].features["own_dpd_current"][: len(self.requests)]
        return np.asarray(days >= self.models.policy.overdue_days)

    @property
    def can_pay(self) -> Asked:
        """The requests and what there is to pay with and for."""
        now = {name: values for part in self.asked.values() for name, values in part.amounts.items()}
        liquid = self.asked["income_assets"].features["liquid_assets_30d"]
        first = slice(len(self.requests))
        amount, term, apr = (self.requests[name].to_numpy(np.float64) for name in ("amount", "term", "apr"))
        return Asked(
            amount=amount,
            term=term,
            apr=apr,
            balance=now["balance"][first].astype(np.float64),
            elsewhere=np.nan_to_num(now["balance_elsewhere"][first]).astype(np.float64),
            liquid=liquid[first].astype(np.float64),
        )

    def decide(self, changed: Changed) -> tuple[Flags, Floats]:
        """Whether each request would be released within a limit that still favours it, and its PD.

        What is overdue counts as paid. The record's slips do not count: a new request is decided by the rules.
        """
        refused, probability = self.judge(changed)
        return np.asarray(~refused.any(axis=1)), probability

    def judge(self, changed: Changed) -> tuple[Flags, Floats]:
        """What refuses each request (requests × `REFUSALS`), and its PD; see `decide`."""
        rows = len(changed.case)
        parts = [self._judged(changed.taken(slice(at, at + _AT_ONCE))) for at in range(0, rows, _AT_ONCE)]
        if not parts:
            return np.empty((0, len(REFUSALS)), dtype=bool), np.empty(0)
        refused, probability = zip(*parts, strict=True)
        return np.concatenate(refused), np.concatenate(probability)

    def snapshots(self, changed: Changed) -> tuple[Snapshot, Matrix]:
        """What the release reader would see, and the release model's matrix."""
        at = changed.later * len(self.requests) + changed.case
        seen = joined(after_payments(taken(self.asked, at), self._payments(changed)), self.features)
        asks = pd.DataFrame({"amount": changed.amount, "term": changed.term})
        return seen, Matrix(
            asks, request_values(seen, asks, self.features, self.release.features), self.release.features
        )

    def _judged(self, changed: Changed) -> tuple[Flags, Floats]:
        seen, matrix = self.snapshots(changed)
        probability = self.release.pd(matrix.values)
        in_force = {name: values[changed.case] for name, values in self.in_force.items()}
        missing = undecidable(self.book, matrix, self.release)
        broken = broken_rules(what_is_read(matrix), probability, in_force, missing, self.models.policy)
        needed = changed.amount + seen.balance
        beyond = needed > seen.limit
        rows = np.flatnonzero(~np.logical_or.reduce([beyond, *broken.values()]))
        beyond[rows] = ~self._favoured(changed, needed, rows)
        none = np.zeros_like(beyond)  # of a rule that the book does not have
        return np.stack([*(broken.get(rule, none) for rule in REFUSALS[:-1]), beyond], axis=1), probability

    def _favoured(self, changed: Changed, needed: Floats, rows: Places) -> Flags:
        """Whether the limit model, with the payments in its snapshot, still favours some of the requests."""
        case = changed.case[rows]
        paid = (changed.here[rows] > 0) | (changed.elsewhere[rows] > 0) | self.overdue[case]
        limit = self.after[case]
        some = changed.taken(rows[paid])
        if len(some.case):
            seen = self._limit_score(taken(self.reviewed, some.case), some.case)
            read = after_payments(taken(self.reviewed, some.case), self._payments(some))
            limit[paid] *= np.exp(self._limit_score(read, some.case) - seen)
        least = self.models.favoured.raise_from * self.before[case]
        return (limit >= least) & (needed[rows] <= limit)

    def _limit_score(self, read: Mapping[str, Reading], case: Places) -> Floats:
        around = {name: values[case] for name, values in self.around.items()}
        return self.limit.score(
            limit_values(joined(read, self.features), around, catalogue_of(self.book).limit)
        )

    def _payments(self, changed: Changed) -> Payments:
        here, elsewhere = changed.here.astype(np.float32), changed.elsewhere.astype(np.float32)
        return Payments(here, elsewhere, self.overdue[changed.case])


def decider_of(
    book: Book,
    block: int,
    conflicts: pd.DataFrame,
    later: tuple[int, ...],
    limit: LimitModel,
    release: ReleaseModel,
    features: FeatureParameters,
    models: ModelsParameters,
) -> Decider:
    """Reads what it takes to decide some conflicts of a block again.

    Args:
        book: A dated book.
        block: One of its blocks.
        conflicts: `SHOWN` by conflict of the block.
        later: Days that may be waited, 0 first.
        limit: The limit model.
        release: The release model.
        features: How features are read.
        models: Policy and favour.
    """
    requests = requests_of(book, block, conflicts["request_id"].to_numpy())
    order = pd.Index(requests["request_id"]).get_indexer(pd.Index(conflicts["request_id"]))
    requests = requests.iloc[order].reset_index(drop=True)
    seen = read_streams(book, block, requests["borrower_id"].to_numpy())
    at = seen.positions(requests["borrower_id"].to_numpy())
    reviews = book.table("limit_reviews", block, ["review_id", "reviewed_on"]).set_index("review_id")
    favoured_on = to_days(reviews["reviewed_on"].reindex(conflicts["review_id"].to_numpy(np.int64)))
    policy = policy_table(book.table("policy"), ("cutoff", *CAPS))
    region = seen.region[at]
    return Decider(
        book=book,
        limit=limit,
        release=release,
        features=features,
        models=models,
        later=later,
        requests=requests[["amount", "term", "apr"]],
        asked=standing_readings(seen, at, to_days(requests["requested_on"]), later, features),
        reviewed=readings(seen, at, favoured_on, "limit", features),
        around=context(book, region, favoured_on),
        before=conflicts["limit_before"].to_numpy(np.float64),
        after=conflicts["limit_after"].to_numpy(np.float64),
        in_force=policy.in_force(month_number(requests["requested_on"]), region.astype(np.int64)),
    )
