"""The release decision on some requests taken again on other values: model, calibration, cut-off, caps."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from data.book import Book
from explanations.explanation import Explanation
from features.catalogue import Catalogue
from features.matrix import Matrix
from models.boosted import Floats
from models.decisions import BUREAU
from models.parameters import PolicyParameters
from models.policy import CAPS, broken_rules, data_missing, policy_in_force, what_is_read
from models.release_model import Releasing

Flags = NDArray[np.bool_]


@dataclass(frozen=True)
class Refusals:
    """What refuses some requests, whatever values they have; recorded slips are left out.

    Attributes:
        release: The release model.
        in_force: cutoff by request, and the caps where the book has them.
        bureau: Features of the bureau's stream.
        parameters: What the policy holds besides.
    """

    release: Releasing
    in_force: Mapping[str, Floats]
    bureau: Sequence[str]
    parameters: PolicyParameters

    def broken(self, values: NDArray[np.float32], rows: NDArray[np.int64] | slice) -> dict[str, Flags]:
        """Which of some requests break each rule, by rule in the policy's order.

        Args:
            values: Release snapshots, or what is put in their place.
            rows: Whose they are, as places among the requests.
        """
        matrix = Matrix(pd.DataFrame(index=range(len(values))), values, self.release.features)
        missing = data_missing(matrix, self.bureau, self.release.unreadable(values))
        in_force = {name: known[rows] for name, known in self.in_force.items()}
        probability = self.release.pd(values)
        return broken_rules(what_is_read(matrix), probability, in_force, missing, self.parameters)

    def refused(self, values: NDArray[np.float32], rows: NDArray[np.int64] | slice) -> Flags:
        """Which of some requests the rules refuse; see `broken`."""
        return np.asarray(np.logical_or.reduce(list(self.broken(values, rows).values())))


def refused_for(broken: Mapping[str, Flags], refused_by: NDArray[np.object_]) -> dict[str, int]:
    """How many refused requests break the score's cut-off only, that and a rule, a rule only; recorded errors apart.

    Args:
        broken: Which of them break each rule (see `Refusals.broken`).
        refused_by: What each is recorded as refused by.
    """
    error = refused_by == "slip"
    ruled = np.logical_or.reduce([flags for rule, flags in broken.items() if rule != "score"]) & ~error
    score = np.asarray(broken["score"]) & ~error
    kinds = {
        "score_only": score & ~ruled,
        "score_and_rule": score & ruled,
        "rule_only": ruled & ~score,
        "error": error,
    }
    return {kind: int(flags.sum()) for kind, flags in kinds.items()}


def refusals_of(
    book: Book,
    decided: pd.DataFrame,
    release: Releasing,
    catalogue: Catalogue,
    parameters: PolicyParameters,
) -> Refusals:
    """What refuses some decided requests (see `models.decisions`) of a book."""
    in_force = {"cutoff": decided["cutoff"].to_numpy(np.float64)}
    if book.dated:
        policy = policy_in_force(decided, book.whole("policy"))
        in_force |= {cap: policy[cap].to_numpy(np.float64) for cap in CAPS}
    bureau = [feature.name for feature in catalogue.features if feature.stream == BUREAU]
    return Refusals(release, in_force, bureau, parameters)


def with_caps(explanation: Explanation, refusals: Refusals) -> Explanation:
    """The explanation with the caps that were in force, by conflict."""
    caps = {cap: refusals.in_force[cap] for cap in CAPS if cap in refusals.in_force}
    return replace(explanation, conflicts=explanation.conflicts.assign(**caps))
