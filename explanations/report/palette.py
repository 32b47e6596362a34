"""The report's colours on white and on dark, and the look of its charts; safe for colour blindness.

Every colour of a chart or a template is one of these `Colour`s: on a page it becomes a variable, whose value the
page's scheme decides (`explanations.report.schemes`); a picture keeps it as it is on white.
"""

from __future__ import annotations

from typing import Any

from explanations.report.words import Text


class Colour(str):
    """A colour as it is on white, `#rrggbb`."""

    __slots__ = ()


INK = Colour("#1d2733")
MUTED = Colour("#566270")
LINE = Colour("#dfe4ea")
"""Edges and rules that only part things."""
PAPER = Colour("#ffffff")
"""What charts and text stand on."""
GROUND = Colour("#f5f6f8")
"""What lies behind the paper."""
FAINT = Colour("#f1f4f7")
"""Areas that lie behind marks, and what is chosen or pointed at."""
GRID = Colour("#edf0f3")
ZERO = Colour("#84909c")
"""Lines at zero, edges of fields to fill in."""
PLAIN = Colour("#7d8b9b")
"""Bars that are neither for nor against."""

# Against the borrower (toward refusal, a lower limit) and for them; also conflict and reference cohorts.
AGAINST = Colour("#b4472b")
FAVOUR = Colour("#2c6693")
AGAINST_PART = Colour("#c4745f")
"""A part of what is against."""

FAMILY_COLOURS = {
    "own record": Colour("#1b1c97"),
    "bureau debt": Colour("#da7369"),
    "enquiries": Colour("#610f4a"),
    "income": Colour("#3a5103"),
    "spending": Colour("#289dab"),
    "device & identity": Colour("#8f6b20"),
    "request": Colour("#b370f0"),
    "context": Colour("#556c7f"),
}
"""Colours of the families of features, by their English names."""
CAUSE_COLOURS = {
    "policy": Colour("#1557c9"),
    "data_lag": Colour("#058dfa"),
    "competition": Colour("#0b4410"),
    "misread": Colour("#de7519"),
    "error": Colour("#970e75"),
    "residual": Colour("#907b91"),
}
"""Colours of the causes."""

LOW_TO_HIGH = tuple(
    Colour(one) for one in ("#b57b0c", "#ab7d3c", "#a07f6d", "#94809c", "#72649a", "#504997", "#2f2c86")
)
"""Steps from low to high values of a feature: also told apart by lightness."""
UNKNOWN = Colour("#8b949e")

_DARK = {
    "ink": (INK, "#e6ebf1"),
    "muted": (MUTED, "#a5b1be"),
    "line": (LINE, "#37424f"),
    "paper": (PAPER, "#1a212b"),
    "ground": (GROUND, "#11161d"),
    "faint": (FAINT, "#252e3a"),
    "grid": (GRID, "#2b3541"),
    "zero": (ZERO, "#75818e"),
    "plain": (PLAIN, "#8494a6"),
    "against": (AGAINST, "#f08a6c"),
    "favour": (FAVOUR, "#74b3e6"),
    "against-part": (AGAINST_PART, "#b9654c"),
    "unknown": (UNKNOWN, "#7d8894"),
}
_DARK_FAMILIES = (
    "#6180fe", "#ff655a", "#d3384e", "#d1eea5", "#46e5f9", "#f8b729", "#9f5da5", "#b1a1b9",
)  # fmt: skip
_DARK_CAUSES = ("#4276ee", "#3ac5f1", "#a5f6cb", "#f6c330", "#b2468b", "#a69f83")
_DARK_STEPS = ("#f5cf6a", "#dfbd80", "#c9ab96", "#b39aac", "#9a88bb", "#8577c9", "#7066d8")

VARIABLES: dict[str, tuple[Colour, Colour]] = {
    **{name: (light, Colour(dark)) for name, (light, dark) in _DARK.items()},
    **{
        f"{kind}-{place}": (light, Colour(dark))
        for kind, lights, darks in (
            ("family", FAMILY_COLOURS.values(), _DARK_FAMILIES),
            ("cause", CAUSE_COLOURS.values(), _DARK_CAUSES),
            ("step", LOW_TO_HIGH, _DARK_STEPS),
        )
        for place, (light, dark) in enumerate(zip(lights, darks, strict=True), 1)
    },
}
"""Each colour by the name of its variable: on white and on dark."""

TINTS = {"against-tint": "180 71 43", "favour-tint": "44 102 147", "shadow": "20 30 45"}
"""Red, green and blue of what a template lays over the paper as a tint, the same in both schemes."""

FONTS = (
    'system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", "PingFang SC", "Hiragino Sans GB",'
    ' "Microsoft YaHei", "Noto Sans CJK SC", "Noto Sans SC", sans-serif'
)

CHART_CONFIG: dict[str, Any] = {
    "background": None,
    "font": FONTS,
    "padding": 2,
    "view": {"stroke": None},
    "axis": {
        "domain": False,
        "grid": True,
        "gridColor": GRID,
        "labelColor": MUTED,
        "labelFontSize": 12,
        "tickColor": LINE,
        "ticks": False,
        "labelPadding": 6,
        "titleColor": MUTED,
        "titleFontSize": 12,
        "titleFontWeight": "normal",
        "titlePadding": 10,
    },
    "legend": {"labelColor": INK, "labelFontSize": 12, "titleColor": MUTED, "titleFontWeight": "normal"},
    "text": {"fontSize": 12, "fill": INK},
    "title": {
        "color": INK,
        "fontSize": 15,
        "anchor": "start",
        "subtitleColor": MUTED,
        "subtitleFontSize": 12,
    },
}


def family_colours(families: list[Text]) -> dict[str, Colour]:
    """A colour for each family by its English name: the known ones keep theirs, others take what is left."""
    free = [colour for name, colour in FAMILY_COLOURS.items() if name not in {f.en for f in families}]
    colours: dict[str, Colour] = {}
    for family in families:
        if family.en not in colours:
            colours[family.en] = FAMILY_COLOURS.get(family.en) or (free.pop(0) if free else MUTED)
    return colours
