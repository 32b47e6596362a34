"""What `releasegap explain` leaves in a folder; names of files and columns are a contract for others."""

from __future__ import annotations

import json
from pathlib import Path

import pandas as pd

from explanations.explain import CONFLICT_COLUMNS
from explanations.explanation import Explanation
from explanations.report.figures import write_figures
from explanations.report.page import write_report
from models.limit_model import LimitModel
from models.release_model import ReleaseModel

REPORT = "report.html"
SUMMARY = "summary.json"


def write_explanation(
    explanation: Explanation,
    limit: LimitModel,
    release: ReleaseModel,
    folder: Path,
    cache_folder: Path | None = None,
) -> list[str]:
    """Writes tables, models, summary, figures and report; the same explanation gives the same bytes.

    What all reports share is kept in the cache folder, if there is one.

    Returns:
        Names of the figures.
    """
    tables = {
        "conflicts": explanation.conflicts[list(CONFLICT_COLUMNS)],
        "reference": explanation.reference,
        "release_features": explanation.release_features,
        "limit_features": explanation.limit_features,
        "release_contributions": explanation.release_contributions,
        "limit_contributions": explanation.limit_contributions,
    }
    if explanation.causes is not None:
        tables["causes"] = explanation.causes
    if explanation.lag_audit is not None:
        tables["lag_audit"] = explanation.lag_audit
    for name, table in tables.items():
        _plain(table).to_parquet(folder / f"{name}.parquet", index=False, compression="zstd")
    (folder / "release_model.txt").write_text(release.text, encoding="utf-8", newline="\n")
    (folder / "limit_model.txt").write_text(limit.text, encoding="utf-8", newline="\n")
    text = json.dumps(explanation.summary, indent=1, ensure_ascii=False, sort_keys=True, allow_nan=False)
    (folder / SUMMARY).write_text(f"{text}\n", encoding="utf-8", newline="\n")
    write_report(explanation, folder / REPORT, cache_folder)
    return [path.name for path in write_figures(explanation, folder)]


def _plain(table: pd.DataFrame) -> pd.DataFrame:
    """Dates as dates (not as times), as the book has them."""
    dates = table.select_dtypes("datetime")
    return table.assign(**{str(name): dates[name].dt.date for name in dates})
