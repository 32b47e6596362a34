"""Tables as CSV that a spreadsheet may open: no cell in them can be taken for a formula."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable, Sequence

import pandas as pd

_NUMBER = re.compile(r"[+\-−]?[\d.,]+%?")
# Some spreadsheets read a sign of full width as the plain one.
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")


def inert(text: str) -> str:
    """A cell's text, with an apostrophe before what a spreadsheet would compute."""
    return f"'{text}" if text.startswith(_FORMULA) and not _NUMBER.fullmatch(text) else text


def csv_text(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Rows of texts as CSV."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow([inert(head) for head in heads])
    writer.writerows([[inert(cell) for cell in row] for row in rows])
    return text.getvalue()


def frame_csv(table: pd.DataFrame) -> str:
    """A table as CSV, without its index."""
    texts = [name for name, kind in table.dtypes.items() if not pd.api.types.is_numeric_dtype(kind)]
    safe = table.assign(
        **{
            str(name): table[name].map(lambda cell: inert(cell) if isinstance(cell, str) else cell)
            for name in texts
        }
    )
    found: str = safe.rename(columns=lambda name: inert(str(name))).to_csv(index=False, lineterminator="\n")
    return found
