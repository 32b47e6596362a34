"""The report's two main charts as pictures, in English, for an experiment tracker's list of artifacts."""

from __future__ import annotations

import re
from pathlib import Path

import vl_convert

from data.atomic import whole_file
from explanations.explanation import Explanation
from explanations.report.conflict_map import map_figure
from explanations.report.contrast_chart import contrast_figure
from explanations.report.contrast_table import contrast_rows, families, main_rows
from explanations.report.exhibits import Picture
from explanations.report.palette import CHART_CONFIG, family_colours

FEATURES = 15
_WIDTH = 900
_PICTURE_CONFIG = CHART_CONFIG | {"background": "white", "font": "sans-serif", "padding": 16}


def write_figures(explanation: Explanation, folder: Path) -> list[Path]:
    """Writes `conflict_map` and `contrast`, as PNG and SVG; nothing where no conflict was refused by score.

    Returns:
        The files written.
    """
    rows = contrast_rows(explanation)
    if not rows:
        return []
    colours = family_colours(families(explanation))
    main, rest, others = main_rows(rows, FEATURES)
    pictures = {
        "conflict_map": map_figure(rows, colours, str(explanation.summary["currency"]), _WIDTH),
        "contrast": contrast_figure(main, rest, others, colours, _WIDTH),
    }
    return [path for name, picture in pictures.items() for path in _write(picture, folder / name)]


def _write(picture: Picture, path: Path) -> tuple[Path, Path]:
    """The picture in both forms; the PNG is drawn from the SVG, so that the chart is laid out once."""
    svg = _renumbered(
        vl_convert.vegalite_to_svg(picture.to_dict(validate=False) | {"config": _PICTURE_CONFIG})
    )
    drawn, dotted = path.with_suffix(".svg"), path.with_suffix(".png")
    with whole_file(drawn) as aside:
        aside.write_text(svg, encoding="utf-8", newline="\n")
    with whole_file(dotted) as aside:
        aside.write_bytes(vl_convert.svg_to_png(svg, scale=2))
    return dotted, drawn


def _renumbered(svg: str) -> str:
    """Vega counts clips and gradients on from drawing to drawing; here from one, so that the same is the same."""
    numbers: dict[str, str] = {}
    return re.sub(
        r"\b(clip|gradient_)(\d+)\b",
        lambda found: found[1] + numbers.setdefault(found[2], str(len(numbers) + 1)),
        svg,
    )
