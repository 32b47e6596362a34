"""The contrast's inner loops, compiled: count the background, tabulate, look up.

Every function works on a stretch of its input and holds no lock while it runs, so threads can share the work.
Counts are whole numbers and a row is summed in the order of the trees: how the work is cut does not show.
"""

from math import factorial
from typing import Final, NamedTuple

import numpy as np
from numba import njit
from numpy.typing import NDArray

MAX_PATH_FEATURES: Final = 12
"""Most distinct features on the path to a leaf: its table has two to this power rows."""
_BLOCK: Final = 256  # rows taken at a time: their keys and contributions stay in the first-level cache
_COUNTED: Final = 2_048  # rows counted at a time: adding up their counts costs little beside them
_WEIGHT: Final = np.array(
    [
        [
            factorial(a - 1) * factorial(b) / factorial(a + b) if a else 0.0
            for b in range(MAX_PATH_FEATURES + 1)
        ]
        for a in range(MAX_PATH_FEATURES + 1)
    ]
)
"""Shapley value of each of a players in a game worth 1 while all a are in and none of b others is."""

# The plan's parts stand here, not where they are made, since numba's cache watches a function's own file
# alone: code compiled for an older layout of a tuple would otherwise run on a new one.


class Splits(NamedTuple):
    """Every node's split on codes (see `models.codes`): left where the code in the column is at most `at`."""

    column: NDArray[np.int32]
    at: NDArray[np.uint16]


class Bundles(NamedTuple):
    """The bundles of all trees, flat: the xs of bundle b (of a tree, a leaf) are x_start[b] : x_start[b + 1].

    Attributes:
        tree_start: per tree, its bundles.
        key_start: per bundle, its keys, the keys of all bundles laid end to end.
        cell_start: per bundle, the cells of its table (keys × columns), laid out likewise.
        column_start: per bundle, its columns.
        column: the feature that a column gives contributions to.
        test_start: per bundle, its tests; a bit of the key is set when no test on it fails.
        test_node: the split that a test asks.
        test_left: the answer, whether the row goes left, on which the test holds.
        test_bit: the bit that it clears otherwise.
        leaf_start: per bundle, its leaves.
        leaf_value: a leaf's share of the raw score.
        pattern_start: per leaf, the bits of its pattern.
        pattern_set: the bits of the key that must all be set for a bit of the pattern to be,
        pattern_clear: and those that must all be clear.
        pattern_column: the column of the bundle that a bit of the pattern speaks of.
    """

    tree_start: NDArray[np.int64]
    key_start: NDArray[np.int64]
    cell_start: NDArray[np.int64]
    column_start: NDArray[np.int64]
    column: NDArray[np.int64]
    test_start: NDArray[np.int64]
    test_node: NDArray[np.int64]
    test_left: NDArray[np.bool_]
    test_bit: NDArray[np.int64]
    leaf_start: NDArray[np.int64]
    leaf_value: NDArray[np.float64]
    pattern_start: NDArray[np.int64]
    pattern_set: NDArray[np.int64]
    pattern_clear: NDArray[np.int64]
    pattern_column: NDArray[np.int64]


@njit(cache=True, nogil=True)
def count_keys(
    codes: NDArray[np.uint16],
    splits: Splits,
    bundles: Bundles,
    batch: tuple[int, int],
    counts: NDArray[np.int64],
    stretch: tuple[int, int],
) -> None:
    """Adds to counts (keys of the batch's bundles, end to end) how many rows of a stretch have each key."""
    keys = np.empty(_COUNTED, dtype=np.uint16)
    # Most rows have one key, and a count must be written before it can be read again: four take turns.
    turns = np.zeros((4, 1 << MAX_PATH_FEATURES), dtype=np.int64)
    base = bundles.key_start[batch[0]]
    for begin in range(stretch[0], stretch[1], _COUNTED):
        rows = min(_COUNTED, stretch[1] - begin)
        for bundle in range(batch[0], batch[1]):
            _write_keys(codes, splits, bundles, bundle, begin, rows, keys)
            start, end = bundles.key_start[bundle] - base, bundles.key_start[bundle + 1] - base
            even = rows - rows % 4
            for row in range(0, even, 4):
                turns[0, keys[row]] += 1
                turns[1, keys[row + 1]] += 1
                turns[2, keys[row + 2]] += 1
                turns[3, keys[row + 3]] += 1
            for row in range(even, rows):
                turns[0, keys[row]] += 1
            for key in range(end - start):
                counts[start + key] += turns[0, key] + turns[1, key] + turns[2, key] + turns[3, key]
            turns[:, : end - start] = 0


