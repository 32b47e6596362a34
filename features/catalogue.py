"""The catalogue of features: what each means, which models it may enter, which way it may push there."""

from __future__ import annotations

import csv
import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from functools import cache, cached_property
from pathlib import Path
from typing import Any

from data.book import Book
from data.categories import coding_told
from data.errors import CallError, DataFault
from data.event_mapping import is_of_events

PROTECTED = ("gender", "age", "region", "marital_status")
"""Columns of a dated book that serve fairness checks alone and are never features."""

ABSENT = "x"
"""Sign of a feature that is not in a model."""

DAYS_A_MONTH = 365.25 / 12
"""Mean length of a month in days."""

_SIGNS = {"+": 1, "-": -1, "0": 0}


@dataclass(frozen=True)
class Feature:
    """One feature.

    Attributes:
        name: Column name in the matrices.
        label_en: Label in English.
        label_zh: Label in Chinese.
        definition_en: One sentence in English.
        definition_zh: One sentence in Chinese.
        unit: `RMB`, `d` (days), `m` (months), `n` (a count), `r` (a ratio), `0/1`, `0-1`, `id`, `z`, or
            what a mapping says.
        window: How far it looks back (`30d`, `6m`), `now` or `life`; empty for imported features.
        stream: Stream of observations that it is read from, `request`, `context`, or `flat` (imported).
        family: Group of kindred features.
        family_zh: The group's name in Chinese.
        limit_sign: `+`, `-`, `0` (free) or `x` (not in the limit model).
        release_sign: The same for the probability of default of the release model.
        reason_code: The reason that it stands for (`R01` to `R20`), or empty.
        reason_use: Whether it may be named as a reason: `Y`, `C` (with care) or `N`.
        levels: Of a feature of categories, what the category of each number is called, in English and in Chinese.
        ordered: Whether its categories stand in order, from less to more.
    """

    name: str
    label_en: str
    label_zh: str
    definition_en: str
    definition_zh: str
    unit: str
    window: str
    stream: str
    family: str
    family_zh: str
    limit_sign: str
    release_sign: str
    reason_code: str
    reason_use: str
    levels: tuple[tuple[str, str], ...] = ()
    ordered: bool = False

    def __post_init__(self) -> None:
        # JSON has lists where this has tuples.
        object.__setattr__(self, "levels", tuple((english, chinese) for english, chinese in self.levels))

    @property
    def unordered(self) -> bool:
        """Whether it is of categories without an order, so that no middle and no more or less is told of it."""
        return bool(self.levels) and not self.ordered

    @property
    def days(self) -> int:
        """Length of the window in days (of a feature of dated events)."""
        return self._length if self.window.endswith("d") else days_of(self._length)

    @property
    def months(self) -> int:
        """Length of the window in months (of a feature of monthly rows)."""
        return self._length if self.window.endswith("m") else round(self._length / DAYS_A_MONTH)

    @property
    def _length(self) -> int:
        return int(self.window[:-1])


def days_of(months: int) -> int:
    """Whole days in a span of months: 30, 91, 182, 365 and 730 in 1, 3, 6, 12 and 24."""
    return int(months * DAYS_A_MONTH)


@dataclass(frozen=True)
class Catalogue:
    """The features of both models; a model's columns stand in the catalogue's order."""

    features: tuple[Feature, ...]

    @cached_property
    def limit(self) -> tuple[str, ...]:
        """Names of the limit model's features, in the order of its columns."""
        return tuple(feature.name for feature in self.features if feature.limit_sign != ABSENT)

    @cached_property
    def release(self) -> tuple[str, ...]:
        """Names of the release model's features, in the order of its columns."""
        return tuple(feature.name for feature in self.features if feature.release_sign != ABSENT)

    @cached_property
    def limit_signs(self) -> tuple[int, ...]:
        """Which way each of `limit` may push the limit: 1 up, -1 down, 0 either."""
        return tuple(_SIGNS[self[name].limit_sign] for name in self.limit)

    @cached_property
    def release_signs(self) -> tuple[int, ...]:
        """Which way each of `release` may push the probability of default: 1 up, -1 down, 0 either."""
        return tuple(_SIGNS[self[name].release_sign] for name in self.release)

    @cached_property
    def digest(self) -> str:
        """sha256 of all that the catalogue says."""
        # What only features of categories have is left out elsewhere: catalogues from before it stay the same.
        held = (
            {k: v for k, v in asdict(feature).items() if v not in ((), False)} for feature in self.features
        )
        said = json.dumps(list(held), ensure_ascii=False)
        return hashlib.sha256(said.encode()).hexdigest()

    def __getitem__(self, name: str) -> Feature:
        """The feature of this name.

        Raises:
            CallError: The catalogue has no such feature.
        """
        feature = self._by_name.get(name)
        if feature is None:
            raise CallError(f"There is no feature {name!r}; known are: {', '.join(self._by_name)}.")
        return feature

    def __contains__(self, name: object) -> bool:
        """Whether there is a feature of this name."""
        return name in self._by_name

    @cached_property
    def _by_name(self) -> dict[str, Feature]:
        return {feature.name: feature for feature in self.features}


