"""The remedies: what each would do to the conflicts, and what it would cost."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from data.book import Book
from data.sampling import spread_blocks, spread_places
from explanations.explanation import Explanation
from explanations.intervals.bootstrap import total_interval
from explanations.intervals.proportions import wilson
from explanations.json_numbers import finite_row
from explanations.parameters import ExplanationParameters

Floats = NDArray[np.float64]

REPLAYED = ("misread", "data_lag", "policy", "error")
"""Causes that a lender can switch off himself; what rivals do is not his to switch."""

CUTOFF = "cutoff"
"""The remedy of a book that tells of no causes: a looser cut-off."""

AGAIN = ("remedy", "request_id", "favoured", "refused")
"""Columns of decisions taken again."""

_COUNTED = ("removed", "released", "not_raised", "limits", "new")


@dataclass(frozen=True)
class Asked:
    """The favoured requests on which remedies are tried.

    Attributes:
        requests: request_id, borrower_id, conflict (else released) and bad (1, 0 or NaN where nobody knows) by request.
        conflicts: How many conflicts there are in all, for which those decided again stand.
        reference: How many requests of the reference there are in all.
    """

    requests: pd.DataFrame
    conflicts: int
    reference: int


def looked_at(book: Book, request_ids: NDArray[np.int64], most: int) -> NDArray[np.int64]:
    """All of some requests, or so many of them, of whole blocks spread evenly, so that few blocks are read."""
    if len(request_ids) <= most:
        return request_ids
    blocks = spread_blocks(book.blocks, len(request_ids), most)
    held = [book.table("draw_requests", block, ["request_id"])["request_id"] for block in blocks]
    there = request_ids[np.isin(request_ids, np.concatenate(held))]
    return there[spread_places(len(there), most)]


def with_fresh_stream(audit: pd.DataFrame) -> pd.DataFrame:
    """The decisions of a lag audit as those of remedies, one for each stream."""
    return audit.assign(remedy="fresh_" + audit["stream"].astype(str))[list(AGAIN)]


def with_looser_cutoff(conflicts: pd.DataFrame, factor: float) -> pd.DataFrame:
    """The decisions on conflicts of a book without caps if the cut-off were looser.

    Args:
        conflicts: request_id, refused_by, pd and cutoff by conflict.
        factor: By how much.
    """
    released = (conflicts["refused_by"] == "score") & (conflicts["pd"] <= factor * conflicts["cutoff"])
    told = {
        "remedy": CUTOFF,
        "request_id": conflicts["request_id"],
        "favoured": True,
        "refused": ~released,
    }
    return pd.DataFrame(told).reset_index(drop=True)


def with_remedies(
    explanation: Explanation, again: pd.DataFrame, asked: Asked, parameters: ExplanationParameters
) -> Explanation:
    """The explanation with its remedies, told in the summary; as it was where there are no conflicts."""
    if not asked.conflicts or not len(again):
        return explanation
    table = remedy_table(again, asked, parameters)
    return replace(
        explanation,
        remedies=table,
        summary=explanation.summary | {"remedies": [finite_row(row) for row in table.to_dict("records")]},
    )


def remedy_table(again: pd.DataFrame, asked: Asked, parameters: ExplanationParameters) -> pd.DataFrame:
    """What each remedy would do, the one that removes most conflicts first.

    Args:
        again: The decisions on some of the requests taken again: remedy, request_id, favoured, refused.
        asked: The requests.
        parameters: How intervals are taken.

    Returns:
        By remedy (a cause that is switched off, `fresh_STREAM` or `cutoff`): remedy, share (of all conflicts); and,
        each with _low and _high, removed (conflicts), released (conflicts of which the money would be paid out),
        not_raised (conflicts that no raise of the limit would precede), bad (of those paid out), limits (favoured
        requests, in conflict or not, that no raise would precede), new (requests that would become conflicts). `bad`
        is the bad rate of those whose outcome is known times those paid out, with Wilson's interval, NaN where none is
        known; all other intervals draw borrowers, and hold the sizes of both cohorts as they are.
    """
    rows = []
    for remedy in dict.fromkeys(again["remedy"]):
        found = again[again["remedy"] == remedy].merge(asked.requests, on="request_id", validate="one_to_one")
        rows.append({"remedy": remedy} | _measured(found, asked, parameters))
    table = pd.DataFrame(rows)
    table.insert(1, "share", table["removed"] / asked.conflicts)
    return table.sort_values("removed", ascending=False, kind="stable", ignore_index=True)


def _measured(found: pd.DataFrame, asked: Asked, parameters: ExplanationParameters) -> dict[str, float]:
    conflict = found["conflict"].to_numpy(bool)
    favoured, refused = (found[name].to_numpy(bool) for name in ("favoured", "refused"))
    released = conflict & ~refused
    flags = {
        "removed": conflict & ~(favoured & refused),
        "released": released,
        "not_raised": conflict & ~favoured,
        "limits": ~favoured,
        "new": ~conflict & favoured & refused,
    }
    values = np.column_stack([flags[name] for name in _COUNTED]).astype(np.float64)
    stratum, sizes = (~conflict).astype(np.int64), (asked.conflicts, asked.reference)
    low, high = total_interval(
        values,
        stratum,
        sizes,
        found["borrower_id"].to_numpy(np.int64),
        draws=parameters.bootstrap_draws,
        seed=parameters.seed,
        level=parameters.bootstrap_level,
    )
    weight = np.asarray(sizes) / np.maximum(np.bincount(stratum, minlength=2), 1)
    totals = (values * weight[stratum, None]).sum(axis=0)
    told: dict[str, float] = {}
    for place, name in enumerate(_COUNTED):
        told |= {
            name: float(totals[place]),
            f"{name}_low": float(low[place]),
            f"{name}_high": float(high[place]),
        }
    return told | _let_in(found["bad"][released], told["released"], parameters)


def _let_in(bad: pd.Series, released: float, parameters: ExplanationParameters) -> dict[str, float]:
    """Bad loans among those paid out, by the bad rate of those whose outcome is known."""
    known, went_bad = int(bad.notna().sum()), int(bad.sum())
    rate = went_bad / known if known else float("nan")
    # Not drawn: of none that went bad no draw knows more.
    low, high = wilson(went_bad, known, parameters.bootstrap_level)
    if not released:
        rate, low, high = 0.0, 0.0, 0.0
    return {"bad": rate * released, "bad_low": low * released, "bad_high": high * released}
