"""Both decisions on a book's requests under another policy: other cut-offs, caps or favour, other limits."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from data.book import Book
from data.limit_rules import recorded_slip, replayed_limits, rules_of, turns_of
from explanations.causes.limits_in_force import limit_features, reviews_in_force
from explanations.causes.spending import SpendingWeight
from features.matrix import Matrix, replaced
from models.boosted import Floats
from models.decisions import decide_requests
from models.parameters import ModelsParameters
from models.release_model import ReleaseModel

Flags = NDArray[np.bool_]

NOTHING_LEFT = "limit"
"""What refuses a request of which the limit in force leaves nothing."""

_REVIEWS = ["review_id", "borrower_id", "reviewed_on", "limit_before", "limit_assessed", "limit_after"]


@dataclass(frozen=True)
class Policy:
    """How decisions are taken in one world.

    Attributes:
        models: Favour, and what the release policy holds besides cut-offs and caps.
        table: The policy table in place of the book's; None for the book's own.
        cutoff_factor: What every cut-off is multiplied with besides.
        spending: Another weight of spending in limits; None for that of the book.
    """

    models: ModelsParameters
    table: pd.DataFrame | None = None
    cutoff_factor: float = 1.0
    spending: SpendingWeight | None = None


@dataclass(frozen=True)
class Scored:
    """A book's requests and reviews with the scores of both models (see `scored`).

    Attributes:
        book: The book.
        requests: Release snapshots.
        reviews: Limit snapshots.
        limit_score: The limit model's score of each review (log-RMB).
        margin: The release model's score of each request (log-odds, before calibration).
        release: The release model.
        judged: Which requests are looked at.
        calibration: Requests of the calibration period.
    """

    book: Book
    requests: Matrix
    reviews: Matrix
    limit_score: Floats
    margin: Floats
    release: ReleaseModel
    judged: Flags
    calibration: Flags

    @cached_property
    def recorded(self) -> pd.DataFrame:
        """Every review of a dated book, those before history, too, sorted by borrower and date."""
        table = self.book.whole("limit_reviews", _REVIEWS)
        return table.sort_values(["borrower_id", "reviewed_on"], kind="stable", ignore_index=True)


def scored(
    book: Book,
    requests: Matrix,
    reviews: Matrix,
    limit_score: Floats,
    margin: Floats,
    release: ReleaseModel,
    judged: Flags,
    calibration: Flags,
) -> Scored:
    """What is decided on; of a dated book the judged requests alone, since no other has a part in any decision."""
    if not book.dated:
        return Scored(book, requests, reviews, limit_score, margin, release, judged, calibration)
    kept = Matrix(requests.keys[judged].reset_index(drop=True), requests.values[judged], requests.features)
    everyone = np.ones(len(kept.keys), dtype=bool)
    return Scored(book, kept, reviews, limit_score, margin[judged], release, everyone, calibration[judged])


def decided(of: Scored, policy: Policy) -> pd.DataFrame:
    """The decisions on the judged requests in one world.

    With another weight of spending, limits are carried on from review to review by the lender's own rules, and the
    release model reads what follows of them. Who asked for more than his limit would then leave is paid what it
    leaves. Nobody asks for more, or more often, than he did.

    Returns:
        By judged request: the columns of `models.decisions.decide_requests`, and drawn: the amount that is paid out
        where the request is released, 0 where it is not.
    """
    asked, limits = of, None
    if policy.spending is not None and policy.spending.factor != 1:
        asked, limits = _with_other_limits(of, policy.spending)
    found = decide_requests(
        of.book,
        asked.requests,
        asked.reviews,
        asked.limit_score,
        of.release,
        asked.margin,
        of.calibration,
        policy.models,
        policy.table,
        policy.cutoff_factor,
    )
    amount = found["amount"].to_numpy(np.float64, na_value=np.nan)
    drawn = np.where(np.isnan(amount), found["limit_recorded"].to_numpy(np.float64), amount)
    if limits is not None:
        left = limits - found["balance"].to_numpy(np.float64)
        drawn = np.minimum(drawn, np.maximum(left, 0.0))
        nothing = drawn <= 0
        rule = found["refused_by"].to_numpy(object)
        found = found.assign(
            limit_recorded=limits,
            refused=found["refused"] | nothing,
            refused_by=np.where(nothing & (rule == ""), NOTHING_LEFT, rule),
            score_decides=found["score_decides"] & ~nothing,
        )
    paid = np.where(found["refused"].to_numpy(bool), 0.0, drawn)
    told = found.assign(asked=drawn, drawn=paid)[of.judged]
    return told.reset_index(drop=True)


def _with_other_limits(of: Scored, spending: SpendingWeight) -> tuple[Scored, Floats]:
    """The same requests under limits with another weight of spending, and the limit in force (RMB) at each."""
    recorded, rules = of.recorded, rules_of(of.book)
    by_review = pd.Series(spending.shift(of.reviews), index=of.reviews.keys["review_id"].to_numpy())
    shift = by_review.reindex(recorded["review_id"].to_numpy(), fill_value=0.0).to_numpy(np.float64)
    assessed = recorded["limit_assessed"].to_numpy(np.float64) * np.exp(shift)
    before, after = replayed_limits(turns_of(recorded), assessed, recorded_slip(recorded, rules), rules)
    at = pd.Index(recorded["review_id"]).get_indexer(pd.Index(of.reviews.keys["review_id"]))
    keys = of.reviews.keys.assign(
        limit_before=before[at],
        limit_assessed=of.reviews.keys["limit_assessed"].to_numpy(np.float64) * np.exp(by_review.to_numpy()),
    )
    in_force = reviews_in_force(of.requests.keys, recorded)
    requests = replaced(of.requests, limit_features(of.requests.keys, in_force, after))
    other = replace(
        of,
        requests=requests,
        reviews=Matrix(keys, of.reviews.values, of.reviews.features),
        limit_score=of.limit_score + by_review.to_numpy(),
        margin=of.release.margin(requests.values),
    )
    return other, after[in_force.today]
