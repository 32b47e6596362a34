"""A suggested mapping as YAML, with the evidence of every guess in comments, and what a human must decide."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import Final

import numpy as np
import yaml

from data.column_names import PROTECTED, speaks_of, unit_of
from data.column_profile import Profile
from data.suggesting import SAMPLE, Candidate, Evidence, Suggestion
from data.table_form import MISSING

DECIDE: Final = "DECIDE"
"""Stands where nothing can be guessed; an import with it is refused until it is replaced."""
_FEW: Final = 8
"""Different whole numbers up to which a column may hold codes rather than numbers."""

_PERCENT_FROM: Final = 5.0
"""A share above is none of 1 but of 100."""
_MONEY_FROM: Final = 50.0
"""Whole numbers that all lie below are no sums of money, whatever their name speaks of."""
_RARE: Final = 0.002
"""Share of the rows below which a code is too rare to be a category of its own."""
_NO_AND_YES: Final = (
    *(("n", "y"), ("no", "yes"), ("f", "t"), ("false", "true"), ("n", "j"), ("nein", "ja"), ("off", "on")),
    ("否", "是"),
)
"""Codes that say no and yes, in the order of the alphabet."""


def suggestion_text(found: Suggestion) -> str:
    """A mapping as YAML. Whatever comes from the file, names and values, stands in quotes, and can be no more."""
    lines = [
        *_head(found),
        *_reading(found),
        *_roles(found),
        *_protected(found),
        *_features(found),
        *_rest(found),
    ]
    return "\n".join(lines) + "\n"


def quoted(text: str) -> str:
    """A text of the file as YAML in one line, also inside a comment."""
    plain = json.dumps(text if len(text) <= 200 else text[:199] + "…", ensure_ascii=False)
    return "".join(_escaped(letter) for letter in plain)


def _escaped(letter: str) -> str:
    """YAML reads no control characters, and takes some others for the end of a line."""
    if letter.isprintable() or letter == "\u3000":
        return letter
    return f"\\u{ord(letter):04x}" if ord(letter) < 0x10000 else f"\\U{ord(letter):08x}"


def _head(found: Suggestion) -> Iterator[str]:
    yield f"# A first mapping of {quoted(found.source.path.name)}: {found.source.told}, {found.rows:,} rows"
    if found.looked_at < found.rows:
        yield f"# ({found.looked_at:,} of them looked at, evenly spread; {SAMPLE:,} at least). It is guessed from names"
        yield f"# and values. Decide what says {DECIDE}, and read the rest:"
    else:
        yield f"# (all looked at). It is guessed from names and values. Decide what says {DECIDE}, and read the rest:"
    yield "# a guess may be wrong, and only you know what was known when. docs/import.md explains every name."
    yield ""


def _reading(found: Suggestion) -> Iterator[str]:
    form = found.form
    said = [("encoding", form.encoding if form.encoding != "utf-8" else None)]
    said.append(("decimal", "," if form.decimal == "," else None))
    sheet = getattr(found.source, "sheet", None)
    said.append(("sheet", sheet))
    forms = _date_forms(found.dates)
    said.append(("date_format", forms[0] if len(forms) == 1 else None))
    for name, value in said:
        if value is not None:
            yield f"{name}: {quoted(value)}"
    if len(forms) > 1:
        both = " or ".join(quoted(form) for form in forms)
        yield f"date_format: {DECIDE}  # {both}: every date of this file can be read both ways"
    texts = sorted({text for profile in _looked_at(found) for text in profile.texts})
    if texts:
        yield "# Texts that mean missing; the last ones were found among numbers or codes of this file."
        yield f"missing: [{', '.join(quoted(text) for text in dict.fromkeys([*MISSING, *texts]))}]"


def _date_forms(dates: Sequence[Profile]) -> list[str]:
    """Forms in which all dates that are not ISO dates can be read; the first column's where there is none for all."""
    others = [profile.forms for profile in dates if profile.form != "%Y-%m-%d"]
    if not others:
        return []
    shared = [form for form in others[0] if all(form in forms for forms in others)]
    return shared or [others[0][0]]


