"""Values as small integers, and the raw score of a booster from them, exactly as LightGBM gives it.

The code of a value is one more than the number of the model's thresholds on its feature that lie below it. Where a
value is missing its code is 0 or `HIGHEST`, so that a comparison alone sends it the way that the split says; a feature
on which splits send it different ways has a column of codes for each. Decisions are those of LightGBM's
`NumericalDecision` (include/LightGBM/tree.h), the sum is in the order of the trees: the score is the same to the bit,
at a quarter of the cost.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import Final, NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

from data.errors import DataFault
from models.threads import share
from models.trees import MISSING_NONE, MISSING_ZERO, ZERO_BAND, Trees

HIGHEST: Final = 65_535
"""The code of a missing value that goes right."""
_BLOCK: Final = 64  # rows taken at a time: their codes stay in the first-level cache
_FEWEST_ROWS: Final = 2_048  # a thread's share of the rows; with fewer its start takes longer than it saves

# The parts stand in the file of the functions that take them, since numba's cache watches a function's own file
# alone: code compiled for an older layout of a tuple would otherwise run on a new one.


class Coding(NamedTuple):
    """How values become codes.

    The cuts of feature f are cut[cut_start[f] : cut_start[f + 1]], in order; its columns of codes are
    column_start[f] : column_start[f + 1].

    Attributes:
        cut_start: per feature, its first cut.
        cut: the distinct thresholds.
        column_start: per feature, its first column.
        missing: per column, what counts as missing (see `models.trees`).
        to_left: per column, whether a missing value goes left.
    """

    cut_start: NDArray[np.int64]
    cut: NDArray[np.float64]
    column_start: NDArray[np.int64]
    missing: NDArray[np.int8]
    to_left: NDArray[np.bool_]


class Forest(NamedTuple):
    """All trees with their leaves as nodes; a leaf's successors are itself.

    Attributes:
        root: per tree, its first node.
        depth: per tree, the splits on its longest path.
        node: per node: column of codes, the highest code that goes left, and the right one of its two successors,
            which is followed by the left one.
        value: per node, what it adds to the raw score (0 unless a leaf).
    """

    root: NDArray[np.int32]
    depth: NDArray[np.int32]
    node: NDArray[np.int32]
    value: NDArray[np.float64]


@dataclass(frozen=True)
class Scorer:
    """The raw score of a booster."""

    coding: Coding
    forest: Forest

    def raw(self, values: NDArray[np.float32], threads: int | None = None) -> NDArray[np.float64]:
        """Raw score by row (rows × features); the same bits for any number of threads."""
        values, score = np.ascontiguousarray(values), np.zeros(len(values))
        share(
            (0, len(values)), partial(_score, values, self.coding, self.forest, score), threads, _FEWEST_ROWS
        )
        return score


def scorer_of(trees: Trees) -> Scorer:
    """The scorer of a booster's trees."""
    coding, column, at = coded_splits(trees)
    return Scorer(coding, _forest_of(trees, column, at))


def coded_splits(trees: Trees) -> tuple[Coding, NDArray[np.int32], NDArray[np.uint16]]:
    """How values become codes, and for every split its column and the highest code that goes left.

    Raises:
        DataFault: a feature has more distinct thresholds than 16 bits can number.
    """
    features = len(trees.feature_names)
    cuts = [np.unique(trees.threshold[trees.feature == feature]) for feature in range(features)]
    for name, found in zip(trees.feature_names, cuts, strict=True):
        if len(found) + 2 > HIGHEST:
            raise DataFault(
                f"the model splits {name} at more than {HIGHEST - 2} distinct thresholds; "
                "train with a smaller max_bin"
            )
    # Where nothing counts as missing the default way has no meaning.
    kinds = np.column_stack(
        [trees.feature, trees.missing_type, trees.default_left & (trees.missing_type != MISSING_NONE)]
    ).reshape(-1, 3)
    columns, column = np.unique(kinds, axis=0, return_inverse=True)
    at = np.zeros(len(trees.feature), dtype=np.uint16)
    for feature, found in enumerate(cuts):
        here = trees.feature == feature
        at[here] = np.searchsorted(found, trees.threshold[here]) + 1
    coding = Coding(
        cut_start=np.cumsum([0, *map(len, cuts)], dtype=np.int64),
        cut=np.concatenate([*cuts, np.empty(0)]),
        column_start=np.searchsorted(columns[:, 0], np.arange(features + 1)).astype(np.int64),
        missing=columns[:, 1].astype(np.int8),
        to_left=columns[:, 2] != 0,
    )
    return coding, column.reshape(-1).astype(np.int32), at


