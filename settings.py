"""The parameters of a call: params.yaml, then `--params`, then `--set`; the only reader of params.yaml."""

from __future__ import annotations

import functools
import hashlib
import json
import sys
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from commandline import Common
from data.errors import CallError

if TYPE_CHECKING:
    from data.blocks import BlockParameters
    from data.book import Book
    from data.parameters import Parameters
    from data.world import Simulation, World
    from data.yaml_tree import Tree
    from explanations.parameters import ExplanationParameters, NoticeParameters, WhatIfParameters
    from features.parameters import FeatureParameters
    from models.limit_model import LimitModel
    from models.parameters import EconomicsParameters, ModelsParameters
    from models.release_model import ReleaseModel
    from training.parameters import GovernanceParameters, MonitoringParameters, TrainingParameters

FOLDERS = ("data", "features", "models", "training", "explanations", "scoring", "stages", "commands")
BESIDE = Path(__file__).with_name("params.yaml")
# A wheel has no place beside a module for a data file; pyproject.toml puts it there.
PARAMETERS = BESIDE if BESIDE.is_file() else Path(sys.prefix, "share", "releasegap", "params.yaml")


@dataclass(frozen=True)
class Settings:
    """All parameters, resolved: params.yaml, then `--params`, then `--set`."""

    simulation: Simulation
    blocks: BlockParameters
    world: World
    features: FeatureParameters
    models: ModelsParameters
    economics: EconomicsParameters
    training: TrainingParameters
    governance: GovernanceParameters
    explanations: ExplanationParameters
    notice: NoticeParameters
    whatif: WhatIfParameters
    monitoring: MonitoringParameters


def settings_of(common: Common, *changes: str) -> Settings:
    """The resolved parameters of a call, with what the command's own options change."""
    return resolved(common.params, [*common.overrides, *changes])


def resolved(params: Path | None, overrides: list[str]) -> Settings:
    """The resolved parameters."""
    from data.parameters import merge, read_parameters
    from data.yaml_tree import parse

    tree = parse(PARAMETERS.read_text(encoding="utf-8"), PARAMETERS.name)
    source = PARAMETERS.name
    if params is not None:
        tree, source = merge(tree, _file_tree(params)), str(params)
    groups = read_parameters(_groups(), tree, overrides, source)
    settings = Settings(**{group.name: getattr(groups, group.name) for group in fields(Settings)})
    settings.world.require_scenarios(settings.simulation.scenario)  # here, before any work is begun
    return settings


def given(common: Common) -> Tree:
    """The parameters that a call itself gives a value, by `--params` and `--set`, as a tree."""
    from data.parameters import merge, override_tree

    tree = {} if common.params is None else _file_tree(common.params)
    for override in common.overrides:
        tree = merge(tree, override_tree(override))
    return tree


def _file_tree(params: Path) -> Tree:
    from data.yaml_tree import parse

    try:
        text = params.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or error
        raise CallError(f"Cannot read the parameters {params}: {reason}; name another file.") from error
    return parse(text, str(params))


@functools.cache
def _groups() -> type[Parameters]:
    """The model that params.yaml is held against; made here, since pydantic is not needed for `--help`."""
    from pydantic import create_model

    from data.blocks import BlockParameters
    from data.parameters import Parameters
    from data.world import Simulation, World
    from explanations.parameters import ExplanationParameters, NoticeParameters, WhatIfParameters
    from features.parameters import FeatureParameters
    from models.parameters import EconomicsParameters, ModelsParameters
    from training.parameters import GovernanceParameters, MonitoringParameters, TrainingParameters

    groups: dict[str, Any] = {
        "simulation": (Simulation, ...),
        "blocks": (BlockParameters, ...),
        "world": (World, ...),
        "features": (FeatureParameters, ...),
        "models": (ModelsParameters, ...),
        "economics": (EconomicsParameters, ...),
        "training": (TrainingParameters, ...),
        "governance": (GovernanceParameters, ...),
        "explanations": (ExplanationParameters, ...),
        "notice": (NoticeParameters, ...),
        "whatif": (WhatIfParameters, ...),
        "monitoring": (MonitoringParameters, ...),
    }
    return create_model("Groups", __base__=Parameters, **groups)