@njit(cache=True, nogil=True)
def add_contributions(
    codes: NDArray[np.uint16],
    splits: Splits,
    bundles: Bundles,
    batch: tuple[int, int],
    tables: NDArray[np.float64],
    contributions: NDArray[np.float64],
    stretch: tuple[int, int],
) -> None:
    """Adds to contributions (rows × features) what the batch's bundles give to a stretch of rows."""
    keys = np.empty(_BLOCK, dtype=np.uint16)
    base = bundles.cell_start[batch[0]]
    for begin in range(stretch[0], stretch[1], _BLOCK):
        rows = min(_BLOCK, stretch[1] - begin)
        for bundle in range(batch[0], batch[1]):
            _write_keys(codes, splits, bundles, bundle, begin, rows, keys)
            columns = bundles.column[bundles.column_start[bundle] : bundles.column_start[bundle + 1]]
            start = bundles.cell_start[bundle] - base
            for row in range(rows):
                cell = start + np.int64(keys[row]) * len(columns)
                for place in range(len(columns)):
                    contributions[begin + row, columns[place]] += tables[cell + place]


@njit(cache=True, nogil=True)
def _write_keys(
    codes: NDArray[np.uint16],
    splits: Splits,
    bundles: Bundles,
    bundle: int,
    begin: int,
    rows: int,
    keys: NDArray[np.uint16],
) -> None:
    """Writes the bundle's keys of the rows begin : begin + rows."""
    keys[:rows] = bundles.key_start[bundle + 1] - bundles.key_start[bundle] - 1
    for test in range(bundles.test_start[bundle], bundles.test_start[bundle + 1]):
        node = bundles.test_node[test]
        column = codes[splits.column[node], begin : begin + rows]
        at = splits.at[node]
        kept = np.uint16(65_535 - (1 << bundles.test_bit[test]))
        wanted = bundles.test_left[test]
        for row in range(rows):
            keys[row] &= np.uint16(65_535) if (column[row] <= at) == wanted else kept


@njit(cache=True, nogil=True)
def tabulate(
    bundles: Bundles,
    first_bundle: int,
    counts: NDArray[np.int64],
    tables: NDArray[np.float64],
    stretch: tuple[int, int],
) -> None:
    """Writes the tables (keys × columns) of a stretch of bundles; counts, tables begin at `first_bundle`."""
    first_key, first_cell = bundles.key_start[first_bundle], bundles.cell_start[first_bundle]
    for bundle in range(stretch[0], stretch[1]):
        keys = bundles.key_start[bundle : bundle + 2] - first_key
        cells = bundles.cell_start[bundle : bundle + 2] - first_cell
        counted = counts[keys[0] : keys[1]]
        table = tables[cells[0] : cells[1]].reshape(len(counted), -1)
        table[:] = 0.0
        patterns = np.empty(len(counted), dtype=np.int64)
        for leaf in range(bundles.leaf_start[bundle], bundles.leaf_start[bundle + 1]):
            first, end = bundles.pattern_start[leaf], bundles.pattern_start[leaf + 1]
            columns = bundles.pattern_column[first:end]
            _write_patterns(bundles.pattern_set[first:end], bundles.pattern_clear[first:end], patterns)
            seen = np.zeros(1 << len(columns))
            for key in range(len(counted)):
                seen[patterns[key]] += counted[key]
            vectors = _leaf_vectors(seen, len(columns), bundles.leaf_value[leaf] / counted.sum())
            for key in range(len(counted)):
                for bit in range(len(columns)):
                    table[key, columns[bit]] += vectors[patterns[key], bit]


