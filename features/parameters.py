"""The parameters of features; `params.yaml` sets each with its unit and its reason."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from data.parameters import Parameters

Factor = Annotated[float, Field(gt=0, le=10)]


class FeatureParameters(Parameters):
    """What a lender must assume to read obligations, spending and gaps from what it sees.

    Attributes:
        bureau_balance_decay: Share of a loan's opening amount that is still owed, per month of its age (the
            bureau reports openings, not balances).
        instalment_months: Months over which a balance is repaid, to turn balances into monthly obligations.
        interest_loading: Factor on instalments for interest.
        spending_season: Usual factor of each calendar month on spending, January first.
        gap_months: Months by which the rows of a monthly stream may be late: the latest k rows are at most
            k + gap_months old.
        card_statement_months: Card statements are read while younger than this (months); not every bank
            reports every month.
        thin_file_months: A credit file younger than this (months) is thin.
        second_stage_days: Days past due from which an overdue loan counts as M2 or worse.
    """

    bureau_balance_decay: Annotated[float, Field(gt=0, le=1)]
    instalment_months: Annotated[float, Field(gt=0, le=360)]
    interest_loading: Annotated[float, Field(ge=1, le=2)]
    spending_season: Annotated[tuple[Factor, ...], Field(min_length=12, max_length=12)]
    gap_months: Annotated[int, Field(ge=0, le=12)]
    card_statement_months: Annotated[int, Field(ge=1, le=24)]
    thin_file_months: Annotated[float, Field(ge=0, le=120)]
    second_stage_days: Annotated[int, Field(ge=1, le=365)]
