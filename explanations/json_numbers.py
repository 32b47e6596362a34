"""Numbers as JSON takes them: what is not known is null, since JSON has no NaN."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any


def finite(value: float) -> float | None:
    """The number; None where it is not finite."""
    return float(value) if math.isfinite(value) else None


def finite_row(row: Mapping[Any, Any]) -> dict[str, Any]:
    """A row of a table with each of its numbers so; texts as they are."""
    return {
        str(name): finite(value) if isinstance(value, (int, float)) else value for name, value in row.items()
    }
