"""What holds within one part of a table: its columns, keys and order, and the values of a column."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd
import pyarrow as pa

from data.findings import Finding, wrong_rows
from data.schema import STREAMS, Table


@dataclass(frozen=True)
class Range:
    """The values that a number may take, where it is given.

    Attributes:
        least: The least value.
        most: The most.
        above: Whether `least` itself is too little.
    """

    least: float
    most: float = np.inf
    above: bool = False

    def __str__(self) -> str:
        """As it is said in a line."""
        if self.above:
            return f"a value above {self.least:g}"
        return f"{self.least:g} or more" if np.isinf(self.most) else f"{self.least:g} to {self.most:g}"

    def holds(self, values: pd.Series) -> pd.Series:
        """Whether each value is within; missing ones are."""
        enough = values > self.least if self.above else values >= self.least
        return values.isna() | (enough & (values <= self.most))


_POSITIVE, _NOT_NEGATIVE, _SHARE, _FLAG = Range(0, above=True), Range(0), Range(0, 1), Range(0, 1)

RANGES: Mapping[str, Mapping[str, Range]] = {
    "borrowers": {"city_tier": Range(1, 4), "region": _NOT_NEGATIVE, "age": Range(0, 130)},
    "observations/own_ledger": dict.fromkeys(("dpd", "balance", "draw_amount"), _NOT_NEGATIVE),
    "observations/bureau": {"amount": _POSITIVE, "dpd": _NOT_NEGATIVE, "card_utilization": _NOT_NEGATIVE},
    "observations/income_assets": dict.fromkeys(
        ("payroll", "inferred_income", "liquid_assets"), _NOT_NEGATIVE
    ),
    "observations/consumption": dict.fromkeys(
        (
            "necessities",
            "discretionary",
            "high_ticket",
            "virtual_topup",
            "cashout_suspect",
            "high_ticket_count",
        ),
        _NOT_NEGATIVE,
    ),
    "observations/device_social": {
        **dict.fromkeys(("devices", "phone_tenure", "profile_changes", "contact_change"), _NOT_NEGATIVE),
        "shared_device_risk": _SHARE,
    },
    "limit_reviews": dict.fromkeys(("limit_before", "limit_assessed", "limit_after"), _POSITIVE),
    "draw_requests": {"amount": _POSITIVE, "term": Range(1), "apr": _NOT_NEGATIVE},
    "outcomes": {"bad": _FLAG, "bad_12m": _FLAG},
    "policy": {
        "tightness": Range(0, 2),
        **dict.fromkeys(("cutoff", "cutoff_without_competition"), _SHARE),
        **dict.fromkeys(("cap_debt_service", "cap_lenders", "cap_enquiries"), _NOT_NEGATIVE),
    },
    "market": {"competition_index": _NOT_NEGATIVE},
}
"""Ranges of numeric columns, by table."""

FIRST_DAY, LAST_DAY = np.datetime64("1950-01-01"), np.datetime64("2199-12-31")
"""Days outside which nothing that a lender observes can lie."""

_DECISIONS = ("release", "refuse")
_GIVEN_FOR = {
    "amount": ("loan_opened", "loan_closed"),
    "dpd": ("delinquency",),
    "card_utilization": ("card_statement",),
}
WORDS: Mapping[str, Mapping[str, tuple[str, ...]]] = {
    "observations/bureau": {
        "kind": ("enquiry", "loan_opened", "loan_closed", "delinquency", "card_statement", "file_opened")
    },
    "observations/agency": {"kind": ("application", "loan")},
    "draw_requests": {"decision_system": _DECISIONS, "decision_executed": _DECISIONS},
    "outages": {"stream": STREAMS},
}
"""Words that a column may hold, by table."""


def layout_findings(place: str, table: Table, schema: pa.Schema) -> Iterator[Finding]:
    """Columns that are missing, not in the schema, or of another type."""
    for name, kind in table.columns.items():
        if name not in schema.names:
            yield Finding(place, name, f"a column of type {kind}", found=("none",))
        elif schema.names.count(name) > 1:
            yield Finding(place, name, "one column of this name", found=(str(schema.names.count(name)),))
        elif schema.field(name).type != kind:
            yield Finding(place, name, f"type {kind}", found=(str(schema.field(name).type),))
    for name in schema.names:
        if name not in table.columns:
            yield Finding(
                place, name, "no such column", found=(str(schema.field(schema.names.index(name)).type),)
            )


def null_findings(place: str, table: Table, rows: pa.Table) -> Iterator[Finding]:
    """Nulls where a column may have none, and infinite or undefined numbers anywhere."""
    for name, kind in table.columns.items():
        column = rows[name]
        if name not in table.nullable and column.null_count:
            absent = column.is_null().to_numpy()
            yield from wrong_rows(place, name, "a value", ~absent, np.full(len(absent), None, dtype=object))
        if pa.types.is_floating(kind):
            values = column.drop_null().to_numpy()
            if not np.isfinite(values).all():
                values = column.to_numpy()
                finite = np.isfinite(values) | column.is_null().to_numpy()
                yield from wrong_rows(place, name, "a finite number", finite, values)


def row_findings(place: str, table: Table, frame: pd.DataFrame) -> Iterator[Finding]:
    """Order, key and values of the rows of a part whose layout is right."""
    yield from _order_findings(place, table, frame)
    if table.key:
        again = frame.duplicated(list(table.key))
        expected = (
            "no key twice" if len(table.key) == 1 else f"no two rows of the same {' and '.join(table.key)}"
        )
        yield from wrong_rows(place, table.key[0], expected, ~again, frame[table.key[0]])
    for name, bounds in RANGES.get(table.name, {}).items():
        # A lender's own column may bear the name of one of ours, such as a region by its name.
        if name in frame and pd.api.types.is_numeric_dtype(frame[name]):
            yield from wrong_rows(place, name, str(bounds), bounds.holds(frame[name]), frame[name])
    for name, words in WORDS.get(table.name, {}).items():
        if name in frame:
            allowed = f"one of {', '.join(words)}"
            yield from wrong_rows(place, name, allowed, frame[name].isin(words), frame[name])
    if "month_start" in frame:
        months = frame["month_start"].to_numpy().astype("datetime64[D]")
        first = months == months.astype("datetime64[M]")
        sane = first & (months >= FIRST_DAY) & (months <= LAST_DAY)
        expected = "the first day of a month from 1950 to 2199"
        yield from wrong_rows(place, "month_start", expected, sane, frame["month_start"])
    if "visible_on" in frame:
        seen_after = frame["visible_on"] >= frame["occurred_on"]
        yield from wrong_rows(place, "visible_on", "occurred_on or later", seen_after, frame["visible_on"])
    if table.name == "observations/bureau":
        yield from _bureau_findings(place, frame)
    if table.name == "outages":
        ordered = frame["until_on"] >= frame["from_on"]
        yield from wrong_rows(place, "until_on", "from_on or later", ordered, frame["until_on"])


def _order_findings(place: str, table: Table, frame: pd.DataFrame) -> Iterator[Finding]:
    """Rows that come before the row above them in the order of the table."""
    below = np.zeros(max(len(frame) - 1, 0), dtype=bool)
    level = ~below
    for name in table.order:
        values = frame[name]
        column = (
            values.astype(str).to_numpy()
            if isinstance(values.dtype, pd.CategoricalDtype)
            else values.to_numpy()
        )
        below |= level & (column[1:] < column[:-1])
        level &= column[1:] == column[:-1]
    by = ", ".join(table.order)
    good = np.append([True], ~below)[: len(frame)]
    yield from wrong_rows(place, table.order[-1], f"rows in the order of {by}", good, frame[table.order[-1]])


def _bureau_findings(place: str, frame: pd.DataFrame) -> Iterator[Finding]:
    """Each kind of event bears its own value and no other."""
    for name, kinds in _GIVEN_FOR.items():
        right = frame[name].notna() == frame["kind"].isin(kinds)
        expected = f"a value where kind is {' or '.join(kinds)}, and only there"
        yield from wrong_rows(place, name, expected, right, frame[name])
