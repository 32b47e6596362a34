"""The report's colours and the look of its charts; safe for colour blindness, calm on white."""

from __future__ import annotations

from typing import Any

from explanations.report.words import Text

INK = "#1d2733"
MUTED = "#566270"
LINE = "#dfe4ea"
# Against the borrower (toward refusal, a lower limit) and for them; also conflict and reference cohorts.
AGAINST = "#b4472b"
FAVOUR = "#2c6693"

# After Paul Tol's 'muted' scheme, without its two pale colours.
_FAMILY_COLOURS = {
    "own record": "#332288",
    "bureau debt": "#c05566",
    "enquiries": "#882255",
    "income": "#117733",
    "spending": "#2f9c8d",
    "device & identity": "#84841f",
    "request": "#aa4499",
    "context": "#6b7683",
}
CAUSE_COLOURS = {
    "policy": "#332288",
    "data_lag": "#88ccee",
    "competition": "#117733",
    "misread": "#ddaa33",
    "error": "#aa4499",
    "residual": "#99a3ad",
}
"""Colours of the causes (after Paul Tol's 'muted' scheme)."""

LOW_TO_HIGH = ("#e3a92f", "#a58aa8", "#2f2c86")
"""From low to high values of a feature: also told apart by lightness."""
UNKNOWN = "#c3c9d0"

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
        "gridColor": "#edf0f3",
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


def family_colours(families: list[Text]) -> dict[str, str]:
    """A colour for each family by its English name: the known ones keep theirs, others take what is left."""
    free = [colour for name, colour in _FAMILY_COLOURS.items() if name not in {f.en for f in families}]
    colours: dict[str, str] = {}
    for family in families:
        if family.en not in colours:
            colours[family.en] = _FAMILY_COLOURS.get(family.en) or (free.pop(0) if free else MUTED)
    return colours
