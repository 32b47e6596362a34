"""An event mapping: how a lender's files of dated events become a book."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any, Final, Literal, Self

import pyarrow as pa
from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from data.errors import CallError
from data.event_features import EventFeature
from data.mapping import BookMapping, mapping_of, mapping_text
from data.mapping_types import RESERVED, Column, Currency, Delimiter, Encoding, Label, Name
from data.parameters import Parameters, read_parameters
from data.schema import DATED_TABLES, STREAMS, Table
from data.table_form import MISSING, Form
from data.yaml_tree import parse

KIND = "events"
"""What `kind` says at the head of an event mapping; a mapping without it is one of a file with a row per client."""

SEQUENCE = "sequence"
"""Column of any table that orders the rows of a borrower and day; it is not kept."""

REGIONS = "regions"
"""Under this name a manifest's mapping holds what the files call each region, where these are no numbers."""

ROWS = ("borrowers", "limit_reviews", "draw_requests", "decisions", "outcomes", "policy", "market", "outages")
"""What a mapping tells of besides streams; decisions may stand in files of their own."""

DECISION: Final = ("decision_executed", "decision_system", "random_release", "policy_version")
"""What is known of a request once it was decided."""

_REQUIRED: Mapping[str, tuple[str, ...]] = {
    "borrowers": ("borrower_id", "opened_on"),
    "limit_reviews": ("borrower_id", "reviewed_on", "limit_after"),
    "draw_requests": ("request_id", "borrower_id", "requested_on", "amount", "term", "apr"),
    "decisions": ("request_id", "decision_executed"),
    "outcomes": ("request_id", "bad"),
    "policy": ("month_start", "cutoff"),
    "market": ("month_start", "competition_index", "macro_index"),
    "outages": ("stream", "from_on", "until_on"),
}
_EVENT: Final = {"borrower_id": pa.int64(), "occurred_on": pa.date32(), "visible_on": pa.date32()}
_CAPPED: Final = {
    "cap_debt_service": ("own_ledger", "bureau", "income_assets"),
    "cap_lenders": ("bureau",),
    "cap_enquiries": ("bureau",),
}
"""Caps of a policy and the streams that tell what they cap."""
_IN_ALL: Final = {
    "borrowers": ("region", "city_tier", "gender", "age", "marital_status"),
    "limit_reviews": ("review_id",),
    "draw_requests": ("review_id",),
}
"""Columns that need not be told, but by all sources of their table once one tells them."""
_TAKEN: Final = (*STREAMS, "flat", "request", "context")

HOUSE_TABLES = tuple(name for name in DATED_TABLES if not name.startswith("observations/"))
ID_TABLES: Mapping[str, Table] = {
    table.name: table
    for table in (
        Table(
            "source_ids/borrowers",
            {"borrower_id": pa.int64(), "source_id": pa.string()},
            ("borrower_id",),
            ("borrower_id",),
        ),
        Table(
            "source_ids/requests",
            {"request_id": pa.int64(), "borrower_id": pa.int64(), "source_id": pa.string()},
            ("request_id",),
            ("borrower_id", "request_id"),
        ),
    )
}
"""What ids the lender's files have; the book's own are numbers."""


def _a_month(value: str) -> str:
    if not re.fullmatch(r"(19[5-9]|20[0-9]|21[0-9])[0-9]-(0[1-9]|1[0-2])", value):
        raise ValueError(f"{value!r} is no month from 1950 to 2199; write it as 2024-01")
    return value


def _several(value: object) -> object:
    return tuple(value) if isinstance(value, list | tuple) else (value,)


def _word(value: object) -> object:
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value) if isinstance(value, int) else value


Month = Annotated[str, AfterValidator(_a_month)]
Days = Annotated[int, Field(ge=0, le=3650)]
Word = Annotated[str, BeforeValidator(_word)]


class Cell(Parameters):
    """Where a column of a book's table comes from. A text alone names the file's column.

    Attributes:
        column: The file's column.
        constant: The value of all rows, instead.
        values: What each code of the column means: a word of the book or a number; null leaves the value out, and
            a row whose kind of event it is.
        scale: What numbers are multiplied with: 0.01 turns cents into the currency, and per cent into a share.
        dates: How dates are written, where it is not the mapping's way.
    """

    column: Column | None = None
    constant: Word | float | None = None
    values: dict[Word, Word | float | None] | None = None
    scale: float | None = None
    dates: Label | None = None

    @model_validator(mode="before")
    @classmethod
    def _named(cls, value: Any) -> Any:
        return {"column": value} if isinstance(value, str) else value

    @model_validator(mode="after")
    def _one_origin(self) -> Self:
        if (self.column is None) == (self.constant is None):
            raise ValueError("name either the file's `column` or a `constant`")
        return self


