"""What `releasegap phantom` leaves in a folder: who would be refused, all limits on show, and the totals."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from data.errors import CallError, DataFault
from explanations.json_numbers import finite_row
from explanations.remedies.phantom import phantom_table
from explanations.remedies.phantom_causes import CAUSES, ON_SHOW
from explanations.report.words import LANGUAGES, say

TOTALS = "phantom.json"
REFUSED = "phantom.parquet"
SHOWN = "on_show.parquet"

_WORDS = {"refusal": "refused_by", "why": "phantom_cause", "remedy": "phantom_remedy"}
"""Groups of statements that are put beside each borrower, and under which name they are kept."""


def totals(shown: pd.DataFrame, about: dict[str, Any], level: float) -> dict[str, Any]:
    """What is on show, what of it would be refused, by group and by cause; JSON-ready.

    Args:
        shown: All limits on show (`ON_SHOW`), of every borrower.
        about: What else is told: day, digests, parameters.
        level: Coverage of the intervals.
    """
    told = about | {"on_show": len(shown), "totals": [], "causes": []}
    if not len(shown):
        return told
    rows = phantom_table(shown, 1.0, level).to_dict("records")
    by_cause = {str(cause): part for cause, part in shown.groupby("cause")["available"]}
    return told | {
        "totals": [finite_row(row) for row in rows],
        "causes": [
            {
                "cause": cause,
                "borrowers": len(by_cause[cause]),
                "available": float(by_cause[cause].sum()),
                **_said(cause),
            }
            for cause in CAUSES
            if cause in by_cause
        ],
    }


def _said(cause: str) -> dict[str, str]:
    told = {"why": say(f"phantom_cause.{cause}"), "remedy": say(f"phantom_remedy.{cause}")}
    return {f"{name}_{tongue}": text[tongue] for name, text in told.items() for tongue in LANGUAGES}


def refused_rows(shown: pd.DataFrame) -> pd.DataFrame:
    """Those who would be refused, each with what refuses, why and what to do, in both languages."""
    refused = shown[shown["cause"] != ""].drop(columns="raised").reset_index(drop=True)
    for name, group in _WORDS.items():
        key = refused["refused_by" if group == "refused_by" else "cause"].astype("category")
        for tongue in LANGUAGES:
            spoken = {one: say(f"{group}.{one}")[tongue] for one in key.cat.categories}
            refused[f"{name}_{tongue}"] = key.cat.rename_categories(spoken)
    return refused


def write_phantom(shown: pd.DataFrame, told: dict[str, Any], folder: Path) -> None:
    """Writes the tables and the totals; the same limits give the same bytes."""
    words = ["refused_by", "cause"]
    table = shown.astype(dict.fromkeys(words, "category"))
    table.to_parquet(folder / SHOWN, index=False, compression="zstd")
    refused = refused_rows(shown).astype(dict.fromkeys(words, "category"))
    refused.to_parquet(folder / REFUSED, index=False, compression="zstd")
    text = json.dumps(told, indent=1, ensure_ascii=False, sort_keys=True, allow_nan=False)
    (folder / TOTALS).write_text(f"{text}\n", encoding="utf-8", newline="\n")


def read_phantom(folder: Path) -> tuple[pd.DataFrame, dict[str, Any]]:
    """All limits on show and the totals of an earlier result.

    Raises:
        CallError: The folder holds none.
        DataFault: It cannot be read.
    """
    if not (folder / TOTALS).is_file() or not (folder / SHOWN).is_file():
        raise CallError(
            f"{folder} holds no result of `releasegap phantom` (no {TOTALS} or no {SHOWN}); name another folder."
        )
    try:
        told = json.loads((folder / TOTALS).read_text(encoding="utf-8"))
        shown: pd.DataFrame = pq.read_table(folder / SHOWN, partitioning=None).to_pandas()
        return shown[list(ON_SHOW)].astype(dict.fromkeys(("refused_by", "cause"), "str")), dict(told)
    except (ValueError, KeyError, TypeError, pa.ArrowException) as error:
        reason = str(error).strip().partition("\n")[0][:200]
        raise DataFault(f"{folder} cannot be read ({reason}); make it again.") from error


def renewed(before: pd.DataFrame, again: pd.DataFrame, touched: NDArray[np.int64]) -> pd.DataFrame:
    """Limits on show with those of some borrowers put in the place of what was known of them, by borrower.

    Args:
        before: The limits as they were.
        again: The limits of the touched borrowers, as they are.
        touched: Ids of these borrowers.
    """
    kept = before[~before["borrower_id"].isin(touched)]
    parts = [part for part in (kept, again) if len(part)]
    joined = pd.concat(parts, ignore_index=True) if parts else before.iloc[:0]
    return joined.sort_values("borrower_id", kind="stable", ignore_index=True)