def _looked_at(found: Suggestion) -> list[Profile]:
    own = [*found.outcomes, *(profile for _, profile in found.protected), *found.dates]
    return [*own, *(candidate.profile for candidate in found.candidates)]


def _roles(found: Suggestion) -> Iterator[str]:
    if found.identifier is not None:
        of = "" if found.looked_at == found.rows else f" among the {found.looked_at:,} rows looked at"
        yield f"id_column: {quoted(found.identifier.name)}  # no value stands twice in it{of}"
    else:
        yield "# id_column: no column has a different value in every row; without one the rows are numbered."
    yield from _outcome(found)
    yield from _sum("limit_column", "the limit (or amount) that was granted", found.limits)
    if found.amounts:
        yield from _sum("amount_column", "the amount that was asked for", found.amounts)
    yield f"currency: {DECIDE}  # code of three capital letters, such as CNY"
    yield ""
    rate = found.bad_rate
    share = round(min(max(rate, 0.05), 0.5), 2) if rate == rate else 0.2
    yield "# Share of clients, those with the highest probability of default, that your release policy refuses."
    yield f"policy: {{refused_top_share: {share}}}  # DECIDE; the share of bad clients is a beginning"
    yield "# Share of clients, those with the highest predicted limit, that counts as favoured."
    yield "favoured_top_share: 0.3333  # DECIDE"
    yield ""


def _outcome(found: Suggestion) -> Iterator[str]:
    if not found.outcomes:
        yield f"# {DECIDE}: no column has two values; name the outcome's, and its values that mean bad and good."
        yield f"outcome: {{column: {DECIDE}, bad: [1], good: [0]}}"
        return
    first, *others = found.outcomes
    rate = f"{found.bad_rate:.1%}"
    yield f"# {DECIDE}: is this the outcome, and which value means bad? Bad by this guess: {rate} of clients."
    bad, good = (", ".join(quoted(value) for value in values) for values in (found.bad, found.good))
    yield f"outcome: {{column: {quoted(first.name)}, bad: [{bad}], good: [{good}]}}"
    if others:
        more = ", ".join(quoted(one.name) for one in others[:8]) + (", …" if len(others) > 8 else "")
        yield f"# Other columns of two values: {more}"


def _sum(name: str, what: str, columns: Sequence[Profile]) -> Iterator[str]:
    if not columns:
        yield f"{name}: {DECIDE}  # no column's name speaks of {what}; name it"
        return
    others = [quoted(one.name) for one in columns[1:6]]
    more = f"; else {', '.join(others)}" if others else ""
    yield f"{name}: {quoted(columns[0].name)}  # DECIDE: {what}{more}"


def _protected(found: Suggestion) -> Iterator[str]:
    if not found.protected:
        yield "# protected: no column's name speaks of sex, age, marital status, region, nationality or the like."
        yield ""
        return
    yield "# By their names; kept for fairness checks, never in a model. Add others, also columns that tell them."
    yield "protected:"
    for name, profile in found.protected:
        column = "" if name == profile.name else f", column: {quoted(profile.name)}"
        kind = ""
        if profile.kind == "number" and profile.different > 20:
            kind = f", kind: number{_missing(profile)}"
            yield from (f"  # {said}" for said in _codes_said(profile))
        held = f", label: [{quoted(profile.name)}, {quoted(profile.name)}]" if column else ""
        yield f"  - {{name: {_name(name)}{column}{kind}{held}}}"
    yield ""


