"""YAML text as a tree whose keys remember their lines, read strictly: no key twice, no surprising scalar."""

import re
from typing import Any, Self

import yaml

from data.errors import CallError

Tree = dict[str, Any]
MOST_VALUES = 1_000_000
"""Values of a text at most: a mapping of ten thousand categories has a hundred thousand."""


class Key(str):
    """A key of a tree that remembers where it was written, such as 'params.yaml, line 12'."""

    __slots__ = ("place",)
    place: str

    @classmethod
    def at(cls, place: str, text: str) -> Self:
        """Gives the key that is written at a place."""
        key = cls(text)
        key.place = place
        return key


def parse(text: str, source: str) -> Tree:
    """Gives the tree of a YAML text; an empty text is an empty tree.

    Args:
        text: The YAML text.
        source: What to call the text in messages, such as its path.

    Raises:
        CallError: The text is not one YAML mapping of names, or a key stands twice in a mapping.
    """
    tree = parse_value(text, source)
    if tree is None:
        return {}
    if not isinstance(tree, dict):
        raise CallError(f"{source}: a mapping of names to values was expected; write lines 'name: value'.")
    return tree


def parse_value(text: str, source: str) -> Any:
    """Gives the value of a YAML text of any kind: a scalar, a list or a tree.

    Raises:
        CallError: The text is not YAML, or a key stands twice in a mapping.
    """
    try:
        loader = _Loader(text)
        loader.name = source
        value = loader.get_single_data()
        _refuse_endless(value)
        return value
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line = f", line {mark.line + 1}" if mark and "\n" in text else ""
        problem = " ".join(str(error.problem or error.context).split())
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        line, problem = "", " ".join(str(error).split())
    raise CallError(f"{source}{line}: this is not valid YAML: {problem}; correct it there.")


def _refuse_endless(value: Any) -> None:
    """Refuses what holds itself, or by names for its parts (`&a`, `*a`) a little text makes too much of.

    Raises:
        ValueError: It does.
    """
    open_, seen = [value], 0
    while open_:
        here = open_.pop()
        seen += 1
        if seen > MOST_VALUES:
            raise ValueError(f"it stands for more than {MOST_VALUES:,} values; write it without * and &")
        if isinstance(here, dict):
            open_ += here.values()
        elif isinstance(here, list):
            open_ += here


class _Loader(yaml.SafeLoader):
    """Safe YAML with keys kept as written and plain scalars read as YAML 1.2 reads them.

    YAML 1.1, PyYAML's own, reads 1e-3 as a text, 010 as eight and `no` as false, and breaks on an
    impossible date; here numbers are numbers, and dates stay texts for their reader to check.
    """

    yaml_implicit_resolvers: dict[str, list[tuple[str, re.Pattern[str]]]] = {}  # noqa: RUF012 (PyYAML's own)

    def mapping(self, node: yaml.MappingNode) -> Tree:
        tree: Tree = {}
        for key_node, value_node in node.value:
            mark = key_node.start_mark
            if not isinstance(key_node, yaml.ScalarNode):
                raise yaml.constructor.ConstructorError(problem="a key must be a name", problem_mark=mark)
            key = Key.at(f"{mark.name}, line {mark.line + 1}", key_node.value)
            if key in tree:
                problem = f"the key '{key}' stands twice"
                raise yaml.constructor.ConstructorError(problem=problem, problem_mark=mark)
            tree[key] = self.construct_object(value_node, deep=True)
        return tree


_PLAIN_SCALARS = {
    "bool": (r"true|True|TRUE|false|False|FALSE", list("tTfF")),
    "int": (r"[-+]?(0|[1-9][0-9_]*)", list("-+0123456789")),
    "float": (
        r"[-+]?([0-9][0-9_]*\.[0-9_]*|\.[0-9]+)([eE][-+]?[0-9]+)?|[-+]?[0-9][0-9_]*[eE][-+]?[0-9]+"
        r"|[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)",
        list("-+.0123456789"),
    ),
    "null": (r"~|null|Null|NULL|", ["~", "n", "N", ""]),
}
for _tag, (_pattern, _first_letters) in _PLAIN_SCALARS.items():
    _resolved = re.compile(f"^(?:{_pattern})$")
    _Loader.add_implicit_resolver(f"tag:yaml.org,2002:{_tag}", _resolved, _first_letters)
_Loader.add_constructor("tag:yaml.org,2002:map", _Loader.mapping)
