"""The cause ledger: each conflict split into its causes by replaying both decisions, from what a lender has."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from itertools import product
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from data.blocks import HERE, Engine, Track, untracked
from data.book import Book
from data.limit_rules import Rules, Turns, recorded_slip, replayed_limits, rules_of, turns_of
from data.mechanisms import CAUSES, SUBSETS, shapley_shares
from data.randomness import Draws
from explanations.causes.estimates import Neutral, assessed_change, assessed_from, estimate, lasting_income
from explanations.causes.limits_in_force import InForce, limit_features, reviews_in_force
from explanations.causes.neutral import without_competition, without_misreading
from explanations.causes.outcomes import Outcomes, as_they_were, distinct
from explanations.causes.spending import SpendingWeight
from explanations.parameters import ExplanationParameters
from features.matrix import Matrix, replaced
from features.parameters import FeatureParameters
from features.reread import Reread, requests_by_block, reread_block
from models.boosted import Floats
from models.decisions import undecidable
from models.favoured import in_any_window
from models.limit_model import LimitModel
from models.overrides import unrecorded_override
from models.parameters import ModelsParameters
from models.policy import what_is_read
from models.release_model import ReleaseModel
from models.replay import Asked, Scene, asked_of, conflicts, decisions

SEEN = ("data_lag", "competition", "misread")
"""Causes that act on what the readers saw; policy and errors act on the decisions alone."""


@dataclass(frozen=True)
class Ledger:
    """Makes the ledger of a book's conflicts.

    Attributes:
        book: A dated book.
        reviews: Limit snapshots of the book's reviews, from which the estimates are made.
        limit_score: The limit model's score of each of them (log-RMB).
        limit: The limit model.
        release: The release model.
        features: How features are read.
        models: Policy and favour.
        explanations: Number of draws and their seed.
        policy: A policy table in force in place of the book's.
        spending: Another weight of spending in limits.
    """

    book: Book
    reviews: Matrix
    limit_score: Floats
    limit: LimitModel
    release: ReleaseModel
    features: FeatureParameters
    models: ModelsParameters
    explanations: ExplanationParameters
    policy: pd.DataFrame | None = None
    spending: SpendingWeight | None = None

    def shares(
        self, request_ids: NDArray[np.int64], engine: Engine = HERE, track: Track[Any] = untracked
    ) -> pd.DataFrame:
        """Exact Shapley shares of the causes in each conflict.

        Args:
            request_ids: The conflicts.
            engine: Where their blocks are worked on; changes nothing in the result.
            track: Follows the blocks as they are done.

        Returns:
            By conflict, in the order of `request_ids`: request_id and a column for each of `CAUSES`; rows sum to 1.
        """
        shares = shapley_shares(self.conflicts(request_ids, engine, track))
        return pd.DataFrame({"request_id": request_ids, **dict(zip(CAUSES, shares.T, strict=True))})

    def conflicts(
        self, request_ids: NDArray[np.int64], engine: Engine = HERE, track: Track[Any] = untracked
    ) -> Floats:
        """K by request and subset of causes that are on (in the order of `SUBSETS`): chance of a conflict."""
        kept = np.zeros((len(request_ids), len(SUBSETS)))
        if not len(request_ids):
            return kept
        jobs = list(self._jobs(request_ids))
        place = pd.Index(request_ids)
        for found, part in track(engine.map_blocks(partial(_kept_in_block, self._lender), jobs), len(jobs)):
            kept[place.get_indexer(pd.Index(found))] = part
        return kept

    def without(
        self,
        request_ids: NDArray[np.int64],
        causes: Sequence[str],
        engine: Engine = HERE,
        track: Track[Any] = untracked,
    ) -> pd.DataFrame:
        """Both decisions on some requests with one cause off at a time and all others on.

        Args:
            request_ids: The requests, in conflict or not.
            causes: Which causes are switched off in turn; competition, of which nobody knows what it brought, is not
                among them.
            engine: Where their blocks are worked on; changes nothing in the result.
            track: Follows the blocks as they are done.

        Returns:
            By cause and request, in the order of both: cause, request_id, favoured, refused.
        """
        work = partial(_without_in_block, self._lender, tuple(causes))
        jobs = list(self._jobs(request_ids)) if len(request_ids) else []
        parts = list(track(engine.map_blocks(work, jobs), len(jobs)))
        if not parts:
            flags = np.empty(0, dtype=bool)
            return pd.DataFrame(
                {"cause": [], "request_id": request_ids[:0], "favoured": flags, "refused": flags}
            )
        found = pd.concat(parts, ignore_index=True)
        cause = pd.Index(causes).get_indexer(pd.Index(found["cause"]))
        request = pd.Index(request_ids).get_indexer(pd.Index(found["request_id"]))
        ordered: pd.DataFrame = found.iloc[np.lexsort((request, cause))].reset_index(drop=True)
        return ordered

    @cached_property
    def _lender(self) -> Lender:
        return Lender(
            book=self.book.absolute(),
            neutral=estimate(self.reviews, self.book.whole("market"), str(self.book.manifest.first_month)),
            limit=self.limit,
            release=self.release,
            features=self.features,
            models=self.models,
            explanations=self.explanations,
            policy=self.policy,
            spending=self.spending,
        )

    def _jobs(self, request_ids: NDArray[np.int64]) -> Iterator[Job]:
        override = unrecorded_override(self.reviews.keys, self.limit_score, self.models.overrides)
        some = override != 1
        keys = self.reviews.keys.loc[some, ["review_id", "borrower_id"]]
        for block, requests in requests_by_block(self.book, request_ids):
            his = keys["borrower_id"].isin(requests["borrower_id"]).to_numpy()
            overrides = pd.Series(override[some][his], index=keys["review_id"].to_numpy()[his])
            yield Job(block, requests["request_id"].to_numpy(), overrides)


@dataclass(frozen=True)
class Lender:
    """What the ledger of every block takes: the book, its models, and the estimates from the whole of it."""

    book: Book
    neutral: Neutral
    limit: LimitModel
    release: ReleaseModel
    features: FeatureParameters
    models: ModelsParameters
    explanations: ExplanationParameters
    policy: pd.DataFrame | None = None
    spending: SpendingWeight | None = None


@dataclass(frozen=True)
class Job:
    """The conflicts of a block.

    Attributes:
        block: The block.
        request_ids: The conflicts.
        overrides: Factor of the reviews of these borrowers that were overwritten by hand, by review_id.
    """

    block: int
    request_ids: NDArray[np.int64]
    overrides: pd.Series


@dataclass(frozen=True)
class Record:
    """What the record tells of some conflicts, whatever is switched on or off.

    An override that nobody recorded has moved the assessed limit, a recorded slip the limit that the rules gave;
    the model's limit knows of neither and takes both.

    Attributes:
        rules: The lender's rules.
        turns: The reviews of the borrowers, in the order in which limits follow from each other.
        assessed: Assessed limit of each review (RMB).
        marketing: Whether each came with an incentive (0 or 1).
        slip: Factor of the recorded slip of each.
        override: Factor of the unrecorded override of each.
        seen: What a limit formula read at each (`explanations.causes.estimates.assessed_from`).
        near: Which reviews can favour a request.
        in_force: The reviews that put the limits in force that the release snapshots read.
        asked: The requests.
    """

    rules: Rules
    turns: Turns
    assessed: Floats
    marketing: Floats
    slip: Floats
    override: Floats
    seen: Floats
    near: NDArray[np.bool_]
    in_force: InForce
    asked: Asked


def _kept_in_block(lender: Lender, job: Job) -> tuple[NDArray[np.int64], Floats]:
    """The conflicts of a block in its own order, and K of each by subset of causes that are on."""
    ways = reread_block(lender.book, job.block, job.request_ids, lender.features, (False, True))
    record = _record_of(lender, ways[0], job.overrides)
    at = {subset: column for column, subset in enumerate(SUBSETS)}
    ids = ways[0].requests.keys["request_id"].to_numpy(np.int64)
    kept = np.zeros((len(ids), len(SUBSETS)))
    for late, competing in product((True, False), repeat=2):
        shown = ways[0 if late else 1]
        parts = (shown.requests, shown.reviews, shown.on_request)
        outcomes = [as_they_were(part) if competing else _without_competition(lender, part) for part in parts]
        for misread in (True, False):
            on = frozenset(
                name for name, state in zip(SEEN, (late, competing, misread), strict=True) if state
            )
            for errors, scene in _scenes(lender, record, shown, outcomes, on):
                for mechanisms in (on | errors, on | errors | {"policy"}):
                    found = conflicts(record.asked, scene, mechanisms, lender.models)
                    kept[:, at[mechanisms]] = found.mean(axis=0)
    return ids, kept


def _without_in_block(lender: Lender, causes: tuple[str, ...], job: Job) -> pd.DataFrame:
    """The decisions on the requests of a block with each cause off: cause, request_id, favoured, refused."""
    # What the readers saw is read anew only where a cause acts on it.
    ways = (False, True) if "data_lag" in causes else (False,)
    read = reread_block(lender.book, job.block, job.request_ids, lender.features, ways)
    record = _record_of(lender, read[0], job.overrides)
    ids = read[0].requests.keys["request_id"].to_numpy(np.int64)
    parts = []
    for off in dict.fromkeys(cause if cause in SEEN else None for cause in causes):
        shown = read[1 if off == "data_lag" else 0]
        outcomes = [as_they_were(part) for part in (shown.requests, shown.reviews, shown.on_request)]
        seen = frozenset(SEEN) - {off}
        scenes = {
            "error" in errors: scene for errors, scene in _scenes(lender, record, shown, outcomes, seen)
        }
        for cause in causes:
            if (cause if cause in SEEN else None) == off:
                on = frozenset(CAUSES) - {cause}
                favoured, refused = decisions(record.asked, scenes["error" in on], on, lender.models)
                told = {"cause": cause, "request_id": ids, "favoured": favoured[0], "refused": refused[0]}
                parts.append(pd.DataFrame(told))
    return pd.concat(parts, ignore_index=True)


def _record_of(lender: Lender, shown: Reread, overrides: pd.Series) -> Record:
    rules, recorded, requests = rules_of(lender.book), shown.reviews.keys, shown.requests.keys
    policy = lender.book.table("policy") if lender.policy is None else lender.policy
    asked = asked_of(requests, recorded, policy, lender.models)
    assessed = recorded["limit_assessed"].to_numpy(np.float64)
    if lender.spending is not None:
        assessed = assessed * np.exp(lender.spending.shift(shown.reviews))
    return Record(
        rules=rules,
        turns=turns_of(recorded),
        assessed=assessed,
        marketing=recorded["marketing"].to_numpy(np.float64),
        slip=recorded_slip(recorded, rules),
        override=overrides.reindex(recorded["review_id"], fill_value=1.0).to_numpy(np.float64),
        seen=assessed_from(shown.reviews, np.zeros(len(recorded))),
        near=in_any_window(asked.windows, len(recorded)),
        in_force=reviews_in_force(requests, recorded),
        asked=asked,
    )


def _without_competition(lender: Lender, matrix: Matrix) -> Outcomes:
    numbers = Draws(lender.explanations.seed, matrix.keys["borrower_id"].to_numpy())
    return without_competition(
        matrix, lender.neutral, lender.features, numbers, lender.explanations.cause_draws
    )


def _scenes(
    lender: Lender, record: Record, shown: Reread, outcomes: list[Outcomes], on: frozenset[str]
) -> Iterator[tuple[frozenset[str], Scene]]:
    """The scenes without and with errors, each with a world for each draw of what competition brought."""
    neutral = lender.neutral
    requests, reviews, on_request = outcomes
    reviewed, today = reviews.matrix, on_request.matrix
    marketing = np.zeros(len(record.marketing))
    if "misread" not in on:
        lasting = lasting_income(shown.reviews, neutral)
        reviewed = without_misreading(reviewed, "reviewed_on", neutral, lasting)
        today = without_misreading(today, "requested_on", neutral, lasting)
        marketing = record.marketing
    limit = np.full(len(reviews.row), np.nan)
    near = record.near[reviews.row]
    limit[near] = lender.limit.limit(reviewed.values[near])
    if lender.spending is not None:
        neutral = lender.spending.of(neutral)
        limit = limit * np.exp(lender.spending.shift(reviewed))
    then = assessed_from(reviewed, -marketing[reviews.row])
    change = assessed_change(neutral, record.seen[reviews.row], then)
    assessed = record.assessed * np.exp(change)[reviews.place]
    none = np.ones(len(record.slip))
    before, after = replayed_limits(
        record.turns,
        np.stack([assessed / record.override, assessed]),
        np.stack([none, record.slip])[:, None, :],
        record.rules,
    )
    recomputed = None
    if "data_lag" not in on:
        computed = lender.limit.limit(today.values)
        if lender.spending is not None:
            computed = computed * np.exp(lender.spending.shift(today))
        recomputed = computed[on_request.place]
    read, probability, missing = _released(lender, record, shown.requests.keys, requests, after)
    for world, errors in enumerate((frozenset[str](), frozenset({"error"}))):
        yield (
            errors,
            Scene(
                read={name: values[world] for name, values in read.items()},
                probability=probability[world],
                missing=missing[world],
                balance=shown.requests.keys["balance"].to_numpy(np.float64),
                before=before[world],
                limit=limit[reviews.place],
                slip=record.slip * record.override if errors else none,
                recomputed=recomputed,
            ),
        )


def _released(
    lender: Lender, record: Record, keys: pd.DataFrame, requests: Outcomes, limit_after: Floats
) -> tuple[dict[str, Floats], Floats, NDArray[np.bool_]]:
    """What the policy reads, PD and lack of data of the requests under other limits; what is alike is scored once."""
    by_name = limit_features(keys, record.in_force, limit_after)
    outcome = np.broadcast_to(requests.place, next(iter(by_name.values())).shape)
    first, place = distinct(outcome, *by_name.values())
    at = outcome.ravel()[first]
    given = Matrix(pd.DataFrame(index=range(len(at))), requests.matrix.values[at], requests.matrix.features)
    asked = replaced(given, {name: values.ravel()[first] for name, values in by_name.items()})
    read = {name: values[place] for name, values in what_is_read(asked).items()}
    missing = undecidable(lender.book, asked, lender.release)[place]
    return read, lender.release.pd(asked.values)[place], missing
