"""One stream of a block of borrowers: its events with what came with them."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from features.windows import Events, Values


@dataclass(frozen=True)
class Stream:
    """Events with what came with them.

    Attributes:
        events: When each happened and became visible.
        values: By column, a value per event (NaN where missing).
        kinds: Names of the kinds of events, where a stream has several.
        kind: Position of each event's kind in `kinds`.
    """

    events: Events
    values: dict[str, Values]
    kinds: tuple[str, ...] = ()
    kind: NDArray[np.int8] = field(default_factory=lambda: np.empty(0, dtype=np.int8))

    def only(self, kept: NDArray[np.bool_], columns: Collection[str] | None = None) -> Stream:
        """The events where `kept` is true, whatever their kind, with all that came with them or some columns of it."""
        wanted = self.values if columns is None else columns
        return Stream(self.events.only(kept), {name: self.values[name][kept] for name in wanted})

    def of(self, *kinds: str, columns: tuple[str, ...] = ()) -> Stream:
        """The events of these kinds, with some columns of what came with them."""
        if (kinds, columns) not in self._sorted_out:
            self._sorted_out[kinds, columns] = self.only(self.is_of(kinds), columns)
        return self._sorted_out[kinds, columns]

    def events_of(self, *kinds: str) -> Events:
        """When the events of these kinds happened and became visible."""
        return self.of(*kinds).events

    @cached_property
    def _sorted_out(self) -> dict[tuple[tuple[str, ...], tuple[str, ...]], Stream]:
        """What `of` has given: both readers ask for the same, and a replay asks again and again."""
        return {}

    def is_of(self, kinds: Collection[str]) -> NDArray[np.bool_]:
        """Which events are of these kinds."""
        # An event without a kind has position -1, the last one, which is none.
        return np.array([*(kind in kinds for kind in self.kinds), False])[self.kind]