def _features(found: Suggestion) -> Iterator[str]:
    yield f"# {DECIDE}: which features were known when the limit was set, and which at release? Names or patterns,"
    yield "# with * for any letters. The difference between the two is what an explanation is about."
    yield "snapshots:"
    yield f"  limit: [{DECIDE}]"
    yield '  release: ["*"]'
    yield ""
    yield "# Signs are proposed where the file bears them out: + the larger the value, the higher the bad rate (or the"
    yield "# limit); - the lower; 0 either way, or not clear. Rates are those of equal groups from low values to high."
    kept = [candidate for candidate in found.candidates if candidate.leak is None]
    if any(candidate.profile.codes and not _is_flag(candidate.profile) for candidate in kept):
        yield "# Categories that stand in order can be listed from less to more, with `ordered: true` and a sign. What"
        yield "# is not listed is read as Other (of ordered ones as missing). Names for reports: docs/import.md."
    if not kept:
        yield f"features: {DECIDE}  # no column is left that could be one"
        return
    yield "features:"
    for family, group in groupby(
        sorted(kept, key=lambda one: _first_of(one, kept)), key=lambda one: one.family
    ):
        for candidate in group:
            yield from _feature(candidate, family, found)


def _first_of(candidate: Candidate, kept: Sequence[Candidate]) -> tuple[int, int]:
    """Families in the order of their first columns, and columns as in the file."""
    first = min(one.profile.place for one in kept if one.family == candidate.family)
    return first, candidate.profile.place


def _feature(candidate: Candidate, family: str, found: Suggestion) -> Iterator[str]:
    profile = candidate.profile
    for said in _evidence(candidate):
        yield f"  # {said}"
    parts = [f"name: {_name(candidate.name)}"]
    if candidate.name != profile.name:
        parts += [f"column: {quoted(profile.name)}", f"label_en: {quoted(profile.name)}"]
    sign = candidate.evidence.sign if candidate.evidence else "0"
    if _is_flag(profile):
        parts.append(
            "values: {"
            + ", ".join(f"{quoted(code)}: {place}" for place, code in enumerate(profile.codes))
            + "}"
        )
    elif profile.codes:
        named = ", ".join(quoted(code) for code in _frequent(profile))
        parts += ["kind: category", f"categories: [{named}]"]
        if sign != "0" or candidate.limit_sign != "0":
            parts.append("ordered: true")
    if profile.missing:
        parts.append(_missing(profile).removeprefix(", "))
    of_limit = any(profile.name == one.name for one in (*found.limits[:1], *found.amounts[:1]))
    unit = "currency" if of_limit else _unit(profile)
    if unit is not None:
        parts.append(f'unit: "{unit}"')
    if family != "other":
        parts.append(f"family: {quoted(family)}")
    limit = "x" if of_limit else candidate.limit_sign
    release = sign
    if of_limit:
        parts.append("limit_sign: x")
    elif limit != {"+": "-", "-": "+"}.get(release, "0"):  # which is what `sign` says of the limit
        parts.append(f'limit_sign: "{limit}"')
    parts.append(f'sign: "{release}"')
    yield f"  - {{{', '.join(parts)}}}"


def _is_flag(profile: Profile) -> bool:
    """Whether a column of codes says no and yes, in this order of the alphabet, so that its name says it all."""
    return len(profile.codes) == 2 and tuple(code.lower() for code in profile.codes) in _NO_AND_YES


def _frequent(profile: Profile) -> list[str]:
    """The codes that are no rarity: all others are read as one."""
    assert profile.values is not None
    counts = np.bincount(
        profile.values[~np.isnan(profile.values)].astype(np.int64), minlength=len(profile.codes)
    )
    least = _RARE * len(profile.values)
    found = [code for code, count in zip(profile.codes, counts.tolist(), strict=True) if count >= least]
    return found or list(profile.codes)


def _unit(profile: Profile) -> str | None:
    if profile.different == 2 and (_is_flag(profile) or (profile.whole and not profile.codes)):
        return "0/1"
    unit = None if profile.codes else unit_of(profile.name)
    if unit not in ("r", "currency") or profile.values is None:
        return unit
    largest = float(np.nanmax(np.abs(profile.values), initial=0.0))
    if unit == "r":
        return "%" if largest > _PERCENT_FROM else "r"
    # Few small whole numbers are counts, such as late payments since a limit was set.
    return None if profile.whole and largest < _MONEY_FROM else unit


