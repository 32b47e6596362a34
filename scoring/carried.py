"""What a decision model carries: both boosters, the policy, and the reference of the reasons, as a folder of files."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from data.book import Book
from data.categories import coding_told
from explanations.kernel.patterns import patterns_of
from explanations.parameters import ReasonParameters
from explanations.reasons.principal_reasons import (
    LATE,
    RULE_BREAKS,
    SHORT_RECORD,
    STREAK,
    UNKNOWN,
    groups_of,
    is_event,
)
from explanations.report.reason_sentences import NO_ASSESSMENT
from features.catalogue import Catalogue, catalogue_of
from models.decisions import BUREAU
from models.limit_model import LimitModel
from models.parameters import PolicyParameters
from models.policy import CAPS, COUNTS, NO_FILE, OVERDUE, REFUSED_BY, month_number
from models.release_model import ReleaseModel
from scoring.decision import FACTS, FORMAT, LIMIT_TREES, PATTERNS, RELEASE_TREES

RULES = tuple(rule for rule in REFUSED_BY if rule != "slip")
"""The rules that a model can apply; a slip is what was done against them."""


def write_decision(
    folder: Path,
    book: Book,
    limit: LimitModel,
    release: ReleaseModel,
    released: NDArray[np.float32],
    cutoff: float,
    policy: PolicyParameters,
    reasons: ReasonParameters,
) -> dict[str, Any]:
    """Writes what a decision model carries, and gives what `decision.json` says.

    Args:
        folder: An empty folder.
        book: The book that both models were judged on; its policy table goes along.
        limit: The limit model.
        release: The release model.
        released: Release snapshots of the favoured and released (rows × features); reasons are told against them.
        cutoff: Cut-off on the PD where the book has no policy table.
        policy: What the policy holds besides.
        reasons: What makes a reason a principal one.
    """
    catalogue = catalogue_of(book)
    said = _reason_facts(catalogue, released, reasons.least_share) if len(released) else None
    facts: dict[str, Any] = {
        "format": FORMAT,
        "book_digest": book.digest,
        "catalogue_digest": catalogue.digest,
        "limit_digest": limit.digest,
        "release_digest": release.digest,
        "currency": (book.manifest.mapping or {}).get("currency", "RMB"),
        "limit_features": list(limit.features),
        "release_features": list(release.features),
        "calibration": {"slope": release.calibration.slope, "intercept": release.calibration.intercept},
        "categories": _category_facts(book),
        "policy": _policy_facts(book, catalogue, release, cutoff, policy),
        "reasons": said,
        "reference": len(released),
    }
    (folder / LIMIT_TREES).write_text(limit.text, encoding="utf-8", newline="\n")
    (folder / RELEASE_TREES).write_text(release.text, encoding="utf-8", newline="\n")
    if said is not None:
        np.savez_compressed(folder / PATTERNS, **patterns_of(release.booster, released))  # type: ignore[arg-type]
    text = json.dumps(facts, indent=1, ensure_ascii=False, allow_nan=False)
    (folder / FACTS).write_text(f"{text}\n", encoding="utf-8", newline="\n")
    return facts


def _category_facts(book: Book) -> dict[str, Any]:
    """Of each feature of categories the number of each value, that of all others (None: missing), and all names."""
    mapping, found = book.manifest.mapping or {}, {}
    for feature in mapping.get("features", []):
        coding = coding_told(feature)
        if coding is not None:
            rest = None if np.isnan(coding.rest) else coding.rest
            levels = [list(level) for level in coding.levels]
            said = {"numbers": dict(coding.numbers), "rest": rest, "levels": levels}
            found[feature["name"]] = said | {"missing": list(mapping["missing"])}
    return found


def folder_digest(folder: Path) -> str:
    """sha256 of the names and bytes of the folder's files, in hex."""
    told = hashlib.sha256()
    for path in sorted(folder.iterdir()):
        told.update(f"{path.name}\n{hashlib.sha256(path.read_bytes()).hexdigest()}\n".encode())
    return told.hexdigest()


def _policy_facts(
    book: Book, catalogue: Catalogue, release: ReleaseModel, cutoff: float, parameters: PolicyParameters
) -> dict[str, Any]:
    bureau = {feature.name for feature in catalogue.features if feature.stream == BUREAU}
    return {
        "rules": list(RULES),
        "caps": {cap: name for cap, name in CAPS.items() if name in release.features} if book.dated else {},
        "counts": list(COUNTS),
        "no_file": NO_FILE,
        "overdue": OVERDUE,
        "overdue_days": parameters.overdue_days,
        "never_missing": release.never_missing.tolist(),
        "bureau": [place for place, name in enumerate(release.features) if name in bureau],
        "table": _policy_table(book.whole("policy")) if book.dated else None,
        "cutoff": None if book.dated else cutoff,
    }


def _policy_table(policy: pd.DataFrame) -> dict[str, Any]:
    """The policy table by month and region: a row of each column for each month."""
    month, region = month_number(policy["month_start"]), policy["region"].to_numpy(np.int64)
    months, row = np.unique(month, return_inverse=True)
    regions, column = np.unique(region, return_inverse=True)
    table: dict[str, Any] = {
        "months": [str(number.astype("datetime64[M]")) for number in months],
        "regions": regions.tolist(),
    }
    for name in ("cutoff", *CAPS):
        filled = np.full((len(months), len(regions)), np.nan)
        filled[row, column] = policy[name].to_numpy(np.float64)
        # A policy holds until the next one.
        table[name] = (
            pd.DataFrame(filled)
            .ffill()
            .astype(object)
            .where(lambda cell: cell.notna(), None)
            .to_numpy()
            .tolist()
        )
    return table


def _reason_facts(
    catalogue: Catalogue, released: NDArray[np.float32], least_share: float
) -> dict[str, Any] | None:
    """What each feature of the release model may say as a reason; None where none may say anything."""
    groups = groups_of(catalogue, released[:0], released)
    if not groups.codes:
        return None
    place = {code: at for at, code in enumerate(groups.codes)}
    features = [catalogue[name] for name in groups.features]
    streak = STREAK in groups.features and catalogue[STREAK].reason_code
    return {
        "codes": list(groups.codes),
        "least_share": least_share,
        "no_assessment": NO_ASSESSMENT,
        "rules": {
            rule: code
            for rule, (code, feature) in RULE_BREAKS.items()
            if code in place and feature in groups.features
        },
        "streak": {
            "feature": STREAK,
            "late": [name for name in LATE if name in groups.features],
            "code": place[SHORT_RECORD],
        }
        if streak
        else None,
        "features": [
            {
                "code": place[feature.reason_code],
                "unknown": place[UNKNOWN[feature.stream]] if feature.stream in UNKNOWN else None,
                "event": is_event(feature),
                "sign": {"+": 1, "-": -1}.get(feature.release_sign, 0),
                "usual": None if np.isnan(usual) else float(usual),
            }
            if feature.reason_code and feature.reason_use != "N"
            else None
            for feature, usual in zip(features, groups.usual, strict=True)
        ],
    }
