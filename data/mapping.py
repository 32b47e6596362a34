"""A mapping: how the columns of a lender's own file become a book, and what its features mean."""

from __future__ import annotations

import re
from collections.abc import Collection, Sized
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import Annotated, Any, Literal, Self

import pyarrow as pa
from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from data.categories import MOST, Category, Coding, as_text, coding_of, listed
from data.errors import CallError
from data.mapping_defaults import filled
from data.parameters import Parameters, read_parameters
from data.schema import FLAT_TABLES, Table
from data.table_form import DELIMITERS, ENCODINGS, MISSING, Form
from data.yaml_tree import parse

RESERVED = ("borrower_id", "request_id", "review_id", "source_id", "cohort", "base", "feature")
"""Names of the project's own columns, which no feature and no protected column may bear."""


def _as_number_text(value: object) -> object:
    return str(value) if isinstance(value, int | float) and not isinstance(value, bool) else value


def _a_name(value: str) -> str:
    # LightGBM refuses some characters in a feature's name and silently replaces others.
    if not re.fullmatch(r"[A-Za-z][A-Za-z0-9_]{0,59}", value):
        raise ValueError(f"{value!r} is no name; write a letter, then letters, digits and _, 60 at most")
    return value


def _a_currency(value: str) -> str:
    if not re.fullmatch(r"[A-Z]{3}", value):
        raise ValueError(f"{value!r} is no currency; write its code of three capital letters, such as TWD")
    return value


def _a_reason(value: str) -> str:
    if not re.fullmatch(r"R(0[1-9]|1[0-7])", value):
        raise ValueError(f"{value!r} is no reason for a refusal; write one of R01 to R17 (docs/reasons.md)")
    return value


def _an_encoding(value: str) -> str:
    name = value.lower().replace("_", "-")
    if name not in ENCODINGS:
        raise ValueError(f"{value!r} is no encoding known here; write one of {', '.join(ENCODINGS)}")
    return name


def _a_delimiter(value: str) -> str:
    if value not in DELIMITERS:
        raise ValueError(f'{value!r} is no delimiter; write ",", ";", "\\t" or "|"')
    return value


def _a_number(value: str) -> str:
    try:
        float(value)
    except ValueError:
        raise ValueError(
            f"{value!r} is no number; texts that mean missing stand under `missing` of the whole mapping"
        ) from None
    return value


def _a_date_format(value: str) -> str:
    if sorted(re.findall(r"%.?", value)) != ["%Y", "%d", "%m"]:
        raise ValueError(
            f'{value!r} is no form of a date; write %Y, %m and %d as they stand, such as "%d.%m.%Y"'
        )
    if value == "%Y-%d-%m":
        raise ValueError(
            f"{value!r} cannot be told from ISO dates, which are always read (2025-01-03 is the 3rd of January); "
            "write the file's dates as ISO dates"
        )
    return value


def _absent(value: Any) -> bool:
    """Whether a later addition is not made use of: mappings of earlier books are kept as they were."""
    return value is None or value is False or value == ()


def _some(value: Sized) -> Sized:
    if not len(value):
        raise ValueError("it is empty; name one at least")
    return value


Code = Annotated[str, BeforeValidator(as_text)]
Column = Annotated[str, AfterValidator(_some)]
DateFormat = Annotated[str, AfterValidator(_a_date_format)]
Delimiter = Annotated[str, AfterValidator(_a_delimiter)]
Encoding = Annotated[str, AfterValidator(_an_encoding)]
Currency = Annotated[str, AfterValidator(_a_currency)]
Label = Annotated[str, AfterValidator(_some)]
Name = Annotated[str, AfterValidator(_a_name)]
ReasonCode = Annotated[str, AfterValidator(_a_reason)]
NumberCode = Annotated[str, BeforeValidator(_as_number_text), AfterValidator(_a_number)]
Share = Annotated[float, Field(gt=0, lt=1)]
Sign = Annotated[Literal["+", "-", "0", "x"], BeforeValidator(as_text)]


