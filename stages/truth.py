"""What a simulated book lets be known: the true causes, and how near the ledger and the features come."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from commandline import Console
from settings import Settings

if TYPE_CHECKING:
    import pandas as pd

    from data.book import Book
    from explanations.cohorts import Cohorts
    from features.matrix import Matrix
    from models.boosted import Floats
    from models.limit_model import LimitModel
    from models.release_model import ReleaseModel


def true_conflicts_of(
    book: Book,
    conflicts: pd.DataFrame,
    limit: LimitModel,
    release: ReleaseModel,
    settings: Settings,
    console: Console,
) -> Floats:
    """K of each conflict in the worlds of every subset of mechanisms."""
    from explanations.truth.worlds import WORLDS, true_conflicts

    ids = conflicts["request_id"].to_numpy()
    with console.step("Living the world through again", WORLDS) as move:
        return true_conflicts(book, ids, limit, release, settings.features, settings.models, move)


def group_contributions(
    book: Book,
    requests: Matrix,
    conflicts: pd.DataFrame,
    reference: pd.DataFrame,
    release: ReleaseModel,
    console: Console,
) -> tuple[Floats, Floats]:
    """True contributions of groups of state to each conflict, and the model's; NaN where the score does not refuse."""
    import numpy as np

    from data.states import states_of, world_of
    from explanations.kernel.contrast import contributions
    from explanations.truth.fidelity import GROUPS, model_contributions, state_contributions
    from features.catalogue import catalogue_of

    by_score = (conflicts["refused_by"] == "score").to_numpy()
    state, model = (np.full((len(conflicts), len(GROUPS)), np.nan) for _ in range(2))
    if not by_score.any() or not len(reference):
        return state, model
    catalogue = catalogue_of(book)
    refused = conflicts[by_score]
    with console.step("Holding the features against the state of the world"):
        states = [states_of(book, part["request_id"].to_numpy()) for part in (refused, reference)]
        state[by_score] = state_contributions(states[0], states[1], world_of(book))
        rows = [requests.values[part["row"].to_numpy()] for part in (refused, reference)]
        pushes, _ = contributions(release.booster, rows[0], rows[1])
        model[by_score] = model_contributions(pushes, [catalogue[name] for name in catalogue.release])
    return state, model


def checked_causes(
    book: Book,
    requests: Matrix,
    decided: pd.DataFrame,
    members: Cohorts,
    causes: pd.DataFrame | None,
    limit: LimitModel,
    release: ReleaseModel,
    settings: Settings,
    console: Console,
) -> dict[str, Any] | None:
    """How right causes and features are on a simulated book; None where there is no truth to be held against."""
    from data.mechanisms import CAUSES
    from data.sampling import spread_places
    from explanations.truth.cause_check import CHECKED_REFERENCE, check_of
    from explanations.truth.scored import scored

    most = settings.explanations.checked_conflicts
    if book.manifest.source != "simulated" or causes is None or not len(causes) or not most:
        return None
    places = spread_places(len(causes), most)
    conflicts = decided[members.conflict].iloc[places].reset_index(drop=True)
    kept = true_conflicts_of(book, conflicts, limit, release, settings, console)
    reference = decided[members.reference]
    reference = reference.iloc[spread_places(len(reference), CHECKED_REFERENCE)]
    contributions = group_contributions(book, requests, conflicts, reference, release, console)
    said = causes[list(CAUSES)].to_numpy()[places]
    place = (int(book.manifest.seed or 0), str(book.manifest.scenario), 0)
    return check_of(scored(place, conflicts, said, kept, contributions))
