"""Labels beside the points of a scatter, placed so that none covers another or a point."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

Align = Literal["left", "center", "right"]


@dataclass(frozen=True)
class Box:
    """A rectangle in px, y downward, that moves with the point at `anchor` when the plot gets wider."""

    anchor: float
    left: float
    right: float
    top: float
    bottom: float


@dataclass(frozen=True)
class Placement:
    """Where a label stands relative to its point, px; `align` says which side of it `dx` means."""

    dx: float
    dy: float
    align: Align


def place_labels(
    points: Sequence[tuple[float, float, float]],
    widths: Sequence[float],
    taken: Sequence[Box],
    size: tuple[float, float],
    line_height: float,
) -> list[Placement | None]:
    """Places labels greedily, the first points first; None where there is no room.

    A placement that holds at this width holds at any greater one: heights stay, and two boxes count as
    apart sideways only if their anchors lie in the same order, so widening moves them further apart.

    Args:
        points: x, y, radius of each point, px.
        widths: Width of each point's label, px; 0 for a point without label.
        taken: What else labels must not cover.
        size: Width and height of the plot, px.
        line_height: Height of a label, px.
    """
    occupied = [*taken, *(Box(x, x - r, x + r, y - r, y + r) for x, y, r in points)]
    placements: list[Placement | None] = []
    for i, (point, width) in enumerate(zip(points, widths, strict=True)):
        own = len(taken) + i
        placement = None
        for candidate in _candidates(point[2], line_height) if width else ():
            box = label_box(point, width, candidate, line_height)
            others = (other for j, other in enumerate(occupied) if j != own)
            if _inside(box, size) and not any(overlaps(box, other) for other in others):
                placement = candidate
                occupied.append(box)
                break
        placements.append(placement)
    return placements


def label_box(point: tuple[float, float, float], width: float, placed: Placement, line_height: float) -> Box:
    """The rectangle that a placed label covers."""
    x, y, _ = point
    left = x + placed.dx - {"left": 0.0, "center": width / 2, "right": width}[placed.align]
    middle = y + placed.dy
    return Box(x, left, left + width, middle - line_height / 2, middle + line_height / 2)


def overlaps(one: Box, other: Box) -> bool:
    """Whether two boxes overlap here or may come to when the plot gets wider."""
    if one.bottom <= other.top or other.bottom <= one.top:
        return False
    apart = (one.right <= other.left and one.anchor <= other.anchor) or (
        other.right <= one.left and other.anchor <= one.anchor
    )
    return not apart


def text_width(text: str, font_size: float) -> float:
    """About how wide a text is, px: an em for CJK, a generous 0.58 em for anything else."""
    return font_size * sum(1.0 if ord(letter) > 0x2E80 else 0.58 for letter in text)


def _candidates(radius: float, line_height: float) -> tuple[Placement, ...]:
    side, above, aslant = radius + 4, radius + 2 + line_height / 2, 0.75 * radius + line_height / 2
    return (
        Placement(side, 0, "left"),
        Placement(-side, 0, "right"),
        Placement(0, -above, "center"),
        Placement(0, above, "center"),
        Placement(side, -aslant, "left"),
        Placement(side, aslant, "left"),
        Placement(-side, -aslant, "right"),
        Placement(-side, aslant, "right"),
    )


def _inside(box: Box, size: tuple[float, float]) -> bool:
    return box.left >= 0 and box.right <= size[0] and box.top >= 0 and box.bottom <= size[1]
