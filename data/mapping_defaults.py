"""What a mapping of a flat file may leave out: labels, unit, family, and signs by snapshots, filled in."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from fnmatch import fnmatchcase
from typing import Any

from data.categories import UNIT
from data.errors import CallError
from data.yaml_tree import Tree

_OPPOSITE = {"+": "-", "-": "+", "0": "0"}
_OTHERS = {"family": "other", "family_zh": "其他"}


def filled(tree: Tree, source: str) -> Tree:
    """A mapping's tree with what its features leave out; what they say stays as it is.

    A label is the name, its underscores as spaces; the unit none in particular; the family "other". `sign` is the
    sign for the probability of default, and its opposite that for the limit; the unit `currency` is the mapping's.
    Where the mapping has `snapshots`, a feature that none of a snapshot's patterns names is not in it, whatever its
    sign. What is not of the right kind is left for validation to tell.

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
    found = [_feature(feature, patterns, tree.get("currency")) for feature in features]
    return {key: found if key == "features" else value for key, value in tree.items()}


def _feature(said: Tree, patterns: Mapping[str, Sequence[str]], currency: object) -> Tree:
    name = said.get("name")
    if not isinstance(name, str):
        return said
    label = said.get("label_en", said.get("label_zh", _label(name)))
    usual: Tree = {"label_en": label, "label_zh": label, "unit": "index"}
    if said.get("kind") == "category":
        usual |= {"unit": UNIT, "limit_sign": "0", "release_sign": "0"}
    if "family" not in said:
        usual |= _OTHERS
    usual |= {f"{snapshot}_sign": "0" for snapshot in patterns} | dict(_signs(said))
    fixed: Tree = {f"{snapshot}_sign": "x" for snapshot in patterns if not _named(said, patterns[snapshot])}
    if said.get("unit") == "currency" and isinstance(currency, str):
        fixed["unit"] = currency
    # What is said comes last and under its own keys, since these know their places.
    return {key: value for key, value in usual.items() if key not in said} | said | fixed


def _label(name: str) -> str:
    """A name as a report shows it: `late_12m` is Late 12m; names in capitals are a lender's own and stay."""
    if name == name.upper():
        return name
    spaced = name.replace("_", " ").strip() or name
    return spaced[:1].upper() + spaced[1:]


def _signs(said: Tree) -> Iterator[tuple[str, str]]:
    """Both signs, by the one that is short for them."""
    short = said.get("sign")
    if isinstance(short, str | int) and str(short) in _OPPOSITE:
        yield "limit_sign", _OPPOSITE[str(short)]
        yield "release_sign", str(short)


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
