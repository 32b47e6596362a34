"""What a mapping of a flat file may leave out: labels, unit, family, and signs by snapshots, filled in."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from fnmatch import fnmatchcase
from typing import Any

from data.errors import CallError
from data.yaml_tree import Tree

_OPPOSITE = {"+": "-", "-": "+", "0": "0"}
_OTHERS = {"family": "other", "family_zh": "其他"}


def filled(tree: Tree, source: str) -> Tree:
    """A mapping's tree with what its features leave out; what they say stays as it is.

    A label is the name; the unit none in particular; the family "other". `sign` is the sign for the probability of
    default, and its opposite that for the limit. Where the mapping has `snapshots`, a feature that none of a
    snapshot's patterns names is not in it. What is not of the right kind is left for validation to tell.

    Args:
        tree: The mapping as YAML has it.
        source: What to call it in messages.

    Raises:
        CallError: A pattern names no feature.
    """
    features = tree.get("features")
    if not isinstance(features, list) or not all(isinstance(feature, dict) for feature in features):
        return tree
    snapshots = tree.get("snapshots")
    patterns = _patterns(snapshots)
    _refuse_idle(patterns, features, source)
    found = [_feature(feature, patterns) for feature in features]
    return {key: found if key == "features" else value for key, value in tree.items()}


def _feature(said: Tree, patterns: Mapping[str, Sequence[str]]) -> Tree:
    name = said.get("name")
    if not isinstance(name, str):
        return said
    label = said.get("label_en", said.get("label_zh", name))
    usual: Tree = {"label_en": label, "label_zh": label, "unit": "index"}
    if "family" not in said:
        usual |= _OTHERS
    usual |= dict(_signs(said, patterns))
    # What is said comes last and as it is, since its keys know their places.
    return {key: value for key, value in usual.items() if key not in said} | said


def _signs(said: Tree, patterns: Mapping[str, Sequence[str]]) -> Iterator[tuple[str, str]]:
    """The signs that a feature leaves to `sign` and to the snapshots."""
    short = said.get("sign")
    for snapshot in ("limit", "release"):
        known = snapshot not in patterns or _named(said, patterns[snapshot])
        if not known:
            yield f"{snapshot}_sign", "x"
        elif isinstance(short, str | int) and str(short) in _OPPOSITE:
            yield f"{snapshot}_sign", str(short) if snapshot == "release" else _OPPOSITE[str(short)]
        elif patterns:
            yield f"{snapshot}_sign", "0"


def _patterns(snapshots: object) -> dict[str, Sequence[str]]:
    if not isinstance(snapshots, dict):
        return {}
    return {
        name: [pattern for pattern in listed if isinstance(pattern, str)]
        for name, listed in snapshots.items()
        if name in ("limit", "release") and isinstance(listed, list)
    }


def _named(feature: Mapping[str, Any], patterns: Sequence[str]) -> bool:
    names = [str(feature[key]) for key in ("name", "column") if feature.get(key) is not None]
    return any(fnmatchcase(name, pattern) for name in names for pattern in patterns)


def _refuse_idle(
    patterns: Mapping[str, Sequence[str]], features: Sequence[Mapping[str, Any]], source: str
) -> None:
    for snapshot, listed in patterns.items():
        for pattern in listed:
            if not any(_named(feature, [pattern]) for feature in features):
                raise CallError(
                    f"{source}: {pattern!r} under 'snapshots.{snapshot}' names no feature; correct it, or leave it out."
                )
