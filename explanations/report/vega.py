"""Vega, Vega-Lite and Vega-Embed as the one script that a report carries."""

from __future__ import annotations

import hashlib
from functools import cache
from importlib.metadata import version
from pathlib import Path

import vl_convert

from data.atomic import whole_file

_CALL = "window.vegaEmbed = vegaEmbed;"


@cache
def vega_script(cache_folder: Path | None = None) -> str:
    """The libraries inside a function, since they were made to be a module.

    Args:
        cache_folder: Where the script is kept for later reports, since bundling takes more than a second.
            What is found there under another digest than its own is made anew.
    """
    if cache_folder is None:
        return _bundled()
    made_by = hashlib.sha256(f"{version('vl-convert-python')} {_CALL}".encode()).hexdigest()
    path = cache_folder / f"vega-{made_by[:16]}.js"
    kept = _kept(path)
    if kept is None:
        kept = _bundled()
        script = kept.encode()
        with whole_file(path) as aside:
            aside.write_bytes(_head(script) + script)
    return kept


@cache
def _bundled() -> str:
    bundle = vl_convert.javascript_bundle(_CALL).replace("</script", r"<\/script")
    return f'(function () {{\n"use strict";\n{bundle}\n}})();'


def _kept(path: Path) -> str | None:
    """The script in a file, None where there is none or it is not whole."""
    if not path.is_file():
        return None
    head, end, script = path.read_bytes().partition(b"\n")
    return script.decode() if head + end == _head(script) else None


def _head(script: bytes) -> bytes:
    """The first line of a script's file: its digest."""
    return f"// {hashlib.sha256(script).hexdigest()}\n".encode()
