"""The regions of the conflict map: where a feature stands in both models, and what that place is called."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from explanations.report.contrast_table import ContrastRow, Push

# Below this share of the largest push a feature counts as not moving that model.
SLIGHT = 0.1
# The regions that say something of a conflict, the telling ones first.
PLACES = ("praised_then_refused", "only_release", "doubted_twice", "only_limit")


@dataclass(frozen=True)
class Frame:
    """The plot's domain: log money across, log-odds up; and the bands where a push counts as slight."""

    x: tuple[float, float]
    y: tuple[float, float]
    slight_x: float
    slight_y: float


def frame_of(rows: Sequence[ContrastRow]) -> Frame:
    """A domain that holds all points, their intervals and zero, with room for labels."""
    limits, releases = [row.limit for row in rows if row.limit], [row.release for row in rows if row.release]
    xs, ys = [limit.mean for limit in limits], [release.mean for release in releases]
    largest_x, largest_y = (max((abs(value) for value in values), default=0.0) or 1.0 for values in (xs, ys))
    x, y = _held(_padded(xs, 0.16), limits), _held(_padded(ys, 0.1), releases)
    return Frame(x, y, SLIGHT * largest_x, SLIGHT * largest_y)


def place_of(row: ContrastRow, frame: Frame) -> str:
    """The name of the region in which a feature lies."""
    x = row.limit.mean if row.limit else 0.0
    y = row.release.mean if row.release else 0.0
    across = int(np.sign(x)) if abs(x) >= frame.slight_x else 0
    up = int(np.sign(y)) if abs(y) >= frame.slight_y else 0
    return {
        (1, 1): "praised_then_refused",
        (0, 1): "only_release",
        (-1, 1): "doubted_twice",
        (1, 0): "only_limit",
        (-1, 0): "only_limit_down",
        (1, -1): "praised_twice",
        (0, -1): "eased_at_release",
        (-1, -1): "held_then_eased",
        (0, 0): "quiet",
    }[across, up]


def weight(row: ContrastRow, frame: Frame) -> float:
    """How much a feature counts on the map: the larger of its pushes, in units of what is slight."""
    x = abs(row.limit.mean) / frame.slight_x if row.limit else 0.0
    return max(x, abs(row.release.mean) / frame.slight_y if row.release else 0.0)


def _padded(values: Sequence[float], by: float) -> tuple[float, float]:
    low, high = min([0.0, *values]), max([0.0, *values])
    room = by * (high - low) or 1.0
    return round(low - room, 6), round(high + room, 6)


def _held(domain: tuple[float, float], pushes: Sequence[Push]) -> tuple[float, float]:
    """A domain that holds the intervals, too."""
    ends = [end for push in pushes for end in (push.low, push.high) if math.isfinite(end)]
    low, high = min([domain[0], *ends]), max([domain[1], *ends])
    return round(low, 6), round(high, 6)
