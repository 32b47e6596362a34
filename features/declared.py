"""Features that a lender's mapping declares: windows over the columns of a stream, read as the project's own are."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from data.book import Book
from data.event_features import Aggregate, EventFeature
from data.event_mapping import is_of_events
from data.schema import STREAMS
from features.catalogue import DAYS_A_MONTH
from features.ratios import ratio
from features.stream import Stream
from features.windows import EVER, Days, Values, window


@dataclass(frozen=True)
class Declared:
    """What a book's mapping declares.

    Attributes:
        features: The features, in its order.
        refresh: How often the limit review refreshes each stream of the lender's own: daily, weekly or monthly.
    """

    features: tuple[EventFeature, ...] = ()
    refresh: Mapping[str, str] = field(default_factory=dict)

    def of(self, stream: str) -> tuple[EventFeature, ...]:
        """The features that are read from a stream."""
        return tuple(feature for feature in self.features if feature.stream == stream)

    @cached_property
    def free(self) -> frozenset[str]:
        """Names of those that the release model may take either way."""
        return frozenset(feature.name for feature in self.features if feature.release_sign == "0")


NOTHING = Declared()


def declared_in(book: Book) -> Declared:
    """What the mapping of a dated book declares; nothing where it has none."""
    mapping = book.manifest.mapping
    if mapping is None or not is_of_events(mapping):
        return NOTHING
    features = tuple(EventFeature.model_validate(said, strict=False) for said in mapping["features"])
    own = {
        name: str(said["limit_refresh"]) for name, said in mapping["streams"].items() if name not in STREAMS
    }
    return Declared(features, dict(sorted(own.items())))


def declared_features(
    features: tuple[EventFeature, ...], stream: Stream, borrowers: NDArray[np.int64], days: Days
) -> dict[str, Values]:
    """The values of features of one stream.

    Args:
        features: The features.
        stream: The stream.
        borrowers: Position of the borrower of each reading.
        days: Day as of which each reading sees the stream.
    """
    return {feature.name: _value(feature, stream, borrowers, days) for feature in features}


def _value(feature: EventFeature, stream: Stream, borrowers: NDArray[np.int64], days: Days) -> Values:
    parts = [_aggregated(part, stream, borrowers, days) for part in feature.aggregates]
    value = ratio(*parts) if feature.how == "ratio" else parts[0]
    if feature.if_none is None:
        return value
    none = _seen(feature.aggregates, stream, borrowers, days) == 0
    return np.where(none, np.float32(0 if feature.if_none == "zero" else np.nan), value)


def _seen(parts: tuple[Aggregate, ...], stream: Stream, borrowers: NDArray[np.int64], days: Days) -> Values:
    """How many events the widest window of a feature holds."""
    counts = [window(_counted(part, stream).events, borrowers, days, _length(part)).count for part in parts]
    return np.asarray(np.maximum.reduce(counts), dtype=np.float32)


def _aggregated(part: Aggregate, stream: Stream, borrowers: NDArray[np.int64], days: Days) -> Values:
    counted = _counted(part, stream)
    values = None if part.column is None else counted.values[part.column]
    held = window(counted.events, borrowers, days, _length(part), values, trend=part.how == "slope")
    if part.how == "count":
        return held.count
    if part.how == "sum":
        return held.total
    if part.how == "mean":
        return ratio(held.total, held.count)
    if part.how == "max":
        return held.most
    if part.how == "slope":
        return np.asarray(held.slope * DAYS_A_MONTH, dtype=np.float32)
    return np.asarray(days - held.last_day, dtype=np.float32)


def _counted(part: Aggregate, stream: Stream) -> Stream:
    """The events that count: of the kinds that are named, and with a value where a column is read."""
    kept = np.ones(len(stream.events.occurred), dtype=bool)
    if part.kinds:
        kept = stream.is_of(part.kinds)
    if part.column is not None:
        kept &= ~np.isnan(stream.values[part.column])
        return stream.only(kept, (part.column,))
    return stream if kept.all() else stream.only(kept, ())


def _length(part: Aggregate) -> int | np.int32:
    return EVER if part.days is None else part.days
