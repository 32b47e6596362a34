"""A first mapping of a lender's file, guessed from its names and values, for a human to decide on."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Literal

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from scipy.stats import rankdata

from data.column_names import (
    AFTER,
    AMOUNT,
    ID,
    LIMIT,
    OUTCOME,
    PROTECTED,
    STATUS,
    feature_name,
    speaks_of,
    stem_of,
    words_of,
)
from data.column_profile import Profile, profile_of
from data.errors import DataFault
from data.excel_files import sheets_of
from data.flat_file import TEXTS, WORKBOOKS, open_flat_file, parts_of
from data.mapping_types import RESERVED
from data.table_form import Form, NotText, TableFile, refuse_twice
from data.unpacking import kind_of, unpacked

SAMPLE: Final = 50_000
"""Rows that are looked at at most, evenly spread over the file."""
LEAK: Final = 0.95
"""AUC against the outcome from which a column is held to know it."""
GROUPS: Final = 5
"""Groups of equal size by a feature's value, whose bad rates are shown."""
FEW: Final = 12
"""Different values up to which each is a group by itself."""
_ENOUGH: Final = 50
"""Clients that a group must have to speak for or against a sign."""
_SURE: Final = 4.0
"""Standard errors by which a column must part bad from good before a sign is proposed."""

Floats = NDArray[np.float64]
Sign = Literal["+", "-", "0"]


@dataclass(frozen=True)
class Evidence:
    """How a column goes with the outcome.

    Attributes:
        auc: Chance that a bad client has the larger value than a good one.
        rates: Bad rate in groups of equal size, from the lowest values to the highest.
        known: Clients with a value.
        sign: The sign for the probability of default that this bears out.
        labels: The value of each group, where each value is one.
        counts: Clients in each group.
    """

    auc: float
    rates: tuple[float, ...]
    known: int
    sign: Sign
    labels: tuple[str, ...]
    counts: tuple[int, ...]


@dataclass(frozen=True)
class Candidate:
    """A column that may become a feature.

    Attributes:
        profile: What it holds.
        name: The feature's name.
        family: Group of kindred columns.
        evidence: How it goes with the outcome, where that was found.
        limit_sign: Which way it goes with the limit.
        leak: Why it may know the outcome, as the end of a sentence.
    """

    profile: Profile
    name: str
    family: str
    evidence: Evidence | None = None
    limit_sign: Sign = "0"
    leak: str | None = None


@dataclass(frozen=True)
class Suggestion:
    """What was guessed of a file.

    Attributes:
        source: The file.
        form: How it was read.
        rows: How many rows it has.
        looked_at: How many of them were looked at.
        identifier: Column that identifies a client.
        outcomes: Columns with two values, the likeliest outcome first.
        bad: The values of that one that mean bad.
        good: Those that mean good.
        bad_rate: Share of bad clients.
        limits: Columns that may be the limit, the likeliest first.
        amounts: Columns that may be the amount asked for.
        protected: Protected attributes, each with a name that it can bear.
        dates: Columns of dates.
        candidates: Columns that may become features.
        left_out: Columns that cannot, each with why.
    """

    source: TableFile
    form: Form
    rows: int
    looked_at: int
    identifier: Profile | None
    outcomes: tuple[Profile, ...]
    bad: tuple[str, ...]
    good: tuple[str, ...]
    bad_rate: float
    limits: tuple[Profile, ...]
    amounts: tuple[Profile, ...]
    protected: tuple[tuple[str, Profile], ...]
    dates: tuple[Profile, ...]
    candidates: tuple[Candidate, ...]
    left_out: tuple[tuple[str, str], ...] = field(default=())


