"""Numbers as people read them: money, shares, pushes, feature values with their units."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from explanations.report.words import Text, counted, has, joined, same, say
from features.catalogue import Feature

NOTHING = "–"
_SYMBOLS = {"RMB": "¥", "CNY": "¥", "TWD": "NT$", "USD": "US$", "EUR": "€", "GBP": "£"}
# The catalogue's short unit codes, and the words that mappings use for the same.
_UNITS = {
    "d": "days", "day": "days", "days": "days",
    "m": "months", "month": "months", "months": "months",
    "y": "years", "year": "years", "years": "years",
    "0/1": "flag", "flag": "flag",
    "n": "", "count": "", "r": "", "ratio": "", "0-1": "", "z": "", "index": "", "category": "", "": "",
}  # fmt: skip


def known(value: float | None) -> bool:
    """Whether there is a number at all."""
    return value is not None and math.isfinite(value)


def count(value: float | None) -> str:
    """A count with thousands separated."""
    return f"{value:,.0f}" if value is not None and known(value) else NOTHING


def share(part: float | None, whole: float | None = 1.0, digits: int = 1) -> str:
    """`part` of `whole` as a percentage."""
    if part is None or whole is None or not known(part) or not known(whole) or whole == 0:
        return NOTHING
    return f"{fixed(100 * part / whole, digits)}%"


def money(value: float | None, currency: str) -> str:
    """An amount in whole units of `currency` (`RMB`, `TWD` or any other code)."""
    if value is None or not known(value):
        return NOTHING
    sign = "−" if round(value) < 0 else ""
    return f"{sign}{_SYMBOLS.get(currency, currency + ' ')}{abs(value):,.0f}"


def large_money(value: float | None, currency: str) -> Text:
    """An amount in the words in which each language counts large sums: millions, or 万 and 亿."""
    if value is None or not known(value) or abs(value) < 1e5:
        return same(money(value, currency))
    sign = ("−" if value < 0 else "") + _SYMBOLS.get(currency, f"{currency} ")
    size = abs(value)
    english = ("billion", size / 1e9) if size >= 1e9 else ("million", size / 1e6)
    wan = size < 1e8
    # Three digits at least: 12.3 万, 123 万, 1.23 亿.
    chinese = f"{size / 1e4:,.{1 if size < 1e6 else 0}f}" if wan else f"{size / 1e8:,.2f}"
    return Text(
        money(value, currency)
        if size < 1e6
        else say(f"money.{english[0]}", amount=f"{sign}{english[1]:,.1f}").en,
        say("money.million" if wan else "money.billion", amount=f"{sign}{chinese}").zh,
    )


def push(value: float | None, digits: int = 2) -> str:
    """A contribution with its sign."""
    if value is None or not known(value):
        return NOTHING
    rounded = fixed(value, digits)
    return f"+{rounded}" if value > 0 and float(rounded) else rounded


def fixed(value: float, digits: int) -> str:
    """A number with so many decimals; what rounds to nothing bears no sign."""
    rounded = f"{abs(value):.{digits}f}"
    return f"−{rounded}" if value < 0 and float(rounded) else rounded


def interval(low: float, high: float) -> str:
    """A bootstrap interval of a contribution."""
    return f"{push(low)} … {push(high)}" if known(low) and known(high) else NOTHING


def with_interval(value: str, low: float | None, high: float | None, write: Callable[[float], str]) -> str:
    """A figure as it was written, with its interval where it has one."""
    if low is None or high is None or not (known(low) and known(high)):
        return value
    # The bracket does not break, so that a narrow cell has it in a line of its own.
    return f"{value} ({write(low)}\N{NO-BREAK SPACE}…\N{NO-BREAK SPACE}{write(high)})"


def limit_effect(log_push: float | None) -> str:
    """A push in log money as what it does to the limit in per cent."""
    if log_push is None or not known(log_push):
        return NOTHING
    return f"{push(100 * math.expm1(log_push), 1)}%"


def odds_effect(log_odds: float | None) -> str:
    """A push in log-odds as the factor on the odds."""
    return f"×{math.exp(log_odds):.2f}" if log_odds is not None and known(log_odds) else NOTHING


def number(value: float | None) -> str:
    """A plain number with as many digits as it needs, three significant at least."""
    if value is None or not known(value):
        return NOTHING
    size = abs(value)
    if size >= 100 or float(value).is_integer():
        text = f"{size:,.0f}"
    elif size >= 1:
        text = f"{size:.{1 if size >= 10 else 2}f}".rstrip("0").rstrip(".")
    else:
        text = f"{size:.3g}"
    return f"−{text}" if value < 0 else text


def with_unit(value: float | None, unit: str, currency: str) -> Text:
    """A feature's value with its unit in both languages; a missing value is said to be missing."""
    if value is None or not known(value):
        return say("value.missing")
    if is_money(unit, currency):
        return same(money(value, currency))
    kind = _UNITS.get(unit, unit)
    if kind == "flag":
        return say("value.yes" if value else "value.no")
    if not kind:
        return same(number(value))
    key, figure = f"value.{kind}", number(value)
    return counted(key, figure, value=figure) if has(key) else same(f"{figure} {unit}")


def value_text(value: float | None, feature: Feature, currency: str) -> Text:
    """A feature's value as people read it: of categories the name, otherwise the number with its unit."""
    if feature.levels and value is not None and known(value) and 0 <= round(value) < len(feature.levels):
        return Text(*feature.levels[round(value)])
    return with_unit(value, feature.unit, currency)


def levels_text(places: list[int], feature: Feature) -> Text:
    """Some categories by their names."""
    named = [Text(*feature.levels[place]) for place in places]
    return joined([joined(named[:-1]), named[-1]], en=" or ", zh="或") if len(named) > 1 else named[0]


def usual_value(values: NDArray[np.float64], feature: Feature) -> float:
    """The middle of some values, the most common of categories without an order; NaN where none is known."""
    held = values[np.isfinite(values)]
    if not len(held):
        return math.nan
    if feature.unordered:
        each, counts = np.unique(held, return_counts=True)
        return float(each[counts.argmax()])
    # Between two categories there is none.
    return float(np.percentile(held, 50, method="lower" if feature.levels else "linear"))


def unit_name(unit: str, currency: str) -> Text:
    """What an axis says of a unit; empty for counts and ratios, which need no word."""
    if is_money(unit, currency):
        return same(currency)
    kind = _UNITS.get(unit, unit)
    key = f"unit.{kind}"
    return say(key) if has(key) else same(kind)


def is_flag(unit: str) -> bool:
    """Whether a unit says that a feature is either so or not."""
    return _UNITS.get(unit) == "flag"


def is_money(unit: str, currency: str) -> bool:
    """Whether a unit is an amount of the book's currency."""
    return unit in ("RMB", currency)
