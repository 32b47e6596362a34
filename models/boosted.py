"""What both models are made of: a LightGBM booster with its features, its parameters and its origin."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import lightgbm as lgb
import numpy as np
from numba import njit
from numpy.typing import NDArray

from data.errors import DataFault
from models.codes import Scorer, scorer_of
from models.threads import LIGHTGBM
from models.trees import MISSING_NONE, Trees, trees_of

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Origin:
    """What a model was made from.

    Attributes:
        book_digest: Digest of the book that it was fitted on.
        catalogue_digest: Digest of the feature catalogue that named its columns.
    """

    book_digest: str
    catalogue_digest: str


@dataclass(frozen=True, eq=False)
class Boosted:
    """A booster and what it takes to use it.

    Attributes:
        booster: The trees, as `booster_of` made them from their text.
        features: Columns of the matrix that it scores, in order.
        parameters: The parameters of the fit, JSON-ready.
        origin: The book and the catalogue that it was made from.
    """

    booster: lgb.Booster
    features: tuple[str, ...]
    parameters: Mapping[str, Any]
    origin: Origin

    @property
    def text(self) -> str:
        """The trees as LightGBM text; the same for the same fit, whatever the machine."""
        return self.booster.model_to_string()

    @property
    def digest(self) -> str:
        """sha256 of the text, in hex."""
        return hashlib.sha256(self.text.encode()).hexdigest()

    def raw(self, values: NDArray[np.float32]) -> Floats:
        """Sum of the leaves by row of a matrix (rows × features).

        Raises:
            DataFault: The matrix has another number of columns.
        """
        if values.shape[1] != len(self.features):
            raise DataFault(
                f"The model takes {len(self.features)} features, but the matrix has {values.shape[1]}; "
                "score it with the model that was trained on this book."
            )
        if not len(values):
            return np.empty(0)
        return self._scorer.raw(values)

    def require(self, features: Sequence[str]) -> None:
        """Checks that a matrix with these columns, in this order, is one that the model scores.

        Raises:
            DataFault: A column is missing, unknown, or in another place.
        """
        if tuple(features) == self.features:
            return
        missing = [name for name in self.features if name not in features]
        foreign = [name for name in features if name not in self.features]
        said = [
            *([f"the book lacks {', '.join(missing[:3])}"] if missing else []),
            *([f"the model does not know {', '.join(foreign[:3])}"] if foreign else []),
        ]
        raise DataFault(
            f"The model does not fit this book's features: {' and '.join(said) or 'their order differs'}; "
            "train a model on this book."
        )

    def unreadable(self, values: NDArray[np.float32]) -> NDArray[np.bool_]:
        """Rows in which a value is missing that was never missing in training.

        LightGBM would take such a value for 0 without a word, which is no assessment.
        """
        return np.asarray(_lacks_any(values, self.never_missing))

    @cached_property
    def _trees(self) -> Trees:
        return trees_of(self.booster)

    @cached_property
    def _scorer(self) -> Scorer:
        return scorer_of(self._trees)

    @cached_property
    def never_missing(self) -> NDArray[np.int32]:
        """Places of the features that were never missing in training."""
        return np.unique(self._trees.feature[self._trees.missing_type == MISSING_NONE])


def booster_of(text: str) -> lgb.Booster:
    """The booster of a model text, without the fit's own settings.

    LightGBM's text ends with every setting of the fit, the number of threads among them; they have no part
    in a score and would make the text differ between machines. The model's parameters stand beside it.

    Raises:
        ValueError: LightGBM does not take it for a model.
    """
    trees = text.partition("\nparameters:")[0].rstrip("\n")
    if not trees.startswith("tree\n"):  # which LightGBM itself would look for without an end
        raise ValueError("the text is no model of LightGBM")
    try:
        with LIGHTGBM:
            return lgb.Booster(model_str=f"{trees}\n")
    except lgb.basic.LightGBMError as error:
        raise ValueError(f"LightGBM does not take it for a model: {error}") from error


@njit(cache=True, nogil=True)
def _lacks_any(values: NDArray[np.float32], columns: NDArray[np.int32]) -> NDArray[np.bool_]:
    """Rows in which one of these columns is NaN: without the copy that NumPy makes of all of them."""
    found = np.zeros(len(values), dtype=np.bool_)
    for row in range(len(values)):
        for column in columns:
            if np.isnan(values[row, column]):
                found[row] = True
                break
    return found