class Outcome(Parameters):
    """Which column says how a loan ended, and how to read it.

    Attributes:
        column: The file's column.
        bad: Its values that mean bad.
        good: Its values that mean good; any value besides is a fault.
    """

    column: Column
    bad: Annotated[tuple[Code, ...], AfterValidator(_some)]
    good: Annotated[tuple[Code, ...], AfterValidator(_some)]

    @model_validator(mode="after")
    def _disjoint(self) -> Self:
        _refuse_both("outcome", "bad", self.bad, "good", self.good)
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
    missing: tuple[NumberCode, ...] = Field(default=(), exclude_if=_absent)

    @model_validator(mode="after")
    def _codes_of_numbers(self) -> Self:
        if self.missing and self.kind != "number":
            raise ValueError("`missing` is for numbers; write `kind: number`, or leave it out")
        return self

    @property
    def source(self) -> str:
        """The file's column."""
        return self.column or self.name


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
    values: Annotated[dict[str, float | None], AfterValidator(_some)] | None = None
    derive: Derivation | None = None
    missing: tuple[NumberCode, ...] = Field(default=(), exclude_if=_absent)
    least: float | None = Field(default=None, exclude_if=_absent)
    most: float | None = Field(default=None, exclude_if=_absent)
    sign: Annotated[Literal["+", "-", "0"] | None, BeforeValidator(as_text)] = Field(
        default=None, exclude_if=_absent
    )
    kind: Literal["number", "category"] | None = Field(default=None, exclude_if=_absent)
    categories: Annotated[tuple[Category, ...], BeforeValidator(listed)] = Field(
        default=(), exclude_if=_absent
    )
    ordered: bool = Field(default=False, exclude_if=_absent)
    other: tuple[Label, Label] | None = Field(default=None, exclude_if=_absent)

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


class RecordedDecision(Parameters):
    """Which column says what the lender decided on the release, and how to read it.

    Attributes:
        column: The file's column.
        released: Its values that mean that money was paid out.
        refused: Its values that mean that it was not; any value besides is a fault.
    """

    column: Column
    released: Annotated[tuple[Code, ...], AfterValidator(_some)]
    refused: Annotated[tuple[Code, ...], AfterValidator(_some)]

    @model_validator(mode="after")
    def _disjoint(self) -> Self:
        _refuse_both("decision", "released", self.released, "refused", self.refused)
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
    favoured: Annotated[tuple[Code, ...], AfterValidator(_some)]
    others: Annotated[tuple[Code, ...], AfterValidator(_some)]

    @model_validator(mode="after")
    def _disjoint(self) -> Self:
        _refuse_both("value", "favoured", self.favoured, "others", self.others)
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

    refused_top_share: Share | None = Field(default=None, exclude_if=_absent)
    decision: RecordedDecision | None = Field(default=None, exclude_if=_absent)

    @model_validator(mode="after")
    def _some_policy(self) -> Self:
        if self.refused_top_share is None and self.decision is None:
            raise ValueError(
                "it says neither whom the model refuses nor whom the lender refused; give `refused_top_share`, or "
                "`decision` if the file has the lender's decisions"
            )
        return self


class Snapshots(Parameters):
    """Which features stand in which snapshot, for those that do not say it themselves.

    Attributes:
        limit: Names of features or of their columns, with * and ? for any letters: known when the limit was set.
        release: The same: known at release.
    """

    limit: Annotated[tuple[Label, ...], AfterValidator(_some)]
    release: Annotated[tuple[Label, ...], AfterValidator(_some)]


