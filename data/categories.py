"""Categories of a feature: numbered once and for all by a mapping, so that every file is read alike.

A feature of categories is one column of whole numbers, the places of its categories in the mapping. A tree parts off
any category by two splits, and the contrast has one exact value for the whole feature (docs/decisions/0016).
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from data.parameters import Parameters

MOST: Final = 60
"""Categories that a feature has at most: with more, most are too rare to tell anything."""
UNIT: Final = "category"
"""Unit of a feature of categories."""
OTHER: Final = ("Other", "其他")
"""What the values are called that are none of the categories."""

_FORM: Final = "write a list of its values, or of each value its name or [English, Chinese]"


def as_text(value: object) -> object:
    """A whole number stands for the same code written as text: YAML reads `1` as a number."""
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else value


class Category(Parameters):
    """One category.

    Attributes:
        codes: The file's values that mean it.
        label: What it is called, in English and in Chinese.
    """

    codes: tuple[str, ...]
    label: tuple[str, str]


@dataclass(frozen=True)
class Coding:
    """How the values of a feature of categories are numbered.

    Attributes:
        numbers: Number of each of the file's values that the mapping names.
        rest: Number of all others; NaN where they count as missing.
        levels: What the category of each number is called, in English and in Chinese.
    """

    numbers: Mapping[str, float]
    rest: float
    levels: tuple[tuple[str, str], ...]

    def number(self, word: str) -> float | None:
        """The number of a value that the mapping names."""
        return self.numbers.get(word, self.numbers.get(whole(word)))


def whole(word: str) -> str:
    """A whole number without the decimals that some programs write: '2.0' is the code '2'."""
    head, point, tail = word.partition(".")
    return head if point and tail and not tail.strip("0") else word


def strange_told(name: str, strange: Mapping[str, int], rows: int, coding: Coding) -> str:
    """How many values are none of a feature's categories, and how they are read, in a sentence."""
    first = sorted(strange.items(), key=lambda one: (-one[1], one[0]))
    shown = ", ".join(f"{json.dumps(word[:40], ensure_ascii=False)} ({count:,})" for word, count in first[:4])
    more = ", …" if len(first) > 4 else ""
    taken = "missing" if np.isnan(coding.rest) else repr(coding.levels[int(coding.rest)][0])
    return (
        f"{name}: {sum(strange.values()):,} of {rows:,} rows hold none of its categories and are read as {taken}: "
        f"{shown}{more}."
    )


def listed(value: Any) -> tuple[Category, ...]:
    """Categories as a mapping file gives them.

    These are a list of values, or a name (or a pair of names) by value, or a list of `codes` and `label` as a book
    keeps it. Values of one name are one category.

    Raises:
        ValueError: They are something else.
    """
    if isinstance(value, Mapping):
        pairs = list(value.items())
    elif not isinstance(value, list | tuple):
        raise ValueError(_FORM)
    elif all(isinstance(one, Category) for one in value):
        return tuple(value)
    elif all(isinstance(one, Mapping) and {*one} == {"codes", "label"} for one in value):
        pairs = [(code, one["label"]) for one in value for code in one["codes"]]
    else:
        pairs = [(one, one) for one in value]
    found: dict[tuple[str, str], list[str]] = {}
    for code, name in pairs:
        label = name if isinstance(name, list | tuple) else (name, name)
        said = [as_text(one) for one in (code, *label)]
        if len(label) != 2 or not all(isinstance(one, str) for one in said) or not all(said[1:]):
            raise ValueError(_FORM)
        found.setdefault((str(said[1]), str(said[2])), []).append(str(said[0]))
    return tuple(Category(codes=tuple(codes), label=label) for label, codes in found.items())


def coding_of(categories: Sequence[Category], ordered: bool, other: tuple[str, str] | None = None) -> Coding:
    """The numbers of categories: their places, and after them that of all other values.

    Args:
        categories: In their order.
        ordered: Whether that order is one from less to more; other values have no place in it and are missing.
        other: What the other values are called; a category of that name takes them in.
    """
    levels = [category.label for category in categories]
    numbers = {code: float(place) for place, category in enumerate(categories) for code in category.codes}
    if ordered:
        return Coding(numbers, float(np.nan), tuple(levels))
    named = other or OTHER
    if named not in levels:
        levels.append(named)
    return Coding(numbers, float(levels.index(named)), tuple(levels))


def coding_told(feature: Mapping[str, Any]) -> Coding | None:
    """The numbers of a feature's categories as a book's manifest tells them; None of a feature without any."""
    if not feature.get("categories"):
        return None
    categories = listed(feature["categories"])
    other = feature.get("other")
    return coding_of(
        categories, bool(feature.get("ordered")), None if other is None else (other[0], other[1])
    )
