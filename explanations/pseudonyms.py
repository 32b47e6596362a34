"""Names of cases that say nothing of the lender's own ids, and that he alone can trace back to them."""

from __future__ import annotations

import hashlib
import hmac
import re

import numpy as np
import pandas as pd

from data.errors import CallError
from explanations.explanation import Explanation

_NAME = re.compile(r"[Cc]?([0-9]{12})")


def case_names(explanation: Explanation, requests: pd.Series) -> list[str]:
    """What cases are called in pages: of a simulated lender by their ids, of any other by keyed digests of these.

    The key is made of what conflicts.parquet alone holds, which never leaves the lender's folder: the ids and exact
    scores of all conflicts. Who has but the report cannot try ids out.
    """
    if explanation.summary["source"] == "simulated" and not explanation.summary.get("redacted"):
        return [str(request) for request in requests]
    return _pseudonyms(explanation, requests)


def request_of(explanation: Explanation, name: str) -> int:
    """The request that is meant: by its id, or by its name in a page.

    Raises:
        CallError: It is neither the form of an id nor the name of a conflict of this explanation.
    """
    named = _NAME.fullmatch(name.strip())
    if named is not None:
        requests = explanation.conflicts["request_id"]
        wanted = f"C{named[1]}"
        for request, known in zip(requests.tolist(), _pseudonyms(explanation, requests), strict=True):
            if known == wanted:
                return int(request)
    try:
        return int(name)
    except ValueError:
        raise CallError(
            f"{name!r} is no conflict of this explanation; give a case's name as the report has it (C and twelve "
            "digits), or the id of a request."
        ) from None


def _pseudonyms(explanation: Explanation, requests: pd.Series) -> list[str]:
    conflicts = explanation.conflicts
    key = hashlib.sha256(conflicts["request_id"].to_numpy(np.int64).tobytes())
    key.update(conflicts["release_margin"].to_numpy(np.float64).tobytes())

    def name(request: int) -> str:
        digest = hmac.digest(key.digest(), str(request).encode(), "sha256")
        return f"C{int.from_bytes(digest[:8]) % 10**12:012d}"

    return [name(int(request)) for request in requests]
