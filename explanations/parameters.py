"""The parameters of explanations; `params.yaml` sets each with its unit and its reason."""

from __future__ import annotations

from itertools import pairwise
from typing import Annotated, TypeVar

from pydantic import AfterValidator, Field

from data.parameters import Parameters

Number = TypeVar("Number", int, float)


def rising(values: tuple[Number, ...]) -> tuple[Number, ...]:
    """The values, if each is above the one before.

    Raises:
        ValueError: One is not.
    """
    if any(later <= earlier for earlier, later in pairwise(values)):
        raise ValueError("each must be above the one before")
    return values


def _with_one(values: tuple[float, ...]) -> tuple[float, ...]:
    if 1 not in values:
        raise ValueError("1, the policy as it is, must be among them")
    return values


class RuleParameters(Parameters):
    """How rules are found (see `explanations.rules.surrogate`).

    Attributes:
        depth: Splits from the root of the surrogate tree to a leaf, and so the most conditions of a rule.
        leaf: Least share of the fitted requests in a leaf.
        precision: Share refused from which on a leaf is a rule.
        fit_share: Share of the requests that makes the earlier part, on which rules are fitted.
        rows: Requests on which the tree is grown at most.
    """

    depth: Annotated[int, Field(ge=1, le=8)]
    leaf: Annotated[float, Field(gt=0, lt=0.5)]
    precision: Annotated[float, Field(gt=0, le=1)]
    fit_share: Annotated[float, Field(gt=0, lt=1)]
    rows: Annotated[int, Field(ge=100)]


class PhantomParameters(Parameters):
    """What every borrower asks for when limits on show are held against the release (see `explanations.remedies`).

    Attributes:
        asked_share: Share of what is available that is asked for.
        term: Months over which it is paid back.
        borrowers: Borrowers that are read at most.
    """

    asked_share: Annotated[float, Field(gt=0, le=1)]
    term: Annotated[int, Field(ge=1, le=120)]
    borrowers: Annotated[int, Field(ge=1)]


class RemedyParameters(Parameters):
    """How remedies are measured (see `explanations.remedies.trials`).

    Attributes:
        requests: Conflicts, and as many requests of the reference, that are decided again at most.
        cutoff_factor: By how much a cut-off is loosened where the book tells of no earlier one.
    """

    requests: Annotated[int, Field(ge=1)]
    cutoff_factor: Annotated[float, Field(gt=1, le=10)]


class BatchParameters(Parameters):
    """Which batches of a month and a region have jumped (see `explanations.control.batches`).

    Attributes:
        months: Months before that a batch is held against.
        rows: Least rows of a batch and of what it is held against.
        psi: Stability index from which on it is a jump.
        level: Share of books without any change of which none is told.
    """

    months: Annotated[int, Field(ge=1, le=24)]
    rows: Annotated[int, Field(ge=20)]
    psi: Annotated[float, Field(gt=0)]
    level: Annotated[float, Field(gt=0.5, lt=1)]


class ControlParameters(Parameters):
    """What was agreed, and is held against the record (see `explanations.control`).

    Attributes:
        review_days: Age of the review behind a limit at most, at a request.
        feed_days: By stream for how long nothing of it may arrive; other streams are not looked at.
        cap_slack: By what share of a cap a snapshot may lie above it.
        batches: Which batches have jumped.
        examples: Examples of a finding that are named.
    """

    review_days: Annotated[int, Field(ge=1, le=3650)]
    feed_days: dict[str, Annotated[int, Field(ge=1, le=3650)]]
    cap_slack: Annotated[float, Field(ge=0, le=10)]
    batches: BatchParameters
    examples: Annotated[int, Field(ge=1, le=100)]


class RecourseParameters(Parameters):
    """Which changes are tried for a borrower (see `explanations.recourse.ways`).

    Attributes:
        conflicts: Conflicts for which changes are looked for at most.
        options: Ways that are told of a conflict at most.
        amount_steps: Even steps from the amount asked for towards nothing.
        pay_steps: Even steps from what is owed to nothing.
        round_to: What amounts are rounded to (in the book's currency).
        wait_days: Days that are waited, ascending.
        ledger_days: Days until a payment to the lender counts.
        elsewhere_days: Days until a payment elsewhere counts.
        record_days: Days until a record is corrected.
    """

    conflicts: Annotated[int, Field(ge=0)]
    options: Annotated[int, Field(ge=1, le=5)]
    amount_steps: Annotated[int, Field(ge=2, le=100)]
    pay_steps: Annotated[int, Field(ge=1, le=100)]
    round_to: Annotated[float, Field(gt=0)]
    wait_days: Annotated[
        tuple[Annotated[int, Field(ge=1, le=730)], ...],
        Field(min_length=1, max_length=24),
        AfterValidator(rising),
    ]
    ledger_days: Annotated[int, Field(ge=0, le=90)]
    elsewhere_days: Annotated[int, Field(ge=0, le=90)]
    record_days: Annotated[int, Field(ge=0, le=365)]