class BookMapping(Parameters):
    """How a file with one row per client becomes a book.

    Attributes:
        encoding: Of a CSV file's text; UTF-8 where not said.
        delimiter: Between a CSV file's cells; guessed where not said.
        decimal: Mark before the decimals in a CSV file; a point where not said.
        sheet: Name of the sheet of an Excel workbook; its only one where not said.
        date_format: How dates are written, as `%d.%m.%Y`; ISO dates (2025-03-31) are always read.
        snapshots: Which features the limit model sees, and which the release model.
        id_column: Column that identifies a client; without it the number of the row does.
        outcome: The outcome's column and values.
        limit_column: Column of the granted limit, above 0.
        amount_column: Column of the amount asked for, if the file has one.
        currency: Code of the currency of limit and amount.
        money: In what the file has its sums, where they are not in that currency.
        missing: Texts that mean that a value is missing.
        protected: Protected attributes.
        policy: Whom the release model refuses.
        favoured_top_share: Share of clients, those with the highest predicted limit, that is favoured; the share that
            the lender favoured on record where it is not said.
        favoured: Whom the lender favoured, where the file has it.
        features: The features of both models, in the order of their columns.
    """

    encoding: Encoding | None = Field(default=None, exclude_if=_absent)
    delimiter: Delimiter | None = Field(default=None, exclude_if=_absent)
    decimal: Literal[".", ","] | None = Field(default=None, exclude_if=_absent)
    sheet: Label | None = Field(default=None, exclude_if=_absent)
    date_format: DateFormat | None = Field(default=None, exclude_if=_absent)
    snapshots: Snapshots | None = Field(default=None, exclude_if=_absent)
    id_column: Column | None = None
    outcome: Outcome
    limit_column: Column
    amount_column: Column | None = None
    currency: Currency
    money: Money | None = Field(default=None, exclude_if=_absent)
    missing: tuple[str, ...] = MISSING
    protected: tuple[ProtectedColumn, ...] = ()
    policy: ReleasePolicy
    favoured_top_share: Share | None = Field(default=None, exclude_if=_absent)
    favoured: RecordedFavour | None = Field(default=None, exclude_if=_absent)
    features: Annotated[tuple[MappedFeature, ...], AfterValidator(_some)]

    @model_validator(mode="after")
    def _sound(self) -> Self:
        _refuse_twice([*(feature.name for feature in self.features), *(kept.name for kept in self.protected)])
        if self.favoured_top_share is None and self.favoured is None:
            raise ValueError(
                "it says neither which share the model favours nor whom the lender favoured; give "
                "`favoured_top_share`, or `favoured` if the file has it"
            )
        columns = [self.id_column, self.outcome.column, self.limit_column, *self.record]
        _refuse_shared([name for name in columns if name is not None])
        if all(feature.limit_sign == "x" for feature in self.features):
            raise ValueError("no feature is in the limit model; give what was known before a limit_sign")
        if all(feature.release_sign == "x" for feature in self.features):
            raise ValueError(
                "no feature is in the release model; give what is known at release a release_sign"
            )
        for feature in self.features:
            self._refuse_leak(feature)
        return self

    def _refuse_leak(self, feature: MappedFeature) -> None:
        """A model must not read what it is to predict, nor a protected attribute."""
        never = {self.outcome.column: "the outcome"} | {kept.source: "protected" for kept in self.protected}
        if self.id_column is not None:
            never[self.id_column] = "the id"
        if self.policy.decision is not None:
            never[self.policy.decision.column] = "the lender's decision, made after it"
        if self.favoured is not None and feature.limit_sign != "x":
            never[self.favoured.column] = "what the limit led to (limit_sign must be x)"
        if feature.limit_sign != "x":
            if self.amount_column is not None:
                never[self.amount_column] = (
                    "the amount asked for, unknown at the review (limit_sign must be x)"
                )
            never[self.limit_column] = "the limit that the limit model is to predict (limit_sign must be x)"
        for column in feature.sources:
            if column in never:
                raise ValueError(f"feature {feature.name} reads {column!r}, which is {never[column]}")

    @property
    def form(self) -> Form:
        """How the file is to be read."""
        return Form(self.encoding or "utf-8", self.delimiter, self.decimal or ".", self.sheet)

    def is_money(self, feature: MappedFeature) -> bool:
        """Whether a feature is a sum of money."""
        return feature.unit == self.currency and feature.coding is None

    @property
    def rates_column(self) -> str | None:
        """The file's column of each row's currency."""
        return None if self.money is None else self.money.currency_column

    @property
    def record(self) -> tuple[str, ...]:
        """The file's columns of what the lender decided himself."""
        return tuple(said.column for said in (self.policy.decision, self.favoured) if said is not None)

    @property
    def numbers(self) -> tuple[str, ...]:
        """Those of the file's columns that hold numbers and are read in no other way."""
        own = [self.limit_column, self.amount_column]
        kept = [column.source for column in self.protected if column.kind == "number"]
        plain = [
            feature
            for feature in self.features
            if feature.values is None and not feature.categories and not feature.dated
        ]
        numbers = {*own, *kept, *(column for feature in plain for column in feature.sources)}
        texts = {self.id_column, self.outcome.column, self.rates_column, *self.record}
        texts |= {column.source for column in self.protected if column.kind == "category"}
        texts |= {column for feature in self.features if feature not in plain for column in feature.sources}
        return tuple(name for name in self.columns if name in numbers - texts)

    @property
    def columns(self) -> tuple[str, ...]:
        """The file's columns that the mapping reads, each once, in the mapping's order."""
        own = [
            self.id_column,
            self.outcome.column,
            self.limit_column,
            self.amount_column,
            self.rates_column,
            *self.record,
        ]
        kept = [column.source for column in self.protected]
        read = [column for feature in self.features for column in feature.sources]
        return tuple(dict.fromkeys(name for name in [*own, *kept, *read] if name is not None))


