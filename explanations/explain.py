"""From decided requests to an explanation: why those whom the limit model favoured are refused."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any, TypeVar

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from data.blocks import HERE, Engine
from explanations.agreement import agreement
from explanations.cases import places
from explanations.cohorts import Cohorts, bad_rates, cohorts_of, decision_matrix, funnel, refused_by
from explanations.explanation import Explanation
from explanations.intervals.bootstrap import mean_interval
from explanations.kernel.contrast import shared_contributions
from explanations.parameters import ExplanationParameters
from explanations.remedies.refused_outcomes import refused_outcomes
from features.catalogue import Catalogue
from features.matrix import Matrix
from models.boosted import Boosted
from models.limit_model import LimitModel
from models.policy import CAPS
from models.release_model import ReleaseModel

Floats = NDArray[np.float64]
OnTree = Callable[[int], None]

CONFLICT_COLUMNS = (
    "request_id",
    "borrower_id",
    "requested_on",
    "amount",
    "limit_before",
    "limit_after",
    "limit_score",
    "release_margin",
    "pd",
    "cutoff",
    "refused_by",
    "policy_version",
)
DETAIL_COLUMNS = ("review_id", "observed_bad", "place", "limit_recorded", *CAPS)
"""What is known of a conflict besides."""
REFERENCE_COLUMNS = ("request_id", "limit_score", "release_margin", "requested_on", "cutoff")

Number = TypeVar("Number", np.float32, np.float64)


@dataclass(frozen=True)
class Evidence:
    """What is explained, and from what.

    Attributes:
        decided: Decisions on all requests (see `models.decisions`), in the order of `requests`.
        requests: Release snapshots of all requests.
        reviews: Limit snapshots of the reviews, those before history left out.
        out_of_time: Which requests are judged.
        limit_score: The limit model's score of each review (log-RMB).
        limit_background: Which reviews the limit model's contributions are taken against.
        observed_bad: Outcome of each request; NaN where nobody saw one.
        oracle_bad: Outcome with the draw of each request (simulated books; counted, never explained with).
        limit: The limit model.
        release: The release model.
        catalogue: The features of both.
        performance: Performance of both models, tidy.
        reliability: Bad rate by decile of PD, out of time.
        about: What the summary says of book, models, parameters and versions.
    """

    decided: pd.DataFrame
    requests: Matrix
    reviews: Matrix
    out_of_time: NDArray[np.bool_]
    limit_score: Floats
    limit_background: NDArray[np.bool_]
    observed_bad: Floats
    oracle_bad: Floats | None
    limit: LimitModel
    release: ReleaseModel
    catalogue: Catalogue
    performance: pd.DataFrame
    reliability: pd.DataFrame
    about: dict[str, Any]


def explain(
    evidence: Evidence,
    parameters: ExplanationParameters,
    on_tree: OnTree = lambda done: None,
    engine: Engine = HERE,
) -> Explanation:
    """Explains every conflict against the whole reference cohort.

    Args:
        evidence: Decisions, matrices and models.
        parameters: How intervals are taken.
        on_tree: Told how many trees are done, of the release model's and then the limit model's.
        engine: Where the contributions are computed; changes nothing in the result.

    Raises:
        DataFault: There are conflicts, but nobody was favoured and released to compare them with.
    """
    decided = evidence.decided
    cohorts = cohorts_of(decided, evidence.out_of_time)
    conflicts = decided.loc[cohorts.conflict].assign(observed_bad=evidence.observed_bad[cohorts.conflict])
    conflicts = conflicts.assign(
        review_id=conflicts["review_id"].astype("int64"), place=places(conflicts, parameters.cases)
    )
    conflicts = conflicts.reindex(columns=[*CONFLICT_COLUMNS, *DETAIL_COLUMNS]).reset_index(drop=True)
    reference = decided.loc[cohorts.reference].reindex(columns=list(REFERENCE_COLUMNS)).reset_index(drop=True)
    limit_rows = _favouring_reviews(decided, evidence.reviews, cohorts)
    in_conflict = cohorts.conflict[cohorts.conflict | cohorts.reference]
    release_values = evidence.requests.values
    release_given = _contributions(
        evidence.release,
        release_values[cohorts.conflict],
        release_values[cohorts.reference],
        None,
        conflicts,
        on_tree,
        engine,
    )
    limit_given = _contributions(
        evidence.limit,
        evidence.reviews.values[limit_rows[in_conflict]],
        _rows(evidence.reviews.values, evidence.limit_background),
        _rows(evidence.limit_score, evidence.limit_background),
        conflicts,
        lambda done: on_tree(evidence.release.booster.num_trees() + done),
        engine,
    )
    by_score = cohorts.by_score[cohorts.conflict]
    return Explanation(
        summary=_summary(evidence, cohorts, parameters),
        catalogue=evidence.catalogue,
        calibration=evidence.release.calibration,
        conflicts=conflicts,
        reference=reference,
        release_features=_features(
            evidence.requests, np.flatnonzero(cohorts.conflict | cohorts.reference), decided, cohorts
        ),
        limit_features=_features(evidence.reviews, limit_rows, decided, cohorts),
        release_contributions=release_given,
        limit_contributions=limit_given,
        contrast=_contrast(
            evidence.catalogue, release_given, limit_given, conflicts["borrower_id"], by_score, parameters
        ),
        decision_matrix=decision_matrix(decided, cohorts, evidence.observed_bad, evidence.oracle_bad),
        performance=evidence.performance,
        reliability=evidence.reliability,
        funnel=funnel(decided, cohorts),
    )


def _favouring_reviews(decided: pd.DataFrame, reviews: Matrix, cohorts: Cohorts) -> NDArray[np.int64]:
    """Row among the reviews that favours each request of either cohort."""
    rows = pd.Index(reviews.keys["review_id"].to_numpy())
    wanted = decided.loc[cohorts.conflict | cohorts.reference, "review_id"].to_numpy(np.int64)
    return np.asarray(rows.get_indexer(wanted), dtype=np.int64)


def _rows(values: NDArray[Number], wanted: NDArray[np.bool_]) -> NDArray[Number]:
    """The rows that are wanted; where all are, without a copy of what is a large part of all memory."""
    return values if wanted.all() else values[wanted]


def _contributions(
    model: Boosted,
    rows: NDArray[np.float32],
    background: NDArray[np.float32],
    background_score: Floats | None,
    conflicts: pd.DataFrame,
    on_tree: OnTree,
    engine: Engine,
) -> pd.DataFrame:
    """A row per conflict: request_id, base, one column per feature; base + Σ is the model's raw score."""
    if len(rows):
        values, base = shared_contributions(
            model.booster,
            rows,
            background,
            background_score,
            engine=engine,
            on_tree=lambda done, trees: on_tree(done),
        )
    else:
        values, base = np.zeros((0, len(model.features))), np.nan
    head = pd.DataFrame({"request_id": conflicts["request_id"], "base": np.full(len(conflicts), base)})
    return pd.concat([head, pd.DataFrame(values, columns=list(model.features))], axis=1)


