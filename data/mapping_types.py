"""What single names of a mapping may say: a name, a column, a sign, a code."""

from __future__ import annotations

import re
from collections.abc import Collection, Sized
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, Field

from data.categories import as_text
from data.table_form import DELIMITERS, ENCODINGS

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


def absent(value: Any) -> bool:
    """Whether a later addition is not made use of: mappings of earlier books are kept as they were."""
    return value is None or value is False or value == ()


def some(value: Sized) -> Sized:
    """The value, unless it is empty."""
    if not len(value):
        raise ValueError("it is empty; name one at least")
    return value


Code = Annotated[str, BeforeValidator(as_text)]
Column = Annotated[str, AfterValidator(some)]
DateFormat = Annotated[str, AfterValidator(_a_date_format)]
Delimiter = Annotated[str, AfterValidator(_a_delimiter)]
Encoding = Annotated[str, AfterValidator(_an_encoding)]
Currency = Annotated[str, AfterValidator(_a_currency)]
Label = Annotated[str, AfterValidator(some)]
Name = Annotated[str, AfterValidator(_a_name)]
ReasonCode = Annotated[str, AfterValidator(_a_reason)]
NumberCode = Annotated[str, BeforeValidator(_as_number_text), AfterValidator(_a_number)]
Share = Annotated[float, Field(gt=0, lt=1)]
Sign = Annotated[Literal["+", "-", "0", "x"], BeforeValidator(as_text)]


def refuse_both(noun: str, one: str, ones: Collection[str], other: str, others: Collection[str]) -> None:
    """Refuses a value that stands under two names which exclude each other."""
    both = set(ones) & set(others)
    if both:
        raise ValueError(f"the {noun} {min(both)!r} stands under {one} and under {other}; keep it under one")
