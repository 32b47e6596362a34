"""Which conflicts the report shows one by one: by a stated rule, so that nobody picks them."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from data.errors import CallError


def places(conflicts: pd.DataFrame, number: int) -> NDArray[np.int32]:
    """By conflict its place among the cases that are shown, from 1; 0 where it is not among them."""
    place = np.zeros(len(conflicts), dtype=np.int32)
    shown = spread(conflicts, number)
    place[shown] = np.arange(1, len(shown) + 1)
    return place


def found(conflicts: pd.DataFrame, request_id: int) -> NDArray[np.bool_]:
    """Which of the conflicts this request is.

    Raises:
        CallError: None of them.
    """
    here = np.asarray(conflicts["request_id"].to_numpy() == request_id)
    if not here.any():
        raise CallError(
            f"There is no conflict {request_id} among the {len(conflicts):,} of this explanation; conflicts.parquet in "
            "its folder names them."
        )
    return here


def spread(conflicts: pd.DataFrame, number: int) -> list[int]:
    """Positions of up to `number` conflicts, in the order of `refused_by` (score first) and falling margin.

    Each kind of refusal gets one case at least while there are enough, then in proportion to its count;
    within a kind they stand at even steps of the rank by margin, its extremes included.
    """
    frame = pd.DataFrame(
        {
            "kind": conflicts["refused_by"].to_numpy(),
            "margin": -conflicts["release_margin"].to_numpy(dtype=float),
            "request_id": conflicts["request_id"].to_numpy(),
        }
    )
    sizes = frame["kind"].value_counts()
    kinds = sorted(sizes.index, key=lambda kind: (kind != "score", -int(sizes[kind]), str(kind)))[:number]
    places = _shares_of(number, [int(sizes[kind]) for kind in kinds])
    chosen: list[int] = []
    for kind, places_of_kind in zip(kinds, places, strict=True):
        ranked = frame[frame["kind"] == kind].sort_values(["margin", "request_id"]).index.to_numpy()
        chosen += [int(ranked[round(at)]) for at in np.linspace(0, len(ranked) - 1, places_of_kind)]
    return chosen


def _shares_of(places: int, sizes: list[int]) -> list[int]:
    """Places for groups of these sizes: one each, the others one by one where most rows stand per place."""
    given = [1] * len(sizes)
    for _ in range(min(places, sum(sizes)) - len(sizes)):
        open_groups = [i for i, size in enumerate(sizes) if given[i] < size]
        given[max(open_groups, key=lambda i: sizes[i] / given[i])] += 1
    return given
