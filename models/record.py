"""The lender's record beside the models: whom a recorded limit favoured, whom the record shows refused.

A conflict is one on the models' decisions, on the record, or on both, as `models.conflicts` says.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from data.book import Book
from data.errors import CallError
from features.matrix import Matrix
from models.boosted import Floats
from models.favoured import SHOWN, favoured
from models.parameters import ConflictsOn, FavouredParameters, ModelsParameters
from models.policy import RECORD, Flags

SIDES = ("favoured", "refused")
"""What both the models and the record say of a request."""


@dataclass(frozen=True)
class Recorded:
    """What the record says of draw requests, one row each.

    Attributes:
        favoured: The review that favours each by its recorded limit, as `models.favoured.favoured`; None where the
            book does not record it.
        refused: Which were refused; None where the book does not record it.
        at_random: Which were released at random, so that the record tells no judgement on them.
    """

    favoured: pd.DataFrame | None
    refused: Flags | None
    at_random: Flags


def as_told(
    decided: pd.DataFrame,
    book: Book,
    requests: Matrix,
    reviews: Matrix,
    limit_score: Floats,
    parameters: ModelsParameters,
) -> pd.DataFrame:
    """The models' decisions on requests of a book, with its record, as conflicts are to be told on (`with_record`)."""
    found = recorded(book, requests.keys, reviews, limit_score, parameters.favoured)
    return with_record(decided, found, parameters.conflicts)


def recorded(
    book: Book,
    requests: pd.DataFrame,
    reviews: Matrix,
    limit_score: Floats,
    parameters: FavouredParameters,
) -> Recorded:
    """What the record says of some draw requests.

    A dated book favours a request on the record where a review does by its executed limit, by the same rule as by the
    limit model's. A flat book says itself who was favoured and refused, if its mapping names the columns.

    Args:
        book: The book.
        requests: Keys of the requests (`Matrix.keys`).
        reviews: Limit snapshots of the reviews, those before history left out.
        limit_score: The limit model's score of each review (log-RMB), to be shown.
        parameters: What counts as favoured.
    """
    nowhere = np.zeros(len(requests), dtype=bool)
    at_random = requests["random_release"].to_numpy(bool) if "random_release" in requests else nowhere
    refused = (
        (requests["decision_executed"] == "refuse").to_numpy() if "decision_executed" in requests else None
    )
    if book.dated:
        return Recorded(
            _favoured_by_limits(requests, reviews.keys, limit_score, parameters), refused, at_random
        )
    return Recorded(_favoured_as_said(requests, reviews.keys, limit_score), refused, at_random)


def with_record(decided: pd.DataFrame, found: Recorded, on: ConflictsOn) -> pd.DataFrame:
    """Decisions with what the record says, and `favoured` and `refused` as conflicts are to be told on.

    On the record they are the record's, where it says so: `refused_by` names the rule of the models that refuses as
    well, or `record` where none does, and another cut-off changes nothing where both differ (`score_decides`). On both,
    those alone are favoured whom both favour and of whom both say the same, released or refused: the others are
    neither a conflict nor a reference.

    Args:
        decided: Decisions of both models (see `models.decisions.decide_requests`), in the order of `found`.
        found: What the record says.
        on: What conflicts are told on.

    Returns:
        The decisions with SIDE_model and, where the record tells it, SIDE_record by side of `SIDES`; at_random.

    Raises:
        CallError: Conflicts are to be told on a record that the book does not hold.
    """
    said = {
        "favoured": None if found.favoured is None else found.favoured["favoured"].to_numpy(bool),
        "refused": found.refused,
    }
    if on != "models" and found.refused is None:
        raise CallError(
            f"models.conflicts is {on}, but this book records no decisions on releases; name their column in the "
            "mapping (`policy.decision`) and import the file again, or take models.conflicts=models."
        )
    told = decided.assign(at_random=found.at_random)
    for side in SIDES:
        told[f"{side}_model"] = decided[side].to_numpy(bool)
        if said[side] is not None:
            told[f"{side}_record"] = said[side]
    if on == "models" or found.refused is None:
        return told
    same = told["refused_model"].to_numpy() == found.refused
    if on == "both":
        by_both = told["favoured_model"] & told.get("favoured_record", True)
        return told.assign(favoured=by_both & same)
    rule = told["refused_by"].to_numpy(object)
    told = told.assign(
        refused=found.refused,
        refused_by=np.where(found.refused, np.where(rule == "", RECORD, rule), ""),
        score_decides=told["score_decides"].to_numpy(bool) & same,
    )
    if found.favoured is not None:
        told[[*SHOWN, "favoured"]] = found.favoured[[*SHOWN, "favoured"]]
    return told


def _favoured_by_limits(
    requests: pd.DataFrame, reviews: pd.DataFrame, limit_score: Floats, parameters: FavouredParameters
) -> pd.DataFrame:
    limit = reviews["limit_after"].to_numpy(np.float64)
    with np.errstate(divide="ignore", invalid="ignore"):
        granted = reviews.assign(limit_score=np.log(limit), slip=1.0)
    shown = favoured(requests, granted, parameters)
    score = pd.Series(limit_score, index=reviews["review_id"].to_numpy())
    return shown.assign(limit_score=shown["review_id"].map(score))


def _favoured_as_said(
    requests: pd.DataFrame, reviews: pd.DataFrame, limit_score: Floats
) -> pd.DataFrame | None:
    if "favoured" not in reviews:
        return None
    said = reviews[["borrower_id", "review_id", "favoured"]].assign(
        limit_score=limit_score,
        limit_before=np.nan,
        limit_after=reviews["limit_assessed"].to_numpy(np.float64),
    )
    said = said.astype({"review_id": "Int64"})
    found = requests[["borrower_id"]].merge(said, on="borrower_id", how="left", validate="many_to_one")
    return found[[*SHOWN, "favoured"]].fillna({"favoured": False}).set_index(requests.index)