def _forest_of(trees: Trees, column: NDArray[np.int32], at: NDArray[np.uint16]) -> Forest:
    root, depth = [], []
    nodes: list[tuple[int, int, int]] = []
    values: list[float] = []
    for tree in range(trees.count):
        first, leaves = int(trees.node_start[tree]), int(trees.leaf_start[tree])
        root.append(len(nodes))
        nodes.append((0, 0, 0))
        values.append(0.0)
        deepest = 0
        waiting = [(root[-1], 0 if trees.node_start[tree + 1] > first else -1, 0)]
        for place, node, level in waiting:
            if node < 0:
                # Whatever the code (at most `HIGHEST`), it goes "left": to itself.
                nodes[place] = (0, HIGHEST, place - 1)
                values[place] = float(trees.leaf_value[leaves - node - 1])
                deepest = max(deepest, level)
                continue
            split, below = first + node, len(nodes)
            nodes[place] = (int(column[split]), int(at[split]), below)
            nodes += [(0, 0, 0)] * 2
            values += [0.0] * 2
            waiting += [
                (below, int(trees.right[split]), level + 1),
                (below + 1, int(trees.left[split]), level + 1),
            ]
        depth.append(deepest)
    return Forest(
        np.array(root, dtype=np.int32),
        np.array(depth, dtype=np.int32),
        np.array(nodes, dtype=np.int32).reshape(-1, 3),
        np.array(values),
    )


@njit(cache=True, nogil=True)
def encode(
    values: NDArray[np.float32], coding: Coding, codes: NDArray[np.uint16], stretch: tuple[int, int]
) -> None:
    """Writes the codes of a stretch of the rows of values (rows × features) into codes (columns × rows)."""
    for begin in range(stretch[0], stretch[1], _BLOCK):
        rows = min(_BLOCK, stretch[1] - begin)
        _encode_block(values[begin : begin + rows], coding, codes[:, begin : begin + rows].T)


@njit(cache=True, nogil=True)
def _encode_block(values: NDArray[np.float32], coding: Coding, codes: NDArray[np.uint16]) -> None:
    """Writes the codes of some rows (rows × columns)."""
    for feature in range(values.shape[1]):
        low, high = coding.cut_start[feature], coding.cut_start[feature + 1]
        first, end = coding.column_start[feature], coding.column_start[feature + 1]
        if first == end:
            continue
        for row in range(len(values)):
            given = np.float64(values[row, feature])
            nan = np.isnan(given)
            # LightGBM reads what is this near to 0 as 0, and NaN as well where it knows no missing value.
            value = 0.0 if nan or abs(given) <= ZERO_BAND else given
            at, left = low, high - low
            while left > 0:
                half = left >> 1
                above = coding.cut[at + half] < value
                at = at + half + 1 if above else at
                left = left - half - 1 if above else half
            for column in range(first, end):
                missing = coding.missing[column]
                if (nan and missing != MISSING_NONE) or (missing == MISSING_ZERO and value == 0.0):
                    codes[row, column] = 0 if coding.to_left[column] else HIGHEST
                else:
                    codes[row, column] = at - low + 1


@njit(cache=True, nogil=True)
def _score(
    values: NDArray[np.float32],
    coding: Coding,
    forest: Forest,
    score: NDArray[np.float64],
    stretch: tuple[int, int],
) -> None:
    """Adds the raw scores of a stretch of the rows; a block of rows goes down a tree side by side."""
    codes = np.zeros((_BLOCK, max(len(coding.missing), 1)), dtype=np.uint16)
    at = np.empty(_BLOCK, dtype=np.int32)
    for begin in range(stretch[0], stretch[1], _BLOCK):
        rows = min(_BLOCK, stretch[1] - begin)
        _encode_block(values[begin : begin + rows], coding, codes)
        for tree in range(len(forest.root)):
            at[:rows] = forest.root[tree]
            for _ in range(forest.depth[tree]):
                for row in range(rows):
                    here = at[row]
                    left = codes[row, forest.node[here, 0]] <= forest.node[here, 1]
                    at[row] = forest.node[here, 2] + np.int32(left)
            for row in range(rows):
                score[begin + row] += forest.value[at[row]]
