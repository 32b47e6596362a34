"""A LightGBM booster as flat arrays: every tree's splits and leaves, read once and without loss.

The model text is the source: it prints thresholds and leaf values with 17 significant digits (a float64 comes
back to the bit) and lies flat already, where `dump_model` nests.
"""

from dataclasses import dataclass
from typing import Final

import lightgbm as lgb
import numpy as np
from numpy.typing import NDArray

from data.errors import DataFault

MISSING_NONE: Final = 0
"""Missing type of a split whose feature had no missing value in training: NaN is read as 0."""
MISSING_ZERO: Final = 1
"""Missing type of a split where 0 (up to `ZERO_BAND`) and NaN go the default way."""
MISSING_NAN: Final = 2
"""Missing type of a split where NaN goes the default way."""
ZERO_BAND: Final = float(np.float32(1e-35))
"""LightGBM's kZeroThreshold: a value no further from 0 than this is 0 when scored."""

# The bits of `decision_type` in the model text (LightGBM, include/LightGBM/tree.h).
_CATEGORICAL_BIT = 1
_DEFAULT_LEFT_BIT = 2
_MISSING_TYPE_SHIFT = 2


@dataclass(frozen=True)
class Trees:
    """All trees of a booster, laid end to end.

    Attributes:
        feature_names: the booster's columns, in order.
        node_start: tree t owns the nodes node_start[t] : node_start[t + 1]; its root is the first.
        leaf_start: tree t owns the leaves leaf_start[t] : leaf_start[t + 1].
        feature: per node, the column it splits on.
        threshold: per node; a value not above it goes left.
        default_left: per node, whether a missing value goes left.
        missing_type: per node, what counts as missing (`MISSING_NONE`, `MISSING_ZERO`, `MISSING_NAN`).
        left: per node, its left child: c >= 0 is node c of the same tree, c < 0 its leaf -c - 1.
        right: per node, its right child, likewise.
        leaf_value: per leaf, what it adds to the raw score, a sum over the trees (of a random forest too).
    """

    feature_names: tuple[str, ...]
    node_start: NDArray[np.int64]
    leaf_start: NDArray[np.int64]
    feature: NDArray[np.int32]
    threshold: NDArray[np.float64]
    default_left: NDArray[np.bool_]
    missing_type: NDArray[np.int8]
    left: NDArray[np.int32]
    right: NDArray[np.int32]
    leaf_value: NDArray[np.float64]

    @property
    def count(self) -> int:
        """Number of trees."""
        return len(self.node_start) - 1


def trees_of(booster: lgb.Booster) -> Trees:
    """Reads the trees that `booster.predict` uses (up to the best iteration where one is known).

    Raises:
        DataFault: the booster scores several classes, splits on native categories or has linear leaves.
    """
    head, *blocks = _text_blocks(booster)
    names = tuple(booster.feature_name())
    if int(head["num_tree_per_iteration"]) != 1:
        raise DataFault(
            f"the model scores {head['num_tree_per_iteration']} classes, but only a model with one score "
            "a row can be read; train a binary or regression model"
        )
    for block in blocks:
        _refuse_foreign(block, names)
    decision = np.array(_joined(blocks, "decision_type"), dtype=np.int32)
    leaves = [int(block["num_leaves"]) for block in blocks]
    return Trees(
        feature_names=names,
        node_start=np.cumsum([0, *(n - 1 for n in leaves)], dtype=np.int64),
        leaf_start=np.cumsum([0, *leaves], dtype=np.int64),
        feature=np.array(_joined(blocks, "split_feature"), dtype=np.int32),
        threshold=np.array(_joined(blocks, "threshold"), dtype=np.float64),
        default_left=(decision & _DEFAULT_LEFT_BIT) != 0,
        missing_type=((decision >> _MISSING_TYPE_SHIFT) & 3).astype(np.int8),
        left=np.array(_joined(blocks, "left_child"), dtype=np.int32),
        right=np.array(_joined(blocks, "right_child"), dtype=np.int32),
        leaf_value=np.array(_joined(blocks, "leaf_value"), dtype=np.float64),
    )


def _text_blocks(booster: lgb.Booster) -> list[dict[str, str]]:
    """The model text's header and trees, each as a dictionary of its lines' keys and values."""
    body = booster.model_to_string().partition("\nend of trees")[0]
    return [
        {key: value for key, _, value in (line.partition("=") for line in block.splitlines())}
        for block in body.split("\nTree=")
    ]


def _refuse_foreign(block: dict[str, str], names: tuple[str, ...]) -> None:
    """Raises DataFault where a tree holds what has no threshold or no constant leaf."""
    if block.get("is_linear") == "1":
        raise DataFault(
            "the model has linear trees, whose leaves are not constant; train with linear_tree=false"
        )
    if block["num_cat"] != "0":
        decisions = block["decision_type"].split()
        features = block["split_feature"].split()
        found = {names[int(f)] for f, d in zip(features, decisions, strict=True) if int(d) & _CATEGORICAL_BIT}
        raise DataFault(
            f"the model splits {', '.join(sorted(found))} as a native category, which has no threshold; "
            "encode categories as ordered or one-hot columns and train again"
        )


def _joined(blocks: list[dict[str, str]], key: str) -> list[str]:
    """A key's values over all trees (a tree of a single leaf has no line for its splits)."""
    return [word for block in blocks for word in block.get(key, "").split()]