def suggestion_for(path: Path) -> Suggestion:
    """Looks at a file and guesses what its columns are.

    Raises:
        CallError: There is no such file, or it is of another kind.
        DataFault: It is empty or damaged, or has the same column twice.
    """
    source, form, rows, columns = _read(path)
    profiles = [profile_of(name, place, cells) for place, (name, cells) in enumerate(columns.items())]
    if any(profile.comma for profile in profiles):
        form = Form(form.encoding, form.delimiter, ",", form.sheet)
    looked_at = len(next(iter(columns.values())))
    identifier = _identifier(profiles, looked_at)
    free = [profile for profile in profiles if profile is not identifier]
    outcomes = _outcomes(free)
    bad, good, is_bad = _classes(outcomes, columns)
    free = [profile for profile in free if not outcomes or profile is not outcomes[0]]
    protected = [one for one in free if _usable(one) and speaks_of(one.name, PROTECTED)]
    free = [profile for profile in free if profile not in protected]
    limits, amounts = _sums(free, LIMIT), _sums(free, AMOUNT)
    limits = limits or amounts
    limit = limits[0].values if limits else None
    dates = [profile for profile in free if profile.kind == "date"]
    families = _families([profile.name for profile in free if _usable(profile)])
    taken = set(RESERVED)
    named = [(feature_name(profile.name, profile.place, taken), profile) for profile in protected]
    candidates = [
        _candidate(profile, feature_name(profile.name, profile.place, taken), families, is_bad, limit)
        for profile in free
        if _usable(profile)
    ]
    return Suggestion(
        source,
        form,
        rows,
        looked_at,
        identifier,
        tuple(outcomes),
        bad,
        good,
        float(np.nanmean(is_bad)) if is_bad is not None else math.nan,
        tuple(limits),
        tuple(amounts),
        tuple(named),
        tuple(dates),
        tuple(candidates),
        tuple(_left_out(free)),
    )


def _read(path: Path) -> tuple[TableFile, Form, int, dict[str, pa.StringArray]]:
    """The file, how it is read, its number of rows, and those looked at: in the first encoding in which it is text."""
    *others, last = _encodings(path)
    for encoding in (*others, last):
        form = Form(encoding, sheet=_first_sheet(path))
        try:
            source = open_flat_file(path, form, ())
            refuse_twice(path, source.names)
            return source, form, *_sample(source)
        except NotText:
            if encoding == last:
                raise
    raise AssertionError("the last encoding was tried")


def _encodings(path: Path) -> tuple[str, ...]:
    """Encodings that a file may be in, to be tried in this order, by its first million bytes.

    Chinese text stands in pairs of high bytes; Western letters with accents stand alone among plain ones.
    """
    if not path.is_file() or kind_of(path) not in TEXTS:
        return ("utf-8",)
    with unpacked(path) as stream:
        beginning = stream.read(1 << 20)
    if beginning.startswith((b"\xff\xfe", b"\xfe\xff")):
        return ("utf-16",)
    high = len(re.findall(rb"[\x80-\xff]", beginning))
    alone = len(re.findall(rb"[\x80-\xff]", re.sub(rb"[\xa1-\xf7][\xa1-\xfe]", b"", beginning)))
    return ("utf-8", "gb18030", "latin-1") if 10 * alone <= high else ("utf-8", "latin-1")


def _first_sheet(path: Path) -> str | None:
    """The first sheet of a workbook."""
    return sheets_of(path)[0] if path.is_file() and kind_of(path) in WORKBOOKS else None


def _sample(source: TableFile) -> tuple[int, dict[str, pa.StringArray]]:
    """How many rows a file has, and so many of them as are looked at, evenly spread."""
    kept: list[pa.Table] = []
    rows, step, held = 0, 1, 0
    for part in parts_of(source, source.names, ()):
        table = pa.table(dict(part.columns))
        kept.append(table.take(pa.array(np.arange(-rows % step, len(part), step))))
        rows, held = rows + len(part), held + kept[-1].num_rows
        while held > 2 * SAMPLE:
            # Every other row of those that were kept, from the first on: all of them stay a step apart.
            whole = pa.concat_tables(kept)
            kept = [whole.take(pa.array(np.arange(0, whole.num_rows, 2))).combine_chunks()]
            step, held = 2 * step, kept[0].num_rows
    if not rows:
        raise DataFault(
            f"{source.path} is empty: it has no row below its column names; give it a row per client."
        )
    whole = pa.concat_tables(kept).combine_chunks()
    return rows, {name: whole[name].combine_chunks() for name in whole.column_names}


def _usable(profile: Profile) -> bool:
    return profile.kind in ("number", "code") and bool(profile.name)


def _identifier(profiles: Sequence[Profile], rows: int) -> Profile | None:
    """A column without two equal values: one whose name says so, else the first, of texts or of whole numbers."""
    unique = [one for one in profiles if one.different == rows and one.kind in ("text", "number", "code")]
    unique = [one for one in unique if one.kind != "number" or one.whole]
    named = [one for one in unique if speaks_of(one.name, ID) or one.name.lower().endswith("id")]
    return next(iter([*named, *unique]), None) if rows > 1 else None


def _outcomes(profiles: Sequence[Profile]) -> list[Profile]:
    """Columns of two values, the likeliest outcome first: by name, then the last in the file."""

    def merit(profile: Profile) -> tuple[int, int]:
        named = 2 if speaks_of(profile.name, OUTCOME) else int(speaks_of(profile.name, STATUS) is not None)
        return named, profile.place

    two = [
        one for one in profiles if _usable(one) and one.different == 2 and not speaks_of(one.name, PROTECTED)
    ]
    return sorted(two, key=merit, reverse=True)


