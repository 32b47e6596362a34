"""A feature in a mapping: where its values stand in a file, and what they mean."""

from __future__ import annotations

from functools import cached_property
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from data.categories import MOST, Category, Coding, as_text, coding_of, listed
from data.mapping_types import Column, Label, Name, NumberCode, ReasonCode, Sign, absent, some
from data.parameters import Parameters


class Derivation(Parameters):
    """A value computed from several columns of a row.

    Attributes:
        how: `ratio` is the first column over the second, missing where the second is 0 or missing; `days` those
            from the first date to the second, missing where one is; the others pass over missing values and are
            missing where all are.
        columns: The file's columns, all of numbers, or of dates for `days`.
    """

    how: Literal["ratio", "days", "sum", "mean", "max", "min"]
    columns: tuple[Column, ...]

    @model_validator(mode="after")
    def _enough(self) -> Self:
        two = self.how in ("ratio", "days")
        if len(self.columns) < 2 or (two and len(self.columns) > 2):
            wanted = "two columns" if two else "two columns or more"
            raise ValueError(f"a {self.how} is of {wanted}, not of {len(self.columns)}")
        return self


class Meaning(Parameters):
    """What a feature means, wherever its values come from.

    Attributes:
        name: Column name in the matrices.
        label_en: Label in English.
        label_zh: Label in Chinese.
        definition_en: One sentence in English; the label where there is none.
        definition_zh: One sentence in Chinese; the label where there is none.
        unit: `d` (days), `m` (months), `n` (a count), `r` (a ratio), `0/1`, the currency, or a word.
        family: Group of kindred features.
        family_zh: The group's name in Chinese.
        limit_sign: Which way it may push the limit: `+`, `-`, `0` (either), `x` (not known at the review).
        release_sign: Which way it may push the probability of default; `x` (not in the release model).
        reason_code: The reason for a refusal that it stands for, `R01` to `R17`; none may be named for it without one.
        reason_use: `Y`, its value may be told to a client, or `C`, its reason alone may.
    """

    name: Name
    label_en: Label
    label_zh: Label
    definition_en: Label | None = None
    definition_zh: Label | None = None
    unit: Label
    family: Label
    family_zh: Label | None = None
    limit_sign: Sign
    release_sign: Sign
    reason_code: ReasonCode | None = None
    reason_use: Literal["Y", "C"] | None = None

    @model_validator(mode="after")
    def _in_a_model(self) -> Self:
        if self.limit_sign == "x" and self.release_sign == "x":
            raise ValueError("the feature is in neither model; give it a sign other than x in one of them")
        return self

    @model_validator(mode="after")
    def _reason_of_a_refusal(self) -> Self:
        if self.reason_code is None and self.reason_use is not None:
            raise ValueError("a `reason_use` says nothing without a `reason_code`; name the reason, too")
        if self.reason_code is not None and self.release_sign not in ("+", "-"):
            raise ValueError(
                f"the reason {self.reason_code} needs a release_sign of + or -, which says what value is worse"
            )
        return self


class MappedFeature(Meaning):
    """One feature of a file with a row per client: where its values stand and what it means.

    Attributes:
        column: The file's column, if it has another name.
        values: Number of each code of the column, null for a code that means unknown; without it the
            column holds numbers.
        derive: How to compute it from several columns, instead of `column` and `values`.
        missing: Numbers in its columns that mean that the value is missing, such as -9.
        least: The least value that can be right; one below is a fault of the file.
        most: The largest.
        sign: Which way it may push the probability of default, and the limit the other way: short for both signs.
        kind: `category` where the column holds names or codes; otherwise numbers.
        categories: Its categories, numbered by their places; instead of `values`.
        ordered: Whether they stand in order, from less to more; any other value is missing then.
        other: What all other values of an unordered column are called, in English and in Chinese.
    """

    column: Column | None = None
    values: Annotated[dict[str, float | None], AfterValidator(some)] | None = None
    derive: Derivation | None = None
    missing: tuple[NumberCode, ...] = Field(default=(), exclude_if=absent)
    least: float | None = Field(default=None, exclude_if=absent)
    most: float | None = Field(default=None, exclude_if=absent)
    sign: Annotated[Literal["+", "-", "0"] | None, BeforeValidator(as_text)] = Field(
        default=None, exclude_if=absent
    )
    kind: Literal["number", "category"] | None = Field(default=None, exclude_if=absent)
    categories: Annotated[tuple[Category, ...], BeforeValidator(listed)] = Field(
        default=(), exclude_if=absent
    )
    ordered: bool = Field(default=False, exclude_if=absent)
    other: tuple[Label, Label] | None = Field(default=None, exclude_if=absent)

    @model_validator(mode="after")
    def _sound_categories(self) -> Self:
        if self.kind != "category":
            if self.categories or self.ordered or self.other:
                raise ValueError("`categories`, `ordered` and `other` are for a feature of `kind: category`")
            return self
        if not self.categories:
            raise ValueError("it is of `kind: category`; name its `categories`")
        if len(self.categories) > MOST:
            raise ValueError(
                f"it has more than {MOST} categories; name the frequent ones, all others are read as one"
            )
        if self.values is not None or self.derive is not None or self.missing:
            raise ValueError("a feature of `kind: category` has no `values`, `derive` or `missing`")
        if self.least is not None or self.most is not None:
            raise ValueError("a feature of `kind: category` has no `least` and no `most`")
        codes = [code for category in self.categories for code in category.codes]
        again = [code for code in codes if codes.count(code) > 1]
        if again:
            raise ValueError(f"its category {again[0]!r} stands twice; keep one")
        if self.ordered and self.other:
            raise ValueError("in an order there is no place for `other`; leave one of them out")
        if not self.ordered and {self.limit_sign, self.release_sign} & {"+", "-"}:
            raise ValueError("without an order it can have no sign + or -; write 0, or `ordered: true`")
        return self

    @model_validator(mode="after")
    def _one_origin(self) -> Self:
        if self.derive is not None and (self.column is not None or self.values is not None):
            raise ValueError("a derived feature has neither `column` nor `values`; leave them out")
        if self.missing and (self.values is not None or (self.derive and self.derive.how == "days")):
            raise ValueError(
                "`missing` is for numbers; among `values` write null for a code that means unknown"
            )
        if self.least is not None and self.most is not None and self.least > self.most:
            raise ValueError(
                f"its `least`, {self.least:.15g}, is above its `most`, {self.most:.15g}; exchange them"
            )
        return self

    @cached_property
    def coding(self) -> Coding | None:
        """How its categories are numbered; None of a feature without any."""
        return coding_of(self.categories, self.ordered, self.other) if self.categories else None

    @property
    def sources(self) -> tuple[str, ...]:
        """The file's columns that it is read from."""
        return self.derive.columns if self.derive else (self.column or self.name,)

    @property
    def dated(self) -> bool:
        """Whether it is read from dates."""
        return self.derive is not None and self.derive.how == "days"