def _evidence(candidate: Candidate) -> Iterator[str]:
    """What speaks for the guesses on a feature."""
    profile, found = candidate.profile, candidate.evidence
    if found is not None:
        rates = ", ".join(_rates(found))
        if profile.codes and profile.different > 2:
            yield f"bad rates {rates}"
        else:
            yield f"bad rates {rates}; AUC {found.auc:.2f}, n {found.known:,}"
    yield from _codes_said(profile)
    if not profile.codes and profile.whole and 2 < profile.different <= _FEW:
        yield f"{profile.different} different whole numbers: if they are codes, write them as `kind: category`"


def _missing(profile: Profile) -> str:
    """The numbers of a column that seem to mean missing, as a further part of its line."""
    codes = ", ".join(_number(value) for value, _ in profile.missing)
    return f", missing: [{codes}]" if codes else ""


def _name(name: str) -> str:
    """A name of letters, digits and _ in a mapping: in quotes where YAML would read no text, as `null` and `true`."""
    return name if yaml.safe_load(name) == name else quoted(name)


def _codes_said(profile: Profile) -> Iterator[str]:
    """What speaks for numbers that mean missing."""
    if profile.missing:
        said = ", ".join(f"{_number(value)} ({rows:,} rows)" for value, rows in profile.missing)
        yield f"apart from all other values, so read as missing: {said}"
    if profile.doubtful:
        said = ", ".join(f"{_number(value)} ({rows:,} rows)" for value, rows in profile.doubtful)
        yield f"{DECIDE}: if this means missing, write it as `missing`: {said}"


def _number(code: float) -> str:
    """A code as the file has it: all its digits, which `g` cuts off after six."""
    return str(int(code))


def _without_births(dates: Sequence[Profile]) -> list[Profile]:
    """Dates without those of birth, which tell the age."""
    return [profile for profile in dates if not speaks_of(profile.name, PROTECTED)]


def _middle(profile: Profile) -> float:
    return float(np.nanmedian(profile.values)) if profile.values is not None else 0.0


def _rates(found: Evidence) -> Iterator[str]:
    """Bad rates of groups; where each is a value, with the value and how many clients have it."""
    if not found.labels:
        yield from (f"{rate:.1%}" for rate in found.rates)
    for label, rate, count in zip(found.labels, found.rates, found.counts, strict=False):
        yield f"{label if _plain(label) else quoted(label)}: {rate:.1%} ({count:,})"


def _plain(label: str) -> bool:
    return re.fullmatch(r"-?[A-Za-z0-9.]{1,20}", label) is not None


def _rest(found: Suggestion) -> Iterator[str]:
    """What is no feature unless a human says so, in comments."""
    leaks = [candidate for candidate in found.candidates if candidate.leak is not None]
    if leaks:
        yield ""
        yield f"# {DECIDE}: these may be known only after the outcome; a model with them would be worthless at release."
        yield "# To take one in, move its line up among the features."
    for candidate in leaks:
        yield f"# {candidate.leak}:"
        yield from (
            f"#{line}" for line in _feature(candidate, candidate.family, found) if not line.startswith("  #")
        )
    if found.dates:
        yield ""
        yield "# Dates are no features; days between two of them can be one."
        for profile in found.dates:
            yield f"#   {quoted(profile.name)}, written as {' or '.join(quoted(form) for form in profile.forms)}"
        pair = sorted(_without_births(found.dates), key=lambda one: (_middle(one), one.place))
        if len(pair) > 1:
            columns = f"[{quoted(pair[0].name)}, {quoted(pair[-1].name)}]"
            yield f'#  - {{name: days_between, derive: {{how: days, columns: {columns}}}, unit: "d", sign: "0"}}'
    if found.left_out:
        yield ""
        yield "# Left out:"
        for name, why in found.left_out:
            yield f"#   {quoted(name)}: {why}"
