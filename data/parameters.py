"""Parameters: frozen models, read from YAML and from `--set`, that refuse what they do not know."""

import difflib
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, TypeVar, get_args

from pydantic import BaseModel, ConfigDict, ValidationError
from pydantic_core import ErrorDetails

from data.errors import CallError
from data.yaml_tree import Key, Tree, parse, parse_value

Leaf = str | int | float | bool


class Parameters(BaseModel):
    """Base of every set of parameters: frozen, no unknown names, no silent change of type.

    A whole number may stand for a float, nothing else is converted; NaN and infinities are refused.
    Declare sequences as tuples, so that parameters stay frozen all the way down.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False)


P = TypeVar("P", bound=Parameters)


def read_parameters(
    model: type[P], text_or_tree: str | Mapping[str, Any], overrides: Sequence[str], source: str
) -> P:
    """Gives the validated parameters of a YAML text, or of a tree, with overrides laid over it.

    Args:
        model: The parameters to read.
        text_or_tree: YAML text, or what `data.yaml_tree.parse` and `merge` gave.
        overrides: Texts `a.b=c` as given to `--set`; `c` is read as YAML, and a later one wins.
        source: What to call the text in messages, such as its path.

    Raises:
        CallError: The text is not YAML, a name is unknown or missing, or a value is not as it should be;
            one sentence that names the place, the dotted name and what was expected.
    """
    tree = parse(text_or_tree, source) if isinstance(text_or_tree, str) else text_or_tree
    for override in overrides:
        tree = merge(tree, override_tree(override))
    try:
        # JSON is where strict validation takes a list for a tuple and a text for a date.
        return model.model_validate_json(json.dumps(tree, default=str))
    except ValidationError as error:
        raise CallError(_first_fault(model, tree, error, source)) from None


def merge(base: Mapping[str, Any], over: Mapping[str, Any]) -> Tree:
    """Gives `base` with `over` laid over it: mappings are merged at every depth, all else is replaced."""
    merged = dict(base)
    for key, value in over.items():
        below = merged.pop(key, None)  # popped, so that the new key stands, which knows its own place
        both = isinstance(below, Mapping) and isinstance(value, Mapping)
        merged[key] = merge(below, value) if both else value
    return merged


def flatten(parameters: Parameters) -> dict[str, Leaf]:
    """Gives every parameter under its dotted name: numbers, truth values and texts as they are.

    A list is given as JSON text, an absent value as 'null', so that 'name=value' is an override that
    sets it again.
    """
    return flatten_tree(parameters.model_dump(mode="json"))


def flatten_tree(tree: Mapping[str, Any]) -> dict[str, Leaf]:
    """The same for parameters that were stored as a tree (a manifest, a model's card)."""
    return dict(_leaves(tree, ""))


def _leaves(value: Any, name: str) -> Iterator[tuple[str, Leaf]]:
    if isinstance(value, Mapping) and value:
        for key, below in value.items():
            yield from _leaves(below, f"{name}.{key}" if name else key)
    elif isinstance(value, str | int | float):
        yield name, value
    elif name:
        yield name, json.dumps(value, ensure_ascii=False)


def override_tree(override: str) -> Tree:
    """Gives the tree of one parameter, as `a.b=c` tells it.

    Raises:
        CallError: The text is not of that form, or its value is not YAML.
    """
    path, equals, text = override.partition("=")
    place = f"--set {override if override.isprintable() else repr(override)}"
    keys = path.strip().split(".")
    if not equals or not all(keys):
        raise CallError(f"{place}: this is not of the form NAME=VALUE; write for example --set group.name=3.")
    tree = parse_value(text, place)
    for key in reversed(keys):
        tree = {Key.at(place, key): tree}
    return dict(tree)


def _first_fault(
    model: type[Parameters], tree: Mapping[str, Any], error: ValidationError, source: str
) -> str:
    """Gives one sentence; an unknown name goes first, since a misspelt name is a missing one, too."""
    faults = error.errors(include_url=False)
    fault = min(faults, key=lambda fault: fault["type"] != "extra_forbidden")
    path, place = _locate(tree, fault["loc"], source)
    name = ".".join(path)
    if fault["type"] == "extra_forbidden":
        return f"{place}: unknown parameter '{name}'{_nearest(model, path)}."
    if fault["type"] == "missing":
        missing = ".".join([*path, str(fault["loc"][-1])])
        return f"{place}: the parameter '{missing}' is missing; give it a value."
    subject = f"'{name}'" if name else "the set of parameters"
    if fault["type"] == "value_error":
        return f"{place}: {subject} is not right: {_expected(fault)}."
    return f"{place}: {subject} {_expected(fault)}, but is {_shown(fault['input'])}; correct it there."


def _locate(tree: Any, loc: Sequence[int | str], source: str) -> tuple[list[str], str]:
    """Gives the part of a location that stands in the tree, and the place of its innermost key."""
    path: list[str] = []
    place = source
    for part in loc:
        if isinstance(tree, Mapping) and part in tree:
            place = next((key.place for key in tree if key == part and isinstance(key, Key)), place)
        elif not (isinstance(tree, list | tuple) and isinstance(part, int) and part < len(tree)):
            break
        tree = tree[part]
        path.append(str(part))
    return path, place


_OUR_WORDS = {"a valid array": "a list", "an object": "a mapping", "a valid string": "a text"}


def _expected(fault: ErrorDetails) -> str:
    text = re.sub("^Input should", "should", fault["msg"].removeprefix("Value error, ").rstrip("."))
    for theirs, ours in _OUR_WORDS.items():
        text = text.replace(theirs, ours)
    return text


def _shown(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False, default=str)
    return text if len(text) <= 60 else f"{text[:57]}…"


def _nearest(model: type[Parameters], path: Sequence[str]) -> str:
    """Gives the known name to write instead: a close one beside it, else one from elsewhere."""
    *group, last = path
    siblings = _names(_model_at(model, group))
    everywhere = list(_dotted_names(model, ""))
    close = [".".join([*group, name]) for name in difflib.get_close_matches(last, siblings, n=1)]
    close = close or [name for name in everywhere if name.rpartition(".")[2] == last]
    close = close or difflib.get_close_matches(".".join(path), everywhere, n=1)
    if close:
        return f"; the nearest known name is '{close[0]}'"
    return f"; known there: {', '.join(siblings)}" if siblings else ""


def _model_at(model: type[Parameters] | None, path: Sequence[str]) -> type[Parameters] | None:
    for part in path:
        if model and part in model.model_fields:
            model = _model_within(model.model_fields[part].annotation)
    return model


def _model_within(annotation: Any) -> type[Parameters] | None:
    """Gives the parameters that an annotation holds, also inside `tuple[…]`, `dict[…]` or `… | None`."""
    if isinstance(annotation, type) and issubclass(annotation, Parameters):
        return annotation
    found = (_model_within(argument) for argument in get_args(annotation))
    return next((model for model in found if model), None)


def _names(model: type[Parameters] | None) -> list[str]:
    return list(model.model_fields) if model else []


def _dotted_names(model: type[Parameters], above: str) -> Iterator[str]:
    for name, field in model.model_fields.items():
        yield above + name
        below = _model_within(field.annotation)
        if below:
            yield from _dotted_names(below, f"{above}{name}.")
