"""Values as small integers, and the raw score of a booster from them, exactly as LightGBM gives it.

The code of a value is one more than the number of the model's thresholds on its feature that lie below it. Where a
value is missing its code is 0 or `HIGHEST`, so that a comparison alone sends it the way that the split says; a feature
on which splits send it different ways has a column of codes for each. Decisions are those of LightGBM's
`NumericalDecision` (include/LightGBM/tree.h), the sum is in the order of the trees: the score is the same to the bit.

No row walks down a tree. Every split that sends a row to the right crosses out the leaves on its left, and of those
that are left the first is the row's (Lucchese and others, 'QuickScorer', SIGIR 2015, doi:10.1145/2766462.2767733).
Sixteen leaves fit a word, and a block of rows is crossed out side by side: a twentieth of what `predict` costs.
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
from models.trees import MISSING_NAN, MISSING_NONE, MISSING_ZERO, ZERO_BAND, Trees

HIGHEST: Final = 65_535
"""The code of a missing value that goes right."""
_BLOCK: Final = 64  # rows taken at a time: their codes stay in the first-level cache
_WORD: Final = 16  # leaves in a word
_ALL: Final = 65_535  # a word with none of them crossed out
# A word with one bit, times this, has a number of its own for each bit in its highest four bits (a de Bruijn sequence).
_BRUIJN: Final = 0x09AF
_FEW_CUTS: Final = 512  # thresholds that are compared one by one, as measured; of more, each row searches
_FEWEST_ROWS: Final = 2_048  # a thread's share of the rows; with fewer its start takes longer than it saves

# The parts stand in the file of the functions that take them, since numba's cache watches a function's own file
# alone: code compiled for an older layout of a tuple would otherwise run on a new one.


class Coding(NamedTuple):
    """How values become codes.

    The cuts of feature f are cut[cut_start[f] : cut_start[f + 1]], in order; its columns of codes are
    column_start[f] : column_start[f + 1].

    Attributes:
        cut_start: per feature, its first cut.
        cut: the distinct thresholds, each as the greatest float32 that isn't above it: a float32 is above both or
            neither.
        column_start: per feature, its first column.
        missing: per column, what counts as missing (see `models.trees`).
        to_left: per column, whether a missing value goes left.
    """

    cut_start: NDArray[np.int64]
    cut: NDArray[np.float32]
    column_start: NDArray[np.int64]
    missing: NDArray[np.int8]
    to_left: NDArray[np.bool_]


class Forest(NamedTuple):
    """All trees as words of up to `_WORD` leaves, from left to right, and the tests that cross them out.

    Attributes:
        word_start: per tree, its first word.
        test_start: per word, its first test.
        column: per test, a column of codes,
        at: the highest code that crosses out nothing,
        kept: and the leaves of the word that a higher one leaves.
        value: per word and leaf, what it adds to the raw score; the leaf's place is what `_BRUIJN` makes of its bit.
    """

    word_start: NDArray[np.int64]
    test_start: NDArray[np.int64]
    column: NDArray[np.int32]
    at: NDArray[np.uint16]
    kept: NDArray[np.uint16]
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
        cut=_rounded_down(np.concatenate([*cuts, np.empty(0)])),
        column_start=np.searchsorted(columns[:, 0], np.arange(features + 1)).astype(np.int64),
        missing=columns[:, 1].astype(np.int8),
        to_left=columns[:, 2] != 0,
    )
    return coding, column.reshape(-1).astype(np.int32), at


def _rounded_down(cuts: NDArray[np.float64]) -> NDArray[np.float32]:
    """The cuts as `Coding` keeps them: each the greatest float32 not above it."""
    with np.errstate(over="ignore"):
        nearest = cuts.astype(np.float32)
    return np.where(nearest > cuts, np.nextafter(nearest, np.float32(-np.inf)), nearest)


def _forest_of(trees: Trees, column: NDArray[np.int32], at: NDArray[np.uint16]) -> Forest:
    word_start, test_start = [0], [0]
    tests: list[tuple[int, int, int]] = []
    values: list[float] = []
    for tree in range(trees.count):
        nodes, leaves = (
            slice(*start[tree : tree + 2].tolist()) for start in (trees.node_start, trees.leaf_start)
        )
        order, crossed = _from_left_to_right(trees.left[nodes].tolist(), trees.right[nodes].tolist())
        value = trees.leaf_value[leaves].tolist()
        for first in range(0, len(order), _WORD):
            for split, (begin, end) in crossed:
                bits = (1 << max(end - first, 0)) - (1 << max(begin - first, 0)) & _ALL
                if bits:
                    tests.append((int(column[nodes][split]), int(at[nodes][split]), _ALL - bits))
            word = [0.0] * _WORD
            for bit, leaf in enumerate(order[first : first + _WORD]):
                word[(1 << bit) * _BRUIJN % (_ALL + 1) >> 12] = value[leaf]
            values += word
            test_start.append(len(tests))
        word_start.append(len(test_start) - 1)
    columns, ats, kept = np.array(tests, dtype=np.int64).reshape(-1, 3).T
    return Forest(
        np.array(word_start, dtype=np.int64),
        np.array(test_start, dtype=np.int64),
        columns.astype(np.int32),
        ats.astype(np.uint16),
        kept.astype(np.uint16),
        np.array(values),
    )


def _from_left_to_right(
    left: list[int], right: list[int]
) -> tuple[list[int], list[tuple[int, tuple[int, int]]]]:
    """A tree's leaves from left to right, and each split with the stretch of them on its left."""
    below = [0] if left else []
    for node in below:  # grows meanwhile: whatever is above stands before
        below += [child for child in (left[node], right[node]) if child >= 0]
    leaves: dict[int, int] = {}
    for node in reversed(below):
        leaves[node] = sum(leaves[child] if child >= 0 else 1 for child in (left[node], right[node]))
    order, begin = [0] * (len(left) + 1), {0: 0}
    crossed = []
    for node in below:
        first = begin[node]
        middle = first + (leaves[left[node]] if left[node] >= 0 else 1)
        crossed.append((node, (first, middle)))
        for child, place in ((left[node], first), (right[node], middle)):
            if child >= 0:
                begin[child] = place
            else:
                order[place] = -child - 1
    return order, crossed