@njit(cache=True, nogil=True)
def count_patterns(
    bundles: Bundles,
    batch: tuple[int, int],
    counts: NDArray[np.int64],
    seen_start: NDArray[np.int64],
    seen: NDArray[np.int64],
) -> None:
    """Writes to seen how many rows have each pattern of each leaf of the batch's bundles; counts begin at the batch.

    The patterns of leaf l are seen_start[l] : seen_start[l + 1].
    """
    base = bundles.key_start[batch[0]]
    for bundle in range(batch[0], batch[1]):
        counted = counts[bundles.key_start[bundle] - base : bundles.key_start[bundle + 1] - base]
        patterns = np.empty(len(counted), dtype=np.int64)
        for leaf in range(bundles.leaf_start[bundle], bundles.leaf_start[bundle + 1]):
            first, end = bundles.pattern_start[leaf], bundles.pattern_start[leaf + 1]
            _write_patterns(bundles.pattern_set[first:end], bundles.pattern_clear[first:end], patterns)
            for key in range(len(counted)):
                seen[seen_start[leaf] + patterns[key]] += counted[key]


@njit(cache=True, nogil=True)
def _write_patterns(
    must_set: NDArray[np.int64], must_clear: NDArray[np.int64], patterns: NDArray[np.int64]
) -> None:
    """Writes the leaf's pattern of each key."""
    for key in range(len(patterns)):
        pattern = 0
        for bit in range(len(must_set)):
            if (key & (must_set[bit] | must_clear[bit])) == must_set[bit]:
                pattern |= 1 << bit
        patterns[key] = pattern


@njit(cache=True, nogil=True)
def _leaf_vectors(seen: NDArray[np.float64], bits: int, value: float) -> NDArray[np.float64]:
    """The leaf's Shapley vectors (patterns × bits), summed over the background, for every pattern of a row.

    A background row of pattern q matters to a row of pattern p where p | q has all bits. Then the a bits set
    in p alone share the leaf's value, the b bits set in q alone lose theirs. With z the clear bits of p, q
    holds z, b = |z|, and a = bits - |q|: so sums over the q that hold z, by their |q|, are all that is needed
    (`holding`, from a superset
    sum: bits² 2^bits steps, not the 3^bits of all pairs).

    Args:
        seen: how many background rows have each pattern.
        bits: the bits of a pattern, at most `MAX_PATH_FEATURES`.
        value: the leaf's value over the number of background rows.
    """
    size = 1 << bits
    ones = np.zeros(size, dtype=np.int64)
    holding = np.zeros((size, bits + 1))
    for pattern in range(size):
        ones[pattern] = ones[pattern >> 1] + (pattern & 1)
        holding[pattern, bits - ones[pattern]] = seen[pattern]
    for bit in range(bits):
        for pattern in range(size):
            if not pattern >> bit & 1:
                for a in range(bits + 1):
                    holding[pattern, a] += holding[pattern | 1 << bit, a]
    vectors = np.empty((size, bits))
    gain, spare, loss = np.zeros(size), np.zeros(size), np.zeros(size)
    for z in range(size):
        for a in range(bits + 1 - ones[z]):
            gain[z] += _WEIGHT[a, ones[z]] * holding[z, a]
            loss[z] += _WEIGHT[ones[z], a] * holding[z, a]
            if ones[z] > 0:
                spare[z] += _WEIGHT[a, ones[z] - 1] * holding[z, a]
    for z in range(size):
        for bit in range(bits):
            held = z >> bit & 1
            vectors[size - 1 - z, bit] = -value * loss[z] if held else value * (gain[z] - spare[z | 1 << bit])
    return vectors
