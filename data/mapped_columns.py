"""What a mapping says of a file's columns besides features: outcome, protected attributes, decisions, money."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import AfterValidator, Field, model_validator

from data.mapping_types import Code, Column, Label, Name, NumberCode, Share, absent, refuse_both, some
from data.parameters import Parameters


class Outcome(Parameters):
    """Which column says how a loan ended, and how to read it.

    Attributes:
        column: The file's column.
        bad: Its values that mean bad.
        good: Its values that mean good; any value besides is a fault.
    """

    column: Column
    bad: Annotated[tuple[Code, ...], AfterValidator(some)]
    good: Annotated[tuple[Code, ...], AfterValidator(some)]

    @model_validator(mode="after")
    def _disjoint(self) -> Self:
        refuse_both("outcome", "bad", self.bad, "good", self.good)
        return self


class ProtectedColumn(Parameters):
    """A protected attribute: kept for fairness checks, never a feature.

    Attributes:
        name: Column of the book's table `borrowers`.
        column: The file's column, if it has another name.
        kind: Whether its values are categories or numbers.
        label: What it is called, in English and in Chinese.
        groups: What its categories are called, in English and in Chinese.
        missing: Numbers that mean that the value is missing, such as -9, in a column of numbers.
    """

    name: Name
    column: Column | None = None
    kind: Literal["category", "number"] = "category"
    label: tuple[Label, Label] | None = None
    groups: dict[Code, tuple[Label, Label]] = Field(default_factory=dict)
    missing: tuple[NumberCode, ...] = Field(default=(), exclude_if=absent)

    @model_validator(mode="after")
    def _codes_of_numbers(self) -> Self:
        if self.missing and self.kind != "number":
            raise ValueError("`missing` is for numbers; write `kind: number`, or leave it out")
        return self

    @property
    def source(self) -> str:
        """The file's column."""
        return self.column or self.name


class RecordedDecision(Parameters):
    """Which column says what the lender decided on the release, and how to read it.

    Attributes:
        column: The file's column.
        released: Its values that mean that money was paid out.
        refused: Its values that mean that it was not; any value besides is a fault.
    """

    column: Column
    released: Annotated[tuple[Code, ...], AfterValidator(some)]
    refused: Annotated[tuple[Code, ...], AfterValidator(some)]

    @model_validator(mode="after")
    def _disjoint(self) -> Self:
        refuse_both("decision", "released", self.released, "refused", self.refused)
        return self

    @property
    def codes(self) -> dict[str, float]:
        """1 of each value that means refused, 0 of each that means released."""
        return dict.fromkeys(self.released, 0.0) | dict.fromkeys(self.refused, 1.0)


class RecordedFavour(Parameters):
    """Which column says whom the lender favoured, by a raised limit or otherwise, and how to read it.

    Attributes:
        column: The file's column.
        favoured: Its values that mean favoured.
        others: Its values that mean not favoured; any value besides is a fault.
    """

    column: Column
    favoured: Annotated[tuple[Code, ...], AfterValidator(some)]
    others: Annotated[tuple[Code, ...], AfterValidator(some)]

    @model_validator(mode="after")
    def _disjoint(self) -> Self:
        refuse_both("value", "favoured", self.favoured, "others", self.others)
        return self

    @property
    def codes(self) -> dict[str, float]:
        """1 of each value that means favoured, 0 of each that means not."""
        return dict.fromkeys(self.others, 0.0) | dict.fromkeys(self.favoured, 1.0)


class Money(Parameters):
    """In what the file's sums of money are: limit, amount, and every feature whose unit is the currency.

    Attributes:
        per: What one of the file's units holds, such as 10000 where sums are in ten thousands.
        currency_column: The column that says the currency of each row, where there are several.
        rates: What one of each currency is in the mapping's own; any currency besides is a fault.
    """

    per: Annotated[float, Field(gt=0, le=1e9)] = 1.0
    currency_column: Column | None = None
    rates: dict[Code, Annotated[float, Field(gt=0, le=1e9)]] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _rates_of_a_column(self) -> Self:
        if (self.currency_column is None) != (not self.rates):
            raise ValueError("`currency_column` and `rates` go together; give both, or neither")
        return self


class ReleasePolicy(Parameters):
    """The release policy of a book without a policy table.

    Attributes:
        refused_top_share: Share of clients, those with the highest probability of default, refused by the model; the
            share that the lender refused on record where it is not said.
        decision: The lender's own decisions, where the file has them.
    """

    refused_top_share: Share | None = Field(default=None, exclude_if=absent)
    decision: RecordedDecision | None = Field(default=None, exclude_if=absent)

    @model_validator(mode="after")
    def _some_policy(self) -> Self:
        if self.refused_top_share is None and self.decision is None:
            raise ValueError(
                "it says neither whom the model refuses nor whom the lender refused; give `refused_top_share`, or "
                "`decision` if the file has the lender's decisions"
            )
        return self