@njit(cache=True, nogil=True)
def encode(
    values: NDArray[np.float32], coding: Coding, codes: NDArray[np.uint16], stretch: tuple[int, int]
) -> None:
    """Writes the codes of a stretch of the rows of values (rows × features) into codes (columns × rows)."""
    for begin in range(stretch[0], stretch[1], _BLOCK):
        rows = min(_BLOCK, stretch[1] - begin)
        encode_block(values[begin : begin + rows], coding, codes[:, begin : begin + rows])


@njit(cache=True, nogil=True)
def encode_block(values: NDArray[np.float32], coding: Coding, codes: NDArray[np.uint16]) -> None:
    """Writes the codes of some rows, at most `_BLOCK`, into codes (columns × rows)."""
    rows = len(values)
    value, below = np.zeros(_BLOCK, dtype=np.float32), np.empty(_BLOCK, dtype=np.int32)
    for feature in range(values.shape[1]):
        first, end = coding.column_start[feature], coding.column_start[feature + 1]
        if first == end:
            continue
        any_nan = False
        for row in range(rows):
            given = values[row, feature]
            any_nan |= np.isnan(given)
            # LightGBM reads what is this near to 0 as 0, and NaN as well where it knows no missing value.
            value[row] = given if abs(given) > np.float32(ZERO_BAND) else np.float32(0.0)
        # Of few cuts all are compared with a block of rows side by side: a search waits for each of its steps.
        cut = coding.cut[coding.cut_start[feature] : coding.cut_start[feature + 1]]
        if len(cut) <= _FEW_CUTS:
            below[:] = 0
            for place in range(len(cut)):
                for row in range(_BLOCK):
                    below[row] += cut[place] < value[row]
        else:
            for row in range(rows):
                below[row] = np.searchsorted(cut, value[row])
        for column in range(first, end):
            missing = coding.missing[column]
            instead = np.uint16(0 if coding.to_left[column] else HIGHEST)
            for row in range(rows):
                codes[column, row] = np.uint16(below[row] + 1)
            if missing == MISSING_ZERO:
                for row in range(rows):
                    codes[column, row] = instead if value[row] == 0.0 else codes[column, row]
            elif missing == MISSING_NAN and any_nan:
                for row in range(rows):
                    codes[column, row] = instead if np.isnan(values[row, feature]) else codes[column, row]


@njit(cache=True, nogil=True)
def _score(
    values: NDArray[np.float32],
    coding: Coding,
    forest: Forest,
    score: NDArray[np.float64],
    stretch: tuple[int, int],
) -> None:
    """Adds the raw scores of a stretch of the rows, a block at a time."""
    codes = np.zeros((max(len(coding.missing), 1), _BLOCK), dtype=np.uint16)
    kept, leaf = np.empty(_BLOCK, dtype=np.uint16), np.empty(_BLOCK, dtype=np.int32)
    for begin in range(stretch[0], stretch[1], _BLOCK):
        rows = min(_BLOCK, stretch[1] - begin)
        encode_block(values[begin : begin + rows], coding, codes[:, :rows])
        for tree in range(len(forest.word_start) - 1):
            # The first word with a leaf left decides, so it comes last.
            leaf[:] = 0
            for word in range(forest.word_start[tree + 1] - 1, forest.word_start[tree] - 1, -1):
                _cross_out(codes, forest, word, kept)
                for row in range(_BLOCK):
                    lowest = np.uint16(kept[row] & np.uint16(-kept[row]))
                    place = np.uint16(lowest * np.uint16(_BRUIJN)) >> np.uint16(12)
                    here = np.int32(word * _WORD) + np.int32(place)
                    leaf[row] = here if kept[row] != 0 else leaf[row]
            for row in range(rows):
                score[begin + row] += forest.value[leaf[row]]


@njit(cache=True, nogil=True)
def _cross_out(codes: NDArray[np.uint16], forest: Forest, word: int, kept: NDArray[np.uint16]) -> None:
    """Writes for each row of a block which leaves of a word no test crosses out."""
    kept[:] = _ALL
    for test in range(forest.test_start[word], forest.test_start[word + 1]):
        column, at, otherwise = codes[forest.column[test]], forest.at[test], forest.kept[test]
        for row in range(_BLOCK):
            kept[row] &= np.uint16(_ALL) if column[row] <= at else otherwise
