"""Features that an event mapping declares: windows of a lender's own streams and what is computed of them."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from data.mapped_feature import Meaning
from data.mapping_types import Code, Name
from data.parameters import Parameters

Window = Annotated[int, Field(ge=1, le=3650)]


class Aggregate(Parameters):
    """What is computed of the events of a stream that had happened and were known by the day of a snapshot.

    Attributes:
        how: `count` of events; `sum`, `mean`, `max` of a column; `slope`, its change a month by least squares;
            `days_since` the last event.
        column: The column, where it is one's.
        kinds: The kinds of events that count; all, if none is named.
        days: How many days the window reaches back; all history where it is left out.
    """

    how: Literal["count", "sum", "mean", "max", "slope", "days_since"]
    column: Name | None = None
    kinds: tuple[Code, ...] = ()
    days: Window | None = None

    @model_validator(mode="after")
    def _of_a_column(self) -> Self:
        if (self.column is None) == (self.how in ("sum", "mean", "max", "slope")):
            needs = "needs a `column`" if self.column is None else "has no `column`"
            raise ValueError(f"a {self.how} {needs}")
        return self

    @property
    def window(self) -> str:
        """How far it looks back, as the catalogue says it."""
        return "life" if self.days is None else f"{self.days}d"


class EventFeature(Meaning):
    """A feature computed of the events of one stream.

    Attributes:
        stream: The stream.
        how: As in `Aggregate`; or `ratio`, of two windows.
        column: As in `Aggregate`.
        kinds: As in `Aggregate`.
        days: As in `Aggregate`.
        above: What a ratio has above the line.
        below: What it has below; it is missing where this is not above 0.
        if_none: What it is where the window holds no event: `zero` or `missing`. Counts and sums are zero, all else is
            missing, where it is left out.
    """

    stream: Name
    how: Literal["count", "sum", "mean", "max", "slope", "days_since", "ratio"]
    column: Name | None = None
    kinds: tuple[Code, ...] = ()
    days: Window | None = None
    above: Aggregate | None = None
    below: Aggregate | None = None
    if_none: Literal["zero", "missing"] | None = None

    @model_validator(mode="after")
    def _whole(self) -> Self:
        if self.how != "ratio":
            if self.above is not None or self.below is not None:
                raise ValueError("`above` and `below` are those of a ratio; leave them out")
            _ = self.aggregates  # which is held against its own rules
        elif self.above is None or self.below is None or self.column or self.kinds or self.days:
            raise ValueError(
                "a ratio has `above` and `below`, each with its own `how`, column, kinds and days, and none beside"
            )
        return self

    @property
    def aggregates(self) -> tuple[Aggregate, ...]:
        """What it is computed of: one, or two of a ratio."""
        if self.above is not None and self.below is not None:
            return self.above, self.below
        return (Aggregate(how=self.how, column=self.column, kinds=self.kinds, days=self.days),)  # type: ignore[arg-type]

    @property
    def window(self) -> str:
        """How far it looks back, as the catalogue says it."""
        return "/".join(dict.fromkeys(part.window for part in self.aggregates))
