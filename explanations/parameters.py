"""The parameters of explanations; `params.yaml` sets each with its unit and its reason."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from data.parameters import Parameters


class RuleParameters(Parameters):
    """How rules are found (see `explanations.rules`).

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
    """

    bootstrap_draws: Annotated[int, Field(ge=1, le=100_000)]
    bootstrap_level: Annotated[float, Field(gt=0, lt=1)]
    seed: Annotated[int, Field(ge=0, le=2**31 - 1)]
    cause_draws: Annotated[int, Field(ge=1, le=1000)]
    checked_conflicts: Annotated[int, Field(ge=0)]
    cases: Annotated[int, Field(ge=1, le=500)]
    rules: RuleParameters


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
