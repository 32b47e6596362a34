"""Values as small integers: a value's code is its rank among the thresholds on its feature.

Splits then compare 16-bit integers, many rows to an instruction, and decide as LightGBM does on float64
values, missing ones included (`NumericalDecision` in its include/LightGBM/tree.h).
"""

import numpy as np
from numpy.typing import NDArray

from data.errors import DataFault
from explanations.leaf_kernels import NEVER, Cuts, Splits
from models.trees import MISSING_NONE, MISSING_ZERO, ZERO_BAND, Trees

# What LightGBM reads as 0 gets a code of its own: the values above the first and not above the second.
_ZERO_CUTS = (float(np.nextafter(-ZERO_BAND, -1.0)), ZERO_BAND)


def cuts_of(trees: Trees) -> Cuts:
    """The distinct thresholds on each feature, and the edges of its zero.

    Raises:
        DataFault: a feature has more distinct thresholds than 16 bits can number.
    """
    thresholds = _thresholds(trees)
    cuts = [
        np.unique([*thresholds[trees.feature == feature], *_ZERO_CUTS])
        for feature in range(len(trees.feature_names))
    ]
    for name, found in zip(trees.feature_names, cuts, strict=True):
        if len(found) + 1 >= NEVER:
            raise DataFault(
                f"the model splits {name} at more than {NEVER - 4} distinct thresholds; "
                "train with a smaller max_bin"
            )
    return Cuts(np.cumsum([0, *map(len, cuts)], dtype=np.int64), np.concatenate(cuts))


def splits_of(trees: Trees, cuts: Cuts) -> Splits:
    """The trees' splits as comparisons of codes."""
    thresholds = _thresholds(trees)
    at, zero, nan = (np.zeros(len(trees.feature), dtype=np.int64) for _ in range(3))
    for feature in range(len(trees.feature_names)):
        found = cuts.cut[cuts.start[feature] : cuts.start[feature + 1]]
        here = trees.feature == feature
        at[here] = np.searchsorted(found, thresholds[here])
        zero[here] = np.searchsorted(found, 0.0)
        nan[here] = len(found) + 1
    zero_left = zero <= at
    nan_left = np.where(trees.missing_type == MISSING_NONE, zero_left, trees.default_left)
    turns_zero = (trees.missing_type == MISSING_ZERO) & (trees.default_left != zero_left)
    return Splits(
        feature=trees.feature,
        at=at.astype(np.uint16),
        nan_flip=np.where(nan_left, nan, NEVER).astype(np.uint16),
        zero_flip=np.where(turns_zero, zero, NEVER).astype(np.uint16),
    )


def _thresholds(trees: Trees) -> NDArray[np.float64]:
    """The thresholds, those within the zero band moved to the edge of zero that decides likewise."""
    below, above = _ZERO_CUTS
    edge = np.where(trees.threshold < 0.0, below, above)
    return np.where(np.abs(trees.threshold) <= ZERO_BAND, edge, trees.threshold)
