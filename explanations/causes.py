"""The cause ledger: each conflict split into its causes by replaying both decisions, from what a lender has."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import product

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from data.book import Book
from data.limit_rules import recorded_slip, replayed_limits, rules_of
from data.mechanisms import CAUSES, SUBSETS, shapley_shares
from data.randomness import Draws
from explanations.limits_in_force import reviews_in_force, with_limits
from explanations.neutral import (
    Neutral,
    assessed_change,
    estimate,
    lasting_income,
    without_competition,
    without_misreading,
)
from explanations.parameters import ExplanationParameters
from features.matrix import Matrix
from features.parameters import FeatureParameters
from features.reread import Reread, reread_both
from models.boosted import Floats
from models.decisions import undecidable
from models.favoured import in_any_window
from models.limit_model import LimitModel
from models.overrides import unrecorded_override
from models.parameters import ModelsParameters
from models.release_model import ReleaseModel
from models.replay import Scene, conflicts

SEEN = ("data_lag", "competition", "misread")
"""Causes that act on what the readers saw; policy and errors act on the decisions alone."""

SCENES = 2 ** len(SEEN)
"""Scenes that are replayed: each combination of these."""


@dataclass(frozen=True)
class Ledger:
    """Makes the ledger of a book's conflicts.

    Attributes:
        book: A dated book.
        reviews: Limit snapshots of the reviews of history, from which the estimates are made.
        limit_score: The limit model's score of each of them (log-RMB).
        limit: The limit model.
        release: The release model.
        features: How features are read.
        models: Policy and favour.
        explanations: Number of draws and their seed.
    """

    book: Book
    reviews: Matrix
    limit_score: Floats
    limit: LimitModel
    release: ReleaseModel
    features: FeatureParameters
    models: ModelsParameters
    explanations: ExplanationParameters

    def shares(
        self, request_ids: NDArray[np.int64], on_scene: Callable[[int], None] = lambda done: None
    ) -> pd.DataFrame:
        """Exact Shapley shares of the causes in each conflict.

        Args:
            request_ids: The conflicts.
            on_scene: Told how many of the eight scenes are done.

        Returns:
            By conflict, in the order of `request_ids`: request_id and a column for each of `CAUSES`; rows sum to 1.
        """
        kept = self.conflicts(request_ids, on_scene) if len(request_ids) else np.zeros((0, len(SUBSETS)))
        shares = shapley_shares(kept)
        return pd.DataFrame({"request_id": request_ids, **dict(zip(CAUSES, shares.T, strict=True))})

    def conflicts(
        self, request_ids: NDArray[np.int64], on_scene: Callable[[int], None] = lambda done: None
    ) -> Floats:
        """K by request and subset of causes that are on (in the order of `SUBSETS`): chance of a conflict."""
        at = {subset: column for column, subset in enumerate(SUBSETS)}
        kept = np.zeros((len(request_ids), len(SUBSETS)))
        neutral = estimate(self.reviews, self.book.whole("market"), str(self.book.manifest.first_month))
        hidden = pd.Series(
            unrecorded_override(self.reviews.keys, self.limit_score, self.models.overrides),
            index=self.reviews.keys["review_id"],
        )
        seen, fresh = reread_both(self.book, request_ids, self.features)
        shown = {True: seen, False: fresh}
        for done, switches in enumerate(product((True, False), repeat=len(SEEN)), start=1):
            on = frozenset(name for name, state in zip(SEEN, switches, strict=True) if state)
            scenes = list(self._scenes(shown["data_lag" in on], on, neutral, seen.reviews, hidden))
            for errors, scene in scenes:
                for mechanisms in (on | errors, on | errors | {"policy"}):
                    found = conflicts(scene, mechanisms, self.models)
                    kept[:, at[mechanisms]] += found / (len(scenes) // 2)
            on_scene(done)
        return kept

    def _scenes(
        self, shown: Reread, on: frozenset[str], neutral: Neutral, seen: Matrix, hidden: pd.Series
    ) -> Iterator[tuple[frozenset[str], Scene]]:
        """The scene with and without errors, for each draw of what competition brought.

        An override that nobody recorded has moved the assessed limit, a recorded slip the limit that the rules gave;
        the model's limit knows of neither and takes both.
        """
        rules, policy = rules_of(self.book), self.book.whole("policy")
        recorded = shown.reviews.keys
        slip, override = recorded_slip(recorded, rules), hidden.reindex(recorded["review_id"], fill_value=1.0).to_numpy()
        none = np.ones(len(slip))
        dated = recorded[["review_id", "borrower_id", "reviewed_on"]]
        in_force = reviews_in_force(shown.requests.keys, dated)
        near = in_any_window(shown.requests.keys, dated, self.models.favoured)
        draws = self.explanations.cause_draws if "competition" not in on else 1
        for draw in range(draws):
            requests, reviews, on_request = shown.requests, shown.reviews, shown.on_request
            if "competition" not in on:
                requests, reviews, on_request = (
                    self._without_competition(part, neutral, draw) for part in (requests, reviews, on_request)
                )
            marketing = np.zeros(len(recorded))
            if "misread" not in on:
                lasting = lasting_income(reviews, neutral)
                reviews = without_misreading(reviews, "reviewed_on", neutral, lasting)
                on_request = without_misreading(on_request, "requested_on", neutral, lasting)
                marketing = recorded["marketing"].to_numpy(np.float64)
            score = np.full(len(recorded), np.nan)
            score[near] = self.limit.score(reviews.values[near])
            change = assessed_change(neutral, seen, reviews, marketing)
            assessed = recorded["limit_assessed"].to_numpy(np.float64) * np.exp(change)
            for errors, computed, slipped, executed in (
                (frozenset[str](), assessed / override, none, none),
                (frozenset({"error"}), assessed, slip, slip * override),
            ):
                before, after = replayed_limits(recorded, computed, slipped, rules)
                asked = with_limits(requests, in_force, after)
                yield (
                    errors,
                    Scene(
                        requests=asked,
                        probability=self.release.pd(asked.values),
                        missing=undecidable(self.book, asked, self.release),
                        reviews=dated.assign(limit_before=before, limit_score=score, slip=executed).loc[near],
                        recomputed=None if "data_lag" in on else np.exp(self.limit.score(on_request.values)),
                        policy=policy,
                    ),
                )

    def _without_competition(self, matrix: Matrix, neutral: Neutral, draw: int) -> Matrix:
        draws = Draws(self.explanations.seed, matrix.keys["borrower_id"].to_numpy())
        return without_competition(matrix, neutral, self.features, draws, draw)