class Source(Parameters):
    """Files of the same columns that fill one table.

    Attributes:
        files: Their paths inside the folder, or patterns as `ledger_*.csv`.
        columns: By column of the book's table, where it comes from.
        lag_days: Days from an event to the day on which it was known, where no column says that day: one number, or
            one for each kind of event.
        encoding: Of a CSV file's text; UTF-8 where not said.
        delimiter: Between a CSV file's cells; guessed where not said.
        decimal: Mark before the decimals in a CSV file; a point where not said.
        sheet: Name of the sheet of an Excel workbook; its only one where not said.
    """

    files: Annotated[tuple[Column, ...], BeforeValidator(_several), Field(min_length=1)]
    columns: Annotated[dict[Name, Cell], Field(min_length=1)]
    lag_days: Days | dict[Word, Days] | None = None
    encoding: Encoding | None = None
    delimiter: Delimiter | None = None
    decimal: Literal[".", ","] | None = None
    sheet: Label | None = None

    @property
    def form(self) -> Form:
        """How the files are to be read."""
        return Form(self.encoding or "utf-8", self.delimiter, self.decimal or ".", self.sheet)

    @property
    def wanted(self) -> tuple[str, ...]:
        """The files' columns that are read, each once."""
        return tuple(dict.fromkeys(cell.column for cell in self.columns.values() if cell.column is not None))


Sources = Annotated[tuple[Source, ...], BeforeValidator(_several)]


class StreamOfEvents(Parameters):
    """A stream of observations.

    Attributes:
        sources: Where its rows stand.
        label: What the stream is called, in English and in Chinese; needed of a stream of the lender's own.
        limit_refresh: How often the limit review refreshes it; of a stream of the lender's own.
    """

    sources: Annotated[Sources, Field(min_length=1)]
    label: tuple[Label, Label] | None = None
    limit_refresh: Literal["daily", "weekly", "monthly"] = "daily"


class LimitRules(Parameters):
    """The lender's rules from an assessed limit to the limit in force.

    Attributes:
        raise_from: A limit is raised where the assessed one is this many times the limit before, or more.
        cut_below: It is cut where the assessed one is less than this many times the limit before.
        cool_down_months: Months after a raise without another one.
        floor: Least limit (currency).
        ceiling: Largest limit (currency).
        round_to: Limits are whole multiples of this (currency).
    """

    raise_from: Annotated[float, Field(gt=0)]
    cut_below: Annotated[float, Field(gt=0)]
    cool_down_months: Annotated[int, Field(ge=0)]
    floor: Annotated[float, Field(gt=0)]
    ceiling: Annotated[float, Field(gt=0)]
    round_to: Annotated[float, Field(gt=0)]