_BAD_WORDS: Final = (
    *("bad", "default", "defaulted", "yes", "y", "true", "charged off", "overdue", "late", "written off"),
    *("违约", "坏", "逾期", "是", "不良"),
)
_GOOD_WORDS: Final = (
    *("good", "paid", "no", "n", "false", "current", "fully paid", "repaid"),
    *("正常", "好", "否", "结清"),
)


def _classes(
    outcomes: Sequence[Profile], columns: dict[str, pa.StringArray]
) -> tuple[tuple[str, ...], tuple[str, ...], Floats | None]:
    """Values of the likeliest outcome that mean bad and good, and 1 for each bad client."""
    if not outcomes:
        return (), (), None
    first = outcomes[0]
    assert first.values is not None
    _, at = np.unique(first.values, return_inverse=True)
    known = ~np.isnan(first.values)
    texts = [columns[first.name][int(np.flatnonzero(at == place)[0])].as_py() for place in range(2)]
    bad = _bad_of(texts, [int((at[known] == place).sum()) for place in range(2)])
    return (texts[bad],), (texts[1 - bad],), np.where(known, (at == bad).astype(np.float64), np.nan)


def _bad_of(texts: Sequence[str], counts: Sequence[int]) -> int:
    """Which of two values means bad: by the word, 1 of 0 and 1, else the rarer."""
    for place, text in enumerate(texts):
        if text.lower() in _BAD_WORDS or texts[1 - place].lower() in _GOOD_WORDS:
            return place
    if {text.rstrip("0").rstrip(".") or "0" for text in texts} == {"0", "1"}:
        return int(texts[1].startswith("1"))
    return int(counts[1] < counts[0])


def _sums(profiles: Sequence[Profile], terms: tuple[str, ...]) -> list[Profile]:
    """Columns of sums of money above 0 whose names speak of something, those of fewest words first."""
    found = [
        one
        for one in profiles
        if one.kind == "number" and one.different > 10 and speaks_of(one.name, terms) and _positive(one)
    ]
    return sorted(found, key=lambda one: (len(words_of(one.name)), one.place))


def _positive(profile: Profile) -> bool:
    return profile.values is not None and bool(np.nanmin(profile.values) > 0)


def _families(names: Sequence[str]) -> dict[str, str]:
    """The family of each column: what it shares with another but for a number, else its first word."""
    stems = Counter(stem_of(name) for name in names)
    firsts = Counter(words_of(name)[0] for name in names if words_of(name))
    found = {}
    for name in names:
        first = (words_of(name) or [""])[0]
        if stems[stem_of(name)] > 1:
            found[name] = " ".join(words_of(stem_of(name))) or "other"
        else:
            found[name] = first if firsts[first] > 1 else "other"
    return found


def _candidate(
    profile: Profile, name: str, families: dict[str, str], bad: Floats | None, limit: Floats | None
) -> Candidate:
    found = _evidence(profile, bad)
    return Candidate(
        profile, name, families[profile.name], found, _limit_sign(profile, limit), _leak(profile, found, bad)
    )


def _evidence(profile: Profile, bad: Floats | None) -> Evidence | None:
    """How a column goes with the outcome; None where neither class or too few clients have a value."""
    if bad is None or profile.values is None:
        return None
    known = ~np.isnan(profile.values) & ~np.isnan(bad)
    values, outcome = profile.values[known], bad[known]
    bads = int(outcome.sum())
    if not 0 < bads < len(outcome):
        return None
    auc = _auc(values, outcome)
    at = _groups(values, profile.different)
    counts = np.bincount(at)
    rates = np.bincount(at, outcome) / counts
    labels = _labels(profile, values) if profile.different <= FEW else ()
    sign = _sign(profile, auc, rates, counts)
    return Evidence(auc, tuple(rates.tolist()), len(outcome), sign, labels, tuple(counts.tolist()))


def _labels(profile: Profile, values: Floats) -> tuple[str, ...]:
    """The values of a column that holds few, as the file has them."""
    levels = np.unique(values)
    return tuple(profile.codes[int(level)] if profile.codes else f"{level:.15g}" for level in levels)


def _auc(values: Floats, outcome: Floats) -> float:
    bads = outcome.sum()
    ranks = rankdata(values)[outcome > 0].sum()
    return float((ranks - bads * (bads + 1) / 2) / (bads * (len(outcome) - bads)))


