"""A mapping: how the columns of a lender's own file become a book."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Annotated, Literal, Self

import pyarrow as pa
from pydantic import AfterValidator, Field, model_validator

from data.errors import CallError
from data.mapped_columns import Money, Outcome, ProtectedColumn, RecordedFavour, ReleasePolicy
from data.mapped_feature import MappedFeature
from data.mapping_defaults import filled
from data.mapping_types import (
    RESERVED,
    Column,
    Currency,
    DateFormat,
    Delimiter,
    Encoding,
    Label,
    Share,
    absent,
    some,
)
from data.parameters import Parameters, read_parameters
from data.schema import FLAT_TABLES, Table
from data.table_form import MISSING, Form
from data.yaml_tree import parse


class Snapshots(Parameters):
    """Which features stand in which snapshot, for those that do not say it themselves.

    Attributes:
        limit: Names of features or of their columns, with * and ? for any letters: known when the limit was set.
        release: The same: known at release.
    """

    limit: Annotated[tuple[Label, ...], AfterValidator(some)]
    release: Annotated[tuple[Label, ...], AfterValidator(some)]


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

    encoding: Encoding | None = Field(default=None, exclude_if=absent)
    delimiter: Delimiter | None = Field(default=None, exclude_if=absent)
    decimal: Literal[".", ","] | None = Field(default=None, exclude_if=absent)
    sheet: Label | None = Field(default=None, exclude_if=absent)
    date_format: DateFormat | None = Field(default=None, exclude_if=absent)
    snapshots: Snapshots | None = Field(default=None, exclude_if=absent)
    id_column: Column | None = None
    outcome: Outcome
    limit_column: Column
    amount_column: Column | None = None
    currency: Currency
    money: Money | None = Field(default=None, exclude_if=absent)
    missing: tuple[str, ...] = MISSING
    protected: tuple[ProtectedColumn, ...] = ()
    policy: ReleasePolicy
    favoured_top_share: Share | None = Field(default=None, exclude_if=absent)
    favoured: RecordedFavour | None = Field(default=None, exclude_if=absent)
    features: Annotated[tuple[MappedFeature, ...], AfterValidator(some)]

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