class ReasonParameters(Parameters):
    """How reasons are given, and how they are tested (see `explanations.reasons`).

    Attributes:
        least_share: Share of all pushes toward refusal that a reason needs to be a principal one.
        least_cause: Share of a conflict from which on a cause is named on the lender's side.
        tested: Conflicts at most on which deletion and stability are tested.
        random_choices: Random choices of as many reasons for each of them, as the test's baseline.
        refits: Release models fitted anew with other seeds, by which the reasons' stability is told; 0 for none.
        refit_rows: Requests at most on which these are fitted.
    """

    least_share: Annotated[float, Field(ge=0, lt=1)]
    least_cause: Annotated[float, Field(gt=0, le=1)]
    tested: Annotated[int, Field(ge=1)]
    random_choices: Annotated[int, Field(ge=1, le=100)]
    refits: Annotated[int, Field(ge=0, le=100)]
    refit_rows: Annotated[int, Field(ge=100)]


class FairnessParameters(Parameters):
    """How protected groups are told (see `explanations.fairness`).

    Attributes:
        bands: Lower ends of the bands of numeric attributes, but for the first band, which has none.
        small_cell: Fewest borrowers of whom a rate is told.
    """

    bands: Annotated[tuple[int, ...], Field(min_length=1), AfterValidator(rising)]
    small_cell: Annotated[int, Field(ge=1)]


class ExplanationParameters(Parameters):
    """How intervals of cohort means and shares of causes are taken.

    Attributes:
        bootstrap_draws: Cohorts drawn for the intervals.
        bootstrap_level: Coverage of the intervals (0-1).
        seed: Seed of the draws.
        cause_draws: Draws over which the causes average what competition brought.
        checked_conflicts: Conflicts of a simulated book whose causes are held against the truth; 0 for none.
        cases: Conflicts that the report shows one by one.
        rules: How rules are found.
        phantom: What is asked of limits on show.
        remedies: How remedies are measured.
        recourse: Which changes are tried for a borrower.
        reasons: How reasons are given and tested.
        cutoff_factors: Factors on the cut-offs in force at which decisions are taken again; 1 among them.
        stability_features: Of how many features of the release model stability is told.
        fairness: How protected groups are told.
        control: What is held against the record.
    """

    bootstrap_draws: Annotated[int, Field(ge=1, le=100_000)]
    bootstrap_level: Annotated[float, Field(gt=0, lt=1)]
    seed: Annotated[int, Field(ge=0, le=2**31 - 1)]
    cause_draws: Annotated[int, Field(ge=1, le=1000)]
    checked_conflicts: Annotated[int, Field(ge=0)]
    cases: Annotated[int, Field(ge=1, le=500)]
    rules: RuleParameters
    phantom: PhantomParameters
    remedies: RemedyParameters
    recourse: RecourseParameters
    reasons: ReasonParameters
    cutoff_factors: Annotated[
        tuple[Annotated[float, Field(gt=0)], ...], AfterValidator(rising), AfterValidator(_with_one)
    ]
    stability_features: Annotated[int, Field(ge=0, le=30)]
    fairness: FairnessParameters
    control: ControlParameters


class NoticeParameters(Parameters):
    """Whose name and address stand in a letter to a borrower; empty where they are yet to be set.

    Attributes:
        lender: Name of the lender.
        address: The lender's postal address, in one line.
        review_contact: Where a borrower asks for a review by a person.
        data_contact: Where a borrower has his data corrected.
    """

    lender: str
    address: str
    review_contact: str
    data_contact: str


class WhatIfParameters(Parameters):
    """What a what-if changes besides the parameters of the policy, and how it is looked at (see `explanations.whatif`).

    Attributes:
        cutoff_factor: What every cut-off is multiplied with.
        spending_weight: What the weight of spending in limits is multiplied with.
        spending_weights: Such factors on the frontier.
        conflicts: Conflicts that are split into causes at most, before and after.
    """

    cutoff_factor: Annotated[float, Field(gt=0, le=100)]
    spending_weight: Annotated[float, Field(ge=0, le=10)]
    spending_weights: Annotated[tuple[float, ...], AfterValidator(rising), AfterValidator(_with_one)]
    conflicts: Annotated[int, Field(ge=1)]