def _groups(values: Floats, different: int) -> NDArray[np.int64]:
    """The group of each value: each value by itself where they are few, else groups of equal size, equal together."""
    if different <= FEW:
        return np.unique(values, return_inverse=True)[1]
    edges = np.unique(np.quantile(values, np.arange(1, GROUPS) / GROUPS))
    return np.unique(np.searchsorted(edges, values, side="left"), return_inverse=True)[1]


def _sign(profile: Profile, auc: float, rates: Floats, counts: NDArray[np.int64]) -> Sign:
    """A sign where bad and good are parted beyond chance, and the groups' bad rates all go the same way.

    A step the other way counts for nothing within two standard errors, or within a tenth of the range of all rates.
    """
    rows = counts.sum()
    bads = float((rates * counts).sum())
    rates, counts = rates[counts >= _ENOUGH], counts[counts >= _ENOUGH]
    if (profile.kind == "code" and profile.different > 2) or len(rates) < 2:
        return "0"  # the order of codes says nothing
    if abs(auc - 0.5) < _SURE * math.sqrt((rows + 1) / (12 * bads * (rows - bads))):
        return "0"
    rate = bads / rows
    errors = np.sqrt(rate * (1 - rate) * (1 / counts[1:] + 1 / counts[:-1]))
    slack = np.maximum(2 * errors, np.ptp(rates) / 10)
    return _throughout(auc > 0.5, np.diff(rates), slack)


def _throughout(rises: bool, steps: Floats, slack: Floats) -> Sign:
    if rises:
        return "+" if (steps > -slack).all() else "0"
    return "-" if (steps < slack).all() else "0"


def _limit_sign(profile: Profile, limit: Floats | None) -> Sign:
    """Which way a column goes with the limit, if clearly and throughout."""
    if limit is None or profile.values is None or (profile.kind == "code" and profile.different > 2):
        return "0"
    known = ~np.isnan(profile.values) & ~np.isnan(limit)
    if known.sum() < 100 or profile.values[known].std() == 0 or np.array_equal(profile.values, limit):
        return "0"
    values, ranks = profile.values[known], rankdata(limit[known])
    correlation = float(np.corrcoef(rankdata(values), ranks)[0, 1])
    at = _groups(values, profile.different)
    counts = np.bincount(at)
    means = (np.bincount(at, ranks) / counts)[counts >= _ENOUGH]
    counts = counts[counts >= _ENOUGH]
    if abs(correlation) < max(0.05, _SURE / math.sqrt(known.sum())) or len(means) < 2:
        return "0"
    errors = np.std(ranks) * np.sqrt(1 / counts[1:] + 1 / counts[:-1])
    return _throughout(correlation > 0, np.diff(means), np.maximum(2 * errors, np.ptp(means) / 10))


def _leak(profile: Profile, found: Evidence | None, bad: Floats | None) -> str | None:
    """Why a column may know the outcome."""
    term = speaks_of(profile.name, AFTER)
    if term is not None:
        return f"its name speaks of what comes after the outcome ({term})"
    strength = 0.0 if found is None else max(found.auc, 1 - found.auc)
    if profile.values is not None and bad is not None:
        absent = np.isnan(profile.values).astype(np.float64)
        known = ~np.isnan(bad)
        if 0 < absent[known].sum() < known.sum() and 0 < bad[known].sum() < known.sum():
            gap = _auc(absent[known], bad[known])
            if max(gap, 1 - gap) >= LEAK:
                return f"whether it is missing tells the outcome (AUC {max(gap, 1 - gap):.3f})"
        if found is not None and profile.different <= 30:
            strength = max(strength, _code_strength(profile.values, bad))
    if strength >= LEAK:
        return f"it tells the outcome almost by itself (AUC {strength:.3f})"
    return None


def _code_strength(values: Floats, bad: Floats) -> float:
    """AUC of the bad rate of each value, for values whose order says nothing."""
    known = ~np.isnan(values) & ~np.isnan(bad)
    _, at = np.unique(values[known], return_inverse=True)
    rates = np.bincount(at, bad[known]) / np.bincount(at)
    return _auc(rates[at], bad[known])


def _left_out(profiles: Sequence[Profile]) -> Iterator[tuple[str, str]]:
    said = {
        "empty": "it has no value",
        "constant": "it has one value alone",
        "text": "a text with many different values",
    }
    for profile in profiles:
        if profile.kind in said or not profile.name:
            yield profile.name, said.get(profile.kind, "it has no name")