def _features(
    matrix: Matrix, rows: NDArray[np.int64], decided: pd.DataFrame, cohorts: Cohorts
) -> pd.DataFrame:
    """A row per conflict or reference request: request_id, cohort, the matrix as it was scored."""
    either = cohorts.conflict | cohorts.reference
    head = pd.DataFrame(
        {
            "request_id": decided.loc[either, "request_id"].to_numpy(),
            "cohort": np.where(cohorts.conflict[either], "conflict", "reference"),
        }
    )
    return pd.concat([head, pd.DataFrame(matrix.values[rows], columns=list(matrix.features))], axis=1)


def _contrast(
    catalogue: Catalogue,
    release: pd.DataFrame,
    limit: pd.DataFrame,
    borrower_id: pd.Series,
    by_score: NDArray[np.bool_],
    parameters: ExplanationParameters,
) -> pd.DataFrame:
    """Mean push of each feature in both models over the conflicts refused by score, with intervals."""
    table = pd.DataFrame({"feature": [feature.name for feature in catalogue.features]})
    for name, given in (("release", release), ("limit", limit)):
        means = _means(given.drop(columns=["request_id", "base"]), borrower_id, by_score, parameters)
        table = table.merge(means.add_prefix(f"{name}_"), left_on="feature", right_index=True, how="left")
    return table.sort_values("release_mean", ascending=False, kind="stable", ignore_index=True)


def _means(
    given: pd.DataFrame,
    borrower_id: pd.Series,
    by_score: NDArray[np.bool_],
    parameters: ExplanationParameters,
) -> pd.DataFrame:
    values = given.to_numpy(np.float64)[by_score]
    if not len(values):
        return pd.DataFrame(np.nan, index=given.columns, columns=["mean", "low", "high"])
    who = borrower_id.to_numpy(np.int64)[by_score]
    draws, level, seed = parameters.bootstrap_draws, parameters.bootstrap_level, parameters.seed
    low, high = mean_interval(values, who, draws=draws, seed=seed, level=level)
    return pd.DataFrame({"mean": values.mean(axis=0), "low": low, "high": high}, index=given.columns)


def _summary(evidence: Evidence, cohorts: Cohorts, parameters: ExplanationParameters) -> dict[str, Any]:
    decided, oracle = evidence.decided, evidence.oracle_bad
    counts = {
        "requests": int(cohorts.judged.sum()),
        "favoured": int((cohorts.conflict | cohorts.reference).sum()),
        "refused": int((cohorts.judged & decided["refused"].to_numpy(bool)).sum()),
        "conflicts": int(cohorts.conflict.sum()),
        "conflicts_by": refused_by(decided, cohorts),
        "reference": int(cohorts.reference.sum()),
    }
    rates = bad_rates(decided, cohorts, evidence.observed_bad, evidence.oracle_bad)
    calibration = asdict(evidence.release.calibration)
    fared = refused_outcomes(
        decided[cohorts.conflict],
        evidence.observed_bad[cohorts.conflict],
        None if oracle is None else oracle[cohorts.conflict],
        parameters,
    )
    found = {
        "counts": counts,
        "bad_rates": rates,
        "refused_outcomes": fared,
        "period": _period(decided, cohorts),
        "agreement": agreement(decided, cohorts.judged),
    }
    return evidence.about | found | {"calibration": calibration}


def _period(decided: pd.DataFrame, cohorts: Cohorts) -> dict[str, str | None]:
    if "requested_on" not in decided or not cohorts.judged.any():
        return {"from": None, "to": None}
    dates = decided.loc[cohorts.judged, "requested_on"]
    return {"from": f"{dates.min():%Y-%m-%d}", "to": f"{dates.max():%Y-%m-%d}"}
