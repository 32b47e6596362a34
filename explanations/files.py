"""What `releasegap explain` leaves in a folder; names of files and columns are a contract for others."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from data.errors import CallError, DataFault
from explanations.cross_fitting.whole_book import CrossFitting
from explanations.diagnostics import Diagnostics
from explanations.explain import CONFLICT_COLUMNS, DETAIL_COLUMNS
from explanations.explanation import SUMMARY, Explanation
from explanations.report.figures import write_figures
from explanations.report.page import write_report
from explanations.report.rule_sentences import rules_json
from explanations.rules.surrogate import rules_read
from explanations.sums import SUMS, require_unchanged, write_sums
from features.catalogue import Catalogue, Feature
from models.boosted import Origin, booster_of
from models.calibration import Calibration
from models.limit_model import LimitModel
from models.release_model import ReleaseModel

REPORT = "report.html"
TEXTS = ("report.md", "report.zh.md", "tables")
"""The report in Markdown, and the folder of its tables as CSV."""
CATALOGUE = "catalogue.json"
DETAILS = "conflict_details"
EXPLANATIONS = "explanations"
"""Folder of a home in which the explanations lie."""

_ALWAYS = (
    *("conflicts", "reference", "release_features", "limit_features", "release_contributions"),
    *("limit_contributions", "contrast", "decision_matrix", "performance", "reliability", "funnel"),
)
_WHERE_TOLD = (
    *("causes", "lag_audit", "timelines", "reasons", "recourse", "recourse_trials"),
    *("phantom", "phantom_borrowers", "remedies"),
)
RULES = "rules.json"
BASELINE = "baseline.json"
_DIAGNOSED = tuple(field.name for field in fields(Diagnostics))
_CROSS_FITTED = tuple(field.name for field in fields(CrossFitting))
_READ_AGAIN = (
    *(SUMMARY, CATALOGUE, RULES, BASELINE),
    *(f"{name}.parquet" for name in (*_ALWAYS, DETAILS, *_WHERE_TOLD, *_DIAGNOSED, *_CROSS_FITTED)),
)
"""What an explanation is read from; its models have digests of their own (`explained_models`)."""


def write_explanation(
    explanation: Explanation,
    limit: LimitModel,
    release: ReleaseModel,
    folder: Path,
    cache_folder: Path | None = None,
) -> list[str]:
    """Writes tables, models, summary, figures, report and the digests of all; the same explanation, the same bytes.

    What all reports share is kept in the cache folder, if there is one.

    Returns:
        Names of the figures.
    """
    conflicts = explanation.conflicts
    tables = {
        "conflicts": conflicts[list(CONFLICT_COLUMNS)],
        DETAILS: conflicts[["request_id", *DETAIL_COLUMNS]],
        "reference": explanation.reference,
        "release_features": explanation.release_features,
        "limit_features": explanation.limit_features,
        "release_contributions": explanation.release_contributions,
        "limit_contributions": explanation.limit_contributions,
        "contrast": explanation.contrast,
        "decision_matrix": explanation.decision_matrix,
        "performance": explanation.performance,
        "reliability": explanation.reliability,
        "funnel": explanation.funnel,
    }
    told = {
        "causes": explanation.causes,
        "lag_audit": explanation.lag_audit,
        "timelines": explanation.timelines,
        "reasons": explanation.reasons,
        "recourse": explanation.recourse,
        "recourse_trials": explanation.recourse_trials,
        "phantom": explanation.phantom,
        "phantom_borrowers": explanation.phantom_borrowers,
        "remedies": explanation.remedies,
        **_tables_of(explanation.diagnostics),
        **_tables_of(explanation.cross_fitting),
    }
    for name, table in (tables | told).items():
        if table is not None:
            _plain(table).to_parquet(folder / f"{name}.parquet", index=False, compression="zstd")
    features = [asdict(feature) for feature in explanation.catalogue.features]
    text = json.dumps(features, indent=1, ensure_ascii=False)
    (folder / CATALOGUE).write_text(f"{text}\n", encoding="utf-8", newline="\n")
    (folder / "release_model.txt").write_text(release.text, encoding="utf-8", newline="\n")
    (folder / "limit_model.txt").write_text(limit.text, encoding="utf-8", newline="\n")
    said: dict[str, Any] = {SUMMARY: explanation.summary}
    if explanation.rules is not None:
        said[RULES] = rules_json(explanation)
    if explanation.baseline is not None:
        said[BASELINE] = explanation.baseline
    for name, value in said.items():
        text = json.dumps(value, indent=1, ensure_ascii=False, sort_keys=True, allow_nan=False)
        (folder / name).write_text(f"{text}\n", encoding="utf-8", newline="\n")
    write_report(explanation, folder / REPORT, cache_folder)
    figures = [path.name for path in write_figures(explanation, folder)]
    write_sums(folder)
    return figures


def read_explanation(folder: Path) -> Explanation:
    """The explanation that was written into a folder.

    Raises:
        CallError: There is none, or another version of the workbench wrote it.
        DataFault: One of its files has been changed, or cannot be read.
    """
    if not (folder / SUMMARY).is_file():
        raise CallError(f"{folder} holds no explanation (no {SUMMARY}); make one with `releasegap explain`.")
    if not (folder / SUMS).is_file():
        raise _other_version(folder, SUMS)
    require_unchanged(folder, _READ_AGAIN)
    missing = [name for name in (*_ALWAYS, DETAILS) if not _table(folder, name).is_file()]
    if missing or not (folder / CATALOGUE).is_file():
        raise _other_version(folder, f"{missing[0]}.parquet" if missing else CATALOGUE)
    try:
        summary = json.loads((folder / SUMMARY).read_text(encoding="utf-8"))
        features = json.loads((folder / CATALOGUE).read_text(encoding="utf-8"))
        tables = {name: _read(_table(folder, name)) for name in _ALWAYS}
        told: dict[str, Any] = _read_told(folder, _WHERE_TOLD)
        diagnostics = _read_told(folder, _DIAGNOSED)
        if diagnostics:
            told["diagnostics"] = Diagnostics(**diagnostics)
        cross_fitting = _read_told(folder, _CROSS_FITTED)
        if cross_fitting:
            told["cross_fitting"] = CrossFitting(**cross_fitting)
        details = _read(_table(folder, DETAILS)).drop(columns="request_id")
        absent = [name for name in DETAIL_COLUMNS if name not in details]
        if absent:
            raise _other_version(folder, f"column {absent[0]} in {DETAILS}.parquet")
        tables["conflicts"] = pd.concat([tables["conflicts"], details], axis=1)
        parts: dict[str, Any] = tables | told
        if (folder / RULES).is_file():
            rules = json.loads((folder / RULES).read_text(encoding="utf-8"))
            parts["rules"] = rules_read(rules, summary["rules"])
        if (folder / BASELINE).is_file():
            parts["baseline"] = json.loads((folder / BASELINE).read_text(encoding="utf-8"))
        return Explanation(
            summary=summary,
            catalogue=Catalogue(tuple(Feature(**feature) for feature in features)),
            calibration=Calibration(**summary["calibration"]),
            **parts,
        )
    except (ValueError, KeyError, TypeError, OSError, pa.ArrowException) as error:
        reason = str(error).strip().partition("\n")[0][:200]
        raise DataFault(
            f"{folder} cannot be read ({reason}); make it again with `releasegap explain`."
        ) from error


def explained_models(folder: Path, explanation: Explanation) -> tuple[LimitModel, ReleaseModel]:
    """The models that an explanation was made with, from its folder; what they were fitted with is not kept there.

    Raises:
        DataFault: One of them is not the one that the summary names.
    """
    origin = explanation.summary["trained_on"]
    boosters = {}
    for name in ("limit", "release"):
        text = (folder / f"{name}_model.txt").read_text(encoding="utf-8")
        if hashlib.sha256(text.encode()).hexdigest() != explanation.summary["models"][name]:
            raise DataFault(
                f"{folder / f'{name}_model.txt'} is not the model of this explanation; make it again with "
                "`releasegap explain`."
            )
        boosters[name] = booster_of(text)
    catalogue = explanation.catalogue
    return (
        LimitModel(boosters["limit"], catalogue.limit, {}, Origin(origin["limit"], catalogue.digest)),
        ReleaseModel(
            boosters["release"],
            catalogue.release,
            {},
            Origin(origin["release"], catalogue.digest),
            explanation.calibration,
        ),
    )


def latest_explanation(home: Path) -> Path:
    """The folder of the explanation that was written last into a home.

    Raises:
        CallError: The home has none.
    """
    written = list((home / EXPLANATIONS).glob(f"*/{SUMMARY}"))
    if not written:
        raise CallError(
            f"{home / EXPLANATIONS} holds no explanation: name its folder with --from, or make one with "
            "`releasegap run`."
        )
    return max(written, key=lambda path: (path.stat().st_mtime_ns, path.parent.name)).parent


def _other_version(folder: Path, lacks: str) -> CallError:
    return CallError(
        f"{folder} holds an explanation of another version of the workbench (no {lacks}); make it again with "
        "`releasegap explain`."
    )


def _tables_of(found: Diagnostics | CrossFitting | None) -> dict[str, pd.DataFrame | None]:
    """The tables of one by name; none where nobody has taken them."""
    return {} if found is None else {field.name: getattr(found, field.name) for field in fields(found)}


def _table(folder: Path, name: str) -> Path:
    return folder / f"{name}.parquet"


def _read(path: Path) -> pd.DataFrame:
    """A table with its dates as times, as the workbench has them."""
    read: pd.DataFrame = pq.read_table(path, partitioning=None).to_pandas(date_as_object=False)
    return read


def _read_told(folder: Path, names: Sequence[str]) -> dict[str, pd.DataFrame]:
    """The tables of those names that were written, by name."""
    return {name: _read(_table(folder, name)) for name in names if _table(folder, name).is_file()}


def _plain(table: pd.DataFrame) -> pd.DataFrame:
    """Dates as dates (not as times), as the book has them."""
    dates = table.select_dtypes("datetime")
    return table.assign(**{str(name): dates[name].dt.date for name in dates})