class EventMapping(Parameters):
    """How files of dated events become a book.

    Attributes:
        kind: `events`.
        currency: Code of the currency of all amounts.
        first_month: Month 1 of history; requests are judged from then on, what lies before only feeds snapshots.
        last_month: Last month of history; that of the last review or request, if it is left out.
        known_until: Month up to whose end the files tell what happened, outcomes too; it is the policy's last, or the
            last of history, if it is left out.
        dates: How dates are written, by strftime's signs; a time of day after a date such as 2024-01-31 is passed
            over; after others it must be in the signs.
        missing: Texts that mean that a value is missing.
        limit_rules: The lender's rules for limits; without them causes cannot be told.
        borrowers: Where borrowers stand.
        streams: By name, streams: those of the project's own world, or others.
        limit_reviews: Where the history of limits stands.
        draw_requests: Where requests stand, with or without their decisions.
        decisions: Where decisions stand, if they have files of their own.
        outcomes: Where outcomes of released requests stand.
        policy: Where the policy stands; each row holds until the next of its region.
        market: Where the regional index of competition and the macro index stand, if there are any.
        outages: Where known outages of streams stand, if there were any.
        features: What is computed of streams beside the project's own features.
    """

    kind: Literal["events"]
    currency: Currency
    first_month: Month
    last_month: Month | None = None
    known_until: Month | None = None
    dates: Label = "%Y-%m-%d"
    missing: tuple[str, ...] = MISSING
    limit_rules: LimitRules | None = None
    borrowers: Annotated[Sources, Field(min_length=1)]
    streams: dict[Name, StreamOfEvents] = Field(default_factory=dict)
    limit_reviews: Annotated[Sources, Field(min_length=1)]
    draw_requests: Annotated[Sources, Field(min_length=1)]
    decisions: Sources = ()
    outcomes: Annotated[Sources, Field(min_length=1)]
    policy: Annotated[Sources, Field(min_length=1)]
    market: Sources = ()
    outages: Sources = ()
    features: tuple[EventFeature, ...] = ()

    @model_validator(mode="after")
    def _sound(self) -> Self:
        for name in ROWS:
            for source in getattr(self, name):
                _hold_columns(name, source, _known(name), self._required(name))
                if source.lag_days is not None:
                    raise ValueError(f"{name} has no `lag_days`, which are those of a stream; leave them out")
        for name, columns in _IN_ALL.items():
            _hold_alike(name, getattr(self, name), columns)
        for name, stream in self.streams.items():
            self._hold_stream(name, stream)
        for name in self._own_streams:
            if name in _TAKEN:
                raise ValueError(f"{name} is a name of the project's own; give the stream another")
        names = [feature.name for feature in self.features]
        for feature in self.features:
            if feature.name in RESERVED:
                raise ValueError(
                    f"the name {feature.name!r} is kept for the project's own columns; choose another"
                )
            if names.count(feature.name) > 1:
                raise ValueError(f"the name {feature.name!r} stands twice among features; keep one")
            self._hold_feature(feature)
        return self

    @model_validator(mode="after")
    def _caps_that_can_be_held(self) -> Self:
        for source in self.policy:
            for cap, streams in _CAPPED.items():
                lacking = [stream for stream in streams if stream not in self.streams]
                if cap in source.columns and lacking:
                    raise ValueError(
                        f"policy has {cap}, but nothing under `streams` tells {' and '.join(lacking)}; it needs it"
                    )
        return self

    def _required(self, name: str) -> tuple[str, ...]:
        # Without files of their own decisions stand with the requests.
        decided = ("decision_executed",) if name == "draw_requests" and not self.decisions else ()
        return (*_REQUIRED[name], *decided)

    def _hold_stream(self, name: str, stream: StreamOfEvents) -> None:
        house = DATED_TABLES.get(f"observations/{name}")
        if house is None and stream.label is None:
            own = ", ".join(STREAMS)
            raise ValueError(
                f"{name} is none of the project's own streams ({own}), so it needs a `label` in English and Chinese"
            )
        read = set(self._columns_of(name)) if house is not None else None
        for source in stream.sources:
            known = None if house is None or read is None else {*house.columns, *read}
            needed = {"borrower_id", "occurred_on"}
            if house is not None:
                needed |= set(house.columns) - house.nullable - {"visible_on"}
            _hold_columns(f"streams.{name}", source, known, tuple(needed))
            if ("visible_on" in source.columns) == (source.lag_days is not None):
                raise ValueError(
                    f"streams.{name} needs one of the two: a column `visible_on`, the day on which a row was known, "
                    "or `lag_days` (0 where that is the day on which it happened)"
                )
            if isinstance(source.lag_days, dict) and "kind" not in source.columns:
                raise ValueError(f"streams.{name} has `lag_days` by kind, but no column `kind`; name it")

    def _hold_feature(self, feature: EventFeature) -> None:
        stream = self.streams.get(feature.stream)
        if stream is None:
            known = ", ".join(self.streams) or "none"
            raise ValueError(
                f"the feature {feature.name} reads the stream {feature.stream!r}; told are: {known}"
            )
        columns = {name for source in stream.sources for name in source.columns}
        for part in feature.aggregates:
            if part.column is not None and part.column not in columns - {*_EVENT, "kind", SEQUENCE}:
                raise ValueError(
                    f"the feature {feature.name} reads the column {part.column!r}, which {feature.stream} does not have"
                )
            if part.kinds and "kind" not in columns:
                raise ValueError(
                    f"the feature {feature.name} names kinds, but {feature.stream} has no column `kind`"
                )

    def _columns_of(self, stream: str) -> Iterator[str]:
        """The columns that declared features read of a stream."""
        for feature in self.features:
            if feature.stream == stream:
                yield from (part.column for part in feature.aggregates if part.column is not None)

    @property
    def _own_streams(self) -> tuple[str, ...]:
        """Streams that are none of the project's own world."""
        return tuple(name for name in self.streams if name not in STREAMS)

    @property
    def sources(self) -> dict[str, tuple[Source, ...]]:
        """The sources of each table; of streams under `observations/NAME`."""
        told = {name: getattr(self, name) for name in ROWS}
        return told | {f"observations/{name}": stream.sources for name, stream in self.streams.items()}

    @property
    def tables(self) -> dict[str, Table]:
        """The tables of a book that is imported with this mapping; streams that it does not tell stay empty."""
        return _tables_of(self)


