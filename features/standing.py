"""Snapshots of later days on which nothing new has come: what was known on a day ages, and nothing else happens."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from features.catalogue import own_catalogue
from features.parameters import FeatureParameters
from features.readers import MONTHLY, WEEKLY
from features.snapshots import Reading, readings
from features.stream import Stream
from features.streams import Streams
from features.windows import Days, Events, Values


def standing_readings(
    streams: Streams,
    borrowers: NDArray[np.int64],
    dates: Days,
    later: Sequence[int],
    parameters: FeatureParameters,
) -> dict[str, Reading]:
    """What the release reader would see on later days of what he knew on each date, if nothing else happened.

    Dated things age: enquiries, loans, draws and late payments leave their windows, balances elsewhere fall at the
    usual pace, accounts grow older. Monthly rows stay as they were read, and so does what would only be missing because
    nothing newer has come, and every feature that the release model may take either way: waiting earns nothing there.

    Args:
        streams: The block.
        borrowers: Position in the block of the borrower of each snapshot.
        dates: Day of each snapshot.
        later: Days that pass; 0 gives the snapshots as they were seen.
        parameters: How features are read.

    Returns:
        By stream, the readings of all snapshots after the first of `later`, then after the next.
    """
    today = readings(streams, borrowers, dates, "release", parameters)
    known = known_by(streams, borrowers, dates)
    each = np.arange(len(borrowers))
    held = dict.fromkeys((*MONTHLY, *WEEKLY), dates)
    parts = []
    for days in later:
        if not days:
            parts.append(today)
            continue
        then = readings(known, each, dates + np.int32(days), "release", parameters, held)
        free = streams.declared.free
        parts.append({stream: _standing(today[stream], then[stream], free) for stream in then})
    return {stream: _end_to_end([part[stream] for part in parts]) for stream in today}


def known_by(streams: Streams, borrowers: NDArray[np.int64], dates: Days) -> Streams:
    """The streams of some snapshots, each with only what was visible by its date; a snapshot stands for a borrower."""

    def known(part: Stream) -> Stream:
        case, event = part.events.of_each(borrowers)
        seen = part.events.visible[event] <= dates[case]
        case, event = case[seen], event[seen]
        offsets = np.searchsorted(case, np.arange(len(borrowers) + 1))
        events = Events(offsets, part.events.occurred[event], part.events.visible[event])
        values = {name: column[event] for name, column in part.values.items()}
        return Stream(events, values, part.kinds, part.kind[event] if part.kinds else part.kind)

    return Streams(
        borrower_ids=np.arange(len(borrowers)),
        opened=streams.opened[borrowers],
        region=streams.region[borrowers],
        reviews=known(streams.reviews),
        observed={stream: known(part) for stream, part in streams.observed.items()},
        declared=streams.declared,
        outages={},  # whoever waits cannot know when a stream comes back: `_standing` keeps it dark
    )


def taken(read: Mapping[str, Reading], rows: NDArray[np.int64]) -> dict[str, Reading]:
    """The readings of some snapshots, by their places."""
    return {
        stream: Reading(
            {name: values[rows] for name, values in part.features.items()},
            {name: values[rows] for name, values in part.amounts.items()},
        )
        for stream, part in read.items()
    }


def _standing(today: Reading, then: Reading, free: frozenset[str]) -> Reading:
    if not today.features:
        return today
    dark = np.logical_and.reduce([np.isnan(values) for values in today.features.values()])

    def stays(name: str) -> bool:
        return name in free or (name in own_catalogue() and own_catalogue()[name].release_sign == "0")

    def aged(name: str, now: Values, later: Values) -> Values:
        if stays(name):
            return now
        return np.where(dark | (np.isnan(later) & ~np.isnan(now)), now, later)

    return Reading(
        {name: aged(name, values, then.features[name]) for name, values in today.features.items()},
        {name: aged(name, values, then.amounts[name]) for name, values in today.amounts.items()},
    )


def _end_to_end(parts: Sequence[Reading]) -> Reading:
    first = parts[0]
    return Reading(
        {name: np.concatenate([part.features[name] for part in parts]) for name in first.features},
        {name: np.concatenate([part.amounts[name] for part in parts]) for name in first.amounts},
    )
