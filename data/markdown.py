"""Texts in Markdown: nothing that comes from data or from a call is markup there."""

from __future__ import annotations

import re

_SIGNS = re.compile(r"([\\`*_\[\]<>|#~])")


def plain(text: str) -> str:
    """Text of one line in which nothing is markup, and no tag of HTML."""
    return _SIGNS.sub(r"\\\1", " ".join(text.split()))


def plain_lines(text: str, between: str = "\n\n") -> str:
    """The lines of a text as paragraphs, or with something else between them."""
    return between.join(plain(line) for line in text.splitlines() if line.strip())
