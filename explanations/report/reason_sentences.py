"""Reasons as sentences in both languages: what is so of this borrower, beside what is usual among those paid out."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from explanations.report.contrast_table import label_of
from explanations.report.quantities import (
    fixed,
    is_flag,
    is_money,
    known,
    money,
    share,
    value_text,
    with_unit,
)
from explanations.report.words import LANGUAGES, Text, has, same, say
from features.catalogue import Catalogue, Feature, own_catalogue

Floats = NDArray[np.float64]

_KEYS = ("side", "code", "feature", "value", "usual", "share", "first", "first_feature", "refused_by")
_SPOKEN = ("d", "day", "days", "m", "month", "months", "y", "year", "years", "n", "count", "r", "ratio")
_RATIOS = ("r", "ratio")
NO_ASSESSMENT = "R19"
"""System or data error: nothing that is known of the borrower refused."""
LENDERS_OWN = ("R18", "R20")
"""Causes on the lender's side that a borrower is told: a standard that changed, data that were older."""
EVENTS = ("R01", "R02", "R03", "R07", "R13")
"""Reasons that say that something happened: a value above 0 of what can only add to them."""
_SMALL = 3  # months and the like, of which a tenth counts


def with_sentences(table: pd.DataFrame, catalogue: Catalogue, currency: str) -> pd.DataFrame:
    """The table of reasons (see `reasons.principal_reasons.reasons_table`) with its sentences, as categories.

    Each sentence is made once, whatever the number of conflicts: values are said in as many digits as one says. What
    only the sentences needed is left out.

    Returns:
        request_id, rank, side, code, feature, push, en, zh by row of `table`.
    """
    said = table.assign(**_shown(table, catalogue, currency))
    which = said.groupby(list(_KEYS), sort=False, dropna=False, observed=True).ngroup().to_numpy()
    distinct = said[~pd.Series(which).duplicated().to_numpy()]
    texts = [reason_text(row, catalogue, currency) for row in distinct[list(_KEYS)].to_dict("records")]
    kept = table[["request_id", "rank", "side", "code", "feature", "push"]]
    return kept.assign(
        **{language: _column(which, [text[language] for text in texts]) for language in LANGUAGES}
    )


def reason_text(row: Mapping[Any, Any], catalogue: Catalogue, currency: str) -> Text:
    """The sentence of a row of the table of reasons."""
    code, name = str(row["code"]), str(row["feature"])
    if code == NO_ASSESSMENT:
        return say(f"reason.{row['refused_by']}")
    if row["side"] == "lender":
        return _lenders(code, str(row["first"]), str(row["first_feature"]), float(row["share"]))
    reason = _label(code, name)
    if name not in catalogue:
        return say("reason.alone", reason=reason)
    return _borrowers(reason, code, catalogue[name], row, currency)


def _label(code: str, feature: str) -> Text:
    """What the reason is called: where its usual name says more than this feature shows, what the feature shows."""
    own = f"reason_label.{code}.{feature}"
    return say(own if has(own) else f"reason_code.{code}")


def _lenders(code: str, first: str, feature: str, part: float) -> Text:
    if code == "R18" and first in ("", NO_ASSESSMENT):  # nothing of the borrower's is below the standard
        return say("reason.R18_alone")
    reason = _label(first, feature) if first else same("")
    return say(f"reason.{code}", reason=_inside(reason), share=share(part, digits=0))


def _borrowers(reason: Text, code: str, feature: Feature, row: Mapping[Any, Any], currency: str) -> Text:
    value, usual = float(row["value"]), float(row["usual"])
    if not known(value) and has(f"reason_unknown.{code}"):
        own = f"reason_unknown.{feature.name}"
        return say("reason.told", reason=reason, fact=say(own if has(own) else f"reason_unknown.{code}"))
    shown = _quantity(value, feature, currency)
    fact = _fact(feature, code, shown)
    if fact is None or not known(value):
        return say("reason.alone", reason=reason)
    none_is_usual = code in EVENTS and usual <= 0  # 'typical: 0 days overdue' says nothing
    if is_flag(feature.unit) or none_is_usual or not _worse(value, usual, feature):
        return say("reason.told", reason=reason, fact=fact)
    typical, counted = _quantity(usual, feature, currency) or "", f"reason_usual.{feature.name}"
    if has(counted):
        typical = say(counted, value=typical)
    return say("reason.compared", reason=reason, fact=fact, usual=typical)


def _fact(feature: Feature, code: str, shown: Text | None) -> Text | None:
    """What is so of a borrower; None where a feature may not say it, or its unit says nothing to him."""
    key = f"reason_fact.{feature.name}"
    if has(f"{key}_{code}"):
        key = f"{key}_{code}"
    if feature.stream != "flat" and feature.name in own_catalogue():
        if shown is not None and shown.en == "1" and has(f"{key}_one"):
            key = f"{key}_one"
        return say(key, value=shown or "") if has(key) and feature.reason_use == "Y" else None
    if feature.reason_use != "Y" or shown is None:
        return None
    return say("reason_mapped", label=label_of(feature), value=shown)


def _quantity(value: float, feature: Feature, currency: str) -> Text | None:
    if not known(value):
        return None
    if feature.levels:
        return value_text(value, feature, currency)
    if is_money(feature.unit, currency):
        return same(money(value, currency))
    if feature.unit in _RATIOS:
        return same(f"{fixed(100 * value, 0)}%")
    if feature.unit in _SPOKEN or is_flag(feature.unit):
        return with_unit(value, feature.unit, currency)
    return None


def _shown(table: pd.DataFrame, catalogue: Catalogue, currency: str) -> dict[str, Floats]:
    """Numbers to the digits that are said: three of money, whole per cents, tenths of what is small, the rest whole."""
    names = table["feature"].cat.categories
    units = [catalogue[name].unit if name in catalogue else "" for name in names]
    at = table["feature"].cat.codes.to_numpy()
    ratio = np.array([unit in _RATIOS for unit in units], dtype=bool)[at]
    amount = np.array([is_money(unit, currency) for unit in units], dtype=bool)[at]
    found: dict[str, Floats] = {"share": np.round(table["share"].to_numpy(np.float64), 2)}
    for name in ("value", "usual"):
        number = table[name].to_numpy(np.float64)
        size = np.abs(np.nan_to_num(number))
        step = np.where(amount, 10.0 ** np.maximum(np.floor(np.log10(np.maximum(size, 1.0))) - 2, 0), 1.0)
        step = np.where(ratio, 0.01, np.where(~amount & (size < _SMALL), 0.1, step))
        found[name] = np.round(np.round(number / step) * step, 2) + 0.0
    return found


def _worse(value: float, usual: float, feature: Feature) -> bool:
    if not known(usual) or feature.release_sign not in ("+", "-"):
        return False
    return value > usual if feature.release_sign == "+" else value < usual


def _inside(text: Text) -> Text:
    return Text(text.en[:1].lower() + text.en[1:], text.zh)


def _column(which: NDArray[np.integer[Any]], texts: list[str]) -> pd.Categorical[str]:
    codes, categories = pd.factorize(np.array(texts, dtype=object))
    return pd.Categorical.from_codes(codes[which], categories=pd.Index(categories))
