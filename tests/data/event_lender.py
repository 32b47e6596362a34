"""A small lender with files of events: four borrowers, a ledger, calls, limits, requests, outcomes, a policy."""

from __future__ import annotations

import copy
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pandas as pd
import yaml

from data.book import Book
from data.event_import import import_events
from data.event_mapping import EventMapping, read_either

FILES: dict[str, dict[str, list[Any]]] = {
    "clients.csv": {
        "client": ["C-03", "C-01", "C-02", "C-04"],
        "since": ["2022-05-01", "2022-06-15", "2023-01-10", "2023-02-01"],
        "province": ["north", "south", "north", "south"],
        "sex": ["f", "m", "", "f"],
    },
    "ledger_2023.csv": {
        "client": ["C-01", "C-02", "C-01", "C-03", "C-01"],
        "day": ["2023-03-01", "2023-03-02", "2023-04-01", "2023-03-05", "2023-04-01"],
        "late": [0, 3, 0, 0, 0],
        "cents": [100050, 20000, 90000, 0, 120000],
        "draw": [0, 0, 0, 0, 30000],
        "row": [1, 1, 1, 1, 2],
    },
    "calls.csv": {
        "client": ["C-01", "C-01", "C-02", "C-04", "C-01"],
        "day": ["01/02/2023", "05/03/2023", "20/02/2023", "01/01/2023", "06/03/2023"],
        "known": ["01/02/2023", "09/03/2023", "21/02/2023", "01/01/2023", "06/03/2023"],
        "type": ["complaint", "question", "complaint", "spam", "complaint"],
        "minutes": [10, "", 4, 1, 20],
    },
    "limits.csv": {
        "client": ["C-01", "C-01", "C-02", "C-03", "C-04"],
        "day": ["2022-06-15", "2023-03-03", "2023-01-10", "2023-01-01", "2023-02-01"],
        "limit": [1000, 1500, 800, 900, 700],
    },
    "asked.csv": {
        "request": ["q1", "q2", "q3"],
        "client": ["C-01", "C-02", "C-01"],
        "day": ["2023-03-10", "2023-03-20", "2023-04-02"],
        "amount": [300, 200, 400],
    },
    "decided.csv": {"request": ["q2", "q1", "q3"], "verdict": ["no", "yes", "yes"]},
    "ends.csv": {"request": ["q1", "q3"], "defaulted": [0, ""]},
    "policy.csv": {"from": ["2023-01-01", "2023-04-01"], "cut": [6, 4], "name": ["spring", "tight"]},
}

MAPPING: dict[str, Any] = {
    "kind": "events",
    "currency": "EUR",
    "first_month": "2023-01",
    "limit_rules": {
        "raise_from": 1.15,
        "cut_below": 0.75,
        "cool_down_months": 6,
        "floor": 100,
        "ceiling": 9000,
        "round_to": 100,
    },
    "borrowers": {
        "files": "clients.csv",
        "columns": {
            "borrower_id": "client",
            "opened_on": "since",
            "region": "province",
            "gender": {"column": "sex", "values": {"f": "female", "m": "male", "": "unknown"}},
        },
    },
    "streams": {
        "own_ledger": {
            "sources": {
                "files": "ledger_*.csv",
                "lag_days": 0,
                "columns": {
                    "borrower_id": "client",
                    "occurred_on": "day",
                    "dpd": "late",
                    "balance": {"column": "cents", "scale": 0.01},
                    "draw_amount": {"column": "draw", "scale": 0.01},
                    "sequence": "row",
                },
            }
        },
        "calls": {
            "label": ["Calls", "来电"],
            "sources": {
                "files": "calls.csv",
                "columns": {
                    "borrower_id": "client",
                    "occurred_on": {"column": "day", "dates": "%d/%m/%Y"},
                    "visible_on": {"column": "known", "dates": "%d/%m/%Y"},
                    "kind": {
                        "column": "type",
                        "values": {"complaint": "complaint", "question": "question", "spam": None},
                    },
                    "minutes": "minutes",
                },
            },
        },
    },
    "limit_reviews": {
        "files": "limits.csv",
        "columns": {"borrower_id": "client", "reviewed_on": "day", "limit_after": "limit"},
    },
    "draw_requests": {
        "files": "asked.csv",
        "columns": {
            "request_id": "request",
            "borrower_id": "client",
            "requested_on": "day",
            "amount": "amount",
            "term": {"constant": 12},
            "apr": {"constant": 0.15},
        },
    },
    "decisions": {
        "files": "decided.csv",
        "columns": {
            "request_id": "request",
            "decision_executed": {"column": "verdict", "values": {"yes": "release", "no": "refuse"}},
        },
    },
    "outcomes": {"files": "ends.csv", "columns": {"request_id": "request", "bad": "defaulted"}},
    "policy": {
        "files": "policy.csv",
        "columns": {
            "month_start": "from",
            "cutoff": {"column": "cut", "scale": 0.01},
            "policy_version": "name",
        },
    },
}


@dataclass
class Lender:
    """The lender, whose files and mapping a test may change before it imports them.

    Attributes:
        folder: Where all is written.
        files: Columns by file.
        mapping: The mapping.
    """

    folder: Path
    files: dict[str, dict[str, list[Any]]] = field(default_factory=lambda: copy.deepcopy(FILES))
    mapping: dict[str, Any] = field(default_factory=lambda: copy.deepcopy(MAPPING))

    def write(self) -> Path:
        """Writes files and mapping; returns the mapping's path."""
        self.folder.mkdir(parents=True, exist_ok=True)
        for name, columns in self.files.items():
            pd.DataFrame(columns).to_csv(self.folder / name, index=False)
        path = self.folder / "mapping.yaml"
        path.write_text(yaml.safe_dump(self.mapping, sort_keys=False, allow_unicode=True), encoding="utf-8")
        return path

    def book(self, name: str = "book", block_size: int = 3) -> Book:
        """The imported book."""
        mapping = read_either(self.write())
        assert isinstance(mapping, EventMapping)
        return import_events(mapping, self.folder, self.folder.parent / name, block_size)
