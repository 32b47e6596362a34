"""The tables of a book: their columns, types and keys. What stands here is what `releasegap check` holds."""

from __future__ import annotations

from dataclasses import dataclass

import pyarrow as pa

_ID = pa.int64()
_DATE = pa.date32()
_RMB = pa.float32()
_WORD = pa.dictionary(pa.int8(), pa.string())

NO_CAP = 32_767
"""Stands for a cap that a lender does not have: the largest that a count can be, which nothing exceeds."""

STREAMS = ("own_ledger", "bureau", "agency", "income_assets", "consumption", "device_social")


@dataclass(frozen=True)
class Table:
    """One table of a book.

    Attributes:
        name: Folder of the table inside the book.
        columns: Column name to Arrow type, in the order written.
        key: Columns that identify a row; empty where rows may repeat (two enquiries on one day).
        order: Columns by which the rows of a part are sorted.
        nullable: Columns that may be null.
        partitioned: One part per block of borrowers (otherwise one part in all).
    """

    name: str
    columns: dict[str, pa.DataType]
    key: tuple[str, ...]
    order: tuple[str, ...]
    nullable: frozenset[str] = frozenset()
    partitioned: bool = True

    def arrow_schema(self) -> pa.Schema:
        """The table's Arrow schema, with nullability."""
        return pa.schema(
            [pa.field(name, kind, nullable=name in self.nullable) for name, kind in self.columns.items()]
        )


def _stream(name: str, columns: dict[str, pa.DataType], nullable: frozenset[str] = frozenset()) -> Table:
    dated = {"borrower_id": _ID, "occurred_on": _DATE, "visible_on": _DATE}
    return Table(f"observations/{name}", dated | columns, (), ("borrower_id", "occurred_on"), nullable)


DATED_TABLES: dict[str, Table] = {
    table.name: table
    for table in (
        Table(
            "borrowers",
            {
                "borrower_id": _ID,
                "opened_on": _DATE,
                "city_tier": pa.int8(),
                "region": pa.int8(),
                "gender": _WORD,
                "age": pa.int16(),
                "marital_status": _WORD,
            },
            ("borrower_id",),
            ("borrower_id",),
        ),
        _stream("own_ledger", {"dpd": pa.int16(), "balance": _RMB, "draw_amount": _RMB}),
        _stream(
            "bureau",
            {"kind": _WORD, "amount": _RMB, "dpd": pa.int16(), "card_utilization": pa.float32()},
            frozenset({"amount", "dpd", "card_utilization"}),
        ),
        _stream("agency", {"kind": _WORD}),
        _stream(
            "income_assets",
            {"payroll": _RMB, "inferred_income": _RMB, "liquid_assets": _RMB},
            frozenset({"payroll"}),
        ),
        _stream(
            "consumption",
            {
                "necessities": _RMB,
                "discretionary": _RMB,
                "high_ticket": _RMB,
                "virtual_topup": _RMB,
                "cashout_suspect": _RMB,
                "high_ticket_count": pa.int16(),
            },
        ),
        _stream(
            "device_social",
            {
                "devices": pa.int16(),
                "shared_device_risk": pa.float32(),
                "phone_tenure": pa.float32(),
                "profile_changes": pa.int16(),
                "contact_change": pa.float32(),
            },
        ),
        Table(
            "limit_reviews",
            {
                "review_id": _ID,
                "borrower_id": _ID,
                "reviewed_on": _DATE,
                "limit_before": _RMB,
                "limit_assessed": _RMB,
                "limit_after": _RMB,
                "marketing": pa.bool_(),
            },
            ("review_id",),
            ("borrower_id", "reviewed_on"),
            frozenset({"limit_before"}),
        ),
        Table(
            "draw_requests",
            {
                "request_id": _ID,
                "borrower_id": _ID,
                "requested_on": _DATE,
                "amount": _RMB,
                "term": pa.int8(),
                "apr": pa.float32(),
                "review_id": _ID,
                "policy_version": _WORD,
                "decision_system": _WORD,
                "decision_executed": _WORD,
                "random_release": pa.bool_(),
            },
            ("request_id",),
            ("borrower_id", "requested_on"),
        ),
        Table(
            "outcomes",
            {"request_id": _ID, "bad": pa.int8(), "bad_12m": pa.int8()},
            ("request_id",),
            ("request_id",),
            frozenset({"bad_12m"}),
        ),
        Table(
            "policy",
            {
                "month_start": _DATE,
                "region": pa.int8(),
                "policy_version": _WORD,
                "tightness": pa.int8(),
                "cutoff": pa.float64(),
                "cutoff_without_competition": pa.float64(),
                "cap_debt_service": pa.float64(),
                "cap_lenders": pa.int16(),
                "cap_enquiries": pa.int16(),
            },
            ("month_start", "region"),
            ("month_start", "region"),
            partitioned=False,
        ),
        Table(
            "market",
            {
                "month_start": _DATE,
                "region": pa.int8(),
                "competition_index": pa.float64(),
                "macro_index": pa.float64(),
            },
            ("month_start", "region"),
            ("month_start", "region"),
            partitioned=False,
        ),
        Table(
            "outages",
            {"stream": _WORD, "from_on": _DATE, "until_on": _DATE},
            ("stream", "from_on"),
            ("stream", "from_on"),
            partitioned=False,
        ),
    )
}
"""Tables of a dated book. `oracle/…` comes on top in simulated books (see `data.outcomes`)."""


FLAT_TABLES: dict[str, Table] = {
    table.name: table
    for table in (
        Table(
            "limit_reviews",
            {"review_id": _ID, "borrower_id": _ID, "limit_assessed": _RMB},
            ("review_id",),
            ("borrower_id",),
        ),
        Table(
            "draw_requests",
            {"request_id": _ID, "borrower_id": _ID, "amount": _RMB},
            ("request_id",),
            ("borrower_id",),
            frozenset({"amount"}),
        ),
        Table("outcomes", {"request_id": _ID, "bad": pa.int8()}, ("request_id",), ("request_id",)),
    )
}
"""Tables of an imported book, besides `borrowers` and `observations/flat`, whose columns its mapping names."""
