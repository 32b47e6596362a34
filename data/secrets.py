"""Secrets of the tracking server's address, kept out of whatever is printed, logged or written down."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Final
from urllib.parse import unquote

HIDDEN: Final = "…"
"""Stands where a secret stood."""
ADDRESSES: Final = ("MLFLOW_TRACKING_URI", "MLFLOW_REGISTRY_URI", "MLFLOW_BACKEND_STORE_URI")
"""Variables of the environment whose values may hold a name, a password or a token beside an address."""
PASSWORDS: Final = (
    *("MLFLOW_TRACKING_PASSWORD", "MLFLOW_TRACKING_TOKEN", "MLFLOW_AUTH_ADMIN_PASSWORD"),
    *("MLFLOW_FLASK_SERVER_SECRET_KEY", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"),
    *("AZURE_STORAGE_ACCESS_KEY", "AZURE_STORAGE_CONNECTION_STRING", "DATABRICKS_TOKEN"),
)
"""Variables of the environment that are secrets as a whole."""
_SHORTEST: Final = 4
"""Letters of a secret at least that is looked for by itself: a shorter one stands in many a word."""

_USER = re.compile(r"(?<=://)[^/\s?#@'\"]*@")
_NAMED = re.compile(
    r"([?&;][\w.-]*(?:token|key|secret|passw|pwd|sig|auth|cred)[\w.-]*=)[^&;\s'\"#]+", re.IGNORECASE
)


def without_secrets(text: str, environment: Mapping[str, str] = os.environ) -> str:
    """A text without names and passwords of addresses, tokens in their queries, and the environment's own secrets."""
    for secret in _secrets(environment):
        text = text.replace(f"{secret}@", "").replace(secret, HIDDEN)
    return _NAMED.sub(rf"\1{HIDDEN}", _USER.sub("", text))


@contextmanager
def streams_without_secrets() -> Iterator[None]:
    """Has all that this process prints in the block, of whichever library, pass without the environment's secrets."""
    if not _secrets(os.environ):
        yield
        return
    before = sys.stdout, sys.stderr
    sys.stdout, sys.stderr = _Told(before[0]), _Told(before[1])
    try:
        yield
    finally:
        sys.stdout, sys.stderr = before


class _Told:
    """A stream of text that lets no secret through."""

    def __init__(self, stream: Any) -> None:
        self._stream = stream

    def write(self, text: str) -> int:
        self._stream.write(without_secrets(text))
        return len(text)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


def _secrets(environment: Mapping[str, str]) -> list[str]:
    """The environment's secrets, longest first, so that a part of one does not leave the rest."""
    found = {environment.get(name, "") for name in PASSWORDS}
    for name in ADDRESSES:
        rest = environment.get(name, "").partition("://")[2]
        address, _, query = rest.partition("?")
        found |= {part.partition("=")[2] for part in query.partition("#")[0].split("&")}
        # A password that was not quoted may itself hold slashes, at signs and question marks.
        for user in (address.rpartition("@")[0], rest.rpartition("@")[0]):
            found |= {user, user.partition(":")[2]}
    found |= {unquote(secret) for secret in found}
    return sorted((one for one in found if len(one) >= _SHORTEST), key=lambda one: (-len(one), one))
