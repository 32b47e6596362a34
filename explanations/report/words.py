"""The report's texts in English and Chinese, read from the files in `words/`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Literal

import yaml

WORDS = Path(__file__).parent / "words"

Language = Literal["en", "zh"]
LANGUAGES: tuple[Language, ...] = ("en", "zh")


@dataclass(frozen=True)
class Text:
    """One statement in both languages."""

    en: str
    zh: str

    def __getitem__(self, language: Language) -> str:
        return self.en if language == "en" else self.zh


def same(text: str) -> Text:
    """A statement that reads alike in both languages: a number, an id, a digest."""
    return Text(text, text)


def joined(texts: list[Text], en: str = ", ", zh: str = "、") -> Text:
    """Several statements in a row, with each language's separator between them."""
    return Text(en.join(text.en for text in texts), zh.join(text.zh for text in texts))


def say(key: str, **values: Text | str) -> Text:
    """The statement under `key` with `values` put in; a `Text` among them gives each language its own.

    Raises:
        KeyError: there is no such statement.
    """
    statement = _statements()[key]
    return Text(*(statement[language].format(**_in(language, values)) for language in LANGUAGES))


def say_of(undated: bool, key: str, **values: Text | str) -> Text:
    """As `say`; of an undated book, which has clients for requests, what is kept under `<key>_held_out`, if it is.

    Raises:
        KeyError: there is no such statement.
    """
    held_out = f"{key}_held_out"
    return say(held_out if undated and has(held_out) else key, **values)


def say_on(on: str, undated: bool, key: str, **values: Text | str) -> Text:
    """As `say_of`; of conflicts on the record, or on both, what is kept under `<key>_on_<record or both>`, if it is.

    Raises:
        KeyError: there is no such statement.
    """
    kept = f"{key}_on_{on}"
    return say_of(undated, kept if has(kept) else key, **values)


def counted(key: str, number: str, **values: Text | str) -> Text:
    """As `say`, of so many as `number` says; of 1, what is kept under `<key>_one`, if it is.

    Raises:
        KeyError: there is no such statement.
    """
    one = f"{key}_one"
    return say(one if number == "1" and has(one) else key, **values)


def unfilled(undated: bool, key: str) -> Text:
    """As `say_of`, with the {names} left for the page's script to fill.

    Raises:
        KeyError: there is no such statement.
    """
    held_out = f"{key}_held_out"
    return _statements()[held_out if undated and has(held_out) else key]


def named(group: str, name: str) -> Text:
    """What a machine name such as `cap_lenders` is called, or the name itself where no text is kept."""
    key = f"{group}.{name}"
    return say(key) if key in _statements() else same(name)


def stream_named(summary: Mapping[str, Any], name: str) -> Text:
    """What a stream is called, those of the lender's own as its mapping says."""
    own = summary.get("streams", {})
    return Text(*own[name]) if name in own else named("stream", name)


def has(key: str) -> bool:
    """Whether a statement is kept under `key`."""
    return key in _statements()


def keys() -> tuple[str, ...]:
    """All keys, in their files' order."""
    return tuple(_statements())


def _in(language: Language, values: dict[str, Text | str]) -> dict[str, str]:
    return {name: value[language] if isinstance(value, Text) else value for name, value in values.items()}


@cache
def _statements() -> dict[str, Text]:
    # The same loader in C, where PyYAML has it, reads ten times as fast.
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    files = sorted(WORDS.glob("*.yaml"))
    read = [yaml.load(path.read_text(encoding="utf-8"), loader) for path in files]  # noqa: S506
    return {key: text for raw in read for key, text in _flat(raw, "")}


def _flat(node: dict[str, Any], prefix: str) -> list[tuple[str, Text]]:
    """Dotted keys and statements; a statement is a mapping that holds exactly the two languages."""
    if set(node) == set(LANGUAGES):
        return [(prefix, Text(en=node["en"], zh=node["zh"]))]
    inside = prefix + "." if prefix else ""
    return [pair for name, child in node.items() for pair in _flat(child, f"{inside}{name}")]
