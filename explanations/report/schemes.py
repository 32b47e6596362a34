"""The page on white and on dark: colours as variables, which the reader's scheme gives their values."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from explanations.report.palette import TINTS, VARIABLES, Colour

_NAMES = {light: name for name, (light, _) in VARIABLES.items()}


def in_variables(value: Any) -> Any:
    """The value with each `Colour` in it as a variable of the page: `var(--ink)`.

    Text from data stays as it is, even where it reads like a colour.

    Raises:
        KeyError: a colour is not in the palette's `VARIABLES`, so that nothing says what it is on dark.
    """
    if isinstance(value, Colour):
        return f"var(--{_NAMES[value]})"
    if isinstance(value, Mapping):
        return {key: in_variables(one) for key, one in value.items()}
    if isinstance(value, Sequence) and not isinstance(value, str):
        return [in_variables(one) for one in value]
    return value


def scheme_css() -> str:
    """The variables: light, unless the reader's system or the switch asks for dark; on printed paper always light."""
    light, dark = (
        " ".join(f"--{name}: {colours[scheme]};" for name, colours in VARIABLES.items()) for scheme in (0, 1)
    )
    tints = " ".join(f"--{name}: {tint};" for name, tint in TINTS.items())
    chosen = f"color-scheme: dark; {dark}"
    return "\n".join(
        (
            f":root {{ color-scheme: light; {light} {tints} }}",
            f'@media screen and (prefers-color-scheme: dark) {{ :root:not([data-scheme="light"]) {{ {chosen} }} }}',
            f'@media screen {{ :root[data-scheme="dark"] {{ {chosen} }} }}',
        )
    )