def as_explained(parameters: Mapping[str, Any], folder: Path, over: Mapping[str, Any]) -> Settings:
    """The parameters that an explanation was made with, as its summary tells them.

    Args:
        parameters: What `used` gave; those of fits and of the world are left as params.yaml has them.
        folder: Where the explanation lies, for messages.
        over: Parameters that are to be others.

    Raises:
        CallError: They are not the parameters of this version of the workbench.
    """
    groups = ("features.", "models.", "explanations.")
    told = {name: value for name, value in parameters.items() if name.startswith(groups)} | dict(over)
    texts = [
        f"{name}={value if isinstance(value, str) else json.dumps(value)}" for name, value in told.items()
    ]
    try:
        return resolved(None, texts)
    except CallError as error:
        raise CallError(
            f"{folder} holds an explanation of another version of the workbench ({str(error).rstrip('.')}); make it "
            "again with `releasegap explain`."
        ) from error


def simulation_changes(
    borrowers: int | None, months: int | None, seed: int | None, scenario: str | None
) -> list[str]:
    """Options of a call as changes of parameters."""
    given = {
        "borrowers": borrowers,
        "months": months,
        "seed": seed,
        "scenario": scenario and json.dumps(scenario),
    }
    return [f"simulation.{name}={value}" for name, value in given.items() if value is not None]


def code_digest(root: Path = BESIDE.parent) -> str:
    """sha256 of the workbench's own sources, in hex: what was kept by other code is not taken for this one's."""
    sources = sorted(
        [*root.glob("*.py"), *(path for folder in FOLDERS for path in (root / folder).rglob("*.py"))]
    )
    told = hashlib.sha256()
    for path in sources:
        told.update(f"{path.relative_to(root).as_posix()}\n".encode() + path.read_bytes())
    return told.hexdigest()


def code_and_libraries() -> str:
    """What the bytes of a result depend on besides its parameters: this code, the libraries and the processor."""
    import platform
    from importlib.metadata import version

    libraries = {name: version(name) for name in ("lightgbm", "numpy", "pandas", "pyarrow", "scipy")}
    return json.dumps([code_digest(), platform.python_version(), platform.machine(), libraries])


def of_world(settings: Settings, seed: int, scenario: str) -> Settings:
    """The same parameters for another seed and scenario."""
    made = settings.simulation.model_copy(update={"seed": seed, "scenario": scenario})
    return replace(settings, simulation=made)


def flat(settings: Settings, book: Book) -> dict[str, Any]:
    """Every parameter of the call that has a part in work on this book, under its dotted name.

    The world's are those that the book was simulated with, whatever the call says now.
    """
    from data.parameters import flatten, flatten_tree

    # Features of a book without dates come as its mapping says, not from windows over what was visible.
    groups = (*(("features",) if book.dated else ()), "models", "training", "explanations")
    named = {
        f"{group}.{name}": value
        for group in groups
        for name, value in flatten(getattr(settings, group)).items()
        if not f"{group}.{name}".startswith(SEARCH)
    }
    if book.manifest.source == "simulated":
        named |= flatten_tree({"world": book.manifest.parameters})
    return named


SEARCH = "training.tuning."
"""Parameters of `releasegap tune` alone, which have no part in any other work."""
FITTED = ("training.", "models.calibration.")
"""Parameters of fits: of models that were not fitted in this call, their cards tell them."""


def used(settings: Settings, book: Book, limit: LimitModel, release: ReleaseModel) -> dict[str, Any]:
    """Every parameter behind an explanation: what the models were fitted with stands as their cards tell."""
    from data.parameters import flatten_tree

    kept = {name: value for name, value in flat(settings, book).items() if not name.startswith(FITTED)}
    fits = {"limit": dict(limit.parameters), "release": dict(release.parameters)}
    return kept | flatten_tree({"fit": fits})


def used_in_comparison(settings: Settings, book: Book, models: Mapping[str, Any]) -> dict[str, Any]:
    """Every parameter behind a comparison of models, which tell what they were fitted with by the part they play."""
    from data.parameters import flatten, flatten_tree

    kept = {name: value for name, value in flat(settings, book).items() if not name.startswith(FITTED)}
    for group in ("governance", "economics"):
        kept |= {f"{group}.{name}": value for name, value in flatten(getattr(settings, group)).items()}
    fits = {part: dict(model.parameters) for part, model in models.items() if model is not None}
    return kept | flatten_tree({"fit": fits})
