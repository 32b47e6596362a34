"""Model cards: what a validator asks of a model (SR 11-7), from figures of its own training, in both languages."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import pandas as pd

from data.book import Book
from data.markdown import plain
from features.catalogue import Catalogue
from models.boosted import Boosted
from models.monotone import Monotone
from models.release_model import ReleaseModel
from training.home import ModelKind, registered_name
from training.metrics import ORACLE, RELEASED, REVIEWS
from training.splits import CALIBRATION, EARLY_STOPPING, OUT_OF_TIME, SPLITS, TRAIN

if TYPE_CHECKING:
    from jinja2 import Environment

Card = Mapping[str, str]
"""The text of a card by language."""
CARDS: Final = {"en": "model_card.md", "zh": "model_card.zh.md"}
"""Its file among the model's, by language."""
APPROVAL_MARK: Final = "<!-- approval -->"
"""Stands before and after the part of a card that promotion fills in."""
_ABSENT: Final = "–"


@dataclass(frozen=True)
class Explained:
    """How exactly the model's contributions add up.

    Attributes:
        rows: Rows that were explained.
        background: Rows that they were explained against.
        gap: Largest difference between base + contributions and the model's own score (its units).
    """

    rows: int
    background: int
    gap: float


@dataclass(frozen=True)
class Measured:
    """What was measured for the card of one model.

    Attributes:
        performance: Performance of both models, tidy (see `training.metrics`).
        by_decile: Bad rate by decile of PD and split; empty for a limit model.
        monotone: Directions tried on the book.
        explained: Fidelity of its explanations.
        stability: what, month, rows, psi, chance (see `training.diagnostics`); None where the book has no dates.
        disparity: By protected attribute ratio, ratio_low, ratio_high (lowest over highest approval rate), and
            attribute, lowest and highest by language; None where it was not measured.
        unseen: Share of the requests out of time whose outcome nobody saw; NaN for a limit model.
    """

    performance: pd.DataFrame
    by_decile: pd.DataFrame
    monotone: Monotone
    explained: Explained
    stability: pd.DataFrame | None
    disparity: Sequence[Mapping[str, Any]] | None
    unseen: float


def model_card(kind: ModelKind, model: Boosted, book: Book, catalogue: Catalogue, measured: Measured) -> Card:
    """The card of a model as Markdown, by language. Its approval is blank: promotion fills it in."""
    facts = _facts(kind, model, book, catalogue, measured)
    return {
        language: _one_blank_line(_environment().get_template(f"{kind}.{language}.md").render(facts))
        for language in CARDS
    }


def with_approval(card: str, rows: Mapping[str, str]) -> str:
    """The card with its approval as promotion records it: what was asked, and what was answered.

    Raises:
        ValueError: The text is no card.
    """
    parts = card.split(APPROVAL_MARK)
    if len(parts) != 3:
        raise ValueError("this text is no model card: it has no place for an approval")
    head = "\n".join(parts[1].strip().splitlines()[:2])
    told = "\n".join(f"| {name} | {plain(said)} |" for name, said in rows.items())
    return f"{parts[0]}{APPROVAL_MARK}\n{head}\n{told}\n{APPROVAL_MARK}{parts[2]}"


def short_card(card: str, most: int) -> str:
    """A card as long as a registry's description may be: whole, or its first parts with a note on where the rest is."""
    if len(card) <= most:
        return card
    note = "\n\n… (whole: model_card.md among the model's files, cards/ among the run's)\n"
    cut = card[: most - len(note)]
    return cut[: cut.rfind("\n\n")] + note


