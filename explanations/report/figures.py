"""The report's two main charts as pictures, in English, for an experiment tracker's list of artifacts."""

from __future__ import annotations

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
    """Writes `conflict_map.png` and `contrast.png`; nothing where no conflict was refused by score.

    Returns:
        The files written.
    """
    rows = contrast_rows(explanation)
    if not rows:
        return []
    colours = family_colours(families(explanation))
    main, rest, others = main_rows(rows, FEATURES)
    pictures = {
        "conflict_map.png": map_figure(rows, colours, str(explanation.summary["currency"]), _WIDTH),
        "contrast.png": contrast_figure(main, rest, others, colours, _WIDTH),
    }
    return [_write(picture, folder / name) for name, picture in pictures.items()]


def _write(picture: Picture, path: Path) -> Path:
    spec = picture.to_dict(validate=False) | {"config": _PICTURE_CONFIG}
    with whole_file(path) as aside:
        aside.write_bytes(vl_convert.vegalite_to_png(spec, scale=2))
    return path
