"""Both models and the policy on every draw request of a book: who is favoured, who is refused, by what."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from data.book import Book
from data.errors import DataFault
from features.catalogue import catalogue_of
from features.matrix import Matrix
from models.boosted import Floats
from models.favoured import favoured, favoured_by_share
from models.overrides import unrecorded_override
from models.parameters import ModelsParameters
from models.policy import data_missing, decide, one_cutoff, policy_in_force
from models.release_model import Releasing
from models.top_share import top_share_from

BUREAU = "bureau"


def decide_requests(
    book: Book,
    requests: Matrix,
    reviews: Matrix,
    limit_score: Floats,
    release: Releasing,
    margin: Floats,
    calibration: NDArray[np.bool_],
    parameters: ModelsParameters,
    policy: pd.DataFrame | None = None,
    cutoff_factor: float = 1.0,
) -> pd.DataFrame:
    """Scores and decisions of both models on each draw request.

    Args:
        book: The book that the matrices were made from.
        requests: Release snapshots of all requests.
        reviews: Limit snapshots of the reviews, those before history left out.
        limit_score: The limit model's score of each review (log-RMB).
        release: The release model, or what stands in for it.
        margin: Its score of each request (log-odds, before calibration).
        calibration: Requests of the calibration period; a book without a policy table sets its cut-off there.
        parameters: Policy and favour.
        policy: A policy table to take in place of the book's.
        cutoff_factor: What every cut-off is multiplied with.

    Returns:
        By request: release_margin (log-odds), pd, cutoff, refused, refused_by, policy_version, favoured, and
        of the favouring (else the latest) review review_id, limit_score (log-RMB), limit_before, limit_after;
        limit_recorded (RMB), the limit in force as the lender recorded it.
    """
    if not len(requests.keys):
        raise DataFault(f"{book.path} holds no draw requests; take a larger book.")
    probability = release.calibration.pd(margin)
    scored = reviews.keys.assign(limit_score=limit_score)
    if book.dated:
        in_force = policy_in_force(requests.keys, book.whole("policy") if policy is None else policy)
        slip = scored.get("slip", 1.0) * unrecorded_override(reviews.keys, limit_score, parameters.overrides)
        shown = favoured(requests.keys, scored.assign(slip=slip), parameters.favoured)
        version = in_force["policy_version"].astype(str)
        recorded = requests.keys["limit_after"]
    else:
        in_force = one_cutoff(
            requests.keys, _share_cutoff(book, probability[calibration], requests.keys[calibration])
        )
        shown = _favoured_top_share(book, requests.keys, scored, calibration)
        version = pd.Series("mapping", index=requests.keys.index)
        granted = reviews.keys.set_index("borrower_id")["limit_assessed"]
        recorded = requests.keys["borrower_id"].map(granted)
    if cutoff_factor != 1:
        in_force = in_force.assign(cutoff=in_force["cutoff"] * cutoff_factor)
    missing = undecidable(book, requests, release)
    decided = decide(requests.keys, requests, probability, in_force, missing, parameters.policy)
    scores = pd.DataFrame(
        {
            "release_margin": margin,
            "pd": probability,
            "policy_version": version,
            "limit_recorded": recorded,
        },
        index=requests.keys.index,
    )
    in_force_review = {"review_id", "limit_before", "limit_after"} & set(requests.keys)
    keys = requests.keys.drop(columns=sorted(in_force_review))
    return pd.concat([keys.drop(columns=["policy_version"], errors="ignore"), scores, decided, shown], axis=1)


def undecidable(book: Book, requests: Matrix, release: Releasing) -> NDArray[np.bool_]:
    """Requests on which the data do not allow a decision."""
    bureau = [feature.name for feature in catalogue_of(book).features if feature.stream == BUREAU]
    return data_missing(requests, bureau, release.unreadable(requests.values))


def _share_cutoff(book: Book, probability: Floats, keys: pd.DataFrame) -> float:
    """The cut-off above which the mapping's share of the calibration period lies, or the share refused on record."""
    share = _mapping(book)["policy"].get("refused_top_share")
    if share is None:
        share = (keys["decision_executed"] == "refuse").mean()
    return top_share_from(probability, float(share))


def _favoured_top_share(
    book: Book, keys: pd.DataFrame, scored: pd.DataFrame, calibration: NDArray[np.bool_]
) -> pd.DataFrame:
    held = scored[scored["borrower_id"].isin(keys.loc[calibration, "borrower_id"])]
    share = _mapping(book).get("favoured_top_share")
    if share is None:
        share = held["favoured"].mean()
    least = top_share_from(held["limit_score"].to_numpy(np.float64), float(share))
    return favoured_by_share(keys, scored, least)


def _mapping(book: Book) -> dict[str, Any]:
    if book.manifest.mapping is None:
        raise DataFault(f"{book.path} is an imported book without its mapping; import the file again.")
    return book.manifest.mapping