def _facts(
    kind: ModelKind, model: Boosted, book: Book, catalogue: Catalogue, measured: Measured
) -> dict[str, Any]:
    """What the templates say."""
    manifest, signs = book.manifest, catalogue.limit_signs if kind == "limit" else catalogue.release_signs
    population = REVIEWS if kind == "limit" else RELEASED
    splits = _splits(measured.performance, kind, population)
    families = dict.fromkeys(catalogue[name].family for name in model.features)
    score = measured.stability
    if score is not None:
        score = score[score["what"] == f"{kind}_score"]
    return {
        "name": registered_name(kind),
        "digest": model.digest[:12],
        "book": book.name,
        "book_digest": book.digest[:12],
        "catalogue_digest": model.origin.catalogue_digest[:12],
        "source": manifest.source,
        "scenario": manifest.scenario,
        "borrowers": manifest.rows["borrowers"],
        "currency": (manifest.mapping or {}).get("currency", "RMB"),
        "dated": book.dated,
        "trees": model.booster.num_trees(),
        "features": len(model.features),
        "families": list(families),
        "families_zh": list(dict.fromkeys(catalogue[name].family_zh for name in model.features)),
        "constrained": sum(1 for sign in signs if sign),
        "parameters": dict(model.parameters),
        "periods": dict(model.parameters["splits"]),
        "splits": splits,
        "oracle": _splits(measured.performance, kind, ORACLE).get(OUT_OF_TIME),
        "calibration": model.calibration if isinstance(model, ReleaseModel) else None,
        "never_missing": len(model.never_missing),
        "deciles": _deciles(measured.by_decile),
        "monotone": measured.monotone,
        "explained": measured.explained,
        "stability": None if score is None else score.to_dict("records"),
        "moved": _moved(measured.stability, model.features, catalogue),
        "disparity": measured.disparity,
        "unseen": measured.unseen,
        "main": _main_features(model, catalogue),
        "mark": APPROVAL_MARK,
        "TRAIN": TRAIN,
        "EARLY": EARLY_STOPPING,
        "CALIBRATION": CALIBRATION,
        "HELD_OUT": OUT_OF_TIME,
    }


def _splits(performance: pd.DataFrame, kind: str, population: str) -> dict[str, dict[str, float]]:
    """Metrics of each split of one population; NaN where its rows do not define one."""
    rows = performance[(performance["model"] == kind) & (performance["population"] == population)]
    return {
        split: defaultdict(lambda: np.nan, zip(part["metric"], part["value"], strict=True))
        for split in SPLITS
        if len(part := rows[rows["split"] == split])
    }


def _deciles(by_decile: pd.DataFrame) -> list[dict[Hashable, Any]]:
    """Bad rate by decile of PD out of time."""
    if not len(by_decile):
        return []
    return by_decile[by_decile["split"] == OUT_OF_TIME].to_dict("records")


def _moved(
    stability: pd.DataFrame | None, features: tuple[str, ...], catalogue: Catalogue
) -> list[dict[str, Any]]:
    """Of each of the model's features that was looked at the month in which it had moved furthest."""
    if stability is None:
        return []
    known = stability[stability["what"].isin(features) & stability["psi"].notna()]
    furthest = known.loc[known.groupby("what", sort=False)["psi"].idxmax()]
    ordered = furthest.sort_values("psi", ascending=False, kind="stable")
    told = zip(ordered["what"], ordered["month"], ordered["psi"], strict=True)
    return [
        {"en": catalogue[name].label_en, "zh": catalogue[name].label_zh, "month": month, "psi": psi}
        for name, month, psi in told
    ]


def _main_features(model: Boosted, catalogue: Catalogue, count: int = 8) -> list[tuple[str, str, float]]:
    """The features that the model uses most: labels in both languages, share of the total gain."""
    gain = model.booster.feature_importance("gain").astype(np.float64)
    order = np.argsort(-gain, kind="stable")[:count]
    named = [catalogue[model.features[place]] for place in order]
    shares = gain[order] / gain.sum()
    return [(one.label_en, one.label_zh, float(share)) for one, share in zip(named, shares, strict=True)]


def _one_blank_line(text: str) -> str:
    """The text with one blank line where its template left several."""
    return re.sub(r"\n{3,}", "\n\n", text).strip() + "\n"


def _number(value: float | None, digits: int = 0) -> str:
    if value is None or not np.isfinite(value):
        return _ABSENT
    return f"{value:,.{digits}f}"


def _percent(value: float | None, digits: int = 1) -> str:
    return _ABSENT if value is None or not np.isfinite(value) else f"{value:.{digits}%}"


@cache
def _environment() -> Environment:
    from jinja2 import Environment, PackageLoader, StrictUndefined

    environment = Environment(
        loader=PackageLoader("training", "cards"),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        autoescape=False,  # noqa: S701 -- Markdown, in which `plain` escapes what comes from data
    )
    environment.filters |= {"number": _number, "percent": _percent, "plain": plain}
    return environment
