"""A script for a world that is lived through again: the same requests, decided as they were."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from typing import Self

import numpy as np
from numpy.typing import NDArray

from data.randomness import Floats, Whole

Flags = NDArray[np.bool_]


@dataclass(frozen=True)
class Script:
    """Requests that borrowers make whatever the world; one entry per request.

    Attributes:
        borrower_id: Who asks.
        position: Month position of the request.
        amount: Amount (RMB).
        term: Months.
        apr: Percent a year.
        refuse_system: Whether the lender's system refuses.
        refuse_executed: Whether the request is refused.
        random_release: Whether it is released to learn what is behind a refusal.
        slip: Whether the executed decision is a slip.
        capacity_shown: Whether streams of consumption and income show what the borrower can bear instead of what
            he spends (see `data.household.capacity_shown`).
    """

    borrower_id: Whole
    position: Whole
    amount: Floats
    term: NDArray[np.int8]
    apr: Floats
    refuse_system: Flags
    refuse_executed: Flags
    random_release: Flags
    slip: Flags
    capacity_shown: bool = False

    def at(self, position: int) -> Self:
        """The requests of one month."""
        return self._only(self.position == position)

    def of(self, ids: Whole) -> Self:
        """The requests of these borrowers."""
        return self._only(np.isin(self.borrower_id, ids))

    def _only(self, kept: Flags) -> Self:
        arrays = [part.name for part in fields(self) if part.name != "capacity_shown"]
        return replace(self, **{name: getattr(self, name)[kept] for name in arrays})
