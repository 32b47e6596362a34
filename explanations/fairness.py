"""Fairness: how often each protected group is approved, refused though favoured, and goes bad; with intervals.

Protected attributes are read for this check alone. Rates and their disparity are fairlearn's; the intervals are not,
since its bootstrap draws rows and ours draws borrowers, with all their requests. Borrowers are of few kinds (group, of
how many, how many), so drawing them is drawing how many come of each kind (a multinomial), whatever the book's size.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from explanations.cohorts import Cohorts
from explanations.parameters import ExplanationParameters

if TYPE_CHECKING:
    from fairlearn.metrics import MetricFrame

Floats = NDArray[np.float64]
Counts = NDArray[np.int64]

APPROVAL = "approval"
MEASURES: Mapping[str, tuple[str, str]] = {
    APPROVAL: ("released", "requests"),
    "conflict": ("conflicts", "favoured"),
    "bad": ("bad", "known"),
    "bad_oracle": ("bad_oracle", "released"),
}
"""Each measure: what is counted, and of what."""
UNKNOWN = "unknown"

FAIRNESS_COLUMNS = (
    *("attribute", "group", "measure", "reference", "count", "of", "rate", "low", "high"),
    *("ratio", "ratio_low", "ratio_high", "suppressed"),
)
DISPARITY_COLUMNS = ("attribute", "measure", "ratio", "ratio_low", "ratio_high", "lowest", "highest")

_CHUNK = 1 << 21  # drawn numbers held at once (16 MB)


def fairness(
    decided: pd.DataFrame,
    cohorts: Cohorts,
    observed: Floats,
    oracle: Floats | None,
    attributes: pd.DataFrame,
    parameters: ExplanationParameters,
    measures: Sequence[str] = tuple(MEASURES),
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Rates of each protected group among the judged requests, and the lowest over the highest.

    Args:
        decided: Decisions on all requests (see `models.decisions`).
        cohorts: Which of them are judged.
        observed: Outcome of each request; NaN where nobody saw one.
        oracle: Outcome with the draw of each (simulated books).
        attributes: borrower_id, and a column for each protected attribute; numbers are put into bands.
        parameters: Bands, the smallest cell that is told, and how intervals are taken.
        measures: Which of `MEASURES` are told; what one of them says does not depend on the others.

    Returns:
        Rates: attribute, group, measure (`approval`: released of all requests; `conflict`: refused of the favoured;
        `bad`: of the released whose outcome was seen; `bad_oracle`: of all released, simulated books), reference (the
        largest group, which the others are held against), count, of, rate with its bootstrap interval over borrowers
        (none where nobody or everybody counts), ratio to the reference's rate with its interval, suppressed (of fewer
        borrowers than the smallest cell: no figures). Disparity: attribute, measure, ratio (lowest over highest rate)
        with its interval (of these two groups, as if they had been named beforehand), lowest and highest (the groups).
    """
    who, counts = _by_borrower(decided, cohorts, observed, oracle)
    known = attributes.set_index("borrower_id").reindex(who)
    rates, spreads = [], []
    for place, name in enumerate(known.columns if len(who) else ()):
        groups = groups_of(known[name], parameters.fairness.bands)
        table, spread = _rates(groups, counts, measures, parameters, place)
        rates.append(table.assign(attribute=name))
        spreads.append(spread.assign(attribute=name))
    return _joined(rates, FAIRNESS_COLUMNS), _joined(spreads, DISPARITY_COLUMNS)


def groups_of(values: pd.Series, bands: Sequence[int]) -> pd.Categorical[str]:
    """The group of each borrower: the category, or the band of a number (`<25`, `25-34`, `55+`); `unknown` without."""
    missing = values.isna().to_numpy()
    if pd.api.types.is_numeric_dtype(values):
        inner = [f"{low}-{edge - 1}" for low, edge in pairwise(bands)]
        names = [f"<{bands[0]}", *inner, f"{bands[-1]}+"]
        known = np.nan_to_num(values.to_numpy(np.float64, na_value=np.nan))
        codes = np.searchsorted(np.asarray(bands), known, side="right")
    else:
        codes, found = pd.factorize(values.astype("str"), sort=True)
        names = [str(one) for one in found]
    if UNKNOWN not in names:
        names.append(UNKNOWN)
    codes = np.where(missing, names.index(UNKNOWN), codes)
    return pd.Categorical.from_codes(codes, categories=pd.Index(names)).remove_unused_categories()


