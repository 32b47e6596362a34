"""A background as counts by leaf: all that exact contributions against it need, small enough to travel with a model.

A row's contributions depend on the background only through how many of its rows have each pattern of each leaf (see
`explanations.kernel.leaf_bundles`). A bit of a pattern says whether a row passes all splits on one feature on the way
to the leaf: whether its value lies in an interval, or is missing where a missing value goes that way.
"""

from __future__ import annotations

import lightgbm as lgb
import numpy as np
from numpy.typing import NDArray

from data.errors import DataFault
from explanations.kernel.contrast import background_keys
from explanations.kernel.leaf_bundles import bundles_of
from explanations.kernel.leaf_kernels import Bundles, count_patterns
from models.trees import MISSING_NAN, MISSING_NONE, Trees, trees_of

MOST_BITS = 8
"""Distinct features on the way to a leaf; the fit's `max_depth` is no larger. Tables have 2 to this power rows."""


def patterns_of(booster: lgb.Booster, background: NDArray[np.float32]) -> dict[str, NDArray[np.generic]]:
    """The patterns of a background (rows × features) in the leaves of a booster.

    Returns:
        Leaf after leaf: `leaf_start`, its first bit, and one more for the end; by bit `feature`, `low` and `high` (a
        value passes where low < value ≤ high) and `missing_in` (whether a missing value passes); by leaf `value` (units
        of the raw score); `seen`, how many rows of the background have each of the leaf's 2^bits patterns.

    Raises:
        DataFault: A leaf has more than `MOST_BITS` features on its way, or a split counts 0 as missing.
    """
    trees = trees_of(booster)
    bundles = bundles_of(trees)
    width = np.diff(bundles.pattern_start)
    if width.max(initial=0) > MOST_BITS:
        raise DataFault(
            f"the model has a leaf with {width.max()} distinct features on its way, more than {MOST_BITS}: "
            f"train with max_depth at most {MOST_BITS}"
        )
    if not np.isin(trees.missing_type, (MISSING_NONE, MISSING_NAN)).all():
        raise DataFault("the model counts 0 as a missing value: train with zero_as_missing=false")
    seen_start = np.concatenate([[0], np.cumsum(np.left_shift(1, width))]).astype(np.int64)
    seen = np.zeros(seen_start[-1], dtype=np.int64)
    for batch, counts in background_keys(trees, bundles, background):
        count_patterns(bundles, batch, counts, seen_start, seen)
    feature, low, high, missing_in = _bits(trees, bundles)
    return {
        "leaf_start": bundles.pattern_start,
        "feature": feature,
        "low": low,
        "high": high,
        "missing_in": missing_in,
        "value": bundles.leaf_value,
        "seen": seen.astype(np.int32),
    }


def _bits(
    trees: Trees, bundles: Bundles
) -> tuple[NDArray[np.int32], NDArray[np.float64], NDArray[np.float64], NDArray[np.bool_]]:
    """Of each bit of each leaf its feature, its interval, and whether a missing value passes."""
    bits = len(bundles.pattern_column)
    feature = np.empty(bits, dtype=np.int32)
    low, high = np.full(bits, -np.inf), np.full(bits, np.inf)
    missing_in = np.ones(bits, dtype=bool)
    for bundle in range(len(bundles.leaf_start) - 1):
        tests = slice(*bundles.test_start[bundle : bundle + 2])
        nodes, left = bundles.test_node[tests], bundles.test_left[tests]
        flag = np.left_shift(1, bundles.test_bit[tests])
        columns = bundles.column[slice(*bundles.column_start[bundle : bundle + 2])]
        first, end = bundles.pattern_start[bundles.leaf_start[bundle : bundle + 2]]
        for bit in range(first, end):
            feature[bit] = columns[bundles.pattern_column[bit]]
            wanted = (flag & bundles.pattern_set[bit]) != 0
            against = (flag & bundles.pattern_clear[bit]) != 0
            for node, goes_left in (
                *zip(nodes[wanted], left[wanted], strict=True),
                *zip(nodes[against], ~left[against], strict=True),
            ):
                at = trees.threshold[node]
                if goes_left:
                    high[bit] = min(high[bit], at)
                else:
                    low[bit] = max(low[bit], at)
                missing_in[bit] &= _missing_goes_left(trees, node) == goes_left
    return feature, low, high, missing_in


def _missing_goes_left(trees: Trees, node: int) -> bool:
    """Which way a missing value goes: where none was missing in training, LightGBM reads it as 0."""
    if trees.missing_type[node] == MISSING_NONE:
        return bool(trees.threshold[node] >= 0.0)
    return bool(trees.default_left[node])
