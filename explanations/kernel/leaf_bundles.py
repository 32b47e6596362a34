"""Leaves bundled so that one look-up serves many: the plan that the contrast's kernels carry out.

A leaf's Shapley vector depends on a row only through its *pattern*: for each distinct feature on the way to
the leaf, does the row pass all of the way's splits on that feature? Neighbouring leaves share most of their
way, so the leaves of a small subtree are bundled under one *key*: a bit for each distinct feature on the way
to the subtree, and a bit for each split within it. The key tells the pattern of every leaf in the bundle; one
table, indexed by the key, holds the sum of their vectors.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from data.errors import DataFault
from explanations.kernel.leaf_kernels import MAX_PATH_FEATURES, Bundles
from models.trees import Trees

MAX_BUNDLE_BITS: Final = 9
"""Bits of a key up to which leaves are bundled; as measured (larger tables leave the cache)."""


@dataclass(frozen=True)
class _Tree:
    """One tree as plain lists; a node's children are nodes (>= 0) or, for leaf l, ~l."""

    feature: list[int]
    left: list[int]
    right: list[int]
    value: list[float]


@dataclass(frozen=True)
class _Leaf:
    """A leaf: for each feature of its path the bits of the bundle's key that must be set, and those clear."""

    value: float
    masks: dict[int, tuple[int, int]]


@dataclass(frozen=True)
class _Bundle:
    """One bundle: its key's width, its tests (node, went left, bit), its leaves, their features in order."""

    bits: int
    tests: list[tuple[int, bool, int]]
    leaves: list[_Leaf]
    columns: list[int]


_Path = tuple[tuple[int, bool], ...]  # the nodes on the way down, each with whether the way goes left there


def bundles_of(trees: Trees) -> Bundles:
    """Bundles the leaves of every tree; a tree of a single leaf has none, since it moves no row.

    Raises:
        DataFault: a leaf has more than `MAX_PATH_FEATURES` distinct features on its path.
    """
    per_tree = [_tree_bundles(trees, tree) for tree in range(trees.count)]
    for tree, found in enumerate(per_tree):
        _refuse_wide(tree, found, trees.feature_names)
    bundles = [bundle for found in per_tree for bundle in found]
    leaves = [leaf for bundle in bundles for leaf in bundle.leaves]
    nodes, went_left, bits = _transposed(test for bundle in bundles for test in bundle.tests)
    must_set, must_clear, columns = _transposed(
        (*masks, bundle.columns.index(feature))
        for bundle in bundles
        for leaf in bundle.leaves
        for feature, masks in leaf.masks.items()
    )
    return Bundles(
        tree_start=_starts(len(found) for found in per_tree),
        key_start=_starts(1 << bundle.bits for bundle in bundles),
        cell_start=_starts((1 << bundle.bits) * len(bundle.columns) for bundle in bundles),
        column_start=_starts(len(bundle.columns) for bundle in bundles),
        column=np.array([feature for bundle in bundles for feature in bundle.columns], dtype=np.int64),
        test_start=_starts(len(bundle.tests) for bundle in bundles),
        test_node=nodes,
        test_left=went_left != 0,
        test_bit=bits,
        leaf_start=_starts(len(bundle.leaves) for bundle in bundles),
        leaf_value=np.array([leaf.value for leaf in leaves], dtype=np.float64),
        pattern_start=_starts(len(leaf.masks) for leaf in leaves),
        pattern_set=must_set,
        pattern_clear=must_clear,
        pattern_column=columns,
    )


def _tree_bundles(trees: Trees, number: int) -> list[_Bundle]:
    """The tree's bundles: going down, a subtree is bundled as soon as its key is narrow enough."""
    first, end = trees.node_start[number : number + 2].tolist()
    nodes, leaves = slice(first, end), slice(*trees.leaf_start[number : number + 2])
    tree = _Tree(
        feature=trees.feature[nodes].tolist(),
        left=trees.left[nodes].tolist(),
        right=trees.right[nodes].tolist(),
        value=trees.leaf_value[leaves].tolist(),
    )
    found: list[_Bundle] = []
    waiting: list[tuple[int, _Path]] = [(0, ())] if end > first else []
    while waiting:
        place, path = waiting.pop()
        inner = _inner_nodes(tree, place)
        if not inner or len({tree.feature[node] for node, _ in path}) + len(inner) <= MAX_BUNDLE_BITS:
            found.append(_bundle(tree, first, path, place, inner))
        else:
            waiting += [
                (tree.right[place], (*path, (place, False))),
                (tree.left[place], (*path, (place, True))),
            ]
    return found


def _bundle(tree: _Tree, first: int, path: _Path, place: int, inner: list[int]) -> _Bundle:
    """The bundle of the subtree at a place, reached by a path; `first` is the tree's first node of all."""
    features = dict.fromkeys(tree.feature[node] for node, _ in path)
    path_bit = {feature: bit for bit, feature in enumerate(features)}
    inner_bit = {node: len(features) + i for i, node in enumerate(inner)}
    tests = [(first + node, left, path_bit[tree.feature[node]]) for node, left in path]
    tests += [(first + node, True, bit) for node, bit in inner_bit.items()]
    leaves: list[_Leaf] = []
    stack = [(place, {feature: (1 << bit, 0) for feature, bit in path_bit.items()})]
    while stack:
        here, masks = stack.pop()
        if here < 0:
            leaves.append(_Leaf(tree.value[~here], masks))
            continue
        feature, bit = tree.feature[here], 1 << inner_bit[here]
        must_set, must_clear = masks.get(feature, (0, 0))
        stack.append((tree.right[here], {**masks, feature: (must_set, must_clear | bit)}))
        stack.append((tree.left[here], {**masks, feature: (must_set | bit, must_clear)}))
    columns = sorted({feature for leaf in leaves for feature in leaf.masks})
    return _Bundle(len(features) + len(inner), tests, leaves, columns)


def _inner_nodes(tree: _Tree, place: int) -> list[int]:
    """The splits of the subtree at a place, from the top down (none where the place is a leaf)."""
    found: list[int] = []
    stack = [place]
    while stack:
        here = stack.pop()
        if here >= 0:
            found.append(here)
            stack += [tree.right[here], tree.left[here]]
    return found


def _refuse_wide(tree: int, bundles: list[_Bundle], names: tuple[str, ...]) -> None:
    """Raises DataFault where a leaf's path has too many distinct features."""
    for leaf in (leaf for bundle in bundles for leaf in bundle.leaves if len(leaf.masks) > MAX_PATH_FEATURES):
        path = ", ".join(names[feature] for feature in sorted(leaf.masks))
        raise DataFault(
            f"tree {tree} of the model has a leaf with {len(leaf.masks)} distinct features on its path "
            f"({path}), more than {MAX_PATH_FEATURES}; train with max_depth at most {MAX_PATH_FEATURES}"
        )


def _starts(sizes: Iterable[int]) -> NDArray[np.int64]:
    """Offsets of pieces of these sizes laid end to end."""
    return np.cumsum([0, *sizes], dtype=np.int64)


def _transposed(rows: Iterable[tuple[int, int, int]]) -> NDArray[np.int64]:
    """Triples of whole numbers as three columns (3 × rows)."""
    return np.array(list(rows), dtype=np.int64).reshape(-1, 3).T.copy()