def read_mapping(path: Path) -> BookMapping:
    """Reads and validates a mapping file.

    Raises:
        CallError: There is no such file, or the mapping in it is not right.
    """
    return mapping_of(mapping_text(path), str(path))


def mapping_text(path: Path) -> str:
    """The text of a mapping file.

    Raises:
        CallError: There is no such file, or it cannot be read.
    """
    try:
        return path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise CallError(
            f"No mapping at {path}; name a YAML file such as data/mappings/taiwan_default.yaml."
        ) from None
    except (OSError, UnicodeDecodeError) as error:
        said = error.strerror if isinstance(error, OSError) else "it is not UTF-8 text"
        raise CallError(f"The mapping {path} cannot be read ({said}); name a YAML file.") from None


def mapping_of(text: str, source: str) -> BookMapping:
    """The mapping that a YAML text says, with what it leaves out filled in.

    Raises:
        CallError: It is not right.
    """
    return read_parameters(BookMapping, filled(parse(text, source), source), (), source)


def tables_of(mapping: BookMapping) -> dict[str, Table]:
    """The tables of a book that is imported with a mapping."""
    kinds = {"category": pa.string(), "number": pa.float32()}
    kept = {column.name: kinds[column.kind] for column in mapping.protected}
    features: dict[str, pa.DataType] = {feature.name: pa.float32() for feature in mapping.features}
    key, order = ("borrower_id",), ("borrower_id",)
    who: dict[str, pa.DataType] = {"borrower_id": pa.int64()}
    borrowers = Table("borrowers", who | {"source_id": pa.string()} | kept, key, order, frozenset(kept))
    flat = Table("observations/flat", who | features, key, order, frozenset(features))
    own = dict(FLAT_TABLES)
    if mapping.policy.decision is not None:
        own["draw_requests"] = _with_column(own["draw_requests"], "decision_executed", pa.string())
    if mapping.favoured is not None:
        own["limit_reviews"] = _with_column(own["limit_reviews"], "favoured", pa.bool_())
    return {borrowers.name: borrowers, flat.name: flat, **own}


def _with_column(table: Table, name: str, kind: pa.DataType) -> Table:
    return replace(table, columns={**table.columns, name: kind})


def _refuse_both(noun: str, one: str, ones: Collection[str], other: str, others: Collection[str]) -> None:
    both = set(ones) & set(others)
    if both:
        raise ValueError(f"the {noun} {min(both)!r} stands under {one} and under {other}; keep it under one")


def _refuse_twice(names: list[str]) -> None:
    for name in names:
        if names.count(name) > 1:
            raise ValueError(f"the name {name!r} stands twice among features and protected columns; keep one")
        if name in RESERVED:
            raise ValueError(f"the name {name!r} is kept for the project's own columns; choose another")


def _refuse_shared(columns: list[str]) -> None:
    for column in columns:
        if columns.count(column) > 1:
            raise ValueError(
                f"the column {column!r} cannot be two of id, outcome, limit and the lender's decisions; name another"
            )
