"""Models on disk: `model.txt` (LightGBM text) and `model.json` (what it takes to use it); never a pickle."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

from data.atomic import whole_file
from data.errors import CallError, DataFault
from models.boosted import Origin, booster_of
from models.calibration import Calibration
from models.limit_model import LimitModel
from models.release_model import ReleaseModel

TREES = "model.txt"
CARD = "model.json"


def save_model(model: LimitModel | ReleaseModel, folder: Path) -> None:
    """Writes a model into a folder, the card last, so that a folder with a card holds a whole model."""
    text = model.text
    card: dict[str, Any] = {
        "kind": "release" if isinstance(model, ReleaseModel) else "limit",
        "sha256": hashlib.sha256(text.encode()).hexdigest(),
        "features": list(model.features),
        "parameters": dict(model.parameters),
        **asdict(model.origin),
    }
    if isinstance(model, ReleaseModel):
        card["calibration"] = asdict(model.calibration)
    (folder / CARD).unlink(missing_ok=True)
    _write(folder / TREES, text)
    _write(folder / CARD, json.dumps(card, indent=1, ensure_ascii=False) + "\n")


def load_limit_model(folder: Path) -> LimitModel:
    """Reads a limit model, whose scores are those of the model that was saved, to the bit.

    Raises:
        CallError: The folder holds no model, or one of another kind.
        DataFault: What it holds is damaged.
    """
    card, text = _read(folder, "limit")
    try:
        origin = Origin(card["book_digest"], card["catalogue_digest"])
        booster = booster_of(text)
        return LimitModel(booster, _features(card, booster.num_feature()), dict(card["parameters"]), origin)
    except (KeyError, TypeError) as error:
        raise _damaged(folder / CARD) from error
    except ValueError as error:
        raise _damaged(folder / TREES) from error


def load_release_model(folder: Path) -> ReleaseModel:
    """Reads a release model, whose scores are those of the model that was saved, to the bit.

    Raises:
        CallError: The folder holds no model, or one of another kind.
        DataFault: What it holds is damaged.
    """
    card, text = _read(folder, "release")
    try:
        origin = Origin(card["book_digest"], card["catalogue_digest"])
        line = _line(card)
        booster, parameters = booster_of(text), dict(card["parameters"])
        features = _features(card, booster.num_feature())
        return ReleaseModel(booster, features, parameters, origin, Calibration(**line))
    except (KeyError, TypeError) as error:
        raise _damaged(folder / CARD) from error
    except ValueError as error:
        raise _damaged(folder / TREES) from error


def _read(folder: Path, kind: str) -> tuple[dict[str, Any], str]:
    """The card and the model text, whose digest is checked, since LightGBM trusts what it is given."""
    if not (folder / CARD).is_file() or not (folder / TREES).is_file():
        raise CallError(
            f"No model in {folder}: {CARD} or {TREES} is missing; make one with `releasegap train`."
        )
    try:
        card = json.loads((folder / CARD).read_text(encoding="utf-8"))
        found, digest = card["kind"], card["sha256"]
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise _damaged(folder / CARD) from error
    if found != kind:
        raise CallError(f"{folder} holds a {found} model, but a {kind} model was asked for; name that one.")
    text = (folder / TREES).read_bytes()
    if hashlib.sha256(text).hexdigest() != digest:
        raise _damaged(folder / TREES)
    try:
        return card, text.decode()
    except UnicodeDecodeError:
        raise _damaged(folder / TREES) from None


def _line(card: dict[str, Any]) -> dict[str, float]:
    """Slope and intercept of a calibration.

    Raises:
        TypeError: They are no numbers.
    """
    said = card["calibration"]
    if not isinstance(said, dict) or not all(isinstance(one, float | int) for one in said.values()):
        raise TypeError("its calibration is no line")
    return {name: float(one) for name, one in said.items()}


def _features(card: dict[str, Any], number: int) -> tuple[str, ...]:
    """The model's features, of which there must be as many as its trees know.

    Raises:
        TypeError: It names others.
    """
    features = card["features"]
    named = isinstance(features, list) and all(isinstance(feature, str) for feature in features)
    if not named or len(features) != number:
        raise TypeError("it does not name the features of its trees")
    return tuple(features)


def _damaged(path: Path) -> DataFault:
    return DataFault(f"{path} is damaged or was changed by hand; train the model again.")


def _write(path: Path, text: str) -> None:
    with whole_file(path) as aside:
        aside.write_text(text, encoding="utf-8", newline="\n")