def read_either(path: Path) -> BookMapping | EventMapping:
    """Reads and validates a mapping file of either kind: of events where its `kind` says so.

    Raises:
        CallError: There is no such file, or the mapping in it is not right.
    """
    text = mapping_text(path)
    tree = parse(text, str(path))
    kind = tree.get("kind")
    if kind is None:
        return mapping_of(text, str(path))
    if kind != KIND:
        raise CallError(
            f"{path}: the kind {kind!r} is unknown; write `kind: {KIND}` for files of dated events, and leave it out "
            "for a file with a row per client."
        )
    return read_parameters(EventMapping, tree, (), str(path))


def tables_of_book(mapping: Mapping[str, Any] | None) -> dict[str, Table]:
    """The tables of a dated book, by the mapping in its manifest (None of a simulated one).

    Raises:
        ValidationError: The mapping is none of events.
    """
    if not is_of_events(mapping):
        return DATED_TABLES
    said = {key: value for key, value in (mapping or {}).items() if key in EventMapping.model_fields}
    return EventMapping.model_validate(said, strict=False).tables


def is_of_events(mapping: Mapping[str, Any] | None) -> bool:
    """Whether the mapping in a manifest is one of events."""
    return mapping is not None and mapping.get("kind") == KIND


def streams_of_book(mapping: Mapping[str, Any] | None) -> tuple[str, ...]:
    """The streams of a dated book: the project's own, then those of its lender."""
    told = mapping.get("streams", {}) if mapping is not None and is_of_events(mapping) else {}
    return (*STREAMS, *sorted(name for name in told if name not in STREAMS))


def streams_told(mapping: Mapping[str, Any] | None) -> tuple[str, ...]:
    """Those of the streams of a dated book that its mapping tells anything of; all of a simulated one."""
    streams = streams_of_book(mapping)
    if mapping is None or not is_of_events(mapping):
        return streams
    return tuple(name for name in streams if name in mapping["streams"])


def _tables_of(mapping: EventMapping) -> dict[str, Table]:
    tables = dict(DATED_TABLES)
    for name in sorted(mapping.streams):
        place = f"observations/{name}"
        columns = {
            column
            for source in mapping.streams[name].sources
            for column in source.columns
            if column != SEQUENCE
        }
        known = DATED_TABLES.get(place)
        base = dict(known.columns if known else _EVENT)
        if known is None and "kind" in columns:
            base["kind"] = pa.dictionary(pa.int8(), pa.string())
        more: dict[str, pa.DataType] = dict.fromkeys(sorted(columns - base.keys()), pa.float32())
        nullable = (known.nullable if known else frozenset()) | more.keys()
        tables[place] = (
            replace(known, columns=base | more, nullable=nullable)
            if known
            else Table(place, base | more, (), ("borrower_id", "occurred_on"), nullable)
        )
    return tables | dict(ID_TABLES)


def _hold_alike(name: str, sources: tuple[Source, ...], columns: tuple[str, ...]) -> None:
    """Refuses columns that one source tells and another does not, where nothing could stand in their place."""
    for column in columns:
        told = [column in source.columns for source in sources]
        if any(told) and not all(told):
            raise ValueError(
                f"{name} has {column} in one of its sources, but not in all; name it in each, or in none"
            )


def _known(name: str) -> set[str]:
    if name == "decisions":
        return {"request_id", *DECISION}
    return set(DATED_TABLES[name].columns)


def _hold_columns(name: str, source: Source, known: set[str] | None, required: tuple[str, ...]) -> None:
    """Refuses columns that a table does not have, and sources that lack one it needs."""
    for column in source.columns:
        if known is not None and column not in known | {SEQUENCE}:
            listed = ", ".join(sorted(known))
            raise ValueError(f"{name} has no column {column!r}; it has {listed}")
    lacking = [column for column in required if column not in source.columns]
    if lacking:
        raise ValueError(
            f"{name} lacks {', '.join(sorted(lacking))}; name the files' column, or a constant where there is none"
        )