@cache
def own_catalogue() -> Catalogue:
    """The catalogue of dated books, as it stands in `catalogue.csv`; protected attributes are not in it."""
    with Path(__file__).with_name("catalogue.csv").open(encoding="utf-8", newline="") as lines:
        rows: list[dict[str, Any]] = list(csv.DictReader(lines))
    return Catalogue(tuple(Feature(**row) for row in rows))


def catalogue_of(book: Book) -> Catalogue:
    """The catalogue of a book: the project's own for dated books, with what a mapping declares; else the mapping's.

    Raises:
        DataFault: The book is imported, but its mapping names no features.
    """
    if book.dated:
        told = book.manifest.mapping
        return catalogue_of_events(told) if told is not None and is_of_events(told) else own_catalogue()
    mapped = (book.manifest.mapping or {}).get("features")
    if not mapped:
        raise DataFault(
            f"The mapping in {book.path} names no features; import the file again with one that does."
        )
    return Catalogue(tuple(_imported(said) for said in mapped))


def catalogue_of_events(mapping: Mapping[str, Any]) -> Catalogue:
    """The project's own features of the streams that a mapping of events tells, then those that it declares.

    Args:
        mapping: The mapping as a manifest holds it.

    Raises:
        CallError: It declares a feature under a name of the project's own.
    """
    told = {*mapping["streams"], *(["market"] if mapping["market"] else [])}
    own = [feature for feature in own_catalogue().features if _needs(feature) <= told]
    declared = []
    for said in mapping["features"]:
        if said["name"] in own_catalogue():
            raise CallError(
                f"The mapping declares a feature {said['name']!r}, which is the name of one of the project's own; "
                "choose another."
            )
        parts = [said[part]["days"] for part in ("above", "below") if said[part]] or [said["days"]]
        window = "/".join(dict.fromkeys("life" if days is None else f"{days}d" for days in parts))
        declared.append(_imported({**said, "window": window}))
    return (
        Catalogue((*own, *declared))
        if len(own) < len(own_catalogue().features) or declared
        else own_catalogue()
    )


def _needs(feature: Feature) -> set[str]:
    """What a book must tell so that a feature of the project's own can be computed."""
    if feature.name in _NEEDS:
        return set(_NEEDS[feature.name])
    return {"market"} if feature.stream == "context" else {feature.stream} - {"request"}


_LEDGER, _BUREAU, _INCOME, _SPENT = "own_ledger", "bureau", "income_assets", "consumption"
_NEEDS: Mapping[str, tuple[str, ...]] = {
    **dict.fromkeys(("account_age", "days_since_limit_review", "limit_change_90d", "policy_regime"), ()),
    "own_balance_to_income": (_LEDGER, _INCOME),
    "monthly_obligation": (_LEDGER, _BUREAU),
    **dict.fromkeys(("dti_ratio", "dti_after_draw"), (_LEDGER, _BUREAU, _INCOME)),
    "cash_buffer": (_INCOME, _SPENT),
    "spend_income_ratio_3m": (_SPENT, _INCOME),
    "amount_to_income": (_INCOME,),
}
"""What features need that are read of several streams, or of none."""


def _imported(said: Mapping[str, Any]) -> Feature:
    """A feature as its mapping says it; what a mapping leaves out is filled so that nothing is claimed."""
    known = {field.name: said[field.name] for field in fields(Feature) if said.get(field.name) is not None}
    family = str(said["family"])
    filled = {
        "definition_en": said["label_en"],
        "definition_zh": said["label_zh"],
        "window": "",
        "stream": "flat",
        "family_zh": _families_zh().get(family, family),
        "reason_code": "",
        "reason_use": "Y" if said.get("reason_code") else "N",
    }
    coding = coding_told(said)
    if coding is not None:
        filled |= {"levels": coding.levels, "ordered": bool(said.get("ordered"))}
    return Feature(**(filled | known))


@cache
def _families_zh() -> dict[str, str]:
    return {feature.family: feature.family_zh for feature in own_catalogue().features}
