"""Protected attributes of borrowers, for checks of fairness and proxies alone: no feature, no model reads them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pandas as pd

from data.book import Book
from data.event_mapping import REGIONS, is_of_events

DATED = ("gender", "age", "marital_status", "region")
"""Those of a dated book."""

Labels = list[str]
"""In English and in Chinese."""


@dataclass(frozen=True)
class ProtectedAttributes:
    """What a book records of its borrowers that no decision may rest on.

    Attributes:
        values: borrower_id and a column for each attribute; a number, or a category as text.
        labels: What each attribute is called, where the book's mapping says it.
        groups: What each of its categories is called, where the mapping says it.
    """

    values: pd.DataFrame
    labels: Mapping[str, Labels]
    groups: Mapping[str, Mapping[str, Labels]]


def protected_attributes(book: Book) -> ProtectedAttributes:
    """The protected attributes that a book records; none where its mapping names none."""
    mapping = book.manifest.mapping or {}
    if is_of_events(mapping):
        return _of_events(book, mapping)
    named = mapping.get("protected", [])
    names = DATED if book.dated else tuple(one["name"] for one in named)
    values = book.whole("borrowers", ["borrower_id", *names])
    return ProtectedAttributes(
        values=values.astype({"region": str} if book.dated else {}),
        labels={one["name"]: list(one["label"]) for one in named if one.get("label")},
        groups={
            one["name"]: {code: list(label) for code, label in one["groups"].items()}
            for one in named
            if one.get("groups")
        },
    )


def _of_events(book: Book, mapping: Mapping[str, Any]) -> ProtectedAttributes:
    """Those that a lender's files tell; regions by the names that the files write."""
    told = {column for source in mapping["borrowers"] for column in source["columns"]}
    names = [name for name in DATED if name in told]
    values = book.whole("borrowers", ["borrower_id", *names])
    regions = {number: [text, text] for number, text in mapping.get(REGIONS, {}).items()}
    return ProtectedAttributes(
        values=values.astype({"region": str} if "region" in names else {}),
        labels={},
        groups={"region": regions} if regions else {},
    )