def _by_borrower(
    decided: pd.DataFrame, cohorts: Cohorts, observed: Floats, oracle: Floats | None
) -> tuple[Counts, dict[str, Counts]]:
    """The borrowers of the judged requests, and how many of each one's are counted as what."""
    rows = cohorts.judged
    released = ~decided["refused"].to_numpy(bool)[rows]
    favoured = decided["favoured"].to_numpy(bool)[rows]
    seen = observed[rows]
    known = released & ~np.isnan(seen)
    flags = {
        "requests": np.ones(len(seen), dtype=bool),
        "released": released,
        "favoured": favoured,
        "conflicts": favoured & ~released,
        "known": known,
        "bad": known & (np.nan_to_num(seen) > 0),
    }
    if oracle is not None:
        flags["bad_oracle"] = released & (oracle[rows] > 0)
    who, which = np.unique(decided["borrower_id"].to_numpy(np.int64)[rows], return_inverse=True)
    return who, {name: np.bincount(which[flag], minlength=len(who)) for name, flag in flags.items()}


def _rates(
    groups: pd.Categorical[str],
    counts: Mapping[str, Counts],
    measures: Sequence[str],
    parameters: ExplanationParameters,
    place: int,
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """The rates of one attribute's groups, by measure, and of each measure the lowest over the highest."""
    names = [str(name) for name in groups.categories]
    of_group = groups.codes.astype(np.int64)
    largest = int(np.argmax(np.bincount(of_group, counts["requests"], len(names))))
    tables, spreads = [], []
    for measure in measures:
        counted, of = MEASURES[measure]
        if counted not in counts:
            continue
        both = np.stack([counts[counted], counts[of]], axis=1)
        generator = np.random.default_rng([parameters.seed, place])
        table, drawn, frame = _measured(names, of_group, both, largest, parameters, generator)
        tables.append(table.assign(measure=measure))
        spread = None if frame is None else _disparity(frame, table, drawn, parameters.bootstrap_level)
        spreads += [] if spread is None else [spread | {"measure": measure}]
    return pd.concat(tables, ignore_index=True), pd.DataFrame(spreads, columns=list(DISPARITY_COLUMNS[1:]))


def _measured(
    names: Sequence[str],
    of_group: Counts,
    both: Counts,
    largest: int,
    parameters: ExplanationParameters,
    generator: np.random.Generator,
) -> tuple[pd.DataFrame, Floats, MetricFrame | None]:
    """One measure of each group, its rates in the drawn books, and fairlearn's frame of the groups that are told.

    `both` holds a borrower's count, and of how many.
    """
    totals = np.stack([np.bincount(of_group, part, len(names)) for part in both.T], axis=1).astype(np.int64)
    borrowers = np.bincount(of_group[both[:, 1] > 0], minlength=len(names))
    told = borrowers >= parameters.fairness.small_cell
    reference = np.arange(len(names)) == largest
    rate, frame = np.full(len(names), np.nan), None
    if told.any():
        named = {name: both for name, both, shown in zip(names, totals, told, strict=True) if shown}
        frame = _framed(named)
        rate[told] = frame.by_group["rate"].loc[list(named)].to_numpy()
    with np.errstate(divide="ignore", invalid="ignore"):
        drawn = _drawn(of_group, both, len(names), parameters.bootstrap_draws, generator)
        rates = drawn[:, :, 0] / drawn[:, :, 1]
        ratios = rates / rates[:, [largest]]
        ratio = rate / rate[largest]
    # Where nobody or everybody counts, so it is in every drawn book: that says nothing of how sure it is. Nor does
    # a single borrower, who is drawn as he is.
    varied = told & (borrowers > 1) & (totals[:, 0] > 0) & (totals[:, 0] < totals[:, 1])
    low, high = _intervals(rates, varied, parameters.bootstrap_level)
    ratio_low, ratio_high = _intervals(
        ratios, varied & varied[largest] & ~reference, parameters.bootstrap_level
    )
    table = {
        "group": names,
        "reference": reference,
        "count": np.where(told, totals[:, 0], np.nan),
        "of": np.where(told, totals[:, 1], np.nan),
        "rate": rate,
        "low": low,
        "high": high,
        "ratio": np.where(np.isfinite(ratio), ratio, np.nan),
        "ratio_low": ratio_low,
        "ratio_high": ratio_high,
        "suppressed": ~told,
    }
    return pd.DataFrame(table), rates, frame


def _framed(counts: Mapping[str, Counts]) -> MetricFrame:
    """Fairlearn's frame on two weighted rows a group: row by row it takes half a minute for 650,000 requests."""
    from fairlearn.metrics import MetricFrame, selection_rate

    selected = np.tile([1, 0], len(counts))
    return MetricFrame(
        metrics={"rate": selection_rate},
        y_true=selected,
        y_pred=selected,
        sensitive_features=pd.Series(np.repeat(list(counts), 2), name="group"),
        sample_params={
            "rate": {"sample_weight": np.ravel([[count, of - count] for count, of in counts.values()])}
        },
    )


def _disparity(frame: MetricFrame, table: pd.DataFrame, drawn: Floats, level: float) -> dict[str, Any] | None:
    """Lowest over highest rate of the groups that are told (fairlearn's ratio between groups), with its interval.

    None where there are no two to compare.
    """
    told = table[~table["suppressed"]]
    if len(told) < 2 or not told["rate"].max() > 0:
        return None
    ratio = frame.ratio(method="between_groups")["rate"]
    ends = [told.index[int(place)] for place in (told["rate"].argmin(), told["rate"].argmax())]
    with np.errstate(divide="ignore", invalid="ignore"):
        ratios = drawn[:, [ends[0]]] / drawn[:, [ends[1]]]
    low, high = _intervals(ratios, np.array([table.loc[ends, "low"].notna().all()]), level)
    return {
        "ratio": float(ratio),
        "ratio_low": float(low[0]),
        "ratio_high": float(high[0]),
        "lowest": table.loc[ends[0], "group"],
        "highest": table.loc[ends[1], "group"],
    }


def _drawn(of_group: Counts, both: Counts, groups: int, draws: int, generator: np.random.Generator) -> Counts:
    """Counts of each group in each drawn book: draws × groups × 2."""
    width = int(both[:, 0].max(initial=0)) + 1
    cell = (both[:, 1] * width + both[:, 0]) * groups + of_group
    kinds, borrowers = np.unique(cell, return_counts=True)
    pattern, group = np.divmod(kinds, groups)
    # What a borrower of each kind brings, in the columns of his group: kinds × (groups · 2).
    brings = np.zeros((len(kinds), groups, 2), dtype=np.int64)
    brings[np.arange(len(kinds)), group] = np.stack([pattern % width, pattern // width], axis=1)
    flat = brings.reshape(len(kinds), -1)
    chunk, share = max(1, _CHUNK // len(kinds)), borrowers / len(cell)
    drawn = [
        generator.multinomial(len(cell), share, size=min(chunk, draws - first)) @ flat
        for first in range(0, draws, chunk)
    ]
    return np.concatenate(drawn).reshape(draws, groups, 2)


def _intervals(drawn: Floats, told: NDArray[np.bool_], level: float) -> tuple[Floats, Floats]:
    """Percentile intervals of the columns (draws × groups) that are told; draws without a rate are left out."""
    ends = np.full((2, len(told)), np.nan)
    for place in np.flatnonzero(told):
        known = drawn[np.isfinite(drawn[:, place]), place]
        if len(known):
            ends[:, place] = np.quantile(known, [(1 - level) / 2, (1 + level) / 2])
    return ends[0], ends[1]


def _joined(tables: Sequence[pd.DataFrame], columns: Sequence[str]) -> pd.DataFrame:
    if not tables:
        return pd.DataFrame(columns=list(columns))
    return pd.concat(tables, ignore_index=True)[list(columns)]
