"""What follows from an explanation: reasons, recourse, remedies, the phantom limit, diagnostics."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from commandline import Console
from settings import Settings
from stages.refits import Refits, finished

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd
    from numpy.typing import NDArray

    from data.blocks import Engine
    from data.book import Book
    from explanations.causes.ledger import Ledger
    from explanations.cohorts import Cohorts
    from explanations.explain import Evidence
    from explanations.explanation import Explanation
    from explanations.reasons.principal_reasons import Found
    from explanations.reasons.refusals import Refusals
    from explanations.recourse.levers import Offers
    from features.matrix import Matrix
    from models.limit_model import LimitModel
    from models.release_model import ReleaseModel
    from stages.scored_book import ScoredBook


class Untested(NamedTuple):
    """Reasons that are found, and what refused those whom they are given to."""

    found: Found
    refusals: Refusals


def add_reasons(
    explanation: Explanation,
    book: Book,
    conflicts: pd.DataFrame,
    release: ReleaseModel,
    settings: Settings,
    console: Console,
) -> tuple[Explanation, Untested | None]:
    """The explanation with the reasons of every conflict, and what it takes to test them; None if there are none."""
    from dataclasses import replace

    from explanations.reasons.principal_reasons import conflict_values, find_reasons, with_reasons
    from explanations.reasons.refusals import refusals_of, refused_for, with_caps

    if not len(conflicts):
        return explanation, None
    parameters = settings.explanations
    refusals = refusals_of(book, conflicts, release, explanation.catalogue, settings.models.policy)
    explanation = with_caps(explanation, refusals)
    with console.step("Giving every refusal its reasons"):
        broken = refusals.broken(conflict_values(explanation), slice(None))
        found = find_reasons(explanation, broken, parameters.reasons)
        told = with_reasons(explanation, found, parameters.reasons)
        kinds = refused_for(broken, explanation.conflicts["refused_by"].to_numpy(object))
        told = replace(told, summary=told.summary | {"refused_for": kinds})
    return told, None if found is None else Untested(found, refusals)


def add_reason_tests(
    explanation: Explanation, untested: Untested, refits: Refits, settings: Settings, console: Console
) -> Explanation:
    """The explanation with how far its reasons hold in its summary; waits for the refits."""
    from dataclasses import replace

    from explanations.reasons.deletion_test import deletion_test
    from explanations.reasons.stability import reason_stability

    given, parameters = (explanation, untested.found, untested.refusals), settings.explanations
    with console.step("Testing the reasons", len(refits)) as move:
        tested = {
            "deletion": deletion_test(*given, parameters),
            "stability": reason_stability(*given, finished(refits, move), parameters),
        }
    summary = explanation.summary
    return replace(explanation, summary=summary | {"reasons": summary["reasons"] | tested})


def add_recourse(
    explanation: Explanation,
    book: Book,
    offers: Offers,
    audit: pd.DataFrame,
    limit: LimitModel,
    release: ReleaseModel,
    settings: Settings,
    console: Console,
    engine: Engine | None = None,
) -> Explanation:
    """The explanation of a dated book with what borrowers could do; others do not say what can be changed."""
    from explanations.recourse.ways import recourse
    from explanations.report.recourse_sentences import with_recourse

    with console.step("Looking for what borrowers could do", book.blocks) as move:
        found, trials = recourse(
            book,
            explanation.conflicts,
            offers,
            audit,
            limit,
            release,
            settings.features,
            settings.models,
            settings.explanations.recourse,
            engine or settings.blocks.local,
            console.track(move),
        )
    return with_recourse(explanation, found, trials)


def tried_requests(
    book: Book, decided: pd.DataFrame, members: Cohorts, settings: Settings
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """The requests in conflict, and of the reference, on which remedies are tried; none where the book has no dates."""
    import numpy as np

    from explanations.remedies.trials import looked_at

    def of(cohort: NDArray[np.bool_]) -> NDArray[np.int64]:
        if not book.dated:
            return np.empty(0, dtype=np.int64)
        ids = decided.loc[cohort, "request_id"].to_numpy(np.int64)
        return looked_at(book, ids, settings.explanations.remedies.requests)

    return of(members.conflict), of(members.reference)


def add_remedies(
    explanation: Explanation,
    evidence: Evidence,
    members: Cohorts,
    tried: tuple[NDArray[np.int64], NDArray[np.int64]],
    ledger: Ledger | None,
    settings: Settings,
    console: Console,
    engine: Engine | None,
) -> Explanation:
    """The explanation with what each remedy would do to conflicts and reference."""
    import numpy as np
    import pandas as pd

    from explanations.causes.lag_audit import lag_audit
    from explanations.remedies.trials import (
        REPLAYED,
        Asked,
        with_fresh_stream,
        with_looser_cutoff,
        with_remedies,
    )

    decided, chosen, workers = (
        evidence.decided,
        settings.explanations.remedies,
        engine or settings.blocks.local,
    )
    oracle = evidence.oracle_bad
    either = members.conflict | members.reference
    asked = Asked(
        decided.loc[either, ["request_id", "borrower_id"]].assign(
            conflict=members.conflict[either],
            bad=(evidence.observed_bad if oracle is None else oracle)[either],
        ),
        conflicts=int(members.conflict.sum()),
        reference=int(members.reference.sum()),
    )
    if ledger is None or explanation.lag_audit is None:
        looser = with_looser_cutoff(explanation.conflicts, chosen.cutoff_factor)
        return with_remedies(explanation, looser, asked, settings.explanations)
    with console.step("Trying the remedies", ledger.book.blocks) as move:
        again = ledger.without(np.concatenate(tried), REPLAYED, workers, console.track(move))
        released = decided[decided["request_id"].isin(tried[1])].reset_index(drop=True)
        fresh = lag_audit(
            ledger.book, released, ledger.limit, ledger.release, ledger.features, ledger.models, workers
        )
    parts = [
        again.rename(columns={"cause": "remedy"}),
        with_fresh_stream(pd.concat([explanation.lag_audit, fresh], ignore_index=True)),
    ]
    return with_remedies(explanation, pd.concat(parts, ignore_index=True), asked, settings.explanations)


def add_phantom(
    explanation: Explanation,
    book: Book,
    judged: pd.DataFrame,
    reviews: Matrix,
    release: ReleaseModel,
    settings: Settings,
    console: Console,
    engine: Engine | None,
) -> Explanation:
    """The explanation with the limits on show that would be refused on the last day (of its clients, without dates)."""
    from explanations.remedies.phantom import limits_of_clients, limits_on_show, with_phantom

    chosen, everyone = settings.explanations, book.manifest.rows["borrowers"]
    if not book.dated:
        shown = limits_of_clients(judged, reviews.keys)
        return with_phantom(explanation, shown, len(shown), len(shown), None, chosen)
    if not len(judged):
        return explanation
    day = judged["requested_on"].max()
    with console.step("Asking for every limit on show", book.blocks) as move:
        shown, read = limits_on_show(
            book,
            day,
            release,
            settings.features,
            settings.models,
            chosen.phantom,
            engine or settings.blocks.local,
            console.track(move),
        )
    return with_phantom(explanation, shown, read, everyone, day, chosen)


def disparity_of(
    book: Book, decided: pd.DataFrame, members: Cohorts, settings: Settings
) -> list[dict[str, Any]]:
    """Lowest over highest approval rate by protected attribute, as the diagnostics of an explanation tell it.

    attribute, lowest and highest (the groups) by language; ratio with ratio_low and ratio_high.
    """
    from data.protected import protected_attributes
    from explanations.fairness import APPROVAL, fairness
    from explanations.report.fairness_section import attribute_label, group_label
    from training.labels import observed_bad

    observed = observed_bad(book, decided["request_id"])
    protected = protected_attributes(book)
    names = {"labels": protected.labels, "groups": protected.groups}
    _, found = fairness(
        decided, members, observed, None, protected.values, settings.explanations, (APPROVAL,)
    )
    return [
        {
            **{name: row[name] for name in ("ratio", "ratio_low", "ratio_high")},
            "attribute": attribute_label(row["attribute"], names),
            **{end: group_label(row["attribute"], row[end], names) for end in ("lowest", "highest")},
        }
        for row in found.to_dict("records")
    ]


def add_diagnostics(
    explanation: Explanation,
    evidence: Evidence,
    both: ScoredBook,
    console: Console,
) -> Explanation:
    """The explanation with how good the models are, what other cut-offs would do, and rates by protected group."""
    from dataclasses import replace

    from data.protected import protected_attributes
    from explanations.cutoff_sweep import cutoff_sweep
    from explanations.diagnostics import (
        ORACLE,
        RELEASED,
        Diagnostics,
        diagnostics_summary,
        intervals_by_population,
        lift_with_intervals,
        performance_with_intervals,
    )
    from explanations.fairness import fairness

    chosen, members = both.settings.explanations, both.members
    outcomes = (evidence.observed_bad, evidence.oracle_bad)
    with console.step("Judging models, cut-off and fairness"):
        protected = protected_attributes(both.book)
        rates, disparity = fairness(evidence.decided, members, *outcomes, protected.values, chosen)
        found = both.diagnosed
        known = {name: one for name, one in zip((RELEASED, ORACLE), outcomes, strict=True) if one is not None}
        sure = intervals_by_population(
            known,
            members.judged,
            evidence.release.calibration.pd(both.margin),
            evidence.decided["borrower_id"].to_numpy("int64"),
            chosen.bootstrap_level,
        )
        told = Diagnostics(
            ranking=found.ranking,
            lift=lift_with_intervals(found.lift, sure),
            limit_deciles=found.limit_deciles,
            sweep=cutoff_sweep(evidence.decided, members, *outcomes, chosen.cutoff_factors),
            fairness=rates,
            disparity=disparity,
            stability=found.stability,
            vintages=found.vintages,
        )
    summary = explanation.summary | {
        "diagnostics": diagnostics_summary(told),
        "protected": {
            "labels": dict(protected.labels),
            "groups": dict(protected.groups),
            "small_cell": chosen.fairness.small_cell,
        },
    }
    performance = performance_with_intervals(explanation.performance, sure)
    return replace(explanation, diagnostics=told, summary=summary, performance=performance)
